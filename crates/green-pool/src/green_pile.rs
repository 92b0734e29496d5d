//! `GreenPile`, jobs whose results come out in the order in which they were spawned.

use std::collections::VecDeque;
use std::fmt;

use green_thread::Result;

use crate::{GreenPool, JobHandle};

/// Collects jobs, and iterates over their results in the order in which they were spawned.
///
/// It has a pool of its own, or shares one with other piles. More jobs may be spawned between two results; an empty pile
/// ends the iteration for now. A job that panics or is killed is an `Err` in its place. One whose spawning was ended by a
/// deadline or a kill has no place.
///
/// The pile keeps each result until it is asked for. Dropping the pile drops them, and detaches the jobs that still run.
///
/// Follows eventlet's `GreenPile`.
///
/// # Examples
///
/// ```
/// use green_pool::GreenPile;
///
/// let mut pile = GreenPile::new(5);
/// for word in ["feed", "the", "pile"] {
///     pile.spawn(move || word.len());
/// }
/// let lengths: Vec<_> = pile.by_ref().map(Result::unwrap).collect();
/// assert_eq!(lengths, [4, 3, 4]);
/// assert!(pile.next().is_none());
/// ```
#[must_use = "the results are dropped with the pile"]
pub struct GreenPile<T> {
    pool: GreenPool,
    jobs: VecDeque<JobHandle<T>>,
}

impl<T> GreenPile<T> {
    /// Creates a pile with a pool of `size` slots for itself.
    ///
    /// # Panics
    ///
    /// As [`GreenPool::new`].
    pub fn new(size: usize) -> GreenPile<T> {
        GreenPile::with_pool(&GreenPool::new(size))
    }

    /// Creates a pile whose jobs run in `pool`.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::{GreenPile, GreenPool};
    ///
    /// let pool = GreenPool::new(2);
    /// let [mut one, mut two] = [GreenPile::with_pool(&pool), GreenPile::with_pool(&pool)];
    /// for n in 0..10 {
    ///     one.spawn(move || n);
    ///     two.spawn(move || -n);
    /// }
    /// assert!(one.zip(two).all(|(one, two)| one.unwrap() + two.unwrap() == 0));
    /// ```
    pub fn with_pool(pool: &GreenPool) -> GreenPile<T> {
        GreenPile { pool: pool.clone(), jobs: VecDeque::new() }
    }

    /// Starts a job, as [`GreenPool::spawn`] does, and keeps a place for its result.
    ///
    /// # Panics
    ///
    /// If the green thread cannot be made.
    pub fn spawn<F>(&mut self, f: F)
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let job = self.pool.spawn(f);
        self.jobs.push_back(job);
    }

    /// Returns the pool in which the jobs run.
    #[must_use]
    pub fn pool(&self) -> &GreenPool {
        &self.pool
    }
}

/// Waits for the results, oldest job first. Each wait is a kill point, and leaves the place to the next call if it is
/// unwound.
impl<T> Iterator for GreenPile<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        self.jobs.front()?.wait();
        self.jobs.pop_front().map(JobHandle::join)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.jobs.len(), Some(self.jobs.len()))
    }
}

impl<T> ExactSizeIterator for GreenPile<T> {}

impl<T> fmt::Debug for GreenPile<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GreenPile").field("pool", &self.pool).field("jobs", &self.jobs.len()).finish()
    }
}
