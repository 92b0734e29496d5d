//! The bridge to async code: `block_on` in a green thread, and join handles as futures.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use green_core::park::yield_now;
use green_core::spawn::Watch;

use crate::signal::Signal;
use crate::{JoinError, JoinHandle, KillOnDrop, LocalJoinHandle, Result, SharedJoinHandle, spawn};

/// Runs a future to its end on the calling green thread, which parks while the future waits.
///
/// Nothing else is needed: no runtime, no executor. The future may be woken from any thread, and may do in its `poll`
/// what any code may do on a green thread, such as to sleep, to lock, or to call `block_on`. Futures that need a
/// runtime of their own (those of tokio's sockets, say) must be in the context of one that runs on other OS threads.
///
/// A kill, or a timeout around it, that comes while the future waits drops the future, and so cancels it. A future that wakes
/// itself in its `poll` lets other green threads run before it is polled again.
///
/// # Panics
///
/// With what the future panics with.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let child = thread::spawn(|| 6);
/// let answer = thread::block_on(async { child.await.unwrap() * 7 });
/// assert_eq!(answer, 42);
/// ```
pub fn block_on<F: IntoFuture>(future: F) -> F::Output {
    let mut future = pin!(future.into_future());
    let signal = Arc::new(Signal::new());
    let waker = Waker::from(Arc::clone(&signal));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            // Somebody woke it while it was polled, perhaps itself: a turn for the others.
            Poll::Pending if signal.take() => yield_now(),
            Poll::Pending => signal.wait(),
        }
    }
}

/// Starts a green thread that runs `future` to its end.
///
/// [`kill`](JoinHandle::kill) cancels the future: it is dropped where it waits.
///
/// # Panics
///
/// As [`spawn`].
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let first = thread::spawn_future(async { 1 });
/// let second = thread::spawn_future(async { first.await.unwrap() + 1 });
/// assert_eq!(second.join().unwrap(), 2);
/// ```
pub fn spawn_future<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    spawn(|| block_on(future))
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

/// The wait of async code for a green thread; it comes from awaiting a [`JoinHandle`] or a [`KillOnDrop`].
///
/// It may be polled by any executor. Dropping it before the end does to the green thread what dropping the handle does: it
/// detaches it, or kills it.
///
/// # Examples
///
/// ```
/// use std::future::IntoFuture;
///
/// use green_thread as thread;
///
/// let child = thread::spawn(|| loop { thread::park() });
/// let remote = child.remote();
/// drop(child.kill_on_drop().into_future());
/// remote.wait();
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct JoinFuture<T> {
    /// Taken with the result.
    handle: Option<KillOnDrop<T>>,
    on_drop: OnDrop,
    watch: Watch,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OnDrop {
    Detach,
    Kill,
}

/// Returns the handle of a green thread that has ended, to take the result. By `try_join` and not `join`, which refuses a green
/// thread its own result: a waker may poll at once, where it is woken.
fn poll_end<H>(handle: &mut Option<H>, watch: &mut Watch, context: &Context<'_>) -> Poll<H> {
    assert!(handle.is_some(), "a join was polled after its end");
    if !watch.poll(context.waker()) {
        return Poll::Pending;
    }
    Poll::Ready(handle.take().expect("it was there just now"))
}

impl<T> Future for JoinFuture<T> {
    type Output = Result<T>;

    /// # Panics
    ///
    /// If it is polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let Self { handle, watch, .. } = &mut *self;
        poll_end(handle, watch, context)
            .map(|handle| handle.into_inner().try_join().unwrap_or_else(|_| unreachable!("it has ended")))
    }
}

impl<T> Drop for JoinFuture<T> {
    fn drop(&mut self) {
        if self.on_drop == OnDrop::Detach {
            drop(self.handle.take().map(KillOnDrop::into_inner));
        }
    }
}

impl<T> fmt::Debug for JoinFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinFuture").finish_non_exhaustive()
    }
}

impl<T> IntoFuture for JoinHandle<T> {
    type Output = Result<T>;
    type IntoFuture = JoinFuture<T>;

    fn into_future(self) -> JoinFuture<T> {
        JoinFuture { watch: self.watch(), handle: Some(self.kill_on_drop()), on_drop: OnDrop::Detach }
    }
}

impl<T> IntoFuture for KillOnDrop<T> {
    type Output = Result<T>;
    type IntoFuture = JoinFuture<T>;

    fn into_future(self) -> JoinFuture<T> {
        JoinFuture { watch: self.watch(), handle: Some(self), on_drop: OnDrop::Kill }
    }
}

/// The wait of async code for a green thread of its own OS thread; it comes from awaiting a [`LocalJoinHandle`].
///
/// It is neither `Send` nor `Sync`, for the result may not be, so what polls it is an executor of this OS thread. That must
/// not block the OS thread, on which the green thread lives: [`block_on`] does not. Dropping the future detaches the green
/// thread.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// use green_thread as thread;
///
/// let child = thread::spawn_local(|| Rc::new(6));
/// let answer = thread::block_on(async { *child.await.unwrap() * 7 });
/// assert_eq!(answer, 42);
/// ```
///
/// ```compile_fail,E0277
/// let child = green_thread::spawn_local(|| 3);
/// green_thread::spawn_future(std::future::IntoFuture::into_future(child));
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct LocalJoinFuture<T> {
    /// Taken with the result.
    handle: Option<LocalJoinHandle<T>>,
    watch: Watch,
}

impl<T> Future for LocalJoinFuture<T> {
    type Output = Result<T>;

    /// # Panics
    ///
    /// If it is polled after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let Self { handle, watch, .. } = &mut *self;
        poll_end(handle, watch, context)
            .map(|handle| handle.try_join().unwrap_or_else(|_| unreachable!("it has ended")))
    }
}

impl<T> fmt::Debug for LocalJoinFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalJoinFuture").finish_non_exhaustive()
    }
}

impl<T> IntoFuture for LocalJoinHandle<T> {
    type Output = Result<T>;
    type IntoFuture = LocalJoinFuture<T>;

    fn into_future(self) -> LocalJoinFuture<T> {
        LocalJoinFuture { watch: self.watch(), handle: Some(self) }
    }
}

/// The wait of async code for a result that others see too; it comes from awaiting a reference to a [`SharedJoinHandle`].
///
/// Any number of these, and of green threads in [`join`](SharedJoinHandle::join), may wait for one green thread. Dropping it
/// does nothing to that: the handle is still there.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let page = thread::spawn(|| String::from("hello")).share();
/// let reader = thread::spawn_future({
///     let page = page.clone();
///     async move { (&page).await.unwrap().len() }
/// });
/// assert_eq!(thread::block_on(&page).unwrap(), "hello");
/// assert_eq!(reader.join().unwrap(), 5);
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct SharedJoinFuture<'a, T> {
    handle: &'a SharedJoinHandle<T>,
    watch: Watch,
}

impl<'a, T> Future for SharedJoinFuture<'a, T> {
    type Output = std::result::Result<&'a T, &'a JoinError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.watch.poll(context.waker()) { Poll::Ready(self.handle.result()) } else { Poll::Pending }
    }
}

impl<T> fmt::Debug for SharedJoinFuture<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedJoinFuture").finish_non_exhaustive()
    }
}

impl<'a, T> IntoFuture for &'a SharedJoinHandle<T> {
    type Output = std::result::Result<&'a T, &'a JoinError>;
    type IntoFuture = SharedJoinFuture<'a, T>;

    fn into_future(self) -> SharedJoinFuture<'a, T> {
        SharedJoinFuture { watch: self.watch(), handle: self }
    }
}
