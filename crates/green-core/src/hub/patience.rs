//! Looking a little longer before a sleep, where that has paid lately.
//!
//! A wake across cores costs some 40 µs, most of it in the kernel and in the processor's own sleep. Where two OS threads
//! answer each other within a few microseconds, looking at the inbox for as long as a wake-up would take saves it at both
//! ends; where nothing comes, it burns a core for nothing, and where the other OS thread waits for this very core, it
//! makes things worse. So each look in vain doubles the number of sleeps until the next one, and only sleeps that a
//! message ended soon count. A hub that waits for sockets or timers, or for nothing, looks once and never again.
//!
//! On a single processor nobody could send anything meanwhile, so there is no looking.
//!
//! **Lingering** is for a stream of things from another OS thread. A receiver that is quicker than its sender would park for
//! each of them, and four cache lines would cross over: the announcement, its answer, the inbox, the thing. While looking
//! pays, it looks at the thing itself first, at growing intervals, so that several come at once. It does so only where
//! nobody else can run, and every so often it parks all the same, because sockets and timers are attended to in the loop.

use std::cell::Cell;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Hub, workers};
use crate::clock;

/// How long to look, in ticks: the other side may be on its way out of a sleep of its own.
const LOOK: u64 = 50_000;
/// A sleep that a message ended within this time, in ticks, wake-up included, might have been a look.
const SOON: u64 = 100_000;
/// The most such sleeps between two looks.
const MOST: u16 = 1023;
/// Rounds between two readings of the clock.
const ROUNDS: u32 = 32;
/// The first and the last interval between two looks of one that lingers, in pauses of a spin loop: some 0.1 and 2 µs.
const INTERVALS: [u32; 2] = [4, 64];
/// How often one lingers before it parks all the same.
const LINGERS: u8 = 32;

/// How patient one hub is.
#[derive(Debug)]
pub(super) struct Patience {
    /// Sleeps that a message has to end soon before the next look.
    left: Cell<u16>,
    /// What `left` becomes after a look in vain.
    penalty: Cell<u16>,
    /// How often one may still linger before that.
    lingers: Cell<u8>,
}

impl Patience {
    pub(super) const fn new() -> Self {
        Self { left: Cell::new(2), penalty: Cell::new(1), lingers: Cell::new(LINGERS) }
    }

    fn succeed(&self) {
        self.penalty.set(1);
    }

    fn fail(&self) {
        self.left.set(self.penalty.get());
        self.penalty.set((2 * self.penalty.get() + 1).min(MOST));
    }
}

impl Hub {
    /// Looks for messages before a sleep to `deadline` (in ticks); returns true if the sleep is not to be.
    #[inline]
    pub(super) fn looks_longer(&self, deadline: Option<u64>) -> bool {
        self.patience.left.get() == 0 && self.look_longer(deadline)
    }

    #[cold]
    fn look_longer(&self, deadline: Option<u64>) -> bool {
        let inbox = self.shared.inbox();
        let end = clock::ticks(clock::now()) + LOOK;
        // A deadline on the way has its own precision to keep.
        if deadline.is_some_and(|deadline| deadline <= end) {
            return false;
        }
        self.shared.begin_look();
        let found = loop {
            let came = (0..ROUNDS).any(|_| {
                std::hint::spin_loop();
                !inbox.is_empty()
            });
            if came {
                break true;
            }
            if clock::ticks(clock::now()) >= end {
                break false;
            }
        };
        self.shared.end_look();
        if found {
            self.patience.succeed();
            self.share_what_came();
            return true;
        }
        self.patience.fail();
        // Nobody rings one that is not announced as asleep for a green thread to take: look once more for those.
        self.is_worker() && workers::is_work_waiting(self.shared)
    }

    /// Looks for what another OS thread may bring, for a few microseconds; see [`linger`](crate::park::linger).
    #[inline]
    pub(crate) fn linger(&self, is_there: impl Fn() -> bool) -> bool {
        self.patience.left.get() == 0 && self.run_queue.is_empty() && self.linger_long(is_there)
    }

    #[cold]
    fn linger_long(&self, is_there: impl Fn() -> bool) -> bool {
        let Some(lingers) = self.patience.lingers.get().checked_sub(1) else {
            self.patience.lingers.set(LINGERS);
            return false;
        };
        self.patience.lingers.set(lingers);
        let [mut pauses, longest] = INTERVALS;
        while pauses <= longest && self.shared.inbox().is_empty() {
            for _ in 0..pauses {
                std::hint::spin_loop();
            }
            if is_there() {
                return true;
            }
            pauses *= 2;
        }
        false
    }

    /// Finds somebody for what came during the look and cannot be started at once.
    fn share_what_came(&self) {
        self.drain_inbox();
        if self.is_worker() && self.run_queue.len() > 1 && !self.shared.unstarted().is_empty() {
            workers::invite();
        }
    }

    /// Learns from a sleep that began at `begin` and has just ended.
    pub(super) fn learn_from_sleep(&self, begin: u64, end: u64) {
        let left = self.patience.left.get();
        if left > 0 && end.saturating_sub(begin) < SOON && !self.shared.inbox().is_empty() && several_processors() {
            self.patience.left.set(left - 1);
        }
    }
}

fn several_processors() -> bool {
    /// Rather than a `OnceLock`, on which the child of a fork that came while it was set would wait for ever.
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let mut count = COUNT.load(Ordering::Relaxed);
    if count == 0 {
        count = std::thread::available_parallelism().map_or(1, NonZero::get);
        COUNT.store(count, Ordering::Relaxed);
    }
    count > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::current;
    use crate::park::linger;

    /// Returns this hub, as a new one is: OS threads that have ended leave theirs to others.
    fn hub() -> &'static Hub {
        let hub = current::hub();
        hub.drain_inbox();
        hub.patience.lingers.set(LINGERS);
        hub
    }

    /// However soon each thing of a stream comes, its receiver parks every so often, lest it keep timers and sockets waiting.
    #[test]
    fn nobody_lingers_for_ever() {
        let hub = hub();
        hub.patience.left.set(1);
        assert!(!linger(|| true), "looks do not pay");

        hub.patience.left.set(0);
        for _ in 0..3 {
            let lingered = (0..1000).take_while(|_| linger(|| true)).count();
            assert_eq!(lingered, usize::from(LINGERS));
        }
        assert!(!linger(|| false));
    }

    /// A green thread that can run is not kept waiting.
    #[test]
    fn nobody_lingers_while_another_can_run() {
        let hub = hub();
        hub.patience.left.set(0);
        let other = crate::spawn::spawn_local(Default::default(), || {}).unwrap();
        assert!(!linger(|| true));
        other.join().unwrap();
        assert!(linger(|| true));
    }
}
