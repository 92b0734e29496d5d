//! The count of a scope's children: how the scope learns that the last one has left, and whether all went well.
//!
//! # The last departure
//!
//! The scope may see `running == 0` without ever parking, return, and free its stack, while the last child is between
//! its decrement and its `notify_all`. Therefore the ledger is in an `Arc` of which each [`Departure`] owns a share, and
//! not on the scope's stack. The decrement releases what the child did, the scope's load of zero acquires it; the
//! decrements form one release sequence, so zero is seen after all of them. No wake-up is lost: the scope checks
//! `running` again under the queue's lock, so either it sees zero or the last child finds it queued.
//!
//! # Failures
//!
//! `failures` counts children that panicked, were killed or were not started, minus those whose `Err` was taken by a
//! join. Both sides may come first (a join can return before the departure of a killed, unstarted child was counted),
//! hence wrapping arithmetic; when `running` is zero, every child has added its part and no join can be under way,
//! so the sum is exact.
//!
//! Modelled by `tests/loom_scope.rs`.
//!
//! Rejected: to count a child down when its result is dropped, as std does. It needs no count of failures, but a leaked
//! handle makes the scope wait for ever.

use crate::primitive::{Arc, AtomicUsize, Ordering, Shield, WaitQueue, WaitReason};

/// What a scope knows of its children. Shared by the scope and every child that has not left.
pub(crate) struct Ledger {
    /// Children that were spawned and have not left.
    running: AtomicUsize,
    /// Children that failed, less those whose failure was taken by a join.
    failures: AtomicUsize,
    /// Where the scope waits for `running` to become zero.
    everyone_left: WaitQueue,
}

/// A child's share in the count of those running; dropping it is the child's leave.
pub(crate) struct Departure {
    ledger: Arc<Ledger>,
    /// Whether the child ended otherwise than by returning.
    pub(crate) failed: bool,
}

impl Ledger {
    pub(crate) fn new() -> Ledger {
        Ledger { running: AtomicUsize::new(0), failures: AtomicUsize::new(0), everyone_left: WaitQueue::new() }
    }

    /// Parks until every child has left. Kills and deadlines stay pending.
    pub(crate) fn wait(&self) {
        let _shield = Shield::new();
        while self.running() != 0 {
            // However the wait ended, the loop asks again.
            let _ = self.everyone_left.wait_until(None, WaitReason::Scope, || self.running() != 0);
        }
    }

    /// Returns how many children have not left. Zero comes after everything that the children did.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    /// Takes back one failure, because somebody was told of it. `fetch_sub` wraps, as it may have to.
    pub(crate) fn forgive(&self) {
        // Relaxed: whoever joins is the scope's body or a child that has not left, so `running` orders this, too.
        self.failures.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether a failure is left that nobody was told of; exact once nobody is running.
    pub(crate) fn has_failures(&self) -> bool {
        self.failures.load(Ordering::Relaxed) != 0
    }
}

impl Departure {
    /// Counts a child in; it has failed unless it says otherwise.
    pub(crate) fn new(ledger: &Arc<Ledger>) -> Departure {
        // Relaxed: the spawner is the scope's body or a counted child, so the count cannot be zero for the waiting
        // side while this happens.
        ledger.running.fetch_add(1, Ordering::Relaxed);
        Departure { ledger: Arc::clone(ledger), failed: true }
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        if self.failed {
            // Relaxed: the decrement below publishes it.
            self.ledger.failures.fetch_add(1, Ordering::Relaxed);
        }
        if self.ledger.running.fetch_sub(1, Ordering::Release) == 1 {
            self.ledger.everyone_left.notify_all();
        }
    }
}
