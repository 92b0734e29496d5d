//! Atomics, locks and cells that a loom model can replace.
//!
//! Every protocol between OS threads imports its building blocks from here. Under `cfg(loom)` they are loom's, so
//! that a model explores the interleavings of the very code that ships; otherwise they are std's and parking_lot's.

#[cfg(not(loom))]
pub use parking_lot::{Mutex, MutexGuard};
#[cfg(not(loom))]
pub use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

#[cfg(loom)]
pub use loom::sync::MutexGuard;
#[cfg(loom)]
pub use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

/// Tells the processor that this is a spin loop.
pub fn spin(rounds: u32) {
    #[cfg(not(loom))]
    if rounds < 64 {
        std::hint::spin_loop();
    } else {
        // The other side was preempted between two instructions: give it the core.
        std::thread::yield_now();
    }
    #[cfg(loom)]
    {
        let _ = rounds;
        loom::thread::yield_now();
    }
}

/// loom's `Mutex` with parking_lot's signature.
#[cfg(loom)]
#[derive(Debug)]
pub struct Mutex<T>(loom::sync::Mutex<T>);

#[cfg(loom)]
impl<T> Mutex<T> {
    pub fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
        self.0.lock().expect("no model panics with a lock held")
    }
}
