//! What a fork means for what is kept for the whole process.
//!
//! The child has one OS thread: the one that forked. No other hub turns there, no thread of a pool works, and this OS
//! thread's own hub shares its poll with the parent. So in the child nothing of green can be used, and says so, until
//! [`hub::reinit_after_fork`](crate::hub::reinit_after_fork) has made this OS thread a new hub.
//!
//! What lies in a `static` is one of four:
//!
//! - An atomic word is right at any moment.
//! - What is about OS threads or green threads is the parent's: the worker hubs, the pools, the lookups under way, the
//!   locks of the standard streams. A [`PerProcess`](crate::per_process::PerProcess) makes it anew in the child.
//! - What the child goes on using (the settings, the stacks, the spare tokens) has a
//!   [`ProcessLock`](crate::process_lock::ProcessLock). `before` takes all of them, so that in the child none is held by an OS thread that
//!   is not there. A lock that is not in its list must not be one.
//! - A cell that is set once is set before others can see it, or under one of these locks, or by `before` at the latest.
//!
//! What lies in objects is theirs: a [`WaitQueue`](crate::wait_queue::WaitQueue) forgets who waited in it, a descriptor is registered with the new
//! hub at its first wait.

use std::cell::Cell;
use std::io;
use std::mem::ManuallyDrop;

use crate::process_lock::Held;
use crate::sys::{self, ForkWatcher};
use crate::{clock, config, current, panic_count, stack};

/// What is done around each fork.
pub(crate) const WATCHER: ForkWatcher = ForkWatcher { before: hold, in_parent: release, in_child: begin_child };

/// What whoever uses green in such a child is told.
pub(crate) const UNUSABLE: &str = "this process was forked from one that had used green: call green::hub::reinit_after_fork before \
                                   anything else of green, or exec";

thread_local! {
    /// The locks that this OS thread holds because it forks. Without a destructor, so that it is there at any time.
    static HELD: Cell<Option<ManuallyDrop<Vec<Held>>>> = const { Cell::new(None) };
}

/// Takes the locks of the process. Each is taken by others for itself, but for these: that of the settings before that of the
/// selection, those of the stacks before those of the mappings. This order keeps to both.
fn hold() {
    clock::begin();
    let held = vec![config::hold(), current::hold(), stack::hold(), sys::hold(), panic_count::hold()];
    HELD.set(Some(ManuallyDrop::new(held)));
}

fn release() {
    drop(HELD.take().map(ManuallyDrop::into_inner));
}

fn begin_child() {
    // What they were kept in is leaked. The allocator may be locked here for ever, by an OS thread of the parent, if it does not
    // mind forks as glibc's does; and a child that is going to exec has no use for it.
    if let Some(mut held) = HELD.take() {
        held.iter_mut().for_each(|locks| locks.release());
    }
    // The parent's green threads must not run here. Each park looks at the generation; a yield only if its budget is spent.
    if let Some(hub) = current::existing() {
        hub.spend_all();
    }
}

/// Returns true in the child of a fork that has not been made usable.
#[inline]
pub(crate) fn is_unusable() -> bool {
    sys::fork_generation() != sys::usable_generation()
}

/// Refuses to start anything in the child of a fork that has not been made usable.
///
/// # Errors
///
/// `Other`, with an explanation.
#[inline]
pub(crate) fn check() -> io::Result<()> {
    if is_unusable() { Err(io::Error::other(UNUSABLE)) } else { Ok(()) }
}
