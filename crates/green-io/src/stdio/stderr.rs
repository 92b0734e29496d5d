//! Standard error, which has no buffer.

use std::fmt::{self, Arguments};
use std::io::{self, IoSlice, Write};
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};

use green_core::io::{Descriptor, Family};
use green_core::per_process::PerProcess;

use super::lock::{Held, ReentrantLock};
use super::{ignore_closed, in_one_piece};

/// In the child of a fork nobody holds it.
pub(crate) static LOCK: PerProcess<ReentrantLock> = PerProcess::new(ReentrantLock::new);

static FAMILY: PerProcess<Family> = PerProcess::new(Family::default);

/// Returns the stream's descriptor for one call.
pub(crate) fn descriptor() -> Descriptor<Stderr> {
    Descriptor::of_family(stderr(), &FAMILY)
}

/// Returns a handle to the standard error of this process.
///
/// Corresponds to [`std::io::stderr`].
///
/// # Examples
///
/// ```
/// use std::io::Write;
///
/// green_io::stderr().write_all(b"out of tea\n")?;
/// # std::io::Result::Ok(())
/// ```
#[must_use]
pub fn stderr() -> Stderr {
    Stderr { _private: () }
}

/// A handle to the standard error of this process.
///
/// Writing parks while the reader of a pipe or a terminal is behind. There is no buffer; but what `write!` formats is
/// written in one piece.
///
/// Corresponds to [`std::io::Stderr`].
pub struct Stderr {
    _private: (),
}

/// The standard error, locked: what others print through this library comes before or after.
///
/// The lock may be held while its green thread parks, and taken again by its holder.
///
/// Corresponds to [`std::io::StderrLock`].
///
/// **Differences**: it does not keep out those who print through std itself.
pub struct StderrLock<'a> {
    _held: Held,
    /// As std's guard: its green thread's alone.
    guard: PhantomData<(&'a (), *const ())>,
}

impl UnwindSafe for StderrLock<'_> {}
impl RefUnwindSafe for StderrLock<'_> {}

impl Stderr {
    /// Locks the stream until the guard is dropped, and parks while another green thread has it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    ///
    /// let mut stderr = green_io::stderr().lock();
    /// writeln!(stderr, "two lines")?;
    /// writeln!(stderr, "together")?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn lock(&self) -> StderrLock<'static> {
        StderrLock { _held: LOCK.lock(), guard: PhantomData }
    }
}

impl Write for StderrLock<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        ignore_closed(descriptor().write(buf), buf.len())
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let total = bufs.iter().map(|buf| buf.len()).sum();
        ignore_closed(descriptor().write_vectored(bufs), total)
    }

    fn write_fmt(&mut self, args: Arguments<'_>) -> io::Result<()> {
        in_one_piece(self, args)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Stderr {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.lock().write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.lock().write_vectored(bufs)
    }

    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.lock().write_all(buf)
    }

    fn write_fmt(&mut self, args: Arguments<'_>) -> io::Result<()> {
        self.lock().write_fmt(args)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for &Stderr {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.lock().write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.lock().write_vectored(bufs)
    }

    fn write_all(&mut self, buf: &[u8]) -> io::Result<()> {
        self.lock().write_all(buf)
    }

    fn write_fmt(&mut self, args: Arguments<'_>) -> io::Result<()> {
        self.lock().write_fmt(args)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl From<Stderr> for std::process::Stdio {
    /// Gives a child this process's standard error.
    fn from(_inherit: Stderr) -> Self {
        io::stderr().into()
    }
}

impl fmt::Debug for Stderr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stderr").finish_non_exhaustive()
    }
}

impl fmt::Debug for StderrLock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StderrLock").finish_non_exhaustive()
    }
}
