//! Limits on how long code may take: `timeout`, and the guard `Deadline` under it.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::kill::{Alarm, KillError};
use thiserror::Error;

/// Runs `f`, and unwinds it if it has not returned after `duration`.
///
/// When the time is up, the next call in `f` that waits unwinds instead, and everything up to here is dropped as after
/// a panic, but without a message. It does not matter what the call waits for or how deep in `f` it is. Code that does
/// not wait is not interrupted: if `f` returns before it waits again, its value is returned, although it is late.
///
/// Timeouts nest: each ends its own closure and no other, and if an inner and an outer one are due together, the outer
/// one does. A `catch_unwind` in `f` does not hold it up for long, because the next wait unwinds again. Once this
/// function has returned, nothing of the timeout is left that could go off later. Its wait is that of the green thread
/// that called it: a thread that `f` has spawned is not its business, except that a `scope` in `f` ends only when its
/// threads have.
///
/// Values outside that `f` was about to change stay as they are at that moment, and locks that it held are poisoned, so
/// be as careful with `&mut` captures as with [`AssertUnwindSafe`]. A region that must not be torn can hold a
/// `kill::Shield`.
///
/// # Errors
///
/// [`TimeoutError::Elapsed`] if `f` was ended by this timeout. [`TimeoutError::Unsupported`], without running `f`, in a
/// program that was compiled with `panic = "abort"`: there nothing can be unwound.
///
/// # Panics
///
/// Panics with the payload of `f`'s panic. A kill, and an outer timeout, pass through as well.
///
/// # Examples
///
/// ```
/// use green_time::{Duration, TimeoutError, sleep, timeout};
///
/// let hour = Duration::from_secs(3600);
/// let mut steps = Vec::new();
/// let result = timeout(Duration::from_millis(5), || {
///     steps.push("asleep");
///     sleep(hour);
///     steps.push("awake");
/// });
/// assert_eq!(result, Err(TimeoutError::Elapsed));
/// assert_eq!(steps, ["asleep"]);
///
/// // An inner timeout leaves the outer one alone.
/// let result = timeout(hour, || timeout(Duration::from_millis(5), || sleep(hour)));
/// assert_eq!(result, Ok(Err(TimeoutError::Elapsed)));
/// ```
pub fn timeout<F, T>(duration: Duration, f: F) -> Result<T, TimeoutError>
where
    F: FnOnce() -> T,
{
    Deadline::after(duration)?.run(f)
}

/// Runs `f`, and unwinds it if it has not returned at `deadline`; otherwise as [`timeout()`].
///
/// # Errors
///
/// As [`timeout()`].
///
/// # Panics
///
/// Panics with the payload of `f`'s panic.
///
/// # Examples
///
/// Two steps that share a limit:
///
/// ```
/// use green_time::{Duration, Instant, sleep, timeout_at};
///
/// let deadline = Instant::now() + Duration::from_secs(60);
/// timeout_at(deadline, || sleep(Duration::from_millis(1)))?;
/// timeout_at(deadline, || sleep(Duration::from_millis(1)))?;
/// # Ok::<(), green_time::TimeoutError>(())
/// ```
pub fn timeout_at<F, T>(deadline: Instant, f: F) -> Result<T, TimeoutError>
where
    F: FnOnce() -> T,
{
    Deadline::at(deadline)?.run(f)
}

/// Why a timeout gave no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimeoutError {
    /// The time was up before the code had returned.
    #[error("the time is up")]
    Elapsed,
    /// The program was compiled with `panic = "abort"`, where code cannot be ended from outside.
    #[error("timeouts need unwinding, and this program was compiled with panic = \"abort\"")]
    Unsupported,
}

impl From<KillError> for TimeoutError {
    fn from(_: KillError) -> TimeoutError {
        TimeoutError::Unsupported
    }
}

impl From<TimeoutError> for io::Error {
    fn from(error: TimeoutError) -> io::Error {
        let kind = match error {
            TimeoutError::Elapsed => io::ErrorKind::TimedOut,
            TimeoutError::Unsupported => io::ErrorKind::Unsupported,
        };
        io::Error::new(kind, error)
    }
}

