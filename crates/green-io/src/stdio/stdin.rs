//! Standard input.

use std::fmt;
use std::io::{self, BufRead, IoSliceMut, Lines, Read};
use std::marker::PhantomData;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use green_core::io::{Descriptor, Family};
use green_core::kill;
use green_core::per_process::PerProcess;
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;

use super::ignore_closed;

/// As std's.
const CAPACITY: usize = 8 * 1024;

/// The lock of the stream, which is held by whoever has taken the buffer. In the child of a fork nobody has, and it is empty.
static PLACE: PerProcess<Mutex<Place>> =
    PerProcess::new(|| Mutex::new(Place { buffer: Some(Buffer::new()), waiting: 0 }));
/// Those that wait for the lock.
static QUEUE: PerProcess<WaitQueue> = PerProcess::new(WaitQueue::new);

static FAMILY: PerProcess<Family> = PerProcess::new(Family::default);

/// Returns a handle to the standard input of this process.
///
/// All handles share one buffer and one lock. A handle that is not locked locks it for each call.
///
/// Corresponds to [`std::io::stdin`].
///
/// # Examples
///
/// ```no_run
/// let mut line = String::new();
/// green_io::stdin().read_line(&mut line)?;
/// # std::io::Result::Ok(())
/// ```
#[must_use]
pub fn stdin() -> Stdin {
    Stdin { _private: () }
}

/// A handle to the standard input of this process.
///
/// Reading parks until there is input, be it a terminal, a pipe, a file or anything else.
///
/// Corresponds to [`std::io::Stdin`].
///
/// **Differences**: the buffer is not the one of [`std::io::stdin`]. A program that uses both finds in one of them what
/// the other has not read ahead.
pub struct Stdin {
    _private: (),
}

/// The standard input, locked.
///
/// Corresponds to [`std::io::StdinLock`].
pub struct StdinLock<'a> {
    buffer: Buffer,
    /// As std's guard: its green thread's alone, but to look at.
    guard: PhantomData<MutexGuard<'a, ()>>,
}

/// Where the one buffer of the process is, while nobody has it.
struct Place {
    buffer: Option<Buffer>,
    /// How many are in the queue, or on their way there or back.
    waiting: usize,
}

/// Bytes that were read ahead.
struct Buffer {
    /// Empty until the first read.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl Stdin {
    /// Locks the stream until the guard is dropped, and parks while somebody else has it.
    ///
    /// A green thread that locks it twice waits for itself, for ever.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::io::BufRead;
    ///
    /// let mut first = String::new();
    /// let mut stdin = green_io::stdin().lock();
    /// stdin.read_line(&mut first)?;
    /// for line in stdin.lines() {
    ///     println!("{first}: {}", line?);
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    pub fn lock(&self) -> StdinLock<'static> {
        loop {
            {
                let mut place = place();
                if let Some(buffer) = place.buffer.take() {
                    return StdinLock { buffer, guard: PhantomData };
                }
                place.waiting += 1;
            }
            let outcome = QUEUE.wait_until(None, WaitReason::Lock, || place().buffer.is_none());
            place().waiting -= 1;
            if outcome == Outcome::Interrupted {
                kill::deliver();
            }
        }
    }

    /// Reads a line, with its end, and appends it to `buf`; see [`BufRead::read_line`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let mut name = String::new();
    /// if green_io::stdin().read_line(&mut name)? == 0 {
    ///     println!("nobody there");
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    pub fn read_line(&self, buf: &mut String) -> io::Result<usize> {
        self.lock().read_line(buf)
    }

    /// Locks the stream and returns an iterator over its lines.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// let longest = green_io::stdin().lines().map_while(Result::ok).map(|line| line.len()).max();
    /// # let _ = longest;
    /// ```
    #[must_use = "`self` will be dropped if the result is not used"]
    pub fn lines(self) -> Lines<StdinLock<'static>> {
        self.lock().lines()
    }
}

fn place() -> MutexGuard<'static, Place> {
    PLACE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for StdinLock<'_> {
    fn drop(&mut self) {
        let waiting = {
            let mut place = place();
            place.buffer = Some(mem::replace(&mut self.buffer, Buffer::new()));
            place.waiting
        };
        if waiting > 0 {
            QUEUE.notify_one();
        }
    }
}

impl Buffer {
    const fn new() -> Self {
        Self { bytes: Vec::new(), start: 0, end: 0 }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.start == self.end {
            self.bytes.resize(CAPACITY, 0);
            (self.start, self.end) = (0, 0);
            self.end = read(&mut [IoSliceMut::new(&mut self.bytes)])?;
        }
        Ok(())
    }

    fn consume(&mut self, amount: usize) {
        self.start = self.end.min(self.start + amount);
    }
}

/// Reads from the descriptor.
fn read(bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    ignore_closed(Descriptor::of_family(stdin(), &FAMILY).read_vectored(bufs), 0)
}

impl BufRead for StdinLock<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.buffer.fill()?;
        Ok(self.buffer.rest())
    }

    fn consume(&mut self, amt: usize) {
        self.buffer.consume(amt);
    }
}

impl Read for StdinLock<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_vectored(&mut [IoSliceMut::new(buf)])
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let wanted: usize = bufs.iter().map(|buf| buf.len()).sum();
        if self.buffer.rest().is_empty() && wanted >= CAPACITY {
            return read(bufs);
        }
        self.buffer.fill()?;
        let mut rest = self.buffer.rest();
        let count = rest.read_vectored(bufs)?;
        self.consume(count);
        Ok(count)
    }
}

impl Read for Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.lock().read_vectored(bufs)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.lock().read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        self.lock().read_to_string(buf)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        self.lock().read_exact(buf)
    }
}

impl Read for &Stdin {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.lock().read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.lock().read_vectored(bufs)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        self.lock().read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        self.lock().read_to_string(buf)
    }

    fn read_exact(&mut self, buf: &mut [u8]) -> io::Result<()> {
        self.lock().read_exact(buf)
    }
}

impl fmt::Debug for Stdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdin").finish_non_exhaustive()
    }
}

impl fmt::Debug for StdinLock<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdinLock").finish_non_exhaustive()
    }
}
