//! `Pollable`: an I/O object whose calls park instead of blocking, with the one retry loop (I5).
//!
//! The object's descriptor is left as it is: no `O_NONBLOCK` of ours. Data calls ask not to block one by one
//! (`MSG_DONTWAIT`). When one would have blocked, and only then, the descriptor is asked what its user wants:
//! `O_NONBLOCK`, which clones share, makes the call fail as std's does, and `SO_RCVTIMEO`/`SO_SNDTIMEO` give the deadline.
//! While nobody else can have the descriptor, the answer is kept (`wishes.rs`).
//!
//! A stream's `recv` that got less than it had room for has emptied the socket. Unless an event came since, the next
//! one waits without asking the kernel first.
//!
//! A waiter waits on its own hub's reactor, so it cannot be stranded by another hub that stops turning. The first wait on a
//! hub registers the descriptor there and asks the hubs on which it was registered before to give it up if nobody waits.

pub mod connect;
mod datagram;
mod descriptor;
pub mod family;
pub mod file;
mod source;
pub mod unix;
pub mod watch;
mod wishes;

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, Instant};

use crate::clock;
use crate::current;
use crate::kill;
use crate::mode::{self, Facility};
use crate::park::waiting_for;
use crate::reactor::lint;
use crate::sys::{self, Direction, MsgFlags};
use crate::unpark::{Outcome, WaitReason};
use source::{Source, Taken};
use wishes::Wishes;

pub use descriptor::{Descriptor, Family};

/// An I/O object whose calls park the green thread, or block a plain OS thread, until they can proceed.
///
/// Any number of green threads and OS threads may use it at once, in either direction.
pub struct Pollable<T> {
    // Declared first, so dropped first: the descriptor leaves every poll before `io` closes it.
    source: Source,
    io: T,
}

impl<T: AsFd> Pollable<T> {
    /// Wraps an object that owns its descriptor, of whose open file description others may have descriptors too.
    pub fn new(io: T) -> Self {
        let fd = io.as_fd().as_raw_fd();
        Self { source: Source::new(fd, Wishes::shared()), io }
    }

    /// Wraps an object that was made just now, so that nobody else has a descriptor of it.
    pub fn sole(io: T) -> Self {
        let fd = io.as_fd().as_raw_fd();
        Self { source: Source::new(fd, Wishes::sole()), io }
    }

    /// Returns the object, to look at. What changes `O_NONBLOCK` or a timeout goes through
    /// [`configure`](Self::configure), and what hands on the descriptor through [`lend`](Self::lend).
    pub fn get_ref(&self) -> &T {
        &self.io
    }

    /// Returns the object to a caller who may keep its descriptor: from now on its settings may change at any time.
    pub fn lend(&self) -> &T {
        self.source.wishes.share();
        &self.io
    }

    /// Runs a call that may change `O_NONBLOCK` or a timeout.
    pub fn configure<R>(&self, change: impl FnOnce(&T) -> R) -> R {
        let result = change(&self.io);
        self.source.wishes.changed();
        result
    }

    /// Takes the object back, out of every reactor.
    pub fn into_inner(self) -> T {
        let Self { source, io } = self;
        drop(source);
        io
    }

    /// Runs a read-like call, which must not block, until it does not want to. A kill point.
    ///
    /// # Errors
    ///
    /// The call's own; `WouldBlock` if the user made the descriptor non-blocking or its `SO_RCVTIMEO` has passed.
    pub fn read_with<R>(&self, reason: WaitReason, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.retry(Direction::Read, reason, op)
    }

    /// Runs a write-like call, which must not block, until it does not want to. A kill point.
    ///
    /// # Errors
    ///
    /// The call's own; `WouldBlock` if the user made the descriptor non-blocking or its `SO_SNDTIMEO` has passed.
    pub fn write_with<R>(&self, reason: WaitReason, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.retry(Direction::Write, reason, op)
    }

    fn retry<R>(&self, direction: Direction, reason: WaitReason, op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.retry_within(direction, reason, |error| self.user_deadline(direction, error), op)
    }

