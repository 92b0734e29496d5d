//! Counting permits in strict order of arrival: the mechanism of semaphores, and of whatever lets in so many at a time.
//!
//! # The protocol
//!
//! `state` holds the free permits above two flags:
//!
//! | bit | meaning | set | cleared |
//! |---|---|---|---|
//! | `CONTENDED` | somebody may be in the queue: permits change only under `line` | by who enters the queue or wants the permits to hold still | by a release that finds nobody, under `line` |
//! | `CLOSED` | nobody gets a permit any more | under `line` | never |
//!
//! Without `CONTENDED` to take and to give back are one compare-and-swap each.
//!
//! A permit that is released lies in the open even while others wait: the wake-up is a hint to come and take it. What
//! keeps the order is that `waiting` counts everybody from the moment they join the line until they have *taken* their
//! permit, woken or not, and that a newcomer takes one only if there are more than that. So neither `try_acquire` nor a
//! new `acquire` slips in between a wake-up and the one who was woken. A count of hand-overs would do that too, but it
//! would be wrong for ever if the wake-up went to somebody who passes it on with nobody there to take it, such as a
//! `select` that found something else.
//!
//! What makes hints enough: *at least min(permits, waiting) of them are on their way*, where a waiter that has given up
//! but has not come to say so counts as one. A release adds a permit and a hint (or finds everybody hinted); who takes
//! a permit that it was woken for uses one of each; who gives up while permits lie in the open sends a hint in its own
//! stead. Who waits by `select` is in the queue but not counted, which changes none of this.
//!
//! Now and then there is a hint too many, and somebody who was woken finds nothing. They wait on in `ahead`, the queue
//! that is served before the other, so they keep their place.
//!
//! The races that it survives:
//! - *Joining against releasing.* `line` is held from the look at the permits until the node is linked: the closure
//!   that the queue calls under its own lock lets go of it. The order of the locks is `line`, then the queue's.
//! - *Giving up against releasing.* Leaving the queue and leaving the count are two steps. A release in between finds
//!   nobody to hint, and a newcomer after it does not take the permit: that is the hint that who gives up has to send.
//! - *A select's look.* It happens under the queue's lock, so it cannot take `line`. It sets `CONTENDED`, so that every
//!   release after it looks into the queue, and reads the two numbers one after the other: whoever takes a permit out
//!   of the line takes itself out of the count first, so that the look never finds too few of the one for too many of
//!   the other.
//! - *The flag's end.* A release clears `CONTENDED` with a fresh permit in the open and nobody counted, so whoever
//!   enters the queue at that moment finds itself ready and does not.
//!
//! A green thread that will never run again (I15) stays counted: from then on one permit is kept for it, as if it had
//! taken it before.
//!
//! # Fewer permits than are out
//!
//! Permits can be taken out of the world while others hold them: what is not free goes to `debt`, and a release pays
//! that off first. While there is a debt, `CONTENDED` stays set and nothing is free, so every release comes by and none
//! of them lets anybody in.
//!
//! Permits for several at once are not offered: the queue's nodes carry no weights, and without them a big request
//! either starves or loses its place.

use std::fmt;
use std::io;
use std::time::Instant;

use thiserror::Error;

use crate::kill;
#[cfg(not(loom))]
use crate::primitive::AtomicU32;
use crate::primitive::{AtomicUsize, Mutex, MutexGuard, Ordering};
#[cfg(not(loom))]
use crate::sys;
use crate::unpark::{Outcome, WaitReason};
use crate::wait_queue::WaitQueue;
use crate::waitable::Waitable;

const CONTENDED: usize = 1;
const CLOSED: usize = 2;
const ONE: usize = 4;

/// Why there was no permit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AcquireError {
    /// None is free, or those that are free belong to others who wait.
    #[error("no permit is free")]
    NoPermits,
    /// None came in time.
    #[error("no permit came in time")]
    TimedOut,
    /// The semaphore was closed.
    #[error("the semaphore is closed")]
    Closed,
}

