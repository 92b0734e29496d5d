//! `Descriptor`: plain reads and writes of any descriptor that park instead of blocking, and never set `O_NONBLOCK`.
//!
//! What a descriptor leads to decides how a call is kept from waiting in the kernel:
//!
//! | what | how |
//! |---|---|
//! | a pipe, a socket, most of the kernel's anonymous files | `RWF_NOWAIT`, and the reactor tells when to try again |
//! | a regular file | `RWF_NOWAIT`, which the page cache serves; if it cannot, the blocking pool |
//! | a named pipe, a device, and a pipe where the kernel is old | poll, then act |
//! | a terminal | poll, then act on the blocking pool |
//!
//! **Poll, then act** takes turns among the clones of one descriptor, so that none of them finds nothing where another
//! was quicker, and writes no more to a pipe than it has room for when it is ready. A stranger with a descriptor of
//! the same file, such as another process, may still be quicker; then the call waits in the kernel until there is
//! more, and this hub with it. Setting the flag instead would be worse: it belongs to all who share the file, and
//! their calls would fail.
//!
//! A terminal gets a thread for each call because there strangers are the rule (a shell and its jobs share one), and
//! because ready means less: room for one byte is room, and `VMIN` and `VTIME` make a read wait in ways of its own.
//! Polling first keeps the thread from lying in wait for input that may be meant for somebody else, such as a child.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use parking_lot::Mutex;

use crate::blocking::unblock;
use crate::io::Pollable;
use crate::sys::{self, Direction, Kind, Patience};
use crate::unpark::WaitReason;

/// The most that one call takes to the blocking pool, since it is copied.
const CHUNK: usize = 256 * 1024;

/// The most that is written to a regular file without the blocking pool: it goes to the page cache, which costs less than the way
/// to another thread and back.
const SMALL_WRITE: usize = 16 * 1024;

/// A descriptor of any kind, for `read` and `write`.
///
/// Its flags stay as they are. If its user has set `O_NONBLOCK`, calls return `WouldBlock`, as std's do.
pub struct Descriptor<T> {
    io: Pollable<T>,
    family: Family,
}

/// What all descriptors of one open file share: what was learnt of it, and whose turn it is.
///
/// Should another file take its place, then what was learnt costs a system call or a hop to the pool, but no hub.
#[derive(Clone, Debug, Default)]
pub struct Family(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    kind: OnceLock<Kind>,
    reading: Side,
    writing: Side,
}

#[derive(Debug, Default)]
struct Side {
    /// True once the kernel has refused a call that was not to wait.
    refuses: AtomicBool,
    /// Held around `poll, then act`.
    turn: Mutex<()>,
}

impl<T: AsFd> Descriptor<T> {
    /// Takes a descriptor of an open file that others may have descriptors of.
    pub fn new(io: T) -> Self {
        Self { io: Pollable::new(io), family: Family::default() }
    }

    /// Takes a descriptor that was made just now, so that nobody else has the open file.
    pub fn sole(io: T) -> Self {
        Self { io: Pollable::sole(io), family: Family::default() }
    }

    /// Takes another descriptor of a file that others in `family` have descriptors of too.
    pub fn of_family(io: T, family: &Family) -> Self {
        Self { io: Pollable::new(io), family: family.clone() }
    }

    /// Takes a duplicate of this descriptor into its family.
    pub fn join(&self, clone: T) -> Self {
        Self::of_family(clone, &self.family)
    }

    /// Returns the object, to look at.
    pub fn get_ref(&self) -> &T {
        self.io.get_ref()
    }

    /// Returns the object to a caller who may keep its descriptor, or change its flags.
    pub fn lend(&self) -> &T {
        self.io.lend()
    }

    /// Takes the object back, out of every reactor.
    pub fn into_inner(self) -> T {
        self.io.into_inner()
    }

