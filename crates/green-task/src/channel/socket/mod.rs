//! A channel over a socket of any kind.

mod address;
mod bound;
mod channel;
mod datagram;
mod fd;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use green_net::os::unix::{UnixDatagram, UnixListener, UnixStream};
use green_net::{TcpListener, TcpStream, UdpSocket};

use super::{ChannelError, Feature};
use address::{first_success, no_addresses};
use bound::{BoundPath, V6};

pub use address::{Address, ToAddresses};

/// A socket: a stream, a datagram socket, or one that listens, over IP or between the processes of a machine.
///
/// It is a channel whatever it is; one that listens has nothing to read or write, and its
/// [`accept`](Self::accept) gives streams. The types of `green_net` turn into it by `From`.
///
/// Follows QEMU's `QIOChannelSocket`.
///
/// # Examples
///
/// ```
/// use std::io::{self, Write};
///
/// use green_task::channel::{Channel, Shutdown, Socket};
///
/// # fn main() -> io::Result<()> {
/// let listener = Socket::listen("127.0.0.1:0", 16)?;
/// let address = listener.local_addr()?;
/// let server = green_thread::spawn(move || -> io::Result<String> { io::read_to_string(listener.accept()?) });
///
/// let client = Socket::connect(address)?;
/// (&client).write_all(b"hello")?;
/// client.shutdown(Shutdown::Write)?;
/// assert_eq!(server.join().unwrap()?, "hello");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Socket {
    // Declared first, so dropped first: a path is free again when nobody listens there any more.
    kind: Kind,
    /// The path that this socket, which listens there, has made.
    _path: Option<BoundPath>,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    TcpListener(TcpListener),
    Udp(UdpSocket),
    Unix(UnixStream),
    UnixListener(UnixListener),
    UnixDatagram(UnixDatagram),
}

impl Socket {
    /// Connects a stream to the first of the addresses where that succeeds.
    ///
    /// # Errors
    ///
    /// That of the lookup or of the last attempt.
    pub fn connect(addr: impl ToAddresses) -> io::Result<Self> {
        first_success(addr.to_addresses()?, |addr| match addr {
            Address::Inet(addr) => Ok(TcpStream::connect(addr)?.into()),
            Address::Unix(addr) => Ok(UnixStream::connect_addr(&addr)?.into()),
        })
    }

    /// Listens on the first of the addresses where that succeeds; `backlog` clients at most may wait to be accepted, and
    /// no more than the system allows.
    ///
    /// The path of a Unix socket is removed when this listener is closed, and only then; streams that it has accepted have
    /// the same address and leave it alone. A path where something is already is an error, as in std.
    ///
    /// # Errors
    ///
    /// That of the lookup or of the last attempt.
    pub fn listen(addr: impl ToAddresses, backlog: u32) -> io::Result<Self> {
        first_success(addr.to_addresses()?, |addr| Self::listen_on(&addr, backlog, V6::Dual))
    }

    /// Listens on this very address.
    fn listen_on(addr: &Address, backlog: u32, v6: V6) -> io::Result<Self> {
        match addr {
            Address::Inet(addr) => Ok(bound::tcp(*addr, backlog, v6)?.into()),
            Address::Unix(addr) => {
                let (listener, path) = bound::unix(addr, backlog)?;
                Ok(Self { kind: Kind::UnixListener(listener), _path: path })
            }
        }
    }

    /// Opens a datagram socket at the first of the addresses where that succeeds.
    ///
    /// # Errors
    ///
    /// That of the lookup or of the last attempt.
    pub fn datagram(addr: impl ToAddresses) -> io::Result<Self> {
        first_success(addr.to_addresses()?, |addr| match addr {
            Address::Inet(addr) => Ok(UdpSocket::bind(addr)?.into()),
            Address::Unix(addr) => Ok(UnixDatagram::bind_addr(&addr)?.into()),
        })
    }

