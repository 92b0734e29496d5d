//! The Linux half of `sys`, on `libc`.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use libc::{c_int, timespec};

use crate::process_lock::{Held, keep};

pub(super) mod alternate_stack;
pub(super) mod ancillary;
pub(super) mod datagram;
pub(super) mod descriptor;
pub(super) mod event_fd;
pub(super) mod fd;
pub(super) mod file;
pub(super) mod float;
pub(super) mod fork;
pub(super) mod futex;
pub(super) mod guard;
#[cfg(not(miri))]
pub(super) mod jump;
#[cfg(not(miri))]
pub(super) mod mapping;
#[cfg(miri)]
pub(super) mod miri_mapping;
pub(super) mod overflow;
pub(super) mod poll;
pub(super) mod prefetch;
pub(super) mod process;
pub(super) mod ranges;
pub(super) mod raw_thread;
pub(super) mod region;
pub(super) mod socket;
pub(super) mod thread_exit;
pub(super) mod timer_fd;
mod uncancelled;

#[cfg(miri)]
pub(super) use miri_mapping as mapping;

/// Returns the size of a page in bytes.
pub(crate) fn page_size() -> usize {
    static PAGE_SIZE: AtomicUsize = AtomicUsize::new(0);
    let known = PAGE_SIZE.load(Relaxed);
    if known != 0 {
        return known;
    }
    // SAFETY: sysconf takes a plain number and touches no memory of ours.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let size = usize::try_from(size).expect("every Linux has a page size");
    PAGE_SIZE.store(size, Relaxed);
    size
}

/// Asks that timed waits of the calling OS thread end on time.
///
/// Linux may delay them by 50 µs to save power; 1 ns is the least it accepts. Errors are ignored, since late is
/// still correct (a thread of a real-time class has no slack and needs none).
pub(crate) fn set_timer_slack() {
    const ONE_NANOSECOND: libc::c_ulong = 1;
    if cfg!(miri) {
        return;
    }
    // SAFETY: PR_SET_TIMERSLACK takes a number and changes only a property of the calling thread.
    let _ = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, ONE_NANOSECOND) };
}

/// Takes the locks around what this module keeps for the process, until the value is dropped: for a fork.
pub(crate) fn hold() -> Held {
    keep((guard::hold(), region::hold()))
}

/// Turns the -1 of a system call into the error that it left in `errno`.
fn check(result: c_int) -> io::Result<c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Does what [`check`] does for a call that returns a length.
fn check_len(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Converts a span of time, cutting off what the kernel cannot count, which is longer than any machine runs.
fn to_timespec(span: Duration) -> timespec {
    timespec { tv_sec: span.as_secs().try_into().unwrap_or(libc::time_t::MAX), tv_nsec: span.subsec_nanos().into() }
}

#[cfg(test)]
pub(super) mod tests;
