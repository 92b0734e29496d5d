//! Timers by deadline, first in first out on ties: pure data, the clock is passed in.
//!
//! Two things make up [`Timers`]. A *slab* holds the values; a key names its slot and the generation that the slot had
//! when it was handed out, so that a key that is no longer good finds nothing. A *4-ary heap* of 16-byte entries holds
//! the order: with four children per node a million timers are ten levels deep, and the children that one step down
//! compares lie side by side.
//!
//! # Cancelling
//!
//! Most timers are deadlines of reads that end well before: they are inserted and cancelled, and never come due. So
//! `cancel` only takes the value out of the slot and leaves the entry in the heap, *dead*, and the slot goes back to
//! the free list when its entry leaves the heap. Dead entries leave when they come to the top, or all at once when they
//! are more than half of the heap (and more than [`PURGE_FLOOR`]): that costs time linear in the heap, which the
//! cancels that made it necessary have paid for. The most recent insertion usually is the heap's last leaf, and that
//! one is simply taken off, so an insertion followed by its cancellation leaves nothing behind.
//!
//! A heap that knows the position of every entry could delete at once. It was rejected: each step of each sift would
//! write to the slab, at random addresses, for the benefit of the operation that needs it least.

use std::fmt;

/// How many dead entries are never worth a purge.
const PURGE_FLOOR: usize = 64;

/// How many slots may stay allocated when the last timer leaves.
const KEPT_WHEN_EMPTY: usize = 4096;

/// Children per heap node.
const ARITY: usize = 4;

/// The free list's end.
const NONE: u32 = u32::MAX;

/// Timers with values of type `T`, by deadline and then by order of insertion.
///
/// Deadlines are numbers on a scale of the caller's choice; the hubs pass the ticks of `clock`.
pub(crate) struct Timers<T> {
    /// A min-heap in an array; the children of `i` are `4 * i + 1` to `4 * i + 4`.
    heap: Vec<Entry>,
    /// One slot per heap entry, plus the free ones.
    slots: Vec<Slot<T>>,
    /// The first free slot, or `NONE`.
    free: u32,
    /// How many heap entries are dead: their slot's value is gone.
    dead: usize,
    /// The tie-breaker of the next entry.
    sequence: u32,
    /// The generation of the next key. It wraps; a key would have to be kept over exactly 2³² insertions, and its slot
    /// be in use then, to be mistaken for another.
    generation: u32,
}

/// Names one timer of one [`Timers`], for as long as that is pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimerKey {
    slot: u32,
    generation: u32,
}

/// Where a timer's value is.
struct Slot<T> {
    generation: u32,
    /// The next free slot, if this one is free.
    next_free: u32,
    /// `None` if the slot is free or its heap entry is dead.
    value: Option<T>,
}

/// A heap entry: deadline (64 bits), sequence (32), slot (32), from the most significant bit down, so that one integer
/// comparison gives the order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry(u128);

impl Entry {
    fn new(deadline: u64, sequence: u32, slot: u32) -> Entry {
        Entry(u128::from(deadline) << 64 | u128::from(sequence) << 32 | u128::from(slot))
    }

    fn deadline(self) -> u64 {
        (self.0 >> 64) as u64
    }

    fn slot(self) -> u32 {
        self.0 as u32
    }

    fn with_sequence(self, sequence: u32) -> Entry {
        Entry::new(self.deadline(), sequence, self.slot())
    }
}

impl<T> Timers<T> {
    /// Returns timers with nothing in them; allocates at the first insertion.
    pub(crate) const fn new() -> Timers<T> {
        Timers { heap: Vec::new(), slots: Vec::new(), free: NONE, dead: 0, sequence: 0, generation: 0 }
    }

    /// Returns how many timers are pending.
    pub(crate) fn len(&self) -> usize {
        self.heap.len() - self.dead
    }

    /// Adds a timer.
    pub(crate) fn insert(&mut self, deadline: u64, value: T) -> TimerKey {
        if self.sequence == u32::MAX {
            self.renumber();
        }
        let generation = self.generation;
        self.generation = generation.wrapping_add(1);
        let slot = self.claim_slot(generation, value);
        let entry = Entry::new(deadline, self.sequence, slot);
        self.sequence += 1;
        self.heap.push(entry);
        self.sift_up(self.heap.len() - 1, entry);
        TimerKey { slot, generation }
    }

    /// Returns the value of a pending timer.
    pub(crate) fn get(&self, key: TimerKey) -> Option<&T> {
        let slot = self.slots.get(key.slot as usize)?;
        slot.value.as_ref().filter(|_| slot.generation == key.generation)
    }

    /// Returns how many cancelled timers still take up room.
    pub(crate) fn cancelled(&self) -> usize {
        self.dead
    }

