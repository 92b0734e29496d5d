//! A UDP socket.

use std::fmt;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use green_core::io::Pollable;

use crate::addr::{first_success, invalid};
use crate::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// A UDP socket.
///
/// Corresponds to [`std::net::UdpSocket`]. Any number of green threads and OS threads may use one at once; those that
/// wait for a datagram are woken together, and one of them gets it.
///
/// # Examples
///
/// ```
/// use green_net::UdpSocket;
///
/// # fn main() -> std::io::Result<()> {
/// let server = UdpSocket::bind("127.0.0.1:0")?;
/// let addr = server.local_addr()?;
/// green_thread::spawn(move || -> std::io::Result<()> {
///     let mut buf = [0; 1500];
///     loop {
///         let (count, client) = server.recv_from(&mut buf)?;
///         server.send_to(&buf[..count], client)?;
///     }
/// });
///
/// let client = UdpSocket::bind("127.0.0.1:0")?;
/// client.send_to(b"hello", addr)?;
/// let mut buf = [0; 16];
/// let (count, from) = client.recv_from(&mut buf)?;
/// assert_eq!((&buf[..count], from), (&b"hello"[..], addr));
/// # Ok(())
/// # }
/// ```
pub struct UdpSocket {
    io: Pollable<std::net::UdpSocket>,
}

// As std's socket: what a panic may interrupt leaves no broken state behind.
impl UnwindSafe for UdpSocket {}
impl RefUnwindSafe for UdpSocket {}

