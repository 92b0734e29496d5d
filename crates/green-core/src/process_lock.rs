//! A lock around a `static` that the child of a fork goes on using.
//!
//! Another OS thread may hold such a lock at the moment of a fork, and is not there in the child to release it. So the
//! thread that forks takes all of them first (`fork.rs`) and releases them afterwards, on both sides; and what they guard
//! is in order.
//!
//! std's lock, and not parking_lot's: that keeps its waiters in a table for the whole process, with locks of its own. When
//! the child released a lock for which a thread of the parent was queueing, it would look for that thread in the table.
//! std's is one word: in the child nobody waits on it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock that nobody else holds while this process is forked.
#[derive(Debug)]
pub(crate) struct ProcessLock<T>(Mutex<T>);

impl<T> ProcessLock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // What is done under one of these leaves it in order wherever it may panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some such locks, held until this is dropped or [released](Release::release).
pub(crate) type Held = Box<dyn Release>;

/// What holds locks.
pub(crate) trait Release {
    /// Releases them without a call of the allocator.
    fn release(&mut self);
}

impl<G> Release for Option<G> {
    fn release(&mut self) {
        *self = None;
    }
}

/// Keeps the guards of some locks, which own no memory.
pub(crate) fn keep<G: 'static>(guards: G) -> Held {
    Box::new(Some(guards))
}
