//! `Job`: a task with its worker, about to be started.

use std::fmt;

use green_core::hub::HubHandle;

use super::kept::Kept;
use super::parts::Parts;
use super::{Pending, Task, flight};

/// A task with its worker, which starts once its completion is known. Made by [`Task::run`].
#[must_use = "a job starts when it is told how it completes"]
pub struct Job<S, R, E, W> {
    task: Task<S, R, E>,
    worker: W,
}

impl<S, R, E, W> Job<S, R, E, W> {
    pub(super) fn new(task: Task<S, R, E>, worker: W) -> Self {
        Self { task, worker }
    }
}

impl<S, R, E, W> Job<S, R, E, W>
where
    S: Send + 'static,
    R: Send + 'static,
    E: Send + 'static,
    W: FnMut(&mut Task<S, R, E>) -> Result<R, E> + Send + 'static,
{
    /// Starts the task; `completion` runs on this OS thread's hub, when the worker has returned.
    ///
    /// It need not be `Send`, since it never leaves this OS thread.
    ///
    /// # Panics
    ///
    /// See [`HubHandle::current`].
    pub fn on_complete<F>(self, completion: F) -> Pending
    where
        F: FnOnce(&mut Task<S, R, E>) + 'static,
    {
        let here = HubHandle::current();
        let kept = Kept::new(completion);
        self.on_complete_at(&here, move |task| {
            if let Some(completion) = kept.take() {
                completion(task);
            }
        })
    }

    /// Starts the task; `completion` runs on `hub`, when the worker has returned.
    ///
    /// If the OS thread of `hub` has ended by then, the task is dropped; see the
    /// [`Task`](Task#what-is-dropped-where).
    ///
    /// # Panics
    ///
    /// Panics if the settings in `GREEN_*` are not valid.
    pub fn on_complete_at<F>(self, hub: &HubHandle, completion: F) -> Pending
    where
        F: FnOnce(&mut Task<S, R, E>) + Send + 'static,
    {
        let Self { task, worker } = self;
        Pending::new(flight::start(hub, Parts { worker, completion, task }))
    }
}

impl<S: fmt::Debug, R, E: fmt::Debug, W> fmt::Debug for Job<S, R, E, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("task", &self.task).finish_non_exhaustive()
    }
}
