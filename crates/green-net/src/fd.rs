//! Sockets as file descriptors.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use crate::unix::{UnixDatagram, UnixListener, UnixStream};
use crate::{TcpListener, TcpStream, UdpSocket};

/// Gives a socket the descriptor traits of std's own, by way of which they go.
macro_rules! descriptor {
    ($ours:ty, $stds:ty) => {
        impl AsFd for $ours {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.lend().as_fd()
            }
        }

        impl AsRawFd for $ours {
            fn as_raw_fd(&self) -> RawFd {
                self.lend().as_raw_fd()
            }
        }

        impl IntoRawFd for $ours {
            fn into_raw_fd(self) -> RawFd {
                <$stds>::from(self).into_raw_fd()
            }
        }

        impl FromRawFd for $ours {
            unsafe fn from_raw_fd(fd: RawFd) -> Self {
                // SAFETY: the caller hands over an open descriptor that it owns, which is what std's function asks for.
                unsafe { <$stds>::from_raw_fd(fd) }.into()
            }
        }

        impl From<OwnedFd> for $ours {
            fn from(fd: OwnedFd) -> Self {
                <$stds>::from(fd).into()
            }
        }

        impl From<$ours> for OwnedFd {
            fn from(socket: $ours) -> Self {
                <$stds>::from(socket).into()
            }
        }
    };
}

descriptor!(TcpStream, std::net::TcpStream);
descriptor!(TcpListener, std::net::TcpListener);
descriptor!(UdpSocket, std::net::UdpSocket);
descriptor!(UnixStream, std::os::unix::net::UnixStream);
descriptor!(UnixListener, std::os::unix::net::UnixListener);
descriptor!(UnixDatagram, std::os::unix::net::UnixDatagram);
