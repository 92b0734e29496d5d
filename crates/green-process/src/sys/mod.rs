//! What this crate asks of the operating system, beside core.
//!
//! A platform owes: [`pidfd_open`], a descriptor that polls as readable once a process has ended; [`await_end`], which
//! blocks until then and leaves the child to be reaped; [`Either`], a descriptor that polls as readable while one of two
//! does; and [`Handler`], which notes signals and makes a descriptor readable.

mod children;
mod handler;
mod readiness;

use std::io;

use libc::c_int;

pub(crate) use children::{await_end, pidfd_open};
pub(crate) use handler::{FAULTS, Handler, bit};
pub(crate) use readiness::Either;

/// Turns what a system call returned into a result.
fn check(result: c_int) -> io::Result<c_int> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
