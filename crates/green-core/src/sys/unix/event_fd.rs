//! A descriptor that another OS thread can make readable: how a sleeping hub is woken.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::check;

/// An `eventfd`: a counter that polls as readable while it is not zero.
#[derive(Debug)]
pub(crate) struct EventFd {
    counter: File,
}

impl EventFd {
    /// Creates one that was not rung.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: the call takes numbers only.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        let fd = check(fd)?;
        // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(EventFd { counter: File::from(fd) })
    }

    /// Makes it readable until the next [`drain`](Self::drain), from any OS thread.
    pub(crate) fn ring(&self) {
        // The one error possible, EAGAIN at a full counter, means that it is readable already.
        let _ = (&self.counter).write(&1_u64.to_ne_bytes());
    }

    /// Forgets the rings so far.
    pub(crate) fn drain(&self) {
        // EAGAIN: nobody rang.
        let _ = (&self.counter).read(&mut [0; 8]);
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.counter.as_fd()
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> RawFd {
        self.counter.as_raw_fd()
    }
}
