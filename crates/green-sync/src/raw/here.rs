//! Which OS thread locked last: a hint that tells whether spinning can help.
//!
//! The holder of a lock either runs on another OS thread, and may be done in a moment, or it is a green thread of this
//! one, and then it will not get on before we park. A spin helps in the first case alone.

use std::cell::Cell;
use std::ptr;

#[cfg(not(loom))]
use std::sync::atomic::{AtomicUsize, Ordering};

thread_local! {
    /// Never read: its address is this OS thread's number. A `Cell`, lest it be merged with other constants.
    static HERE: Cell<u8> = const { Cell::new(0) };
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

#[cfg(not(loom))]
#[inline(always)]
fn here() -> usize {
    // In a thread-local destructor there is still an address, because the value has no destructor of its own.
    HERE.with(|byte| ptr::from_ref(byte).addr())
}
