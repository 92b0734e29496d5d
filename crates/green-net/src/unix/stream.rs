//! A connection between two Unix sockets.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::SocketAddr;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::time::Duration;

use green_core::io::Pollable;
use green_core::io::unix::connect;

use crate::Shutdown;
use crate::addr::invalid;

/// One end of a connection between two sockets of this machine.
///
/// Corresponds to [`std::os::unix::net::UnixStream`]. As with [`TcpStream`](crate::TcpStream), any number of green
/// threads and OS threads may read and write it at once, through `&UnixStream` or clones.
///
/// # Examples
///
/// ```
/// use std::io::{self, BufRead, BufReader, Write};
///
/// use green_net::os::unix::UnixStream;
///
/// # fn main() -> io::Result<()> {
/// let (mut near, far) = UnixStream::pair()?;
/// let reader = green_thread::spawn(move || BufReader::new(far).lines().next());
/// near.write_all(b"one line\n")?;
/// assert_eq!(reader.join().unwrap().expect("a line")?, "one line");
/// # Ok(())
/// # }
/// ```
pub struct UnixStream {
    io: Pollable<std::os::unix::net::UnixStream>,
}

// As std's stream: what a panic may interrupt leaves no broken state behind.
impl UnwindSafe for UnixStream {}
impl RefUnwindSafe for UnixStream {}