    /// The retry loop. `limit` makes the first `WouldBlock` the deadline of the waits, or the call's error.
    fn retry_within<R>(
        &self,
        direction: Direction,
        reason: WaitReason,
        limit: impl Fn(io::Error) -> io::Result<Option<Instant>>,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        // Before the call and not after it: what was received must not be lost. A loop that never has to wait could not be
        // killed otherwise.
        kill::deliver_pending(current::hub());
        let mut deadline = None;
        loop {
            match op(&self.io) {
                Ok(value) => {
                    current::hub().spend_io();
                    return Ok(value);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let deadline = match deadline {
                        Some(deadline) => deadline,
                        None => *deadline.insert(limit(error)?),
                    };
                    if !self.wait(direction, deadline, reason)? {
                        return Err(sys::would_block());
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks the descriptor what its user wants of a call that would block.
    fn user_deadline(&self, direction: Direction, error: io::Error) -> io::Result<Option<Instant>> {
        let wish = self.source.wishes.ask(self.io.as_fd(), direction)?;
        if wish.nonblocking {
            // Who asks again and again for what a neighbour has to send would never let it.
            current::hub().spend_io();
            return Err(error);
        }
        Ok(wish.timeout.and_then(clock::after))
    }

    /// Waits until the descriptor is worth another try; false at `deadline`. A kill point.
    fn wait(&self, direction: Direction, deadline: Option<Instant>, reason: WaitReason) -> io::Result<bool> {
        // Both are off nearly always, and this is on the way of every request.
        if lint::is_on() || mode::is_any_plain() {
            return self.wait_watched(direction, deadline, reason);
        }
        self.wait_green(direction, deadline, reason)
    }

    #[cold]
    #[inline(never)]
    fn wait_watched(&self, direction: Direction, deadline: Option<Instant>, reason: WaitReason) -> io::Result<bool> {
        let _entered = lint::enter(self.source.fd, direction)?;
        let facility = match reason {
            WaitReason::Child | WaitReason::Signal => Facility::Process,
            _ => Facility::Net,
        };
        waiting_for(facility, || self.wait_green(direction, deadline, reason))
    }

    #[inline]
    fn wait_green(&self, direction: Direction, deadline: Option<Instant>, reason: WaitReason) -> io::Result<bool> {
        let hub = current::hub();
        let outcome = if hub.is_lonely() {
            hub.wait_fd_in_place(self.source.fd, direction, deadline)?
        } else {
            let token = self.source.token(hub)?;
            hub.reactor().wait_ready(hub, token, [direction], deadline, reason)
        };
        match outcome {
            Outcome::Unparked => Ok(true),
            Outcome::TimedOut => Ok(false),
            Outcome::Interrupted => {
                kill::deliver();
                // What was to be delivered is gone. An edge may have come meanwhile: the call looks.
                Ok(true)
            }
        }
    }

    /// Waits until the descriptor is readable; returns false at `deadline`. A kill point.
    ///
    /// # Errors
    ///
    /// The OS error if the descriptor cannot be polled.
    pub fn wait_readable(&self, deadline: Option<Instant>, reason: WaitReason) -> io::Result<bool> {
        self.wait_for(Direction::Read, deadline, reason)
    }

    /// Waits until the descriptor is writable; returns false at `deadline`. A kill point.
    ///
    /// # Errors
    ///
    /// The OS error if the descriptor cannot be polled.
    pub fn wait_writable(&self, deadline: Option<Instant>, reason: WaitReason) -> io::Result<bool> {
        self.wait_for(Direction::Write, deadline, reason)
    }

    fn wait_for(&self, direction: Direction, deadline: Option<Instant>, reason: WaitReason) -> io::Result<bool> {
        // An edge is only for what comes after a look; so each round looks first.
        while !self.is_ready(direction)? {
            if !self.wait(direction, deadline, reason)? {
                return self.is_ready(direction);
            }
        }
        Ok(true)
    }

    fn is_ready(&self, direction: Direction) -> io::Result<bool> {
        /// No second descriptor: the kernel skips negative numbers.
        const NONE: RawFd = -1;
        sys::poll_fds(Some((self.source.fd, direction)), NONE, Some(Duration::ZERO))
    }

    /// Receives into `buf` from a stream socket, as `recv(2)`.
    ///
    /// # Errors
    ///
    /// See [`read_with`](Self::read_with).
    pub fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let room = buf.len();
        self.recv_noting(|io| {
            let count = sys::recv(io.as_fd(), buf, MsgFlags::NONE)?;
            Ok((count, if count < room { Taken::All } else { Taken::Some }))
        })
    }

    /// Receives by `op`, which returns the count and whether it took all there was: then the next receive waits without
    /// asking the kernel first.
    #[inline]
    fn recv_noting(&self, op: impl FnMut(&T) -> io::Result<(usize, Taken)>) -> io::Result<usize> {
        if self.source.is_empty(current::hub()) && self.source.wishes.are_plain() {
            self.wait(Direction::Read, None, WaitReason::Read)?;
        }
        let (count, taken) = self.read_with(WaitReason::Read, op)?;
        if taken != Taken::Some && count > 0 && self.source.wishes.are_plain() {
            self.source.note_emptied(current::hub(), taken);
        }
        Ok(count)
    }

    /// Receives into `buf` and leaves the data in the queue.
    ///
    /// # Errors
    ///
    /// See [`read_with`](Self::read_with).
    pub fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_with(WaitReason::Read, |io| sys::peek(io.as_fd(), buf))
    }

    /// Receives into several buffers from a stream socket, as `readv(2)`, but into the first 1024 of more than that, as std.
    ///
    /// # Errors
    ///
    /// See [`read_with`](Self::read_with).
    pub fn recv_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let most = bufs.len().min(sys::MAX_BUFFERS);
        let bufs = &mut bufs[..most];
        if bufs.iter().all(|buf| buf.is_empty()) {
            // `readv` does not look at the socket if there is nowhere to put data. `recvmsg` does.
            return Ok(0);
        }
        self.read_with(WaitReason::Read, |io| sys::recv_vectored(io.as_fd(), bufs))
    }

    /// Sends all of `buf`, as a blocking `send(2)` does: the count is short only if a timeout or an error came after a
    /// part was sent.
    ///
    /// # Errors
    ///
    /// See [`write_with`](Self::write_with); only if nothing was sent.
    pub fn send(&self, buf: &[u8]) -> io::Result<usize> {
        let mut sent = self.write_with(WaitReason::Write, |io| sys::send(io.as_fd(), buf))?;
        if sent < buf.len() {
            sent += self.send_rest(sent, |sent| sys::send(self.io.as_fd(), &buf[sent..]), buf.len());
        }
        Ok(sent)
    }

    /// Sends all of several buffers, or of the first 1024 of more, to a stream socket; see [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// See [`write_with`](Self::write_with); only if nothing was sent.
    pub fn send_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        if bufs.iter().take(sys::MAX_BUFFERS).all(|buf| buf.is_empty()) {
            // As for receiving.
            return Ok(0);
        }
        self.send_all(bufs, |io, bufs| sys::send_vectored(io.as_fd(), bufs))
    }

    /// Sends all of several buffers by `op`, which may take a part of them.
    fn send_all(
        &self,
        bufs: &[IoSlice<'_>],
        op: impl Fn(&T, &[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let bufs = &bufs[..bufs.len().min(sys::MAX_BUFFERS)];
        let total: usize = bufs.iter().map(|buf| buf.len()).sum();
        let mut sent = self.write_with(WaitReason::Write, |io| op(io, bufs))?;
        if sent < total {
            let rest = |sent| {
                let mut bufs = bufs.to_vec();
                let mut rest = bufs.as_mut_slice();
                IoSlice::advance_slices(&mut rest, sent);
                op(&self.io, rest)
            };
            sent += self.send_rest(sent, rest, total);
        }
        Ok(sent)
    }

    /// Goes on with a send of which `first` bytes are gone; returns how many more went. The kernel reports an error after
    /// a part at the next call, and so does this.
    #[cold]
    fn send_rest(&self, first: usize, mut op: impl FnMut(usize) -> io::Result<usize>, total: usize) -> usize {
        let mut sent = first;
        // One deadline for all that is left, as in the kernel's own loop.
        let Ok(deadline) = self.user_deadline(Direction::Write, sys::would_block()) else { return 0 };
        while sent < total {
            match op(sent) {
                Ok(0) => break,
                Ok(more) => sent += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.wait(Direction::Write, deadline, WaitReason::Write) {
                        Ok(true) => {}
                        _ => break,
                    }
                }
                Err(_) => break,
            }
        }
        sent - first
    }
}

impl<T: fmt::Debug> fmt::Debug for Pollable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.io.fmt(f)
    }
}
