//! Standard output.
//!
//! # How it shares std's buffer without waiting in std
//!
//! std keeps what was printed of the last, unfinished line, and writes it out at the end of the process. So that the
//! order of everything that the program prints is kept, whichever way it takes, that buffer is used here too. But
//! std writes while it holds its own lock, and waits in the kernel for a slow reader; a hub must do neither. Hence:
//!
//! - finished lines do not go through std: its buffer is emptied first, then they are written from here, by a
//!   [`Descriptor`], which parks;
//! - the beginning of a line goes into the buffer, which holds [`BUFFER`] bytes;
//! - before std is asked to write what is in its buffer, the descriptor is waited for. Then a pipe has room for
//!   `PIPE_BUF` bytes, more than the buffer can hold, and std does not wait.
//!
//! How much the buffer holds, std does not tell; [`UNFINISHED`] counts what came from here. Others that print an unfinished line
//! through std itself make the count wrong. Then std may have to write, and wait, where this module expects no write;
//! but those others wait in std whenever the reader is slow. What is left is a race with a stranger who
//! writes to the same pipe or terminal after it was found ready, and leaves less room than the buffer needs.
//!
//! Other users of std's stream see its lock free at all times, and may put a line of theirs between two of ours.

use std::fmt::{self, Arguments};
use std::io::{self, IoSlice, Write};
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};

use green_core::io::{Descriptor, Family};
use green_core::per_process::PerProcess;

use super::lock::{Held, ReentrantLock};
use super::{ignore_closed, in_one_piece};

/// What fits in std's buffer.
const BUFFER: usize = 1024;

/// In the child of a fork nobody holds it.
pub(crate) static LOCK: PerProcess<ReentrantLock> = PerProcess::new(ReentrantLock::new);

/// The most that std's buffer can hold of what was written through here; changed under the lock.
static UNFINISHED: AtomicUsize = AtomicUsize::new(0);

static FAMILY: PerProcess<Family> = PerProcess::new(Family::default);

/// Returns the stream's descriptor for one call.
fn descriptor() -> Descriptor<Stdout> {
    Descriptor::of_family(stdout(), &FAMILY)
}

/// Returns a handle to the standard output of this process.
///
/// Corresponds to [`std::io::stdout`].
///
/// # Examples
///
/// ```
/// use std::io::Write;
///
/// green_io::stdout().write_all(b"hello\n")?;
/// # std::io::Result::Ok(())
/// ```
#[must_use]
pub fn stdout() -> Stdout {
    Stdout { _private: () }
}

/// A handle to the standard output of this process.
///
/// Writing parks while the reader of a pipe or a terminal is behind. What is written goes through the buffer of
/// [`std::io::stdout`], so the order is kept if a program uses both, and nothing is lost at its end.
///
/// Corresponds to [`std::io::Stdout`].
pub struct Stdout {
    _private: (),
}

/// The standard output, locked: what others print through this library comes before or after.
///
/// The lock may be held while its green thread parks, and taken again by its holder.
///
/// Corresponds to [`std::io::StdoutLock`].
///
/// **Differences**: it does not keep out those who print through std itself.
pub struct StdoutLock<'a> {
    _held: Held,
    /// As std's guard: its green thread's alone.
    guard: PhantomData<(&'a (), *const ())>,
}

impl UnwindSafe for StdoutLock<'_> {}
impl RefUnwindSafe for StdoutLock<'_> {}

impl Stdout {
    /// Locks the stream until the guard is dropped, and parks while another green thread has it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::io::Write;
    ///
    /// let mut stdout = green_io::stdout().lock();
    /// for word in ["one", "line", "together"] {
    ///     write!(stdout, "{word} ")?;
    /// }
    /// writeln!(stdout)?;
    /// # std::io::Result::Ok(())
    /// ```
    pub fn lock(&self) -> StdoutLock<'static> {
        StdoutLock { _held: LOCK.lock(), guard: PhantomData }
    }
}

/// Waits until std can write out its buffer without waiting.
fn wait_for_room() {
    // Without a descriptor for a poll, late is better than never. Any other error is std's to meet, and to report.
    let _ = descriptor().wait_writable(None);
}

/// Runs `write`, which gives `text` to std, once std can take it without waiting.
pub(crate) fn through_std<R>(text: &[u8], write: impl FnOnce() -> R) -> R {
    let before = UNFINISHED.load(Ordering::Relaxed);
    let after = match text.iter().rposition(|byte| *byte == b'\n') {
        None if before + text.len() < BUFFER => before + text.len(),
        end => {
            wait_for_room();
            text.len() - end.map_or(0, |end| end + 1)
        }
    };
    let result = write();
    UNFINISHED.store(after, Ordering::Relaxed);
    result
}

impl Write for StdoutLock<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let finished = match buf.iter().rposition(|byte| *byte == b'\n') {
            _ if buf.len() >= BUFFER => buf.len(),
            Some(end) => end + 1,
            None => 0,
        };
        let (lines, beginning) = buf.split_at(finished);
        if !lines.is_empty() {
            self.flush()?;
            let count = ignore_closed(descriptor().write(lines), lines.len())?;
            if count < lines.len() {
                return Ok(count);
            }
        }
        if !beginning.is_empty() {
            through_std(beginning, || io::stdout().write_all(beginning))?;
        }
        Ok(buf.len())
    }

    fn write_fmt(&mut self, args: Arguments<'_>) -> io::Result<()> {
        in_one_piece(self, args)
    }

    fn flush(&mut self) -> io::Result<()> {
        if UNFINISHED.load(Ordering::Relaxed) > 0 {
            wait_for_room();
        }
        io::stdout().flush()?;
        UNFINISHED.store(0, Ordering::Relaxed);
        Ok(())
    }
}

impl Write for Stdout {
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
        self.lock().flush()
    }
}

impl Write for &Stdout {
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
        self.lock().flush()
    }
}

impl From<Stdout> for std::process::Stdio {
    /// Gives a child this process's standard output.
    fn from(_inherit: Stdout) -> Self {
        io::stdout().into()
    }
}

impl fmt::Debug for Stdout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdout").finish_non_exhaustive()
    }
}

impl fmt::Debug for StdoutLock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdoutLock").finish_non_exhaustive()
    }
}
