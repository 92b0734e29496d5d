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

    /// Returns bounds of the number of items that are left.
    pub(crate) fn size_hint(&self) -> (usize, Option<usize>) {
        self.items.size_hint()
    }
}

impl<I, F, R> Feed<I, F>
where
    I: Iterator,
    I::Item: Send + 'static,
    F: Fn(I::Item) -> R + Send + Sync + 'static,
    R: Send + 'static,
{
    /// Starts the next job if there is an item, and a slot for it.
    pub(crate) fn try_start(&mut self) -> Option<JobHandle<R>> {
        self.items.peek()?;
        let slot = self.pool.slots().try_enter()?;
        self.start(slot)
    }

    /// Starts the next job if there is an item, waiting for a slot. Called by a job of the pool while no slot is free,
    /// it runs the new one.
    pub(crate) fn start_or_wait(&mut self) -> Option<JobHandle<R>> {
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
    pub(crate) fn start_unless(&mut self, other: &dyn Waitable) -> Option<JobHandle<R>> {
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

    /// Returns whether there is an item, fetching it if need be.
    pub(crate) fn has_more(&mut self) -> bool {
        self.items.peek().is_some()
    }

    fn start(&mut self, slot: Slot) -> Option<JobHandle<R>> {
        let item = self.items.next()?;
        let f = Arc::clone(&self.f);
        Some(start(slot, Builder::new(), move || f(item)).expect(NO_THREAD))
    }
}
