//! Socket calls that never block, whatever the descriptor's own flags say.
//!
//! `MSG_DONTWAIT` makes one call non-blocking, so `O_NONBLOCK` stays the user's to set and to see.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use libc::{c_int, msghdr, socklen_t, timeval};

use super::{check, check_len, uncancelled};

/// How to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MsgFlags(c_int);

impl MsgFlags {
    /// Takes the data out of the socket's buffer.
    pub(crate) const NONE: MsgFlags = MsgFlags(0);
    /// Leaves the data there.
    pub(crate) const PEEK: MsgFlags = MsgFlags(libc::MSG_PEEK);

    /// Returns the flags as the kernel counts them.
    pub(super) fn bits(self) -> c_int {
        self.0
    }
}

/// Receives what is there, or returns `WouldBlock`.
pub(crate) fn recv(fd: BorrowedFd<'_>, buf: &mut [u8], flags: MsgFlags) -> io::Result<usize> {
    let flags = flags.0 | libc::MSG_DONTWAIT;
    // SAFETY: the kernel writes at most `len` bytes to `buf`, which is ours alone for the length of the call.
    check_len(unsafe { uncancelled::recv(fd.as_raw_fd(), buf.as_mut_ptr().cast(), buf.len(), flags) })
}

/// Copies what is there and leaves it there, or returns `WouldBlock`.
pub(crate) fn peek(fd: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<usize> {
    recv(fd, buf, MsgFlags::PEEK)
}

/// Sends as much as there is room for, or returns `WouldBlock`; a broken pipe is an error, not a signal.
pub(crate) fn send(fd: BorrowedFd<'_>, buf: &[u8]) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: the kernel reads at most `len` bytes of `buf`, which nobody changes during the call.
    check_len(unsafe { uncancelled::send(fd.as_raw_fd(), buf.as_ptr().cast(), buf.len(), flags) })
}

/// Receives what is there into several buffers, or returns `WouldBlock`.
///
/// Takes part in one call are the first `IOV_MAX` buffers, as in std.
pub(crate) fn recv_vectored(fd: BorrowedFd<'_>, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let mut message = empty_message();
    message.msg_iov = bufs.as_mut_ptr().cast();
    message.msg_iovlen = bufs.len().min(MAX_BUFFERS) as _;
    // SAFETY: `IoSliceMut` is ABI-compatible with iovec on Unix, so the message describes `msg_iovlen` buffers that are
    // ours alone for the length of the call; it asks for no address and no control data.
    check_len(unsafe { uncancelled::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) })
}

/// Sends as much of several buffers as there is room for, or returns `WouldBlock`.
///
/// Takes part in one call are the first `IOV_MAX` buffers, as in std.
pub(crate) fn send_vectored(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut message = empty_message();
    message.msg_iov = bufs.as_ptr().cast_mut().cast();
    message.msg_iovlen = bufs.len().min(MAX_BUFFERS) as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    // SAFETY: `IoSlice` is ABI-compatible with iovec on Unix, so the message describes `msg_iovlen` buffers that
    // nobody changes during the call; the kernel only reads them, in spite of the pointer's type.
    check_len(unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const message, flags) })
}

/// Returns how long a receive on this socket may wait, `SO_RCVTIMEO`.
pub(crate) fn receive_timeout(fd: BorrowedFd<'_>) -> io::Result<Option<Duration>> {
    timeout_option(fd, libc::SO_RCVTIMEO)
}

/// Returns how long a send on this socket may wait, `SO_SNDTIMEO`.
pub(crate) fn send_timeout(fd: BorrowedFd<'_>) -> io::Result<Option<Duration>> {
    timeout_option(fd, libc::SO_SNDTIMEO)
}

/// The most buffers that one call takes: Linux's `IOV_MAX`, which is part of its ABI.
pub(crate) const MAX_BUFFERS: usize = libc::UIO_MAXIOV as usize;

pub(super) fn empty_message() -> msghdr {
    // SAFETY: a msghdr is pointers and numbers, for which all zeroes is the valid value "nothing".
    unsafe { mem::zeroed() }
}

fn timeout_option(fd: BorrowedFd<'_>, option: c_int) -> io::Result<Option<Duration>> {
    let mut value = timeval { tv_sec: 0, tv_usec: 0 };
    let mut len = size_of::<timeval>() as socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to `value` and the length it wrote to `len`; both outlive the call.
    let result =
        unsafe { libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, option, (&raw mut value).cast(), &raw mut len) };
    check(result)?;
    if value.tv_sec == 0 && value.tv_usec == 0 {
        return Ok(None);
    }
    let seconds = Duration::from_secs(value.tv_sec.try_into().unwrap_or(u64::MAX));
    let micros = Duration::from_micros(value.tv_usec.try_into().unwrap_or(0));
    Ok(Some(seconds.saturating_add(micros)))
}
