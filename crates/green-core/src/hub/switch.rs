//! The hub's side of the context switch: the only unsafe code of the hub.
//!
//! Everything leans on I2: slots, records and stacks of a hub are touched by its OS thread alone.

use std::io;

use super::Hub;
use crate::context::{self, Entry, Slot};
use crate::record::{Record, State};
use crate::stack::{Stack, StackSize};
use crate::{current, panic_count, sys};

/// The usable stack of a loop that does not run on the OS thread's own.
const LOOP_STACK: usize = 256 * 1024;

/// The loop of a hub that has the user's stack for a root.
pub(super) struct LoopStart;

impl Entry for LoopStart {
    fn run() -> ! {
        let hub = current::hub();
        hub.arrive();
        hub.run_loop()
    }
}

/// A green thread's stack: it runs one green thread after the other for as long as the next in turn fits it.
struct GreenThreadStart;

impl Entry for GreenThreadStart {
    fn run() -> ! {
        let hub = current::hub();
        hub.arrive();
        loop {
            let record = hub.current();
            // SAFETY: the record keeps its task until `finish` retires it.
            let task = unsafe { record.task_ref() };
            hub.run_body(record, task);
            hub.finish(record);
        }
    }
}

impl Hub {
    /// Gives a record a fresh stack, on which the first switch to it begins a green thread.
    pub(super) fn prepare_green_thread(&self, record: &'static Record, stack: Stack) {
        // SAFETY: the record keeps the stack until its green thread has finished (I8), and if it never does the
        // record is never freed.
        unsafe { context::prepare::<GreenThreadStart>(&record.slot, &stack) };
        record.stack.set(Some(stack));
    }

    /// Makes sure that there is a loop to switch to: before the first green thread beside the root.
    ///
    /// # Errors
    ///
    /// The OS error if there is no memory for its stack.
    pub(super) fn prepare_loop(&self) -> io::Result<()> {
        if self.is_worker() || self.loop_record.slot.is_filled() {
            return Ok(());
        }
        let credit = self.stacks.reserve(StackSize::new(LOOP_STACK)?)?;
        let stack = self.stacks.take(credit)?;
        // SAFETY: the stack is kept in `loop_stack` for as long as the loop's context exists (I8).
        unsafe { context::prepare::<LoopStart>(&self.loop_record.slot, &stack) };
        self.loop_stack.set(Some(stack));
        Ok(())
    }

    /// Switches from the running stack to another one of this OS thread, for stacks within one green thread.
    ///
    /// # Safety
    ///
    /// As for [`context::switch`].
    #[inline(always)]
    pub(crate) unsafe fn switch_stacks(&self, from: &Slot, to: &Slot) {
        if std::thread::panicking() {
            // SAFETY: the caller's promise.
            return unsafe { self.switch_stacks_unwinding(from, to) };
        }
        self.announce_end();
        // SAFETY: the caller's promise.
        unsafe { context::switch(from, to) };
        self.arrive();
    }

    /// Switches from a stack that unwinds, which takes its panic count along.
    ///
    /// # Safety
    ///
    /// As for [`context::switch`].
    #[cold]
    #[inline(never)]
    unsafe fn switch_stacks_unwinding(&self, from: &Slot, to: &Slot) {
        let tokens = panic_count::suspend();
        self.announce_end();
        // SAFETY: the caller's promise.
        unsafe { context::switch(from, to) };
        self.arrive();
        panic_count::restore(tokens);
    }

    /// Sees to it, before a stack is left, that the hub is closed before anything is destroyed that its frames may borrow.
    #[inline(always)]
    fn announce_end(&self) {
        if self.unannounced.get() {
            self.announce_end_again();
        }
    }

    #[cold]
    #[inline(never)]
    fn announce_end_again(&self) {
        sys::announce_end::<current::AtEnd>();
        self.unannounced.set(false);
    }

    /// The first thing to do on a stack that runs again or for the first time: gives back the stack of whoever
    /// finished and came here.
    #[inline(always)]
    pub(crate) fn arrive(&self) {
        if let Some(stack) = self.finished.take() {
            self.stacks.give(stack);
        }
    }

    /// Leaves the stack that is about to be left for the last time to whoever runs next.
    pub(crate) fn set_finished_stack(&self, stack: Stack) {
        debug_assert!(self.finished.take().is_none(), "one stack finishes at a time");
        self.finished.set(Some(stack));
    }

    /// Returns the slot, emptied, in which a stack is left that nobody resumes.
    pub(crate) fn nowhere(&self) -> &Slot {
        self.nowhere.forget();
        &self.nowhere
    }

    #[inline(always)]
    pub(super) fn switch_to(&self, from: &Slot, next: &'static Record) {
        next.state.set(State::Running);
        self.set_current(next);
        if std::ptr::eq(from, &raw const next.slot) {
            return;
        }
        self.announce_end();
        // SAFETY: both slots are of green threads, or the loop, of this hub (I2); no borrow is held by the callers.
        unsafe { context::switch(from, &next.slot) };
        self.arrive();
    }
}