    /// Takes a timer out before it comes due. A key whose timer was popped or cancelled before is a no-op.
    pub(crate) fn cancel(&mut self, key: TimerKey) -> Option<T> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        let value = slot.value.take()?;
        if self.heap.last().is_some_and(|last| last.slot() == key.slot) {
            self.heap.pop();
            self.release_slot(key.slot);
            self.shrink_if_empty();
        } else {
            self.dead += 1;
            if self.dead > PURGE_FLOOR && self.dead > self.heap.len() / 2 {
                self.purge();
            }
        }
        Some(value)
    }

    /// Returns the earliest pending deadline.
    ///
    /// Takes `&mut self` because it removes the dead entries that it finds before it.
    pub(crate) fn next_deadline(&mut self) -> Option<u64> {
        loop {
            let top = *self.heap.first()?;
            if self.is_live(top) {
                return Some(top.deadline());
            }
            self.remove_top(top);
            self.dead -= 1;
        }
    }

    /// Returns the last pending deadline that is not after `limit`; `limit` itself if so many are that one may as well be.
    pub(crate) fn last_by(&self, limit: u64) -> Option<u64> {
        /// Entries that are looked at.
        const MOST: usize = 48;
        let is_by = |place: usize| self.heap.get(place).is_some_and(|entry| entry.deadline() <= limit);
        let mut places = [0; MOST];
        let mut known = usize::from(is_by(0));
        let mut seen = 0;
        let mut last = None;
        while seen < known {
            let place = places[seen];
            seen += 1;
            if self.is_live(self.heap[place]) {
                last = last.max(Some(self.heap[place].deadline()));
            }
            for child in (place * ARITY + 1..=place * ARITY + ARITY).filter(|child| is_by(*child)) {
                if known == MOST {
                    return Some(limit);
                }
                places[known] = child;
                known += 1;
            }
        }
        last
    }

    /// Removes the earliest timer whose deadline is not after `now`, and returns its value.
    pub(crate) fn pop_due(&mut self, now: u64) -> Option<T> {
        loop {
            let top = *self.heap.first()?;
            if top.deadline() > now {
                return None;
            }
            let value = self.slots[top.slot() as usize].value.take();
            self.remove_top(top);
            match value {
                Some(value) => return Some(value),
                None => self.dead -= 1,
            }
        }
    }

    fn is_live(&self, entry: Entry) -> bool {
        self.slots[entry.slot() as usize].value.is_some()
    }

    fn claim_slot(&mut self, generation: u32, value: T) -> u32 {
        if self.free == NONE {
            let index = u32::try_from(self.slots.len()).ok().filter(|&index| index != NONE);
            let index = index.expect("fewer than 2³² timers are pending: each belongs to a green thread with a stack");
            self.slots.push(Slot { generation, next_free: NONE, value: Some(value) });
            return index;
        }
        let index = self.free;
        let slot = &mut self.slots[index as usize];
        self.free = slot.next_free;
        slot.generation = generation;
        slot.value = Some(value);
        index
    }

    fn release_slot(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        debug_assert!(slot.value.is_none());
        slot.next_free = self.free;
        self.free = index;
    }

    /// Gives the memory of a burst back once the last timer has left. Keys stay distinct, because the generation goes
    /// on counting.
    fn shrink_if_empty(&mut self) {
        if self.heap.is_empty() && self.slots.len() > KEPT_WHEN_EMPTY {
            self.heap = Vec::new();
            self.slots = Vec::new();
            self.free = NONE;
        }
    }

    /// Removes the heap's top, which the caller read as `top`, and frees its slot.
    fn remove_top(&mut self, top: Entry) {
        let last = self.heap.pop().expect("the caller has just read the top");
        if !self.heap.is_empty() {
            self.refill(0, last);
        }
        self.release_slot(top.slot());
        self.shrink_if_empty();
    }

    /// Puts `entry` into the subtree under the hole at `hole`.
    ///
    /// The hole first sinks to a leaf, then the entry rises from there. It comes from the bottom, so it rarely rises
    /// far, and sinking without comparing against it saves a comparison on each level.
    fn refill(&mut self, mut hole: usize, entry: Entry) {
        let start = hole;
        let heap = &mut self.heap[..];
        loop {
            let first = ARITY * hole + 1;
            let smallest = match heap.get(first..first + ARITY) {
                Some(children) => {
                    let left = if children[1] < children[0] { 1 } else { 0 };
                    let right = if children[3] < children[2] { 3 } else { 2 };
                    first + if children[right] < children[left] { right } else { left }
                }
                None => match (first..heap.len()).min_by_key(|&child| heap[child]) {
                    Some(child) => child,
                    None => break,
                },
            };
            heap[hole] = heap[smallest];
            hole = smallest;
        }
        self.sift_up_within(start, hole, entry);
    }

    fn sift_up(&mut self, hole: usize, entry: Entry) {
        self.sift_up_within(0, hole, entry);
    }

    /// Lets `entry` rise from the hole at `hole`, not above `top`.
    fn sift_up_within(&mut self, top: usize, mut hole: usize, entry: Entry) {
        let heap = &mut self.heap[..];
        while hole > top {
            let parent = (hole - 1) / ARITY;
            if heap[parent] <= entry {
                break;
            }
            heap[hole] = heap[parent];
            hole = parent;
        }
        heap[hole] = entry;
    }

    /// Removes every dead entry.
    fn purge(&mut self) {
        let mut heap = std::mem::take(&mut self.heap);
        heap.retain(|&entry| {
            let live = self.is_live(entry);
            if !live {
                self.release_slot(entry.slot());
            }
            live
        });
        self.heap = heap;
        self.dead = 0;
        let inner_nodes = (self.heap.len() + ARITY - 2) / ARITY;
        for node in (0..inner_nodes).rev() {
            self.refill(node, self.heap[node]);
        }
        self.shrink_if_empty();
    }

    /// Numbers the entries anew from zero, in the order that they have. Every 2³² insertions.
    fn renumber(&mut self) {
        self.heap.sort_unstable();
        for (sequence, entry) in self.heap.iter_mut().enumerate() {
            let sequence = u32::try_from(sequence).expect("slots are numbered with 32 bits");
            *entry = entry.with_sequence(sequence);
        }
        // A sorted array is a heap.
        self.sequence = u32::try_from(self.heap.len()).expect("slots are numbered with 32 bits");
    }
}

impl<T> fmt::Debug for Timers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").field("pending", &self.len()).field("dead", &self.dead).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
