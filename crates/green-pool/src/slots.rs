//! The slots of a pool: who may run, and who waits to.
//!
//! A job is inside from before it has its slot until after it has given it back. So when nobody is inside, every slot is
//! free, and a job whose turn to start has come is never taken for none. More may be inside than run, but no decision
//! hangs on that: what runs is told by `permits`, which can be asked at any moment.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use green_core::permits::Permits;
use green_core::primitive::Mutex;
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_core::{identity, kill};

/// What all handles and jobs of a pool share.
pub(crate) struct Slots {
    /// The pool's name among the groups of green threads.
    number: NonZeroU64,
    /// One for each free slot.
    pub(crate) permits: Permits,
    size: Mutex<usize>,
    /// Increments are `Relaxed`; decrements release what was done inside, and the load of zero acquires it.
    inside: AtomicUsize,
    /// Where others wait for `inside` to become zero.
    emptied: WaitQueue,
}

/// How a job may go on.
pub(crate) enum Admission {
    /// It has a slot.
    Slot(Slot),
    /// It is to run in its spawner, which has one.
    Inline,
}

impl Slots {
    pub(crate) fn new(size: usize) -> Arc<Slots> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        Arc::new(Slots {
            number: NonZeroU64::new(number).expect("nobody makes that many pools"),
            permits: Permits::new(size),
            size: Mutex::new(size),
            inside: AtomicUsize::new(0),
            emptied: WaitQueue::new(),
        })
    }

    /// Takes a slot, or says that the caller's own will do; waits for one if there is none. A kill point if it waits.
    pub(crate) fn enter(self: &Arc<Slots>) -> Admission {
        if let Some(slot) = self.try_enter() {
            return Admission::Slot(slot);
        }
        if self.has_caller() {
            return Admission::Inline;
        }
        // Inside before it waits, so that nobody believes the pool empty between the wake-up and the slot.
        let stay = Stay::new(self);
        self.permits.acquire().expect("a pool's permits are never closed");
        Admission::Slot(Slot(stay))
    }

    /// Takes a slot if one is free that nobody waits for.
    pub(crate) fn try_enter(self: &Arc<Slots>) -> Option<Slot> {
        self.permits.try_acquire().ok()?;
        Some(Slot(Stay::new(self)))
    }

    /// Takes a slot after a wait for one of several things has found `permits` ready.
    pub(crate) fn claim(self: &Arc<Slots>) -> Option<Slot> {
        self.permits.claim().ok()?;
        Some(Slot(Stay::new(self)))
    }

    /// Makes the calling green thread, which has just started, a job of this pool.
    pub(crate) fn adopt_caller(&self) {
        identity::join_group(self.number);
    }

    /// Returns true if the caller is a job of this pool.
    pub(crate) fn has_caller(&self) -> bool {
        identity::current_group() == Some(self.number)
    }

    /// Returns true if nobody is inside.
    pub(crate) fn is_empty(&self) -> bool {
        self.inside.load(Ordering::Acquire) == 0
    }

    /// Waits until nobody is inside; returns false if `deadline` passes first. A kill point if it waits.
    pub(crate) fn wait_empty(&self, deadline: Option<Instant>) -> bool {
        while !self.is_empty() {
            match self.emptied.wait_until(deadline, WaitReason::Jobs, || !self.is_empty()) {
                // It was empty at that moment, even if it is not any more.
                Outcome::Unparked => return true,
                Outcome::TimedOut => return self.is_empty(),
                Outcome::Interrupted => kill::deliver(),
            }
        }
        true
    }

    pub(crate) fn size(&self) -> usize {
        *self.size.lock()
    }

    pub(crate) fn resize(&self, new: usize) {
        assert!(new <= Permits::MAX, "more slots than a pool can count");
        let mut size = self.size.lock();
        if new > *size {
            self.permits.release(new - *size);
        } else {
            self.permits.reduce(*size - new);
        }
        *size = new;
    }

    /// Returns the slots that are free, less the jobs that run beyond the size.
    pub(crate) fn free(&self) -> isize {
        self.permits.free()
    }

    /// Returns how many jobs have a slot.
    pub(crate) fn running(&self) -> usize {
        // The lock keeps the two numbers together.
        let size = self.size.lock();
        size.saturating_add_signed(self.permits.free().saturating_neg())
    }
}

/// A place inside, with or without a slot, until it is dropped.
struct Stay(Arc<Slots>);

impl Stay {
    fn new(slots: &Arc<Slots>) -> Stay {
        slots.inside.fetch_add(1, Ordering::Relaxed);
        Stay(Arc::clone(slots))
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if self.0.inside.fetch_sub(1, Ordering::Release) == 1 {
            self.0.emptied.notify_all();
        }
    }
}

/// The right to run in a pool; dropping it gives it back, however the job ended and whether or not it has started.
pub(crate) struct Slot(Stay);

impl Slot {
    pub(crate) fn slots(&self) -> &Arc<Slots> {
        &self.0.0
    }
}

impl Drop for Slot {
    #[inline]
    fn drop(&mut self) {
        self.slots().permits.release(1);
    }
}
