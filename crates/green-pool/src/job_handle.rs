//! `JobHandle`, the owned right to wait for a job of a pool and take its result.

use std::fmt;
use std::future::IntoFuture;
use std::time::Duration;

use green_core::kill;
use green_core::primitive::Mutex;
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_core::waitable::{Lasting, Waitable};
use green_thread::{JoinHandle, KillError, Result, Thread};

use crate::JobFuture;

/// Waits for a job of a [`GreenPool`](crate::GreenPool), takes its result, and can kill it.
///
/// It is to a pool's `spawn` what [`JoinHandle`] is to a plain one: dropping it detaches the job. Behind it is a green
/// thread, or the result of a job that has run already, in the job that spawned it.
///
/// # Examples
///
/// ```
/// use green_pool::GreenPool;
///
/// let pool = GreenPool::new(2);
/// let job = pool.spawn(|| 6 * 7);
/// assert_eq!(job.join().unwrap(), 42);
/// ```
pub struct JobHandle<T>(State<T>);

enum State<T> {
    Spawned(JoinHandle<T>),
    /// It has run in its spawner. In a lock so that the handle is `Sync` whatever the payload is.
    Done(Mutex<Result<T>>),
}

impl<T> JobHandle<T> {
    pub(crate) fn spawned(handle: JoinHandle<T>) -> JobHandle<T> {
        JobHandle(State::Spawned(handle))
    }

    pub(crate) fn done(result: Result<T>) -> JobHandle<T> {
        JobHandle(State::Done(Mutex::new(result)))
    }

    /// Waits until the job has ended, and leaves the result where it is. A kill point if it waits.
    pub(crate) fn wait(&self) {
        while let Some(queue) = self.queue()
            && !self.is_finished()
        {
            if let Outcome::Interrupted = queue.wait_until(None, WaitReason::Join, || !self.is_ready()) {
                kill::deliver();
            }
        }
    }

    /// Returns the green thread of the job; none if it has run in its spawner.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::GreenPool;
    ///
    /// let job = GreenPool::new(1).spawn(green_thread::park);
    /// job.thread().expect("nobody spawned it from inside the pool").unpark();
    /// assert!(job.join().is_ok());
    /// ```
    #[must_use]
    pub fn thread(&self) -> Option<&Thread> {
        match &self.0 {
            State::Spawned(handle) => Some(handle.thread()),
            State::Done(_) => None,
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
            State::Done(result) => result.into_inner(),
        }
    }

    /// Waits as [`join`](Self::join) does, but gives the handle back if `timeout` passes first.
    ///
    /// # Errors
    ///
    /// The handle itself, if the job has not ended in time.
    pub fn join_timeout(self, timeout: Duration) -> std::result::Result<Result<T>, JobHandle<T>> {
        match self.0 {
            State::Spawned(handle) => handle.join_timeout(timeout).map_err(JobHandle::spawned),
            State::Done(result) => Ok(result.into_inner()),
        }
    }

    /// Returns whether the job has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match &self.0 {
            State::Spawned(handle) => handle.is_finished(),
            State::Done(_) => true,
        }
    }

    /// Asks the job to end, as [`JoinHandle::kill`] does: one that has not started never will. Its slot is given back.
    ///
    /// # Errors
    ///
    /// If the program is built with `panic = "abort"`.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::GreenPool;
    ///
    /// let pool = GreenPool::new(1);
    /// let job = pool.spawn(|| loop { green_thread::park() });
    /// job.kill()?;
    /// assert!(job.join().unwrap_err().is::<green_thread::Killed>());
    /// assert_eq!(pool.free(), 1);
    /// # Ok::<(), green_thread::KillError>(())
    /// ```
    pub fn kill(&self) -> std::result::Result<(), KillError> {
        match &self.0 {
            State::Spawned(handle) => handle.kill(),
            State::Done(_) => Ok(()),
        }
    }

    /// Calls `f` when the job has ended, before those who join it go on; at once if it has ended already.
    pub fn on_exit(&self, f: impl FnOnce() + Send + 'static) {
        match &self.0 {
            State::Spawned(handle) => handle.on_exit(f),
            State::Done(_) => f(),
        }
    }
}

/// Ready once the job has ended, for a wait for the first of several things.
impl<T> Waitable for JobHandle<T> {
    fn is_ready(&self) -> bool {
        match &self.0 {
            State::Spawned(handle) => handle.is_ready(),
            State::Done(_) => true,
        }
    }

    fn queue(&self) -> Option<&WaitQueue> {
        match &self.0 {
            State::Spawned(handle) => handle.queue(),
            State::Done(_) => None,
        }
    }
}

impl<T> Lasting for JobHandle<T> {}

impl<T> IntoFuture for JobHandle<T> {
    type Output = Result<T>;
    type IntoFuture = JobFuture<T>;

    fn into_future(self) -> JobFuture<T> {
        match self.0 {
            State::Spawned(handle) => JobFuture::spawned(handle),
            State::Done(result) => JobFuture::done(result.into_inner()),
        }
    }
}

impl<T> fmt::Debug for JobHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle").field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}
