//! One-shot events: a value or an error that is sent once, and seen by everybody who waits for it.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_core::waitable::Waitable;
use green_core::{clock, kill};

/// Something that happens once, with a value or an error, and that any number of green threads and OS threads wait for.
///
/// Sending never switches and never waits, so it may be done from callbacks, such as `on_exit`. Waiters wake up in the
/// order in which they came; who comes later does not wait at all. An event is not set back: make a new one.
///
/// An event that can not fail is an `Event<T>`; its error type has no values.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use green_sync::Event;
///
/// let weather: Arc<Event<&str, String>> = Arc::default();
/// let watchers: Vec<_> = (0..3)
///     .map(|_| {
///         let weather = Arc::clone(&weather);
///         green_thread::spawn(move || weather.wait().copied().unwrap())
///     })
///     .collect();
/// weather.send("fair")?;
/// for watcher in watchers {
///     assert_eq!(watcher.join().unwrap(), "fair");
/// }
/// // Once is once; the second value comes back.
/// assert_eq!(weather.send("foul").unwrap_err().0, "foul");
/// # Ok::<(), green_sync::event::AlreadySent<&str>>(())
/// ```
pub struct Event<T, E = Infallible> {
    result: OnceLock<Result<T, E>>,
    waiters: WaitQueue,
}

impl<T, E> Event<T, E> {
    /// Creates an event that has not happened.
    #[must_use]
    pub const fn new() -> Self {
        Self { result: OnceLock::new(), waiters: WaitQueue::new() }
    }

    /// Makes the event happen with `value`, and wakes everybody who waits for it.
    ///
    /// # Errors
    ///
    /// The value, if a value or an error was sent before.
    pub fn send(&self, value: T) -> Result<(), AlreadySent<T>> {
        self.set(Ok(value)).map_err(|result| match result {
            Ok(value) => AlreadySent(value),
            Err(_) => unreachable!("what comes back is what was to be sent"),
        })
    }

    /// Makes the event happen with `error`, and wakes everybody who waits for it.
    ///
    /// # Errors
    ///
    /// The error, if a value or an error was sent before.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Event;
    ///
    /// let event: Event<u32, &str> = Event::new();
    /// event.send_error("no luck")?;
    /// assert_eq!(event.wait(), Err(&"no luck"));
    /// # Ok::<(), green_sync::event::AlreadySent<&str>>(())
    /// ```
    pub fn send_error(&self, error: E) -> Result<(), AlreadySent<E>> {
        self.set(Err(error)).map_err(|result| match result {
            Err(error) => AlreadySent(error),
            Ok(_) => unreachable!("what comes back is what was to be sent"),
        })
    }

    fn set(&self, result: Result<T, E>) -> Result<(), Result<T, E>> {
        self.result.set(result)?;
        self.waiters.notify_all();
        Ok(())
    }

    /// Waits until the event happens, and returns what was sent. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// The error that was sent.
    pub fn wait(&self) -> Result<&T, &E> {
        loop {
            if let Some(result) = self.wait_until(None) {
                return result;
            }
        }
    }

    /// Waits as [`wait`](Self::wait) does, but for `timeout` at the longest; returns `None` if the event has not
    /// happened by then.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use green_sync::Event;
    ///
    /// let event: Event<()> = Event::new();
    /// assert!(event.wait_timeout(Duration::from_millis(1)).is_none());
    /// event.send(())?;
    /// assert_eq!(event.wait_timeout(Duration::ZERO), Some(Ok(&())));
    /// # Ok::<(), green_sync::event::AlreadySent<()>>(())
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> Option<Result<&T, &E>> {
        match self.poll() {
            None => self.wait_until(clock::after(timeout)),
            happened => happened,
        }
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Option<Result<&T, &E>> {
        loop {
            if let Some(result) = self.poll() {
                return Some(result);
            }
            match self.waiters.wait_until(deadline, WaitReason::Event, || !self.is_set()) {
                Outcome::Unparked => {}
                Outcome::TimedOut => return self.poll(),
                Outcome::Interrupted => kill::deliver(),
            }
        }
    }

    /// Returns what was sent, if the event has happened. Never waits.
    pub fn poll(&self) -> Option<Result<&T, &E>> {
        self.result.get().map(Result::as_ref)
    }

    /// Returns true once the event has happened.
    pub fn is_set(&self) -> bool {
        self.result.get().is_some()
    }

    /// Takes the event apart; returns what was sent, if anything was.
    #[must_use]
    pub fn into_inner(self) -> Option<Result<T, E>> {
        self.result.into_inner()
    }
}

impl<T, E> Default for Event<T, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, E> green_core::waitable::Lasting for Event<T, E> {}

/// Ready once the event has happened.
impl<T, E> Waitable for Event<T, E> {
    fn is_ready(&self) -> bool {
        self.is_set()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.waiters)
    }
}

// The queue is consistent whenever nobody holds its lock, and nobody unwinds while they hold it.
impl<T: UnwindSafe, E: UnwindSafe> UnwindSafe for Event<T, E> {}
impl<T: RefUnwindSafe + UnwindSafe, E: RefUnwindSafe + UnwindSafe> RefUnwindSafe for Event<T, E> {}

impl<T: fmt::Debug, E: fmt::Debug> fmt::Debug for Event<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Event").field(&self.poll()).finish()
    }
}

/// The error of a second `send`: the event has happened already. Holds what was to be sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AlreadySent<T>(pub T);

impl<T> fmt::Debug for AlreadySent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlreadySent").finish_non_exhaustive()
    }
}

impl<T> fmt::Display for AlreadySent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the event has already happened")
    }
}

impl<T> Error for AlreadySent<T> {}
