//! A channel of two descriptors, one for each direction.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use green_io::Pollable;

use super::{Channel, ChannelError, Feature};

/// A descriptor to read from, one to write to, or both: the ends of pipes mostly.
///
/// A pipe cannot be shut down as a socket can; [`close_writer`](Self::close_writer) comes near to it.
///
/// # Examples
///
/// ```
/// use std::io::{self, Write};
///
/// use green_task::channel::Pipe;
///
/// # fn main() -> io::Result<()> {
/// let (near, far) = Pipe::pair()?;
/// let upper = green_thread::spawn(move || -> io::Result<()> {
///     let text = io::read_to_string(&far)?;
///     (&far).write_all(text.to_uppercase().as_bytes())
/// });
/// (&near).write_all(b"shout")?;
/// near.close_writer();
/// assert_eq!(io::read_to_string(&near)?, "SHOUT");
/// # upper.join().unwrap()
/// # }
/// ```
#[derive(Debug)]
pub struct Pipe {
    reader: Option<Pollable<OwnedFd>>,
    /// Taken by `close_writer`; who is writing has it too.
    writer: Mutex<Option<Arc<Pollable<OwnedFd>>>>,
}

impl Pipe {
    /// Makes a channel of a descriptor to read from and one to write to.
    pub fn new(reader: impl Into<OwnedFd>, writer: impl Into<OwnedFd>) -> Self {
        Self::of(Some(reader.into()), Some(writer.into()))
    }

    /// Makes a channel that can only be read.
    pub fn reader(reader: impl Into<OwnedFd>) -> Self {
        Self::of(Some(reader.into()), None)
    }

    /// Makes a channel that can only be written.
    pub fn writer(writer: impl Into<OwnedFd>) -> Self {
        Self::of(None, Some(writer.into()))
    }

    /// Makes two channels, each of which reads what is written to the other.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (there, back) = (green_io::pipe()?, green_io::pipe()?);
        Ok((Self::new(back.0, there.1), Self::new(there.0, back.1)))
    }

    pub(super) fn of(reader: Option<OwnedFd>, writer: Option<OwnedFd>) -> Self {
        let writer = writer.map(|writer| Arc::new(Pollable::new(writer)));
        Self { reader: reader.map(Pollable::new), writer: Mutex::new(writer) }
    }

    /// Closes the descriptor that is written, so that the other side comes to the end of what it reads. A write of another
    /// thread that is under way goes on to its end first.
    pub fn close_writer(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(writer);
    }

    fn read_end(&self) -> io::Result<&Pollable<OwnedFd>> {
        Ok(self.reader.as_ref().ok_or(ChannelError::NotReadable)?)
    }

    fn write_end(&self) -> io::Result<Arc<Pollable<OwnedFd>>> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(writer.clone().ok_or(ChannelError::NotWritable)?)
    }
}

impl Channel for Pipe {
    fn has_feature(&self, _feature: Feature) -> bool {
        false
    }

    fn readv(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.read_end()?.read_vectored(bufs)
    }

    fn writev(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self.write_end()?).write_vectored(bufs)
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        if let Some(reader) = &self.reader {
            reader.set_nonblocking(nonblocking)?;
        }
        match self.write_end() {
            Ok(writer) => writer.set_nonblocking(nonblocking),
            Err(_) => Ok(()),
        }
    }

    /// Returns true if it holds for either descriptor: somebody who shares one of the open files may have changed that alone.
    fn is_nonblocking(&self) -> io::Result<bool> {
        let reads = self.reader.as_ref().map_or(Ok(false), Pollable::is_nonblocking)?;
        let writes = self.write_end().map_or(Ok(false), |writer| writer.is_nonblocking())?;
        Ok(reads || writes)
    }

    fn wait_readable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        self.read_end()?.wait_readable(deadline)
    }

    fn wait_writable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        self.write_end()?.wait_writable(deadline)
    }
}
