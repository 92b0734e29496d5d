//! A listening TCP socket.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::{fmt, io};

use green_core::io::family::Acceptor;

use super::{Incoming, TcpStream};
use crate::addr::first_success;
use crate::{SocketAddr, ToSocketAddrs};

/// A TCP socket that listens for connections.
///
/// Corresponds to [`std::net::TcpListener`].
///
/// # Differences
///
/// When the process or the system has no file descriptor left, [`accept`](Self::accept) returns that error at once, as
/// std does; while it goes on, each further `accept` of the listener and its clones first pauses (10 ms, doubling to
/// one second) and tries once more. So a loop that ignores errors does not spin.
///
/// A listener that shares its open file with somebody outside this library, because it was made from a descriptor or
/// has handed its own out, takes part in a race for each connection if the others accept too: losing it blocks the hub
/// until the next connection.
///
/// # Examples
///
/// ```
/// use std::io::{self, Write};
///
/// use green_net::{TcpListener, TcpStream};
///
/// # fn main() -> io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
///
/// green_thread::spawn(move || -> io::Result<()> {
///     for stream in listener.incoming() {
///         let mut stream = stream?;
///         green_thread::spawn(move || stream.write_all(b"hello"));
///     }
///     Ok(())
/// });
///
/// assert_eq!(io::read_to_string(TcpStream::connect(addr)?)?, "hello");
/// # Ok(())
/// # }
/// ```
pub struct TcpListener {
    io: Acceptor<std::net::TcpListener>,
}

// As std's listener: what a panic may interrupt leaves no broken state behind.
impl UnwindSafe for TcpListener {}
impl RefUnwindSafe for TcpListener {}

impl TcpListener {
    /// Makes a listener that is bound to `addr`; port 0 lets the OS choose one.
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
    /// let listener = green_net::TcpListener::bind("localhost:0")?;
    /// assert_ne!(listener.local_addr()?.port(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind<A: ToSocketAddrs>(addr: A) -> io::Result<TcpListener> {
        let listener = first_success(addr, std::net::TcpListener::bind)?;
        Ok(Self { io: Acceptor::opened(listener) })
    }

    /// Returns the address that this listener is bound to.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// assert!(listener.local_addr()?.ip().is_loopback());
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// Makes another handle to the same socket: both accept from one queue and share all options.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// let clone = listener.try_clone()?;
    /// assert_eq!(clone.local_addr()?, listener.local_addr()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_clone(&self) -> io::Result<TcpListener> {
        Ok(Self { io: self.io.join(self.io.get_ref().try_clone()?) })
    }

    /// Parks until a connection comes in, and returns it with its peer's address.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// let client = green_net::TcpStream::connect(listener.local_addr()?)?;
    /// let (_server, peer) = listener.accept()?;
    /// assert_eq!(peer, client.local_addr()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.io.accept(std::net::TcpListener::accept)?;
        Ok((TcpStream::accepted(stream), peer))
    }

    /// Returns an iterator over the connections that come in, which is [`accept`](Self::accept) in a loop and never
    /// ends.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// let client = green_net::TcpStream::connect(listener.local_addr()?)?;
    /// let server = listener.incoming().next().expect("it never ends")?;
    /// assert_eq!(server.peer_addr()?, client.local_addr()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming::new(self)
    }

    /// Sets `IP_TTL`, how many hops a packet of this socket may travel.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// listener.set_ttl(100)?;
    /// assert_eq!(listener.ttl()?, 100);
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

    /// Sets `IPV6_V6ONLY`, which the OS allows only before a socket is bound.
    #[deprecated(since = "0.1.0", note = "this option can only be set before the socket is bound")]
    #[expect(deprecated, reason = "it mirrors a deprecated method of std")]
    pub fn set_only_v6(&self, only_v6: bool) -> io::Result<()> {
        self.io.get_ref().set_only_v6(only_v6)
    }

    /// Returns `IPV6_V6ONLY`.
    #[deprecated(since = "0.1.0", note = "this option can only be set before the socket is bound")]
    #[expect(deprecated, reason = "it mirrors a deprecated method of std")]
    pub fn only_v6(&self) -> io::Result<bool> {
        self.io.get_ref().only_v6()
    }

    /// Returns and clears the socket's pending error, `SO_ERROR`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// assert!(listener.take_error()?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.get_ref().take_error()
    }

    /// Chooses whether [`accept`](Self::accept) returns `WouldBlock` instead of parking, here and in all clones.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io;
    ///
    /// # fn main() -> io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// listener.set_nonblocking(true)?;
    /// assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.io.set_nonblocking(nonblocking)
    }

    /// Returns std's listener for somebody who may do anything with its descriptor.
    pub(crate) fn lend(&self) -> &std::net::TcpListener {
        self.io.lend()
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.get_ref().fmt(f)
    }
}

/// Takes over std's listener, which keeps its flags.
impl From<std::net::TcpListener> for TcpListener {
    fn from(listener: std::net::TcpListener) -> Self {
        Self { io: Acceptor::adopted(listener) }
    }
}

/// Gives the socket back to std, with the flags that std's own would have.
impl From<TcpListener> for std::net::TcpListener {
    fn from(listener: TcpListener) -> Self {
        listener.io.into_inner()
    }
}
