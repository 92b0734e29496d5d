//! A TCP connection.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use green_core::clock;
use green_core::io::Pollable;
use green_core::io::connect::connect;

use crate::addr::first_success;
use crate::{Shutdown, SocketAddr, ToSocketAddrs};

/// One end of a TCP connection.
///
/// Corresponds to [`std::net::TcpStream`]. Any number of green threads and OS threads may read and write one stream at
/// once, through `&TcpStream` or clones; those that wait for the same direction of one handle are served in turn.
///
/// # Examples
///
/// ```
/// use std::io::{self, BufRead, BufReader, Write};
///
/// use green_net::{TcpListener, TcpStream};
///
/// # fn main() -> io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let mut client = TcpStream::connect(listener.local_addr()?)?;
/// let (server, _) = listener.accept()?;
///
/// let reader = green_thread::spawn(move || BufReader::new(server).lines().next());
/// client.write_all(b"one line\n")?;
/// assert_eq!(reader.join().unwrap().expect("a line")?, "one line");
/// # Ok(())
/// # }
/// ```
pub struct TcpStream {
    io: Pollable<std::net::TcpStream>,
}

// As std's stream: what a panic may interrupt leaves no broken state behind.
impl UnwindSafe for TcpStream {}
impl RefUnwindSafe for TcpStream {}