impl UdpSocket {
    /// Makes a socket that is bound to `addr`; port 0 lets the OS choose one.
    ///
    /// If `addr` stands for several addresses, they are tried in turn until one can be bound.
    ///
    /// # Errors
    ///
    /// The error of the last attempt; `InvalidInput` if `addr` stands for no address.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let socket = green_net::UdpSocket::bind("localhost:0")?;
    /// assert_ne!(socket.local_addr()?.port(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<UdpSocket> {
        let socket = first_success(addr, std::net::UdpSocket::bind)?;
        Ok(Self { io: Pollable::sole(socket) })
    }

    /// Parks until a datagram is there, and returns its length and its sender. What does not fit into `buf` is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let receiver = UdpSocket::bind("127.0.0.1:0")?;
    /// let sender = UdpSocket::bind("127.0.0.1:0")?;
    /// sender.send_to(b"too long", receiver.local_addr()?)?;
    /// let mut buf = [0; 3];
    /// assert_eq!(receiver.recv_from(&mut buf)?, (3, sender.local_addr()?));
    /// assert_eq!(&buf, b"too");
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.recv_from(buf)
    }

    /// Receives as [`recv_from`](Self::recv_from) does and leaves the datagram to be received again.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// socket.send_to(b"to myself", socket.local_addr()?)?;
    /// let mut buf = [0; 16];
    /// assert_eq!(socket.peek_from(&mut buf)?, socket.recv_from(&mut buf)?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn peek_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.peek_from(buf)
    }

    /// Sends one datagram to `addr`, the first one if it stands for several.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `addr` stands for no address; the OS error, such as that of a datagram that is too long.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let socket = UdpSocket::bind("127.0.0.1:0")?;
    /// assert_eq!(socket.send_to(b"abc", socket.local_addr()?)?, 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn send_to<A: ToSocketAddrs>(&self, buf: &[u8], addr: A) -> io::Result<usize> {
        match addr.to_socket_addrs()?.next() {
            Some(addr) => self.io.send_to(buf, &addr),
            None => Err(invalid("no addresses to send data to")),
        }
    }

    /// Returns the address that this socket is connected to.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().peer_addr()
    }

    /// Returns the address that this socket is bound to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// Makes another handle to the same socket: both receive from one queue and share all options.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let socket = green_net::UdpSocket::bind("127.0.0.1:0")?;
    /// let clone = socket.try_clone()?;
    /// clone.send_to(b"x", socket.local_addr()?)?;
    /// assert_eq!(socket.recv(&mut [0; 8])?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_clone(&self) -> io::Result<UdpSocket> {
        Ok(self.io.lend().try_clone()?.into())
    }

    /// Limits how long a receive waits, here and in all clones; `None` lets it wait for ever.
    ///
    /// A receive that waited that long returns `WouldBlock`, as std's does on Unix.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the duration is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::ErrorKind;
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let socket = green_net::UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_read_timeout(Some(Duration::from_millis(10)))?;
    /// assert_eq!(socket.recv_from(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_read_timeout(&self, dur: Option<Duration>) -> io::Result<()> {
        self.io.configure(|socket| socket.set_read_timeout(dur))
    }

    /// Limits how long a send waits, here and in all clones; `None` lets it wait for ever.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the duration is zero.
    pub fn set_write_timeout(&self, dur: Option<Duration>) -> io::Result<()> {
        self.io.configure(|socket| socket.set_write_timeout(dur))
    }

    /// Returns how long a receive waits at most; see [`set_read_timeout`](Self::set_read_timeout).
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.io.get_ref().read_timeout()
    }

    /// Returns how long a send waits at most; see [`set_write_timeout`](Self::set_write_timeout).
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.io.get_ref().write_timeout()
    }

    /// Sets `SO_BROADCAST`: whether this socket may send to a broadcast address.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let socket = green_net::UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_broadcast(true)?;
    /// assert!(socket.broadcast()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.io.get_ref().set_broadcast(broadcast)
    }

    /// Returns `SO_BROADCAST`; see [`set_broadcast`](Self::set_broadcast).
    pub fn broadcast(&self) -> io::Result<bool> {
        self.io.get_ref().broadcast()
    }

    /// Sets `IP_MULTICAST_LOOP`: whether what this socket sends to an IPv4 group comes back to this machine.
    pub fn set_multicast_loop_v4(&self, multicast_loop_v4: bool) -> io::Result<()> {
        self.io.get_ref().set_multicast_loop_v4(multicast_loop_v4)
    }

    /// Returns `IP_MULTICAST_LOOP`; see [`set_multicast_loop_v4`](Self::set_multicast_loop_v4).
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.io.get_ref().multicast_loop_v4()
    }

    /// Sets `IP_MULTICAST_TTL`: how many hops a datagram to an IPv4 group may travel.
    pub fn set_multicast_ttl_v4(&self, multicast_ttl_v4: u32) -> io::Result<()> {
        self.io.get_ref().set_multicast_ttl_v4(multicast_ttl_v4)
    }

    /// Returns `IP_MULTICAST_TTL`; see [`set_multicast_ttl_v4`](Self::set_multicast_ttl_v4).
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.io.get_ref().multicast_ttl_v4()
    }

    /// Sets `IPV6_MULTICAST_LOOP`: whether what this socket sends to an IPv6 group comes back to this machine.
    pub fn set_multicast_loop_v6(&self, multicast_loop_v6: bool) -> io::Result<()> {
        self.io.get_ref().set_multicast_loop_v6(multicast_loop_v6)
    }

    /// Returns `IPV6_MULTICAST_LOOP`; see [`set_multicast_loop_v6`](Self::set_multicast_loop_v6).
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.io.get_ref().multicast_loop_v6()
    }

    /// Sets `IP_TTL`, how many hops a packet of this socket may travel.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let socket = green_net::UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_ttl(100)?;
    /// assert_eq!(socket.ttl()?, 100);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.io.get_ref().set_ttl(ttl)
    }

    /// Returns `IP_TTL`; see [`set_ttl`](Self::set_ttl).
    pub fn ttl(&self) -> io::Result<u32> {
        self.io.get_ref().ttl()
    }

    /// Joins the IPv4 group `multiaddr` on the interface with the address `interface`; the unspecified one lets the OS
    /// choose.
    ///
    /// # Errors
    ///
    /// The OS error: no address of a group, no such interface, none that can multicast.
    pub fn join_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.io.get_ref().join_multicast_v4(multiaddr, interface)
    }

    /// Joins the IPv6 group `multiaddr` on the interface with the index `interface`; 0 lets the OS choose.
    ///
    /// # Errors
    ///
    /// As for [`join_multicast_v4`](Self::join_multicast_v4).
    pub fn join_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.get_ref().join_multicast_v6(multiaddr, interface)
    }

    /// Leaves a group that was joined by [`join_multicast_v4`](Self::join_multicast_v4).
    pub fn leave_multicast_v4(&self, multiaddr: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.io.get_ref().leave_multicast_v4(multiaddr, interface)
    }

    /// Leaves a group that was joined by [`join_multicast_v6`](Self::join_multicast_v6).
    pub fn leave_multicast_v6(&self, multiaddr: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.io.get_ref().leave_multicast_v6(multiaddr, interface)
    }

    /// Returns and clears the socket's pending error, `SO_ERROR`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.get_ref().take_error()
    }

    /// Chooses `addr` as the one that [`send`](Self::send) sends to, and from which alone datagrams are received.
    ///
    /// If `addr` stands for several addresses, they are tried in turn until the OS takes one. UDP asks nobody at the
    /// other end, so the first one nearly always is.
    ///
    /// # Errors
    ///
    /// The error of the last attempt; `InvalidInput` if `addr` stands for no address.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_net::UdpSocket;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let server = UdpSocket::bind("127.0.0.1:0")?;
    /// let client = UdpSocket::bind("127.0.0.1:0")?;
    /// client.connect(server.local_addr()?)?;
    /// client.send(b"x")?;
    /// assert_eq!(server.recv_from(&mut [0; 8])?, (1, client.local_addr()?));
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect<A: ToSocketAddrs>(&self, addr: A) -> io::Result<()> {
        first_success(addr, |addr| self.io.get_ref().connect(addr))
    }

    /// Sends one datagram to the address that this socket is connected to.
    ///
    /// # Errors
    ///
    /// The OS error if it is not connected; `ConnectionRefused` if an earlier datagram found nobody there.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.send(buf)
    }

    /// Parks until a datagram is there, and returns its length. What does not fit into `buf` is lost.
    ///
    /// # Errors
    ///
    /// `ConnectionRefused` if the socket is connected and an earlier datagram found nobody there.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.recv_datagram(buf)
    }

    /// Receives as [`recv`](Self::recv) does and leaves the datagram to be received again.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.peek_datagram(buf)
    }

    /// Chooses whether calls return `WouldBlock` instead of parking, here and in all clones.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let socket = green_net::UdpSocket::bind("127.0.0.1:0")?;
    /// socket.set_nonblocking(true)?;
    /// assert_eq!(socket.recv(&mut [0]).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.io.configure(|socket| socket.set_nonblocking(nonblocking))
    }

    /// Returns std's socket to somebody who may keep the descriptor.
    pub(crate) fn lend(&self) -> &std::net::UdpSocket {
        self.io.lend()
    }
}

impl fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.get_ref().fmt(f)
    }
}

/// Takes over std's socket, which keeps its flags.
impl From<std::net::UdpSocket> for UdpSocket {
    fn from(socket: std::net::UdpSocket) -> Self {
        Self { io: Pollable::new(socket) }
    }
}

/// Gives the socket back to std.
impl From<UdpSocket> for std::net::UdpSocket {
    fn from(socket: UdpSocket) -> Self {
        socket.io.into_inner()
    }
}
