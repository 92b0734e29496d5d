//! Semaphores: a number of permits, handed out in the order in which they were asked for.

mod bounded;
mod capped;

use std::fmt;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::permits::Permits;

pub use bounded::{BoundedSemaphore, OverReleaseError};
pub use capped::CappedSemaphore;
pub use green_core::permits::AcquireError;

/// A number of permits, of which everybody who wants to do something takes one for as long as it takes.
///
/// First come, first served, strictly: whoever asks stands behind all who wait, green threads of any hub and OS threads
/// alike, and [`try_acquire`](Self::try_acquire) does not snatch a permit that a waiter has been woken for. A waiter
/// that gives up or is killed takes nothing along.
///
/// # Examples
///
/// ```
/// use green_sync::Semaphore;
///
/// static DESKS: Semaphore = Semaphore::new(2);
///
/// let one = DESKS.acquire()?;
/// let two = DESKS.acquire()?;
/// assert!(DESKS.try_acquire().is_err());
/// drop(one);
/// assert_eq!(DESKS.available_permits(), 1);
/// # drop(two);
/// # Ok::<(), green_sync::semaphore::AcquireError>(())
/// ```
pub struct Semaphore {
    permits: Permits,
}

impl Semaphore {
    /// The greatest number of permits that a semaphore can have.
    pub const MAX_PERMITS: usize = Permits::MAX;

    /// Creates a semaphore with `permits` permits.
    ///
    /// # Panics
    ///
    /// If that is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    #[must_use]
    pub const fn new(permits: usize) -> Self {
        Self { permits: Permits::new(permits) }
    }

    /// Takes a permit, waiting until it is this caller's turn. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Closed`].
    pub fn acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.permits.acquire()?;
        Ok(Permit::of(&self.permits))
    }

    /// Takes a permit as [`acquire`](Self::acquire) does, waiting for `timeout` at the longest.
    ///
    /// # Errors
    ///
    /// [`AcquireError::TimedOut`] and [`AcquireError::Closed`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use green_sync::Semaphore;
    /// use green_sync::semaphore::AcquireError;
    ///
    /// let none = Semaphore::new(0);
    /// assert_eq!(none.acquire_timeout(Duration::from_millis(1)).unwrap_err(), AcquireError::TimedOut);
    /// ```
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Permit<'_>, AcquireError> {
        self.permits.acquire_until(clock::after(timeout))?;
        Ok(Permit::of(&self.permits))
    }

    /// Takes a permit as [`acquire`](Self::acquire) does, waiting until `deadline` at the longest.
    ///
    /// # Errors
    ///
    /// [`AcquireError::TimedOut`] and [`AcquireError::Closed`].
    pub fn acquire_until(&self, deadline: Instant) -> Result<Permit<'_>, AcquireError> {
        self.permits.acquire_until(Some(deadline))?;
        Ok(Permit::of(&self.permits))
    }

    /// Takes a permit if one is free that nobody waits for. Never waits.
    ///
    /// # Errors
    ///
    /// [`AcquireError::NoPermits`] and [`AcquireError::Closed`].
    pub fn try_acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.permits.try_acquire()?;
        Ok(Permit::of(&self.permits))
    }

    /// Takes a permit as [`acquire`](Self::acquire) does, one that keeps the semaphore alive and can go anywhere.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Closed`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use green_sync::Semaphore;
    ///
    /// let limit = Arc::new(Semaphore::new(10));
    /// let workers: Vec<_> = (0..100)
    ///     .map(|i| {
    ///         let permit = limit.acquire_owned()?;
    ///         Ok(green_thread::spawn(move || {
    ///             let _permit = permit;
    ///             i * 2 // At most ten are in here.
    ///         }))
    ///     })
    ///     .collect::<Result<_, _>>()?;
    /// let sum: u32 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
    /// assert_eq!(sum, 9900);
    /// # Ok::<(), green_sync::semaphore::AcquireError>(())
    /// ```
    pub fn acquire_owned(self: &Arc<Self>) -> Result<OwnedPermit, AcquireError> {
        self.permits.acquire()?;
        Ok(OwnedPermit::of(self))
    }

    /// Takes an owned permit if one is free that nobody waits for. Never waits.
    ///
    /// # Errors
    ///
    /// [`AcquireError::NoPermits`] and [`AcquireError::Closed`].
    pub fn try_acquire_owned(self: &Arc<Self>) -> Result<OwnedPermit, AcquireError> {
        self.permits.try_acquire()?;
        Ok(OwnedPermit::of(self))
    }

    /// Adds one permit: one that was [forgotten](Permit::forget), or a new one. Never waits.
    ///
    /// # Panics
    ///
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    pub fn release(&self) {
        self.permits.release(1);
    }

    /// Adds `permits` permits. Never waits.
    ///
    /// # Panics
    ///
    /// If there would be more than [`MAX_PERMITS`](Self::MAX_PERMITS).
    pub fn add_permits(&self, permits: usize) {
        self.permits.release(permits);
    }

    /// Takes up to `permits` of the free permits away for good, and returns how many. Never waits.
    pub fn forget_permits(&self, permits: usize) -> usize {
        self.permits.withdraw(permits)
    }

    /// Returns how many permits are free that nobody waits for.
    pub fn available_permits(&self) -> usize {
        self.permits.available()
    }

    /// Returns the number of free permits less the number of those who wait for one.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(3);
    /// let permit = semaphore.acquire()?;
    /// assert_eq!(semaphore.balance(), 2);
    /// # drop(permit);
    /// # Ok::<(), green_sync::semaphore::AcquireError>(())
    /// ```
    pub fn balance(&self) -> isize {
        self.permits.balance()
    }

    /// Closes the semaphore: those who wait get [`AcquireError::Closed`], and so does everybody who comes later.
    /// Permits that are out stay valid.
    pub fn close(&self) {
        self.permits.close();
    }

    /// Returns true once the semaphore was closed.
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    /// Returns the mechanism, for `select`.
    pub(crate) fn permits(&self) -> &Permits {
        &self.permits
    }

    /// Takes the permit that a `select` was told of.
    pub(crate) fn claim(&self) -> Result<Permit<'_>, AcquireError> {
        self.permits.claim()?;
        Ok(Permit::of(&self.permits))
    }
}

