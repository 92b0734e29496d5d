//! What the tests of pools of green threads share.

#![allow(dead_code, reason = "every test file takes what it needs of this")]

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use green_pool::GreenPool;
use green_sync::Event;
use green_thread as thread;

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

/// Lets what is runnable here run until nothing more comes of it.
pub(crate) fn settle() {
    for _ in 0..10 {
        thread::yield_now();
    }
}

/// Unwinds as a panic does, without a message.
pub(crate) fn fail<T>() -> T {
    resume_unwind(Box::new("failed"))
}

/// Something that jobs wait for.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Event<()>>);

impl Gate {
    pub(crate) fn open(&self) {
        self.0.send(()).unwrap();
    }

    pub(crate) fn pass(&self) {
        self.0.wait().unwrap();
    }

    /// Returns a job that waits here.
    pub(crate) fn waiter(&self) -> impl FnOnce() + Send + use<> {
        let gate = self.clone();
        move || gate.pass()
    }
}

/// What happened, in its order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, event: impl ToString) {
        self.0.lock().unwrap().push(event.to_string());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Counts what is alive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Alive(Arc<(AtomicUsize, AtomicUsize)>);

impl Alive {
    pub(crate) fn now(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    pub(crate) fn most(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    /// Returns a value that counts until it is dropped.
    pub(crate) fn token(&self) -> Token {
        let now = self.0.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.0.1.fetch_max(now, Ordering::SeqCst);
        Token(self.clone())
    }
}

#[derive(Debug)]
pub(crate) struct Token(Alive);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Checks that a pool is as when it was new.
#[track_caller]
pub(crate) fn assert_idle(pool: &GreenPool) {
    let found = (pool.running(), pool.free(), pool.waiting());
    assert_eq!(found, (0, pool.size().cast_signed(), 0), "running, free, waiting");
    assert_eq!(pool.wait_all(), Ok(()));
}

/// Small numbers that look random, the same in each run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed * 2 + 1)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
