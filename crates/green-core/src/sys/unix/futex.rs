//! Sleeping on a word of memory: how an OS thread waits when no descriptor concerns it.

use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use libc::{c_int, timespec};

use super::to_timespec;

/// Sleeps until [`futex_wake`], at most for `timeout`, unless `word` is no longer `expected`.
///
/// It may return for no reason; the caller looks at the word again.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32, timeout: Option<Duration>) {
    let timeout = timeout.map(to_timespec);
    let timeout: *const timespec = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    const OPERATION: c_int = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    // SAFETY: `word` is an aligned u32 that outlives the call, and `timeout` is null or a valid timespec that does.
    // Every error (the value differs, the time is over, a signal came) is a reason to look again, as a wake-up is.
    let _ = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), OPERATION, expected, timeout) };
}

/// Wakes one OS thread that sleeps on `word`, if there is one.
pub(crate) fn futex_wake(word: &AtomicU32) {
    const OPERATION: c_int = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    const HOW_MANY: c_int = 1;
    // SAFETY: a wake only uses the address as a key and reads no memory of ours.
    let _ = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), OPERATION, HOW_MANY) };
}