    /// Returns whether `O_NONBLOCK` is set.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn is_nonblocking(&self) -> io::Result<bool> {
        sys::is_nonblocking(self.io.get_ref().as_fd())
    }

    /// Sets `O_NONBLOCK` because the user asks for it, for all who share the open file.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        let mode = if nonblocking { sys::NonBlocking::On } else { sys::NonBlocking::Off };
        self.io.configure(|io| sys::set_nonblocking(io.as_fd(), mode))
    }

    /// Parks until there is something to read, and reads some of it.
    ///
    /// # Errors
    ///
    /// The OS error; `WouldBlock` if the user made the descriptor non-blocking.
    pub fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_vectored(&mut [IoSliceMut::new(buf)])
    }

    /// Reads into several buffers; see [`read`](Self::read).
    ///
    /// # Errors
    ///
    /// Those of [`read`](Self::read).
    pub fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.io.read_with(WaitReason::Read, |io| self.family.0.try_read(io.as_fd(), bufs))
    }

    /// Writes all of `buf`, as a blocking `write(2)` does: the count is short only if an error came after a part was
    /// written, and the next call tells of it.
    ///
    /// # Errors
    ///
    /// The OS error; `WouldBlock` if the user made the descriptor non-blocking.
    pub fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buf)])
    }

    /// Writes all of several buffers; see [`write`](Self::write).
    ///
    /// # Errors
    ///
    /// Those of [`write`](Self::write).
    pub fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.io.send_all(bufs, |io, bufs| self.family.0.try_write(io.as_fd(), bufs))
    }

    /// Runs a call that returns `WouldBlock` while it has nothing to read, and parks in between, also if the user made
    /// the descriptor non-blocking.
    ///
    /// # Errors
    ///
    /// The call's own, but for `WouldBlock`, and the OS error if the descriptor cannot be waited for.
    pub fn read_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.io.retry_within(Direction::Read, WaitReason::Read, |_| Ok(None), op)
    }

    /// Runs a call that returns `WouldBlock` while there is no room to write; see [`read_with`](Self::read_with).
    ///
    /// # Errors
    ///
    /// Those of [`read_with`](Self::read_with).
    pub fn write_with<R>(&self, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.io.retry_within(Direction::Write, WaitReason::Write, |_| Ok(None), op)
    }

    /// Waits until a read would find something: data, the end, an error. Returns false at `deadline`. A kill point.
    ///
    /// A regular file is always readable.
    ///
    /// # Errors
    ///
    /// The OS error if the descriptor cannot be polled.
    pub fn wait_readable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        self.io.wait_readable(deadline, WaitReason::Read)
    }

    /// Waits until there is room to write. Returns false at `deadline`. A kill point.
    ///
    /// A regular file is always writable.
    ///
    /// # Errors
    ///
    /// The OS error if the descriptor cannot be polled.
    pub fn wait_writable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        self.io.wait_writable(deadline, WaitReason::Write)
    }
}

impl Shared {
    fn kind(&self, fd: BorrowedFd<'_>) -> io::Result<Kind> {
        match self.kind.get() {
            Some(kind) => Ok(*kind),
            None => Ok(*self.kind.get_or_init({
                let kind = sys::kind(fd)?;
                move || kind
            })),
        }
    }