/// A deadline on the current green thread, in force while this value lives.
///
/// When it passes, the next call of this green thread that waits unwinds, and so does every later one until the
/// `Deadline` is dropped. Dropping it cancels it; nothing goes off later. [`timeout()`] is the usual way to have one. By
/// itself it serves code that is not one closure, and code that wants to tell one deadline's unwinding from another's.
///
/// If it is leaked, or its unwinding caught by nobody, the green thread ends: `join` returns an `Err` then.
///
/// # Examples
///
/// ```
/// use std::panic::{AssertUnwindSafe, catch_unwind};
///
/// use green_time::{Deadline, Duration, sleep};
///
/// let hour = Duration::from_secs(3600);
/// let outer = Deadline::after(hour)?;
/// let inner = Deadline::after(Duration::from_millis(5))?;
/// let payload = catch_unwind(AssertUnwindSafe(|| sleep(hour))).unwrap_err();
/// assert!(inner.owns(&*payload) && inner.has_passed());
/// assert!(!outer.owns(&*payload) && !outer.has_passed());
/// # Ok::<(), green_time::TimeoutError>(())
/// ```
#[must_use = "the deadline is in force while the value lives"]
pub struct Deadline {
    /// `None` for a deadline that no clock reaches.
    alarm: Option<Alarm>,
}

impl Deadline {
    /// Sets a deadline that passes `duration` from now.
    ///
    /// # Errors
    ///
    /// [`TimeoutError::Unsupported`] in a program that was compiled with `panic = "abort"`.
    pub fn after(duration: Duration) -> Result<Deadline, TimeoutError> {
        match clock::after(duration) {
            Some(deadline) => Deadline::at(deadline),
            None if cfg!(panic = "abort") => Err(TimeoutError::Unsupported),
            None => Ok(Deadline { alarm: None }),
        }
    }

    /// Sets a deadline that passes at `deadline`; one that has passed already is in force at the next wait.
    ///
    /// # Errors
    ///
    /// [`TimeoutError::Unsupported`] in a program that was compiled with `panic = "abort"`.
    pub fn at(deadline: Instant) -> Result<Deadline, TimeoutError> {
        Ok(Deadline { alarm: Some(Alarm::set(deadline)?) })
    }

    /// Returns whether the deadline was noticed to have passed, so that the next wait unwinds.
    ///
    /// It is noticed when the green thread waits.
    pub fn has_passed(&self) -> bool {
        self.alarm.as_ref().is_some_and(Alarm::has_fired)
    }

    /// Returns whether a payload that `catch_unwind` has returned is of this deadline's unwinding, and of no other's.
    pub fn owns(&self, payload: &(dyn Any + Send)) -> bool {
        self.alarm.as_ref().is_some_and(|alarm| alarm.owns(payload))
    }

    /// Runs `f` under the deadline, which ends with it.
    ///
    /// # Errors
    ///
    /// [`TimeoutError::Elapsed`] if this deadline has unwound `f`.
    ///
    /// # Panics
    ///
    /// Panics with the payload of `f`'s panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_time::{Deadline, Duration};
    ///
    /// let deadline = Deadline::after(Duration::from_secs(60))?;
    /// assert_eq!(deadline.run(|| 1 + 1), Ok(2));
    /// # Ok::<(), green_time::TimeoutError>(())
    /// ```
    pub fn run<F, T>(self, f: F) -> Result<T, TimeoutError>
    where
        F: FnOnce() -> T,
    {
        match catch_unwind(AssertUnwindSafe(f)) {
            Ok(value) => Ok(value),
            Err(payload) if self.owns(&*payload) => Err(TimeoutError::Elapsed),
            Err(payload) => resume_unwind(payload),
        }
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline")
            .field("id", &self.alarm.as_ref().map(Alarm::id))
            .field("has_passed", &self.has_passed())
            .finish()
    }
}
