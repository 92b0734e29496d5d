//! Datagrams: every call moves one of them whole, or what of it fits.
//!
//! A short read says nothing about what is left in the queue, so a receive asks the kernel first, every time; and a
//! send never sends a part. The rest is [`Pollable`]'s, but for one thing.
//!
//! # The end
//!
//! A datagram socket whose reading was shut down makes a blocking receive return 0, while one with `MSG_DONTWAIT` says
//! `EAGAIN` for ever, as if something might come. So a receive that would block has to know of the shutdown. It asks
//! only if there is a reason to: a wait just now ended with nothing there, or the registration once told of an end. A
//! shutdown that the reactor has not heard of yet will be an event, and end the wait.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use socket2::SockAddr;

use super::{Pollable, Source};
use crate::current;
use crate::hub::Hub;
use crate::sys::{self, MsgFlags};
use crate::unpark::WaitReason;

impl<T: AsFd> Pollable<T> {
    /// Receives one datagram; what does not fit into `buf` is lost.
    ///
    /// # Errors
    ///
    /// See [`read_with`](Self::read_with).
    pub fn recv_datagram(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(|io| sys::recv(io.as_fd(), buf, MsgFlags::NONE), || 0)
    }

    /// Receives as [`recv_datagram`](Self::recv_datagram) does and leaves the datagram in the queue.
    ///
    /// # Errors
    ///
    /// See [`read_with`](Self::read_with).
    pub fn peek_datagram(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.receive(|io| sys::peek(io.as_fd(), buf), || 0)
    }

    /// Receives one datagram and its sender's address; what does not fit into `buf` is lost.
    ///
    /// # Errors
    ///
    /// See [`read_with`](Self::read_with); `InvalidInput` if the socket is not of the internet.
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_with_address(buf, MsgFlags::NONE).and_then(internet)
    }

    /// Receives a datagram as [`recv_from`](Self::recv_from) does and leaves it in the queue.
    ///
    /// # Errors
    ///
    /// See [`recv_from`](Self::recv_from).
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.recv_with_address(buf, MsgFlags::PEEK).and_then(internet)
    }

    /// Sends one datagram to `addr`.
    ///
    /// # Errors
    ///
    /// See [`write_with`](Self::write_with).
    pub fn send_to(&self, buf: &[u8], addr: &SocketAddr) -> io::Result<usize> {
        let addr = SockAddr::from(*addr);
        self.write_with(WaitReason::Write, |io| sys::send_to(io.as_fd(), buf, &addr))
    }

    pub(super) fn recv_with_address(&self, buf: &mut [u8], flags: MsgFlags) -> io::Result<(usize, SockAddr)> {
        self.receive(|io| sys::recv_from(io.as_fd(), buf, flags), || (0, sys::no_address()))
    }

    /// Runs a receive, which must not block, until there is something or reading is `over`.
    fn receive<R>(&self, mut op: impl FnMut(&T) -> io::Result<R>, over: impl Fn() -> R) -> io::Result<R> {
        let mut waited = false;
        self.read_with(WaitReason::Read, |io| match op(io) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let suspicious = std::mem::replace(&mut waited, true) || self.source.may_have_ended(current::hub());
                let is_over = suspicious && sys::is_read_shut_down(io.as_fd())? && !sys::is_nonblocking(io.as_fd())?;
                if is_over { Ok(over()) } else { Err(error) }
            }
            result => result,
        })
    }
}

impl Source {
    /// Returns false if an event will tell of an end, or has not told of one yet.
    fn may_have_ended(&self, hub: &Hub) -> bool {
        self.registered(hub).is_some_and(|token| hub.reactor().open_tick(token).is_none())
    }
}

/// Converts the address to std's, which fails as std does.
fn internet((count, addr): (usize, SockAddr)) -> io::Result<(usize, SocketAddr)> {
    match addr.as_socket() {
        Some(addr) => Ok((count, addr)),
        None => Err(io::Error::new(io::ErrorKind::InvalidInput, "invalid argument")),
    }
}
