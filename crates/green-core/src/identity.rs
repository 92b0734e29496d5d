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
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use crate::current;
use crate::kill;
use crate::park::park_until;
use crate::spawn::Exit;
use crate::sys;
use crate::unpark::{Outcome, Unparker, UnparkerCell, WaitReason};
use crate::wait_queue::WaitQueue;

pub use crate::spawn::identity_ref::IdentityRef;

/// The green thread has ended, and its result is there.
const DONE: u8 = 1;
/// Somebody may wait in the queue of the joiners.
const AWAITED: u8 = 2;
/// The handle with the right to the result is gone.
const DETACHED: u8 = 4;
/// Closures were added that run at the end.
const EXITS: u8 = 8;
/// No more can be.
const CLOSED: u8 = 16;
/// It has a record: it runs, or has run.
const STARTED: u8 = 32;
/// Somebody has asked for its end.
const KILLED: u8 = 64;
/// Async tasks wait for the end.
const WAKERS: u8 = 128;

/// Whether the end of the green thread, or that of its handle, came first or second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    First,
    Second,
}

/// What `set_done` found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Done {
    pub(crate) ends: Ends,
    /// True if async tasks are to be told.
    pub(crate) has_wakers: bool,
}

const EMPTY: u32 = 0;
const NOTIFIED: u32 = 1;
const PARKED: u32 = 2;

struct Name(Box<str>);

/// The part of a green thread that handles share: what `thread::Thread` stands on.
pub struct Identity {
    id: NonZeroU64,
    /// A thin pointer, for few have one.
    name: Option<Box<Name>>,
    token: AtomicU32,
    /// The way to the record, once the green thread has started.
    started: UnparkerCell,
    /// DONE, AWAITED, DETACHED, EXITS, CLOSED, STARTED, KILLED and WAKERS; every change is `AcqRel`.
    ends: AtomicU8,
    /// How it ended, as an [`Exit`]; stored before CLOSED and DONE are set, which make it known.
    exit: AtomicU8,
    joiners: WaitQueue,
    /// The process that it runs in, by the lower half of its fork generation, for want of room: no process is the child of
    /// 65,536 that forked from each other while one of their green threads is joined. In the children of that it never ends.
    process: AtomicU16,
    /// The group that it belongs to; 0 for none.
    group: AtomicU64,
}

impl Identity {
    pub(crate) fn new(id: NonZeroU64, name: Option<Box<str>>) -> Self {
        Self {
            id,
            name: name.map(|name| Box::new(Name(name))),
            token: AtomicU32::new(EMPTY),
            started: UnparkerCell::empty(),
            ends: AtomicU8::new(0),
            exit: AtomicU8::new(Exit::Abandoned as u8),
            joiners: WaitQueue::new(),
            process: AtomicU16::new(sys::fork_generation() as u16),
            group: AtomicU64::new(0),
        }
    }

    /// Returns true once the green thread has ended and its result can be taken.
    pub(crate) fn is_done(&self) -> bool {
        self.ends.load(Ordering::Acquire) & DONE != 0
    }

    /// Returns true if it has ended, or never will because it is a parent's in the child of a fork: then it counts as abandoned.
    pub(crate) fn is_over(&self) -> bool {
        self.is_done() || self.is_left_behind()
    }

    fn is_left_behind(&self) -> bool {
        self.process.load(Ordering::Relaxed) != sys::fork_generation() as u16
    }

    /// Returns as [`is_over`](Self::is_over) does, for somebody who will wait in the queue of the joiners if it is false:
    /// asked under that queue's lock, it makes the end notify it.
    pub(crate) fn is_over_or_awaited(&self) -> bool {
        self.ends.fetch_or(AWAITED, Ordering::AcqRel) & DONE != 0 || self.is_left_behind()
    }

    /// Returns the queue of those who wait for the end.
    pub(crate) fn joiners(&self) -> &WaitQueue {
        &self.joiners
    }

    /// Marks the end and wakes all who wait for it.
    pub(crate) fn set_done(&self) -> Done {
        let before = self.ends.fetch_or(DONE, Ordering::AcqRel);
        // Whoever sets AWAITED later sees DONE and does not wait. Most are joined when they have ended already.
        if before & AWAITED != 0 {
            self.joiners.notify_all();
        }
        let ends = if before & DETACHED != 0 { Ends::Second } else { Ends::First };
        Done { ends, has_wakers: before & WAKERS != 0 }
    }

    /// Marks the end of one that nobody has joined, detached, killed or added anything to; returns false, and does nothing, if
    /// somebody has.
    pub(crate) fn end_quietly(&self) -> bool {
        let end = self.ends.compare_exchange(STARTED, STARTED | CLOSED | DONE, Ordering::AcqRel, Ordering::Relaxed);
        end.is_ok()
    }

    /// Announces async tasks that wait for the end; returns false if that has come.
    pub(crate) fn announce_waker(&self) -> bool {
        self.ends.fetch_or(WAKERS, Ordering::AcqRel) & DONE == 0
    }

    /// Notes how it ends. Only the runner calls this, before it closes the list of what runs at the end.
    pub(crate) fn set_exit(&self, exit: Exit) {
        self.exit.store(exit as u8, Ordering::Relaxed);
    }

    /// Returns how it ended, to somebody who has seen CLOSED or DONE, or that it is over.
    pub(crate) fn exit(&self) -> Exit {
        if self.is_left_behind() && !self.is_done() {
            // Whatever it was about to end as, it never will.
            return Exit::Abandoned;
        }
        Exit::from_u8(self.exit.load(Ordering::Relaxed))
    }

