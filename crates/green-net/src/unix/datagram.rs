//! A Unix datagram socket.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::SocketAddr;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::time::Duration;

use green_core::io::Pollable;

use crate::Shutdown;

/// The most buffers that the kernel takes at once, `UIO_MAXIOV`. For a stream the others come later; a datagram has no later.
const MOST_BUFFERS: usize = 1024;

/// A socket that sends and receives datagrams within this machine, in order and without loss.
///
/// Corresponds to [`std::os::unix::net::UnixDatagram`].
///
/// # Differences
///
/// A [`send_to`](Self::send_to) that finds the receiver's queue full of others' datagrams tries again after pauses of
/// 0.1 to 10 ms, because the kernel tells only those of room who block in it.
///
/// # Examples
///
/// ```
/// use green_net::os::unix::UnixDatagram;
///
/// # fn main() -> std::io::Result<()> {
/// let (near, far) = UnixDatagram::pair()?;
/// let receiver = green_thread::spawn(move || {
///     let mut buf = [0; 16];
///     far.recv(&mut buf).map(|count| buf[..count].to_vec())
/// });
/// near.send(b"one datagram")?;
/// assert_eq!(receiver.join().unwrap()?, b"one datagram");
/// # Ok(())
/// # }
/// ```
pub struct UnixDatagram {
    io: Pollable<std::os::unix::net::UnixDatagram>,
}

// As std's socket: what a panic may interrupt leaves no broken state behind.
impl UnwindSafe for UnixDatagram {}
impl RefUnwindSafe for UnixDatagram {}

