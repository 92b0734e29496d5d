//! Waiting for any descriptor: `wait`, and what it keeps registered meanwhile.
//!
//! A `Pollable` is registered from its first wait to its end. Here there is only somebody's borrow of a descriptor, so the
//! registration lasts as long as somebody waits: the first waiter of a hub makes it, the others share it, which also puts
//! them into one line, and the last one, however its wait ends, takes it back.
//!
//! The line is the reactor's: an event wakes all of it in order, and each looks for itself. Who finds nothing left goes to
//! the end, behind the others that found nothing before it, so the order stays as it was.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Instant;

use super::Hub;
use crate::mode::Facility;
use crate::park::waiting_for;
use crate::reactor::{self, Token, lint};
use crate::sys::{self, Direction, Readiness};
use crate::unpark::{Outcome, WaitReason};
use crate::{clock, current, kill};

/// What a wait for a descriptor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Interest {
    /// Something to read: data, a connection to accept, the end of a stream.
    Readable,
    /// Room to write, or the end of a `connect`.
    Writable,
}

impl Interest {
    fn direction(self) -> Direction {
        match self {
            Interest::Readable => Direction::Read,
            Interest::Writable => Direction::Write,
        }
    }
}

/// What a descriptor was found to be ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready(Readiness);

impl Ready {
    /// Returns true if there is something to read: data, a connection to accept, the end of a stream.
    pub fn is_readable(self) -> bool {
        self.0.readable
    }

    /// Returns true if there is room to write.
    pub fn is_writable(self) -> bool {
        self.0.writable
    }

    /// Returns true if the other side will send nothing more or take nothing more.
    pub fn is_hung_up(self) -> bool {
        self.0.hung_up
    }

    /// Returns true if the next call on the descriptor will return an error.
    pub fn is_error(self) -> bool {
        self.0.failed
    }
}

/// Parks until `fd` is ready for what `interest` names, and returns what it is ready for. A kill point.
///
/// It is for descriptors that come from elsewhere: a C library's connection, a device, a socket type that this library
/// does not have. The descriptor's flags stay as they are. An error or a hang-up ends the wait in either direction, because
/// the call that follows will find out.
///
/// Any number may wait for the same descriptor. All are woken in the order in which they came, and each looks for
/// itself, so what the first takes is not there for the second, which waits on. Once the last wait has ended in whatever
/// way, nothing of the descriptor is left registered.
///
/// Follows eventlet's `hubs.trampoline`.
///
/// # Errors
///
/// `TimedOut` if it is not ready at `deadline`; `EBADF` if it is not open; the OS error if it cannot be polled;
/// `ResourceBusy` if another waits for the same and
/// [`prevent_multiple_readers`](crate::debug::prevent_multiple_readers) is on.
///
/// # Examples
///
/// ```
/// use std::io::{self, ErrorKind, Write};
/// use std::time::Instant;
///
/// use green_core::hub::{Interest, wait};
///
/// let (reader, mut writer) = io::pipe()?;
/// let nothing = wait(&reader, Interest::Readable, Some(Instant::now())).map_err(|error| error.kind());
/// assert_eq!(nothing, Err(ErrorKind::TimedOut));
/// writer.write_all(b"x")?;
/// assert!(wait(&reader, Interest::Readable, None)?.is_readable());
/// # Ok::<(), io::Error>(())
/// ```
pub fn wait(fd: impl AsFd, interest: Interest, deadline: Option<Instant>) -> io::Result<Ready> {
    let fd = fd.as_fd();
    let number = fd.as_raw_fd();
    let direction = interest.direction();
    let mut entered = None;
    loop {
        // An edge is only for what comes after a look, so each round looks first.
        let ready = sys::readiness(number, direction)?;
        if ready != Readiness::default() {
            return Ok(Ready(ready));
        }
        if deadline.is_some_and(|deadline| deadline <= clock::now()) {
            return Err(io::Error::from(io::ErrorKind::TimedOut));
        }
        if entered.is_none() {
            entered = lint::enter(number, direction)?;
        }
        // What came of it, the next look tells.
        if waiting_for(Facility::Net, || wait_once(number, direction, deadline))? == Outcome::Interrupted {
            kill::deliver();
        }
    }
}

fn wait_once(number: RawFd, direction: Direction, deadline: Option<Instant>) -> io::Result<Outcome> {
    let hub = current::hub();
    let reason = match direction {
        Direction::Read => WaitReason::Read,
        Direction::Write => WaitReason::Write,
    };
    if hub.is_lonely() {
        return hub.wait_fd_in_place(number, direction, deadline);
    }
    let shared = Share::of(hub, number)?;
    Ok(hub.reactor().wait_ready(hub, shared.token, [direction], deadline, reason))
}

/// A descriptor for which green threads of a hub wait.
#[derive(Debug)]
struct Waited {
    token: Token,
    /// A duplicate that is registered in its place, if the poll had it already: its owner's registration.
    alias: Option<OwnedFd>,
    waiters: usize,
}

/// The descriptors for which green threads of a hub wait, by their numbers.
#[derive(Debug)]
pub(super) struct Waits(RefCell<Option<HashMap<RawFd, Waited>>>);

impl Waits {
    pub(super) const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// Returns how many wait.
    pub(super) fn count(&self) -> usize {
        self.0.borrow().iter().flat_map(HashMap::values).map(|waited| waited.waiters).sum()
    }
}

impl Hub {
    /// Takes back what leaked green threads wait for: whoever has the hub next knows nothing of their descriptors.
    pub(super) fn end_waits(&self) {
        for (number, waited) in self.waits.0.take().into_iter().flatten() {
            waited.end(self, number);
        }
    }
}

impl Waited {
    fn end(self, hub: &Hub, number: RawFd) {
        let registered = self.alias.as_ref().map_or(number, AsRawFd::as_raw_fd);
        // Before the alias is closed.
        reactor::close(hub.shared(), Some(hub), self.token, registered);
    }
}

/// One waiter's share in the registration of a descriptor.
struct Share {
    hub: &'static Hub,
    number: RawFd,
    token: Token,
}

impl Share {
    fn of(hub: &'static Hub, number: RawFd) -> io::Result<Share> {
        let mut waits = hub.waits.0.borrow_mut();
        let waits = waits.get_or_insert_default();
        if let Some(waited) = waits.get_mut(&number)
            // Not if the number has passed to another file meanwhile, whose owner has registered it.
            && hub.reactor().is_registered(waited.token)
        {
            waited.waiters += 1;
            return Ok(Share { hub, number, token: waited.token });
        }
        let (token, alias) = match hub.reactor().register(hub, number) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let alias = sys::duplicate(number)?;
                (hub.reactor().register(hub, alias.as_raw_fd())?, Some(alias))
            }
            result => (result?, None),
        };
        waits.insert(number, Waited { token, alias, waiters: 1 });
        Ok(Share { hub, number, token })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let ended = {
            let mut waits = self.hub.waits.0.borrow_mut();
            let Some(waits) = waits.as_mut() else { return };
            let Some(waited) = waits.get_mut(&self.number).filter(|waited| waited.token == self.token) else { return };
            waited.waiters -= 1;
            if waited.waiters > 0 {
                return;
            }
            waits.remove(&self.number)
        };
        if let Some(waited) = ended {
            waited.end(self.hub, self.number);
        }
    }
}