    /// Reads what is there, or returns `WouldBlock`. It may park, on the way to the blocking pool and back.
    fn try_read(&self, fd: BorrowedFd<'_>, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        if !self.reading.refuses() {
            match sys::read_vectored(fd, bufs, Patience::NoWait) {
                Err(error) if is_refusal(&error) => self.reading.refuse(),
                Err(error) if is_wait(&error) && self.kind(fd)? == Kind::File => return read_elsewhere(fd, bufs),
                result => return result,
            }
        }
        match self.kind(fd)? {
            Kind::File => read_elsewhere(fd, bufs),
            Kind::Terminal => {
                if sys::terminal_read_ends_by_itself(fd) || sys::is_ready(fd, Direction::Read)? {
                    read_elsewhere(fd, bufs)
                } else {
                    Err(sys::would_block())
                }
            }
            Kind::Pipe | Kind::Other => {
                let _turn = self.reading.turn.lock();
                if sys::is_ready(fd, Direction::Read)? {
                    sys::read_vectored(fd, bufs, Patience::AsSet)
                } else {
                    Err(sys::would_block())
                }
            }
        }
    }

    /// Writes as much as there is room for, or returns `WouldBlock`. It may park, on the way to the blocking pool and back.
    fn try_write(&self, fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        if !self.writing.refuses() {
            match sys::write_vectored(fd, bufs, Patience::NoWait) {
                Err(error) if is_refusal(&error) => self.writing.refuse(),
                Err(error) if is_wait(&error) && self.kind(fd)? == Kind::File => return write_elsewhere(fd, bufs),
                result => return result,
            }
        }
        let kind = self.kind(fd)?;
        if kind == Kind::File {
            let total: usize = bufs.iter().map(|buf| buf.len()).sum();
            return if total <= SMALL_WRITE {
                sys::write_vectored(fd, bufs, Patience::AsSet)
            } else {
                write_elsewhere(fd, bufs)
            };
        }
        let turn = self.writing.turn.lock();
        if !sys::is_ready(fd, Direction::Write)? {
            return Err(sys::would_block());
        }
        match kind {
            Kind::Terminal => {
                drop(turn);
                write_elsewhere(fd, bufs)
            }
            Kind::Pipe => sys::write_vectored(fd, &[first_part(bufs, sys::PIPE_BUF)], Patience::AsSet),
            Kind::Other | Kind::File => sys::write_vectored(fd, bufs, Patience::AsSet),
        }
    }
}

impl Side {
    fn refuses(&self) -> bool {
        self.refuses.load(Ordering::Relaxed)
    }

    fn refuse(&self) {
        self.refuses.store(true, Ordering::Relaxed);
    }
}

fn is_wait(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// Whether the kernel cannot promise not to wait: this file is not made for it, or the system call is not there.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOSYS))
}

/// Returns the beginning of the first buffer with anything in it.
fn first_part<'a>(bufs: &'a [IoSlice<'a>], most: usize) -> IoSlice<'a> {
    let first: &[u8] = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[], |buf| buf);
    IoSlice::new(&first[..first.len().min(most)])
}

/// Reads on a thread of the blocking pool, with a descriptor and a buffer of its own (I15).
fn read_elsewhere(fd: BorrowedFd<'_>, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let Ok(own) = fd.try_clone_to_owned() else {
        // No descriptor is free: late is better than never.
        return sys::read_vectored(fd, bufs, Patience::AsSet);
    };
    let len = bufs.iter().map(|buf| buf.len()).sum::<usize>().min(CHUNK);
    let data = unblock(move || {
        let mut data = vec![0; len];
        let count = sys::read_vectored(own.as_fd(), &mut [IoSliceMut::new(&mut data)], Patience::AsSet)?;
        data.truncate(count);
        io::Result::Ok(data)
    })?;
    let mut rest = data.as_slice();
    for buf in bufs {
        let (part, more) = rest.split_at(rest.len().min(buf.len()));
        buf[..part.len()].copy_from_slice(part);
        rest = more;
    }
    Ok(data.len())
}

/// Writes on a thread of the blocking pool, from a copy and with a descriptor of its own (I15).
fn write_elsewhere(fd: BorrowedFd<'_>, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    let Ok(own) = fd.try_clone_to_owned() else {
        return sys::write_vectored(fd, bufs, Patience::AsSet);
    };
    let mut data = Vec::new();
    for buf in bufs {
        data.extend_from_slice(&buf[..buf.len().min(CHUNK - data.len())]);
    }
    unblock(move || sys::write_vectored(own.as_fd(), &[IoSlice::new(&data)], Patience::AsSet))
}

impl<T: fmt::Debug> fmt::Debug for Descriptor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}
