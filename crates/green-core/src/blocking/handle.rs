//! The right to the result of a job that runs whether anybody waits for it or not.
//!
//! # The protocol
//!
//! A [`Packet`] is shared by the handle and the pool. Its stage goes one way, each step under its lock:
//!
//! | stage     | meaning                            | next                              |
//! |-----------|------------------------------------|-----------------------------------|
//! | `Queued`  | the closure waits for a worker     | `Running` by that worker          |
//! | `Running` | the worker has the closure         | `Ended` by that worker            |
//! | `Ended`   | the result is there                | `Taken` by the handle             |
//! | `Taken`   | the handle has taken it            | –                                 |
//!
//! `done` is set after `Ended`, and the queue is told after that; who waits looks at `done` under the queue's lock, so
//! the end is never slept over. Nobody needs to say that the result is unwanted: it goes with the packet's last owner.
//! If the handle went first, as that of a caller that was killed does, that is the worker, and otherwise the handle.
//!
//! An async task leaves its waker before it looks at `done` for the last time, and the worker takes it after it has set
//! that, each under the waker's lock. Whoever comes second there sees what the other did.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

use super::ticket::Job;
use crate::kill;
use crate::primitive::{AtomicBool, Mutex, Ordering};
use crate::unpark::{Outcome, WaitReason};
use crate::wait_queue::WaitQueue;
use crate::waitable::{Lasting, Waitable};

/// A job, its result, and who waits for it.
pub(super) struct Packet<F, T> {
    stage: Mutex<Stage<F, T>>,
    end: End,
}

enum Stage<F, T> {
    Queued(F),
    Running,
    Ended(thread::Result<T>),
    Taken,
}

/// `done` is stored with `Release` after the stage, and loaded with `Acquire` before it.
struct End {
    done: AtomicBool,
    queue: WaitQueue,
    /// Of the task that awaits the handle, of which there is one.
    waker: Mutex<Option<Waker>>,
}

impl End {
    fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Replaces the waker and returns the old one: what wakers do is the user's code, and runs without the lock.
    fn replace_waker(&self, waker: Option<Waker>) -> Option<Waker> {
        mem::replace(&mut *self.waker.lock(), waker)
    }
}

impl<F, T> Packet<F, T> {
    pub(super) fn new(f: F) -> Packet<F, T> {
        let end = End { done: AtomicBool::new(false), queue: WaitQueue::new(), waker: Mutex::new(None) };
        Packet { stage: Mutex::new(Stage::Queued(f)), end }
    }
}

impl<F, T> Job for Packet<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn run(&self) {
        let stage = mem::replace(&mut *self.stage.lock(), Stage::Running);
        let Stage::Queued(f) = stage else { unreachable!("a job runs once") };
        let result = catch_unwind(AssertUnwindSafe(f));
        *self.stage.lock() = Stage::Ended(result);
        self.end.done.store(true, Ordering::Release);
        self.end.queue.notify_all();
        if let Some(waker) = self.end.replace_waker(None) {
            waker.wake();
        }
    }
}

/// What a handle asks of a packet, whatever its closure.
trait Join<T>: Send + Sync {
    fn end(&self) -> &End;

    /// Moves the result out, if it is there and was not taken.
    fn take(&self) -> Option<thread::Result<T>>;
}

impl<F, T> Join<T> for Packet<F, T>
where
    F: Send,
    T: Send,
{
    fn end(&self) -> &End {
        &self.end
    }

    fn take(&self) -> Option<thread::Result<T>> {
        let mut stage = self.stage.lock();
        match mem::replace(&mut *stage, Stage::Taken) {
            Stage::Ended(result) => Some(result),
            other => {
                *stage = other;
                None
            }
        }
    }
}

/// The right to the result of a job on an OS thread of a pool. Dropping it leaves the job to itself: it is done all the
/// same, and its result is dropped where it is done.
///
/// Any thread may wait, green or not, and from whatever hub; it is among what `select` can wait for, and can be awaited by
/// any executor.
pub struct JoinHandle<T> {
    packet: Arc<dyn Join<T>>,
}

impl<T> JoinHandle<T> {
    pub(super) fn new<F>(packet: Arc<Packet<F, T>>) -> JoinHandle<T>
    where
        F: Send + 'static,
        T: Send + 'static,
    {
        JoinHandle { packet }
    }

    /// Returns true once the job has ended.
    pub fn is_finished(&self) -> bool {
        self.packet.end().is_done()
    }

