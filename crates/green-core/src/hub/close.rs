//! The end of an OS thread that had a hub (I15).
//!
//! The root's thread-locals are destroyed first, while the hub still works. Then whatever else is on this hub can never
//! run again: unstarted green threads are dropped, started ones are leaked with their stacks, and everybody who waits
//! for either learns it. The wake-ups that the leaked ones had taken, or were queued for, go to the next in line. The hub itself, its
//! records, its poll and its eventfd go to a pool for the next OS thread; registrations that sockets still have here
//! are valid on it.

use super::{Hub, TimerEvent};
use crate::debug::watchdog;
use crate::record::{Record, State};
use crate::spawn::Abandoned;
use crate::spawn::unstarted::Unstarted;
use crate::wait_queue::Node;
use crate::{greenlet, local};

/// When a hub is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Before any thread-local of the OS thread is destroyed that a suspended frame may borrow.
    #[cfg_attr(miri, expect(dead_code, reason = "Miri does not announce the end of an OS thread"))]
    First,
    /// Among the destructors of thread-locals: others may have run.
    Late,
}

impl Hub {
    /// Closes the hub: the OS thread ends. Returns whether another OS thread may have the hub.
    pub(crate) fn close(&self, moment: Moment) -> bool {
        /// How many rounds of closures whose destructors leave more to drop are dropped; the rest is leaked.
        const ROUNDS: usize = 8;
        if self.is_worker() || self.shared.is_forked() {
            return false;
        }
        let root = self.current();
        if !root.is_root.get() {
            // The OS thread is torn down from a green thread's stack (`pthread_exit`, or exit in the middle): nothing
            // of it can be used again.
            return false;
        }
        root.exiting.set(true);
        self.late.set(moment == Moment::Late);
        greenlet::on_thread_exit(root);
        local::destroy(&root.locals);
        self.destroy_loop_locals(root);
        root.no_switch.set(1);
        // From here on nothing local can be spawned; see `spawn_local`.
        self.closing.set(true);
        self.drop_unstarted();
        self.close_posts();
        self.leak_started();
        self.end_waits();
        self.drop_timers();
        // Dropping closures may have sent more; the messages that stay are for generations that have ended, and for timers
        // whose keys are never used again.
        let mut rounds = 0;
        let is_clean =
            || self.run_queue.is_empty() && self.shared.inbox().is_empty() && self.unstartable.borrow().is_empty();
        while !is_clean() && rounds < ROUNDS {
            self.drain_inbox();
            self.drop_unstarted();
            rounds += 1;
        }
        self.drop_timers();
        drop(self.alternate_stack.take());
        self.set_live(0);
        root.is_root.set(false);
        self.retire(root);
        // The next OS thread gets a loop of its own: this one's frames may have kept this OS thread's addresses.
        self.loop_record.slot.forget();
        if let Some(stack) = self.loop_stack.take() {
            self.stacks.give(stack);
        }
        self.stacks.clear();
        self.set_current(self.loop_record);
        self.closing.set(false);
        self.late.set(false);
        self.run_queue.is_empty() && self.unstartable.borrow().is_empty()
    }

    /// Destroys what calls of the hub's have put into their green-thread locals.
    fn destroy_loop_locals(&self, root: &'static Record) {
        self.set_current(self.loop_record);
        greenlet::on_thread_exit(self.loop_record);
        local::destroy(&self.loop_record.locals);
        self.set_current(root);
    }

    /// Takes all timers out: drops the calls that nobody will make, and ends the green threads whose time will not come.
    fn drop_timers(&self) {
        // Their destructors may do anything, so no borrow is held. A panic in one is reported and ends there.
        self.calls.take_all().into_iter().for_each(greenlet::discard);
        // The timers themselves stay, so that a key from before is never mistaken for one from after.
        while let Some(event) = { self.timers.borrow_mut().pop_due(u64::MAX) } {
            match event {
                TimerEvent::Start(delayed) => delayed.task.give_up(Box::new(Abandoned)),
                event => greenlet::discard(event),
            }
        }
        self.delayed.set(0);
    }

    fn drop_unstarted(&self) {
        self.run_queue.clear().into_iter().for_each(abandon);
        self.shared.unstarted().take_rest().into_iter().for_each(abandon);
        for (task, error) in self.unstartable.take() {
            task.give_up(Box::new(error));
        }
    }

    fn leak_started(&self) {
        let mut leaked = Vec::new();
        self.records.for_each_live(|record| {
            let suspended = matches!(record.state.get(), State::Parked | State::Runnable);
            if suspended && !std::ptr::eq(record, self.loop_record) {
                leaked.push(record);
            }
        });
        for record in leaked {
            record.state.set(State::Leaked);
            if watchdog::is_on() {
                watchdog::note_end(record);
            }
            record.end_generation();
            record.node.for_each(Node::abandon);
            record.slot.forget();
            // A `Stack` that is dropped leaks its slot: it stays mapped for ever, for somebody may borrow from it (I8).
            record.stack.set(None);
            if let Some(task) = record.task.take() {
                task.leak();
            }
        }
        let duties = self.leaks.take();
        if !self.late.get() {
            duties.for_each(|duty| duty());
        }
    }
}

fn abandon(unstarted: Unstarted) {
    unstarted.task.give_up(Box::new(Abandoned));
}
