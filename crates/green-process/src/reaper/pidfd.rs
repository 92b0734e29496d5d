//! Noticing a child's end by a descriptor of the process, in the hub's reactor.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use green_core::io::Pollable;
use green_core::unpark::WaitReason;

use crate::sys;

/// A descriptor of a child.
#[derive(Debug)]
pub(crate) struct Pidfd {
    fd: Pollable<OwnedFd>,
    ended: bool,
}

impl Pidfd {
    pub(crate) fn open(pid: u32) -> io::Result<Self> {
        Ok(Self { fd: Pollable::sole(sys::pidfd_open(pid)?), ended: false })
    }

    /// Opens one for which a wait has seen the end, whether it was there or not.
    #[cfg(test)]
    pub(crate) fn ended(pid: u32) -> io::Result<Self> {
        Ok(Self { ended: true, ..Self::open(pid)? })
    }

    /// Waits until the child has ended; false at `deadline`.
    pub(crate) fn wait(&mut self, deadline: Option<Instant>) -> io::Result<bool> {
        self.ended = self.fd.wait_readable(deadline, WaitReason::Child)?;
        Ok(self.ended)
    }

    /// Returns true if a wait has seen the end.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }
}
