//! Numbers for green threads: unique in the process, never used again.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers that an OS thread takes at once, so that spawning does not contend for one counter.
const BLOCK: u64 = 1024;

static NEXT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The next number of this OS thread's block, and how many are left.
    static OWN: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// Returns a new number.
pub(crate) fn next() -> NonZeroU64 {
    let (mut number, mut left) = OWN.get();
    if left == 0 {
        number = NEXT.fetch_add(BLOCK, Ordering::Relaxed);
        left = BLOCK;
    }
    OWN.set((number + 1, left - 1));
    NonZeroU64::new(number).expect("numbers start at one and do not run out")
}
