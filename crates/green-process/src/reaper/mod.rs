//! How the end of a child is noticed, without a thread or a poll for each.
//!
//! A descriptor of the process ([`pidfd`]) becomes readable when it ends, so waiting for it is waiting for any other
//! descriptor. It is opened at the first wait that finds the child running and closed when the child is reaped. Where
//! there is none to be had (an old kernel, a sandbox, no descriptor left), an OS thread waits ([`pool`]).
//!
//! Rejected: `SIGCHLD`, which is the program's to handle and tells of some child, so that each waiter looks at each
//! signal; a descriptor from the start, for children that nobody waits for.

mod pidfd;
mod pool;

use std::io;
use std::time::Instant;

use pidfd::Pidfd;
use pool::Watcher;

/// A watch over a child that has not been reaped.
#[derive(Debug, Default)]
pub(crate) enum Watch {
    /// Nobody has waited yet.
    #[default]
    Unset,
    Pidfd(Pidfd),
    Pool(Watcher),
}

impl Watch {
    /// Waits until the child has ended or `deadline` has passed: in which case it is false. A kill point.
    ///
    /// If the caller could not reap a child that had ended, a debugger is to be told first. So the next call waits
    /// in the kernel's own way, which knows of that.
    pub(crate) fn wait(&mut self, pid: u32, deadline: Option<Instant>) -> io::Result<bool> {
        if let Watch::Unset = self {
            *self = match Pidfd::open(pid) {
                Ok(pidfd) => Watch::Pidfd(pidfd),
                // Reaped by somebody else. Whoever tries to reap it is told so.
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(true),
                Err(_) => Watch::Pool(Watcher::start(pid)?),
            };
        }
        match self {
            Watch::Unset => unreachable!("set above"),
            Watch::Pidfd(pidfd) if pidfd.has_ended() => {
                *self = Watch::Pool(Watcher::start(pid)?);
                self.wait(pid, deadline)
            }
            Watch::Pidfd(pidfd) => pidfd.wait(deadline),
            Watch::Pool(watcher) => Ok(watcher.wait(deadline)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;

    /// As when a debugger has still to be told of the end.
    #[test]
    fn an_end_that_cannot_be_reaped_is_waited_for_on_a_thread() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let mut watch = Watch::Pidfd(Pidfd::ended(child.id()).unwrap());
        for _ in 0..2 {
            let deadline = Instant::now() + Duration::from_millis(2);
            assert!(!watch.wait(child.id(), Some(deadline)).unwrap());
            assert!(matches!(watch, Watch::Pool(_)));
        }
        drop(child.stdin.take());
        assert!(watch.wait(child.id(), None).unwrap());
        assert!(child.try_wait().unwrap().unwrap().success());
        assert!(watch.wait(child.id(), None).unwrap(), "it stays so");
    }

    #[test]
    fn a_child_that_is_gone_has_ended() {
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert!(Watch::default().wait(child.id(), None).unwrap());
    }
}
