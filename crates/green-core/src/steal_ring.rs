//! The queue of a worker's own that others take from: one OS thread adds, it and all others take the oldest.
//!
//! Follows Chase and Lev, "Dynamic Circular Work-Stealing Deque" (SPAA 2005), with a fixed size, and with the owner taking at
//! the old end too, so that the queue is a FIFO: an addition costs no locked instruction, a take costs one.
//!
//! # The protocol
//!
//! `head` and `tail` only grow; the entries between them are in the slots of their numbers modulo [`CAPACITY`]. The owner alone
//! writes slots and `tail`. An entry belongs to whoever moves `head` past it, by one compare-and-swap, after having copied it out
//! of its slot: one that fails forgets the copy. A copy is a handful of words, each read by itself, and may be of two entries
//! half and half while the owner writes the slot anew; but then `head` has moved, so that copy is never used.
//!
//! - The store of `tail` (Release) and a taker's load of it (Acquire) show the taker the slots.
//! - A taker's compare-and-swap (Release) and the owner's load of `head` before it writes a slot anew (Acquire) put the copying
//!   before the writing, so that nobody whose compare-and-swap succeeded has read what came later.
//! - Numbers have 64 bits and never come round.

use std::array;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
#[cfg(not(loom))]
use std::sync::Arc;

#[cfg(loom)]
use loom::sync::Arc;

use crate::primitive::{AtomicPtr, AtomicU64, Ordering};

/// Entries that a ring has room for.
#[cfg(not(loom))]
pub(crate) const CAPACITY: usize = 256;
#[cfg(loom)]
pub(crate) const CAPACITY: usize = 2;

/// What a slot holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    pub(crate) pointers: [*mut (); 2],
    pub(crate) number: u64,
    /// When it was made, in ticks.
    pub(crate) since: u64,
}

/// A value that can be taken apart into words.
///
/// # Safety
///
/// `from_words` of what `into_words` returned is sound once, on any OS thread.
pub(crate) unsafe trait InWords: Send {
    /// Takes it apart.
    fn into_words(self) -> Words;

    /// Puts it together.
    ///
    /// # Safety
    ///
    /// `into_words` returned these words, and they are used once.
    unsafe fn from_words(words: Words) -> Self;
}

/// A ring as others see it.
pub(crate) struct StealRing<T: InWords> {
    /// The number of the oldest entry.
    head: AtomicU64,
    /// The number of the next.
    tail: AtomicU64,
    slots: [Slot; CAPACITY],
    entries: PhantomData<Cell<T>>,
}

// SAFETY: the words are shared by atomics, and what they stand for, which is `Send`, is given to one taker.
unsafe impl<T: InWords> Sync for StealRing<T> {}
// SAFETY: as above.
unsafe impl<T: InWords> Send for StealRing<T> {}

#[derive(Debug)]
struct Slot {
    pointers: [AtomicPtr<()>; 2],
    number: AtomicU64,
    since: AtomicU64,
}

/// The right to add, which one OS thread at a time has.
pub(crate) struct Owner<T: InWords> {
    ring: Arc<StealRing<T>>,
    alone: PhantomData<Cell<()>>,
}

/// What somebody found who wanted to take old entries.
#[derive(Debug)]
pub(crate) enum Taken<T> {
    /// These, oldest first.
    Entries(Vec<T>),
    /// There were some, but not old enough.
    Young,
    Nothing,
}

impl Slot {
    fn new() -> Self {
        let none = || AtomicPtr::new(std::ptr::null_mut());
        Slot { pointers: [none(), none()], number: AtomicU64::new(0), since: AtomicU64::new(0) }
    }

    #[inline(always)]
    fn load(&self) -> Words {
        Words {
            pointers: [self.pointers[0].load(Ordering::Relaxed), self.pointers[1].load(Ordering::Relaxed)],
            number: self.number.load(Ordering::Relaxed),
            since: self.since.load(Ordering::Relaxed),
        }
    }

    #[inline(always)]
    fn store(&self, words: Words) {
        self.pointers[0].store(words.pointers[0], Ordering::Relaxed);
        self.pointers[1].store(words.pointers[1], Ordering::Relaxed);
        self.number.store(words.number, Ordering::Relaxed);
        self.since.store(words.since, Ordering::Relaxed);
    }
}

impl<T: InWords> StealRing<T> {
    /// Makes an empty ring; others get clones of the second.
    pub(crate) fn new() -> (Owner<T>, Arc<Self>) {
        let slots = array::from_fn(|_| Slot::new());
        let ring =
            Arc::new(StealRing { head: AtomicU64::new(0), tail: AtomicU64::new(0), slots, entries: PhantomData });
        (Owner { ring: Arc::clone(&ring), alone: PhantomData }, ring)
    }

