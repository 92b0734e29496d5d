//! What can be served.

use std::io;
use std::os::unix::net::SocketAddr as UnixAddr;

use crate::unix::{UnixListener, UnixStream};
use crate::{SocketAddr, TcpListener, TcpStream};

/// A source of connections.
///
/// Implement it for a wrapper of a listener, such as one that speaks TLS on what it accepts. Its `accept` should not
/// wait for anything but the next connection: handshakes belong into the handler, or one slow client holds up all.
pub trait Listener: Send + 'static {
    /// A connection. Dropping it closes it.
    type Stream: Send + 'static;
    /// Where it comes from.
    type Addr: Send + 'static;

    /// Parks until a connection comes in.
    ///
    /// # Errors
    ///
    /// The OS error. The server reports it and goes on, after a pause if it is not the first in a row.
    fn accept(&self) -> io::Result<(Self::Stream, Self::Addr)>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;
    type Addr = SocketAddr;

    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        TcpListener::accept(self)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;
    type Addr = UnixAddr;

    fn accept(&self) -> io::Result<(UnixStream, UnixAddr)> {
        UnixListener::accept(self)
    }
}
