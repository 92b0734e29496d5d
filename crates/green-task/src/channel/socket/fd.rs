//! A socket as a descriptor.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::{Kind, Socket};

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.kind {
            Kind::Tcp(socket) => socket.as_fd(),
            Kind::TcpListener(socket) => socket.as_fd(),
            Kind::Udp(socket) => socket.as_fd(),
            Kind::Unix(socket) => socket.as_fd(),
            Kind::UnixListener(socket) => socket.as_fd(),
            Kind::UnixDatagram(socket) => socket.as_fd(),
        }
    }
}

/// Gives the descriptor away. A path that the socket has listened at is removed.
impl From<Socket> for OwnedFd {
    fn from(socket: Socket) -> Self {
        match socket.kind {
            Kind::Tcp(socket) => socket.into(),
            Kind::TcpListener(socket) => socket.into(),
            Kind::Udp(socket) => socket.into(),
            Kind::Unix(socket) => socket.into(),
            Kind::UnixListener(socket) => socket.into(),
            Kind::UnixDatagram(socket) => socket.into(),
        }
    }
}
