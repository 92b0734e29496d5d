//! A loom model of the wake-ups of a future that a green thread runs (`src/signal.rs`).
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p green-thread --release --test loom_signal`

#![cfg(loom)]

#[path = "../src/signal.rs"]
mod signal;

/// What `signal.rs` stands on, in loom's terms.
mod primitive {
    pub(crate) use green_core::kill::deliver;
    pub(crate) use green_core::primitive::{AtomicBool, Ordering};
    pub(crate) use green_core::unpark::{Outcome, Unparker, WaitReason};

    pub(crate) fn park(reason: WaitReason) -> Outcome {
        green_core::park::park_until(None, reason)
    }
}

use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use loom::thread;
use primitive::Ordering;
use signal::Signal;

/// Every change that was made before its wake-up is seen by some poll, whoever did the unparking.
#[test]
fn loom_no_wake_up_is_slept_over() {
    loom::model(|| {
        // The waiter's own, so that the model's main thread is the one that waits.
        let signal = Arc::new(Signal::new());
        let changes = Arc::new(AtomicU32::new(0));
        for _ in 0..2 {
            let (signal, changes) = (Arc::clone(&signal), Arc::clone(&changes));
            thread::spawn(move || {
                // Relaxed: it is the signal that orders it before the poll.
                changes.fetch_add(1, Ordering::Relaxed);
                signal.ring();
            });
        }
        while changes.load(Ordering::Relaxed) < 2 {
            signal.wait();
        }
    });
}

/// A wake-up that comes late, when the future it was for is done, disturbs the next wait and no more.
#[test]
fn loom_a_late_wake_up_belongs_to_its_own_wait() {
    loom::model(|| {
        let (first, second) = (Arc::new(Signal::new()), Arc::new(Signal::new()));
        let ringers = [Arc::clone(&first), Arc::clone(&second)].map(|signal| thread::spawn(move || signal.ring()));
        // It does not wait for the first.
        second.wait();
        assert!(!second.take());
        for ringer in ringers {
            ringer.join().unwrap();
        }
        assert!(first.take());
    });
}
