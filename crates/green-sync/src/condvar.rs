//! `Condvar` and `WaitTimeoutResult`.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, PoisonError};
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::kill::{self, Shield};
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;

use crate::mutex::MutexGuard;

/// A condition variable: waits, without the lock, until somebody says that a condition may have changed.
///
/// Green threads of any hub and OS threads may wait and notify. Waiters are notified in the order in which they came.
///
/// All waits may end spuriously, so look at the condition in a loop, or use [`wait_while`](Self::wait_while). Different
/// mutexes may be used with one condition variable; std permits itself to panic then.
///
/// A wait is a kill point until it is notified: a kill before that unwinds without the lock, and poisons nothing; one
/// after that waits, so that the notification is not lost, until the green thread parks again.
///
/// Corresponds to [`std::sync::Condvar`].
///
/// # Examples
///
/// ```
/// use green_sync::{Arc, Condvar, Mutex};
/// use green_thread as thread;
///
/// let pair = Arc::new((Mutex::new(None), Condvar::new()));
/// let other = Arc::clone(&pair);
/// thread::spawn(move || {
///     *other.0.lock().unwrap() = Some("ready");
///     other.1.notify_one();
/// });
/// let (lock, changed) = &*pair;
/// let word = changed.wait_while(lock.lock().unwrap(), |word| word.is_none()).unwrap();
/// assert_eq!(*word, Some("ready"));
/// ```
pub struct Condvar {
    queue: WaitQueue,
}

impl Condvar {
    /// Creates a condition variable.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Condvar;
    ///
    /// static CHANGED: Condvar = Condvar::new();
    /// CHANGED.notify_all();
    /// ```
    #[must_use]
    pub const fn new() -> Self {
        Self { queue: WaitQueue::new() }
    }

