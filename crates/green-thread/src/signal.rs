//! The wake-ups of a future that a green thread runs: any number of them, from anywhere, come to one `poll`.
//!
//! A waker outlives the wait for which it was made, may be called when nobody waits, and often is called several times
//! in a row. So each waker leaves a mark and unparks; the waiter parks until it finds a mark. Who finds one left already spares
//! itself the unparking: whoever left it unparks after it did, or has done so.
//!
//! Modelled by `tests/loom_signal.rs`.

use crate::primitive::{AtomicBool, Ordering, Outcome, Unparker, WaitReason, deliver, park};

/// Wakes the green thread that made it, which waits with it between the polls of a future.
pub(crate) struct Signal {
    /// True from a wake-up to the `poll` that follows it.
    ///
    /// Set with `Release` and taken with `Acquire`: that `poll` sees what came before the wake-up.
    is_woken: AtomicBool,
    waiter: Unparker,
}

impl Signal {
    pub(crate) fn new() -> Signal {
        Signal { is_woken: AtomicBool::new(false), waiter: Unparker::current() }
    }

    /// Returns whether a wake-up has come since the last one that was taken, and takes it.
    pub(crate) fn take(&self) -> bool {
        self.is_woken.swap(false, Ordering::Acquire)
    }

    /// Waits for a wake-up and takes it. Only the green thread that made the signal calls this. A kill point.
    pub(crate) fn wait(&self) {
        while !self.take() {
            if park(WaitReason::Future) == Outcome::Interrupted {
                // One that came together with the interrupt is for nobody: the future is dropped.
                deliver();
            }
        }
    }

    /// Wakes the waiter, now or when it waits next.
    pub(crate) fn ring(&self) {
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            self.waiter.unpark();
        }
    }
}
