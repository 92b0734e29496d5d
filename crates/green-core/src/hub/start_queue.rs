//! What is to start on a hub and may still be taken by another: a worker's ring, and behind it a queue for everybody.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::spawn::unstarted::Unstarted;
use crate::steal_ring::{CAPACITY, Owner, StealRing, Taken};

/// The most that are taken at once from behind the ring, which is locked meanwhile.
const MOST: usize = 256;

/// Unstarted green threads, oldest first; any worker may take them (I2).
#[derive(Debug)]
pub(crate) struct StartQueue {
    /// A worker's own; the hub of an OS thread of the program's has none.
    ring: OnceLock<Arc<StealRing<Unstarted>>>,
    /// What comes from elsewhere, and what found the ring full. All in the ring is older than that.
    rest: Mutex<VecDeque<Unstarted>>,
    /// How many are in `rest`; written with the lock held.
    rest_len: AtomicUsize,
}

impl StartQueue {
    pub(crate) fn new() -> Self {
        Self { ring: OnceLock::new(), rest: Mutex::new(VecDeque::new()), rest_len: AtomicUsize::new(0) }
    }

    /// Makes the ring of a worker, which keeps what is returned.
    pub(crate) fn open(&self) -> Owner<Unstarted> {
        let (owner, ring) = StealRing::new();
        self.ring.set(ring).expect("a worker opens its queue once");
        owner
    }

    /// Adds one from wherever the caller is.
    #[inline(never)]
    pub(crate) fn push(&self, unstarted: Unstarted) {
        let mut rest = self.rest.lock();
        rest.push_back(unstarted);
        self.rest_len.store(rest.len(), Ordering::Relaxed);
    }

    /// Adds one of the owner's own.
    #[inline(always)]
    pub(crate) fn push_own(&self, owner: &Owner<Unstarted>, unstarted: Unstarted) {
        if self.rest_len.load(Ordering::Relaxed) > 0 {
            return self.push(unstarted);
        }
        owner.push_or(unstarted, |unstarted| self.push(unstarted));
    }

    /// Fills the empty ring from what is behind it; returns false if nothing was.
    #[cold]
    pub(crate) fn refill(&self, owner: &Owner<Unstarted>) -> bool {
        let mut rest = self.rest.lock();
        // Half, so that the owner's next ones need not go behind at once.
        let count = rest.len().min(CAPACITY / 2);
        for unstarted in rest.drain(..count) {
            owner.push_or(unstarted, |_| unreachable!("nobody else fills the ring"));
        }
        self.rest_len.store(rest.len(), Ordering::Relaxed);
        count > 0
    }

    /// Takes the older half for another worker, but no more than `most`, as far as `is_old` says so of their times.
    pub(crate) fn take_half(&self, most: usize, is_old: impl Fn(u64) -> bool) -> Taken<Unstarted> {
        if let Some(ring) = self.ring.get() {
            match ring.take_half(most, &is_old) {
                Taken::Nothing => {}
                taken => return taken,
            }
        }
        let mut rest = self.rest.lock();
        let half = rest.len().div_ceil(2).min(MOST).min(most);
        let old = rest.iter().take(half).take_while(|unstarted| is_old(unstarted.since)).count();
        let taken: Vec<_> = rest.drain(..old).collect();
        self.rest_len.store(rest.len(), Ordering::Relaxed);
        match (old, half) {
            (0, 0) => Taken::Nothing,
            (0, _) => Taken::Young,
            _ => Taken::Entries(taken),
        }
    }

    /// Takes all that is not in the ring: for a hub that closes, which is no worker's.
    pub(crate) fn take_rest(&self) -> VecDeque<Unstarted> {
        let mut rest = self.rest.lock();
        self.rest_len.store(0, Ordering::Relaxed);
        std::mem::take(&mut *rest)
    }

    /// Gives back memory that is not needed any more.
    pub(crate) fn trim(&self) {
        self.rest.lock().shrink_to_fit();
    }

    /// Returns about how many there are. Whoever must not miss what somebody adds at the same time fences before.
    pub(crate) fn len(&self) -> usize {
        self.ring.get().map_or(0, |ring| ring.len()) + self.rest_len.load(Ordering::Relaxed)
    }

    /// Returns true if there is none; see [`len`](Self::len).
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
