//! Hand-offs and the hub's loop: who runs next, and the look at the world in between.

use std::io::Write as _;

use super::Hub;
use super::shared::Message;
use crate::clock;
use crate::context::Slot;
use crate::hub::TimerEvent;
use crate::record::{Record, State};
use crate::run_queue::Runnable;
use crate::spawn::unstarted::Unstarted;
use crate::stack::Stack;
use crate::unpark::Outcome;

/// How long runnable green threads may keep the reactor from being asked, in ticks (A3).
const POLL_QUANTUM: u64 = 20_000;
/// Messages and timers handled in one pass, so that neither starves the rest.
const BATCH: usize = 1024;
/// Timers taken out at a time.
const TOGETHER: usize = 8;

impl Hub {
    /// Runs the next in turn, or the loop, until somebody resumes `from`.
    ///
    /// Inlined all the way into what parks: the processor predicts where a `ret` goes by the calls before it, and
    /// after a switch is wrong about each of them, so every frame between here and the caller costs a misprediction.
    #[inline(always)]
    pub(super) fn hand_off(&self, from: &Slot) {
        if self.run_queue.spend() {
            if let Some(next) = self.run_queue.pop_resumable() {
                return self.switch_to(from, next);
            }
            self.run_queue.refund();
        }
        let next = self.next_or_loop();
        self.switch_to(from, next);
    }

    /// Finds whom to run next when it is not simply the first in the queue.
    #[cold]
    #[inline(never)]
    fn next_or_loop(&self) -> &'static Record {
        while self.run_queue.spend() {
            let Some(runnable) = self.run_queue.pop() else { break };
            if let Some(next) = self.ready(runnable, None) {
                return next;
            }
        }
        self.loop_record
    }

    /// Turns an entry of the run queue into a record that can be switched to. `here` is a finishing stack: an
    /// unstarted green thread of its size gets it.
    pub(super) fn ready(&self, runnable: Runnable, here: Option<&mut Option<Stack>>) -> Option<&'static Record> {
        match runnable {
            Runnable::Resume(record) => (record.state.get() == State::Runnable).then_some(record),
            start @ (Runnable::StartShared | Runnable::StartHanded) => {
                if matches!(start, Runnable::StartHanded) {
                    self.shared.note_begun();
                }
                self.start_shared(here)
            }
            Runnable::StartLocal => {
                let Unstarted { task, credit, .. } = self.run_queue.pop_local()?;
                self.start(task, credit, here)
            }
        }
    }

    /// Runs the hub until the process ends.
    pub(super) fn run_loop(&self) -> ! {
        loop {
            if self.shared.is_forked() {
                end_child();
            }
            self.pass();
            if let Some(runnable) = self.run_queue.pop() {
                self.end_search();
                if let Some(next) = self.ready(runnable, None) {
                    self.switch_to(&self.loop_record.slot, next);
                }
            } else if !self.steal() {
                self.sleep();
            }
        }
    }

    /// One look at the world: clock, inbox, due timers, and the reactor and spare stacks if it is time.
    fn pass(&self) {
        let now = clock::ticks(clock::now());
        self.run_queue.refill(now.saturating_sub(self.now.get()));
        self.note_time(now);
        self.drain_inbox();
        self.fire_timers(now);
        // With nobody runnable the sleep asks the kernel, and comes back at once if something is there.
        if !self.run_queue.is_empty() && now.saturating_sub(self.polled.get()) >= POLL_QUANTUM && self.reactor.in_use()
        {
            self.polled.set(now);
            self.reactor.look(self);
        }
        self.stacks.tend(now);
        while let Some((task, error)) = { self.unstartable.borrow_mut().pop() } {
            self.set_live(self.live.get() - 1);
            task.give_up(Box::new(error));
        }
    }

    /// Notes the time of a look at the world.
    fn note_time(&self, now: u64) {
        self.now.set(now);
        self.pulse().beat(now);
    }

    /// Notes the time from which the next budget counts.
    pub(super) fn mark_time(&self) {
        self.note_time(clock::ticks(clock::now()));
        self.run_queue.rest();
    }

    /// Handles what other OS threads sent.
    pub(super) fn drain_inbox(&self) {
        for _ in 0..BATCH {
            let Some(message) = self.shared.inbox().pop() else { return };
            match message {
                Message::Unpark(unparker) => self.unpark_local(unparker.record(), unparker.generation()),
                Message::Kill(unparker) => self.kill_local(unparker),
                Message::Start => self.run_queue.push(Runnable::StartHanded),
                Message::Delay(deadline, delayed) => self.delay(deadline, delayed),
                Message::Hasten(key) => self.hasten(key),
                Message::Forget(token) => self.reactor.forget(self, token),
                Message::Release(token) => self.reactor.release(self, token),
                Message::Posts => self.begin_post(),
            }
        }
    }

    /// Ends the parks, fires the alarms and makes the calls whose deadlines have passed.
    pub(super) fn fire_timers(&self, now: u64) {
        let before = self.run_queue.len();
        let mut due = [const { None }; TOGETHER];
        for _ in 0..BATCH / TOGETHER {
            let count = self.take_due(now, &mut due);
            due[..count].iter_mut().filter_map(Option::take).for_each(|event| self.fire(event));
            if count < TOGETHER {
                break;
            }
        }
        // Those who slept go first: a long line of others would make a late wake-up out of a punctual timer.
        self.run_queue.hurry(before);
        if self.calls.are_due() {
            self.make_calls();
        }
    }

    /// Takes timers out that are due; returns how many. The record of one who slept is cold: it is asked for here and read when
    /// the next few have been asked for, too.
    fn take_due(&self, now: u64, due: &mut [Option<TimerEvent>; TOGETHER]) -> usize {
        let mut timers = self.timers.borrow_mut();
        for (count, place) in due.iter_mut().enumerate() {
            let Some(event) = timers.pop_due(now) else { return count };
            if let TimerEvent::Wake(unparker) = &event {
                unparker.record().prefetch();
            }
            *place = Some(event);
        }
        TOGETHER
    }

    /// Does what a timer was set for.
    fn fire(&self, event: TimerEvent) {
        match event {
            TimerEvent::Wake(unparker) => {
                let Some(record) = unparker.live() else { return };
                // The park cancels its timer when it ends in another way, so this is the present one's.
                record.timer.set(None);
                if record.state.get() == State::Parked {
                    self.make_runnable(record, Outcome::TimedOut);
                    self.run_queue.warm(record);
                }
            }
            TimerEvent::Alarm(record, id) => {
                // No two alarms have one number: that of another green thread is not among this record's.
                if record.interrupts.fire(id) {
                    self.interrupt(record);
                }
            }
            TimerEvent::Start(delayed) => self.start_delayed(*delayed),
            TimerEvent::Call(due) => self.calls.push(*due),
        }
    }

    /// Looks at inbox, timers and spare stacks without resuming anybody.
    pub(super) fn look_around(&self) {
        self.drain_inbox();
        let due = self.timers.borrow_mut().next_deadline();
        if due.is_some() || self.calls.are_due() {
            self.fire_timers(clock::ticks(clock::now()));
        }
        if self.stacks.needs_tending() {
            self.stacks.tend(clock::ticks(clock::now()));
        }
    }
}

/// Ends the child of a fork in which the green thread that forked is over: the others are the parent's and do not run here.
#[cold]
fn end_child() -> ! {
    let _ = std::io::stderr().write_all(
        b"fatal runtime error: a green thread has forked and ended in the child, where no other can run, aborting\n",
    );
    std::process::abort();
}
