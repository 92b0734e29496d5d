use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// What the timers should do, at any cost: values by (deadline, order of insertion).
#[derive(Default)]
struct Model {
    pending: BTreeMap<(u64, u64), u32>,
    inserted: u64,
}

impl Model {
    fn insert(&mut self, deadline: u64, value: u32) -> (u64, u64) {
        self.inserted += 1;
        self.pending.insert((deadline, self.inserted), value);
        (deadline, self.inserted)
    }

    fn pop_due(&mut self, now: u64) -> Option<u32> {
        let first = self.pending.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    /// Cancels the timer of the n-th insertion (modulo their number), whether pending or not.
    Cancel(usize),
    CancelLast,
    PopDue(u64),
    NextDeadline,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        // Few different deadlines, so that ties are common.
        4 => (0_u64..16).prop_map(Step::Insert),
        1 => any::<u64>().prop_map(Step::Insert),
        4 => any::<usize>().prop_map(Step::Cancel),
        1 => Just(Step::CancelLast),
        2 => (0_u64..16).prop_map(Step::PopDue),
        1 => Just(Step::NextDeadline),
    ]
}

/// Checks that no child is before its parent, that `dead` is right, and that every slot is accounted for.
fn check_invariants(timers: &Timers<u32>) {
    for (index, entry) in timers.heap.iter().enumerate().skip(1) {
        assert!(timers.heap[(index - 1) / ARITY] <= *entry, "heap order is broken at {index}");
    }
    let dead = timers.heap.iter().filter(|&&entry| !timers.is_live(entry)).count();
    assert_eq!(timers.dead, dead);
    assert!(dead <= PURGE_FLOOR.max(timers.heap.len() / 2), "{dead} dead of {}", timers.heap.len());
    let mut free = 0;
    let mut next = timers.free;
    while next != NONE {
        free += 1;
        next = timers.slots[next as usize].next_free;
    }
    assert_eq!(free + timers.heap.len(), timers.slots.len());
}

fn check_against_model(mut timers: Timers<u32>, steps: Vec<Step>) {
    let mut model = Model::default();
    let mut keys = Vec::new();
    for (value, step) in (0_u32..).zip(steps) {
        match step {
            Step::Insert(deadline) => keys.push((timers.insert(deadline, value), model.insert(deadline, value))),
            Step::Cancel(n) if !keys.is_empty() => {
                let (key, model_key) = keys[n % keys.len()];
                assert_eq!(timers.cancel(key), model.pending.remove(&model_key));
            }
            Step::CancelLast if !keys.is_empty() => {
                let (key, model_key) = keys[keys.len() - 1];
                assert_eq!(timers.cancel(key), model.pending.remove(&model_key));
            }
            Step::Cancel(_) | Step::CancelLast => {}
            Step::PopDue(now) => assert_eq!(timers.pop_due(now), model.pop_due(now)),
            Step::NextDeadline => {
                assert_eq!(timers.next_deadline(), model.pending.keys().next().map(|key| key.0));
            }
        }
        assert_eq!(timers.len(), model.pending.len());
        check_invariants(&timers);
    }
    while let Some(expected) = model.pop_due(u64::MAX) {
        assert_eq!(timers.pop_due(u64::MAX), Some(expected));
    }
    assert_eq!(timers.pop_due(u64::MAX), None);
    assert_eq!(timers.len(), 0);
}

/// How many steps a case has; each looks at all that is there.
const MOST: usize = if cfg!(miri) { 60 } else { 600 };

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 4 } else { 128 },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn behaves_as_an_ordered_map(steps in prop::collection::vec(step(), 0..MOST)) {
        check_against_model(Timers::new(), steps);
    }

    #[test]
    fn behaves_as_an_ordered_map_when_the_counters_wrap(
        steps in prop::collection::vec(step(), 0..MOST / 3),
        inserts_before_wrap in 0_u32..50,
    ) {
        let mut timers = Timers::new();
        timers.sequence = u32::MAX - inserts_before_wrap;
        timers.generation = u32::MAX - inserts_before_wrap;
        check_against_model(timers, steps);
    }
}

#[test]
fn equal_deadlines_fire_in_order_of_insertion() {
    let mut timers = Timers::new();
    for value in 0..100 {
        timers.insert(7, value);
    }
    timers.insert(6, 1000);
    assert_eq!(timers.pop_due(7), Some(1000));
    for value in 0..100 {
        assert_eq!(timers.pop_due(7), Some(value));
    }
    assert_eq!(timers.pop_due(7), None);
}

