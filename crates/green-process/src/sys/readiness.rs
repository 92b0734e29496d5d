//! Which of two descriptors has something to read.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use libc::{c_int, epoll_event};

use super::check;

/// A descriptor that polls as readable while one of two others does. They must stay open while it lives.
#[derive(Debug)]
pub(crate) struct Either(OwnedFd);

impl Either {
    /// Looks after `fds`.
    pub(crate) fn new(fds: [BorrowedFd<'_>; 2]) -> io::Result<Self> {
        // SAFETY: the call takes numbers only.
        let epoll = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        for (index, fd) in fds.iter().enumerate() {
            let mut event = epoll_event { events: libc::EPOLLIN as u32, u64: index as u64 };
            // SAFETY: the kernel copies the event during the call.
            let result =
                unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut event) };
            check(result)?;
        }
        Ok(Self(epoll))
    }

    /// Returns whether each has data, an end or an error to read now; `WouldBlock` if none has.
    pub(crate) fn ready(&self) -> io::Result<[bool; 2]> {
        /// Does not wait.
        const NOW: c_int = 0;
        let mut events = [epoll_event { events: 0, u64: 0 }; 2];
        // SAFETY: the kernel writes at most two events, to an array of two.
        let count = check(unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), 2, NOW) })?;
        let mut ready = [false; 2];
        for event in &events[..count as usize] {
            ready[event.u64 as usize] = true;
        }
        if count == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(ready) }
    }
}

impl AsFd for Either {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
