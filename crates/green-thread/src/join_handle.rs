//! `JoinHandle`, the owned right to wait for a green thread and take its result.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use green_core::clock;
use green_core::identity::{self, Identity};
use green_core::spawn::Joiner;
use green_core::wait_queue::WaitQueue;
use green_core::waitable::{Lasting, Waitable};

use crate::{KillError, Result, Thread};

/// Waits for a green thread, takes its result, and can kill it.
///
/// Corresponds to [`std::thread::JoinHandle`], and like it is `Send` and `Sync` whatever the result is. Dropping it
/// detaches the green thread, which goes on running.
///
/// # Differences
///
/// There is no `JoinHandleExt`: no `pthread_t` belongs to a green thread.
///
/// # Examples
///
/// ```
/// use green_thread::JoinHandle;
///
/// let handle: JoinHandle<Vec<u8>> = green_thread::spawn(|| vec![1, 2, 3]);
/// assert_eq!(handle.join().unwrap(), [1, 2, 3]);
/// ```
pub struct JoinHandle<T> {
    joiner: Joiner<T>,
    /// Filled by the first call of `thread`, so that handles which never are asked cost no reference count.
    thread: OnceLock<Thread>,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(joiner: Joiner<T>) -> JoinHandle<T> {
        JoinHandle { joiner, thread: OnceLock::new() }
    }

    /// Returns the handle by which the green thread is named and unparked.
    ///
    /// # Examples
    ///
    /// ```
    /// let parked = green_thread::spawn(green_thread::park);
    /// parked.thread().unpark();
    /// assert!(parked.join().is_ok());
    /// ```
    #[must_use]
    pub fn thread(&self) -> &Thread {
        self.thread.get_or_init(|| Thread::new(self.joiner.identity_ref()))
    }

    /// Waits until the green thread has ended and returns its result.
    ///
    /// `Err` holds what the green thread panicked with, or [`Killed`](crate::Killed) if it was killed, or
    /// [`Abandoned`](crate::Abandoned) if its OS thread ended before it did. The destructors of its thread-locals have
    /// run by then, and everything that it did happens before the return.
    ///
    /// If the caller is killed while it waits, the handle is dropped and the green thread goes on, detached.
    ///
    /// # Errors
    ///
    /// The payload of the panic that ended the green thread.
    ///
    /// # Panics
    ///
    /// If a green thread joins itself, which would never end.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// assert_eq!(thread::spawn(|| 5).join().unwrap(), 5);
    ///
    /// let payload = thread::spawn(|| std::panic::resume_unwind(Box::new("gone"))).join().unwrap_err();
    /// assert_eq!(payload.downcast_ref::<&str>(), Some(&"gone"));
    /// ```
    pub fn join(self) -> Result<T> {
        refuse_own(self.joiner.identity());
        self.joiner.join()
    }

    /// Waits as [`join`](JoinHandle::join) does, but gives the handle back if `timeout` passes first.
    ///
    /// # Errors
    ///
    /// The handle itself, if the green thread has not ended in time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use green_thread as thread;
    ///
    /// let parked = thread::spawn(thread::park);
    /// let parked = parked.join_timeout(Duration::from_millis(1)).expect_err("nobody unparked it");
    /// parked.thread().unpark();
    /// assert!(parked.join_timeout(Duration::MAX).is_ok());
    /// ```
    pub fn join_timeout(self, timeout: Duration) -> std::result::Result<Result<T>, JoinHandle<T>> {
        let JoinHandle { joiner, thread } = self;
        match clock::after(timeout) {
            Some(deadline) => joiner.join_until(deadline).map_err(|joiner| JoinHandle { joiner, thread }),
            None => Ok(joiner.join()),
        }
    }

    /// Returns whether the green thread has finished running its closure.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// let child = thread::spawn(|| {});
    /// while !child.is_finished() {
    ///     thread::yield_now();
    /// }
    /// assert!(child.join().is_ok());
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.joiner.is_finished()
    }

    /// Asks the green thread to end: it unwinds from the park that it is in, or from the next one.
    ///
    /// Its destructors run as in a panic, but no panic hook is called, and [`join`](JoinHandle::join) returns
    /// [`Killed`](crate::Killed). A green thread that has not started never does. One that is unwinding, or inside a
    /// [`Shield`](crate::Shield), is left alone until it leaves. One that catches the unwinding is unwound again from
    /// its next park. A green thread that has ended is not affected. This call does not wait.
    ///
    /// # Errors
    ///
    /// If the program is built with `panic = "abort"`, where nothing can unwind.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// let endless = thread::spawn(|| loop { thread::park() });
    /// endless.kill()?;
    /// let payload = endless.join().unwrap_err();
    /// assert!(payload.is::<thread::Killed>());
    /// # Ok::<(), thread::KillError>(())
    /// ```
    pub fn kill(&self) -> std::result::Result<(), KillError> {
        self.joiner.kill()
    }

    /// Calls `f` when the green thread has ended, before those who join it go on.
    ///
    /// If it has ended already, `f` is called at once, by the caller. Any number of closures may be added, also by one
    /// of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let seen = Arc::new(AtomicBool::new(false));
    /// let child = green_thread::spawn(|| {});
    /// child.on_exit({
    ///     let seen = Arc::clone(&seen);
    ///     move || seen.store(true, Ordering::Release)
    /// });
    /// child.join().unwrap();
    /// assert!(seen.load(Ordering::Acquire));
    /// ```
    pub fn on_exit(&self, f: impl FnOnce() + Send + 'static) {
        self.joiner.on_exit(f);
    }
}

/// Ready once the green thread has ended, for a wait for the first of several things.
impl<T> Waitable for JoinHandle<T> {
    fn is_ready(&self) -> bool {
        Waitable::is_ready(&self.joiner)
    }

    fn queue(&self) -> Option<&WaitQueue> {
        self.joiner.queue()
    }
}

impl<T> Lasting for JoinHandle<T> {}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").finish_non_exhaustive()
    }
}

/// Panics, as std does, if the green thread that is to be joined is the caller.
pub(crate) fn refuse_own(identity: &Identity) {
    assert!(
        identity.id() != identity::current_id(),
        "failed to join thread: a green thread cannot wait for its own end"
    );
}