#[test]
fn a_stale_key_does_not_touch_the_slot_s_next_user() {
    let mut timers = Timers::new();
    let first = timers.insert(1, 'a');
    assert_eq!(timers.pop_due(1), Some('a'));
    let second = timers.insert(2, 'b');
    assert_eq!(first.slot, second.slot);
    assert_eq!(timers.cancel(first), None);
    assert_eq!(timers.next_deadline(), Some(2));
    assert_eq!(timers.cancel(second), Some('b'));
    assert_eq!(timers.cancel(second), None);
    assert_eq!(timers.next_deadline(), None);
}

#[test]
fn a_deadline_of_now_is_due_and_later_ones_are_not() {
    let mut timers = Timers::new();
    timers.insert(10, ());
    assert_eq!(timers.pop_due(9), None);
    assert_eq!(timers.pop_due(10), Some(()));
}

#[test]
fn the_last_by_a_limit_is_found_and_the_dead_are_not_it() {
    let mut timers = Timers::new();
    assert_eq!(timers.last_by(u64::MAX), None);
    timers.insert(10, ());
    assert_eq!(timers.last_by(9), None);
    assert_eq!(timers.last_by(u64::MAX), Some(10));
    let second = timers.insert(20, ());
    timers.insert(30, ());
    assert_eq!(timers.last_by(19), Some(10));
    assert_eq!(timers.last_by(20), Some(20));
    timers.cancel(second);
    assert_eq!(timers.last_by(29), Some(10));
    assert_eq!(timers.last_by(30), Some(30));
}

#[test]
fn the_last_by_a_limit_is_a_limit_for_very_many() {
    let mut timers = Timers::new();
    for number in (0..40).rev() {
        timers.insert(number, ());
    }
    assert_eq!(timers.last_by(30), Some(30));
    assert_eq!(timers.last_by(1000), Some(39));
    for number in 40..400 {
        timers.insert(number, ());
    }
    assert_eq!(timers.last_by(1000), Some(1000));
}

#[test]
fn cancelled_timers_do_not_pile_up() {
    let count = if cfg!(miri) { 100 } else { 100_000 };
    let mut timers = Timers::new();
    timers.insert(u64::MAX, 0);
    // Each new timer is earlier than the ones before it, so that none is the heap's last leaf when it is cancelled.
    for deadline in (1..count).rev() {
        let key = timers.insert(deadline, 1);
        timers.insert(u64::MAX, 2);
        timers.pop_due(0);
        timers.cancel(key);
        let pending = timers.len();
        assert!(timers.heap.len() <= 2 * pending + PURGE_FLOOR + 1, "{timers:?}");
    }
}

#[test]
fn insertion_and_cancellation_in_turn_leave_nothing_behind() {
    let mut timers = Timers::new();
    timers.insert(5, 0);
    for deadline in 6..1000 {
        let key = timers.insert(deadline, 1);
        assert_eq!(timers.cancel(key), Some(1));
        assert_eq!((timers.heap.len(), timers.slots.len(), timers.dead), (1, 2, 0));
    }
}

#[test]
fn the_memory_of_a_burst_is_given_back() {
    let mut timers = Timers::new();
    let burst = KEPT_WHEN_EMPTY as u64 + 1;
    let keys: Vec<_> = (0..burst).map(|deadline| timers.insert(deadline, deadline)).collect();
    while timers.pop_due(u64::MAX).is_some() {}
    assert_eq!((timers.heap.capacity(), timers.slots.capacity()), (0, 0));
    let next = timers.insert(1, 42);
    assert!(keys.into_iter().all(|key| timers.cancel(key).is_none()));
    assert_eq!(timers.cancel(next), Some(42));
}

#[test]
fn values_are_dropped_with_the_timers() {
    let value = std::rc::Rc::new(());
    let mut timers = Timers::new();
    timers.insert(1, value.clone());
    let key = timers.insert(2, value.clone());
    timers.insert(3, value.clone());
    drop(timers.cancel(key));
    assert_eq!(std::rc::Rc::strong_count(&value), 3);
    drop(timers);
    assert_eq!(std::rc::Rc::strong_count(&value), 1);
}