    /// Opens a datagram socket without an address that it chose, and connects it to the first of the addresses where that
    /// succeeds.
    ///
    /// # Errors
    ///
    /// That of the lookup or of the last attempt.
    pub fn connect_datagram(addr: impl ToAddresses) -> io::Result<Self> {
        first_success(addr.to_addresses()?, |addr| {
            let socket = match &addr {
                Address::Inet(SocketAddr::V4(_)) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.into(),
                Address::Inet(SocketAddr::V6(_)) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?.into(),
                Address::Unix(_) => Self::from(UnixDatagram::unbound()?),
            };
            socket.direct(&addr)?;
            Ok(socket)
        })
    }

    /// Connects this datagram socket to `addr`: what it writes goes there, and what it reads comes from there.
    ///
    /// # Errors
    ///
    /// The OS error; `InvalidInput` if it is no datagram socket or of another family.
    pub fn direct(&self, addr: &Address) -> io::Result<()> {
        match (&self.kind, addr) {
            (Kind::Udp(socket), Address::Inet(addr)) => socket.connect(*addr),
            (Kind::UnixDatagram(socket), Address::Unix(addr)) => socket.connect_addr(addr),
            _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "this socket cannot be directed there")),
        }
    }

    /// Parks until a client comes to this socket, and returns a stream to it.
    ///
    /// # Errors
    ///
    /// The OS error; [`ChannelError::Lacks`]`(`[`Listen`](Feature::Listen)`)` if it does not listen.
    pub fn accept(&self) -> io::Result<Self> {
        match &self.kind {
            Kind::TcpListener(listener) => Ok(listener.accept()?.0.into()),
            Kind::UnixListener(listener) => Ok(listener.accept()?.0.into()),
            _ => Err(ChannelError::Lacks(Feature::Listen).into()),
        }
    }

    /// Returns the address of this end.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn local_addr(&self) -> io::Result<Address> {
        Ok(match &self.kind {
            Kind::Tcp(socket) => socket.local_addr()?.into(),
            Kind::TcpListener(socket) => socket.local_addr()?.into(),
            Kind::Udp(socket) => socket.local_addr()?.into(),
            Kind::Unix(socket) => socket.local_addr()?.into(),
            Kind::UnixListener(socket) => socket.local_addr()?.into(),
            Kind::UnixDatagram(socket) => socket.local_addr()?.into(),
        })
    }

    /// Returns the address of the other end.
    ///
    /// # Errors
    ///
    /// The OS error; `NotConnected` if there is none.
    pub fn peer_addr(&self) -> io::Result<Address> {
        Ok(match &self.kind {
            Kind::Tcp(socket) => socket.peer_addr()?.into(),
            Kind::Udp(socket) => socket.peer_addr()?.into(),
            Kind::Unix(socket) => socket.peer_addr()?.into(),
            Kind::UnixDatagram(socket) => socket.peer_addr()?.into(),
            Kind::TcpListener(_) | Kind::UnixListener(_) => return Err(io::ErrorKind::NotConnected.into()),
        })
    }

    /// Listens on each address where that succeeds, and fails with the first error if there is none. IPv6 and IPv4 share no
    /// port if there are addresses of both.
    pub(crate) fn listen_on_all(addresses: &[Address], backlog: u32) -> io::Result<Vec<Self>> {
        let has_v4 = addresses.iter().any(|addr| matches!(addr, Address::Inet(SocketAddr::V4(_))));
        let v6 = if has_v4 { V6::Only } else { V6::Dual };
        let (mut sockets, mut first_error) = (Vec::new(), None);
        for addr in addresses {
            match Self::listen_on(addr, backlog, v6) {
                Ok(socket) => sockets.push(socket),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        if sockets.is_empty() { Err(first_error.unwrap_or_else(no_addresses)) } else { Ok(sockets) }
    }

    pub(crate) fn is_listener(&self) -> bool {
        matches!(self.kind, Kind::TcpListener(_) | Kind::UnixListener(_))
    }
}

macro_rules! from {
    ($($socket:ty => $kind:ident),*) => {$(
        impl From<$socket> for Socket {
            fn from(socket: $socket) -> Self {
                Self { kind: Kind::$kind(socket), _path: None }
            }
        }
    )*};
}

from!(
    TcpStream => Tcp,
    TcpListener => TcpListener,
    UdpSocket => Udp,
    UnixStream => Unix,
    UnixListener => UnixListener,
    UnixDatagram => UnixDatagram
);
