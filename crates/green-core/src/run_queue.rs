//! The FIFO of what a hub will run next, and the budget of hand-offs between two looks at the world.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::record::{Record, State};
use crate::spawn::unstarted::Unstarted;

/// Hand-offs between two passes of the hub, at most (I11).
pub(crate) const BUDGET: u32 = 64;

/// The budget after a sleep: what the next ones do is not known yet.
const FIRST: u32 = 8;

/// From how many entries on those in the queue are cold when their turn comes; fewer are in the caches anyway, but for those
/// that the world has just woken ([`RunQueue::warm`]).
const MANY: usize = 16;

/// So many may overtake the others at a time.
const FEW: usize = 8;

/// One entry of the run queue. The unstarted ones stand in queues of their own, in the same order: so entries are small, and
/// nothing is dropped on the way of a hand-off.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Runnable {
    /// A suspended green thread to resume.
    Resume(&'static Record),
    /// The oldest of this hub's stealable unstarted green threads, if no other hub has taken it meanwhile.
    StartShared,
    /// The same, for one that came from a spawner elsewhere, which counts how many are on their way.
    StartHanded,
    /// The oldest of the unstarted green threads that must stay on this hub.
    StartLocal,
}

/// What a green thread that yields finds.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Nobody else is there.
    Own,
    /// It is this one's turn, and the one that yields is in the queue.
    Of(&'static Record),
    /// Something else comes first; the one that yields is in the queue.
    Other,
}

/// A hub's run queue; FIFO, so that neighbours take turns, but for the few that [`hurry`](RunQueue::hurry).
#[derive(Debug)]
pub(crate) struct RunQueue {
    queue: RefCell<VecDeque<Runnable>>,
    local: RefCell<VecDeque<Unstarted>>,
    budget: Cell<u32>,
    refill: Cell<u32>,
    /// Hand-offs until others may overtake again.
    debt: Cell<u32>,
}

impl RunQueue {
    pub(crate) const fn new() -> Self {
        Self {
            queue: RefCell::new(VecDeque::new()),
            local: RefCell::new(VecDeque::new()),
            budget: Cell::new(BUDGET),
            refill: Cell::new(BUDGET),
            debt: Cell::new(0),
        }
    }

    #[inline(always)]
    pub(crate) fn push(&self, runnable: Runnable) {
        self.queue.borrow_mut().push_back(runnable);
    }

    /// Adds an unstarted green thread that must stay on this hub.
    pub(crate) fn push_local(&self, unstarted: Unstarted) {
        self.local.borrow_mut().push_back(unstarted);
        self.push(Runnable::StartLocal);
    }

    /// Takes what an entry [`Runnable::StartLocal`] stands for.
    pub(crate) fn pop_local(&self) -> Option<Unstarted> {
        self.local.borrow_mut().pop_front()
    }

    /// Puts the one that yields into the queue, if there are others, and takes the next if that one is to be resumed. One look at
    /// the queue instead of three.
    #[inline(always)]
    pub(crate) fn exchange(&self, yields: &'static Record) -> Turn {
        let mut queue = self.queue.borrow_mut();
        let turn = match queue.front() {
            None => return Turn::Own,
            Some(Runnable::Resume(record)) if record.state.get() == State::Runnable => Turn::Of(record),
            Some(_) => Turn::Other,
        };
        if matches!(turn, Turn::Of(_)) {
            queue.pop_front();
            prefetch(&queue);
        }
        queue.push_back(Runnable::Resume(yields));
        turn
    }

