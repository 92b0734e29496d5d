//! Which OS thread has a lock: a hint that tells whether spinning can help.
//!
//! The holder of a lock either runs on another OS thread, and may be done in a moment, or it is a green thread of this
//! one, and then it will not get on before we park. A spin helps in the first case alone.

use std::cell::Cell;
use std::ptr;

#[cfg(not(loom))]
use std::sync::atomic::{AtomicUsize, Ordering};

/// Aligned, so that the last four bits of its address say nothing. A `Cell`, lest it be merged with other constants.
#[cfg(not(loom))]
#[repr(align(16))]
struct Place(#[expect(dead_code, reason = "only its address counts")] Cell<u8>);

#[cfg(not(loom))]
thread_local! {
    static HERE: Place = const { Place(Cell::new(0)) };
}

/// The last OS thread that took a lock, by its number, or 0.
///
/// Only a hint: it is written after the lock was taken and never cleared, and numbers of ended OS threads come back.
#[derive(Debug)]
pub(super) struct Holder {
    #[cfg(not(loom))]
    number: AtomicUsize,
}

#[cfg(not(loom))]
impl Holder {
    pub(super) const fn nobody() -> Self {
        Self { number: AtomicUsize::new(0) }
    }

    /// Notes that the lock was taken here.
    #[inline(always)]
    pub(super) fn note(&self) {
        self.number.store(here(), Ordering::Relaxed);
    }

    /// Returns true if this OS thread was the last to take the lock.
    #[inline]
    pub(super) fn is_here(&self) -> bool {
        self.number.load(Ordering::Relaxed) == here()
    }
}

/// A model has nothing to gain from spinning.
#[cfg(loom)]
impl Holder {
    pub(super) fn nobody() -> Self {
        Self {}
    }

    pub(super) fn note(&self) {}

    pub(super) fn is_here(&self) -> bool {
        true
    }
}

/// Returns the number of this OS thread: multiples of 16, unlike those of the other OS threads that live.
#[cfg(not(loom))]
#[inline(always)]
pub(super) fn here() -> usize {
    // In a thread-local destructor there is still an address, because the value has no destructor of its own.
    HERE.with(|place| ptr::from_ref(place).addr())
}

/// A model has one OS thread, where all its threads are green: it has nothing to gain from spinning.
#[cfg(loom)]
pub(super) fn here() -> usize {
    0
}
