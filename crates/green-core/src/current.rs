//! The one thread-local: this OS thread's hub, made on first use (I1).
//!
//! `CURRENT` is a const-initialised pointer without a destructor, so that it can be read at any time: in other
//! destructors, in the overflow handler, after a fork. When the OS thread ends, `AtEnd` closes the hub, before any
//! thread-local is destroyed that a suspended frame may borrow. Where nothing was ever suspended, or the platform does
//! not announce the end, the destructor of a second thread-local does it, `GUARD`. Hubs are leaked and pooled, never
//! freed, so the pointer is never dangling; a hub that has been closed serves the next OS thread.
//!
//! A call that needs a hub after that (in a later TLS destructor) gets a fresh one, guarded by `GUARD` or `LATE_GUARD`, and
//! whatever comes after that one leaks its hub.

use std::cell::Cell;
use std::ptr;
use std::sync::Arc;

use crate::debug::watchdog;
use crate::fork;
use crate::hub::{Hub, Kind, Moment};
use crate::mode;
use crate::process_lock::{Held, ProcessLock, keep};
use crate::spawn::unstarted::Task;
use crate::sys;

thread_local! {
    static CURRENT: Cell<*const Hub> = const { Cell::new(ptr::null()) };
    static GUARD: Guard = const { Guard };
    static LATE_GUARD: Guard = const { Guard };
}

/// Closes the OS thread's hub when the OS thread ends.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        close(Moment::Late);
    }
}

/// Closes the OS thread's hub before any thread-local is destroyed that a suspended frame may borrow, where the platform
/// can tell that moment.
pub(crate) struct AtEnd;

impl sys::AtEnd for AtEnd {
    fn run() {
        close(Moment::First);
    }
}

/// The hub that an OS thread hands to the one which goes on in its place: under Miri, where each stack is one.
#[cfg(miri)]
pub(crate) struct Carried(*const Hub);

// SAFETY: who receives it goes on where the sender leaves off, ordered by the lock through which it goes.
#[cfg(miri)]
unsafe impl Send for Carried {}

/// Returns the hub for the OS thread that goes on in place of this one.
#[cfg(miri)]
pub(crate) fn carry() -> Carried {
    Carried(CURRENT.get())
}

/// Goes on in place of the OS thread that has sent its hub.
#[cfg(miri)]
pub(crate) fn continue_on(hub: Carried) {
    CURRENT.set(hub.0);
}

fn close(moment: Moment) {
    if let Some(hub) = existing() {
        let reusable = hub.close(moment);
        CURRENT.set(ptr::null());
        sys::watch_registrations(None);
        if reusable {
            CLOSED.lock().push(Pooled(hub));
        }
    }
}

/// A closed hub on its way to the next OS thread.
struct Pooled(&'static Hub);

// SAFETY: a closed hub holds no green thread that can run, no borrow and no thread-local state of the OS thread that
// closed it; the lock around the pool orders the two owners' accesses.
unsafe impl Send for Pooled {}

static CLOSED: ProcessLock<Vec<Pooled>> = ProcessLock::new(Vec::new());

/// Takes the lock of the pool, until the value is dropped: for a fork.
pub(crate) fn hold() -> Held {
    keep(CLOSED.lock())
}

/// Returns this OS thread's hub if it has one.
#[inline(always)]
pub(crate) fn existing() -> Option<&'static Hub> {
    let hub = CURRENT.get();
    // SAFETY: the pointer is null or leads to a leaked hub that belongs to this OS thread until its guard runs.
    unsafe { hub.as_ref() }
}

/// Returns this OS thread's hub, making it on first use.
#[inline(always)]
pub(crate) fn hub() -> &'static Hub {
    match existing() {
        Some(hub) => hub,
        None => make(Kind::Root, None),
    }
}

/// Makes this OS thread's hub. `task` is what the root stands for, if it was spawned (`GREEN=off`).
#[cold]
#[inline(never)]
pub(crate) fn make(kind: Kind, task: Option<Arc<dyn Task>>) -> &'static Hub {
    debug_assert!(existing().is_none(), "an OS thread has one hub");
    // Workers, and OS threads that were spawned, were checked by who started them. In the destructors of thread-locals,
    // where the guard is gone, a panic would end the process.
    if kind == Kind::Root && task.is_none() && GUARD.try_with(|_| ()).is_ok() {
        mode::check_poison();
    }
    put(kind, task)
}

/// Makes this OS thread a root's hub instead of the one that it has, which is leaked: in the child of a fork.
pub(crate) fn renew() -> &'static Hub {
    put(Kind::Root, None)
}

fn put(kind: Kind, task: Option<Arc<dyn Task>>) -> &'static Hub {
    // First of all, for what comes next has locks.
    sys::install_fork_guard(fork::WATCHER);
    let hub = reusable().unwrap_or_else(|| {
        let hub: &'static Hub = Box::leak(Box::new(Hub::new()));
        watchdog::add(hub.shared(), hub.pulse());
        hub
    });
    CURRENT.set(hub);
    sys::watch_registrations(Some(hub.unannounced()));
    // Touching a guard registers its destructor; in a late TLS destructor the first is gone already.
    if GUARD.try_with(|_| ()).is_err() {
        let _ = LATE_GUARD.try_with(|_| ());
    }
    hub.open(kind, task);
    hub
}

/// Takes a closed hub from the pool; those that the parent of a fork closed share its poll, and are left alone.
fn reusable() -> Option<&'static Hub> {
    let mut closed = CLOSED.lock();
    loop {
        let Pooled(hub) = closed.pop()?;
        if !hub.shared().is_forked() {
            return Some(hub);
        }
    }
}
