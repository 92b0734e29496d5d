//! `Mutex` and its guard.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, TryLockError, TryLockResult};
use std::time::{Duration, Instant};

use green_core::park::asked_in_vain;

use crate::poison::{Flag, Watch};
use crate::raw::RawMutex;

/// A mutual exclusion lock around a value.
///
/// Green threads of any hub and OS threads may share it. A contended [`lock`](Self::lock) parks the green thread; the lock
/// may be held across anything that parks. Whoever unlocks does not hand the lock over: one that runs already may have it
/// before one that waits, but nobody waits for ever.
///
/// A panic while the lock is held poisons it, for the green thread that panicked and for no other, as does a kill.
///
/// Corresponds to [`std::sync::Mutex`].
///
/// # Examples
///
/// ```
/// use green_sync::{Arc, Mutex};
/// use green_thread as thread;
///
/// let total = Arc::new(Mutex::new(0));
/// let adders: Vec<_> = (1..=10)
///     .map(|n| {
///         let total = Arc::clone(&total);
///         thread::spawn(move || {
///             let mut total = total.lock().unwrap();
///             thread::yield_now(); // The others wait.
///             *total += n;
///         })
///     })
///     .collect();
/// for adder in adders {
///     adder.join().unwrap();
/// }
/// assert_eq!(*total.lock().unwrap(), 55);
/// ```
pub struct Mutex<T: ?Sized> {
    poison: Flag,
    inner: lock_api::Mutex<RawMutex, T>,
}

impl<T> Mutex<T> {
    /// Creates an unlocked mutex.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Mutex;
    ///
    /// static LOG: Mutex<Vec<u32>> = Mutex::new(Vec::new());
    /// LOG.lock().unwrap().push(1);
    /// ```
    #[inline]
    pub const fn new(t: T) -> Self {
        Self { poison: Flag::new(), inner: lock_api::Mutex::new(t) }
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until the lock is free and takes it. A kill point if it must wait.
    ///
    /// Locking it twice from one green thread deadlocks that green thread.
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned: the guard, in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Mutex;
    ///
    /// let mutex = Mutex::new(1);
    /// *mutex.lock().unwrap() += 1;
    /// assert_eq!(*mutex.lock().unwrap(), 2);
    /// ```
    #[inline]
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.guard(self.inner.lock())
    }

