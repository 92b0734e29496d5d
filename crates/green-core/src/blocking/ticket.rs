//! A job of a pool, from its submission to its result.
//!
//! # The protocol
//!
//! A [`Ticket`] is shared by the caller, which waits, and the pool.
//!
//! | stage     | meaning                               | next                                                        |
//! |-----------|---------------------------------------|-------------------------------------------------------------|
//! | `Queued`  | the closure waits for a worker        | `Running` by a worker, or `Over` by a caller that gives up  |
//! | `Running` | a worker has the closure              | `Done` by that worker, or `Over` by a caller that gives up  |
//! | `Done`    | the result is there                   | `Over` by the caller, which takes it                        |
//! | `Over`    | nobody waits, or the result is taken  | –                                                           |
//!
//! Each step is taken under the ticket's own lock, so exactly one side gets the closure and exactly one the result. The
//! worker unparks the caller after `Done`; a caller that had given up gets a late unpark, which every park allows for.
//! What a step takes out is run or dropped after the lock was released.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;

use crate::primitive::Mutex;
use crate::unpark::Unparker;

/// What a worker does with a ticket, whatever its types.
pub(super) trait Job: Send + Sync {
    /// Runs the closure, if it is still wanted, and hands its result over.
    fn run(&self);
}

/// Runs a job and drops it.
pub(super) fn finish(job: Arc<dyn Job>) {
    let finished = catch_unwind(AssertUnwindSafe(move || {
        job.run();
        drop(job);
    }));
    if let Err(payload) = finished {
        // The destructor of a result that nobody wants has panicked, and the panic hook has said so. The worker goes on.
        // If the payload's destructor panics too, what that was raised with is leaked. (As `panic::drop_payload`, which loom
        // does not know.)
        catch_unwind(AssertUnwindSafe(|| drop(payload))).unwrap_or_else(mem::forget);
    }
}

/// A job, from its submission to its result.
pub(super) struct Ticket<F, T> {
    stage: Mutex<Stage<F, T>>,
    caller: Unparker,
}

enum Stage<F, T> {
    Queued(F),
    Running,
    Done(thread::Result<T>),
    Over,
}

impl<F, T> Ticket<F, T> {
    /// Makes a ticket for `f`; `caller` is unparked once the result is there.
    pub(super) fn new(f: F, caller: Unparker) -> Arc<Ticket<F, T>> {
        Arc::new(Ticket { stage: Mutex::new(Stage::Queued(f)), caller })
    }

    /// Calls `park` until the result is there, and returns it, or unwinds as `f` has. If `park` unwinds, the result is
    /// no longer wanted.
    pub(super) fn wait(&self, park: impl Fn()) -> T {
        let wanted = Wanted(self);
        loop {
            match wanted.0.take_result() {
                Some(Ok(value)) => return value,
                Some(Err(payload)) => resume_unwind(payload),
                None => park(),
            }
        }
    }

    /// Returns the result if it is there.
    fn take_result(&self) -> Option<thread::Result<T>> {
        let mut stage = self.stage.lock();
        match mem::replace(&mut *stage, Stage::Over) {
            Stage::Done(result) => Some(result),
            other => {
                *stage = other;
                None
            }
        }
    }
}

impl<F, T> Job for Ticket<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn run(&self) {
        let f = {
            let mut stage = self.stage.lock();
            match mem::replace(&mut *stage, Stage::Running) {
                Stage::Queued(f) => f,
                other => {
                    *stage = other;
                    return;
                }
            }
        };
        let result = catch_unwind(AssertUnwindSafe(f));
        let unwanted = {
            let mut stage = self.stage.lock();
            match *stage {
                Stage::Running => {
                    *stage = Stage::Done(result);
                    None
                }
                _ => Some(result),
            }
        };
        match unwanted {
            None => self.caller.unpark(),
            Some(result) => drop(result),
        }
    }
}

/// A job that nobody waits for.
pub(super) struct Errand<F>(Mutex<Option<F>>);

impl<F> Errand<F> {
    pub(super) fn new(f: F) -> Errand<F> {
        Errand(Mutex::new(Some(f)))
    }
}

impl<F> Job for Errand<F>
where
    F: FnOnce() + Send,
{
    fn run(&self) {
        // Taken out of the lock first, which must not be held while it runs.
        let f = self.0.lock().take();
        if let Some(f) = f {
            f();
        }
    }
}

/// Held while the caller waits: a ticket is over when its caller stops waiting, for whatever reason.
struct Wanted<'a, F, T>(&'a Ticket<F, T>);

impl<F, T> Drop for Wanted<'_, F, T> {
    fn drop(&mut self) {
        let stage = mem::replace(&mut *self.0.stage.lock(), Stage::Over);
        // Dropped only now that the lock is released: a closure and a result may have destructors that do anything.
        drop(stage);
    }
}
