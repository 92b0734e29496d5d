//! Socket calls without what makes them points of cancellation in libc.
//!
//! `pthread_cancel` is not for Rust, which has no way to stand it. But glibc, in a process of several threads, announces
//! each call that could be cancelled and takes that back afterwards, with a locked instruction each: 3 % of what a server
//! spends on an echo over Unix sockets.

#[cfg(not(target_pointer_width = "64"))]
pub(super) use libc::{recv, recvfrom, recvmsg, send, sendto};
#[cfg(target_pointer_width = "64")]
pub(super) use numbered::{recv, recvfrom, recvmsg, send, sendto};

/// The calls by their numbers, which 64-bit Linux has for all of them. What is narrower than a word is passed as one.
#[cfg(target_pointer_width = "64")]
mod numbered {
    use std::ptr;

    use libc::{c_int, c_long, c_void, msghdr, size_t, sockaddr, socklen_t, ssize_t, syscall};

    /// # Safety
    ///
    /// As for `recv(2)`.
    #[inline]
    pub(crate) unsafe fn recv(fd: c_int, buf: *mut c_void, len: size_t, flags: c_int) -> ssize_t {
        // SAFETY: the caller answers for the buffer; the address is not asked for.
        unsafe { recvfrom(fd, buf, len, flags, ptr::null_mut(), ptr::null_mut()) }
    }

    /// # Safety
    ///
    /// As for `recvfrom(2)`.
    #[inline]
    pub(crate) unsafe fn recvfrom(
        fd: c_int,
        buf: *mut c_void,
        len: size_t,
        flags: c_int,
        addr: *mut sockaddr,
        addr_len: *mut socklen_t,
    ) -> ssize_t {
        let (fd, flags) = (c_long::from(fd), c_long::from(flags));
        // SAFETY: the caller answers for the pointers.
        unsafe { syscall(libc::SYS_recvfrom, fd, buf, len, flags, addr, addr_len) as ssize_t }
    }

    /// # Safety
    ///
    /// As for `recvmsg(2)`.
    #[inline]
    pub(crate) unsafe fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t {
        // SAFETY: the caller answers for the message.
        unsafe { syscall(libc::SYS_recvmsg, c_long::from(fd), message, c_long::from(flags)) as ssize_t }
    }

    /// # Safety
    ///
    /// As for `send(2)`.
    #[inline]
    pub(crate) unsafe fn send(fd: c_int, buf: *const c_void, len: size_t, flags: c_int) -> ssize_t {
        // SAFETY: the caller answers for the buffer; no address is given.
        unsafe { sendto(fd, buf, len, flags, ptr::null(), 0) }
    }

    /// # Safety
    ///
    /// As for `sendto(2)`.
    #[inline]
    pub(crate) unsafe fn sendto(
        fd: c_int,
        buf: *const c_void,
        len: size_t,
        flags: c_int,
        addr: *const sockaddr,
        addr_len: socklen_t,
    ) -> ssize_t {
        let (fd, flags, addr_len) = (c_long::from(fd), c_long::from(flags), c_long::from(addr_len));
        // SAFETY: the caller answers for the pointers.
        unsafe { syscall(libc::SYS_sendto, fd, buf, len, flags, addr, addr_len) as ssize_t }
    }
}
