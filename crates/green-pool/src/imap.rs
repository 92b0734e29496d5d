//! `Imap`, the results of jobs in the order of their items.

use std::collections::VecDeque;
use std::fmt;
use std::iter::FusedIterator;

use green_core::waitable::Waitable;
use green_thread::{KillError, Result};

use crate::feed::Feed;
use crate::{GreenPool, JobHandle};

/// Iterates over the results of a function in a pool, in the order of the items. Made by
/// [`GreenPool::imap`](crate::GreenPool::imap).
#[must_use = "an iterator does nothing unless it is asked for items"]
pub struct Imap<I: Iterator, F, R> {
    feed: Feed<I, F>,
    /// The jobs that were started and not yet asked for, oldest first.
    jobs: VecDeque<JobHandle<R>>,
}

impl<I: Iterator, F, R> Imap<I, F, R> {
    pub(crate) fn new(pool: GreenPool, items: I, f: F) -> Imap<I, F, R> {
        Imap { feed: Feed::new(pool, items, f), jobs: VecDeque::new() }
    }

    /// Ends the iteration, and kills the jobs that were started.
    ///
    /// # Errors
    ///
    /// If the program is built with `panic = "abort"`.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::GreenPool;
    ///
    /// let pool = GreenPool::new(2);
    /// let mut results = pool.imap([false, true, true], |wait| if wait { green_thread::park() });
    /// assert!(results.next().is_some());
    /// results.kill()?;
    /// pool.wait_all().expect("this is not a job");
    /// # Ok::<(), green_thread::KillError>(())
    /// ```
    pub fn kill(self) -> std::result::Result<(), KillError> {
        self.jobs.iter().try_for_each(JobHandle::kill)
    }
}

impl<I, F, R> Iterator for Imap<I, F, R>
where
    I: Iterator,
    I::Item: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        let limit = self.feed.limit();
        while self.jobs.len() < limit {
            let oldest = self.jobs.front().map(|job| job as &dyn Waitable);
            let Some(job) = self.feed.start_next(oldest) else { break };
            self.jobs.push_back(job);
        }
        // A wait that is unwound leaves the job in its place.
        self.jobs.front()?.wait();
        self.jobs.pop_front().map(JobHandle::join)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.feed.size_hint(self.jobs.len())
    }
}

impl<I, F, R> FusedIterator for Imap<I, F, R>
where
    I: Iterator,
    I::Item: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
}

impl<I: Iterator, F, R> fmt::Debug for Imap<I, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Imap").field("pool", self.feed.pool()).field("jobs", &self.jobs.len()).finish_non_exhaustive()
    }
}