impl UnixStream {
    /// Connects to the listener at `path`, parking while its queue of connections is full.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is nothing at `path`, `ConnectionRefused` if nobody listens there; `InvalidInput` if it is
    /// too long or contains a zero byte.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_net::os::unix::{UnixListener, UnixStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let path = std::env::temp_dir().join(format!("green-doc-connect-{}", std::process::id()));
    /// let listener = UnixListener::bind(&path)?;
    /// let stream = UnixStream::connect(&path)?;
    /// assert_eq!(stream.peer_addr()?.as_pathname(), Some(&*path));
    /// std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect<P: AsRef<Path>>(path: P) -> io::Result<UnixStream> {
        Self::connect_addr(&SocketAddr::from_pathname(path)?)
    }

    /// Connects to the listener at `socket_addr`, which may be an abstract name.
    ///
    /// # Errors
    ///
    /// As for [`connect`](Self::connect).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// use green_net::os::unix::{SocketAddr, UnixListener, UnixStream};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let addr = SocketAddr::from_abstract_name(format!("green-doc-connect-addr-{}", std::process::id()))?;
    /// let listener = UnixListener::bind_addr(&addr)?;
    /// let stream = UnixStream::connect_addr(&addr)?;
    /// assert_eq!(stream.peer_addr()?.as_abstract_name(), addr.as_abstract_name());
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect_addr(socket_addr: &SocketAddr) -> io::Result<UnixStream> {
        Ok(Self { io: connect(socket_addr)? })
    }

    /// Makes two sockets that are connected to each other and have no names.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Write};
    ///
    /// use green_net::os::unix::UnixStream;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (mut near, mut far) = UnixStream::pair()?;
    /// near.write_all(b"x")?;
    /// far.read_exact(&mut [0; 1])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = std::os::unix::net::UnixStream::pair()?;
        Ok((Self::sole(one), Self::sole(other)))
    }

    /// Makes another handle to the same connection: both read and write one stream of bytes and share all options.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{self, Write};
    ///
    /// use green_net::os::unix::UnixStream;
    ///
    /// # fn main() -> io::Result<()> {
    /// let (near, far) = UnixStream::pair()?;
    /// near.try_clone()?.write_all(b"x")?;
    /// drop(near);
    /// assert_eq!(io::read_to_string(far)?, "x");
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_clone(&self) -> io::Result<UnixStream> {
        Ok(self.io.lend().try_clone()?.into())
    }

    /// Returns the address of this end; unnamed, unless it is that of a listener.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// Returns the address of the other end.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().peer_addr()
    }

    /// Limits how long a read waits, here and in all clones; `None` lets it wait for ever.
    ///
    /// A read that waited that long returns `WouldBlock`.
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
    /// use green_net::os::unix::UnixStream;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (mut near, _far) = UnixStream::pair()?;
    /// near.set_read_timeout(Some(Duration::from_millis(10)))?;
    /// assert_eq!(near.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.io.configure(|stream| stream.set_read_timeout(timeout))
    }

    /// Limits how long a write waits, here and in all clones; `None` lets it wait for ever.
    ///
    /// A write that waited that long returns how much it has sent, or `WouldBlock` if that is nothing.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the duration is zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.io.configure(|stream| stream.set_write_timeout(timeout))
    }

    /// Returns how long a read waits at most; see [`set_read_timeout`](Self::set_read_timeout).
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.io.get_ref().read_timeout()
    }

    /// Returns how long a write waits at most; see [`set_write_timeout`](Self::set_write_timeout).
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.io.get_ref().write_timeout()
    }

    /// Chooses whether reads and writes return `WouldBlock` instead of parking, here and in all clones.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    ///
    /// use green_net::os::unix::UnixStream;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (mut near, _far) = UnixStream::pair()?;
    /// near.set_nonblocking(true)?;
    /// assert_eq!(near.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.io.configure(|stream| stream.set_nonblocking(nonblocking))
    }

    /// Returns and clears the socket's pending error, `SO_ERROR`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.get_ref().take_error()
    }

    /// Ends one direction of the connection or both, for all clones, and wakes whoever waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{self, Write};
    ///
    /// use green_net::Shutdown;
    /// use green_net::os::unix::UnixStream;
    ///
    /// # fn main() -> io::Result<()> {
    /// let (mut near, far) = UnixStream::pair()?;
    /// near.write_all(b"all I have to say")?;
    /// near.shutdown(Shutdown::Write)?;
    /// assert_eq!(io::read_to_string(far)?, "all I have to say");
    /// # Ok(())
    /// # }
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.get_ref().shutdown(how)
    }

    /// Receives into several buffers, and appends the descriptors that came with the data to `fds`, closed on exec.
    ///
    /// A receive stops behind the data of a send with descriptors, so it never brings those of two. Any other read throws
    /// descriptors away, as in std, which has no call for them yet.
    ///
    /// # Errors
    ///
    /// The OS error; that of number `EMFILE` if this process could not take all the descriptors. Then `fds` is as it was,
    /// and the data is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    /// use std::io::{self, IoSlice, IoSliceMut};
    /// use std::os::fd::AsFd;
    ///
    /// use green_net::os::unix::UnixStream;
    ///
    /// # fn main() -> io::Result<()> {
    /// let (near, far) = UnixStream::pair()?;
    /// let path = std::env::temp_dir().join(format!("green-doc-stream-fds-{}", std::process::id()));
    /// std::fs::write(&path, "text")?;
    /// near.send_with_fds(&[IoSlice::new(b"file")], &[File::open(&path)?.as_fd()])?;
    ///
    /// let (mut word, mut fds) = ([0; 4], Vec::new());
    /// far.recv_with_fds(&mut [IoSliceMut::new(&mut word)], &mut fds)?;
    /// assert_eq!(&word, b"file");
    /// assert_eq!(io::read_to_string(File::from(fds.remove(0)))?, "text");
    /// # std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_with_fds(&self, bufs: &mut [IoSliceMut<'_>], fds: &mut Vec<OwnedFd>) -> io::Result<usize> {
        self.io.recv_with_fds(bufs, fds)
    }

    /// Sends several buffers as [`write_vectored`](Write::write_vectored) does, and `fds` with the first byte. The receiver
    /// gets descriptors of its own for the same open files, by [`recv_with_fds`](Self::recv_with_fds).
    ///
    /// # Errors
    ///
    /// The OS error; `InvalidInput` if there are descriptors but no data, which would be lost, or more than 253 of them.
    pub fn send_with_fds(&self, bufs: &[IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return if fds.is_empty() { Ok(0) } else { Err(invalid("descriptors need a byte to go with")) };
        }
        self.io.send_with_fds(bufs, fds)
    }

    /// Receives into `buf` and leaves the data in the queue, so that the next receive finds it again.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.peek(buf)
    }

    /// Returns std's stream to somebody who may keep the descriptor.
    pub(crate) fn lend(&self) -> &std::os::unix::net::UnixStream {
        self.io.lend()
    }

    /// Wraps a stream that was made just now.
    pub(super) fn sole(stream: std::os::unix::net::UnixStream) -> Self {
        Self { io: Pollable::sole(stream) }
    }
}

impl Read for UnixStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }
}

impl Read for &UnixStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.recv_unix(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.recv_vectored(bufs)
    }
}

impl Write for UnixStream {
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

impl Write for &UnixStream {
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

impl fmt::Debug for UnixStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.get_ref().fmt(f)
    }
}

/// Takes over std's stream, which keeps its flags.
impl From<std::os::unix::net::UnixStream> for UnixStream {
    fn from(stream: std::os::unix::net::UnixStream) -> Self {
        Self { io: Pollable::new(stream) }
    }
}

/// Gives the socket back to std.
impl From<UnixStream> for std::os::unix::net::UnixStream {
    fn from(stream: UnixStream) -> Self {
        stream.io.into_inner()
    }
}
