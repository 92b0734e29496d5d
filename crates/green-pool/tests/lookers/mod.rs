//! What the tests of calls, resources and graphs share.

#![allow(dead_code, reason = "every test file takes what it needs of this")]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use green_core::kill::Alarm;
use green_thread as thread;

/// Longer than any test takes.
pub(crate) const AGE: Duration = Duration::from_secs(60);
/// Long enough to be noticed.
pub(crate) const MOMENT: Duration = Duration::from_millis(5);

/// Runs a test on an OS thread, on a green thread of some hub, and on one of this OS thread's own.
pub(crate) fn everywhere(body: fn()) {
    body();
    for outcome in [thread::spawn(body).join(), thread::spawn_local(body).join()] {
        if let Err(payload) = outcome {
            resume_unwind(payload);
        }
    }
}

/// Yields until `condition` holds.
pub(crate) fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
        std::thread::yield_now();
    }
}

/// Runs `f` with a deadline, as `green::time::timeout` does; returns none if that passed.
pub(crate) fn timeout<T>(limit: Duration, f: impl FnOnce() -> T) -> Option<T> {
    let alarm = Alarm::set(Instant::now() + limit).unwrap();
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(value) => Some(value),
        Err(payload) if alarm.owns(&*payload) => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// Counts those that live.
#[derive(Clone, Default)]
pub(crate) struct Census(Arc<AtomicUsize>);

/// One of those that a [`Census`] counts.
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Census {
    pub(crate) fn add(&self) -> Counted {
        self.0.fetch_add(1, Ordering::SeqCst);
        Counted(Arc::clone(&self.0))
    }

    pub(crate) fn alive(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
