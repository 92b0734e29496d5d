//! A loom model of the scope's count of children (`src/ledger.rs`).
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p green-thread --release --test loom_scope`

#![cfg(loom)]

#[path = "../src/ledger.rs"]
mod ledger;

/// What `ledger.rs` stands on, in loom's terms.
mod primitive {
    use std::time::Instant;

    use loom::sync::{Condvar, Mutex};

    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{AtomicUsize, Ordering};

    pub(crate) enum WaitReason {
        Scope,
    }

    pub(crate) struct Shield;

    impl Shield {
        pub(crate) fn new() -> Shield {
            Shield
        }
    }

    /// Core's queue as its contract has it: `blocked` is asked under the lock that a notifier takes. Core models how
    /// it keeps that.
    pub(crate) struct WaitQueue {
        lock: Mutex<()>,
        woken: Condvar,
    }

    impl WaitQueue {
        pub(crate) fn new() -> WaitQueue {
            WaitQueue { lock: Mutex::new(()), woken: Condvar::new() }
        }

        pub(crate) fn wait_until(&self, _: Option<Instant>, _: WaitReason, blocked: impl FnOnce() -> bool) {
            let guard = self.lock.lock().unwrap();
            if blocked() {
                drop(self.woken.wait(guard).unwrap());
            }
        }

        pub(crate) fn notify_all(&self) {
            let _guard = self.lock.lock().unwrap();
            self.woken.notify_all();
        }
    }
}

use ledger::{Departure, Ledger};
use loom::cell::UnsafeCell;
use loom::thread;
use primitive::Arc;

/// What a child borrows: only those who may are to touch it, which loom checks.
struct Borrowed(UnsafeCell<usize>);

// SAFETY: that the accesses do not overlap is what the model is to show; loom fails it otherwise.
#[expect(unsafe_code, reason = "the model plays the scope's promise")]
unsafe impl Sync for Borrowed {}
// SAFETY: as above.
#[expect(unsafe_code, reason = "the model plays the scope's promise")]
unsafe impl Send for Borrowed {}

impl Borrowed {
    fn write(&self, value: usize) {
        self.0.with_mut(|pointer| {
            // SAFETY: loom checks that nobody else is here.
            #[expect(unsafe_code, reason = "loom's cell works with pointers")]
            unsafe {
                *pointer = value;
            }
        });
    }
}

#[test]
fn loom_scope_outlives_every_borrow() {
    loom::model(|| {
        let ledger = Arc::new(Ledger::new());
        let borrowed: Vec<_> = (0..2).map(|_| Arc::new(Borrowed(UnsafeCell::new(0)))).collect();
        for cell in &borrowed {
            let (mut departure, cell) = (Departure::new(&ledger), Arc::clone(cell));
            thread::spawn(move || {
                cell.write(1);
                departure.failed = false;
                // From the departure on, nothing borrowed may be touched.
                drop(cell);
                drop(departure);
            });
        }
        ledger.wait();
        assert!(!ledger.has_failures());
        drop(ledger);
        for cell in &borrowed {
            cell.write(2);
        }
    });
}

#[test]
fn loom_children_may_spawn_children() {
    loom::model(|| {
        let ledger = Arc::new(Ledger::new());
        let borrowed = Arc::new(Borrowed(UnsafeCell::new(0)));
        let outer = Departure::new(&ledger);
        thread::spawn({
            let (ledger, borrowed) = (Arc::clone(&ledger), Arc::clone(&borrowed));
            move || {
                let inner = Departure::new(&ledger);
                thread::spawn(move || {
                    borrowed.write(1);
                    drop(borrowed);
                    drop(inner);
                });
                drop(outer);
            }
        });
        ledger.wait();
        borrowed.write(2);
        assert!(ledger.has_failures(), "both left as failed");
    });
}

#[test]
fn loom_joined_failures_are_forgiven() {
    loom::model(|| {
        let ledger = Arc::new(Ledger::new());
        // One was killed before its start, and its join returns before it is counted; one fails and is not joined.
        for joined in [true, false] {
            let departure = Departure::new(&ledger);
            thread::spawn(move || drop(departure));
            if joined {
                ledger.forgive();
            }
        }
        ledger.wait();
        assert!(ledger.has_failures());
        ledger.forgive();
        assert!(!ledger.has_failures());
    });
}