impl UnixDatagram {
    /// Makes a socket at `path`, where a socket file appears that stays when the socket is gone.
    ///
    /// # Errors
    ///
    /// `AddrInUse` if there is something at `path`; `InvalidInput` if it is too long or contains a zero byte.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_net::os::unix::UnixDatagram;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let path = std::env::temp_dir().join(format!("green-doc-datagram-{}", std::process::id()));
    /// let socket = UnixDatagram::bind(&path)?;
    /// UnixDatagram::unbound()?.send_to(b"x", &path)?;
    /// let (count, sender) = socket.recv_from(&mut [0; 8])?;
    /// assert!(count == 1 && sender.is_unnamed());
    /// std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind<P: AsRef<Path>>(path: P) -> io::Result<UnixDatagram> {
        std::os::unix::net::UnixDatagram::bind(path).map(Self::sole)
    }

    /// Makes a socket at `socket_addr`, which may be an abstract name.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// use green_net::os::unix::{SocketAddr, UnixDatagram};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let name = format!("green-doc-datagram-addr-{}", std::process::id());
    /// let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    /// assert_eq!(socket.local_addr()?.as_abstract_name(), Some(name.as_bytes()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn bind_addr(socket_addr: &SocketAddr) -> io::Result<UnixDatagram> {
        std::os::unix::net::UnixDatagram::bind_addr(socket_addr).map(Self::sole)
    }

    /// Makes a socket without a name, to which nobody can send unless it is connected.
    pub fn unbound() -> io::Result<UnixDatagram> {
        std::os::unix::net::UnixDatagram::unbound().map(Self::sole)
    }

    /// Makes two sockets that are connected to each other and have no names.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_net::os::unix::UnixDatagram;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (near, far) = UnixDatagram::pair()?;
    /// far.send(b"first")?;
    /// far.send(b"second")?;
    /// assert_eq!(near.recv(&mut [0; 16])?, 5);
    /// # Ok(())
    /// # }
    /// ```
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = std::os::unix::net::UnixDatagram::pair()?;
        Ok((Self::sole(one), Self::sole(other)))
    }

    /// Chooses the socket at `path` as the one that [`send`](Self::send) sends to, and the only one that may send here.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_net::os::unix::UnixDatagram;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let path = std::env::temp_dir().join(format!("green-doc-datagram-connect-{}", std::process::id()));
    /// let receiver = UnixDatagram::bind(&path)?;
    /// let sender = UnixDatagram::unbound()?;
    /// sender.connect(&path)?;
    /// sender.send(b"x")?;
    /// assert_eq!(receiver.recv(&mut [0; 8])?, 1);
    /// std::fs::remove_file(path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn connect<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        self.io.get_ref().connect(path)
    }

    /// Chooses the socket at `socket_addr` as [`connect`](Self::connect) does.
    pub fn connect_addr(&self, socket_addr: &SocketAddr) -> io::Result<()> {
        self.io.get_ref().connect_addr(socket_addr)
    }

    /// Makes another handle to the same socket: both receive from one queue and share all options.
    pub fn try_clone(&self) -> io::Result<UnixDatagram> {
        Ok(self.io.lend().try_clone()?.into())
    }

    /// Returns the address of this socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().local_addr()
    }

    /// Returns the address of the socket that this one is connected to.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is none.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.io.get_ref().peer_addr()
    }

    /// Parks until a datagram is there, and returns its length and its sender. What does not fit into `buf` is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::linux::net::SocketAddrExt;
    ///
    /// use green_net::os::unix::{SocketAddr, UnixDatagram};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let name = |what| SocketAddr::from_abstract_name(format!("green-doc-{what}-{}", std::process::id()));
    /// let receiver = UnixDatagram::bind_addr(&name("receiver")?)?;
    /// let sender = UnixDatagram::bind_addr(&name("sender")?)?;
    /// sender.send_to_addr(b"too long", &receiver.local_addr()?)?;
    ///
    /// let mut buf = [0; 3];
    /// let (count, from) = receiver.recv_from(&mut buf)?;
    /// assert_eq!((count, &buf), (3, b"too"));
    /// assert_eq!(from.as_abstract_name(), name("sender")?.as_abstract_name());
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.io.recv_from_unix(buf)
    }

    /// Parks until a datagram is there, and returns its length. What does not fit into `buf` is lost.
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.recv_datagram(buf)
    }

    /// Sends one datagram to the socket at `path`, parking while its queue is full.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is nothing at `path`, `ConnectionRefused` if it is nobody's socket any more.
    pub fn send_to<P: AsRef<Path>>(&self, buf: &[u8], path: P) -> io::Result<usize> {
        self.send_to_addr(buf, &SocketAddr::from_pathname(path)?)
    }

    /// Sends one datagram to the socket at `socket_addr`, parking while its queue is full.
    pub fn send_to_addr(&self, buf: &[u8], socket_addr: &SocketAddr) -> io::Result<usize> {
        self.io.send_to_unix(buf, socket_addr)
    }

    /// Sends one datagram to the socket that this one is connected to, parking while its queue is full.
    ///
    /// # Errors
    ///
    /// `NotConnected` if there is none, `ConnectionRefused` if it is gone.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.io.send(buf)
    }

    /// Limits how long a receive waits, here and in all clones; `None` lets it wait for ever.
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
    /// use green_net::os::unix::UnixDatagram;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (near, _far) = UnixDatagram::pair()?;
    /// near.set_read_timeout(Some(Duration::from_millis(10)))?;
    /// assert_eq!(near.recv(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.io.configure(|socket| socket.set_read_timeout(timeout))
    }

    /// Limits how long a send waits, here and in all clones; `None` lets it wait for ever.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the duration is zero.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.io.configure(|socket| socket.set_write_timeout(timeout))
    }

    /// Returns how long a receive waits at most; see [`set_read_timeout`](Self::set_read_timeout).
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.io.get_ref().read_timeout()
    }

    /// Returns how long a send waits at most; see [`set_write_timeout`](Self::set_write_timeout).
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.io.get_ref().write_timeout()
    }

    /// Chooses whether calls return `WouldBlock` instead of parking, here and in all clones.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.io.configure(|socket| socket.set_nonblocking(nonblocking))
    }

    /// Returns and clears the socket's pending error, `SO_ERROR`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.io.get_ref().take_error()
    }

    /// Ends one direction or both, for all clones, and wakes whoever waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_net::Shutdown;
    /// use green_net::os::unix::UnixDatagram;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (near, _far) = UnixDatagram::pair()?;
    /// near.shutdown(Shutdown::Read)?;
    /// assert_eq!(near.recv(&mut [0])?, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.io.get_ref().shutdown(how)
    }

    /// Receives one datagram into several buffers, and appends the descriptors that came with it to `fds`, closed on exec.
    ///
    /// Any other receive throws descriptors away, as in std, which has no call for them yet.
    ///
    /// # Errors
    ///
    /// The OS error; that of number `EMFILE` if this process could not take all the descriptors. Then `fds` is as it was,
    /// and the datagram is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    /// use std::io::{self, IoSlice, IoSliceMut};
    /// use std::os::fd::AsFd;
    ///
    /// use green_net::os::unix::UnixDatagram;
    ///
    /// # fn main() -> io::Result<()> {
    /// let (near, far) = UnixDatagram::pair()?;
    /// let path = std::env::temp_dir().join(format!("green-doc-datagram-fds-{}", std::process::id()));
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
        if bufs.len() <= MOST_BUFFERS {
            return self.io.recv_with_fds(bufs, fds);
        }
        let (bufs, others) = bufs.split_at_mut(MOST_BUFFERS - 1);
        let room: usize = bufs.iter().map(|buf| buf.len()).sum();
        let mut rest = vec![0; others.iter().map(|buf| buf.len()).sum()];
        let bufs = bufs.iter_mut().map(|buf| IoSliceMut::new(buf));
        let count = self.io.recv_with_fds(&mut bufs.chain([IoSliceMut::new(&mut rest)]).collect::<Vec<_>>(), fds)?;
        let mut rest = &rest[..count.saturating_sub(room)];
        for buf in others {
            let (part, more) = rest.split_at(rest.len().min(buf.len()));
            buf[..part.len()].copy_from_slice(part);
            rest = more;
        }
        Ok(count)
    }

    /// Sends the buffers as one datagram to the connected socket, and `fds` with it. The receiver gets descriptors of its own
    /// for the same open files, by [`recv_with_fds`](Self::recv_with_fds).
    ///
    /// # Errors
    ///
    /// The OS error; `InvalidInput` if there are more than 253 descriptors.
    pub fn send_with_fds(&self, bufs: &[IoSlice<'_>], fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        if bufs.len() > MOST_BUFFERS {
            let datagram = bufs.iter().flat_map(|buf| buf.iter().copied()).collect::<Vec<_>>();
            return self.io.send_with_fds(&[IoSlice::new(&datagram)], fds);
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

    /// Returns std's socket to somebody who may keep the descriptor.
    pub(crate) fn lend(&self) -> &std::os::unix::net::UnixDatagram {
        self.io.lend()
    }

    /// Wraps a socket that was made just now.
    fn sole(socket: std::os::unix::net::UnixDatagram) -> Self {
        Self { io: Pollable::sole(socket) }
    }
}

impl fmt::Debug for UnixDatagram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.get_ref().fmt(f)
    }
}

/// Takes over std's socket, which keeps its flags.
impl From<std::os::unix::net::UnixDatagram> for UnixDatagram {
    fn from(socket: std::os::unix::net::UnixDatagram) -> Self {
        Self { io: Pollable::new(socket) }
    }
}

/// Gives the socket back to std.
impl From<UnixDatagram> for std::os::unix::net::UnixDatagram {
    fn from(socket: UnixDatagram) -> Self {
        socket.io.into_inner()
    }
}
