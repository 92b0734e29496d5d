//! A channel to a child process.

use std::ffi::OsStr;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::OwnedFd;
use std::time::Instant;

use green_core::spawn::{Options, spawn};
use green_process::{Child, ExitStatus, Stdio};

use super::{Channel, Feature, Pipe};

/// Which of a command's standard streams its channel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// What the command prints is read; there is nothing for it to read.
    Read,
    /// What is written is the command's input; what it prints is thrown away.
    Write,
    /// Both.
    Both,
}

/// A child process: what it prints is read, what is written is its input.
///
/// [`close`](Self::close) waits for its end. One that is dropped is left alone, with its pipes closed, and reaped when it
/// ends, so it does not stay as a zombie.
///
/// Follows QEMU's `QIOChannelCommand`, which kills a child that is dropped.
///
/// # Examples
///
/// ```
/// use std::io::{self, Write};
///
/// use green_task::channel::{Access, Command};
///
/// # fn main() -> io::Result<()> {
/// let sort = Command::spawn(["sort"], Access::Both)?;
/// (&sort).write_all(b"b\na\n")?;
/// sort.close_writer();
/// assert_eq!(io::read_to_string(&sort)?, "a\nb\n");
/// assert!(sort.close()?.success());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Command {
    // Declared first, so dropped first: the child is not waited for with its pipes open.
    pipe: Pipe,
    child: Orphan,
}

/// A child that is reaped, whatever becomes of this.
#[derive(Debug)]
struct Orphan(Option<Child>);

impl Command {
    /// Starts the program that `argv` begins with, looked for on `PATH`, with the rest of `argv` as its arguments. Its
    /// standard error is this process's.
    ///
    /// # Errors
    ///
    /// The OS error; `InvalidInput` if `argv` is empty.
    pub fn spawn<S: AsRef<OsStr>>(argv: impl IntoIterator<Item = S>, access: Access) -> io::Result<Self> {
        let mut argv = argv.into_iter();
        let Some(program) = argv.next() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no program to start"));
        };
        let stdio = |piped: bool| if piped { Stdio::piped() } else { Stdio::null() };
        green_process::Command::new(program)
            .args(argv)
            .stdin(stdio(access != Access::Read))
            .stdout(stdio(access != Access::Write))
            .spawn()
            .map(Self::from)
    }

    /// Returns the child's process number.
    pub fn id(&self) -> u32 {
        self.child.0.as_ref().map_or(0, Child::id)
    }

    /// Closes the command's input, so that it comes to its end; see [`Pipe::close_writer`].
    pub fn close_writer(&self) {
        self.pipe.close_writer();
    }

    /// Kills the command; it still has to be waited for.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.child().kill()
    }

    /// Closes the pipes, waits for the command's end, and returns how it ended. A kill point.
    ///
    /// # Errors
    ///
    /// The OS error.
    pub fn close(self) -> io::Result<ExitStatus> {
        let Self { pipe, mut child } = self;
        drop(pipe);
        child.child().wait()
    }
}

impl Orphan {
    fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("only drop takes it")
    }
}

/// Takes over a child that was started in any way. The channel has those of its streams that are piped.
impl From<Child> for Command {
    fn from(mut child: Child) -> Self {
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let pipe = Pipe::of(stdout.map(OwnedFd::from), stdin.map(OwnedFd::from));
        Self { pipe, child: Orphan(Some(child)) }
    }
}

impl Drop for Orphan {
    fn drop(&mut self) {
        let Some(mut child) = self.0.take() else { return };
        if let Ok(None) = child.try_wait() {
            let name = Some("command's reaper".to_owned());
            // If it cannot be had, the child stays a zombie once it has ended, and nobody could do anything about it.
            let _ = spawn(Options { name, ..Options::default() }, move || child.wait());
        }
    }
}

impl Channel for Command {
    fn has_feature(&self, feature: Feature) -> bool {
        self.pipe.has_feature(feature)
    }

    fn readv(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.pipe.readv(bufs)
    }

    fn writev(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.pipe.writev(bufs)
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.pipe.set_nonblocking(nonblocking)
    }

    fn is_nonblocking(&self) -> io::Result<bool> {
        self.pipe.is_nonblocking()
    }

    fn wait_readable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        self.pipe.wait_readable(deadline)
    }

    fn wait_writable(&self, deadline: Option<Instant>) -> io::Result<bool> {
        self.pipe.wait_writable(deadline)
    }

    /// Closes the pipes and waits for the command's end, however it ends.
    fn close(self: Box<Self>) -> io::Result<()> {
        (*self).close().map(drop)
    }
}
