//! Sleeping: when nothing is to be done, and in place of a switch.
//!
//! Both follow the protocol of `reactor/waker.rs`: announce, look once more, sleep. The bed is a futex while no file
//! descriptor is registered here, and the reactor's poll, with an eventfd to be rung, otherwise.

use std::cell::Cell;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use super::Hub;
use super::shared::Searchable;
use super::workers;
use crate::clock;
use crate::kill;
use crate::reactor::waker::Bed;
use crate::record::Record;
use crate::sys;
use crate::unpark::{Outcome, WaitReason};

/// How long a hub sleeps before it gives back the memory of its spare stacks, in ticks.
const IDLE: u64 = 100_000_000;

/// By how much sleeps end late, because of the kernel's slack and the processor's way out of idleness: a running mean, in
/// ticks.
#[derive(Debug)]
pub(super) struct Oversleep(Cell<u64>);

impl Oversleep {
    pub(super) const fn new() -> Self {
        Self(Cell::new(50_000))
    }

    fn mean(&self) -> u64 {
        self.0.get()
    }

    fn learn(&self, late: u64) {
        /// One that had to wait for the processor says little about the next.
        const MOST: u64 = 200_000;
        self.0.set((7 * self.0.get() + late.min(MOST)) / 8);
    }
}

impl Hub {
    /// Sleeps until something is to be done. Called by the loop with nothing runnable.
    pub(super) fn sleep(&self) {
        let next = { self.timers.borrow_mut().next_deadline() };
        if self.looks_longer(next) {
            self.mark_time();
            return;
        }
        if self.stacks.give_back_some() {
            if self.reactor.in_use() {
                self.reactor.look(self);
            }
            self.mark_time();
            return;
        }
        if self.run_queue.trim() {
            // What was unstarted had entries there.
            self.shared.unstarted().trim();
        }
        let begin = self.now.get();
        let bed = if self.reactor.in_use() { Bed::Poll } else { Bed::Futex };
        self.shared.set_searchable(Searchable::Yes);
        if self.shared.inbox().may_sleep(bed) {
            self.sleep_announced(bed);
        }
        self.shared.set_searchable(Searchable::No);
        self.answer_ring();
        // Time slept is no work: the next budget is not to be cut for it.
        self.mark_time();
        self.learn_from_sleep(begin, self.now.get());
    }

    fn sleep_announced(&self, bed: Bed) {
        let watch = self.is_worker().then(workers::announce_sleep);
        let begin = clock::ticks(clock::now());
        let mut deadline = self.sleep_deadline(begin);
        // A searcher looks again soon, and so does one that would not be rung for a green thread spawned just now.
        if self.is_worker() && (self.searcher.get() || workers::is_work_waiting(self.shared)) {
            let again = begin + workers::AGAIN;
            deadline = earlier(deadline, Some(again));
        }
        let trim = self.stacks.is_untrimmed().then(|| begin + IDLE);
        deadline = earlier(deadline, trim);
        self.lie_down(bed, deadline);
        if let Some(deadline) = deadline {
            let end = clock::ticks(clock::now());
            if (begin..=end).contains(&deadline) {
                self.oversleep.learn(end - deadline);
            }
            self.trim_after(trim, end);
        }
        drop(watch);
        self.shared.inbox().flag().rise();
    }

    /// Gives back the memory of kept stacks after a sleep that was to last until `trim`: once, and then the hub sleeps for good.
    fn trim_after(&self, trim: Option<u64>, end: u64) {
        if trim.is_some_and(|trim| end >= trim) {
            self.stacks.trim();
        }
    }

    /// Returns the moment to sleep to for the next timer: when it is due, or a little after, if others can share the wake-up
    /// then.
    ///
    /// An OS thread's own sleep has 50 µs of slack by default (`PR_SET_TIMERSLACK`), which is what green threads would
    /// have with std. Ours is an eighth of the time that is left, and 50 µs at most, where there are few timers. Where they are many,
    /// and come one by one, it is so much that nobody is late by more than `LATEST`, of which the sleep itself takes its part,
    /// but 50 µs at least. So a thousand sleepers of 1 to 50 ms are late by half of that in the median, whether the machine's
    /// own wake-ups take 20 µs or 140, for as few of them as that allows.
    fn sleep_deadline(&self, now: u64) -> Option<u64> {
        const LEAST: u64 = 50_000;
        const LATEST: u64 = 195_000;
        const MANY: usize = 32;
        let mut timers = self.timers.borrow_mut();
        let deadline = timers.next_deadline()?;
        let left = deadline.saturating_sub(now);
        let slack = if timers.len() >= MANY {
            LATEST.saturating_sub(self.oversleep.mean()).max(LEAST)
        } else {
            (left / 8).min(LEAST)
        };
        // What is never due is at the end of the scale.
        timers.last_by(deadline.saturating_add(slack))
    }