    /// Takes the next entry whatever the budget says: for the hub's own loop.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Runnable> {
        self.queue.borrow_mut().pop_front()
    }

    /// Takes the next entry if it is a green thread to be resumed.
    #[inline(always)]
    pub(crate) fn pop_resumable(&self) -> Option<&'static Record> {
        let mut queue = self.queue.borrow_mut();
        let Some(&Runnable::Resume(record)) = queue.front() else { return None };
        queue.pop_front();
        prefetch(&queue);
        (record.state.get() == State::Runnable).then_some(record)
    }

    /// Moves what was added since the queue was `before` long to its front, in the same order, if that is little.
    ///
    /// A second time only when as many others have had a turn: who overtakes has half of the turns at most.
    pub(crate) fn hurry(&self, before: usize) {
        let mut queue = self.queue.borrow_mut();
        let added = queue.len() - before;
        if before > 0 && (1..=FEW).contains(&added) && self.debt.get() == 0 {
            queue.rotate_right(added);
            self.debt.set(2 * added as u32);
        }
    }

    /// Takes back what [`spend`](Self::spend) took, when nothing came of it.
    #[inline(always)]
    pub(crate) fn refund(&self) {
        self.budget.set(self.budget.get() + 1);
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.borrow().len()
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.borrow().is_empty()
    }

    /// Asks for the stack of one that slept until now and runs soon.
    #[inline]
    pub(crate) fn warm(&self, record: &'static Record) {
        if self.len() <= MANY {
            record.slot.prefetch();
        }
    }

    /// Spends one hand-off; returns false when the hub's own turn has come.
    #[inline(always)]
    pub(crate) fn spend(&self) -> bool {
        let left = self.budget.get();
        if left == 0 {
            return false;
        }
        self.budget.set(left - 1);
        true
    }

    /// Spends what is left.
    pub(crate) fn spend_all(&self) {
        if self.debt.get() > 0 {
            // None of these was a turn of somebody.
            self.debt.set(self.debt.get() + self.budget.get());
        }
        self.budget.set(0);
    }

    /// Starts a new budget. `passed` is how long the last one took, in nanoseconds: green threads that compute for
    /// long between parks get a shorter one, so that timers and sockets wait for a bounded time and not for a
    /// bounded number of hand-offs.
    pub(crate) fn refill(&self, passed: u64) {
        /// What a full budget may take before it is halved.
        const LONG: u64 = 200_000;
        let spent = self.refill.get() - self.budget.get();
        self.debt.set(self.debt.get().saturating_sub(spent));
        let mut next = self.refill.get();
        if passed > LONG && spent > 0 {
            let each = (passed / u64::from(spent)).max(1);
            next = u32::try_from(LONG / each).unwrap_or(BUDGET).clamp(1, BUDGET);
        } else if next < BUDGET {
            next = (next * 2).min(BUDGET);
        }
        self.refill.set(next);
        self.budget.set(next);
    }

    /// Makes the next budget a small one, which grows again if the green threads turn out to be quick.
    pub(crate) fn rest(&self) {
        self.debt.set(0);
        self.refill.set(FIRST);
        self.budget.set(FIRST);
    }

    /// Gives back the memory of an empty queue that was a long one; returns true if it was.
    pub(crate) fn trim(&self) -> bool {
        /// Entries that are kept room for.
        const KEPT: usize = 4096;
        let mut queue = self.queue.borrow_mut();
        let is_waste = queue.is_empty() && queue.capacity() > KEPT;
        if is_waste {
            *queue = VecDeque::new();
            self.local.borrow_mut().shrink_to(KEPT);
        }
        is_waste
    }

    /// Empties the queue, for a hub that closes; returns the unstarted that were in it.
    pub(crate) fn clear(&self) -> VecDeque<Unstarted> {
        self.queue.take();
        self.local.take()
    }
}

/// Asks for the memory of those who run soon: with many green threads each of them is cold, its stack in the page tables
/// too. Records are asked for earlier, because they say where the stacks are.
///
/// Yielding in turns, with and without: 20,000 green threads 104 and 75 ns, 1,000 of them 11.4 and 9.9 ns.
#[inline(always)]
fn prefetch(queue: &VecDeque<Runnable>) {
    const RECORD: usize = 6;
    const STACK: usize = 2;
    if queue.len() < MANY {
        return;
    }
    if let Some(Runnable::Resume(record)) = queue.get(RECORD) {
        record.prefetch();
    }
    if let Some(Runnable::Resume(record)) = queue.get(STACK) {
        record.slot.prefetch();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adds what a timer or somebody else would, marked by its kind.
    fn add(queue: &RunQueue, kinds: &str) {
        for kind in kinds.chars() {
            queue.push(if kind == 'T' { Runnable::StartLocal } else { Runnable::StartShared });
        }
    }

    /// Adds what timers woke.
    fn wake(queue: &RunQueue, kinds: &str) {
        let before = queue.len();
        add(queue, kinds);
        queue.hurry(before);
    }

    fn take(queue: &RunQueue, count: usize) -> String {
        let turn = || {
            assert!(queue.spend());
            if matches!(queue.pop(), Some(Runnable::StartLocal)) { 'T' } else { 'o' }
        };
        std::iter::repeat_with(turn).take(count).collect()
    }

    #[test]
    fn a_few_that_time_wakes_go_first() {
        let queue = RunQueue::new();
        add(&queue, "oooo");
        wake(&queue, "TT");
        assert_eq!(take(&queue, 6), "TToooo");
    }

    #[test]
    fn many_that_time_wakes_stand_in_line() {
        let queue = RunQueue::new();
        add(&queue, "oo");
        wake(&queue, &"T".repeat(FEW + 1));
        assert_eq!(take(&queue, 3), "ooT");
    }

    #[test]
    fn who_overtakes_has_half_of_the_turns_at_most() {
        let queue = RunQueue::new();
        add(&queue, &"o".repeat(100));
        let mut turns = String::new();
        for _ in 0..50 {
            // One is due each time the hub looks, which it does after each turn or two.
            wake(&queue, "T");
            turns += &take(&queue, 1);
            queue.spend_all();
            queue.refill(0);
        }
        let overtakers = turns.matches('T').count();
        assert!((20..=25).contains(&overtakers), "{turns}");
        assert!(!turns.contains("TT"), "{turns}");
    }
}
