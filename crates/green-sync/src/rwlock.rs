//! `RwLock` and its guards.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{LockResult, TryLockError, TryLockResult};
use std::time::{Duration, Instant};

use green_core::park::asked_in_vain;

use crate::poison::{Flag, Watch};
use crate::raw::RawRwLock;

/// A lock around a value that any number may read at once, or one may write.
///
/// Green threads of any hub and OS threads may share it, and it may be held across anything that parks.
///
/// A writer that waits keeps new readers out. So a green thread that reads already and locks for reading once more
/// deadlocks if a writer came in between, as std's documentation warns. When a writer is done, all readers that wait
/// get their turn, and after them the next writer: neither side waits for ever.
///
/// A panic or a kill of a writer poisons the lock; one of a reader does not.
///
/// Corresponds to [`std::sync::RwLock`].
///
/// # Examples
///
/// ```
/// use green_sync::RwLock;
/// use green_thread as thread;
///
/// let table = RwLock::new(vec![1, 2, 3]);
/// thread::scope(|s| {
///     for _ in 0..3 {
///         s.spawn(|| assert!(table.read().unwrap().len() >= 3));
///     }
///     s.spawn(|| table.write().unwrap().push(4));
/// });
/// assert_eq!(table.into_inner().unwrap(), [1, 2, 3, 4]);
/// ```
pub struct RwLock<T: ?Sized> {
    poison: Flag,
    inner: lock_api::RwLock<RawRwLock, T>,
}

impl<T> RwLock<T> {
    /// Creates an unlocked lock.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::RwLock;
    ///
    /// static TABLE: RwLock<Vec<u32>> = RwLock::new(Vec::new());
    /// assert!(TABLE.read().unwrap().is_empty());
    /// ```
    #[inline]
    pub const fn new(t: T) -> Self {
        Self { poison: Flag::new(), inner: lock_api::RwLock::new(t) }
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until nobody writes, or waits to write, and locks for reading. A kill point if it must wait.
    ///
    /// # Errors
    ///
    /// If the lock is poisoned: the guard, in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// let (one, another) = (lock.read().unwrap(), lock.read().unwrap());
    /// assert_eq!(*one, *another);
    /// ```
    #[inline]
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        self.read_guard(self.inner.read())
    }

    /// Locks for reading if that is possible now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if somebody writes or waits to. `Poisoned` if the lock is poisoned: the guard, in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// let writer = lock.write().unwrap();
    /// assert!(lock.try_read().is_err());
    /// # drop(writer);
    /// ```
    #[inline]
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let Some(guard) = self.inner.try_read() else {
            asked_in_vain();
            return Err(TryLockError::WouldBlock);
        };
        Ok(self.read_guard(guard)?)
    }

    /// Locks as [`read`](Self::read) does, if that becomes possible within `timeout`. A kill point if it must wait.
    ///
    /// std has no such method.
    ///
    /// # Errors
    ///
    /// As for [`try_read`](Self::try_read).
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::RwLock;
    /// use std::time::Duration;
    ///
    /// let lock = RwLock::new(1);
    /// let writer = lock.write().unwrap();
    /// assert!(lock.try_read_for(Duration::from_millis(1)).is_err());
    /// # drop(writer);
    /// ```
    pub fn try_read_for(&self, timeout: Duration) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let guard = self.inner.try_read_for(timeout).ok_or(TryLockError::WouldBlock)?;
        Ok(self.read_guard(guard)?)
    }

    /// Locks as [`read`](Self::read) does, if that becomes possible before `deadline`. A kill point if it must wait.
    ///
    /// std has no such method.
    ///
    /// # Errors
    ///
    /// As for [`try_read`](Self::try_read).
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::RwLock;
    /// use std::time::Instant;
    ///
    /// assert!(RwLock::new(1).try_read_until(Instant::now()).is_ok());
    /// ```
    pub fn try_read_until(&self, deadline: Instant) -> TryLockResult<RwLockReadGuard<'_, T>> {
        let guard = self.inner.try_read_until(deadline).ok_or(TryLockError::WouldBlock)?;
        Ok(self.read_guard(guard)?)
    }

    /// Waits until nobody reads or writes, and locks for writing. A kill point if it must wait.
    ///
    /// # Errors
    ///
    /// If the lock is poisoned: the guard, in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// *lock.write().unwrap() = 2;
    /// assert_eq!(*lock.read().unwrap(), 2);
    /// ```
    #[inline]
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        self.write_guard(self.inner.write())
    }

    /// Locks for writing if that is possible now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if it is not. `Poisoned` if the lock is poisoned: the guard, in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::RwLock;
    ///
    /// let lock = RwLock::new(1);
    /// let reader = lock.read().unwrap();
    /// assert!(lock.try_write().is_err());
    /// # drop(reader);
    /// ```
    #[inline]
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let Some(guard) = self.inner.try_write() else {
            asked_in_vain();
            return Err(TryLockError::WouldBlock);
        };
        Ok(self.write_guard(guard)?)
    }

    /// Locks as [`write`](Self::write) does, if that becomes possible within `timeout`. A kill point if it must wait.
    ///
    /// std has no such method.
    ///
    /// # Errors
    ///
    /// As for [`try_write`](Self::try_write).
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::RwLock;
    /// use std::time::Duration;
    ///
    /// let lock = RwLock::new(1);
    /// let reader = lock.read().unwrap();
    /// assert!(lock.try_write_for(Duration::from_millis(1)).is_err());
    /// # drop(reader);
    /// ```
    pub fn try_write_for(&self, timeout: Duration) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let guard = self.inner.try_write_for(timeout).ok_or(TryLockError::WouldBlock)?;
        Ok(self.write_guard(guard)?)
    }

    /// Locks as [`write`](Self::write) does, if that becomes possible before `deadline`. A kill point if it must wait.
    ///
    /// std has no such method.
    ///
    /// # Errors
    ///
    /// As for [`try_write`](Self::try_write).
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::RwLock;
    /// use std::time::Instant;
    ///
    /// assert!(RwLock::new(1).try_write_until(Instant::now()).is_ok());
    /// ```
    pub fn try_write_until(&self, deadline: Instant) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        let guard = self.inner.try_write_until(deadline).ok_or(TryLockError::WouldBlock)?;
        Ok(self.write_guard(guard)?)
    }

    /// Returns true if the lock is poisoned.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::{Arc, RwLock};
    /// use green_thread as thread;
    ///
    /// let lock = Arc::new(RwLock::new(0));
    /// let other = Arc::clone(&lock);
    /// let unlucky = thread::spawn(move || {
    ///     let _guard = other.write().unwrap();
    ///     std::panic::resume_unwind(Box::new("out of luck"));
    /// });
    /// assert!(unlucky.join().is_err());
    /// assert!(lock.is_poisoned());
    /// ```
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_set()
    }

    /// Makes a poisoned lock a healthy one.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::RwLock;
    ///
    /// let lock = RwLock::new(0);
    /// lock.clear_poison();
    /// assert!(!lock.is_poisoned());
    /// ```
    #[inline]
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// Returns the value.
    ///
    /// # Errors
    ///
    /// If the lock is poisoned: the value, in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::RwLock;
    ///
    /// assert_eq!(RwLock::new(7).into_inner().unwrap(), 7);
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
    /// If the lock is poisoned: the reference, in the error.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::RwLock;
    ///
    /// let mut lock = RwLock::new(1);
    /// *lock.get_mut().unwrap() = 2;
    /// assert_eq!(*lock.read().unwrap(), 2);
    /// ```
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.poison.wrap(self.inner.get_mut())
    }

    #[inline]
    fn read_guard<'a>(
        &'a self,
        inner: lock_api::RwLockReadGuard<'a, RawRwLock, T>,
    ) -> LockResult<RwLockReadGuard<'a, T>> {
        self.poison.wrap(RwLockReadGuard::new(inner))
    }

    #[inline]
    fn write_guard<'a>(
        &'a self,
        inner: lock_api::RwLockWriteGuard<'a, RawRwLock, T>,
    ) -> LockResult<RwLockWriteGuard<'a, T>> {
        self.poison.wrap(RwLockWriteGuard { poison: self.poison.watch(), inner })
    }
}

impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

impl<T> From<T> for RwLock<T> {
    /// Creates an unlocked lock, as [`RwLock::new`] does.
    fn from(t: T) -> Self {
        Self::new(t)
    }
}

impl<T: Default> Default for RwLock<T> {
    /// Creates an unlocked lock around the default value.
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("RwLock");
        match self.try_read() {
            Ok(guard) => debug.field("data", &&*guard),
            Err(TryLockError::Poisoned(error)) => debug.field("data", &&**error.get_ref()),
            Err(TryLockError::WouldBlock) => debug.field("data", &format_args!("<locked>")),
        };
        debug.field("poisoned", &self.is_poisoned()).finish_non_exhaustive()
    }
}

/// The right to read the value of an [`RwLock`]; dropping it unlocks.
///
/// Corresponds to [`std::sync::RwLockReadGuard`].
///
/// It stays on its OS thread:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>(_: T) {}
/// let lock = green_sync::RwLock::new(0);
/// assert_send(lock.read().unwrap());
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockReadGuard<'rwlock, T: ?Sized> {
    /// A mapped guard is covariant in `T`, as std's is.
    inner: lock_api::MappedRwLockReadGuard<'rwlock, RawRwLock, T>,
}

impl<'rwlock, T: ?Sized> RwLockReadGuard<'rwlock, T> {
    #[inline]
    fn new(inner: lock_api::RwLockReadGuard<'rwlock, RawRwLock, T>) -> Self {
        Self { inner: lock_api::RwLockReadGuard::map(inner, |value| value) }
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The right to write the value of an [`RwLock`]; dropping it unlocks.
///
/// Corresponds to [`std::sync::RwLockWriteGuard`].
///
/// It stays on its OS thread:
///
/// ```compile_fail,E0277
/// fn assert_send<T: Send>(_: T) {}
/// let lock = green_sync::RwLock::new(0);
/// assert_send(lock.write().unwrap());
/// ```
#[must_use = "if unused the RwLock will immediately unlock"]
pub struct RwLockWriteGuard<'rwlock, T: ?Sized> {
    /// Before the lock, so that it is poisoned before it is free.
    poison: Watch<'rwlock>,
    inner: lock_api::RwLockWriteGuard<'rwlock, RawRwLock, T>,
}

impl<'rwlock, T: ?Sized> RwLockWriteGuard<'rwlock, T> {
    /// Makes the writer a reader in one step, so that nobody writes in between. Readers that wait come in with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::{RwLock, RwLockWriteGuard};
    ///
    /// let lock = RwLock::new(1);
    /// let mut writer = lock.write().unwrap();
    /// *writer = 2;
    /// let reader = RwLockWriteGuard::downgrade(writer);
    /// assert_eq!(*lock.read().unwrap(), *reader);
    /// ```
    pub fn downgrade(s: Self) -> RwLockReadGuard<'rwlock, T> {
        s.poison.pause();
        RwLockReadGuard::new(lock_api::RwLockWriteGuard::downgrade(s.inner))
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: ?Sized> UnwindSafe for RwLockWriteGuard<'_, T> {}
impl<T: ?Sized> RefUnwindSafe for RwLockWriteGuard<'_, T> {}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