    /// Waits for the end of the job, and returns its result or the payload of its panic. A kill point.
    ///
    /// # Errors
    ///
    /// The payload of the job's panic.
    pub fn join(self) -> thread::Result<T> {
        while self.wait(None) != Outcome::Unparked {
            kill::deliver();
        }
        self.take()
    }

    /// Returns the result of a job that has ended.
    fn take(&self) -> thread::Result<T> {
        match self.packet.take() {
            Some(result) => result,
            None => unreachable!("a job that has ended has a result, which is taken once"),
        }
    }

    /// Waits as [`join`](Self::join) does, but gives the handle back when `timeout` has passed first.
    ///
    /// # Errors
    ///
    /// The handle, if the job has not ended.
    #[cfg(not(loom))]
    pub fn join_timeout(self, timeout: std::time::Duration) -> Result<thread::Result<T>, JoinHandle<T>> {
        match crate::clock::after(timeout) {
            Some(deadline) => self.join_until(deadline),
            None => Ok(self.join()),
        }
    }

    /// Waits as [`join`](Self::join) does, but gives the handle back when `deadline` passes first.
    ///
    /// # Errors
    ///
    /// The handle, if the job has not ended.
    pub fn join_until(self, deadline: Instant) -> Result<thread::Result<T>, JoinHandle<T>> {
        loop {
            match self.wait(Some(deadline)) {
                Outcome::Unparked => return Ok(self.join()),
                Outcome::TimedOut => return Err(self),
                Outcome::Interrupted => kill::deliver(),
            }
        }
    }

    fn wait(&self, deadline: Option<Instant>) -> Outcome {
        let end = self.packet.end();
        if self.is_finished() {
            return Outcome::Unparked;
        }
        end.queue.wait_until(deadline, WaitReason::Unblock, || !end.is_done())
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("is_finished", &self.is_finished()).finish_non_exhaustive()
    }
}

/// Ready once the job has ended.
impl<T> Waitable for JoinHandle<T> {
    fn is_ready(&self) -> bool {
        self.is_finished()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.packet.end().queue)
    }
}

impl<T> Lasting for JoinHandle<T> {}

/// The wait of async code for a job on an OS thread of a pool; it comes from awaiting a [`JoinHandle`].
///
/// It may be polled by any executor. Dropping it leaves the job to itself, as dropping the handle does.
///
/// # Examples
///
/// ```
/// use std::pin::pin;
/// use std::sync::Arc;
/// use std::task::{Context, Poll, Wake, Waker};
/// use std::thread::{self, Thread};
/// use std::time::Duration;
///
/// use green_core::blocking::Pool;
///
/// // An executor in a nutshell.
/// struct Unpark(Thread);
/// impl Wake for Unpark {
///     fn wake(self: Arc<Self>) {
///         self.0.unpark();
///     }
/// }
///
/// let pool = Arc::new(Pool::new("example", 1));
/// let job = Pool::spawn(&pool, || 6 * 7);
/// let mut answer = pin!(async { job.await.unwrap() });
/// let waker = Waker::from(Arc::new(Unpark(thread::current())));
/// loop {
///     match answer.as_mut().poll(&mut Context::from_waker(&waker)) {
///         Poll::Ready(answer) => break assert_eq!(answer, 42),
///         Poll::Pending => thread::park(),
///     }
/// }
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct JoinFuture<T> {
    /// Taken with the result.
    handle: Option<JoinHandle<T>>,
}

impl<T> Future for JoinFuture<T> {
    type Output = thread::Result<T>;

    /// # Panics
    ///
    /// If it is polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<thread::Result<T>> {
        let Some(handle) = &self.handle else { panic!("a join was polled after its end") };
        let end = handle.packet.end();
        if !end.is_done() {
            drop(end.replace_waker(Some(context.waker().clone())));
            if !end.is_done() {
                return Poll::Pending;
            }
        }
        let result = handle.take();
        drop(self.handle.take());
        Poll::Ready(result)
    }
}

impl<T> Drop for JoinFuture<T> {
    fn drop(&mut self) {
        // The job may go on for long, and the task is not to be kept for that.
        drop(self.handle.as_ref().map(|handle| handle.packet.end().replace_waker(None)));
    }
}

impl<T> fmt::Debug for JoinFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinFuture").finish_non_exhaustive()
    }
}

impl<T> IntoFuture for JoinHandle<T> {
    type Output = thread::Result<T>;
    type IntoFuture = JoinFuture<T>;

    fn into_future(self) -> JoinFuture<T> {
        JoinFuture { handle: Some(self) }
    }
}
