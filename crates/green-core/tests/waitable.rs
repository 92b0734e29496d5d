//! Waiting for the first of several things.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use green_core::identity::park_current;
use green_core::park::yield_now;
use green_core::spawn::{Options, spawn};
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_core::waitable::{Timer, Waitable, wait_any};

/// Tokens that are given and taken.
#[derive(Default)]
struct Tokens {
    count: AtomicUsize,
    queue: WaitQueue,
}

impl Tokens {
    fn give(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.queue.notify_one();
    }

    fn try_take(&self) -> bool {
        self.count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1)).is_ok()
    }
}

impl Waitable for Tokens {
    fn is_ready(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }
}

fn select(things: &[&dyn Waitable], deadline: Option<Instant>) -> Result<usize, Outcome> {
    wait_any(things, deadline, WaitReason::Select)
}

fn until_somebody_waits(queue: &WaitQueue) {
    while queue.is_empty() {
        yield_now();
        std::thread::yield_now();
    }
}

#[test]
fn what_is_ready_is_returned_at_once_and_nothing_is_preferred() {
    let (one, two) = (Tokens::default(), Tokens::default());
    one.give();
    two.give();
    let mut times = [0; 2];
    for _ in 0..10 {
        times[select(&[&one, &two], None).unwrap()] += 1;
    }
    assert_eq!(times, [5, 5]);
}

#[test]
fn nothing_to_wait_for_times_out() {
    assert_eq!(select(&[], Some(Instant::now())), Err(Outcome::TimedOut));
    let never = Tokens::default();
    assert_eq!(select(&[&never], Some(Instant::now())), Err(Outcome::TimedOut));
    assert!(never.queue.is_empty());
}

#[test]
fn the_nearest_timer_is_first() {
    let never = Tokens::default();
    let (soon, late) = (Timer::after(Duration::from_millis(2)), Timer::after(Duration::MAX));
    assert_eq!(select(&[&late, &never, &soon], None), Ok(2));
    assert!(never.queue.is_empty());
}

#[test]
fn a_wake_up_from_elsewhere_names_its_index() {
    let things = Arc::new([Tokens::default(), Tokens::default(), Tokens::default()]);
    for index in 0..3 {
        let giver = Arc::clone(&things);
        let thread = std::thread::spawn(move || {
            until_somebody_waits(&giver[2].queue);
            giver[index].give();
        });
        assert_eq!(select(&[&things[0], &things[1], &things[2]], None), Ok(index));
        assert!(things[index].try_take());
        thread.join().unwrap();
        assert!(things.iter().all(|tokens| tokens.queue.is_empty()));
    }
}

/// The waiter frees its nodes while the notifier is still in its call, which Miri looks into.
#[test]
fn a_notifier_does_not_need_the_node_until_its_call_returns() {
    const ROUNDS: usize = 12;
    let tokens = Arc::new(Tokens::default());
    let giver = std::thread::spawn({
        let tokens = Arc::clone(&tokens);
        move || {
            for _ in 0..ROUNDS {
                while tokens.queue.is_empty() {
                    std::thread::yield_now();
                }
                tokens.give();
            }
        }
    });
    for _ in 0..ROUNDS {
        while !tokens.try_take() {
            select(&[&*tokens, &Timer::after(Duration::from_secs(3600))], None).unwrap();
        }
    }
    giver.join().unwrap();
}

#[test]
fn the_notification_of_what_is_not_chosen_goes_to_the_next_in_line() {
    /// Never ready: only notifications end a wait.
    #[derive(Default)]
    struct Line(WaitQueue);

    impl Waitable for Line {
        fn is_ready(&self) -> bool {
            false
        }

        fn queue(&self) -> Option<&WaitQueue> {
            Some(&self.0)
        }
    }

    let lines = Arc::new([Line::default(), Line::default()]);
    let selector = Arc::clone(&lines);
    let select = spawn(Options::default(), move || select(&[&selector[0], &selector[1]], None).unwrap()).unwrap();
    until_somebody_waits(&lines[0].0);
    until_somebody_waits(&lines[1].0);
    // These stand behind the select, one in each line.
    let (entered, woken) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let behind: Vec<_> = (0..2)
        .map(|index| {
            let (lines, entered, woken) = (Arc::clone(&lines), Arc::clone(&entered), Arc::clone(&woken));
            let wait = move || {
                let blocked = || entered.fetch_add(1, Ordering::SeqCst) < 2;
                assert_eq!(lines[index].0.wait_until(None, WaitReason::Other, blocked), Outcome::Unparked);
                woken.fetch_add(1, Ordering::SeqCst);
            };
            spawn(Options::default(), wait).unwrap()
        })
        .collect();
    while entered.load(Ordering::SeqCst) < 2 {
        yield_now();
    }
    assert!(lines[0].0.notify_one() && lines[1].0.notify_one());
    // Both notifications may have gone to the select, or one of them after it had left: one waiter gets one anyway.
    let chosen = select.join().unwrap();
    while woken.load(Ordering::SeqCst) < 1 {
        yield_now();
    }
    assert!(lines[1 - chosen].0.is_empty() && lines[chosen].0.notify_one());
    for waiter in behind {
        waiter.join().unwrap();
    }
}

#[test]
fn a_killed_select_leaves_all_queues() {
    let things = Arc::new([Tokens::default(), Tokens::default()]);
    let selector = Arc::clone(&things);
    let victim = spawn(Options::default(), move || {
        if select(&[&selector[0], &selector[1]], None) == Err(Outcome::Interrupted) {
            green_core::kill::deliver();
        }
    })
    .unwrap();
    until_somebody_waits(&things[1].queue);
    victim.kill().unwrap();
    assert!(victim.join().is_err());
    assert!(things.iter().all(|tokens| tokens.queue.is_empty()));
}

#[test]
fn a_panic_of_is_ready_leaves_all_queues() {
    struct Bad(AtomicUsize, WaitQueue);

    impl Waitable for Bad {
        fn is_ready(&self) -> bool {
            assert!(self.0.fetch_add(1, Ordering::SeqCst) == 0, "asked again");
            false
        }

        fn queue(&self) -> Option<&WaitQueue> {
            Some(&self.1)
        }
    }

    let good = Tokens::default();
    let bad = Bad(AtomicUsize::new(0), WaitQueue::new());
    for things in [[&good as &dyn Waitable, &bad], [&bad, &good]] {
        bad.0.store(0, Ordering::SeqCst);
        catch_unwind(AssertUnwindSafe(|| select(&things, None))).unwrap_err();
        assert!(good.queue.is_empty() && bad.1.is_empty());
    }
    good.give();
    assert_eq!(select(&[&good], None), Ok(0));
}

#[test]
fn the_first_of_many_green_threads_to_end() {
    let sleepers: Vec<_> = (0..100).map(|_| spawn(Options::default(), || park_current(None)).unwrap()).collect();
    let all: Vec<&dyn Waitable> = sleepers.iter().map(|joiner| joiner as &dyn Waitable).collect();
    for index in [99, 0, 50] {
        let parked = &sleepers[index];
        assert!(!parked.is_finished());
        parked.identity().unpark();
        let ended = select(&all, None).unwrap();
        assert!(sleepers[ended].is_finished());
    }
    for joiner in sleepers {
        joiner.identity().unpark();
        joiner.join().unwrap();
    }
}
