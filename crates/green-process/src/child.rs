//! A child process.

use std::fmt;
use std::io;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::process;
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::io::Descriptor;
use green_core::park::asked_in_vain;

use crate::capture::Unclaimed;
use crate::reaper::Watch;
use crate::{ChildStderr, ChildStdin, ChildStdout, ExitStatus, Output};

/// A child process that runs or has ended.
///
/// Corresponds to [`std::process::Child`]. As there, dropping it neither ends nor reaps the child; a child that has ended
/// and for which nobody has waited stays in the system's table of processes until this process ends.
///
/// If the green thread is killed while it waits, the child is as it was, and whoever still has this value can wait
/// again.
///
/// # Examples
///
/// ```
/// use green_process::Command;
///
/// # fn main() -> std::io::Result<()> {
/// let mut child = Command::new("sh").args(["-c", "exit 3"]).spawn()?;
/// let status = child.wait()?; // Other green threads run meanwhile.
/// assert_eq!(status.code(), Some(3));
/// # Ok(())
/// # }
/// ```
pub struct Child {
    /// Its streams have been taken out.
    inner: process::Child,
    watch: Watch,
    /// The pipe to the child's standard input, if it was asked for.
    pub stdin: Option<ChildStdin>,
    /// The pipe from the child's standard output, if it was asked for.
    pub stdout: Option<ChildStdout>,
    /// The pipe from the child's standard error, if it was asked for.
    pub stderr: Option<ChildStderr>,
}

// As std's: what a panic may interrupt leaves no broken state behind.
impl UnwindSafe for Child {}
impl RefUnwindSafe for Child {}

impl Child {
    /// Wraps a child that was started just now.
    pub(crate) fn fresh(mut inner: process::Child) -> Self {
        let stdin = inner.stdin.take().map(|stdin| ChildStdin(Descriptor::sole(stdin)));
        let stdout = inner.stdout.take().map(|stdout| ChildStdout(Descriptor::sole(stdout)));
        let stderr = inner.stderr.take().map(|stderr| ChildStderr(Descriptor::sole(stderr)));
        Self { inner, watch: Watch::default(), stdin, stdout, stderr }
    }

    /// Ends the child by force, with `SIGKILL`. A child that has been waited for is left alone, and that is no error.
    ///
    /// # Errors
    ///
    /// The OS error if the signal cannot be sent.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::os::unix::process::ExitStatusExt;
    ///
    /// use green_process::Command;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let mut child = Command::new("sleep").arg("3600").spawn()?;
    /// child.kill()?;
    /// assert_eq!(child.wait()?.signal(), Some(9));
    /// # Ok(())
    /// # }
    /// ```
    pub fn kill(&mut self) -> io::Result<()> {
        self.inner.kill()
    }

    /// Returns the child's process number.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let mut child = green_process::Command::new("true").spawn()?;
    /// assert_ne!(child.id(), green_process::id());
    /// child.wait()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn id(&self) -> u32 {
        self.inner.id()
    }

    /// Waits until the child has ended, and reaps it. Afterwards the same answer comes at once.
    ///
    /// The standard input is closed first, if it is still in its field, so that a child that reads to the end comes to
    /// it.
    ///
    /// # Errors
    ///
    /// The OS error if there is no such child, because somebody else has reaped it or `SIGCHLD` is ignored.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_process::{Command, Stdio};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let mut child = Command::new("cat").stdin(Stdio::piped()).spawn()?;
    /// assert!(child.wait()?.success());
    /// assert!(child.stdin.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.wait_by(None)? {
                return Ok(status);
            }
        }
    }

    /// Reaps the child if it has ended; returns `None` if it runs. The standard input stays as it is.
    ///
    /// # Errors
    ///
    /// See [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use green_process::{Command, Stdio};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let mut child = Command::new("cat").stdin(Stdio::piped()).spawn()?;
    /// assert_eq!(child.try_wait()?, None, "its input has not ended");
    /// let status = child.wait()?;
    /// assert_eq!(child.try_wait()?, Some(status));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.inner.try_wait()?;
        if status.is_some() {
            self.watch = Watch::default();
        } else {
            asked_in_vain();
        }
        Ok(status)
    }

    /// Waits as [`wait`](Self::wait) does, for `timeout` at most; then returns `None`, and the child runs on.
    ///
    /// Not in std.
    ///
    /// # Errors
    ///
    /// See [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use green_process::Command;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let mut child = Command::new("sleep").arg("3600").spawn()?;
    /// if child.wait_timeout(Duration::from_millis(10))?.is_none() {
    ///     child.kill()?;
    /// }
    /// assert!(!child.wait()?.success());
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<ExitStatus>> {
        self.wait_by(clock::after(timeout))
    }

    /// Waits as [`wait`](Self::wait) does, until `deadline` at most; then returns `None`, and the child runs on.
    ///
    /// Not in std.
    ///
    /// # Errors
    ///
    /// See [`wait`](Self::wait).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use green_process::Command;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let mut children = [Command::new("true").spawn()?, Command::new("true").spawn()?];
    /// let deadline = Instant::now() + Duration::from_secs(60);
    /// for child in &mut children {
    ///     assert!(child.wait_until(deadline)?.expect("they are quick").success());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_until(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        self.wait_by(Some(deadline))
    }

    fn wait_by(&mut self, deadline: Option<Instant>) -> io::Result<Option<ExitStatus>> {
        drop(self.stdin.take());
        loop {
            let status = self.try_wait()?;
            if status.is_some() {
                return Ok(status);
            }
            if !self.watch.wait(self.inner.id(), deadline)? {
                // It may have ended in this very moment.
                return self.try_wait();
            }
        }
    }

    /// Waits until the child has ended, and returns its status with all that it wrote to the pipes that are still in
    /// their fields. Both are read at once, so the child cannot get stuck on either. The standard input is closed first.
    ///
    /// If this green thread is killed meanwhile, the pipes are closed, and the child is reaped when it ends.
    ///
    /// # Errors
    ///
    /// See [`wait`](Self::wait), and the OS error if a pipe cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_process::{Command, Stdio};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let mut command = Command::new("sh");
    /// command.args(["-c", "echo out; echo err >&2"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    /// let output = command.spawn()?.wait_with_output()?;
    /// assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_with_output(self) -> io::Result<Output> {
        Unclaimed::new(self).output()
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child")
            .field("stdin", &self.stdin)
            .field("stdout", &self.stdout)
            .field("stderr", &self.stderr)
            .finish_non_exhaustive()
    }
}

impl From<process::Child> for Child {
    fn from(mut child: process::Child) -> Self {
        let stdin = child.stdin.take().map(ChildStdin::from);
        let stdout = child.stdout.take().map(ChildStdout::from);
        let stderr = child.stderr.take().map(ChildStderr::from);
        Self { inner: child, watch: Watch::default(), stdin, stdout, stderr }
    }
}

impl From<Child> for process::Child {
    fn from(child: Child) -> Self {
        let mut inner = child.inner;
        inner.stdin = child.stdin.map(process::ChildStdin::from);
        inner.stdout = child.stdout.map(process::ChildStdout::from);
        inner.stderr = child.stderr.map(process::ChildStderr::from);
        inner
    }
}
