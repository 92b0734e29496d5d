//! A semaphore whose `release` waits when it has as many permits as it may have.

use std::fmt;
use std::time::{Duration, Instant};

use green_core::clock;

use super::AcquireError;
use crate::queue::{GetError, OrderedQueue, PutError, Tokens};

/// A semaphore with a limit: whoever gives a permit back when there are as many as there may be waits until somebody
/// takes one.
///
/// It is a queue of permits that do not differ from each other: producers `release`, consumers `acquire`, and neither
/// gets ahead of the other by more than the limit. With a limit of zero the two meet: each waits for the other. Both
/// sides are served in the order in which they came.
///
/// Permits are not tied to a guard, since giving back may wait, and is often not done by the one who took.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use green_sync::semaphore::CappedSemaphore;
///
/// // Nobody gets ahead of the other by more than two steps.
/// let steps = Arc::new(CappedSemaphore::new(0, 2));
/// let walker = green_thread::spawn({
///     let steps = Arc::clone(&steps);
///     move || (0..10).try_for_each(|_| steps.release())
/// });
/// for _ in 0..10 {
///     steps.acquire()?;
/// }
/// walker.join().unwrap()?;
/// assert_eq!(steps.balance(), -2);
/// # Ok::<(), green_sync::semaphore::AcquireError>(())
/// ```
pub struct CappedSemaphore {
    permits: OrderedQueue<Tokens>,
    limit: usize,
}

impl CappedSemaphore {
    /// Creates a semaphore with `permits` permits that may have up to `limit`.
    ///
    /// # Panics
    ///
    /// If `permits` is more than `limit`.
    #[must_use]
    pub const fn new(permits: usize, limit: usize) -> Self {
        assert!(permits <= limit, "more permits than the limit of the semaphore");
        Self { permits: OrderedQueue::holding(Tokens::new(permits), Some(limit)), limit }
    }

    /// Takes a permit, waiting until it is this caller's turn. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Closed`].
    pub fn acquire(&self) -> Result<(), AcquireError> {
        self.permits.get().map_err(got)
    }

    /// Takes a permit, waiting for `timeout` at the longest.
    ///
    /// # Errors
    ///
    /// [`AcquireError::TimedOut`] and [`AcquireError::Closed`].
    pub fn acquire_timeout(&self, timeout: Duration) -> Result<(), AcquireError> {
        self.permits.get_timeout(timeout).map_err(got)
    }

    /// Takes a permit, waiting until `deadline` at the longest.
    ///
    /// # Errors
    ///
    /// [`AcquireError::TimedOut`] and [`AcquireError::Closed`].
    pub fn acquire_until(&self, deadline: Instant) -> Result<(), AcquireError> {
        self.permits.get_until(Some(deadline)).map_err(got)
    }

    /// Takes a permit if one is free that nobody waits for, or if somebody waits to give one back. Never waits.
    ///
    /// # Errors
    ///
    /// [`AcquireError::NoPermits`] and [`AcquireError::Closed`].
    pub fn try_acquire(&self) -> Result<(), AcquireError> {
        self.permits.try_get().map_err(got)
    }

    /// Gives a permit back, waiting while there are as many as there may be. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Closed`].
    pub fn release(&self) -> Result<(), AcquireError> {
        self.permits.put(()).map_err(put)
    }

    /// Gives a permit back, waiting for `timeout` at the longest.
    ///
    /// # Errors
    ///
    /// [`AcquireError::TimedOut`] and [`AcquireError::Closed`]; the permit was not given back then.
    pub fn release_timeout(&self, timeout: Duration) -> Result<(), AcquireError> {
        self.permits.put_until((), clock::after(timeout)).map_err(put)
    }

    /// Gives a permit back if there is room for one, or if somebody waits for one. Never waits.
    ///
    /// # Errors
    ///
    /// [`AcquireError::NoPermits`] if there is no room for a permit, and [`AcquireError::Closed`].
    pub fn try_release(&self) -> Result<(), AcquireError> {
        self.permits.try_put(()).map_err(put)
    }

    /// Returns how many permits are free that nobody waits for.
    pub fn available_permits(&self) -> usize {
        self.permits.len()
    }

    /// Returns how many permits there may be.
    pub const fn limit(&self) -> usize {
        self.limit
    }

    /// Returns how far it is from even: the free permits less the room for more, each less those who wait for it.
    ///
    /// It goes from minus the limit, with nothing there, to the limit, with everything there, and beyond by the number
    /// of those who wait on either side.
    pub fn balance(&self) -> isize {
        self.permits.balance()
    }

    /// Closes the semaphore: permits that are free can still be taken, all who wait get [`AcquireError::Closed`], and
    /// so does whoever gives one back.
    pub fn close(&self) {
        self.permits.close();
    }

    /// Returns true once the semaphore was closed.
    pub fn is_closed(&self) -> bool {
        self.permits.is_closed()
    }

    /// Returns the mechanism, for `select`.
    pub(crate) fn queue(&self) -> &OrderedQueue<Tokens> {
        &self.permits
    }
}

impl fmt::Debug for CappedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CappedSemaphore")
            .field("balance", &self.balance())
            .field("limit", &self.limit())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

fn got(error: GetError) -> AcquireError {
    match error {
        GetError::Empty => AcquireError::NoPermits,
        GetError::TimedOut => AcquireError::TimedOut,
        GetError::Closed => AcquireError::Closed,
    }
}

fn put(error: PutError<()>) -> AcquireError {
    match error {
        PutError::Full(()) => AcquireError::NoPermits,
        PutError::TimedOut(()) => AcquireError::TimedOut,
        PutError::Closed(()) => AcquireError::Closed,
    }
}
