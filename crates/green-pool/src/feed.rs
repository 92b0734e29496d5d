//! The part that the two forms of `imap` share: from items to jobs.

use std::iter::{Fuse, Peekable};
use std::sync::Arc;

use green_core::kill;
use green_core::unpark::{Outcome, WaitReason};
use green_core::waitable::{Waitable, wait_any};
use green_thread::Builder;

use crate::green_pool::{NO_THREAD, run_inline, start};
use crate::slots::{Admission, Slot};
use crate::{GreenPool, JobHandle};

/// Items on their way to a pool, and what is to be done with them.
///
/// An item is fetched before its slot is taken: to fetch it may take slots of the same pool, as when one `imap` feeds
/// another.
pub(crate) struct Feed<I: Iterator, F> {
    pool: GreenPool,
    items: Peekable<Fuse<I>>,
    f: Arc<F>,
}

impl<I, F> Feed<I, F>
where
    I: Iterator,
{
    pub(crate) fn new(pool: GreenPool, items: I, f: F) -> Feed<I, F> {
        Feed { pool, items: items.fuse().peekable(), f: Arc::new(f) }
    }

    pub(crate) fn pool(&self) -> &GreenPool {
        &self.pool
    }

    /// Returns how many jobs may be ahead of the results that were taken: as many as can run, and as many results.
    pub(crate) fn limit(&self) -> usize {
        self.pool.size().saturating_mul(2).max(1)
    }

    /// Returns bounds of the number of results that are left: of `jobs` that were started, and of the items.
    pub(crate) fn size_hint(&self, jobs: usize) -> (usize, Option<usize>) {
        let (least, most) = self.items.size_hint();
        (least.saturating_add(jobs), most.and_then(|most| most.checked_add(jobs)))
    }
}

impl<I, F, R> Feed<I, F>
where
    I: Iterator,
    I::Item: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
    /// Starts the next job if there is an item, waiting for a slot until the `result` is ready that there is to wait for.
    pub(crate) fn start_next(&mut self, result: Option<&dyn Waitable>) -> Option<JobHandle<R>> {
        let Some(result) = result else { return self.start_or_wait() };
        match self.try_start() {
            None if self.items.peek().is_some() => self.start_unless(result),
            job => job,
        }
    }

    /// Starts the next job if there is an item, and a slot for it.
    fn try_start(&mut self) -> Option<JobHandle<R>> {
        self.items.peek()?;
        let slot = self.pool.slots().try_enter()?;
        self.start(slot)
    }

    /// Starts the next job if there is an item, waiting for a slot. Called by a job of the pool while no slot is free,
    /// it runs the new one.
    fn start_or_wait(&mut self) -> Option<JobHandle<R>> {
        self.items.peek()?;
        match self.pool.slots().enter() {
            Admission::Slot(slot) => self.start(slot),
            Admission::Inline => {
                let item = self.items.next()?;
                Some(JobHandle::done(run_inline(|| (self.f)(item))))
            }
        }
    }

    /// Starts the next job, which there is, when a slot is free before `other` is ready. Returns nothing once `other` is.
    fn start_unless(&mut self, other: &dyn Waitable) -> Option<JobHandle<R>> {
        loop {
            match wait_any(&[other, &self.pool.slots().permits], None, WaitReason::Jobs) {
                Ok(0) => return None,
                Ok(_) => {
                    if let Some(slot) = self.pool.slots().claim() {
                        return self.start(slot);
                    }
                }
                Err(Outcome::Interrupted) => kill::deliver(),
                Err(_) => {}
            }
        }
    }

    fn start(&mut self, slot: Slot) -> Option<JobHandle<R>> {
        let item = self.items.next()?;
        let f = Arc::clone(&self.f);
        Some(start(slot, Builder::new(), move || f(item)).expect(NO_THREAD))
    }
}
