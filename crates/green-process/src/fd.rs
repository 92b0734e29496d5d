//! Pipes of children as file descriptors, and as std's own types.
//!
//! What is given away is as it was: no flag of ours is on it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::process::{self, Stdio};

use green_core::io::Descriptor;

use crate::{ChildStderr, ChildStdin, ChildStdout};

impl AsFd for ChildStdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.lend().as_fd()
    }
}

impl AsRawFd for ChildStdin {
    fn as_raw_fd(&self) -> RawFd {
        self.0.lend().as_raw_fd()
    }
}

impl IntoRawFd for ChildStdin {
    fn into_raw_fd(self) -> RawFd {
        self.0.into_inner().into_raw_fd()
    }
}

impl From<ChildStdin> for OwnedFd {
    fn from(child_stdin: ChildStdin) -> Self {
        child_stdin.0.into_inner().into()
    }
}

impl From<OwnedFd> for ChildStdin {
    fn from(fd: OwnedFd) -> Self {
        process::ChildStdin::from(fd).into()
    }
}

impl From<ChildStdin> for Stdio {
    fn from(child: ChildStdin) -> Self {
        child.0.into_inner().into()
    }
}

impl From<process::ChildStdin> for ChildStdin {
    fn from(child_stdin: process::ChildStdin) -> Self {
        Self(Descriptor::new(child_stdin))
    }
}

impl From<ChildStdin> for process::ChildStdin {
    fn from(child_stdin: ChildStdin) -> Self {
        child_stdin.0.into_inner()
    }
}

impl AsFd for ChildStdout {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.lend().as_fd()
    }
}

impl AsRawFd for ChildStdout {
    fn as_raw_fd(&self) -> RawFd {
        self.0.lend().as_raw_fd()
    }
}

impl IntoRawFd for ChildStdout {
    fn into_raw_fd(self) -> RawFd {
        self.0.into_inner().into_raw_fd()
    }
}

impl From<ChildStdout> for OwnedFd {
    fn from(child_stdout: ChildStdout) -> Self {
        child_stdout.0.into_inner().into()
    }
}

impl From<OwnedFd> for ChildStdout {
    fn from(fd: OwnedFd) -> Self {
        process::ChildStdout::from(fd).into()
    }
}

impl From<ChildStdout> for Stdio {
    fn from(child: ChildStdout) -> Self {
        child.0.into_inner().into()
    }
}

impl From<process::ChildStdout> for ChildStdout {
    fn from(child_stdout: process::ChildStdout) -> Self {
        Self(Descriptor::new(child_stdout))
    }
}

impl From<ChildStdout> for process::ChildStdout {
    fn from(child_stdout: ChildStdout) -> Self {
        child_stdout.0.into_inner()
    }
}

impl AsFd for ChildStderr {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.lend().as_fd()
    }
}

impl AsRawFd for ChildStderr {
    fn as_raw_fd(&self) -> RawFd {
        self.0.lend().as_raw_fd()
    }
}

impl IntoRawFd for ChildStderr {
    fn into_raw_fd(self) -> RawFd {
        self.0.into_inner().into_raw_fd()
    }
}

impl From<ChildStderr> for OwnedFd {
    fn from(child_stderr: ChildStderr) -> Self {
        child_stderr.0.into_inner().into()
    }
}

impl From<OwnedFd> for ChildStderr {
    fn from(fd: OwnedFd) -> Self {
        process::ChildStderr::from(fd).into()
    }
}

impl From<ChildStderr> for Stdio {
    fn from(child: ChildStderr) -> Self {
        child.0.into_inner().into()
    }
}

impl From<process::ChildStderr> for ChildStderr {
    fn from(child_stderr: process::ChildStderr) -> Self {
        Self(Descriptor::new(child_stderr))
    }
}

impl From<ChildStderr> for process::ChildStderr {
    fn from(child_stderr: ChildStderr) -> Self {
        child_stderr.0.into_inner()
    }
}
