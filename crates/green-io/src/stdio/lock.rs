//! A lock that its green thread may take several times, around an output stream.
//!
//! It is held while its owner parks, which std's own locks must not be (I10); it is what keeps the lines of two green
//! threads apart.
//!
//! The owner is named by the green thread's number. A guard never leaves its green thread, since it is not `Send`, nor
//! lent, since it is not `Sync`.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_core::{identity, kill};

/// No green thread has this number.
const NOBODY: u64 = 0;

#[derive(Debug)]
pub(crate) struct ReentrantLock {
    /// Stored with `Release` when the lock is let go, taken with `Acquire`.
    owner: AtomicU64,
    /// How often the owner has it; only the owner looks.
    depth: AtomicU32,
    queue: WaitQueue,
}

impl ReentrantLock {
    pub(crate) const fn new() -> Self {
        Self { owner: AtomicU64::new(NOBODY), depth: AtomicU32::new(0), queue: WaitQueue::new() }
    }

    /// Waits for the lock. A kill point.
    pub(crate) fn lock(&'static self) -> Held {
        loop {
            if let Some(held) = self.try_lock() {
                return held;
            }
            let taken = || self.owner.load(Ordering::Relaxed) != NOBODY;
            match self.queue.wait_until(None, WaitReason::Lock, taken) {
                Outcome::Interrupted => kill::deliver(),
                Outcome::Unparked | Outcome::TimedOut => {}
            }
        }
    }

    /// Takes the lock if it is free or the caller's already.
    pub(crate) fn try_lock(&'static self) -> Option<Held> {
        let own = identity::current_id().get();
        // Only this green thread can have stored its own number.
        if self.owner.load(Ordering::Relaxed) != own {
            self.owner.compare_exchange(NOBODY, own, Ordering::Acquire, Ordering::Relaxed).ok()?;
        }
        let depth = self.depth.load(Ordering::Relaxed);
        self.depth.store(depth.checked_add(1).expect("fewer than 2^32 locks of one stream"), Ordering::Relaxed);
        Some(Held(self))
    }
}

/// The lock, held once more until this is dropped.
#[derive(Debug)]
pub(crate) struct Held(&'static ReentrantLock);

impl Drop for Held {
    fn drop(&mut self) {
        let depth = self.0.depth.load(Ordering::Relaxed) - 1;
        self.0.depth.store(depth, Ordering::Relaxed);
        if depth == 0 {
            self.0.owner.store(NOBODY, Ordering::Release);
            // Whoever found the lock taken is in the queue by now, or looks at the owner under the queue's lock.
            self.0.queue.notify_one();
        }
    }
}
