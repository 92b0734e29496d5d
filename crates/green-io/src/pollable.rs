//! Parking for any descriptor that a program brings.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::AsFd;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Instant;

use green_core::io::Descriptor;

/// A wrapper around anything with a descriptor: a device, a terminal, an event of the kernel's, another library's
/// connection.
///
/// There are three ways to use it:
///
/// - [`wait_readable`](Self::wait_readable) and [`wait_writable`](Self::wait_writable) park until the descriptor is
///   ready, or a deadline has passed;
/// - [`read_with`](Self::read_with) and [`write_with`](Self::write_with) call the object's own functions, which must not
///   block, again and again until they do not say `WouldBlock`;
/// - `Read` and `Write` read and write the descriptor itself.
///
/// The descriptor's flags stay as they are, unless [`set_nonblocking`](Self::set_nonblocking) is called. If `O_NONBLOCK` is set, `Read` and `Write` return `WouldBlock`, as std's
/// types do; the other two ways park.
///
/// Any number of green threads and OS threads may use one `Pollable`, or several of the same descriptor, at once. Those
/// that wait for the same direction are woken in their order. Like every wait, these end when the green thread is
/// killed or its `timeout` is over. A regular file is always ready; when a read of it has to wait for the disk, an
/// OS thread of the blocking pool does that.
///
/// The descriptor must stay open as long as the `Pollable` lives: closing it by its number leaves who waits for it
/// waiting for ever.
///
/// # Examples
///
/// ```
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// use green_io::Pollable;
///
/// // A type of std's that knows nothing of green threads.
/// let (here, mut there) = UnixStream::pair()?;
/// let reader = green_thread::spawn(move || {
///     let mut here = Pollable::new(here);
///     let mut answer = [0; 5];
///     here.read_exact(&mut answer).map(|()| answer)
/// });
/// there.write_all(b"hello")?;
/// assert_eq!(&reader.join().unwrap()?, b"hello");
/// # std::io::Result::Ok(())
/// ```
pub struct Pollable<T> {
    io: Descriptor<T>,
}

// A panic may interrupt a call of the object's, but none of ours half done.
impl<T: UnwindSafe> UnwindSafe for Pollable<T> {}
impl<T: RefUnwindSafe> RefUnwindSafe for Pollable<T> {}

impl<T: AsFd> Pollable<T> {
    /// Wraps an object. Nothing happens to its descriptor until the first wait.
    pub fn new(io: T) -> Self {
        Self { io: Descriptor::new(io) }
    }

    /// Returns the object.
    pub fn get_ref(&self) -> &T {
        self.io.get_ref()
    }

    /// Takes the object back.
    pub fn into_inner(self) -> T {
        self.io.into_inner()
    }

    /// Returns whether `O_NONBLOCK` is set on the descriptor.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn is_nonblocking(&self) -> io::Result<bool> {
        self.io.is_nonblocking()
    }

    /// Sets or clears `O_NONBLOCK`: whether `Read` and `Write` return `WouldBlock` instead of parking. It belongs to the
    /// open file, so clones, children and other processes that share it see it too.
    ///
    /// # Errors
    ///
    /// The OS error.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{ErrorKind, Read};
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut reader = green_io::Pollable::new(reader);
    /// reader.set_nonblocking(true)?;
    /// assert!(reader.is_nonblocking()?);
    /// assert_eq!(reader.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.io.set_nonblocking(nonblocking)
    }

    /// Parks until a read would find something: data, the end, or an error. Returns false if `deadline` came first.
    ///
    /// # Errors
    ///
    /// The OS error if the descriptor cannot be waited for.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let reader = green_io::Pollable::new(reader);
    /// assert!(!reader.wait_readable(Some(Instant::now() + Duration::from_millis(5)))?);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn wait_readable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        self.io.wait_readable(deadline)
    }

    /// Parks until there is room to write, or an error. Returns false if `deadline` came first.
    ///
    /// # Errors
    ///
    /// The OS error if the descriptor cannot be waited for.
    ///
    /// # Examples
    ///
    /// ```
    /// let (_reader, writer) = std::io::pipe()?;
    /// assert!(green_io::Pollable::new(writer).wait_writable(None)?);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn wait_writable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        self.io.wait_writable(deadline)
    }

    /// Calls `op` until it returns something else than `WouldBlock`, and parks until the descriptor is readable before
    /// each new attempt.
    ///
    /// `op` must not block, and must say `WouldBlock` only because the descriptor has nothing to read: it is not called
    /// again before there is news of it.
    ///
    /// # Errors
    ///
    /// Those of `op`, but for `WouldBlock` and `Interrupted`; the OS error if the descriptor cannot be waited for.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    /// use std::os::unix::net::UnixDatagram;
    ///
    /// let (here, there) = UnixDatagram::pair()?;
    /// here.set_nonblocking(true)?;
    /// let sender = green_thread::spawn(move || there.send(b"hello"));
    ///
    /// let mut buf = [0; 16];
    /// let here = green_io::Pollable::new(here);
    /// assert_eq!(here.read_with(|socket| socket.recv(&mut buf))?, 5);
    /// # sender.join().unwrap()?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn read_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.io.read_with(op)
    }

    /// Calls `op` until it returns something else than `WouldBlock`, and parks until the descriptor is writable before
    /// each new attempt; see [`read_with`](Self::read_with).
    ///
    /// # Errors
    ///
    /// Those of [`read_with`](Self::read_with).
    pub fn write_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.io.write_with(op)
    }
}

impl<T: AsFd> Read for Pollable<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.read_vectored(bufs)
    }
}

impl<T: AsFd> Read for &Pollable<T> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.read_vectored(bufs)
    }
}

impl<T: AsFd> Write for Pollable<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.io.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<T: AsFd> Write for &Pollable<T> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.io.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<T: fmt::Debug> fmt::Debug for Pollable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pollable").field("io", &self.io).finish()
    }
}
