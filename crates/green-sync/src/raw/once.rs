//! The state machine under `Once`: who initialises, who waits for it, and how it came out.
//!
//! | state      | meaning                                          | next                                             |
//! |------------|--------------------------------------------------|--------------------------------------------------|
//! | INCOMPLETE | nobody has initialised                           | RUNNING by the one whose exchange succeeds       |
//! | POISONED   | the last initialiser unwound, or is lost         | RUNNING, by one who does not mind                |
//! | RUNNING    | a [`Turn`] exists                                | COMPLETE or POISONED, when the turn ends         |
//! | COMPLETE   | initialised                                      | nothing                                          |
//!
//! The bit `QUEUED` may be set beside every state but COMPLETE: somebody waits, or is about to. It is set before the
//! waiter enters the queue and stays until a turn ends, so that the end of a turn, one `swap`, tells whether there is
//! anybody to wake. The race that this survives is a waiter that sets the bit while the turn ends: the waiter
//! compares the state once more under the queue's lock, so either it sees the end, or the one who ends the turn sees
//! the bit and finds the waiter in the queue.
//!
//! A turn of a green thread that is leaked with its OS thread (I15) never ends by itself. Its frames will not run again, so
//! nothing of that initialisation can come any more, and the end of the OS thread ends the turn, as a panic would: POISONED.
//!
//! Ordering: the end of a turn is stored with `Release`, and every look that finds COMPLETE or POISONED is an
//! `Acquire`, so what the initialiser did is visible to whoever learns of it.

#[cfg(not(loom))]
use green_core::hub::OnLeak;
use green_core::kill;
use green_core::primitive::{AtomicU8, Ordering};
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;

const INCOMPLETE: u8 = 0;
const POISONED: u8 = 1;
const RUNNING: u8 = 2;
const COMPLETE: u8 = 3;
const QUEUED: u8 = 4;

/// What a poisoned state means to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Poison {
    /// It ends the call.
    Minds,
    /// It is one more state in which nobody has initialised.
    Ignores,
}

/// What [`RawOnce::begin`] came to.
pub(crate) enum Begun<'a> {
    /// It is the caller who initialises.
    Turn(Turn<'a>),
    /// It is done.
    Complete,
    /// An earlier turn unwound.
    Poisoned,
}

/// See the module.
pub(crate) struct RawOnce {
    state: AtomicU8,
    waiters: WaitQueue,
}

impl RawOnce {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self { state: AtomicU8::new(INCOMPLETE), waiters: WaitQueue::new() }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self { state: AtomicU8::new(INCOMPLETE), waiters: WaitQueue::new() }
    }

    #[inline]
    pub(crate) fn is_complete(&self) -> bool {
        self.state.load(Ordering::Acquire) == COMPLETE
    }

    /// Takes the turn to initialise, or waits until it is clear that there is nothing to be done. A kill point.
    pub(crate) fn begin(&self, poison: Poison) -> Begun<'_> {
        loop {
            let state = self.state.load(Ordering::Acquire);
            match state & !QUEUED {
                COMPLETE => return Begun::Complete,
                POISONED if poison == Poison::Minds => return Begun::Poisoned,
                RUNNING => self.sleep(state),
                idle => {
                    let running = RUNNING | (state & QUEUED);
                    if self.state.compare_exchange(state, running, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                        return Begun::Turn(Turn::new(self, idle == POISONED));
                    }
                }
            }
        }
    }

    /// Waits until somebody has initialised; returns false if it is poisoned and the caller minds. A kill point.
    pub(crate) fn wait(&self, poison: Poison) -> bool {
        loop {
            let state = self.state.load(Ordering::Acquire);
            match state & !QUEUED {
                COMPLETE => return true,
                POISONED if poison == Poison::Minds => return false,
                _ => self.sleep(state),
            }
        }
    }

    /// Ends the turn, of which there is one.
    fn end(&self, end: u8) {
        if self.state.swap(end, Ordering::Release) & QUEUED != 0 {
            self.waiters.notify_all();
        }
    }

    /// Ends the turn of a green thread that will not run again.
    #[cfg(not(loom))]
    pub(super) fn poison(&self) {
        self.end(POISONED);
    }

    /// Sleeps until a turn ends; returns at once if the state is not `seen` any more.
    #[cold]
    fn sleep(&self, seen: u8) {
        let queued = seen | QUEUED;
        if seen != queued && self.state.compare_exchange(seen, queued, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        // From INCOMPLETE it may become RUNNING meanwhile, which keeps the bit: whoever is in the queue stays there.
        match self.waiters.wait_until(None, WaitReason::Once, || self.state.load(Ordering::Relaxed) == queued) {
            Outcome::Interrupted => kill::deliver(),
            Outcome::Unparked | Outcome::TimedOut => {}
        }
    }
}

/// The right and the duty to initialise. Dropped without [`complete`](Self::complete) it poisons.
pub(crate) struct Turn<'a> {
    once: &'a RawOnce,
    end: u8,
    was_poisoned: bool,
    /// Ends the turn in the place of a green thread that is leaked.
    #[cfg(not(loom))]
    _leak: Option<OnLeak>,
}

impl<'a> Turn<'a> {
    fn new(once: &'a RawOnce, was_poisoned: bool) -> Self {
        Self {
            once,
            end: POISONED,
            was_poisoned,
            #[cfg(not(loom))]
            _leak: super::leak::poison_if_leaked(once),
        }
    }

    pub(crate) fn was_poisoned(&self) -> bool {
        self.was_poisoned
    }

    pub(crate) fn complete(mut self) {
        self.end = COMPLETE;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.once.end(self.end);
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;

    struct Cell {
        once: RawOnce,
        value: UnsafeCell<u32>,
    }

    impl Cell {
        fn new() -> Arc<Self> {
            Arc::new(Self { once: RawOnce::new(), value: UnsafeCell::new(0) })
        }

        fn initialise(&self, poison: Poison) {
            if let Begun::Turn(turn) = self.once.begin(poison) {
                self.value.with_mut(|_| ());
                turn.complete();
            }
        }

        /// loom fails the model if this look races with the initialiser's.
        fn look(&self) {
            self.value.with(|_| ());
        }
    }

    #[test]
    fn loom_one_of_two_initialises_and_a_waiter_sees_it() {
        loom::model(|| {
            let cell = Cell::new();
            let (other, waiting) = (cell.clone(), cell.clone());
            let initialiser = loom::thread::spawn(move || {
                other.initialise(Poison::Minds);
                other.look();
            });
            let waiter = loom::thread::spawn(move || {
                assert!(waiting.once.wait(Poison::Minds));
                waiting.look();
            });
            cell.initialise(Poison::Minds);
            cell.look();
            initialiser.join().unwrap();
            waiter.join().unwrap();
        });
    }

    /// One initialiser unwinds: the other, who does not mind, initialises, and the patient waiter sees that.
    #[test]
    fn loom_a_poisoned_turn_is_followed_by_another() {
        loom::model(|| {
            let cell = Cell::new();
            let (other, waiting) = (cell.clone(), cell.clone());
            let failing = loom::thread::spawn(move || {
                if let Begun::Turn(turn) = other.once.begin(Poison::Ignores) {
                    other.value.with_mut(|_| ());
                    drop(turn);
                }
            });
            let waiter = loom::thread::spawn(move || {
                assert!(waiting.once.wait(Poison::Ignores));
                waiting.look();
            });
            cell.initialise(Poison::Ignores);
            failing.join().unwrap();
            waiter.join().unwrap();
        });
    }
}
