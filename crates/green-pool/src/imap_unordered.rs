//! `ImapUnordered`, the results of jobs in the order in which they come.

use std::collections::HashMap;
use std::fmt;
use std::iter::FusedIterator;
use std::sync::Arc;

use green_core::waitable::Waitable;
use green_sync::Queue;
use green_thread::{KillError, Result};

use crate::feed::Feed;
use crate::{GreenPool, JobHandle};

/// Iterates over the results of a function in a pool, in the order in which they come. Made by
/// [`GreenPool::imap_unordered`](crate::GreenPool::imap_unordered).
#[must_use = "an iterator does nothing unless it is asked for items"]
pub struct ImapUnordered<I: Iterator, F, R> {
    feed: Feed<I, F>,
    /// The jobs that were started and not yet returned, by their numbers.
    jobs: HashMap<u64, JobHandle<R>>,
    /// How many were started.
    started: u64,
    /// The numbers of those that have ended, put there by themselves.
    ended: Arc<Queue<u64>>,
    /// The number of the job that is to be returned next.
    next: Option<u64>,
}

impl<I: Iterator, F, R> ImapUnordered<I, F, R> {
    pub(crate) fn new(pool: GreenPool, items: I, f: F) -> ImapUnordered<I, F, R> {
        let feed = Feed::new(pool, items, f);
        ImapUnordered { feed, jobs: HashMap::new(), started: 0, ended: Arc::new(Queue::new(None)), next: None }
    }

    /// Ends the iteration, and kills the jobs that were started; see [`Imap::kill`](crate::Imap::kill).
    ///
    /// # Errors
    ///
    /// If the program is built with `panic = "abort"`.
    pub fn kill(self) -> std::result::Result<(), KillError> {
        self.jobs.values().try_for_each(JobHandle::kill)
    }

    fn add(&mut self, job: JobHandle<R>) {
        let (number, ended) = (self.started, Arc::clone(&self.ended));
        self.started += 1;
        // Also a job that is killed before its start, or whose OS thread ends, comes here. The queue has no limit and is
        // never closed.
        job.on_exit(move || {
            let _ = ended.try_put(number);
        });
        self.jobs.insert(number, job);
    }
}

impl<I, F, R> Iterator for ImapUnordered<I, F, R>
where
    I: Iterator,
    I::Item: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        let limit = self.feed.limit();
        while self.jobs.len() < limit && self.next.is_none() {
            let some = (!self.jobs.is_empty()).then_some(&*self.ended as &dyn Waitable);
            let Some(job) = self.feed.start_next(some) else { break };
            self.add(job);
        }
        if self.jobs.is_empty() {
            return None;
        }
        let number = match self.next {
            Some(number) => number,
            None => self.ended.get().expect("it is never closed"),
        };
        // Kept, in case that the rest of the wait is unwound: its job has ended but for its thread-locals.
        self.next = Some(number);
        self.jobs.get(&number)?.wait();
        self.next = None;
        self.jobs.remove(&number).map(JobHandle::join)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.feed.size_hint(self.jobs.len())
    }
}

impl<I, F, R> FusedIterator for ImapUnordered<I, F, R>
where
    I: Iterator,
    I::Item: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
}

impl<I: Iterator, F, R> fmt::Debug for ImapUnordered<I, F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImapUnordered")
            .field("pool", self.feed.pool())
            .field("jobs", &self.jobs.len())
            .finish_non_exhaustive()
    }
}
