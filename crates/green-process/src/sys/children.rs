//! Children as the kernel shows them.

use std::io;
use std::mem;
use std::os::fd::{FromRawFd, OwnedFd};

use libc::{c_int, c_long, id_t, pid_t, siginfo_t};

use super::check;

/// Opens a descriptor of a process, which polls as readable once the process has ended.
///
/// The caller's child keeps its number until it is reaped, so this is the child and no other process.
pub(crate) fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    /// There is nothing to choose: close-on-exec is always set.
    const NO_FLAGS: c_long = 0;
    // SAFETY: the call takes numbers only.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as pid_t, NO_FLAGS) };
    let fd = check(c_int::try_from(fd).expect("a descriptor is an int"))?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Blocks the OS thread until a child has ended, and leaves it to be reaped.
pub(crate) fn await_end(pid: u32) -> io::Result<()> {
    loop {
        // SAFETY: a siginfo is numbers and pointers that nobody follows, for which all zeroes is a valid value.
        let mut info: siginfo_t = unsafe { mem::zeroed() };
        let what = libc::WEXITED | libc::WNOWAIT;
        // SAFETY: the kernel writes one siginfo, which is ours for the length of the call.
        let result = unsafe { libc::waitid(libc::P_PID, id_t::from(pid), &raw mut info, what) };
        match check(result) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