    /// Unlocks the mutex and waits for a notification, as one step, and locks again.
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned by then: the guard, in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::{Condvar, Mutex};
    /// use green_thread as thread;
    ///
    /// let (open, changed) = (Mutex::new(false), Condvar::new());
    /// thread::scope(|s| {
    ///     s.spawn(|| {
    ///         *open.lock().unwrap() = true;
    ///         changed.notify_one();
    ///     });
    ///     let mut open = open.lock().unwrap();
    ///     while !*open {
    ///         open = changed.wait(open).unwrap();
    ///     }
    /// });
    /// ```
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.wait_until(guard, None).0
    }

    /// Waits until `condition` returns false. It is asked with the lock held, at first and after each notification.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::{Condvar, Mutex};
    ///
    /// let (numbers, changed) = (Mutex::new(vec![1]), Condvar::new());
    /// let mut numbers = changed.wait_while(numbers.lock().unwrap(), |numbers| numbers.is_empty()).unwrap();
    /// assert_eq!(numbers.pop(), Some(1));
    /// ```
    pub fn wait_while<'a, T, F>(&self, mut guard: MutexGuard<'a, T>, mut condition: F) -> LockResult<MutexGuard<'a, T>>
    where
        F: FnMut(&mut T) -> bool,
    {
        while condition(&mut *guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// Waits as [`wait`](Self::wait) does, for `ms` milliseconds at most; the `bool` is false if that time passed.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// # #![expect(deprecated)]
    /// use green_sync::{Condvar, Mutex};
    ///
    /// let (mutex, changed) = (Mutex::new(()), Condvar::new());
    /// let (_guard, notified) = changed.wait_timeout_ms(mutex.lock().unwrap(), 1).unwrap();
    /// assert!(!notified);
    /// ```
    #[deprecated(since = "0.1.0", note = "replaced by `Condvar::wait_timeout`, as in std")]
    pub fn wait_timeout_ms<'a, T>(&self, guard: MutexGuard<'a, T>, ms: u32) -> LockResult<(MutexGuard<'a, T>, bool)> {
        let (guard, timed_out) = self.wait_until(guard, clock::after(Duration::from_millis(ms.into())));
        pair(guard, !timed_out)
    }

    /// Waits as [`wait`](Self::wait) does, for `dur` at most, and says whether that time passed.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (mutex, changed) = (Mutex::new(()), Condvar::new());
    /// let (_guard, result) = changed.wait_timeout(mutex.lock().unwrap(), Duration::from_millis(1)).unwrap();
    /// assert!(result.timed_out());
    /// ```
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        dur: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        let (guard, timed_out) = self.wait_until(guard, clock::after(dur));
        pair(guard, WaitTimeoutResult(timed_out))
    }

    /// Waits as [`wait_while`](Self::wait_while) does, for `dur` at most. The result says whether the time passed with
    /// the condition still true.
    ///
    /// # Errors
    ///
    /// As for [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (empty, changed) = (Mutex::new(true), Condvar::new());
    /// let timeout = Duration::from_millis(1);
    /// let (empty, result) = changed.wait_timeout_while(empty.lock().unwrap(), timeout, |empty| *empty).unwrap();
    /// assert!(*empty && result.timed_out());
    /// ```
    pub fn wait_timeout_while<'a, T, F>(
        &self,
        mut guard: MutexGuard<'a, T>,
        dur: Duration,
        mut condition: F,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)>
    where
        F: FnMut(&mut T) -> bool,
    {
        let deadline = clock::after(dur);
        loop {
            if !condition(&mut *guard) {
                return Ok((guard, WaitTimeoutResult(false)));
            }
            if deadline.is_some_and(|deadline| deadline <= clock::now()) {
                return Ok((guard, WaitTimeoutResult(true)));
            }
            match self.wait_until(guard, deadline) {
                (Ok(locked), _) => guard = locked,
                // A poisoned lock ends the wait, with what is known about the time.
                (poisoned, timed_out) => return pair(poisoned, WaitTimeoutResult(timed_out)),
            }
        }
    }

    /// Notifies the one that has waited longest, if any waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Condvar;
    ///
    /// Condvar::new().notify_one(); // Nobody waits, and nothing is kept for later.
    /// ```
    pub fn notify_one(&self) {
        self.queue.notify_one();
    }

    /// Notifies all that wait now.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::{Condvar, Mutex};
    /// use green_thread as thread;
    ///
    /// let (open, changed) = (Mutex::new(false), Condvar::new());
    /// thread::scope(|s| {
    ///     for _ in 0..3 {
    ///         s.spawn(|| drop(changed.wait_while(open.lock().unwrap(), |open| !*open)));
    ///     }
    ///     *open.lock().unwrap() = true;
    ///     changed.notify_all();
    /// });
    /// ```
    pub fn notify_all(&self) {
        self.queue.notify_all();
    }

    /// Waits until `deadline` at most; returns whether it passed.
    fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Option<Instant>,
    ) -> (LockResult<MutexGuard<'a, T>>, bool) {
        let (watch, held) = guard.into_parts();
        let mutex = lock_api::MutexGuard::mutex(&held);
        // What unwinds out of here does not have the lock, so it poisons nothing.
        let watch = watch.pause();
        let mut held = Some(held);
        // Unlocked under the queue's lock: who has the mutex after us finds us in the queue.
        let outcome = self.queue.wait_until(deadline, WaitReason::Condvar, || {
            drop(held.take());
            true
        });
        if outcome == Outcome::Interrupted {
            // If it returns after all, this was a spurious wake-up.
            kill::deliver();
        }
        let held = mutex.try_lock().unwrap_or_else(|| {
            // A kill must not take a notification with it that was meant for one of several.
            let _shield = (outcome == Outcome::Unparked).then(Shield::new);
            mutex.lock()
        });
        (MutexGuard::from_parts(watch.resume(), held), outcome == Outcome::TimedOut)
    }
}

impl Default for Condvar {
    /// Creates a condition variable.
    fn default() -> Self {
        Self::new()
    }
}

impl UnwindSafe for Condvar {}
impl RefUnwindSafe for Condvar {}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}

/// Says whether a timed wait ended because its time had passed.
///
/// Corresponds to [`std::sync::WaitTimeoutResult`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Returns true if the time had passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::{Condvar, Mutex};
    /// use std::time::Duration;
    ///
    /// let (mutex, changed) = (Mutex::new(()), Condvar::new());
    /// let (_guard, result) = changed.wait_timeout(mutex.lock().unwrap(), Duration::ZERO).unwrap();
    /// assert!(result.timed_out());
    /// ```
    #[must_use]
    pub fn timed_out(&self) -> bool {
        self.0
    }
}

/// Adds what came of the wait to the guard or the error.
fn pair<G, R>(guard: LockResult<G>, result: R) -> LockResult<(G, R)> {
    match guard {
        Ok(guard) => Ok((guard, result)),
        Err(error) => Err(PoisonError::new((error.into_inner(), result))),
    }
}