impl TcpStream {
    /// Connects to `addr`.
    ///
    /// If `addr` stands for several addresses, they are tried in turn until one answers.
    ///
    /// # Errors
    ///
    /// The error of the last attempt; `InvalidInput` if `addr` stands for no address.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_net::{SocketAddr, TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let gone = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let addrs: [SocketAddr; 2] = [gone, listener.local_addr()?];
    /// let stream = TcpStream::connect(&addrs[..])?;
    /// assert_eq!(stream.peer_addr()?, addrs[1]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect<A: ToSocketAddrs>(addr: A) -> io::Result<TcpStream> {
        let io = first_success(addr, |addr| connect(&addr, None))?;
        Ok(Self { io })
    }

    /// Connects to `addr`, or gives up after `timeout`.
    ///
    /// # Errors
    ///
    /// `TimedOut` when the time is over; `InvalidInput` if `timeout` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// let addr = listener.local_addr()?;
    /// let stream = green_net::TcpStream::connect_timeout(&addr, Duration::from_secs(5))?;
    /// assert_eq!(stream.peer_addr()?, addr);
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_timeout(addr: &SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        if timeout.is_zero() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "cannot set a 0 duration timeout"));
        }
        Ok(Self { io: connect(addr, clock::after(timeout))? })
    }

    /// Returns the address of the other end.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// let stream = green_net::TcpStream::connect(listener.local_addr()?)?;
    /// assert_eq!(stream.peer_addr()?, listener.local_addr()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().peer_addr()
    }

    /// Returns the address of this end.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// let stream = green_net::TcpStream::connect(listener.local_addr()?)?;
    /// assert!(stream.local_addr()?.ip().is_loopback());
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// Ends one direction of the connection or both, for all clones, and wakes whoever waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{self, Write};
    ///
    /// use green_net::{Shutdown, TcpListener, TcpStream};
    ///
    /// # fn main() -> io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut client = TcpStream::connect(listener.local_addr()?)?;
    /// client.write_all(b"all I have to say")?;
    /// client.shutdown(Shutdown::Write)?;
    /// assert_eq!(io::read_to_string(listener.accept()?.0)?, "all I have to say");
    /// # Ok(())
    /// # }
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.get_ref().shutdown(how)
    }

    /// Makes another handle to the same connection: both read and write one stream of bytes and share all options.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// let stream = green_net::TcpStream::connect(listener.local_addr()?)?;
    /// let clone = stream.try_clone()?;
    /// clone.set_nodelay(true)?;
    /// assert!(stream.nodelay()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_clone(&self) -> io::Result<TcpStream> {
        Ok(self.io.lend().try_clone()?.into())
    }

    /// Limits how long a read waits, here and in all clones; `None` lets it wait for ever.
    ///
    /// A read that waited that long returns `WouldBlock`, as std's does on Unix.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the duration is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = green_net::TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_read_timeout(Some(Duration::from_millis(10)))?;
    /// assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_read_timeout(&self, dur: Option<Duration>) -> io::Result<()> {
        self.io.configure(|stream| stream.set_read_timeout(dur))
    }

    /// Limits how long a write waits, here and in all clones; `None` lets it wait for ever.
    ///
    /// A write that waited that long returns how much it has sent, or `WouldBlock` if that is nothing.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the duration is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{ErrorKind, Write};
    /// use std::time::Duration;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = green_net::TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_write_timeout(Some(Duration::from_millis(10)))?;
    /// // Nobody reads, so the buffers on the way fill up.
    /// let error = loop {
    ///     if let Err(error) = stream.write(&[0; 1 << 20]) {
    ///         break error;
    ///     }
    /// };
    /// assert_eq!(error.kind(), ErrorKind::WouldBlock);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_write_timeout(&self, dur: Option<Duration>) -> io::Result<()> {
        self.io.configure(|stream| stream.set_write_timeout(dur))
    }

    /// Returns how long a read waits at most; see [`set_read_timeout`](Self::set_read_timeout).
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.io.get_ref().read_timeout()
    }

    /// Returns how long a write waits at most; see [`set_write_timeout`](Self::set_write_timeout).
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.io.get_ref().write_timeout()
    }

    /// Parks until there is data, copies some of it to `buf` and leaves it to be read again.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Write};
    ///
    /// use green_net::{TcpListener, TcpStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let mut client = TcpStream::connect(listener.local_addr()?)?;
    /// let (mut server, _) = listener.accept()?;
    /// server.write_all(b"x")?;
    ///
    /// let mut buf = [0; 8];
    /// assert_eq!(client.peek(&mut buf)?, 1);
    /// assert_eq!(client.read(&mut buf)?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.peek(buf)
    }

    /// Sets `TCP_NODELAY`: whether small writes are sent at once rather than collected.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// let stream = green_net::TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_nodelay(true)?;
    /// assert!(stream.nodelay()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.io.get_ref().set_nodelay(nodelay)
    }

    /// Returns `TCP_NODELAY`; see [`set_nodelay`](Self::set_nodelay).
    pub fn nodelay(&self) -> io::Result<bool> {
        self.io.get_ref().nodelay()
    }

    /// Sets `IP_TTL`, how many hops a packet of this socket may travel.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// let stream = green_net::TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_ttl(100)?;
    /// assert_eq!(stream.ttl()?, 100);
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

    /// Returns and clears the socket's pending error, `SO_ERROR`.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// let stream = green_net::TcpStream::connect(listener.local_addr()?)?;
    /// assert!(stream.take_error()?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.get_ref().take_error()
    }

    /// Chooses whether reads and writes return `WouldBlock` instead of parking, here and in all clones.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let listener = green_net::TcpListener::bind("127.0.0.1:0")?;
    /// let mut stream = green_net::TcpStream::connect(listener.local_addr()?)?;
    /// stream.set_nonblocking(true)?;
    /// assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.io.configure(|stream| stream.set_nonblocking(nonblocking))
    }

    /// Returns std's stream to look at.
    pub(crate) fn get_ref(&self) -> &std::net::TcpStream {
        self.io.get_ref()
    }

    /// Returns std's stream to somebody who may keep the descriptor.
    pub(crate) fn lend(&self) -> &std::net::TcpStream {
        self.io.lend()
    }

    /// Wraps a stream that was accepted just now.
    pub(crate) fn accepted(stream: std::net::TcpStream) -> Self {
        Self { io: Pollable::sole(stream) }
    }
}

impl Read for TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl Read for &TcpStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.recv(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.recv_vectored(bufs)
    }
}

impl Write for TcpStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for &TcpStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.io.send(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.send_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}

/// Takes over std's stream, which keeps its flags.
impl From<std::net::TcpStream> for TcpStream {
    fn from(stream: std::net::TcpStream) -> Self {
        Self { io: Pollable::new(stream) }
    }
}

/// Gives the socket back to std.
impl From<TcpStream> for std::net::TcpStream {
    fn from(stream: TcpStream) -> Self {
        stream.io.into_inner()
    }
}
