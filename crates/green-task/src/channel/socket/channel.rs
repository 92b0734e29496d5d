//! What each kind of socket does as a channel.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use green_io::Pollable;

use super::datagram::{gather, scatter};
use super::{Kind, Socket};
use crate::channel::{Channel, ChannelError, Feature};

impl Socket {
    /// Borrows the descriptor for a wait, or to look at its flags.
    fn pollable(&self) -> Pollable<BorrowedFd<'_>> {
        Pollable::new(self.as_fd())
    }
}

impl Channel for Socket {
    fn has_feature(&self, feature: Feature) -> bool {
        match feature {
            Feature::FdPass => matches!(self.kind, Kind::Unix(_) | Kind::UnixDatagram(_)),
            Feature::Shutdown => matches!(self.kind, Kind::Tcp(_) | Kind::Unix(_) | Kind::UnixDatagram(_)),
            Feature::Listen => self.is_listener(),
            Feature::Peek => !self.is_listener(),
            Feature::Seek => false,
        }
    }

    fn readv(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match (&self.kind, bufs) {
            // What there was to read is remembered for one buffer only.
            (Kind::Tcp(socket), [buf]) => (&*socket).read(buf),
            (Kind::Unix(socket), [buf]) => (&*socket).read(buf),
            (Kind::Tcp(socket), bufs) => (&*socket).read_vectored(bufs),
            (Kind::Unix(socket), bufs) => (&*socket).read_vectored(bufs),
            (Kind::Udp(socket), bufs) => scatter(bufs, |buf| socket.recv(buf)),
            (Kind::UnixDatagram(socket), bufs) => scatter(bufs, |buf| socket.recv(buf)),
            (Kind::TcpListener(_) | Kind::UnixListener(_), _) => Err(ChannelError::NotReadable.into()),
        }
    }

    fn writev(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match (&self.kind, bufs) {
            (Kind::Tcp(socket), bufs) => (&*socket).write_vectored(bufs),
            (Kind::Unix(socket), bufs) => (&*socket).write_vectored(bufs),
            (Kind::Udp(socket), bufs) => gather(bufs, |datagram| socket.send(datagram)),
            (Kind::UnixDatagram(socket), bufs) => gather(bufs, |datagram| socket.send(datagram)),
            (Kind::TcpListener(_) | Kind::UnixListener(_), _) => Err(ChannelError::NotWritable.into()),
        }
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match &self.kind {
            Kind::Tcp(socket) => socket.set_nonblocking(nonblocking),
            Kind::TcpListener(socket) => socket.set_nonblocking(nonblocking),
            Kind::Udp(socket) => socket.set_nonblocking(nonblocking),
            Kind::Unix(socket) => socket.set_nonblocking(nonblocking),
            Kind::UnixListener(socket) => socket.set_nonblocking(nonblocking),
            Kind::UnixDatagram(socket) => socket.set_nonblocking(nonblocking),
        }
    }

    fn is_nonblocking(&self) -> io::Result<bool> {
        self.pollable().is_nonblocking()
    }

    fn wait_readable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        self.pollable().wait_readable(deadline)
    }

    fn wait_writable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        if self.is_listener() {
            return Err(ChannelError::NotWritable.into());
        }
        self.pollable().wait_writable(deadline)
    }

    fn readv_with_fds(&self, bufs: &mut [IoSliceMut<'_>], fds: &mut Vec<OwnedFd>) -> io::Result<usize> {
        match &self.kind {
            Kind::Unix(socket) => socket.recv_with_fds(bufs, fds),
            Kind::UnixDatagram(socket) => socket.recv_with_fds(bufs, fds),
            _ => Err(ChannelError::Lacks(Feature::FdPass).into()),
        }
    }

    fn writev_with_fds(&self, bufs: &[IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        match &self.kind {
            Kind::Unix(socket) => socket.send_with_fds(bufs, fds),
            Kind::UnixDatagram(socket) => socket.send_with_fds(bufs, fds),
            _ => Err(ChannelError::Lacks(Feature::FdPass).into()),
        }
    }

    fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.kind {
            Kind::Tcp(socket) => socket.peek(buf),
            Kind::Udp(socket) => socket.peek(buf),
            Kind::Unix(socket) => socket.peek(buf),
            Kind::UnixDatagram(socket) => socket.peek(buf),
            Kind::TcpListener(_) | Kind::UnixListener(_) => Err(ChannelError::Lacks(Feature::Peek).into()),
        }
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match &self.kind {
            Kind::Tcp(socket) => socket.shutdown(how),
            Kind::Unix(socket) => socket.shutdown(how),
            Kind::UnixDatagram(socket) => socket.shutdown(how),
            _ => Err(ChannelError::Lacks(Feature::Shutdown).into()),
        }
    }

    fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        match &self.kind {
            Kind::Tcp(socket) => socket.set_nodelay(nodelay),
            _ => Ok(()),
        }
    }
}
