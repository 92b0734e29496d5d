//! The raw mutex: one word for the fast path, a queue for those who must wait, and hand-offs against starvation.
//!
//! # States
//!
//! The word is a set of bits; 0 is "free, and nobody waits".
//!
//! | bits    | meaning                                                                    | set by | cleared by |
//! |---------|----------------------------------------------------------------------------|--------|------------|
//! | LOCKED  | somebody has the lock                                                      | who takes it | who unlocks it |
//! | WAITERS | the queue may not be empty                                                 | who is about to wait, under the queue's lock | an unlock that finds nobody there, under the same lock |
//! | FAIR    | a waiter lost too often: only one that was notified may take the lock      | that waiter | that waiter, when it has the lock or gives up; an unlock that finds nobody |
//! | HOLDER  | (with LOCKED) the number of the OS thread that has it: the upper 28 bits   | who takes it | who unlocks it |
//!
//! An uncontended lock is 0 → LOCKED + HOLDER, one compare-exchange, and an unlock takes the same away, one subtraction:
//! a lock is taken and freed on one OS thread, because green threads do not move (I2) and guards are not `Send`. All
//! else is out of line.
//!
//! # Waiting
//!
//! A waiter sets WAITERS and joins the queue in one critical section of the queue, and only if the lock is still held.
//! An unlock frees the lock first and notifies then, so one of the two sees the other. The notified one does not own the
//! lock: it tries, against whoever runs already and comes along (*barging*), and if it loses it waits again. Barging
//! keeps the lock busy while the notified one is on its way, which takes 20 ns on the same hub, if it is idle, and
//! 40 µs if a core must be woken.
//!
//! WAITERS is cleared, and FAIR with it, by an unlock that finds nobody, *under the queue's lock*: whoever comes later
//! sets them anew.
//!
//! # Fairness
//!
//! A waiter that lost demands fairness: FAIR. It counts how often it lost; once is enough if the one that has the lock is
//! a green thread of the same OS thread, for that one parked with the lock held and will do so again, so every further
//! try costs two switches for nothing. Against others it is patient, because a hand-off to another core leaves the
//! lock idle until that core wakes up. Under FAIR a free lock is kept for one that was notified. That goes on until
//! whoever demanded it has had the lock; it was in the queue, so that is a bounded number of hand-offs away.
//!
//! Nobody waits for a lock that is kept for nobody: while the lock is free and FAIR is set, an unlock is about to notify
//! (or to clear FAIR, because the queue is empty), or one that was notified is about to take it. A notified one that
//! finds the lock taken was beaten by another that was notified, and that one's unlock notifies anew.
//!
//! # Leaving
//!
//! A waiter whose wait ends by time or a kill was not notified (the queue is exact), so it owes nobody a wake-up. Bits
//! that it leaves behind are hints that the next unlock corrects. A waiter that was notified and lost took the
//! notification of an unlock; the lock is held again, and that holder's unlock notifies anew.
//!
//! A waiter whose OS thread ends (I15) may have been notified, with the lock free and kept for it and nobody in the
//! queue to pass that on to. So its end clears FAIR, and then notifies once more, for one that joined the queue before.
//!
//! An unlock touches the queue after it has freed the lock: the mutex must outlive the *call*, which the borrow in it
//! says, and not only the critical section.
//!
//! # Rejected
//!
//! - *Always hand over.* Right on one hub, where the next one is a switch away; but when the next one sleeps on another
//!   core, the lock is idle for the 40 µs that it takes to wake that core, for every critical section.
//! - *Never hand over.* As fast as what we do, where a holder parks (a hand-off saves as many switches as it costs queue
//!   operations), but a greedy green thread starves the rest.
//! - *A count of waiters in the word*, as Go has, spares an unlock that finds nobody, but a waiter that ends with its OS
//!   thread (I15) is never subtracted, and every later unlock is a slow one.
//! - *A clock*: a hand-off to whoever waited half a millisecond (parking_lot, Go). A count needs no clock, and can be
//!   tested without one.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Instant;

use green_core::kill;
use green_core::primitive::{AtomicU32, Ordering, spin};
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;

use super::here::here;

const LOCKED: u32 = 1;
const WAITERS: u32 = 2;
const FAIR: u32 = 4;
/// The bits that number the OS thread of the one that has the lock. To others it is only a hint, since two may have one number;
/// the unlock takes away what the lock put there, so it must be made by the same OS thread.
const HOLDER: u32 = !15;

/// How often a waiter loses against other OS threads before it demands to be handed the lock.
const PATIENCE: u32 = 16;

/// How often a spin looks at a lock that is held on another OS thread and that nobody waits for.
const SPINS: u32 = 7;

/// A mutex without data: `lock` parks the green thread while another has it.
///
/// Use it through [`lock_api::Mutex`], or use [`Mutex`](crate::Mutex), which is poisoned by panics as std's is.
///
/// Ordering: what happened before an unlock is visible after the lock that follows it.
#[derive(Debug)]
pub struct RawMutex {
    state: AtomicU32,
    queue: WaitQueue,
}

/// What one wait has come to so far.
#[derive(Default)]
struct Wait {
    /// It was notified once, so it may claim a lock that is kept for somebody.
    notified: bool,
    /// How often it was notified and came too late.
    lost: u32,
    /// It asked for hand-offs.
    demands: bool,
}