impl From<AcquireError> for io::Error {
    fn from(error: AcquireError) -> Self {
        let kind = match error {
            AcquireError::NoPermits => io::ErrorKind::WouldBlock,
            AcquireError::TimedOut => io::ErrorKind::TimedOut,
            AcquireError::Closed => io::ErrorKind::BrokenPipe,
        };
        io::Error::new(kind, error)
    }
}

/// A number of permits that are taken and given back, first come, first served.
///
/// What happened before a release is visible to the one that takes the permit.
///
/// # Examples
///
/// ```
/// use green_core::permits::{AcquireError, Permits};
///
/// static TWO: Permits = Permits::new(2);
/// TWO.acquire()?;
/// TWO.acquire()?;
/// assert_eq!(TWO.try_acquire(), Err(AcquireError::NoPermits));
/// TWO.release(1);
/// assert_eq!(TWO.available(), 1);
/// # Ok::<(), AcquireError>(())
/// ```
pub struct Permits {
    state: AtomicUsize,
    /// Changed under `line` alone.
    waiting: AtomicUsize,
    /// Permits that are to go out of the world when they come back; changed under `line` alone.
    debt: AtomicUsize,
    line: Mutex<()>,
    /// The process in which those wait who are counted, by its fork generation; changed under `line` alone.
    #[cfg(not(loom))]
    process: AtomicU32,
    queue: WaitQueue,
    /// Those who were woken from `queue` for nothing.
    ahead: WaitQueue,
}

impl Permits {
    /// The greatest number of permits.
    pub const MAX: usize = usize::MAX / ONE;

    /// Creates `permits` permits.
    ///
    /// # Panics
    ///
    /// If that is more than [`MAX`](Self::MAX).
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new(permits: usize) -> Self {
        assert!(permits <= Self::MAX, "more permits than a semaphore can count");
        Self {
            state: AtomicUsize::new(permits * ONE),
            waiting: AtomicUsize::new(0),
            debt: AtomicUsize::new(0),
            line: Mutex::new(()),
            process: AtomicU32::new(0),
            queue: WaitQueue::new(),
            ahead: WaitQueue::new(),
        }
    }

    /// Creates `permits` permits.
    #[cfg(loom)]
    pub fn new(permits: usize) -> Self {
        Self {
            state: AtomicUsize::new(permits * ONE),
            waiting: AtomicUsize::new(0),
            debt: AtomicUsize::new(0),
            line: Mutex::new(()),
            queue: WaitQueue::new(),
            ahead: WaitQueue::new(),
        }
    }

    /// Takes a permit if one is free that nobody else waits for.
    ///
    /// # Errors
    ///
    /// [`AcquireError::NoPermits`] or [`AcquireError::Closed`].
    #[inline]
    pub fn try_acquire(&self) -> Result<(), AcquireError> {
        if self.take_uncontended() { Ok(()) } else { self.try_acquire_contended() }
    }

    fn try_acquire_contended(&self) -> Result<(), AcquireError> {
        let state = self.state.load(Ordering::Relaxed);
        if state < ONE && state & CLOSED == 0 {
            return Err(AcquireError::NoPermits);
        }
        let _line = self.line();
        let state = self.freeze();
        if state & CLOSED != 0 {
            return Err(AcquireError::Closed);
        }
        if state / ONE <= self.counted() {
            return Err(AcquireError::NoPermits);
        }
        self.state.fetch_sub(ONE, Ordering::Acquire);
        Ok(())
    }

    /// Takes a permit, waiting for it behind all who came before. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// [`AcquireError::Closed`].
    pub fn acquire(&self) -> Result<(), AcquireError> {
        self.acquire_until(None)
    }

    /// Takes a permit as [`acquire`](Self::acquire) does, waiting until `deadline` at the longest.
    ///
    /// # Errors
    ///
    /// [`AcquireError::TimedOut`] or [`AcquireError::Closed`].
    pub fn acquire_until(&self, deadline: Option<Instant>) -> Result<(), AcquireError> {
        if self.take_uncontended() {
            return Ok(());
        }
        let mut queue = &self.queue;
        loop {
            match self.stand_in(queue, deadline) {
                Ok(()) => return Ok(()),
                Err(Outcome::Unparked) if self.is_closed() => return Err(AcquireError::Closed),
                Err(Outcome::Unparked) => queue = &self.ahead,
                Err(Outcome::TimedOut) => return Err(AcquireError::TimedOut),
                Err(Outcome::Interrupted) => kill::deliver(),
            }
        }
    }

