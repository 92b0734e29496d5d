//! Sockets as file descriptors.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use crate::{TcpListener, TcpStream};

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lend().as_fd()
    }
}

impl AsRawFd for TcpStream {
    fn as_raw_fd(&self) -> RawFd {
        self.lend().as_raw_fd()
    }
}

impl IntoRawFd for TcpStream {
    fn into_raw_fd(self) -> RawFd {
        std::net::TcpStream::from(self).into_raw_fd()
    }
}

impl FromRawFd for TcpStream {
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        // SAFETY: the caller hands over an open descriptor that it owns, which is what std's function asks for.
        unsafe { std::net::TcpStream::from_raw_fd(fd) }.into()
    }
}

impl From<OwnedFd> for TcpStream {
    fn from(owned_fd: OwnedFd) -> Self {
        std::net::TcpStream::from(owned_fd).into()
    }
}

impl From<TcpStream> for OwnedFd {
    fn from(tcp_stream: TcpStream) -> Self {
        std::net::TcpStream::from(tcp_stream).into()
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lend().as_fd()
    }
}

impl AsRawFd for TcpListener {
    fn as_raw_fd(&self) -> RawFd {
        self.lend().as_raw_fd()
    }
}

impl IntoRawFd for TcpListener {
    fn into_raw_fd(self) -> RawFd {
        std::net::TcpListener::from(self).into_raw_fd()
    }
}

impl FromRawFd for TcpListener {
    unsafe fn from_raw_fd(fd: RawFd) -> Self {
        // SAFETY: the caller hands over an open descriptor that it owns, which is what std's function asks for.
        unsafe { std::net::TcpListener::from_raw_fd(fd) }.into()
    }
}

impl From<OwnedFd> for TcpListener {
    fn from(owned_fd: OwnedFd) -> Self {
        std::net::TcpListener::from(owned_fd).into()
    }
}

impl From<TcpListener> for OwnedFd {
    fn from(tcp_listener: TcpListener) -> Self {
        std::net::TcpListener::from(tcp_listener).into()
    }
}