    /// Takes the lock if it is free now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it is not free. `Poisoned` if the mutex is poisoned: the guard, in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::{Mutex, TryLockError};
    ///
    /// let mutex = Mutex::new(1);
    /// let guard = mutex.try_lock().unwrap();
    /// assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
    /// drop(guard);
    /// assert!(mutex.try_lock().is_ok());
    /// ```
    #[inline]
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        let Some(guard) = self.inner.try_lock() else {
            asked_in_vain();
            return Err(TryLockError::WouldBlock);
        };
        Ok(self.guard(guard)?)
    }

    /// Takes the lock as [`lock`](Self::lock) does, if it comes free within `timeout`. A kill point if it must wait.
    ///
    /// std has no such method.
    ///
    /// # Errors
    ///
    /// As for [`try_lock`](Self::try_lock).
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Mutex;
    /// use std::time::Duration;
    ///
    /// let mutex = Mutex::new(1);
    /// let guard = mutex.lock().unwrap();
    /// assert!(mutex.try_lock_for(Duration::from_millis(1)).is_err());
    /// drop(guard);
    /// assert!(mutex.try_lock_for(Duration::ZERO).is_ok());
    /// ```
    pub fn try_lock_for(&self, timeout: Duration) -> TryLockResult<MutexGuard<'_, T>> {
        let guard = self.inner.try_lock_for(timeout).ok_or(TryLockError::WouldBlock)?;
        Ok(self.guard(guard)?)
    }

    /// Takes the lock as [`lock`](Self::lock) does, if it comes free before `deadline`. A kill point if it must wait.
    ///
    /// std has no such method.
    ///
    /// # Errors
    ///
    /// As for [`try_lock`](Self::try_lock).
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Mutex;
    /// use std::time::Instant;
    ///
    /// let mutex = Mutex::new(1);
    /// let guard = mutex.lock().unwrap();
    /// assert!(mutex.try_lock_until(Instant::now()).is_err());
    /// # drop(guard);
    /// ```
    pub fn try_lock_until(&self, deadline: Instant) -> TryLockResult<MutexGuard<'_, T>> {
        let guard = self.inner.try_lock_until(deadline).ok_or(TryLockError::WouldBlock)?;
        Ok(self.guard(guard)?)
    }

    /// Returns true if the mutex is poisoned.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::{Arc, Mutex};
    /// use green_thread as thread;
    ///
    /// let mutex = Arc::new(Mutex::new(0));
    /// let other = Arc::clone(&mutex);
    /// let unlucky = thread::spawn(move || {
    ///     let _guard = other.lock().unwrap();
    ///     std::panic::resume_unwind(Box::new("out of luck"));
    /// });
    /// assert!(unlucky.join().is_err());
    /// assert!(mutex.is_poisoned());
    /// ```
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_set()
    }

    /// Makes a poisoned mutex a healthy one.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Mutex;
    ///
    /// let mutex = Mutex::new(0);
    /// mutex.clear_poison();
    /// assert!(!mutex.is_poisoned());
    /// ```
    #[inline]
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// Returns the value.
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned: the value, in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Mutex;
    ///
    /// assert_eq!(Mutex::new(7).into_inner().unwrap(), 7);
    /// ```
    pub fn into_inner(self) -> LockResult<T>
    where
        T: Sized,
    {
        let Self { poison, inner } = self;
        poison.wrap(inner.into_inner())
    }

    /// Returns a reference to the value; the exclusive borrow stands for the lock.
    ///
    /// # Errors
    ///
    /// If the mutex is poisoned: the reference, in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Mutex;
    ///
    /// let mut mutex = Mutex::new(1);
    /// *mutex.get_mut().unwrap() = 2;
    /// assert_eq!(*mutex.lock().unwrap(), 2);
    /// ```
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.poison.wrap(self.inner.get_mut())
    }

    #[inline]
    fn guard<'a>(&'a self, inner: lock_api::MutexGuard<'a, RawMutex, T>) -> LockResult<MutexGuard<'a, T>> {
        self.poison.wrap(MutexGuard { poison: self.poison.watch(), inner })
    }
}

impl<T: ?Sized> UnwindSafe for Mutex<T> {}
impl<T: ?Sized> RefUnwindSafe for Mutex<T> {}

impl<T> From<T> for Mutex<T> {
    /// Creates an unlocked mutex, as [`Mutex::new`] does.
    fn from(t: T) -> Self {
        Self::new(t)
    }
}

impl<T: Default> Default for Mutex<T> {
    /// Creates an unlocked mutex around the default value.
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Mutex");
        match self.try_lock() {
            Ok(guard) => debug.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => debug.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => debug.field("data", &"<locked>"),
        };
        debug.field("poisoned", &self.is_poisoned()).finish_non_exhaustive()
    }
}

/// The right to use the value of a locked [`Mutex`]; dropping it unlocks.
///
/// Corresponds to [`std::sync::MutexGuard`].
///
/// It stays on its OS thread:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>(_: T) {}
/// let mutex = green_sync::Mutex::new(0);
/// assert_send(mutex.lock().unwrap());
/// ```
#[must_use = "if unused the Mutex will immediately unlock"]
pub struct MutexGuard<'a, T: ?Sized> {
    /// Before the lock, so that it is poisoned before it is free.
    poison: Watch<'a>,
    inner: lock_api::MutexGuard<'a, RawMutex, T>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Takes the guard apart, for a condition variable to unlock and lock again.
    pub(crate) fn into_parts(self) -> (Watch<'a>, lock_api::MutexGuard<'a, RawMutex, T>) {
        (self.poison, self.inner)
    }

    /// Puts a guard together, which is an error if the mutex is poisoned.
    pub(crate) fn from_parts(poison: Watch<'a>, inner: lock_api::MutexGuard<'a, RawMutex, T>) -> LockResult<Self> {
        poison.flag().wrap(Self { poison, inner })
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized> UnwindSafe for MutexGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for MutexGuard<'_, T> {}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
