//! The flags of a descriptor, which belong to the user.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::c_int;

use super::check;

/// Whether `O_NONBLOCK` is set on a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NonBlocking {
    /// Calls that would block return `WouldBlock`.
    On,
    /// Calls block.
    Off,
}

/// Returns whether `O_NONBLOCK` is set.
pub(crate) fn is_nonblocking(fd: BorrowedFd<'_>) -> io::Result<bool> {
    // SAFETY: F_GETFL takes no third argument and only reads the flags of a descriptor that the borrow keeps open.
    let flags = check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })?;
    Ok(flags & libc::O_NONBLOCK != 0)
}

/// Sets `O_NONBLOCK`, for every descriptor that shares this open file.
///
/// One `ioctl`, as std does it, so that no other flag changed in between is lost.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, mode: NonBlocking) -> io::Result<()> {
    let on = c_int::from(mode == NonBlocking::On);
    // SAFETY: FIONBIO reads an int, which `on` is for the length of the call.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONBIO, &raw const on) };
    check(result).map(drop)
}

/// Returns the error of a call that would block, with the number that the system itself gives it.
pub(crate) fn would_block() -> io::Error {
    io::Error::from_raw_os_error(libc::EAGAIN)
}
