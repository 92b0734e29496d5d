//! A semaphore that takes back no more permits than it gave.

use std::fmt;
use std::time::{Duration, Instant};

use green_core::permits::Permits;
use thiserror::Error;

use super::{AcquireError, Permit, Semaphore};

/// A [`Semaphore`] that never has more free permits than it was made with: to give back one too many is an error.
///
/// Permits that are dropped can not be too many. It is for code that takes in one place, [forgets](Permit::forget) the
/// permit, and gives back in another, where a bug that gives back twice would otherwise go unnoticed.
///
/// # Examples
///
/// ```
/// use green_sync::semaphore::BoundedSemaphore;
///
/// let semaphore = BoundedSemaphore::new(1);
/// semaphore.acquire().unwrap().forget();
/// assert!(semaphore.release().is_ok());
/// assert!(semaphore.release().is_err());
/// ```
pub struct BoundedSemaphore {
    semaphore: Semaphore,
    limit: usize,
}

impl BoundedSemaphore {
    /// Creates a semaphore with `permits` permits, all of them free.
    ///
    /// # Panics
    ///
    /// If that is more than [`Semaphore::MAX_PERMITS`].
    #[must_use]
    pub const fn new(permits: usize) -> Self {
        Self { semaphore: Semaphore::new(permits), limit: permits }
    }

    /// Takes a permit, as [`Semaphore::acquire`] does. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Closed`].
    pub fn acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.bound(self.semaphore.acquire())
    }

    /// Takes a permit, waiting for `timeout` at the longest.
    ///
    /// # Errors
    ///
    /// [`AcquireError::TimedOut`] and [`AcquireError::Closed`].
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<Permit<'_>, AcquireError> {
        self.bound(self.semaphore.acquire_timeout(timeout))
    }

    /// Takes a permit, waiting until `deadline` at the longest.
    ///
    /// # Errors
    ///
    /// [`AcquireError::TimedOut`] and [`AcquireError::Closed`].
    pub fn acquire_until(&self, deadline: Instant) -> Result<Permit<'_>, AcquireError> {
        self.bound(self.semaphore.acquire_until(deadline))
    }

    /// Takes a permit if one is free that nobody waits for. Never waits.
    ///
    /// # Errors
    ///
    /// [`AcquireError::NoPermits`] and [`AcquireError::Closed`].
    pub fn try_acquire(&self) -> Result<Permit<'_>, AcquireError> {
        self.bound(self.semaphore.try_acquire())
    }

    fn bound<'a>(&self, result: Result<Permit<'a>, AcquireError>) -> Result<Permit<'a>, AcquireError> {
        result.map(|permit| permit.within(self.limit))
    }

    /// Gives back a permit that was [forgotten](Permit::forget). Never waits.
    ///
    /// # Errors
    ///
    /// If all permits are there already; nothing is changed then.
    pub fn release(&self) -> Result<(), OverReleaseError> {
        if self.permits().release_within(1, self.limit) { Ok(()) } else { Err(OverReleaseError) }
    }

    /// Returns how many permits are free that nobody waits for.
    pub fn available_permits(&self) -> usize {
        self.semaphore.available_permits()
    }

    /// Returns the number of free permits less the number of those who wait for one.
    pub fn balance(&self) -> isize {
        self.semaphore.balance()
    }

    /// Closes the semaphore, as [`Semaphore::close`] does.
    pub fn close(&self) {
        self.semaphore.close();
    }

    /// Returns true once the semaphore was closed.
    pub fn is_closed(&self) -> bool {
        self.semaphore.is_closed()
    }

    /// Returns the mechanism, for `select`.
    pub(crate) fn permits(&self) -> &Permits {
        self.semaphore.permits()
    }

    /// Takes the permit that a `select` was told of.
    pub(crate) fn claim(&self) -> Result<Permit<'_>, AcquireError> {
        self.bound(self.semaphore.claim())
    }
}

impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedSemaphore")
            .field("balance", &self.balance())
            .field("limit", &self.limit)
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// A permit was given back to a [`BoundedSemaphore`] that had all of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("more permits were given back than were taken")]
#[non_exhaustive]
pub struct OverReleaseError;
