//! What a descriptor's user wants of a call that would block: `O_NONBLOCK` and the two timeouts.
//!
//! They belong to the open file description, which others may share: a clone, std's own type over the same socket,
//! another process. So they are asked of the kernel each time a call would block; that is two system calls. But a
//! socket that we have just made, and whose descriptor was never handed on, is changed by our own methods only, and
//! for it a plain answer ("blocking, no timeouts") is kept until one of them is called.
//!
//! | low bits | meaning                                                     | left by                         |
//! |----------|-------------------------------------------------------------|---------------------------------|
//! | SHARED   | others may change the settings: ask each time               | nothing                         |
//! | UNKNOWN  | ours alone, not asked since the last change                 | an answer, to PLAIN; handing on |
//! | PLAIN    | ours alone, blocking, no timeouts                           | a change, to UNKNOWN; handing on |
//!
//! The other bits count changes. An answer is kept only if the count is what it was before the kernel was asked, and
//! a change is counted after it was made and before its call returns: whatever the interleaving, no call that starts
//! after the change has returned finds the old answer.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::sys::{self, Direction};

const SHARED: u32 = 0;
const UNKNOWN: u32 = 1;
const PLAIN: u32 = 2;
const KIND: u32 = 3;
const CHANGE: u32 = 4;

/// The settings as far as they are known; see the module's table.
#[derive(Debug)]
pub(super) struct Wishes(AtomicU32);

/// The answer for one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) nonblocking: bool,
    pub(super) timeout: Option<Duration>,
}

impl Wishes {
    pub(super) fn shared() -> Self {
        Self(AtomicU32::new(SHARED))
    }

    pub(super) fn sole() -> Self {
        Self(AtomicU32::new(UNKNOWN))
    }

    /// Notes that the descriptor is handed on.
    pub(super) fn share(&self) {
        self.0.store(SHARED, Ordering::Release);
    }

    /// Notes that a setting may have changed.
    pub(super) fn changed(&self) {
        // Not from SHARED, which is for ever.
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            (state & KIND != SHARED).then(|| (state & !KIND).wrapping_add(CHANGE) | UNKNOWN)
        });
    }

    /// Returns true if a call that would block is known to have to wait, for as long as it takes.
    pub(super) fn are_plain(&self) -> bool {
        self.0.load(Ordering::Acquire) & KIND == PLAIN
    }

    /// Returns what the user wants of a call in `direction` that would block.
    pub(super) fn ask(&self, fd: BorrowedFd<'_>, direction: Direction) -> io::Result<Wish> {
        let state = self.0.load(Ordering::Acquire);
        if state & KIND == PLAIN {
            return Ok(Wish { nonblocking: false, timeout: None });
        }
        // What is no socket has no timeouts.
        let timeout = |direction| {
            match direction {
                Direction::Read => sys::receive_timeout(fd),
                Direction::Write => sys::send_timeout(fd),
            }
            .unwrap_or(None)
        };
        let wish = Wish { nonblocking: sys::is_nonblocking(fd)?, timeout: timeout(direction) };
        if state & KIND == UNKNOWN && !wish.nonblocking && wish.timeout.is_none() {
            let other = match direction {
                Direction::Read => Direction::Write,
                Direction::Write => Direction::Read,
            };
            if timeout(other).is_none() {
                let plain = state & !KIND | PLAIN;
                // A change in between makes the answer an old one.
                let _ = self.0.compare_exchange(state, plain, Ordering::AcqRel, Ordering::Relaxed);
            }
        }
        Ok(wish)
    }
}