impl RawMutex {
    /// Creates an unlocked mutex.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self { state: AtomicU32::new(0), queue: WaitQueue::new() }
    }

    /// Creates an unlocked mutex.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self { state: AtomicU32::new(0), queue: WaitQueue::new() }
    }

    /// Takes the lock; a kill point if it must wait.
    #[inline]
    pub(super) fn acquire(&self) {
        if !self.take_free() {
            self.acquire_contended();
        }
    }

    /// Takes the lock if that needs no waiting.
    #[cfg(not(loom))]
    #[inline]
    pub(super) fn try_acquire(&self) -> bool {
        self.take_free() || self.take(&Wait::default())
    }

    /// Takes the lock unless `deadline` passes before; a kill point if it must wait.
    pub(super) fn acquire_until(&self, deadline: Option<Instant>) -> bool {
        while !self.take_free() {
            match self.wait(deadline) {
                Ok(()) => break,
                Err(Outcome::Interrupted) => kill::deliver(),
                Err(_) => return false,
            }
        }
        true
    }

    /// Gives up the lock, which the caller must have.
    #[inline]
    pub(super) fn release(&self) {
        let taken = number() | LOCKED;
        let before = self.state.fetch_sub(taken, Ordering::Release);
        debug_assert_eq!(before & (HOLDER | LOCKED), taken, "a lock is unlocked where it was locked");
        if before & WAITERS != 0 {
            self.notify_next();
        }
    }

    /// Makes it look as if somebody waited who has left.
    #[cfg(all(test, loom))]
    pub(super) fn stale(&self) {
        self.state.fetch_or(WAITERS, Ordering::Relaxed);
    }

    /// Returns true if somebody has the lock now, or it is kept for somebody.
    pub(super) fn is_held(&self) -> bool {
        self.state.load(Ordering::Relaxed) & (LOCKED | FAIR) != 0
    }

    #[inline(always)]
    fn take_free(&self) -> bool {
        self.state.compare_exchange(0, number() | LOCKED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    #[inline(never)]
    fn acquire_contended(&self) {
        while let Err(outcome) = self.wait(None) {
            debug_assert_eq!(outcome, Outcome::Interrupted, "there is no deadline");
            kill::deliver();
        }
    }

    /// Takes the lock if it is free for one like this.
    fn take(&self, wait: &Wait) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while let Some(taken) = taken(state, wait) {
            match self.state.compare_exchange_weak(state, taken, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// Takes the lock as [`take`](Self::take) does, or else makes it known that somebody waits. Called under the queue's
    /// lock.
    fn take_or_enlist(&self, wait: &Wait) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let taken = taken(state, wait);
            let enlisted = state | WAITERS | if wait.demands { FAIR } else { 0 };
            let next = taken.unwrap_or(enlisted);
            if next == state {
                return false;
            }
            match self.state.compare_exchange_weak(state, next, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return taken.is_some(),
                Err(now) => state = now,
            }
        }
    }

    /// Waits for the lock.
    ///
    /// # Errors
    ///
    /// `TimedOut` or `Interrupted`, without the lock and out of the queue.
    fn wait(&self, deadline: Option<Instant>) -> Result<(), Outcome> {
        let mut wait = Wait::default();
        if self.spin() && self.take(&wait) {
            return Ok(());
        }
        loop {
            let mut taken = false;
            let blocked = || {
                taken = self.take_or_enlist(&wait);
                !taken
            };
            let outcome = self.queue.wait_until_or_end(deadline, WaitReason::Lock, blocked, &|| self.abandon());
            if taken {
                return Ok(());
            }
            if outcome != Outcome::Unparked {
                if wait.demands {
                    self.state.fetch_and(!FAIR, Ordering::Relaxed);
                }
                return Err(outcome);
            }
            wait.notified = true;
            if self.take(&wait) {
                return Ok(());
            }
            wait.lost += 1;
            wait.demands = wait.lost >= PATIENCE || is_held_here(self.state.load(Ordering::Relaxed));
        }
    }

    /// Looks for a while whether a lock that another OS thread took is about to be freed.
    fn spin(&self) -> bool {
        for round in 0..SPINS {
            let state = self.state.load(Ordering::Relaxed);
            if state & LOCKED == 0 {
                return true;
            }
            if state & WAITERS != 0 || is_held_here(state) {
                return false;
            }
            for _ in 0..1_u32 << round {
                spin(0);
            }
        }
        false
    }

    /// Undoes what a waiter has set that will never run again.
    #[cold]
    fn abandon(&self) {
        self.state.fetch_and(!FAIR, Ordering::Relaxed);
        self.notify_next();
    }

    #[cold]
    #[inline(never)]
    fn notify_next(&self) {
        // Under the queue's lock: whoever comes later sets the bits anew.
        self.queue.notify_one_or(|| {
            self.state.fetch_and(!(WAITERS | FAIR), Ordering::Relaxed);
        });
    }
}

/// Returns the word after the lock was taken, if it can be.
#[inline]
fn taken(state: u32, wait: &Wait) -> Option<u32> {
    let free = state & LOCKED == 0 && (state & FAIR == 0 || wait.notified);
    let served = if wait.demands { !FAIR } else { !0 };
    free.then(|| (state & served) | number() | LOCKED)
}

/// Returns the number of this OS thread, in the bits of [`HOLDER`].
#[inline(always)]
fn number() -> u32 {
    here() as u32 & HOLDER
}

/// Returns true if a green thread of this OS thread has the lock.
fn is_held_here(state: u32) -> bool {
    state & LOCKED != 0 && state & HOLDER == number()
}

// A panic leaves a raw lock locked or free, and neither is a broken state.
impl UnwindSafe for RawMutex {}
impl RefUnwindSafe for RawMutex {}

impl Default for RawMutex {
    fn default() -> Self {
        Self::new()
    }
}
