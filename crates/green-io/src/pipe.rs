//! Anonymous pipes.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::panic::{RefUnwindSafe, UnwindSafe};

use green_core::io::Descriptor;

/// Creates a pipe: what is written to one end can be read from the other, here or in another process.
///
/// A read parks while the pipe is empty and a writer is left, a write while it is full and a reader is left.
///
/// Corresponds to [`std::io::pipe`].
///
/// # Platform-specific behavior
///
/// Both ends are closed in a program that this one starts, unless it gets them as a standard stream.
///
/// # Examples
///
/// ```
/// use std::io::{BufRead, BufReader, Write};
///
/// let (reader, mut writer) = green_io::pipe()?;
/// let lines = green_thread::spawn(move || BufReader::new(reader).lines().count());
/// writer.write_all(b"one\ntwo\n")?;
/// drop(writer);
/// assert_eq!(lines.join().unwrap(), 2);
/// # std::io::Result::Ok(())
/// ```
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Ok((PipeReader { io: Descriptor::sole(reader) }, PipeWriter { io: Descriptor::sole(writer) }))
}

/// The end of a pipe that is read.
///
/// Corresponds to [`std::io::PipeReader`].
pub struct PipeReader {
    io: Descriptor<io::PipeReader>,
}

/// The end of a pipe that is written.
///
/// Corresponds to [`std::io::PipeWriter`].
pub struct PipeWriter {
    io: Descriptor<io::PipeWriter>,
}

// As std's: what a panic may interrupt leaves no broken state behind.
impl UnwindSafe for PipeReader {}
impl RefUnwindSafe for PipeReader {}
impl UnwindSafe for PipeWriter {}
impl RefUnwindSafe for PipeWriter {}

impl PipeReader {
    /// Makes another handle to the same end. A byte goes to one of them only.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::{Read, Write};
    ///
    /// let (mut reader, mut writer) = green_io::pipe()?;
    /// let mut clone = reader.try_clone()?;
    /// writer.write_all(b"ab")?;
    /// let (mut first, mut second) = ([0], [0]);
    /// reader.read_exact(&mut first)?;
    /// clone.read_exact(&mut second)?;
    /// assert_eq!([first, second], [*b"a", *b"b"]);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { io: self.io.join(self.io.lend().try_clone()?) })
    }

    pub(crate) fn lend(&self) -> &io::PipeReader {
        self.io.lend()
    }
}

impl PipeWriter {
    /// Makes another handle to the same end. The reader sees the end of the data when all of them are closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    ///
    /// let (reader, mut writer) = green_io::pipe()?;
    /// let mut clone = writer.try_clone()?;
    /// writer.write_all(b"one ")?;
    /// clone.write_all(b"pipe")?;
    /// drop((writer, clone));
    /// assert_eq!(std::io::read_to_string(reader)?, "one pipe");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { io: self.io.join(self.io.lend().try_clone()?) })
    }

    pub(crate) fn lend(&self) -> &io::PipeWriter {
        self.io.lend()
    }
}

impl Read for PipeReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.read_vectored(bufs)
    }
}

impl Read for &PipeReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.io.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.read_vectored(bufs)
    }
}

impl Write for PipeWriter {
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

impl Write for &PipeWriter {
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

impl From<io::PipeReader> for PipeReader {
    /// Takes over std's end of a pipe, whose open file others may share.
    fn from(reader: io::PipeReader) -> Self {
        Self { io: Descriptor::new(reader) }
    }
}

impl From<PipeReader> for io::PipeReader {
    fn from(reader: PipeReader) -> Self {
        reader.io.into_inner()
    }
}

impl From<io::PipeWriter> for PipeWriter {
    /// Takes over std's end of a pipe, whose open file others may share.
    fn from(writer: io::PipeWriter) -> Self {
        Self { io: Descriptor::new(writer) }
    }
}

impl From<PipeWriter> for io::PipeWriter {
    fn from(writer: PipeWriter) -> Self {
        writer.io.into_inner()
    }
}

impl From<PipeReader> for std::process::Stdio {
    fn from(reader: PipeReader) -> Self {
        io::PipeReader::from(reader).into()
    }
}

impl From<PipeWriter> for std::process::Stdio {
    fn from(writer: PipeWriter) -> Self {
        io::PipeWriter::from(writer).into()
    }
}

impl fmt::Debug for PipeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.get_ref().fmt(f)
    }
}

impl fmt::Debug for PipeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.get_ref().fmt(f)
    }
}