    #[inline(always)]
    fn slot(&self, number: u64) -> &Slot {
        &self.slots[number as usize % CAPACITY]
    }

    /// Returns about how many entries there are.
    pub(crate) fn len(&self) -> usize {
        // In this order the second is never below the first.
        let head = self.head.load(Ordering::Acquire);
        self.tail.load(Ordering::Acquire).saturating_sub(head) as usize
    }

    /// Takes the older half, but no more than `most`, as far as `is_old` says so of their times.
    pub(crate) fn take_half(&self, most: usize, is_old: impl Fn(u64) -> bool) -> Taken<T> {
        loop {
            let head = self.head.load(Ordering::Acquire);
            let count = self.tail.load(Ordering::Acquire).saturating_sub(head);
            // More only if the head is not that any more.
            let half = count.min(CAPACITY as u64).div_ceil(2).min(most as u64);
            let copies: Vec<Words> = (head..head + half)
                .map(|number| self.slot(number).load())
                .take_while(|words| is_old(words.since))
                .collect();
            if copies.is_empty() && self.head.load(Ordering::Relaxed) == head {
                return if half > 0 { Taken::Young } else { Taken::Nothing };
            }
            if self.advance(head, copies.len() as u64) {
                // SAFETY: they are ours, see the module's protocol.
                return Taken::Entries(copies.into_iter().map(|words| unsafe { T::from_words(words) }).collect());
            }
        }
    }

    /// Makes `count` entries the caller's, if the oldest is still `head`.
    #[inline(always)]
    fn advance(&self, head: u64, count: u64) -> bool {
        self.head.compare_exchange(head, head + count, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

impl<T: InWords> Owner<T> {
    /// Returns true if one more can be added.
    #[inline(always)]
    fn has_room(&self) -> bool {
        let ring = &*self.ring;
        // Acquire: what was in the slot has been copied, see the module's protocol.
        ring.tail.load(Ordering::Relaxed) - ring.head.load(Ordering::Acquire) < CAPACITY as u64
    }

    /// Adds one, or gives it to `is_full` if there is no room.
    #[inline(always)]
    pub(crate) fn push_or(&self, value: T, is_full: impl FnOnce(T)) {
        // At once, so that what is added never lies in memory before: it would be written in words and read in pairs of them,
        // which waits for the writing.
        let words = value.into_words();
        if !self.has_room() {
            // SAFETY: they were made just now, and go no other way.
            return is_full(unsafe { T::from_words(words) });
        }
        let ring = &*self.ring;
        let tail = ring.tail.load(Ordering::Relaxed);
        ring.slot(tail).store(words);
        ring.tail.store(tail + 1, Ordering::Release);
    }

    /// Takes the oldest.
    #[inline(always)]
    pub(crate) fn pop(&self) -> Option<T> {
        let ring = &*self.ring;
        loop {
            let head = ring.head.load(Ordering::Relaxed);
            if head == ring.tail.load(Ordering::Relaxed) {
                return None;
            }
            let words = ring.slot(head).load();
            if ring.advance(head, 1) {
                // SAFETY: it is ours, see the module's protocol.
                return Some(unsafe { T::from_words(words) });
            }
        }
    }
}

impl<T: InWords> Drop for StealRing<T> {
    fn drop(&mut self) {
        while let Taken::Entries(_) = self.take_half(usize::MAX, |_| true) {}
    }
}

impl<T: InWords> fmt::Debug for StealRing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StealRing").finish_non_exhaustive()
    }
}

impl<T: InWords> fmt::Debug for Owner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner").finish_non_exhaustive()
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use loom::thread;

    use super::*;

    // SAFETY: a box is a pointer, which is put together again once.
    unsafe impl InWords for Box<u64> {
        fn into_words(self) -> Words {
            let since = *self;
            Words { pointers: [Box::into_raw(self).cast(), std::ptr::null_mut()], number: 0, since }
        }

        unsafe fn from_words(words: Words) -> Self {
            // SAFETY: the caller's promise.
            unsafe { Box::from_raw(words.pointers[0].cast()) }
        }
    }

    fn sum_of(taken: Taken<Box<u64>>) -> u64 {
        match taken {
            Taken::Entries(entries) => entries.into_iter().map(|entry| *entry).sum(),
            _ => 0,
        }
    }

