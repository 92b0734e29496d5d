//! The start and the end of a green thread on its hub.

use std::sync::Arc;

use super::Hub;
use crate::debug::watchdog;
use crate::record::{Record, State};
use crate::run_queue::Runnable;
use crate::spawn::unstarted::Task;
use crate::stack::{Credit, Stack};
use crate::unpark::Unparker;
use crate::{greenlet, kill, local};

impl Hub {
    /// Gives an unstarted green thread a stack and a record; returns none if no stack can be had.
    ///
    /// The parts of the [`Unstarted`](crate::spawn::unstarted::Unstarted) come one by one, in registers.
    pub(super) fn start(
        &self,
        task: Arc<dyn Task>,
        credit: Credit,
        here: Option<&mut Option<Stack>>,
    ) -> Option<&'static Record> {
        let reused = here.and_then(|here| here.take_if(|stack| stack.size() == credit.size()));
        let fresh = reused.is_none();
        let stack = match reused {
            Some(stack) => {
                self.stacks.release(credit);
                stack
            }
            None => match self.stacks.take(credit) {
                Ok(stack) => stack,
                Err(error) => {
                    // Its closure is dropped by the loop: a destructor must not run on the stack that parks here.
                    self.unstartable.borrow_mut().push((task, error));
                    return None;
                }
            },
        };
        let record = self.records.take(self.shared);
        if fresh {
            self.prepare_green_thread(record, stack);
        } else {
            record.stack.set(Some(stack));
        }
        if !task.identity().start(Unparker::of(record)) {
            record.interrupts.set_killed();
        }
        if watchdog::is_on() {
            watchdog::note_start(task.identity());
        }
        record.set_task(task);
        Some(record)
    }

    /// Runs a green thread from its closure to its last destructor. Never unwinds.
    pub(super) fn run_body(&self, record: &'static Record, task: &dyn Task) {
        if record.interrupts.is_pending() {
            // Killed before its start: the closure never runs, and is dropped here, on a stack of its own.
            record.exiting.set(true);
            task.abandon(kill::payload_of(task));
        } else {
            task.run();
        }
        record.exiting.set(true);
        let is_bare = record.locals.is_empty() && !greenlet::has_any(record);
        if is_bare {
            self.shared.note_live(self.live.get() - 1);
            if task.end_quietly() {
                return;
            }
        }
        task.exit();
        greenlet::on_thread_exit(record);
        local::destroy(&record.locals);
        // From here on joiners may run, and may spawn the next; what is left is this hub's own affair. A result that
        // nobody waits for is dropped here, still as this green thread.
        self.shared.note_live(self.live.get() - 1);
        task.complete();
        // The drop of that result may have made new ones, which the record's next user must not find.
        greenlet::on_thread_exit(record);
        local::destroy(&record.locals);
    }

    /// Makes the root stand for a spawned green thread (`GREEN=off`) or for its OS thread.
    pub(crate) fn stand_for(&self, task: Arc<dyn Task>) {
        let root = self.current();
        if !task.identity().start(Unparker::of(root)) {
            root.interrupts.set_killed();
        }
        self.set_root_task(root, task);
    }

    /// Gives the root what it stands for, and lets others see who that is.
    pub(super) fn set_root_task(&self, root: &Record, task: Arc<dyn Task>) {
        self.pulse().note_root(task.identity());
        root.set_task(task);
    }

    /// Ends a root that stands for a spawned green thread (`GREEN=off`), whose body has run.
    pub(crate) fn finish_root(&self, task: &dyn Task) {
        let record = self.current();
        record.exiting.set(true);
        task.exit();
        greenlet::on_thread_exit(record);
        local::destroy(&record.locals);
        task.complete();
        greenlet::on_thread_exit(record);
        local::destroy(&record.locals);
        // It stays exiting: std's own thread-local destructors come next, and a kill must not unwind those.
    }

    /// Ends the green thread whose body has run: either takes the next in turn onto this stack and returns, or
    /// switches away for good.
    pub(super) fn finish(&self, record: &'static Record) {
        let mut stack = record.stack.take();
        self.retire(record);
        self.set_live(self.live.get() - 1);
        while self.run_queue.spend() {
            let Some(runnable) = self.run_queue.pop() else { break };
            let resumed = matches!(runnable, Runnable::Resume(_));
            let Some(next) = self.ready(runnable, Some(&mut stack)) else { continue };
            if stack.is_none() && !resumed {
                next.state.set(State::Running);
                self.set_current(next);
                return;
            }
            self.leave(stack, next);
        }
        self.leave(stack, self.loop_record);
    }

    /// Leaves a finishing stack for the last time.
    fn leave(&self, stack: Option<Stack>, next: &'static Record) -> ! {
        self.set_finished_stack(stack.expect("a green thread that finishes here stands on its stack"));
        self.switch_to(self.nowhere(), next);
        unreachable!("nobody resumes a finished green thread")
    }

    /// Empties a record for its next user; every unparker of the ended green thread becomes void.
    pub(super) fn retire(&self, record: &'static Record) {
        if watchdog::is_on() {
            watchdog::note_end(record);
        }
        record.end_generation();
        record.notified.set(false);
        record.exiting.set(false);
        record.shield.set(0);
        record.no_switch.set(0);
        record.interrupts.clear();
        record.task.set(None);
        record.greenlets.set(None);
        self.records.give(record);
    }
}
