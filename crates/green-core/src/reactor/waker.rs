//! The flag by which an OS thread says that it sleeps, and by which others learn whether they must wake it.
//!
//! # The protocol
//!
//! A hub that found nothing to do goes to sleep in two steps, and everybody who brings work does two steps the other
//! way round:
//!
//! ```text
//!   sleeper                                   bringer
//!   1. flag := how it will sleep              1. push the work
//!      fence                                     fence
//!   2. look for work once more;               2. flag != AWAKE?  swap it to AWAKE;
//!      found: flag := AWAKE, go on               the one who saw the sleep rings
//!   3. sleep while flag is unchanged
//! ```
//!
//! The race that must not be lost is both doing their first step at once. The two `SeqCst` fences order the four
//! accesses: either the sleeper's second look finds the work, or the bringer finds the flag raised. Only the bringer
//! that swaps the flag rings, so a burst of work costs one ring; a hub that is awake is never rung.
//!
//! | flag  | the hub …                                             | to wake it            |
//! |-------|-------------------------------------------------------|-----------------------|
//! | AWAKE | runs, or has been rung already                        | nothing to do         |
//! | FUTEX | sleeps, or is about to, on the flag itself            | wake the futex        |
//! | POLL  | sleeps, or is about to, in `epoll_wait` or `ppoll`     | ring its eventfd      |
//!
//! Rejected: a counter of messages (a second contended word), ringing always (an eventfd write is 160 ns, waking the
//! other core 40 µs), and `std::thread::park` (it would eat the user's token).

use crate::primitive::{AtomicU32, Ordering, fence};

/// How a hub is about to sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bed {
    /// On the flag itself.
    Futex,
    /// In a system call that an eventfd interrupts.
    Poll,
}

const AWAKE: u32 = 0;
const FUTEX: u32 = 1;
const POLL: u32 = 2;

/// The three-state wake flag.
///
/// Ordering: whoever swaps the flag to AWAKE synchronises with the sleeper's next look at the work, because the
/// work's queue is itself a release/acquire channel; the fences order flag against queue (see the module's text).
#[derive(Debug)]
pub(crate) struct WakeFlag(AtomicU32);

impl WakeFlag {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(AWAKE))
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(AWAKE))
    }

    /// Announces the sleep. The caller looks for work once more before it really sleeps.
    pub(crate) fn announce(&self, bed: Bed) {
        let value = match bed {
            Bed::Futex => FUTEX,
            Bed::Poll => POLL,
        };
        self.0.store(value, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Returns true while nobody has rung since [`announce`](Self::announce).
    pub(crate) fn is_asleep(&self) -> bool {
        self.0.load(Ordering::Acquire) != AWAKE
    }

    /// Ends the sleep from the sleeper's side.
    pub(crate) fn rise(&self) {
        self.0.store(AWAKE, Ordering::Relaxed);
    }

    /// Wakes the sleeper's flag after work was pushed; returns how to ring, if this call is the one that must.
    pub(crate) fn rouse(&self) -> Option<Bed> {
        fence(Ordering::SeqCst);
        if self.0.load(Ordering::Relaxed) == AWAKE {
            return None;
        }
        match self.0.swap(AWAKE, Ordering::AcqRel) {
            FUTEX => Some(Bed::Futex),
            POLL => Some(Bed::Poll),
            _ => None,
        }
    }

    /// The word to sleep on, and the value that it has during a futex sleep.
    #[cfg(not(loom))]
    pub(crate) fn futex(&self) -> (&AtomicU32, u32) {
        (&self.0, FUTEX)
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::primitive::{AtomicU8, Mutex};
    use loom::sync::Arc;

    /// One sleeper, two bringers: whatever is pushed is seen before the sleeper would sleep unrung.
    #[test]
    fn loom_no_work_is_slept_over() {
        loom::model(|| {
            let flag = Arc::new(WakeFlag::new());
            let queue = Arc::new(Mutex::new(0u32));
            let rings = Arc::new(AtomicU8::new(0));
            let bringers: Vec<_> = (0..2)
                .map(|_| {
                    let (flag, queue, rings) = (flag.clone(), queue.clone(), rings.clone());
                    loom::thread::spawn(move || {
                        *queue.lock() += 1;
                        if flag.rouse().is_some() {
                            rings.fetch_add(1, Ordering::Relaxed);
                        }
                    })
                })
                .collect();

            let mut seen = 0;
            while seen < 2 {
                seen += std::mem::take(&mut *queue.lock());
                if seen == 2 {
                    break;
                }
                flag.announce(Bed::Futex);
                let late = std::mem::take(&mut *queue.lock());
                seen += late;
                if late > 0 {
                    flag.rise();
                    continue;
                }
                // The sleep itself: it ends only by a ring. A lost ring would spin here for ever, which loom reports.
                while flag.is_asleep() {
                    loom::thread::yield_now();
                }
            }
            for bringer in bringers {
                bringer.join().unwrap();
            }
            assert!(rings.load(Ordering::Relaxed) <= 2);
        });
    }
}
