//! `LocalJobHandle`, the handle of a job whose closure and result never leave this OS thread.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use green_core::wait_queue::WaitQueue;
use green_core::waitable::{Lasting, Waitable};
use green_thread::{KillError, LocalJoinHandle, Result, Thread};

use crate::LocalJobFuture;

/// Waits for a job that [`GreenPool::spawn_local`](crate::GreenPool::spawn_local) started, and takes its result.
///
/// It is a [`JobHandle`](crate::JobHandle) that is neither `Send` nor `Sync`, for the result may not be.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// use green_pool::GreenPool;
///
/// let job = GreenPool::new(1).spawn_local(|| Rc::new(3));
/// assert_eq!(*job.join().unwrap(), 3);
/// ```
///
/// ```compile_fail,E0277
/// let job = green_pool::GreenPool::new(1).spawn_local(|| 3);
/// green_thread::spawn(move || job.join());
/// ```
pub struct LocalJobHandle<T>(State<T>);

enum State<T> {
    Spawned(LocalJoinHandle<T>),
    /// It has run in its spawner.
    Done(Result<T>),
}

impl<T> LocalJobHandle<T> {
    pub(crate) fn spawned(handle: LocalJoinHandle<T>) -> LocalJobHandle<T> {
        LocalJobHandle(State::Spawned(handle))
    }

    pub(crate) fn done(result: Result<T>) -> LocalJobHandle<T> {
        LocalJobHandle(State::Done(result))
    }

    /// Returns the green thread of the job; none if it has run in its spawner.
    #[must_use]
    pub fn thread(&self) -> Option<&Thread> {
        match &self.0 {
            State::Spawned(handle) => Some(handle.thread()),
            State::Done(..) => None,
        }
    }

    /// Waits until the job has ended and returns its result. A kill point if it waits.
    ///
    /// Its slot has been given back by then.
    ///
    /// # Errors
    ///
    /// The payload with which the job unwound: that of its panic, or [`Killed`](green_thread::Killed).
    ///
    /// # Panics
    ///
    /// If a job joins itself, which would never end.
    pub fn join(self) -> Result<T> {
        match self.0 {
            State::Spawned(handle) => handle.join(),
            State::Done(result) => result,
        }
    }

    /// Waits as [`join`](Self::join) does, but gives the handle back if `timeout` passes first.
    ///
    /// # Errors
    ///
    /// The handle itself, if the job has not ended in time.
    pub fn join_timeout(self, timeout: Duration) -> std::result::Result<Result<T>, LocalJobHandle<T>> {
        match self.0 {
            State::Spawned(handle) => handle.join_timeout(timeout).map_err(LocalJobHandle::spawned),
            State::Done(result) => Ok(result),
        }
    }

    /// Returns whether the job has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            State::Spawned(handle) => handle.is_finished(),
            State::Done(..) => true,
        }
    }

    /// Asks the job to end, as [`LocalJoinHandle::kill`] does: one that has not started never will. Its slot is given back.
    ///
    /// # Errors
    ///
    /// If the program is built with `panic = "abort"`.
    pub fn kill(&self) -> std::result::Result<(), KillError> {
        match &self.0 {
            State::Spawned(handle) => handle.kill(),
            State::Done(..) => Ok(()),
        }
    }

    /// Calls `f` on this OS thread when the job has ended, before those who join it go on; at once if it has ended already.
    pub fn on_exit(&self, f: impl FnOnce() + 'static) {
        match &self.0 {
            State::Spawned(handle) => handle.on_exit(f),
            State::Done(..) => f(),
        }
    }
}

/// Ready once the job has ended, for a wait for the first of several things.
impl<T> Waitable for LocalJobHandle<T> {
    fn is_ready(&self) -> bool {
        match &self.0 {
            State::Spawned(handle) => handle.is_ready(),
            State::Done(..) => true,
        }
    }

    fn queue(&self) -> Option<&WaitQueue> {
        match &self.0 {
            State::Spawned(handle) => handle.queue(),
            State::Done(..) => None,
        }
    }
}

impl<T> Lasting for LocalJobHandle<T> {}

impl<T> IntoFuture for LocalJobHandle<T> {
    type Output = Result<T>;
    type IntoFuture = LocalJobFuture<T>;

    fn into_future(self) -> LocalJobFuture<T> {
        match self.0 {
            State::Spawned(handle) => LocalJobFuture::spawned(handle),
            State::Done(result) => LocalJobFuture::done(result),
        }
    }
}

impl<T> fmt::Debug for LocalJobHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalJobHandle").field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}
