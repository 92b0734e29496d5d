//! Waiting for a child that only the running call knows, with all that it writes.

use std::io::{self, Read};
use std::os::fd::AsFd;

use green_core::io::Pollable;
use green_core::spawn::{Options, spawn};
use green_core::unpark::WaitReason;

use crate::sys::Either;
use crate::{Child, ChildStderr, ChildStdout, ExitStatus, Output};

/// How much is read at once: what a pipe holds unless told otherwise.
const CHUNK: usize = 64 * 1024;

/// A child that nobody else can wait for. If the call ends without having waited, by a kill or an error, a green thread
/// reaps the child when it ends. The child itself is left alone, as std leaves one that is dropped.
pub(crate) struct Unclaimed(Option<Child>);

impl Unclaimed {
    pub(crate) fn new(child: Child) -> Self {
        Self(Some(child))
    }

    fn child(&mut self) -> &mut Child {
        self.0.as_mut().expect("only drop takes it")
    }

    pub(crate) fn status(mut self) -> io::Result<ExitStatus> {
        self.child().wait()
    }

    pub(crate) fn output(mut self) -> io::Result<Output> {
        let child = self.child();
        drop(child.stdin.take());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        match (child.stdout.take(), child.stderr.take()) {
            (None, None) => {}
            (Some(mut out), None) => {
                out.read_to_end(&mut stdout)?;
            }
            (None, Some(mut err)) => {
                err.read_to_end(&mut stderr)?;
            }
            (Some(mut out), Some(mut err)) => {
                read_both((&mut out, &mut stdout), (&mut err, &mut stderr))?;
                // One has come to its end, or is a regular file, which ends without anybody's doing.
                out.read_to_end(&mut stdout)?;
                err.read_to_end(&mut stderr)?;
            }
        }
        let status = child.wait()?;
        Ok(Output { status, stdout, stderr })
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let Some(mut child) = self.0.take() else { return };
        if let Ok(None) = child.try_wait() {
            let name = Some("orphan's reaper".to_owned());
            // Without it, the child stays a zombie once it has ended: nothing that the caller could do anything about.
            let _ = spawn(Options { name, ..Options::default() }, move || child.wait());
        }
    }
}

/// Reads two pipes, whichever has something, until one comes to its end. Leaves them alone if one is a regular file.
fn read_both(out: (&mut ChildStdout, &mut Vec<u8>), err: (&mut ChildStderr, &mut Vec<u8>)) -> io::Result<()> {
    let either = match Either::new([out.0.as_fd(), err.0.as_fd()]) {
        Ok(either) => Pollable::sole(either),
        // What cannot be polled is always ready.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut chunk = vec![0; CHUNK];
    let mut ended = false;
    while !ended {
        let [from_out, from_err] = either.read_with(WaitReason::Read, Either::ready)?;
        // What is ready does not wait, and nobody else reads these.
        if from_out {
            ended |= append(out.0, &mut chunk, out.1)?;
        }
        if from_err {
            ended |= append(err.0, &mut chunk, err.1)?;
        }
    }
    Ok(())
}

/// Reads once; returns true at the end.
fn append(source: &mut impl Read, chunk: &mut [u8], buf: &mut Vec<u8>) -> io::Result<bool> {
    let count = source.read(chunk)?;
    buf.extend_from_slice(&chunk[..count]);
    Ok(count == 0)
}
