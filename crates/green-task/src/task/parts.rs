//! What a task consists of while it is under way, and its two steps.

use std::panic::{AssertUnwindSafe, catch_unwind};

use green_core::panic::drop_payload;

use super::{Failure, Task, WorkerPanic};

/// A task with its worker and its completion. Dropped in this order.
pub(super) struct Parts<S, R, E, W, F> {
    pub(super) worker: W,
    pub(super) completion: F,
    pub(super) task: Task<S, R, E>,
}

/// The two steps of a task, whatever its types.
pub(super) trait Steps: Send + 'static {
    /// Calls the worker. Never unwinds.
    fn work(&mut self);
    /// Calls the completion, and drops everything in order.
    fn complete(self);
}

impl<S, R, E, W, F> Steps for Parts<S, R, E, W, F>
where
    S: Send + 'static,
    R: Send + 'static,
    E: Send + 'static,
    W: FnMut(&mut Task<S, R, E>) -> Result<R, E> + Send + 'static,
    F: FnOnce(&mut Task<S, R, E>) + Send + 'static,
{
    fn work(&mut self) {
        let (worker, task) = (&mut self.worker, &mut self.task);
        match catch_unwind(AssertUnwindSafe(|| worker(task))) {
            Ok(Ok(result)) => task.set_result(result),
            Ok(Err(error)) => task.set_error(error),
            Err(payload) => task.fail(Failure::Panicked(WorkerPanic::new(payload))),
        }
    }

    fn complete(self) {
        let Self { worker, completion, mut task } = self;
        // A destructor that panics has been reported; it must not keep the result from whoever waits for it.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(worker))) {
            drop_payload(payload);
        }
        completion(&mut task);
    }
}
