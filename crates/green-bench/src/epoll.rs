//! Level-triggered epoll, bare: the floor's loop and the client's.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd};
use std::time::Duration;

/// Events of one wait.
const BATCH: usize = 1024;

/// An epoll instance.
#[derive(Debug)]
pub(crate) struct Epoll {
    fd: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Epoll {
    pub(crate) fn new() -> Self {
        // SAFETY: no pointers.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        assert!(fd >= 0, "epoll_create1: {}", io::Error::last_os_error());
        // SAFETY: a new descriptor that nobody else owns.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Self { fd, events: Vec::with_capacity(BATCH) }
    }

    /// Watches for input. A closed descriptor leaves by itself.
    pub(crate) fn add(&self, fd: &impl AsRawFd, token: usize) {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: token as u64 };
        // SAFETY: `event` is valid; a bad descriptor would be an error.
        let result =
            unsafe { libc::epoll_ctl(self.fd.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut event) };
        assert_eq!(result, 0, "epoll_ctl: {}", io::Error::last_os_error());
    }

    /// Waits for input; returns how many events came.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> usize {
        let span = timeout.map(|timeout| libc::timespec {
            tv_sec: timeout.as_secs() as libc::time_t,
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let span = span.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        let events = self.events.as_mut_ptr();
        // Not `epoll_wait`: it knows no less than a millisecond.
        // SAFETY: the buffer has room for that many events, the time is valid or null, and there is no signal mask.
        let count = unsafe {
            libc::syscall(libc::SYS_epoll_pwait2, self.fd.as_raw_fd(), events, BATCH, span, std::ptr::null::<u8>(), 8)
        };
        let count = usize::try_from(count).unwrap_or(0);
        // SAFETY: the kernel has filled that many.
        unsafe { self.events.set_len(count) };
        count
    }

    /// Returns the token of an event of the last wait.
    pub(crate) fn token(&self, index: usize) -> usize {
        self.events[index].u64 as usize
    }
}
