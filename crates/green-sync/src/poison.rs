//! Poisoning: a lock remembers that somebody panicked while they had it.
//!
//! A guard notes whether its green thread panics already when it is made, and poisons the lock if it is dropped in a
//! panic that was not there then. `std::thread::panicking` tells for the green thread that runs (I13), also when
//! another one of its OS thread is parked in the middle of unwinding.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LockResult, PoisonError};
use std::thread;

/// Whether a lock is poisoned.
///
/// Ordering: all is relaxed, because the flag is written and read by those who have the lock.
#[derive(Debug)]
pub(crate) struct Flag(AtomicBool);

impl Flag {
    pub(crate) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    #[inline]
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Makes what the guard of this lock needs to poison it.
    #[inline]
    pub(crate) fn watch(&self) -> Watch<'_> {
        Watch { flag: self, panicking: thread::panicking() }
    }

    /// Wraps what was had from the lock into an error if it is poisoned.
    ///
    /// # Errors
    ///
    /// `value` again.
    #[inline]
    pub(crate) fn wrap<G>(&self, value: G) -> LockResult<G> {
        if self.is_set() { Err(PoisonError::new(value)) } else { Ok(value) }
    }
}

/// Poisons the lock if it is dropped in a panic that began since. The first field of a guard, so that the lock is still
/// held then.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    flag: &'a Flag,
    panicking: bool,
}

impl<'a> Watch<'a> {
    pub(crate) fn flag(&self) -> &'a Flag {
        self.flag
    }

    /// Stops watching without poisoning, whatever goes on: the lock is about to be given up.
    pub(crate) fn pause(self) -> Paused<'a> {
        let paused = Paused { flag: self.flag, panicking: self.panicking };
        std::mem::forget(self);
        paused
    }
}

/// What a [`Watch`] was, for when the lock is had again.
#[derive(Debug)]
pub(crate) struct Paused<'a> {
    flag: &'a Flag,
    panicking: bool,
}

impl<'a> Paused<'a> {
    pub(crate) fn resume(self) -> Watch<'a> {
        Watch { flag: self.flag, panicking: self.panicking }
    }
}

impl Drop for Watch<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.panicking && thread::panicking() {
            self.flag.0.store(true, Ordering::Relaxed);
        }
    }
}
