//! Somebody who wants to run every millisecond, and notes how late that is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::rt;
use crate::report::histogram;

function! {
    /// Runs every millisecond until it is `done`; returns the nanoseconds that each turn was late.
    pub(super) fn keep(done: Arc<AtomicBool>) -> Histogram<u64> {
        let mut lateness = histogram();
        let mut due = Instant::now();
        while !done.load(Ordering::Relaxed) {
            // A turn that was missed is late, and so are those behind it: none is left out.
            due += Duration::from_millis(1);
            let rest = due.saturating_duration_since(Instant::now());
            // On tokio the shortest sleep takes a millisecond: one that is late would be late for ever.
            if !rest.is_zero() {
                wait!(rt::sleep(rest));
            }
            lateness.saturating_record(due.elapsed().as_nanos() as u64);
        }
        lateness
    }
}
