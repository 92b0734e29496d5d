//! A listening Unix socket.

use std::os::unix::net::SocketAddr;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::{fmt, io};

use green_core::io::family::Acceptor;

use super::{Incoming, UnixStream};

/// A Unix socket that listens for connections.
///
/// Corresponds to [`std::os::unix::net::UnixListener`].
///
/// # Differences
///
/// Those of [`TcpListener`](crate::TcpListener): pauses while no file descriptor is left, and a listener whose open file
/// others accept from too.
///
/// # Examples
///
/// ```
/// use std::io::{self, Write};
/// use std::os::linux::net::SocketAddrExt;
///
/// use green_net::os::unix::{SocketAddr, UnixListener, UnixStream};
///
/// # fn main() -> io::Result<()> {
/// let addr = SocketAddr::from_abstract_name(format!("green-doc-listener-{}", std::process::id()))?;
/// let listener = UnixListener::bind_addr(&addr)?;
///
/// green_thread::spawn(move || -> io::Result<()> {
///     for stream in listener.incoming() {
///         let mut stream = stream?;
///         green_thread::spawn(move || stream.write_all(b"hello"));
///     }
///     Ok(())
/// });
///
/// assert_eq!(io::read_to_string(UnixStream::connect_addr(&addr)?)?, "hello");
/// # Ok(())
/// # }
/// ```
pub struct UnixListener {
    io: Acceptor<std::os::unix::net::UnixListener>,
}

// As std's listener: what a panic may interrupt leaves no broken state behind.
impl UnwindSafe for UnixListener {}
impl RefUnwindSafe for UnixListener {}

impl UnixListener {
    /// Makes a listener at `path`, where a socket file appears that stays when the listener is gone.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if there is something at `path`; `InvalidInput` if it is too long or contains a zero byte.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_net::os::unix::UnixListener;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let path = std::env::temp_dir().join(format!("green-doc-bind-{}", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// assert_eq!(listener.local_addr()?.as_pathname(), Some(&*path));
    /// std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixListener> {
        std::os::unix::net::UnixListener::bind(path).map(Self::opened)
    }

    /// Makes a listener at `socket_addr`, which may be an abstract name.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// use green_net::os::unix::{SocketAddr, UnixListener};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let name = format!("green-doc-bind-addr-{}", std::process::id());
    /// let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    /// assert_eq!(listener.local_addr()?.as_abstract_name(), Some(name.as_bytes()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixListener> {
        std::os::unix::net::UnixListener::bind_addr(socket_addr).map(Self::opened)
    }

    /// Parks until a connection comes in, and returns it with its peer's address, which is unnamed as a rule.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// use green_net::os::unix::{SocketAddr, UnixListener, UnixStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let addr = SocketAddr::from_abstract_name(format!("green-doc-accept-{}", std::process::id()))?;
    /// let listener = UnixListener::bind_addr(&addr)?;
    /// let _client = UnixStream::connect_addr(&addr)?;
    /// let (_server, peer) = listener.accept()?;
    /// assert!(peer.is_unnamed());
    /// # Ok(())
    /// # }
    /// ```
    pub fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, peer) = self.io.accept(std::os::unix::net::UnixListener::accept)?;
        Ok((UnixStream::sole(stream), peer))
    }

    /// Makes another handle to the same socket: both accept from one queue and share all options.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// use green_net::os::unix::{SocketAddr, UnixListener, UnixStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let addr = SocketAddr::from_abstract_name(format!("green-doc-clone-{}", std::process::id()))?;
    /// let listener = UnixListener::bind_addr(&addr)?;
    /// let clone = listener.try_clone()?;
    /// drop(listener);
    /// let _client = UnixStream::connect_addr(&addr)?;
    /// clone.accept()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_clone(&self) -> io::Result<UnixListener> {
        Ok(Self { io: self.io.join(self.io.get_ref().try_clone()?) })
    }

    /// Returns the address that this listener is bound to.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// Chooses whether [`accept`](Self::accept) returns `WouldBlock` instead of parking, here and in all clones.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// use green_net::os::unix::{SocketAddr, UnixListener};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let addr = SocketAddr::from_abstract_name(format!("green-doc-nonblocking-{}", std::process::id()))?;
    /// let listener = UnixListener::bind_addr(&addr)?;
    /// listener.set_nonblocking(true)?;
    /// assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.io.set_nonblocking(nonblocking)
    }

    /// Returns and clears the socket's pending error, `SO_ERROR`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.get_ref().take_error()
    }

    /// Returns an iterator over the connections that come in, which is [`accept`](Self::accept) in a loop and never
    /// ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// use green_net::os::unix::{SocketAddr, UnixListener, UnixStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let addr = SocketAddr::from_abstract_name(format!("green-doc-incoming-{}", std::process::id()))?;
    /// let listener = UnixListener::bind_addr(&addr)?;
    /// let clients = [UnixStream::connect_addr(&addr)?, UnixStream::connect_addr(&addr)?];
    /// assert_eq!(listener.incoming().take(clients.len()).filter_map(Result::ok).count(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming::new(self)
    }

    fn opened(listener: std::os::unix::net::UnixListener) -> Self {
        Self { io: Acceptor::opened(listener) }
    }

    /// Returns std's listener for somebody who may do anything with its descriptor.
    pub(crate) fn lend(&self) -> &std::os::unix::net::UnixListener {
        self.io.lend()
    }
}

impl<'a> IntoIterator for &'a UnixListener {
    type Item = io::Result<UnixStream>;
    type IntoIter = Incoming<'a>;

    fn into_iter(self) -> Incoming<'a> {
        self.incoming()
    }
}

impl fmt::Debug for UnixListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.get_ref().fmt(f)
    }
}

/// Takes over std's listener, which keeps its flags.
impl From<std::os::unix::net::UnixListener> for UnixListener {
    fn from(listener: std::os::unix::net::UnixListener) -> Self {
        Self { io: Acceptor::adopted(listener) }
    }
}

/// Gives the socket back to std, with the flags that std's own would have.
impl From<UnixListener> for std::os::unix::net::UnixListener {
    fn from(listener: UnixListener) -> Self {
        listener.io.into_inner()
    }
}