    /// Each value is a power of ten, so that the sum tells which came, and how often.
    fn model(thieves: usize, values: u32) {
        loom::model(move || {
            let (owner, ring) = StealRing::new();
            let thieves: Vec<_> = (0..thieves)
                .map(|_| {
                    let ring = Arc::clone(&ring);
                    thread::spawn(move || sum_of(ring.take_half(usize::MAX, |_| true)))
                })
                .collect();
            let mut sum = 0;
            for value in (0..values).map(|place| Box::new(10_u64.pow(place))) {
                let mut rest = Some(value);
                while let Some(value) = rest.take() {
                    owner.push_or(value, |value| rest = Some(value));
                    if rest.is_some() {
                        sum += owner.pop().map_or(0, |taken| *taken);
                    }
                }
            }
            while let Some(taken) = owner.pop() {
                sum += *taken;
            }
            sum += thieves.into_iter().map(|thief| thief.join().unwrap()).sum::<u64>();
            assert_eq!(sum, (0..values).map(|place| 10_u64.pow(place)).sum());
        });
    }

    /// Four go through two slots, so that a slot is written anew while somebody copies it.
    #[test]
    fn loom_each_entry_is_taken_once() {
        model(1, 4);
    }

    #[test]
    fn loom_two_thieves_take_different_entries() {
        model(2, 2);
    }

    /// What is too young stays, and is found old.
    #[test]
    fn loom_a_young_entry_stays_for_the_owner() {
        loom::model(|| {
            let (owner, ring) = StealRing::new();
            let thief = thread::spawn(move || sum_of(ring.take_half(usize::MAX, |since| since < 100)));
            owner.push_or(Box::new(1), |_| unreachable!("there is room"));
            owner.push_or(Box::new(100), |_| unreachable!("there is room"));
            let mut own = 0;
            while let Some(taken) = owner.pop() {
                own += *taken;
            }
            let stolen = thief.join().unwrap();
            assert_eq!((own + stolen, stolen / 100), (101, 0));
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Number(u64);

    // SAFETY: numbers may be used as often as one likes.
    unsafe impl InWords for Number {
        fn into_words(self) -> Words {
            Words { pointers: [std::ptr::null_mut(); 2], number: self.0, since: self.0 }
        }

        unsafe fn from_words(words: Words) -> Self {
            Number(words.number)
        }
    }

    #[test]
    fn the_oldest_comes_first_and_a_full_ring_refuses() {
        let (owner, ring) = StealRing::new();
        for round in 0..3 {
            let first = round * 1000;
            for number in first..first + CAPACITY as u64 {
                owner.push_or(Number(number), |_| unreachable!("there is room"));
            }
            let mut refused = None;
            owner.push_or(Number(7), |value| refused = Some(value));
            assert_eq!(refused, Some(Number(7)));
            assert_eq!(ring.len(), CAPACITY);
            for number in first..first + CAPACITY as u64 {
                assert_eq!(owner.pop(), Some(Number(number)));
            }
            assert_eq!(owner.pop(), None);
        }
    }

    #[test]
    fn a_thief_gets_the_older_half_as_far_as_it_is_old() {
        let (owner, ring) = StealRing::new();
        assert!(matches!(ring.take_half(usize::MAX, |_| true), Taken::Nothing));
        (0..9).for_each(|number| owner.push_or(Number(number), |_| unreachable!("there is room")));
        assert!(matches!(ring.take_half(usize::MAX, |_| false), Taken::Young));
        let Taken::Entries(entries) = ring.take_half(usize::MAX, |since| since < 3) else { panic!("some are old") };
        assert_eq!(entries, [Number(0), Number(1), Number(2)]);
        let Taken::Entries(entries) = ring.take_half(usize::MAX, |_| true) else { panic!("some are left") };
        assert_eq!(entries, [Number(3), Number(4), Number(5)]);
        assert_eq!(owner.pop(), Some(Number(6)));
    }

    /// Many times round, with a thief beside: each comes once, in order for each taker.
    #[test]
    fn miri_nothing_is_lost_or_taken_twice() {
        let total: u64 = if cfg!(miri) { 600 } else { 300_000 };
        let (owner, ring) = StealRing::new();
        let is_over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let thief = scope.spawn(|| {
                let mut stolen = Vec::new();
                while !is_over.load(Ordering::Acquire) {
                    match ring.take_half(usize::MAX, |_| true) {
                        Taken::Entries(entries) => stolen.extend(entries.into_iter().map(|Number(number)| number)),
                        _ => std::thread::yield_now(),
                    }
                }
                stolen
            });
            let mut kept = Vec::new();
            for number in 0..total {
                owner.push_or(Number(number), |Number(number)| kept.push(number));
                if number % 3 == 0 {
                    kept.extend(owner.pop().map(|entry| entry.0));
                }
            }
            while let Some(entry) = owner.pop() {
                kept.push(entry.0);
            }
            is_over.store(true, Ordering::Release);
            let stolen = thief.join().unwrap();
            assert!(stolen.is_sorted());
            kept.extend(stolen);
            kept.sort_unstable();
            assert!(kept.into_iter().eq(0..total));
        });
    }
}
