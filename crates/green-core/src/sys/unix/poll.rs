//! Waiting for one descriptor on an OS thread that has no reactor.

use std::io;
use std::os::fd::RawFd;
use std::ptr;
use std::time::Duration;

use libc::{nfds_t, pollfd, timespec};

use super::{check, to_timespec};

/// Which way data flows through a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Direction {
    /// Out of the kernel: data, a connection to accept, the end of a stream.
    Read,
    /// Into the kernel: room for data, a connection made.
    Write,
}

/// What a descriptor is ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// There is data, a connection to accept, or the end of a stream.
    pub(crate) readable: bool,
    /// There is room, or the connection is made.
    pub(crate) writable: bool,
    /// The other side is gone.
    pub(crate) hung_up: bool,
    /// An error waits to be fetched.
    pub(crate) failed: bool,
}

/// Asks what `fd` is ready for now, as far as `direction` goes; an error or a hang-up counts in both.
///
/// Returns `EBADF` if it is not open.
pub(crate) fn readiness(fd: RawFd, direction: Direction) -> io::Result<Readiness> {
    let found = poll_now(fd, direction.events())?;
    let has = |bits| found & bits != 0;
    if has(conditions::NVAL) {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    Ok(Readiness {
        readable: has(libc::POLLIN | libc::POLLRDHUP),
        writable: has(libc::POLLOUT),
        hung_up: has(libc::POLLHUP | libc::POLLRDHUP),
        failed: has(libc::POLLERR),
    })
}

impl Direction {
    fn events(self) -> libc::c_short {
        match self {
            Direction::Read => libc::POLLIN | libc::POLLRDHUP,
            Direction::Write => libc::POLLOUT,
        }
    }
}

/// Sleeps until `fd` is ready, `wake` is readable or `timeout` has passed, and returns whether `fd` is ready.
///
/// An error or a hang-up on `fd` counts as ready: the call that waited will find out. It may return `false` for no
/// reason, such as a signal.
pub(crate) fn poll_fds(fd: Option<(RawFd, Direction)>, wake: RawFd, timeout: Option<Duration>) -> io::Result<bool> {
    let (fd, events) = match fd {
        Some((fd, direction)) => (fd, direction.events()),
        // The kernel skips negative descriptors.
        None => (-1, 0),
    };
    let mut entries = [pollfd { fd, events, revents: 0 }, pollfd { fd: wake, events: libc::POLLIN, revents: 0 }];
    let timeout = timeout.map(to_timespec);
    let timeout: *const timespec = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `entries` is an array of the stated length and `timeout` null or a valid timespec, both for the length
    // of the call; a null signal mask leaves the mask alone.
    let result = unsafe { libc::ppoll(entries.as_mut_ptr(), entries.len() as nfds_t, timeout, ptr::null()) };
    match check(result) {
        Ok(_) => Ok(entries[0].revents != 0),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        Err(error) => Err(error),
    }
}

/// The conditions of a descriptor, as `poll(2)` numbers them.
pub(crate) mod conditions {
    pub(crate) const IN: i16 = libc::POLLIN;
    pub(crate) const PRI: i16 = libc::POLLPRI;
    pub(crate) const OUT: i16 = libc::POLLOUT;
    pub(crate) const ERR: i16 = libc::POLLERR;
    pub(crate) const HUP: i16 = libc::POLLHUP;
    pub(crate) const NVAL: i16 = libc::POLLNVAL;
}

/// Returns which of the conditions `asked` hold for `fd` now, and which of `ERR`, `HUP` and `NVAL`, without waiting.
pub(crate) fn poll_now(fd: RawFd, asked: i16) -> io::Result<i16> {
    if fd < 0 {
        // The kernel would skip it.
        return Ok(conditions::NVAL);
    }
    let mut entry = [pollfd { fd, events: asked, revents: 0 }];
    poll_all_now(&mut entry)?;
    Ok(entry[0].revents)
}

fn poll_all_now(entries: &mut [pollfd]) -> io::Result<()> {
    loop {
        // SAFETY: the pointer leads to as many entries as it says, which live for the length of the call.
        match check(unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as nfds_t, 0) }) {
            Ok(_) => return Ok(()),
            // Although it does not wait, a signal may come first.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A look at many descriptors at once: which have something to read, an end or an error.
#[derive(Debug, Default)]
pub(crate) struct Look(Vec<pollfd>);

impl Look {
    /// Looks at `fds`, without waiting; negative ones are skipped.
    pub(crate) fn at(&mut self, fds: impl Iterator<Item = RawFd>) {
        self.0.clear();
        self.0.extend(fds.map(|fd| pollfd { fd, events: libc::POLLIN | libc::POLLRDHUP, revents: 0 }));
        if poll_all_now(&mut self.0).is_err() {
            // More than there may be open, or no memory: whoever asks has to look for himself.
            self.0.iter_mut().for_each(|entry| entry.revents = libc::POLLERR);
        }
    }

    /// Returns true if there was something at the descriptor of this place.
    pub(crate) fn found(&self, place: usize) -> bool {
        self.0[place].revents != 0
    }
}
