//! Who a green thread is: number, name, the public park token, and the way to its record.
//!
//! The park token of `thread::park` is a word of its own, apart from the hub's wake-ups (I3), with the states of
//! std's parker:
//!
//! | state    | meaning                        | `unpark`                    | `park`                        |
//! |----------|--------------------------------|-----------------------------|-------------------------------|
//! | EMPTY    | no token                       | to NOTIFIED                 | to PARKED, then waits         |
//! | NOTIFIED | the token is there             | nothing                     | to EMPTY, returns at once     |
//! | PARKED   | its green thread waits         | to NOTIFIED, wakes it       | —                             |
//!
//! Every change to NOTIFIED is a `Release` and every look that consumes it an `Acquire`, so that what came before
//! `unpark` is visible after the `park` that took its token, as std promises.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::time::Instant;

use crate::current;
use crate::kill;
use crate::park::park_until;
use crate::unpark::{Outcome, Unparker, UnparkerCell, WaitReason};
use crate::wait_queue::WaitQueue;

const EMPTY: u32 = 0;
const NOTIFIED: u32 = 1;
const PARKED: u32 = 2;

/// The part of a green thread that handles share: what `thread::Thread` stands on.
pub struct Identity {
    id: NonZeroU64,
    name: Option<Box<str>>,
    token: AtomicU32,
    kill_requested: AtomicBool,
    /// The way to the record, once the green thread has started.
    started: UnparkerCell,
    /// True once the green thread has ended; stored with `Release` after its result.
    done: AtomicBool,
    joiners: WaitQueue,
}

impl Identity {
    pub(crate) fn new(id: NonZeroU64, name: Option<Box<str>>) -> Self {
        Self {
            id,
            name,
            token: AtomicU32::new(EMPTY),
            kill_requested: AtomicBool::new(false),
            started: UnparkerCell::empty(),
            done: AtomicBool::new(false),
            joiners: WaitQueue::new(),
        }
    }

    /// Returns true once the green thread has ended and its result can be taken.
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Returns the queue of those who wait for the end.
    pub(crate) fn joiners(&self) -> &WaitQueue {
        &self.joiners
    }

    /// Marks the end and wakes all who wait for it.
    pub(crate) fn set_done(&self) {
        self.done.store(true, Ordering::Release);
        self.joiners.notify_all();
    }

    /// Waits for the end. A kill point: `Interrupted` means that something is to be delivered.
    pub(crate) fn wait_done(&self, deadline: Option<Instant>) -> Outcome {
        if self.is_done() {
            return Outcome::Unparked;
        }
        loop {
            let outcome = self.joiners.wait_until(deadline, WaitReason::Join, || !self.is_done());
            if self.is_done() {
                return Outcome::Unparked;
            }
            if outcome != Outcome::Unparked {
                return outcome;
            }
        }
    }

    /// Returns the number of the green thread, unique in the process and never used again.
    pub fn id(&self) -> NonZeroU64 {
        self.id
    }

    /// Returns the name given to its builder.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Makes the token available, waking the green thread if it waits in [`park_current`].
    pub fn unpark(&self) {
        if self.token.swap(NOTIFIED, Ordering::AcqRel) == PARKED
            && let Some(unparker) = self.started.get()
        {
            unparker.unpark();
        }
    }

    /// Records where the green thread runs; returns false if a kill came before its start.
    pub(crate) fn start(&self, unparker: Unparker) -> bool {
        // The starter sets `started`, then looks at `kill_requested`; the killer does it the other way round, and
        // the fences order the four accesses: one of the two sees the other.
        self.started.set(unparker);
        fence(Ordering::SeqCst);
        !self.kill_requested.load(Ordering::Relaxed)
    }

    /// Asks for the end of the green thread; a no-op once it has ended.
    pub(crate) fn kill(&self) -> Result<(), kill::KillError> {
        kill::check_unwinding()?;
        self.kill_requested.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        if let Some(unparker) = self.started.get() {
            unparker.kill();
        }
        Ok(())
    }

    fn park(&self, deadline: Option<Instant>) {
        if self.token.compare_exchange(EMPTY, PARKED, Ordering::Acquire, Ordering::Acquire).is_err() {
            // An `unpark` that comes in between finds NOTIFIED: the two count as one, as std's do.
            self.token.swap(EMPTY, Ordering::Acquire);
            return;
        }
        loop {
            let outcome = park_until(deadline, WaitReason::Park);
            if self.token.compare_exchange(NOTIFIED, EMPTY, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return;
            }
            if outcome == Outcome::Unparked {
                continue;
            }
            let token = self.token.swap(EMPTY, Ordering::Acquire);
            if outcome == Outcome::Interrupted {
                if token == NOTIFIED {
                    // The token was not used: it is for the next park.
                    self.token.store(NOTIFIED, Ordering::Release);
                }
                kill::deliver();
            }
            return;
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Returns the identity of the running green thread; on a plain OS thread, of its root.
pub fn current() -> Arc<Identity> {
    current::hub().current().identity()
}

/// Returns the number of the running green thread.
pub fn current_id() -> NonZeroU64 {
    current::hub().with_identity(|identity| identity.id())
}

/// Waits for the running green thread's token and consumes it; ends without it when `deadline` passes. A kill point.
pub fn park_current(deadline: Option<Instant>) {
    current().park(deadline);
}