    /// Closes the list of closures that run at the end, unless there may be some; returns whether it did.
    pub(crate) fn close_exits_if_none(&self) -> bool {
        let close = |ends| (ends & EXITS == 0).then_some(ends | CLOSED);
        self.ends.fetch_update(Ordering::AcqRel, Ordering::Relaxed, close).is_ok()
    }

    /// Closes that list; called under its lock.
    pub(crate) fn close_exits(&self) {
        self.ends.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Announces an addition to that list, under its lock; returns false if the list is closed.
    pub(crate) fn announce_exit(&self) -> bool {
        self.ends.fetch_or(EXITS, Ordering::AcqRel) & CLOSED == 0
    }

    /// Marks that the handle is gone.
    pub(crate) fn set_detached(&self) -> Ends {
        // After the end nobody looks at it, as when the handle has joined.
        if self.ends.load(Ordering::Acquire) & DONE != 0 {
            return Ends::Second;
        }
        let before = self.ends.fetch_or(DETACHED, Ordering::AcqRel);
        if before & DONE != 0 { Ends::Second } else { Ends::First }
    }

    /// Waits until it is over. A kill point: `Interrupted` means that something is to be delivered.
    pub(crate) fn wait_over(&self, deadline: Option<Instant>) -> Outcome {
        if self.is_over() {
            return Outcome::Unparked;
        }
        loop {
            let outcome = self.joiners.wait_until(deadline, WaitReason::Join, || !self.is_over_or_awaited());
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
        self.name.as_ref().map(|name| &*name.0)
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
        self.started.set(unparker);
        // Start, kill and cancel all change the one word, so their order is the same for all. It is set once, so that
        // adding it is setting it, which on x86 is one instruction.
        self.ends.fetch_add(STARTED, Ordering::AcqRel) & KILLED == 0
    }

    /// Records that it goes on with another record, in the child of a fork; returns false if it was killed.
    pub(crate) fn start_again(&self, unparker: Unparker) -> bool {
        self.started.replace(unparker);
        self.process.store(sys::fork_generation() as u16, Ordering::Relaxed);
        !self.is_killed()
    }

    /// Asks for the end of the green thread; a no-op once it has ended.
    pub(crate) fn kill(&self) -> Result<(), kill::KillError> {
        kill::check_unwinding()?;
        if self.ends.fetch_or(KILLED, Ordering::AcqRel) & STARTED != 0
            && let Some(unparker) = self.started.get()
        {
            unparker.kill();
        }
        Ok(())
    }

    /// Asks for the end of the green thread if it has not started; returns whether it had not, and now never runs its closure.
    pub(crate) fn cancel(&self) -> bool {
        let cancel = |ends| (ends & (STARTED | DONE | KILLED) == 0).then_some(ends | KILLED);
        self.ends.fetch_update(Ordering::AcqRel, Ordering::Acquire, cancel).is_ok()
    }

    /// Returns whether it has started.
    pub(crate) fn has_started(&self) -> bool {
        self.ends.load(Ordering::Acquire) & STARTED != 0
    }

    /// Returns whether somebody has asked for its end.
    pub(crate) fn is_killed(&self) -> bool {
        self.ends.load(Ordering::Acquire) & KILLED != 0
    }

    /// Begins a wait for the token; returns false if it was there, and is taken now.
    fn begin_park(&self) -> bool {
        if self.token.compare_exchange(EMPTY, PARKED, Ordering::Acquire, Ordering::Acquire).is_ok() {
            return true;
        }
        // An `unpark` that comes in between finds NOTIFIED: the two count as one, as std's do.
        self.token.swap(EMPTY, Ordering::Acquire);
        false
    }

    /// Takes the token if it has come.
    fn take_token(&self) -> bool {
        self.token.compare_exchange(NOTIFIED, EMPTY, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Ends a wait that came to something else, as far as one could see.
    fn give_up_park(&self, outcome: Outcome) {
        let token = self.token.swap(EMPTY, Ordering::Acquire);
        if outcome == Outcome::Interrupted && token == NOTIFIED {
            // The token was not used: it is for the next park.
            self.token.store(NOTIFIED, Ordering::Release);
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("id", &self.id).field("name", &self.name()).finish_non_exhaustive()
    }
}

/// Returns the identity of the running green thread; on a plain OS thread, of its root.
pub fn current() -> IdentityRef {
    IdentityRef::of_task(&current::hub().current().task())
}

/// Returns the number of the running green thread.
pub fn current_id() -> NonZeroU64 {
    current::hub().with_identity(|identity| identity.id())
}

/// Returns the number of the group that the running green thread belongs to, if it does to one.
pub fn current_group() -> Option<NonZeroU64> {
    NonZeroU64::new(current::hub().with_identity(|identity| identity.group.load(Ordering::Relaxed)))
}

/// Makes the running green thread one of a group, and of no other. The number is the caller's choice: a pool's, say,
/// which has to know its own.
pub fn join_group(group: NonZeroU64) {
    // Relaxed: only the green thread itself asks.
    current::hub().with_identity(|identity| identity.group.store(group.get(), Ordering::Relaxed));
}

/// Waits for the running green thread's token and consumes it; ends without it when `deadline` passes. A kill point.
pub fn park_current(deadline: Option<Instant>) {
    let hub = current::hub();
    if !hub.with_identity(Identity::begin_park) {
        return;
    }
    loop {
        let outcome = park_until(deadline, WaitReason::Park);
        if hub.with_identity(Identity::take_token) {
            return;
        }
        if outcome == Outcome::Unparked {
            continue;
        }
        hub.with_identity(|identity| identity.give_up_park(outcome));
        if outcome == Outcome::Interrupted {
            kill::deliver();
        }
        return;
    }
}
