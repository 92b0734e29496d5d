//! What a green thread and its handle share: the closure first, the result later.
//!
//! | stage    | touched by                                          | left for                          |
//! |----------|-----------------------------------------------------|-----------------------------------|
//! | Waiting  | the runner                                          | Running, or Ended if abandoned    |
//! | Running  | the runner                                          | Ended                             |
//! | Ended    | the runner until `Identity::done` is stored, then the one joiner | Taken                |
//! | Taken    | nobody                                              | —                                 |
//!
//! `done` is stored with `Release` after the stage and loaded with `Acquire` before it, so the joiner sees the result.
//! There is at most one joiner at a time because `join` consumes the handle.

use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

use super::unstarted::Task;
use crate::identity::Identity;

enum Stage<F, T> {
    Waiting(F),
    Running,
    Ended(thread::Result<T>),
    Taken,
}

/// A closure to run at the end, in the finishing green thread or, if that has ended, in the caller.
pub(crate) type ExitFn = Box<dyn FnOnce()>;

/// What a handle asks of the packet.
pub(crate) trait Join<T> {
    fn identity(&self) -> &Arc<Identity>;

    /// Moves the result out.
    ///
    /// # Safety
    ///
    /// `identity().is_done()` has returned true, and the caller is the only handle (see the module's table).
    unsafe fn take(&self) -> thread::Result<T>;

    /// Keeps `f` for the end; gives it back if the end has come.
    fn on_exit(&self, f: ExitFn) -> Result<(), ExitFn>;
}

/// The shared state of one spawned green thread.
pub(crate) struct Packet<F, T> {
    identity: Arc<Identity>,
    stage: UnsafeCell<Stage<F, T>>,
    /// What runs at the end; `None` once it has run.
    exits: Mutex<Option<Vec<ExitFn>>>,
}

impl<F, T> Packet<F, T> {
    pub(crate) fn new(identity: Arc<Identity>, f: F) -> Self {
        Self { identity, stage: UnsafeCell::new(Stage::Waiting(f)), exits: Mutex::new(Some(Vec::new())) }
    }

    /// Replaces the stage and returns the old one.
    ///
    /// # Safety
    ///
    /// The caller is the one whom the module's table names for the present stage.
    unsafe fn replace(&self, stage: Stage<F, T>) -> Stage<F, T> {
        // SAFETY: the caller has the stage to itself.
        let cell = unsafe { &mut *self.stage.get() };
        std::mem::replace(cell, stage)
    }

    fn run_exits(&self) {
        while let Some(list) = self.take_exits() {
            for exit in list {
                // A panic was reported by the panic hook; it must not keep the others from running.
                let _ = catch_unwind(AssertUnwindSafe(exit));
            }
        }
    }

    /// Takes what has been added so far, or closes the list if that is nothing.
    fn take_exits(&self) -> Option<Vec<ExitFn>> {
        let mut exits = self.exits.lock();
        match exits.as_mut() {
            Some(list) if !list.is_empty() => Some(std::mem::take(list)),
            _ => {
                *exits = None;
                None
            }
        }
    }
}

/// Calls `f`. A backtrace ends at a frame of this name: what is below it is not the user's affair.
#[inline(never)]
fn __rust_begin_short_backtrace<F: FnOnce() -> T, T>(f: F) -> T {
    let result = f();
    // Keeps the call from becoming a jump, which would leave no frame.
    std::hint::black_box(());
    result
}

impl<F, T> Task for Packet<F, T>
where
    F: FnOnce() -> T,
{
    fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    fn run(&self) {
        // SAFETY: only the runner calls this, and nobody else touches the stage before `done`.
        let stage = unsafe { self.replace(Stage::Running) };
        let Stage::Waiting(f) = stage else { unreachable!("a task runs once") };
        let result = catch_unwind(AssertUnwindSafe(|| __rust_begin_short_backtrace(f)));
        // SAFETY: as above.
        let _running = unsafe { self.replace(Stage::Ended(result)) };
    }

    fn exit(&self) {
        self.run_exits();
    }

    fn complete(&self) {
        self.identity.set_done();
    }

    fn abandon(&self, payload: Box<dyn Any + Send>) {
        // SAFETY: only the runner calls this, instead of `run` or after the running stack was given up for ever.
        let stage = unsafe { self.replace(Stage::Ended(Err(payload))) };
        // The closure is dropped here, on the runner's OS thread; a panic of its destructor is its own affair.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(stage)));
    }
}

impl<F, T> Join<T> for Packet<F, T> {
    fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    unsafe fn take(&self) -> thread::Result<T> {
        // SAFETY: `done` makes the stage the joiner's, and the caller is the only one.
        let stage = unsafe { self.replace(Stage::Taken) };
        match stage {
            Stage::Ended(result) => result,
            _ => unreachable!("a green thread that is done has a result, which is taken once"),
        }
    }

    fn on_exit(&self, f: ExitFn) -> Result<(), ExitFn> {
        match self.exits.lock().as_mut() {
            Some(list) => {
                list.push(f);
                Ok(())
            }
            None => Err(f),
        }
    }
}
