//! Unix sockets, where readiness does not tell everything.
//!
//! # Other sockets' queues
//!
//! Two calls can find no room in a queue that is not their own socket's: `connect`, if the listener's backlog is full,
//! and a datagram's `send_to`, if the receiver's queue is. Both then return `EAGAIN`, and no event of the own
//! descriptor tells of the change. (Not so for a plain `send`: of the socket that it is *connected* to, the kernel
//! counts the queue into what makes the own one writable.) So both let the others run, for among them may be the one
//! who makes room, and try again; and then again after pauses, which double from 50 µs to 10 ms.
//!
//! Rejected:
//! - *Edges.* A receiver that takes one of our datagrams makes our socket writable, which is an event. But so does the
//!   attempt that fails: it gives its buffer back. Whoever waits for edges between attempts does not wait at all.
//! - *The blocking pool.* A thread that blocks in `connect` or `sendto` cannot be interrupted by a kill or a deadline,
//!   nor taken back.
//! - *A second socket, connected to the receiver only to wait on it.* It tells exactly, but costs a descriptor for each
//!   waiter, and the kernel wakes all of them for each datagram that is taken.
//!
//! The kernel wakes its own blocked senders in their order. Ours take their chance after each pause.

use std::cell::Cell;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use super::Pollable;
use super::source::Taken;
use crate::mode::Facility;
use crate::park::{park_until, waiting_for, yield_now};
use crate::sys::{self, Direction, MsgFlags};
use crate::unpark::{Outcome, WaitReason};
use crate::{clock, current, kill};

/// The pauses between attempts.
struct Pauses {
    next: Option<Duration>,
    reason: WaitReason,
}

impl Pauses {
    const FIRST: Duration = Duration::from_micros(50);
    const LONGEST: Duration = Duration::from_millis(10);

    fn new(reason: WaitReason) -> Self {
        Self { next: None, reason }
    }

    /// Pauses, until `deadline` at the latest. A kill point.
    fn pause(&mut self, deadline: Option<Instant>) {
        let Some(pause) = self.next.replace(self.following()) else {
            return yield_now();
        };
        let end = clock::now() + pause;
        let end = deadline.map_or(end, |deadline| deadline.min(end));
        while clock::now() < end {
            if waiting_for(Facility::Net, || park_until(Some(end), self.reason)) == Outcome::Interrupted {
                kill::deliver();
            }
        }
    }

    fn following(&self) -> Duration {
        self.next.map_or(Self::FIRST, |pause| (pause * 2).min(Self::LONGEST))
    }
}

/// Connects a new stream socket to `addr`, parking while the listener's backlog is full.
///
/// The stream has the flags of one that std made: blocking and closed on exec.
///
/// # Errors
///
/// The error of the attempt as the OS gives it.
pub fn connect(addr: &SocketAddr) -> io::Result<Pollable<UnixStream>> {
    let addr = to_raw(addr)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM.nonblocking(), None)?;
    let mut pauses = Pauses::new(WaitReason::Connect);
    loop {
        match socket.connect(&addr) {
            Ok(()) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => pauses.pause(None),
            Err(error) => return Err(error),
        }
    }
    socket.set_nonblocking(false)?;
    // As for TCP: whoever makes many connections has to let those run who accept them.
    current::hub().spend_io();
    Ok(Pollable::sole(UnixStream::from(socket)))
}

impl<T: AsFd> Pollable<T> {
    /// Receives into `buf` from a stream socket, as [`recv`](Self::recv) does.
    ///
    /// A short count does not always mean that the socket is empty: a read also stops behind data with which
    /// descriptors or credentials came, and after those the next read asks the kernel first. Only `recvmsg` tells, which
    /// costs 93 ns more than `recv` (Linux 6.18). A read that fills its buffer need not tell, so after one of those the next is
    /// a plain `recv`. So it is while others are about to run here: the hub looks later, at all such sockets at once.
    ///
    /// # Errors
    ///
    /// See [`read_with`](Self::read_with).
    pub fn recv_unix(&self, buf: &mut [u8]) -> io::Result<usize> {
        let room = buf.len();
        let filled = &self.source.filled;
        self.recv_noting(|io| {
            let is_busy = current::hub().is_busy();
            let (count, taken) = if is_busy || filled.load(Ordering::Relaxed) {
                let count = sys::recv(io.as_fd(), buf, MsgFlags::NONE)?;
                (count, if is_busy && count < room { Taken::Perhaps } else { Taken::Some })
            } else {
                let (count, cut) = sys::recv_and_cut(io.as_fd(), buf)?;
                (count, if count < room && !cut { Taken::All } else { Taken::Some })
            };
            filled.store(count == room, Ordering::Relaxed);
            Ok((count, taken))
        })
    }