    #[inline]
    fn take_uncontended(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & (CONTENDED | CLOSED) == 0 && state >= ONE {
            match self.state.compare_exchange_weak(state, state - ONE, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// Takes the lock `line`. In the child of a fork those who waited in the parent are no longer counted.
    fn line(&self) -> MutexGuard<'_, ()> {
        let line = self.line.lock();
        #[cfg(not(loom))]
        if self.is_parents() {
            self.waiting.store(0, Ordering::Relaxed);
            self.process.store(sys::fork_generation(), Ordering::Relaxed);
        }
        line
    }

    /// Returns how many are counted as waiting.
    fn counted(&self) -> usize {
        #[cfg(not(loom))]
        if self.is_parents() {
            return 0;
        }
        self.waiting.load(Ordering::Relaxed)
    }

    /// Returns true if those who are counted waited in a parent of this process.
    #[cfg(not(loom))]
    fn is_parents(&self) -> bool {
        self.process.load(Ordering::Relaxed) != sys::fork_generation()
    }

    /// Makes the number of permits hold still for who has the lock `line`, and returns the state.
    fn freeze(&self) -> usize {
        self.state.fetch_or(CONTENDED, Ordering::Relaxed) | CONTENDED
    }

    /// Wakes the next to come and take a permit; returns false if nobody waits who has not been woken.
    fn hint(&self) -> bool {
        self.ahead.notify_one() || self.queue.notify_one()
    }

    #[cold]
    fn stand_in(&self, queue: &WaitQueue, deadline: Option<Instant>) -> Result<(), Outcome> {
        let line = self.line();
        let state = self.freeze();
        if state & CLOSED != 0 {
            return Err(Outcome::Unparked);
        }
        let before = self.counted();
        if state / ONE > before {
            self.state.fetch_sub(ONE, Ordering::Acquire);
            return Ok(());
        }
        self.waiting.store(before + 1, Ordering::Relaxed);
        let outcome = queue.wait_until(deadline, WaitReason::Permit, move || {
            drop(line);
            true
        });
        self.leave_line(outcome)
    }

    /// Takes the permit that one waited for, or leaves without.
    fn leave_line(&self, outcome: Outcome) -> Result<(), Outcome> {
        {
            let _line = self.line();
            let others = self.counted() - 1;
            self.waiting.store(others, Ordering::Relaxed);
            // `CONTENDED` has been set all the time, because this one was counted.
            let state = self.state.load(Ordering::Relaxed);
            let free = state / ONE;
            // Who was not woken may still take what is left when all others have theirs.
            let due = if outcome == Outcome::Unparked { free > 0 } else { free > others };
            if due && state & CLOSED == 0 {
                // After the count, and `Release`: a select that sees fewer permits also sees fewer who wait.
                self.state.fetch_sub(ONE, Ordering::AcqRel);
                return Ok(());
            }
            if free == 0 {
                return Err(outcome);
            }
        }
        self.hint();
        Err(outcome)
    }

    /// Takes a permit for a select that this was ready for: also one that another who waits might have taken.
    ///
    /// # Errors
    ///
    /// [`AcquireError::NoPermits`] if somebody else was faster, or [`AcquireError::Closed`].
    pub fn claim(&self) -> Result<(), AcquireError> {
        if self.take_uncontended() {
            return Ok(());
        }
        let _line = self.line();
        let state = self.freeze();
        if state & CLOSED != 0 {
            return Err(AcquireError::Closed);
        }
        if state < ONE {
            return Err(AcquireError::NoPermits);
        }
        self.state.fetch_sub(ONE, Ordering::Acquire);
        Ok(())
    }

    /// Gives `count` permits back, or adds them, and wakes as many who wait. Never waits.
    ///
    /// # Panics
    ///
    /// If there would be more than [`MAX`](Self::MAX).
    #[inline]
    pub fn release(&self, count: usize) {
        assert!(self.release_within(count, Self::MAX), "more permits than a semaphore can count");
    }

    /// Gives `count` permits back unless more than `limit` would be free then; returns whether it did.
    #[inline]
    pub fn release_within(&self, count: usize, limit: usize) -> bool {
        let sum = |state: usize| (state / ONE).checked_add(count).filter(|&sum| sum <= limit.min(Self::MAX));
        let mut state = self.state.load(Ordering::Relaxed);
        while state & CONTENDED == 0 {
            if sum(state).is_none() {
                return false;
            }
            let next = state + count * ONE;
            match self.state.compare_exchange_weak(state, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        self.release_contended(count, |state| sum(state).is_some())
    }

    #[cold]
    fn release_contended(&self, mut count: usize, fits: impl FnOnce(usize) -> bool) -> bool {
        {
            let _line = self.line();
            if !fits(self.freeze()) {
                return false;
            }
            let debt = self.debt.load(Ordering::Relaxed);
            let paid = count.min(debt);
            self.debt.store(debt - paid, Ordering::Relaxed);
            count -= paid;
            self.state.fetch_add(count * ONE, Ordering::Release);
            if count > 0 && self.counted() == 0 && self.queue.is_empty() {
                self.state.fetch_and(!CONTENDED, Ordering::Relaxed);
                return true;
            }
        }
        // Without the lock: to wake somebody may take a system call.
        for _ in 0..count {
            if !self.hint() {
                break;
            }
        }
        true
    }

    /// Takes up to `count` of the free permits that nobody waits for out of the world; returns how many.
    pub fn withdraw(&self, count: usize) -> usize {
        let _line = self.line();
        let free = self.freeze() / ONE;
        let taken = count.min(free.saturating_sub(self.counted()));
        self.state.fetch_sub(taken * ONE, Ordering::Acquire);
        taken
    }

    /// Takes `count` permits out of the world, also from those who wait: what is not free, when it is given back.
    ///
    /// # Panics
    ///
    /// If more than [`MAX`](Self::MAX) permits would then have to be taken when they are given back. Nothing has changed.
    pub fn reduce(&self, count: usize) {
        let _line = self.line();
        let taken = count.min(self.freeze() / ONE);
        let debt = self.debt.load(Ordering::Relaxed).checked_add(count - taken).filter(|debt| *debt <= Self::MAX);
        let debt = debt.expect("fewer permits to be taken away than a semaphore can count");
        self.state.fetch_sub(taken * ONE, Ordering::Acquire);
        self.debt.store(debt, Ordering::Relaxed);
    }

    /// Closes: everybody who waits, and everybody who comes later, gets [`AcquireError::Closed`].
    pub fn close(&self) {
        {
            let _line = self.line();
            self.state.fetch_or(CONTENDED | CLOSED, Ordering::Relaxed);
        }
        self.ahead.notify_all();
        self.queue.notify_all();
    }

    /// Returns true once [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.state.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// Returns how many permits a newcomer could take: those that are free beyond what others wait for.
    #[must_use]
    pub fn available(&self) -> usize {
        usize::try_from(self.balance()).unwrap_or(0)
    }

    /// Returns how many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.counted()
    }

    /// Returns the free permits, whether or not somebody has been woken for them, less those that
    /// [`reduce`](Self::reduce) is still to take.
    #[must_use]
    pub fn free(&self) -> isize {
        let _line = self.line();
        let free = self.state.load(Ordering::Relaxed) / ONE;
        free.cast_signed() - self.debt.load(Ordering::Relaxed).cast_signed()
    }

    /// Returns the free permits less those who wait for one.
    #[must_use]
    pub fn balance(&self) -> isize {
        let _line = self.line();
        let free = self.state.load(Ordering::Relaxed) / ONE;
        // Neither reaches the sign bit: `MAX` is a quarter of what there is, and who waits has a stack.
        free.cast_signed() - self.counted().cast_signed()
    }
}

/// Ready when a newcomer would get a permit, or closed; then call [`claim`](Permits::claim).
impl Waitable for Permits {
    fn is_ready(&self) -> bool {
        let state = self.state.fetch_or(CONTENDED, Ordering::Acquire);
        state & CLOSED != 0 || state / ONE > self.counted()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }
}

impl fmt::Debug for Permits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permits")
            .field("balance", &self.balance())
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::Arc;

    use super::*;
    use crate::waitable::wait_any;

    fn soon() -> Option<Instant> {
        // The stub times out at any moment, whatever the deadline is.
        Some(Instant::now())
    }

    /// The permit that is released reaches the patient one, unless the impatient one has it, who then gives it back.
    #[test]
    fn loom_a_timed_acquire_never_swallows_a_permit() {
        loom::model(|| {
            let permits = Arc::new(Permits::new(0));
            let (timed, patient) = (permits.clone(), permits.clone());
            let impatient = loom::thread::spawn(move || {
                if timed.acquire_until(soon()).is_ok() {
                    timed.release(1);
                }
            });
            let waiter = loom::thread::spawn(move || patient.acquire().unwrap());
            permits.release(1);
            impatient.join().unwrap();
            waiter.join().unwrap();
            assert_eq!((permits.balance(), permits.waiting()), (0, 0));
            assert!(permits.queue.is_empty());
        });
    }

    /// Taken and given back by both, without a lock where nobody waits: none is lost, none is made up.
    #[test]
    fn loom_one_permit_lets_in_one_at_a_time() {
        loom::model(|| {
            let permits = Arc::new(Permits::new(1));
            let inside = Arc::new(AtomicUsize::new(0));
            let (other, count) = (permits.clone(), inside.clone());
            let enter = |permits: &Permits, inside: &AtomicUsize| {
                permits.acquire().unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                inside.fetch_sub(1, Ordering::Relaxed);
                permits.release(1);
            };
            let thread = loom::thread::spawn(move || enter(&other, &count));
            enter(&permits, &inside);
            thread.join().unwrap();
            assert_eq!(permits.balance(), 1);
        });
    }

    /// A newcomer that does not wait leaves the permit to the one that was woken for it.
    #[test]
    fn loom_a_select_and_a_waiter_get_one_each() {
        loom::model(|| {
            let permits = Arc::new(Permits::new(0));
            let (select, waiter) = (permits.clone(), permits.clone());
            let select = loom::thread::spawn(move || {
                loop {
                    assert_eq!(wait_any(&[&*select], None, WaitReason::Select), Ok(0));
                    if select.claim().is_ok() {
                        return;
                    }
                }
            });
            let waiter = loom::thread::spawn(move || waiter.acquire().unwrap());
            permits.release(1);
            permits.release(1);
            select.join().unwrap();
            waiter.join().unwrap();
            assert_eq!(permits.balance(), 0);
        });
    }

    /// However a reduction meets releases and somebody who waits: one permit goes, and the other lets them in.
    #[test]
    fn loom_a_reduction_takes_exactly_its_number() {
        loom::model(|| {
            // Both of two are held, by this thread and the holder.
            let permits = Arc::new(Permits::new(0));
            let inside = Arc::new(AtomicUsize::new(2));
            let (waiter, count) = (permits.clone(), inside.clone());
            let waiter = loom::thread::spawn(move || {
                waiter.acquire().unwrap();
                assert!(count.fetch_add(1, Ordering::Relaxed) < 2);
            });
            let (last, count) = (permits.clone(), inside.clone());
            let holder = loom::thread::spawn(move || {
                count.fetch_sub(1, Ordering::Relaxed);
                last.release(1);
            });
            permits.reduce(1);
            inside.fetch_sub(1, Ordering::Relaxed);
            permits.release(1);
            holder.join().unwrap();
            waiter.join().unwrap();
            assert_eq!((permits.free(), permits.waiting(), permits.balance()), (0, 0, 0));
        });
    }

    /// Closing reaches everybody, also who is just joining the line.
    #[test]
    fn loom_close_reaches_who_waits() {
        loom::model(|| {
            let permits = Arc::new(Permits::new(0));
            let other = permits.clone();
            let waiter = loom::thread::spawn(move || other.acquire());
            permits.close();
            assert_eq!(waiter.join().unwrap(), Err(AcquireError::Closed));
        });
    }
}
