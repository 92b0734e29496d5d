//! The parent's ends of a child's standard streams: `ChildStdin`, `ChildStdout`, `ChildStderr`.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::process;

use green_core::io::Descriptor;

/// The pipe to a child's standard input. Dropping it lets the child read an end of file.
///
/// Corresponds to [`std::process::ChildStdin`]. A write waits until all is in the pipe, and a child that reads nothing
/// keeps it waiting; another green thread may read what the child answers meanwhile.
///
/// # Examples
///
/// ```
/// use std::io::Write;
///
/// use green_process::{Command, Stdio};
///
/// # fn main() -> std::io::Result<()> {
/// let mut child = Command::new("wc").arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
/// let mut stdin = child.stdin.take().expect("it is piped");
/// stdin.write_all(b"12345")?;
/// drop(stdin);
/// assert_eq!(child.wait_with_output()?.stdout.trim_ascii(), b"5");
/// # Ok(())
/// # }
/// ```
pub struct ChildStdin(pub(crate) Descriptor<process::ChildStdin>);

/// The pipe from a child's standard output.
///
/// Corresponds to [`std::process::ChildStdout`].
///
/// # Examples
///
/// ```
/// use std::io::{BufRead, BufReader};
///
/// use green_process::{Command, Stdio};
///
/// # fn main() -> std::io::Result<()> {
/// let mut child = Command::new("printf").arg("one\\ntwo\\n").stdout(Stdio::piped()).spawn()?;
/// let stdout = child.stdout.take().expect("it is piped");
/// let lines: Vec<String> = BufReader::new(stdout).lines().collect::<Result<_, _>>()?;
/// assert_eq!(lines, ["one", "two"]);
/// child.wait()?;
/// # Ok(())
/// # }
/// ```
pub struct ChildStdout(pub(crate) Descriptor<process::ChildStdout>);

/// The pipe from a child's standard error.
///
/// Corresponds to [`std::process::ChildStderr`].
///
/// # Examples
///
/// ```
/// use std::io::Read;
///
/// use green_process::{Command, Stdio};
///
/// # fn main() -> std::io::Result<()> {
/// let mut child = Command::new("cat").arg("/does/not/exist").stderr(Stdio::piped()).spawn()?;
/// let mut complaint = String::new();
/// child.stderr.take().expect("it is piped").read_to_string(&mut complaint)?;
/// assert!(complaint.contains("/does/not/exist"));
/// assert!(!child.wait()?.success());
/// # Ok(())
/// # }
/// ```
pub struct ChildStderr(pub(crate) Descriptor<process::ChildStderr>);

// As std's: what a panic may interrupt leaves no broken state behind.
impl UnwindSafe for ChildStdin {}
impl RefUnwindSafe for ChildStdin {}
impl UnwindSafe for ChildStdout {}
impl RefUnwindSafe for ChildStdout {}
impl UnwindSafe for ChildStderr {}
impl RefUnwindSafe for ChildStderr {}

impl Write for &ChildStdin {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for ChildStdin {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self).flush()
    }
}

impl Read for ChildStdout {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.read_vectored(bufs)
    }
}

impl Read for ChildStderr {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.0.read_vectored(bufs)
    }
}

impl fmt::Debug for ChildStdin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildStdin").finish_non_exhaustive()
    }
}

impl fmt::Debug for ChildStdout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildStdout").finish_non_exhaustive()
    }
}

impl fmt::Debug for ChildStderr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildStderr").finish_non_exhaustive()
    }
}
