//! The standard streams.
//!
//! The three descriptors are not ours: the shell, other jobs and children share their open files, and the program may
//! put another file under their numbers at any time. So nothing is kept about them from one call to the next, and a wait
//! leaves the reactor when it is over.

mod lock;
pub(crate) mod stderr;
mod stdin;
pub(crate) mod stdout;

pub(crate) use lock::ReentrantLock;
pub use stderr::{Stderr, StderrLock, stderr};
pub use stdin::{Stdin, StdinLock, stdin};
pub use stdout::{Stdout, StdoutLock, stdout};

use std::fmt::{self, Arguments};
use std::io::{self, Write};

/// Writes `args` as one text, so that a line is one write.
fn in_one_piece(stream: &mut impl Write, args: Arguments<'_>) -> io::Result<()> {
    match args.as_str() {
        Some(text) => stream.write_all(text.as_bytes()),
        None => stream.write_all(fmt::format(args).as_bytes()),
    }
}

/// Makes a stream that was closed one that takes everything or is at its end, as std does.
fn ignore_closed<T>(result: io::Result<T>, instead: T) -> io::Result<T> {
    match result {
        Err(error) if error.raw_os_error() == Some(libc::EBADF) => Ok(instead),
        result => result,
    }
}
