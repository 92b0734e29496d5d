//! Datagrams with their addresses, and streams with what is beside the data; like those in `socket.rs`, these calls never
//! block.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use libc::iovec;
use socket2::{SockAddr, SockAddrStorage};

use super::poll::poll_now;
use super::socket::{MsgFlags, empty_message};
use super::{check_len, uncancelled};

/// Receives a datagram that is there and its sender's address, or returns `WouldBlock`.
pub(crate) fn recv_from(fd: BorrowedFd<'_>, buf: &mut [u8], flags: MsgFlags) -> io::Result<(usize, SockAddr)> {
    // All zeroes if the kernel writes none, which is what a sender without an address has.
    let mut storage = SockAddrStorage::zeroed();
    let mut len = storage.size_of();
    let flags = flags.bits() | libc::MSG_DONTWAIT;
    let (data, room) = (buf.as_mut_ptr().cast(), buf.len());
    // SAFETY: the kernel writes at most `room` bytes to `buf` and at most `len` to `storage`, and to `len` how long the
    // address is; all of them are ours alone for the length of the call.
    let count =
        unsafe { uncancelled::recvfrom(fd.as_raw_fd(), data, room, flags, (&raw mut storage).cast(), &raw mut len) };
    let count = check_len(count)?;
    // The kernel tells the full length of an address that it had to cut off.
    let len = len.min(storage.size_of());
    // SAFETY: `storage` was initialised to zeroes, and the kernel has written the first `len` bytes.
    Ok((count, unsafe { SockAddr::new(storage, len) }))
}

/// Returns the address of a sender that has none.
pub(crate) fn no_address() -> SockAddr {
    // SAFETY: an address of no length has nothing to be initialised.
    unsafe { SockAddr::new(SockAddrStorage::zeroed(), 0) }
}

/// Returns whether reading was shut down, so that nothing will come any more.
pub(crate) fn is_read_shut_down(fd: BorrowedFd<'_>) -> io::Result<bool> {
    Ok(poll_now(fd.as_raw_fd(), libc::POLLRDHUP)? & libc::POLLRDHUP != 0)
}

/// Receives what is there from a Unix stream, or returns `WouldBlock`; also returns whether something beside the data,
/// such as descriptors, was cut off. Data behind it may be left in the queue.
pub(crate) fn recv_and_cut(fd: BorrowedFd<'_>, buf: &mut [u8]) -> io::Result<(usize, bool)> {
    let mut part = iovec { iov_base: buf.as_mut_ptr().cast(), iov_len: buf.len() };
    let mut message = empty_message();
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    // SAFETY: the message describes one buffer, `buf`, which is ours alone for the length of the call, as is the message
    // itself; it asks for no address and has no room for control data.
    let count = check_len(unsafe { uncancelled::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) })?;
    Ok((count, message.msg_flags & libc::MSG_CTRUNC != 0))
}

/// Sends one datagram to `addr`, or returns `WouldBlock` if there is no room for it.
pub(crate) fn send_to(fd: BorrowedFd<'_>, buf: &[u8], addr: &SockAddr) -> io::Result<usize> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    let (data, address) = (buf.as_ptr().cast(), addr.as_ptr().cast());
    // SAFETY: the kernel reads at most `buf.len()` bytes of `buf` and `addr.len()` bytes of `addr`, which both live on.
    check_len(unsafe { uncancelled::sendto(fd.as_raw_fd(), data, buf.len(), flags, address, addr.len()) })
}
