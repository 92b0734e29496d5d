//! A lint for programs in which two wait for the same descriptor in the same direction by mistake.
//!
//! It is no error to do so: they get what comes one after the other. But two green threads that read one stream each get
//! pieces of it, and that is rarely meant. So the lint is off until it is asked for. Then every wait is entered in one table
//! for the whole process, because descriptor numbers are the process's; that it costs a lock does not matter here.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::io;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use thiserror::Error;

use crate::identity::{self, IdentityRef};
use crate::per_process::PerProcess;
use crate::sys::Direction;

/// Whether the lint is on.
static ON: AtomicBool = AtomicBool::new(false);

/// Who waits for what.
static WAITING: PerProcess<Mutex<HashMap<(RawFd, Direction), IdentityRef>>> = PerProcess::new(Mutex::default);

/// Turns on or off an error for whoever waits for a descriptor for which another waits already in the same direction.
///
/// It is off at first: any number may wait, and each has its turn. Turned on, it finds the program's mistakes, such as two
/// green threads that read from one stream and each get half of it. The second then gets an error of the kind
/// `ResourceBusy` that names both; the first waits on. Descriptors that were duplicated (`try_clone`) count as different ones.
///
/// Follows eventlet's `debug.hub_prevent_multiple_readers`, except for what is the default.
///
/// # Examples
///
/// ```
/// use std::io::{ErrorKind, PipeReader};
/// use std::os::fd::AsFd;
/// use std::rc::Rc;
///
/// use green_core::debug::prevent_multiple_readers;
/// use green_core::hub::{Interest, wait};
/// use green_core::park::yield_now;
/// use green_core::spawn::{Options, spawn_local};
///
/// prevent_multiple_readers(true);
/// let (reader, writer) = std::io::pipe()?;
/// let reader: Rc<PipeReader> = Rc::new(reader);
/// let first = spawn_local(Options::default(), {
///     let reader = Rc::clone(&reader);
///     move || wait(reader.as_fd(), Interest::Readable, None).is_ok()
/// })?;
/// yield_now();
/// let second = wait(reader.as_fd(), Interest::Readable, None);
/// assert_eq!(second.map_err(|error| error.kind()), Err(ErrorKind::ResourceBusy));
/// drop(writer);
/// assert!(first.join().unwrap());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn prevent_multiple_readers(prevent: bool) {
    ON.store(prevent, Ordering::Relaxed);
}

/// The error of the second who waits for a descriptor, with the lint on.
#[derive(Debug, Error)]
#[non_exhaustive]
#[error("second simultaneous {direction} on fd {fd}: {first} waits already, and {second} would too")]
pub(crate) struct SecondWaiter {
    direction: &'static str,
    fd: RawFd,
    first: Who,
    second: Who,
}

/// A green thread, as a message names it.
#[derive(Debug)]
struct Who(IdentityRef);

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.name() {
            Some(name) => write!(f, "green thread '{name}' (number {})", self.0.id()),
            None => write!(f, "green thread number {}", self.0.id()),
        }
    }
}

impl From<SecondWaiter> for io::Error {
    fn from(error: SecondWaiter) -> io::Error {
        io::Error::new(io::ErrorKind::ResourceBusy, error)
    }
}

/// Keeps a wait in the table.
#[derive(Debug)]
pub(crate) struct Entered(RawFd, Direction);

impl Drop for Entered {
    fn drop(&mut self) {
        WAITING.lock().remove(&(self.0, self.1));
    }
}

/// Returns true if the lint is on.
#[inline]
pub(crate) fn is_on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// Enters a wait, if the lint is on.
pub(crate) fn enter(fd: RawFd, direction: Direction) -> Result<Option<Entered>, SecondWaiter> {
    if is_on() { enter_table(fd, direction).map(Some) } else { Ok(None) }
}

fn enter_table(fd: RawFd, direction: Direction) -> Result<Entered, SecondWaiter> {
    let me = identity::current();
    match WAITING.lock().entry((fd, direction)) {
        Entry::Vacant(entry) => {
            entry.insert(me);
            Ok(Entered(fd, direction))
        }
        // One that ended with its OS thread, in the middle of its wait (I15), has nobody to take it out.
        Entry::Occupied(mut entry) if entry.get().is_done() => {
            entry.insert(me);
            Ok(Entered(fd, direction))
        }
        Entry::Occupied(entry) => Err(SecondWaiter {
            direction: match direction {
                Direction::Read => "read",
                Direction::Write => "write",
            },
            fd,
            first: Who(entry.get().clone()),
            second: Who(me),
        }),
    }
}
