//! Parking: the one way to suspend (I3), and what stands directly on it.

use std::time::Instant;

use crate::current;
use crate::kill;
use crate::mode::{self, Facility};
use crate::unpark::{Outcome, Unparker, WaitReason};

/// Suspends the running green thread until it is unparked or interrupted; a plain OS thread sleeps.
///
/// It may return [`Outcome::Unparked`] for a wake-up that was meant for an earlier wait, so call it in a loop around
/// the condition. It never unwinds (I7).
#[inline]
pub fn park(reason: WaitReason) -> Outcome {
    current::hub().park_current(None, reason)
}

/// Suspends the running green thread as [`park`] does, until `deadline` at the latest.
#[inline]
pub fn park_until(deadline: Option<Instant>, reason: WaitReason) -> Outcome {
    current::hub().park_current(deadline, reason)
}

/// Looks for what another OS thread may bring, for a few microseconds and at growing intervals, and returns true if
/// `is_there` says so. Returns false at once where another green thread can run, or where such looks have not paid lately:
/// then, and after each false, the thing to do is to park. Never a kill point.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering::{Acquire, Release}};
///
/// use green_core::park::{linger, park};
/// use green_core::unpark::WaitReason;
///
/// static THERE: AtomicBool = AtomicBool::new(false);
/// let me = green_core::unpark::Unparker::current();
/// std::thread::spawn(move || {
///     THERE.store(true, Release);
///     me.unpark();
/// });
/// let is_there = || THERE.load(Acquire);
/// if !linger(is_there) {
///     while !is_there() {
///         park(WaitReason::Park);
///     }
/// }
/// ```
#[inline]
pub fn linger(is_there: impl Fn() -> bool) -> bool {
    current::hub().linger(is_there)
}

/// Lets the other runnable green threads of this hub run first. A kill point.
///
/// # Examples
///
/// ```
/// green_core::park::yield_now();
/// ```
#[inline]
pub fn yield_now() {
    let hub = current::hub();
    hub.yield_current();
    kill::deliver_pending(hub);
}

/// Says that the running green thread has looked whether somebody else has got so far, and nobody had. A thousand such
/// looks with no park between them let the other green threads of this hub run first. Not a kill point.
///
/// A loop of looks (`while rx.try_recv().is_err() {}`) is how code waits that knows no better, and std's threads, which the
/// system preempts, come through it. A single look, or a hundred, never switches: who takes one may hold a lock that is
/// not green's.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
///
/// static DONE: AtomicBool = AtomicBool::new(false);
/// let other = green_core::spawn::spawn_local(Default::default(), || DONE.store(true, Relaxed))?;
/// while !DONE.load(Relaxed) {
///     green_core::park::asked_in_vain();
/// }
/// # other.join().unwrap();
/// # Ok::<(), std::io::Error>(())
/// ```
#[cold]
pub fn asked_in_vain() {
    // Where there is no hub, nobody is kept from running.
    if let Some(hub) = current::existing() {
        hub.count_look();
    }
}

/// Suspends the running green thread until `deadline`. A kill point.
pub fn sleep_until(deadline: Instant) {
    waiting_for(Facility::Time, || sleep_green_until(deadline));
}

/// Runs `wait`, with switching off if `facility` is to run plain: then the whole OS thread waits.
#[inline]
pub fn waiting_for<R>(facility: Facility, wait: impl FnOnce() -> R) -> R {
    if mode::is_plain(facility) { no_switch(wait) } else { wait() }
}

fn sleep_green_until(deadline: Instant) {
    loop {
        match park_until(Some(deadline), WaitReason::Sleep) {
            Outcome::TimedOut => return,
            Outcome::Interrupted => kill::deliver(),
            Outcome::Unparked => {}
        }
    }
}

/// Runs `f` with switching off: what would park in it blocks the whole OS thread instead, and no other green thread of
/// this hub runs meanwhile. Arrivals, timers and readiness are still attended to, so what `f` waits for can come.
///
/// It is the way to call code that keeps borrows in thread-locals across callbacks. Two green threads of one hub that
/// wait for each other deadlock in it, as they would with any OS thread's lock.
///
/// # Examples
///
/// ```
/// let answer = green_core::park::no_switch(|| {
///     green_core::park::yield_now(); // Nobody else runs here.
///     42
/// });
/// assert_eq!(answer, 42);
/// ```
pub fn no_switch<R>(f: impl FnOnce() -> R) -> R {
    /// Switches back on, even if `f` unwinds.
    struct Region(Unparker);

    impl Drop for Region {
        fn drop(&mut self) {
            if let Some(record) = current::existing().and_then(|hub| self.0.live_on(hub)) {
                record.no_switch.set(record.no_switch.get() - 1);
            }
        }
    }

    let record = current::hub().current();
    record.no_switch.set(record.no_switch.get() + 1);
    let _region = Region(Unparker::of(record));
    f()
}