    /// The sleep itself, until rung or `deadline` (in ticks).
    fn lie_down(&self, bed: Bed, deadline: Option<u64>) {
        match bed {
            Bed::Poll => self.reactor.wait(self, deadline),
            Bed::Futex => {
                let timeout = deadline.map(remaining);
                if timeout == Some(Duration::ZERO) {
                    return;
                }
                let (word, asleep) = self.shared.inbox().flag().futex();
                sys::futex_wait(word, asleep, timeout);
            }
        }
    }

    /// Returns true if `record` must not switch away: nobody else is there, or it may not.
    #[inline]
    pub(super) fn waits_in_place(&self, record: &Record) -> bool {
        record.no_switch.get() > 0 || (record.is_root.get() && self.is_lonely())
    }

    /// Returns true if the root is the only green thread of this hub, and neither a timer nor anybody else can start another.
    pub(crate) fn is_lonely(&self) -> bool {
        self.live.get() == 0
            && self.delayed.get() == 0
            && self.run_queue.is_empty()
            && self.current().is_root.get()
            && !self.is_expecting()
    }

    /// Waits without a switch until the current green thread is woken, times out, or is to be interrupted. Returns none
    /// if it need not wait in place any longer, because a call of the hub's has spawned somebody to switch to.
    pub(super) fn wait_in_place(
        &self,
        record: &'static Record,
        deadline: Option<Instant>,
        reason: WaitReason,
    ) -> Option<Outcome> {
        if let Some(outcome) = self.refuse_wait(record, deadline, reason) {
            return Some(outcome);
        }
        let bed = if self.reactor.in_use() { Bed::Poll } else { Bed::Futex };
        let is_loop = std::ptr::eq(record, self.loop_record) && !self.calls.is_running();
        self.calls.set_loop_waits(is_loop);
        let outcome = self.wait_here(record, deadline, bed, |hub, deadline| {
            let begin = clock::ticks(clock::now());
            hub.lie_down(bed, deadline);
            hub.learn_from_sleep(begin, clock::ticks(clock::now()));
        });
        self.calls.set_loop_waits(false);
        outcome
    }

    /// Waits for one fd without a switch and without a poll of this hub's: `Unparked` means that the call which
    /// would have blocked is worth another try.
    pub(crate) fn wait_fd_in_place(
        &self,
        fd: RawFd,
        direction: sys::Direction,
        deadline: Option<Instant>,
    ) -> std::io::Result<Outcome> {
        self.check_fork();
        let record = self.current();
        let event = self.shared.event()?;
        let mut result = Ok(false);
        let outcome = self.wait_here(record, deadline, Bed::Poll, |_, deadline| {
            let timeout = deadline.map(remaining);
            result = sys::poll_fds(Some((fd, direction)), event.as_raw_fd(), timeout);
            event.drain();
            if matches!(result, Ok(true) | Err(_)) {
                record.notified.set(true);
            }
        });
        // With somebody to switch to, the next try waits by the reactor.
        result.map(|_| outcome.unwrap_or(Outcome::Unparked))
    }

    fn wait_here(
        &self,
        record: &'static Record,
        deadline: Option<Instant>,
        bed: Bed,
        mut lie_down: impl FnMut(&Self, Option<u64>),
    ) -> Option<Outcome> {
        let deadline = deadline.map(clock::ticks);
        loop {
            self.look_around();
            if record.notified.replace(false) {
                return Some(Outcome::Unparked);
            }
            if kill::is_deliverable(record) && !std::thread::panicking() {
                return Some(Outcome::Interrupted);
            }
            if deadline.is_some_and(|deadline| deadline <= clock::ticks(clock::now())) {
                return Some(Outcome::TimedOut);
            }
            if !self.waits_in_place(record) {
                return None;
            }
            let timer = self.timers.borrow_mut().next_deadline();
            let next = earlier(deadline, timer);
            if self.looks_longer(next) {
                continue;
            }
            let trim = self.stacks.is_untrimmed().then(|| clock::ticks(clock::now()) + IDLE);
            let until = if self.stacks.give_back_some() { Some(0) } else { earlier(next, trim) };
            if self.shared.inbox().may_sleep(bed) {
                lie_down(self, until);
                self.shared.inbox().flag().rise();
            }
            if trim.is_some() {
                self.trim_after(trim, clock::ticks(clock::now()));
            }
        }
    }
}

/// Returns the earlier of two moments that may never come.
fn earlier(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Returns the time from now to `deadline`.
fn remaining(deadline: u64) -> Duration {
    Duration::from_nanos(deadline.saturating_sub(clock::ticks(clock::now())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oversleep_follows_the_machine_and_forgives_a_single_delay() {
        let oversleep = Oversleep::new();
        (0..60).for_each(|_| oversleep.learn(20_000));
        assert!((20_000..20_100).contains(&oversleep.mean()), "{oversleep:?}");
        oversleep.learn(80_000_000);
        assert!(oversleep.mean() < 50_000, "{oversleep:?}");
        (0..60).for_each(|_| oversleep.learn(0));
        assert!(oversleep.mean() < 100, "{oversleep:?}");
    }
}
