//! `SharedJoinHandle`, by which any number of waiters see one result.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use green_core::primitive::Mutex;
use green_core::spawn::Watch;
use green_core::wait_queue::WaitQueue;
use green_core::waitable::{Lasting, Waitable};

use crate::{Exit, JoinHandle, KillError, Remote, Thread};

/// Waits for a green thread with others who wait for the same, any number of times.
///
/// It comes from [`JoinHandle::share`]. The result stays where it is until the last clone is dropped, and everybody gets a
/// reference to it: so `T` need not be `Clone`. Dropping the last clone before the end detaches the green thread. Follows
/// eventlet's `GreenThread.wait`, which many may call, each as often as they like. A reference to it can be awaited.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let page = thread::spawn(|| String::from("hello")).share();
/// let reader = thread::spawn({
///     let page = page.clone();
///     move || page.join().unwrap().len()
/// });
/// assert_eq!(page.join().unwrap(), "hello");
/// assert_eq!(page.join().unwrap(), "hello");
/// assert_eq!(reader.join().unwrap(), 5);
/// ```
pub struct SharedJoinHandle<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    remote: Remote,
    /// Until somebody has moved the result out.
    handle: Mutex<Option<JoinHandle<T>>>,
    result: OnceLock<Result<T, JoinError>>,
}

impl<T> SharedJoinHandle<T> {
    pub(crate) fn new(handle: JoinHandle<T>) -> SharedJoinHandle<T> {
        let (remote, handle) = (handle.remote(), Mutex::new(Some(handle)));
        SharedJoinHandle { shared: Arc::new(Shared { remote, handle, result: OnceLock::new() }) }
    }

    /// Waits until the green thread has ended and returns its result, or why there is none. A kill point.
    ///
    /// # Errors
    ///
    /// What the green thread panicked with, or that it was killed or abandoned.
    ///
    /// # Panics
    ///
    /// If a green thread joins itself, which would never end.
    pub fn join(&self) -> Result<&T, &JoinError> {
        self.shared.remote.wait();
        self.result()
    }

    /// Waits as [`join`](SharedJoinHandle::join) does, but for `timeout` at the longest; returns `None` if the green thread has
    /// not ended by then.
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
    /// let parked = green_thread::spawn(green_thread::park).share();
    /// assert!(parked.join_timeout(Duration::from_millis(1)).is_none());
    /// parked.thread().unpark();
    /// parked.join_timeout(Duration::from_secs(60)).unwrap().unwrap();
    /// ```
    pub fn join_timeout(&self, timeout: Duration) -> Option<Result<&T, &JoinError>> {
        self.shared.remote.wait_timeout(timeout).then(|| self.result())
    }

    /// Returns the result if the green thread has ended, and never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::spawn(|| 1).share();
    /// child.join().unwrap();
    /// assert_eq!(*child.try_join().unwrap().unwrap(), 1);
    /// ```
    pub fn try_join(&self) -> Option<Result<&T, &JoinError>> {
        self.is_finished().then(|| self.result())
    }

    /// Returns the result of the green thread, which has ended.
    pub(crate) fn result(&self) -> Result<&T, &JoinError> {
        let shared = &*self.shared;
        let result = shared.result.get_or_init(|| {
            // Nothing of the user's runs here, and nothing parks: whoever comes at the same time waits for a moment.
            let handle = shared.handle.lock().take().expect("the result is moved out once");
            // It may be the green thread itself that asks, in a waker that its end has woken.
            let Ok(result) = handle.try_join() else { unreachable!("it has ended") };
            result.map_err(|payload| JoinError::new(shared.remote.exit().unwrap_or(Exit::Panicked), payload))
        });
        result.as_ref()
    }

    /// Returns whether the green thread has finished running its closure.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        let finished = self.shared.remote.is_finished();
        if !finished {
            green_core::park::asked_in_vain();
        }
        finished
    }

    /// Asks the green thread to end; see [`JoinHandle::kill`].
    ///
    /// # Errors
    ///
    /// If the program is built with `panic = "abort"`.
    pub fn kill(&self) -> Result<(), KillError> {
        self.shared.remote.kill()
    }

    /// Returns the handle by which the green thread is named and unparked.
    #[must_use]
    pub fn thread(&self) -> Thread {
        self.shared.remote.thread()
    }

    /// Returns a handle that can wait and kill, and keeps no result.
    #[must_use]
    pub fn remote(&self) -> Remote {
        self.shared.remote.clone()
    }

    pub(crate) fn watch(&self) -> Watch {
        self.shared.remote.watch()
    }
}

impl<T> Clone for SharedJoinHandle<T> {
    fn clone(&self) -> Self {
        SharedJoinHandle { shared: Arc::clone(&self.shared) }
    }
}

/// Ready once the green thread has ended, for a wait for the first of several things.
impl<T> Waitable for SharedJoinHandle<T> {
    fn is_ready(&self) -> bool {
        Waitable::is_ready(&self.shared.remote)
    }

    fn queue(&self) -> Option<&WaitQueue> {
        self.shared.remote.queue()
    }
}

impl<T> Lasting for SharedJoinHandle<T> {}

impl<T> fmt::Debug for SharedJoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedJoinHandle").finish_non_exhaustive()
    }
}

/// Why a green thread has no result, for all who wait for it.
///
/// The payload of the panic is there once: the first who asks for it gets it.
///
/// # Examples
///
/// ```
/// use green_thread::{self as thread, Exit};
///
/// let unlucky = thread::spawn(|| std::panic::resume_unwind(Box::new("out of luck"))).share();
/// let error = unlucky.join().unwrap_err();
/// assert_eq!(error.exit(), Exit::Panicked);
/// assert_eq!(error.to_string(), "the green thread panicked: out of luck");
/// assert!(error.take_payload().is_some_and(|payload| payload.is::<&str>()));
/// assert!(error.take_payload().is_none());
/// ```
pub struct JoinError {
    exit: Exit,
    payload: Mutex<Option<Box<dyn Any + Send>>>,
    /// The payload's, if it is a text.
    message: Option<Box<str>>,
}

impl JoinError {
    fn new(exit: Exit, payload: Box<dyn Any + Send>) -> JoinError {
        let message = match payload.downcast_ref::<&str>() {
            Some(message) => Some((*message).into()),
            None => payload.downcast_ref::<String>().map(|message| message.as_str().into()),
        };
        JoinError { exit, payload: Mutex::new(Some(payload)), message }
    }

    /// Returns how the green thread ended.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the message of the panic, if that had one.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Returns what [`JoinHandle::join`] would have returned, for [`resume_unwind`](std::panic::resume_unwind) say; none
    /// from the second time on.
    pub fn take_payload(&self) -> Option<Box<dyn Any + Send>> {
        self.payload.lock().take()
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.exit),
            None => self.exit.fmt(f),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("JoinError");
        debug.field("exit", &self.exit).field("message", &self.message).finish_non_exhaustive()
    }
}

impl std::error::Error for JoinError {}