    /// Receives into several buffers, and appends the descriptors that came with the data to `fds`.
    ///
    /// # Errors
    ///
    /// See [`read_with`](Self::read_with); `EMFILE` if this process could not take all descriptors that came. Then those
    /// that it could take are closed, and the data is lost.
    pub fn recv_with_fds(&self, bufs: &mut [IoSliceMut<'_>], fds: &mut Vec<OwnedFd>) -> io::Result<usize> {
        let before = fds.len();
        let (count, lost) = self.read_with(WaitReason::Read, |io| sys::recv_with_fds(io.as_fd(), bufs, fds))?;
        if lost {
            fds.truncate(before);
            return Err(io::Error::from_raw_os_error(libc::EMFILE));
        }
        Ok(count)
    }

    /// Sends all of several buffers as [`send_vectored`](Self::send_vectored) does, and `fds` with the first byte.
    ///
    /// # Errors
    ///
    /// See [`write_with`](Self::write_with); `InvalidInput` if there are more than 253 descriptors.
    pub fn send_with_fds(&self, bufs: &[IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        let unsent = Cell::new(fds);
        self.send_all(bufs, |io, bufs| {
            let count = sys::send_with_fds(io.as_fd(), bufs, unsent.get())?;
            unsent.set(&[]);
            Ok(count)
        })
    }

    /// Receives one datagram and its sender's address; what does not fit into `buf` is lost.
    ///
    /// # Errors
    ///
    /// See [`read_with`](Self::read_with); `InvalidInput` if it is not a Unix socket.
    pub fn recv_from_unix(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (count, addr) = self.recv_with_address(buf, MsgFlags::NONE)?;
        Ok((count, from_raw(&addr)?))
    }

    /// Sends one datagram to `addr`, parking while its receiver's queue or this socket's buffer is full.
    ///
    /// # Errors
    ///
    /// See [`write_with`](Self::write_with).
    pub fn send_to_unix(&self, buf: &[u8], addr: &SocketAddr) -> io::Result<usize> {
        let addr = to_raw(addr)?;
        let mut pauses = Pauses::new(WaitReason::Write);
        let mut deadline = None;
        loop {
            let error = match sys::send_to(self.io.as_fd(), buf, &addr) {
                Ok(count) => {
                    current::hub().spend_io();
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => error,
                Err(error) => return Err(error),
            };
            let deadline = match deadline {
                Some(deadline) => deadline,
                None => *deadline.insert(self.user_deadline(Direction::Write, error)?),
            };
            if deadline.is_some_and(|deadline| deadline <= clock::now()) {
                return Err(sys::would_block());
            }
            pauses.pause(deadline);
        }
    }
}

/// Converts std's address to what the kernel takes.
fn to_raw(addr: &SocketAddr) -> io::Result<SockAddr> {
    if let Some(path) = addr.as_pathname() {
        return SockAddr::unix(path);
    }
    let Some(name) = addr.as_abstract_name() else {
        // Unnamed: an address of no length.
        return SockAddr::unix("");
    };
    let mut bytes = Vec::with_capacity(1 + name.len());
    bytes.push(0);
    bytes.extend_from_slice(name);
    SockAddr::unix(Path::new(std::ffi::OsStr::from_bytes(&bytes)))
}

/// Converts what the kernel told to std's address.
fn from_raw(addr: &SockAddr) -> io::Result<SocketAddr> {
    // A sender without an address has none of a family either.
    if addr.len() > 0 && !addr.is_unix() {
        let message = "file descriptor did not correspond to a Unix socket";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    if let Some(name) = addr.as_abstract_namespace() {
        return SocketAddr::from_abstract_name(name);
    }
    // Linux lets a path fill its field to the last byte, which std has no way to say: better no name than no datagram.
    let path = addr.as_pathname().unwrap_or(Path::new(""));
    SocketAddr::from_pathname(path).or_else(|_| SocketAddr::from_pathname(""))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    /// Checks that an address survives the way to the kernel's form and back.
    fn check(addr: &SocketAddr) {
        let back = from_raw(&to_raw(addr).unwrap()).unwrap();
        assert_eq!(back.as_pathname(), addr.as_pathname());
        assert_eq!(back.as_abstract_name(), addr.as_abstract_name());
        assert_eq!(back.is_unnamed(), addr.is_unnamed());
    }

    #[test]
    fn every_kind_of_address_survives_the_conversion() {
        check(&UnixDatagram::unbound().unwrap().local_addr().unwrap());
        for path in ["/", "a", &"p".repeat(107)] {
            check(&SocketAddr::from_pathname(path).unwrap());
        }
        for name in [&b""[..], b"name", b"with\0zero\0", &[7; 107]] {
            check(&SocketAddr::from_abstract_name(name).unwrap());
        }
    }

    #[test]
    fn an_address_of_another_family_is_refused() {
        let internet = SockAddr::from(std::net::SocketAddr::from(([127, 0, 0, 1], 80)));
        assert_eq!(from_raw(&internet).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn the_pauses_begin_with_none_and_double_up_to_their_limit() {
        let mut pauses = Pauses::new(WaitReason::Connect);
        let past = Some(clock::now());
        let taken: Vec<_> = (0..20)
            .map(|_| {
                let next = pauses.next;
                pauses.pause(past);
                next
            })
            .collect();
        assert_eq!(taken[..3], [None, Some(Pauses::FIRST), Some(Pauses::FIRST * 2)]);
        assert_eq!(taken[19], Some(Pauses::LONGEST));
    }
}
