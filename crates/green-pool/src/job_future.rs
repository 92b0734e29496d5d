//! Handles of jobs as futures.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};

use green_thread::{JoinFuture, JoinHandle, LocalJoinFuture, LocalJoinHandle, Result};

/// The wait of async code for a job of a pool; it comes from awaiting a [`JobHandle`](crate::JobHandle).
///
/// It may be polled by any executor. Dropping it detaches the job, as dropping the handle does.
///
/// # Examples
///
/// ```
/// use green_pool::GreenPool;
///
/// let pool = GreenPool::new(4);
/// let answer = green_thread::block_on(async {
///     let (six, seven) = (pool.spawn(|| 6), pool.spawn(|| 7));
///     six.await.unwrap() * seven.await.unwrap()
/// });
/// assert_eq!(answer, 42);
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct JobFuture<T>(Awaited<JoinFuture<T>, T>);

/// The wait of async code for a job of its own OS thread; it comes from awaiting a [`LocalJobHandle`](crate::LocalJobHandle).
///
/// What polls it must not block this OS thread, on which the job lives; see [`LocalJoinFuture`].
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// use green_pool::GreenPool;
///
/// let pool = GreenPool::new(1);
/// let answer = green_thread::block_on(async { *pool.spawn_local(|| Rc::new(42)).await.unwrap() });
/// assert_eq!(answer, 42);
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct LocalJobFuture<T>(Awaited<LocalJoinFuture<T>, T>);

enum Awaited<F, T> {
    Spawned(F),
    /// It has run in its spawner; the result until it is taken.
    Done(Option<Result<T>>),
}

/// A result is never pinned.
impl<F: Unpin, T> Unpin for Awaited<F, T> {}

impl<F: Future<Output = Result<T>> + Unpin, T> Awaited<F, T> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<T>> {
        match self {
            Awaited::Spawned(join) => Pin::new(join).poll(context),
            Awaited::Done(result) => Poll::Ready(result.take().expect("a job was polled after its end")),
        }
    }
}

impl<T> Future for JobFuture<T> {
    type Output = Result<T>;

    /// # Panics
    ///
    /// If it is polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        self.0.poll(context)
    }
}

impl<T> Future for LocalJobFuture<T> {
    type Output = Result<T>;

    /// # Panics
    ///
    /// If it is polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        self.0.poll(context)
    }
}

impl<T> JobFuture<T> {
    pub(crate) fn spawned(handle: JoinHandle<T>) -> JobFuture<T> {
        JobFuture(Awaited::Spawned(handle.into_future()))
    }

    pub(crate) fn done(result: Result<T>) -> JobFuture<T> {
        JobFuture(Awaited::Done(Some(result)))
    }
}

impl<T> LocalJobFuture<T> {
    pub(crate) fn spawned(handle: LocalJoinHandle<T>) -> LocalJobFuture<T> {
        LocalJobFuture(Awaited::Spawned(handle.into_future()))
    }

    pub(crate) fn done(result: Result<T>) -> LocalJobFuture<T> {
        LocalJobFuture(Awaited::Done(Some(result)))
    }
}

impl<T> fmt::Debug for JobFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobFuture").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for LocalJobFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalJobFuture").finish_non_exhaustive()
    }
}
