//! `std::io` on green threads: standard streams, pipes, and any descriptor of your own.
//!
//! The traits, the readers and writers in memory, the buffers and the errors do not block: they are std's own, re-exported
//! by name, so values flow freely. What is of this crate has std's names and signatures, and parks the calling green
//! thread where std's would block the OS thread:
//!
//! - [`stdin`], [`stdout`], [`stderr`] and the macros [`print!`], [`println!`], [`eprint!`], [`eprintln!`], [`dbg!`];
//! - [`pipe`];
//! - [`copy`], which is std's with a larger buffer;
//! - [`IsTerminal`], because std's cannot be implemented outside std;
//! - beyond std, [`Pollable`], which parks for any descriptor.
//!
//! Nothing here sets `O_NONBLOCK`, which would be seen by whoever shares the open file: clones, children, std's own
//! types, the shell.
//!
//! # Examples
//!
//! ```
//! use green_io::{self as io, Read, Write};
//!
//! fn main() -> io::Result<()> {
//!     let (mut reader, mut writer) = io::pipe()?;
//!     let answer = green_thread::spawn(move || {
//!         let mut answer = String::new();
//!         reader.read_to_string(&mut answer).map(|_| answer)
//!     });
//!     writer.write_all(b"hello")?;
//!     drop(writer);
//!     assert_eq!(answer.join().unwrap()?, "hello");
//!     Ok(())
//! }
//! ```

mod copy;
#[expect(unsafe_code, reason = "`FromRawFd` is an unsafe trait method")]
mod fd;
mod pipe;
mod pollable;
mod print;
mod stdio;
mod terminal;

pub mod prelude;

pub use copy::copy;
pub use pipe::{PipeReader, PipeWriter, pipe};
pub use pollable::Pollable;
#[doc(hidden)]
pub use print::{_eprint, _print};
pub use stdio::{Stderr, StderrLock, Stdin, StdinLock, Stdout, StdoutLock, stderr, stdin, stdout};
pub use terminal::IsTerminal;

// These never block by themselves, so they are std's own.
pub use std::io::{
    BufRead, BufReader, BufWriter, Bytes, Chain, Cursor, Empty, Error, ErrorKind, IntoInnerError, IoSlice, IoSliceMut,
    LineWriter, Lines, Read, Repeat, Result, Seek, SeekFrom, Sink, Split, Take, Write, WriterPanicked, empty,
    read_to_string, repeat, sink,
};
