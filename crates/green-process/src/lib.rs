//! `std::process` on green threads: children without a thread or a poll each, and signals.
//!
//! [`Command`] and [`Child`] have the names, signatures and behaviour of std's, with one difference: where std's would
//! block the OS thread, waiting for a child or for one of its pipes, these park the calling green thread, and its hub
//! runs another one meanwhile. They work on a plain OS thread too.
//!
//! What does not block is std's own: [`Stdio`], [`ExitStatus`], [`Output`] and the functions are re-exported, so values
//! flow freely between std and here, and children and pipes convert into std's and back.
//!
//! [`signal`] has what std lacks: signals as events.
//!
//! # Starting a child is not waiting
//!
//! [`Command::spawn`] starts the child on the calling OS thread, as std does, and holds up its hub until the program is
//! loaded: 43 µs in the median where this was measured (Linux 6.18, `examples/children.rs`), longer on a busy machine, and
//! longer if a function, a user or a group is to be set, for which std forks. It could be left to another OS thread; but a
//! child may ask to be told of the end of the thread that started it (`PR_SET_PDEATHSIG`), and would be told when a
//! pool's thread leaves.
//!
//! # Examples
//!
//! ```
//! use std::io::{self, Write};
//!
//! use green_process::{Command, Stdio};
//!
//! fn main() -> io::Result<()> {
//!     let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
//!     child.stdin.take().expect("it is piped").write_all(b"through a child")?;
//!     let output = child.wait_with_output()?;
//!     assert!(output.status.success());
//!     assert_eq!(output.stdout, b"through a child");
//!     Ok(())
//! }
//! ```

mod capture;
mod child;
mod command;
mod fd;
#[expect(unsafe_code, reason = "what runs between fork and exec is an unsafe method of std's")]
pub mod os;
mod reaper;
pub mod signal;
mod stdio;
#[expect(unsafe_code, reason = "system calls")]
mod sys;

pub use child::Child;
pub use command::Command;
// These never block, so they are std's own.
pub use std::process::{CommandArgs, CommandEnvs, ExitCode, ExitStatus, Output, Stdio, Termination, abort, exit, id};
pub use stdio::{ChildStderr, ChildStdin, ChildStdout};
