//! How many are inside, and the wait until nobody is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use green_core::kill;
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;

/// Counts those inside. Each keeps what the count belongs to alive, so the last may tell of its leave.
pub(crate) struct Occupancy {
    /// Increments are `Relaxed`; decrements release what was done inside, and the load of zero acquires it.
    inside: AtomicUsize,
    /// Where others wait for `inside` to become zero.
    emptied: WaitQueue,
}

impl Occupancy {
    pub(crate) fn new() -> Occupancy {
        Occupancy { inside: AtomicUsize::new(0), emptied: WaitQueue::new() }
    }

    pub(crate) fn count(&self) -> usize {
        self.inside.load(Ordering::Acquire)
    }

    /// Waits until nobody is inside; returns false if `deadline` passes first. A kill point if it waits.
    pub(crate) fn wait_empty(&self, deadline: Option<Instant>) -> bool {
        while self.count() != 0 {
            match self.emptied.wait_until(deadline, WaitReason::Jobs, || self.count() != 0) {
                // It was empty at that moment, even if it is not any more.
                Outcome::Unparked => return true,
                Outcome::TimedOut => return self.count() == 0,
                Outcome::Interrupted => kill::deliver(),
            }
        }
        true
    }
}

/// What has an [`Occupancy`].
pub(crate) trait Occupied {
    fn occupancy(&self) -> &Occupancy;
}

/// A place inside, until it is dropped.
pub(crate) struct Stay<P: Occupied>(Arc<P>);

impl<P: Occupied> Stay<P> {
    pub(crate) fn new(place: &Arc<P>) -> Stay<P> {
        place.occupancy().inside.fetch_add(1, Ordering::Relaxed);
        Stay(Arc::clone(place))
    }

    pub(crate) fn place(&self) -> &Arc<P> {
        &self.0
    }
}

impl<P: Occupied> Drop for Stay<P> {
    fn drop(&mut self) {
        let occupancy = self.0.occupancy();
        if occupancy.inside.fetch_sub(1, Ordering::Release) == 1 {
            occupancy.emptied.notify_all();
        }
    }
}
