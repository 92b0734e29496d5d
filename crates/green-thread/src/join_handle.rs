//! `JoinHandle`, the owned right to wait for a green thread and take its result.

use std::any::Any;
use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::identity::{self, Identity};
use green_core::spawn::{Exit, Joiner, LinkId, Watch};
use green_core::wait_queue::WaitQueue;
use green_core::waitable::{Lasting, Waitable};

use crate::{KillError, KillOnDrop, Remote, Result, SharedJoinHandle, Thread};

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
    /// # Panics
    ///
    /// If a green thread joins itself.
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
        refuse_own(self.joiner.identity());
        let JoinHandle { joiner, thread } = self;
        match clock::after(timeout) {
            Some(deadline) => joiner.join_until(deadline).map_err(|joiner| JoinHandle { joiner, thread }),
            None => Ok(joiner.join()),
        }
    }

    /// Returns the result if the green thread has ended, and never waits.
    ///
    /// # Errors
    ///
    /// The handle itself, if the green thread has not ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// let parked = thread::spawn(thread::park);
    /// let parked = parked.try_join().expect_err("nobody unparked it");
    /// parked.thread().unpark();
    /// parked.join().unwrap();
    /// ```
    pub fn try_join(self) -> std::result::Result<Result<T>, JoinHandle<T>> {
        if self.is_finished() { Ok(self.joiner.join()) } else { Err(self) }
    }

    /// Waits until the green thread has ended, and leaves the result for a later `join`; returns false if `deadline`
    /// passes first.
    pub(crate) fn wait_until(&self, deadline: Option<Instant>) -> bool {
        refuse_own(self.joiner.identity());
        self.joiner.wait_until(deadline)
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
        let finished = self.joiner.is_finished();
        if !finished {
            green_core::park::asked_in_vain();
        }
        finished
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

    /// Asks the green thread to end as [`kill`](JoinHandle::kill) does, with a payload of the caller's choice.
    ///
    /// It unwinds with `payload`, which [`join`](JoinHandle::join) returns, instead of [`Killed`](crate::Killed). If it
    /// catches that, the next park unwinds with `Killed`; if it then returns or panics before any, that is how it ended. Of
    /// several payloads the first counts. One that comes too late is dropped.
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
    /// endless.kill_with(Box::new("out of time"))?;
    /// assert_eq!(endless.join().unwrap_err().downcast_ref(), Some(&"out of time"));
    /// # Ok::<(), thread::KillError>(())
    /// ```
    pub fn kill_with(&self, payload: Box<dyn Any + Send>) -> std::result::Result<(), KillError> {
        self.joiner.kill_with(payload)
    }

    /// Ends the green thread if it has not started, and otherwise leaves it alone; returns whether it had not.
    ///
    /// If so its closure never runs, and [`join`](JoinHandle::join) returns [`Killed`](crate::Killed). Follows eventlet's
    /// `GreenThread.cancel`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use green_thread as thread;
    ///
    /// let later = thread::spawn_after(Duration::from_secs(60), || 22);
    /// assert!(later.cancel());
    /// assert!(later.join().is_err());
    ///
    /// let now = thread::spawn(|| 22);
    /// if !now.cancel() {
    ///     assert_eq!(now.join().unwrap(), 22);
    /// }
    /// ```
    pub fn cancel(&self) -> bool {
        self.joiner.cancel()
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

    /// Calls `f` as [`on_exit`](JoinHandle::on_exit) does, tells it how the green thread ended, and returns what
    /// [`unlink`](JoinHandle::unlink) takes.
    ///
    /// `f` runs in the finishing green thread, where no kill is delivered, before those who join it go on. It may wait, and
    /// may add links. A panic in it is reported by the panic hook and goes no further: the next links run, and the green
    /// thread has ended as it had.
    ///
    /// On a green thread that has ended, `f` runs at once in the caller, as any call does: kills of the caller are delivered in
    /// it, and a panic in it unwinds out of this method.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::{Arc, OnceLock};
    ///
    /// use green_thread::{self as thread, Exit};
    ///
    /// let seen = Arc::new(OnceLock::new());
    /// let child = thread::spawn(thread::park);
    /// child.link({
    ///     let seen = Arc::clone(&seen);
    ///     move |exit| seen.set(exit).unwrap()
    /// });
    /// let unwanted = child.link(|_| unreachable!());
    /// assert!(child.unlink(unwanted));
    /// child.kill()?;
    /// assert!(child.join().is_err());
    /// assert_eq!(seen.get(), Some(&Exit::Killed));
    /// # Ok::<(), thread::KillError>(())
    /// ```
    pub fn link(&self, f: impl FnOnce(Exit) + Send + 'static) -> LinkId {
        self.joiner.link(f)
    }

    /// Takes a link back; returns false if it has run, or runs now.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::spawn(|| {});
    /// let id = child.link(|_| {});
    /// if !child.unlink(id) {
    ///     assert!(child.join().is_ok());
    /// }
    /// ```
    pub fn unlink(&self, id: LinkId) -> bool {
        self.joiner.unlink(id)
    }

    /// Returns a handle of which there may be many, and which can wait and kill but never sees the result.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::spawn(|| 6);
    /// let remote = child.remote();
    /// assert_eq!(child.join().unwrap(), 6);
    /// remote.wait();
    /// ```
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote::new(self.joiner.remote())
    }

    /// Makes the handle one of which there may be many, each of which sees the result.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// let answer = thread::spawn(|| 42).share();
    /// let readers: Vec<_> = (0..3)
    ///     .map(|_| {
    ///         let answer = answer.clone();
    ///         thread::spawn(move || *answer.join().unwrap())
    ///     })
    ///     .collect();
    /// assert!(readers.into_iter().all(|reader| reader.join().unwrap() == 42));
    /// ```
    #[must_use = "dropping the handle detaches the green thread"]
    pub fn share(self) -> SharedJoinHandle<T> {
        SharedJoinHandle::new(self)
    }

    /// Makes the handle one that kills the green thread when it is dropped, instead of detaching it.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// let child = thread::spawn(|| loop { thread::park() });
    /// let remote = child.remote();
    /// drop(child.kill_on_drop());
    /// remote.wait();
    /// ```
    #[must_use = "dropping the handle kills the green thread"]
    pub fn kill_on_drop(self) -> KillOnDrop<T> {
        KillOnDrop::new(self)
    }

    pub(crate) fn watch(&self) -> Watch {
        self.joiner.remote().watch()
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
