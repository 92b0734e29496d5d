//! The slots of a pool: who may run, and who waits to.
//!
//! A job is inside from before it has its slot until after it has given it back. So when nobody is inside, every slot is
//! free, and a job whose turn to start has come is never taken for none. More may be inside than run, but no decision
//! hangs on that: what runs is told by `permits`, which can be asked at any moment.
//!
//! Who leaves last and who waits for that are told apart from those who come after: the step that makes the number of
//! those inside zero also counts *how often* it became zero, and a waiter waits for that count to change. A wake-up would not
//! do. It comes some time after the step, and meets those who have begun to wait for a later job meanwhile.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// How many are inside, in the bits of [`INSIDE`], and above them how often that became zero. Increments are `Relaxed`;
    /// decrements release what was done inside, and the loads acquire it.
    stays: AtomicU64,
    /// Where others wait for those inside to become none.
    emptied: WaitQueue,
}

/// What is added to `stays` when nobody is inside any more.
const EMPTIED: u64 = 1 << 40;

/// The bits for those inside: more than there is memory for. The count above them wraps.
const INSIDE: u64 = EMPTIED - 1;

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
            stays: AtomicU64::new(0),
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
        self.stays.load(Ordering::Acquire) & INSIDE == 0
    }

    /// Waits until nobody is inside; returns false if `deadline` passes first. A kill point if it waits.
    pub(crate) fn wait_empty(&self, deadline: Option<Instant>) -> bool {
        let before = self.stays.load(Ordering::Acquire);
        // It was empty at some moment, even if it is not any more.
        let was_empty = || before & INSIDE == 0 || self.stays.load(Ordering::Acquire) / EMPTIED != before / EMPTIED;
        while !was_empty() {
            match self.emptied.wait_until(deadline, WaitReason::Jobs, || !was_empty()) {
                Outcome::Unparked => {}
                Outcome::TimedOut => return was_empty(),
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
        slots.stays.fetch_add(1, Ordering::Relaxed);
        Stay(Arc::clone(slots))
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        let leave = |stays: u64| {
            let left = stays - 1;
            Some(if left & INSIDE == 0 { left.wrapping_add(EMPTIED) } else { left })
        };
        let before = self.0.stays.fetch_update(Ordering::Release, Ordering::Relaxed, leave);
        if before.is_ok_and(|stays| stays & INSIDE == 1) {
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
