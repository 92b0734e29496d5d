//! Parking and yielding: how a green thread stops, and what it finds when it goes on.

use std::time::Instant;

use super::{Hub, TimerEvent};
use crate::record::{Record, State};
use crate::run_queue::{Runnable, Turn};
use crate::unpark::{Outcome, Unparker, WaitReason};
use crate::{kill, panic_count};

impl Hub {
    /// Suspends whoever runs until it is woken, `deadline` passes, or something is to be delivered.
    #[inline(always)]
    pub(crate) fn park_current(&self, deadline: Option<Instant>, reason: WaitReason) -> Outcome {
        let record = self.current();
        if record.notified.replace(false) {
            return Outcome::Unparked;
        }
        if kill::is_deliverable(record) && !std::thread::panicking() {
            return Outcome::Interrupted;
        }
        self.check_fork();
        if self.waits_in_place(record)
            && let Some(outcome) = self.wait_in_place(record, deadline, reason)
        {
            return outcome;
        }
        if let Some(deadline) = deadline {
            let key = self.add_timer(crate::clock::ticks(deadline), TimerEvent::Wake(Unparker::of(record)));
            record.timer.set(Some(key));
        }
        record.reason.set(reason);
        record.state.set(State::Parked);
        // Whoever runs next has not had its turn yet. A budget that went on counting would send one in so many requests
        // of a busy server to the end of the queue, between its read and its write.
        self.renew_budgets();
        self.suspend(record);
        if let Some(key) = record.timer.take() {
            self.cancel_timer(key);
        }
        record.outcome.get()
    }

    /// Lets the others run; returns when it is this one's turn again.
    #[inline(always)]
    pub(crate) fn yield_current(&self) {
        let record = self.current();
        if self.waits_in_place(record) {
            return self.yield_in_place();
        }
        // One that unwinds goes the long way.
        if !std::thread::panicking() && self.run_queue.spend() {
            match self.run_queue.exchange(record) {
                Turn::Own => return,
                Turn::Of(next) => {
                    record.state.set(State::Runnable);
                    return self.switch_to(&record.slot, next);
                }
                Turn::Other => self.run_queue.refund(),
            }
        } else {
            self.check_fork();
            self.run_queue.push(Runnable::Resume(record));
        }
        record.state.set(State::Runnable);
        self.suspend(record);
    }

    /// Gives other OS threads a chance from a place that must not switch.
    #[cold]
    fn yield_in_place(&self) {
        if self.calls.is_running() {
            // The hub is about to have its turn anyway.
            return;
        }
        self.check_fork();
        self.look_around();
        if self.reactor.in_use() {
            self.reactor.look(self);
        }
        std::thread::yield_now();
    }

    /// Hands off to the next in turn; returns when `record` is resumed.
    #[inline(always)]
    fn suspend(&self, record: &'static Record) {
        if std::thread::panicking() {
            return self.suspend_unwinding(record);
        }
        self.hand_off(&record.slot);
    }

    #[cold]
    #[inline(never)]
    fn suspend_unwinding(&self, record: &'static Record) {
        // Until it runs again the panic count is its neighbours'; kills find this instead (I7).
        record.shield.set(record.shield.get() + 1);
        let tokens = panic_count::suspend();
        self.hand_off(&record.slot);
        panic_count::restore(tokens);
        record.shield.set(record.shield.get() - 1);
    }
}