// Nobody unwinds in the middle of a change.
impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("balance", &self.balance())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// A permit of a [`Semaphore`] or a [`BoundedSemaphore`], given back when it is dropped.
#[must_use = "the permit is given back when the value is dropped"]
pub struct Permit<'a> {
    permits: &'a Permits,
    /// How many may be free once it is given back.
    limit: usize,
}

impl<'a> Permit<'a> {
    fn of(permits: &'a Permits) -> Self {
        Self { permits, limit: Permits::MAX }
    }

    fn within(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Keeps the permit from being given back: the semaphore has one less from now on.
    pub fn forget(self) {
        mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // Somebody who gave back a permit that they did not have has left no room for this one.
        let _fits = self.permits.release_within(1, self.limit);
    }
}

// What it leads to is.
impl UnwindSafe for Permit<'_> {}
impl RefUnwindSafe for Permit<'_> {}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// A permit of a [`Semaphore`] in an [`Arc`], given back when it is dropped.
#[must_use = "the permit is given back when the value is dropped"]
pub struct OwnedPermit {
    /// `None` once the permit is forgotten.
    semaphore: Option<Arc<Semaphore>>,
}

impl OwnedPermit {
    fn of(semaphore: &Arc<Semaphore>) -> Self {
        Self { semaphore: Some(Arc::clone(semaphore)) }
    }

    /// Keeps the permit from being given back: the semaphore has one less from now on.
    pub fn forget(mut self) {
        self.semaphore = None;
    }
}

impl Drop for OwnedPermit {
    fn drop(&mut self) {
        if let Some(semaphore) = self.semaphore.take() {
            // There is room unless somebody has added permits up to the maximum meanwhile.
            let _fits = semaphore.permits.release_within(1, Permits::MAX);
        }
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").finish_non_exhaustive()
    }
}
