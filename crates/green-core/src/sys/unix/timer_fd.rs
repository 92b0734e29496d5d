//! A descriptor that becomes readable after a span of time: deadlines finer than a reactor's milliseconds.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::time::Duration;

use libc::{itimerspec, timespec};

use super::{check, to_timespec};

/// A one-shot `timerfd` on the monotonic clock.
///
/// It is never read: arming it again also forgets an expiry, and each expiry is a new edge for an
/// edge-triggered reactor.
#[derive(Debug)]
pub(crate) struct TimerFd {
    fd: OwnedFd,
}

const NEVER: timespec = timespec { tv_sec: 0, tv_nsec: 0 };

impl TimerFd {
    /// Creates one that is not armed.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the call takes numbers only.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) };
        let fd = check(fd)?;
        // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(TimerFd { fd })
    }

    /// Becomes readable once `span` has passed, instead of at any earlier request.
    pub(crate) fn arm_after(&self, span: Duration) {
        // Zero would disarm it.
        self.set(to_timespec(span.max(Duration::from_nanos(1))));
    }

    fn set(&self, value: timespec) {
        let setting = itimerspec { it_interval: NEVER, it_value: value };
        // SAFETY: `setting` is a valid itimerspec for the length of the call; a null fourth argument is allowed.
        let result = unsafe { libc::timerfd_settime(self.fd.as_raw_fd(), 0, &raw const setting, ptr::null_mut()) };
        debug_assert_eq!(result, 0, "a timerfd of our own takes every valid time");
    }
}

impl AsFd for TimerFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for TimerFd {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
