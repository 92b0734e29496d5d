//! The process-wide store of cold slots and credits of each size.

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::slab::{Cooling, Slab, Tables, Warming, stride};
use super::{Stack, StackSize};
use crate::process_lock::{Held, ProcessLock, keep};

/// The promise that a slot of some size is there when it is needed.
///
/// It may be dropped on any OS thread, which returns it.
#[derive(Debug)]
pub(crate) struct Credit {
    /// The class of the size. A whole word, because credits are handed on again and again: a byte and its padding are moved
    /// by overlapping loads and stores, which wait for each other.
    class: usize,
}

impl Credit {
    /// Makes a credit of one that was counted: reserved, taken out of a [`Stack`], or [taken apart](Self::into_class).
    pub(crate) fn counted(size: StackSize) -> Self {
        Credit { class: size.class() }
    }

    /// Returns the class of the size, and leaves the credit counted.
    pub(crate) fn into_class(self) -> usize {
        let class = self.class;
        std::mem::forget(self);
        class
    }

    /// Returns the size that was promised.
    pub(crate) fn size(&self) -> StackSize {
        StackSize::of_class(self.class)
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        Class::of(self.size()).return_credits(1);
    }
}

/// All slots of one size that no hub has.
pub(super) struct Class {
    state: ProcessLock<State>,
}

struct State {
    /// A slab keeps its place; the place of an unmapped one is empty until reused.
    slabs: Vec<Option<Cold>>,
    /// The places of slabs that have cold slots. The lowest is used first, so that the highest get empty and go.
    available: BTreeSet<usize>,
    /// All slots, cold or not.
    mapped: usize,
    /// Slots that were promised; never more than `mapped`.
    credits: usize,
    /// Slots that are cold.
    cold: usize,
}

/// A slab with its cold slots.
struct Cold {
    slab: Arc<Slab>,
    /// One bit for each slot.
    slots: Box<[u64]>,
    /// How many bits are set.
    count: usize,
}

/// Whether a spawn was refused lately. Then hubs keep no stacks: what one has put by would be lacking where the next spawn is.
static SHORT: AtomicBool = AtomicBool::new(false);

/// Returns whether stacks are short.
#[inline]
pub(super) fn is_short() -> bool {
    SHORT.load(Ordering::Relaxed)
}

/// Notes whether stacks are short.
pub(super) fn note_short(short: bool) {
    if is_short() != short {
        SHORT.store(short, Ordering::Relaxed);
    }
}

/// How often hubs had to take cold slots.
static COLD_TAKES: AtomicUsize = AtomicUsize::new(0);

/// Returns how often hubs had to take cold slots so far.
pub(super) fn cold_takes() -> usize {
    COLD_TAKES.load(Ordering::Relaxed)
}

static CLASSES: [Class; StackSize::CLASSES] = [const { Class::new() }; StackSize::CLASSES];

/// Takes the locks of all classes, until the value is dropped: for a fork.
pub(crate) fn hold() -> Held {
    keep(CLASSES.each_ref().map(|class| class.state.lock()))
}

impl Class {
    const fn new() -> Self {
        let state = State { slabs: Vec::new(), available: BTreeSet::new(), mapped: 0, credits: 0, cold: 0 };
        Class { state: ProcessLock::new(state) }
    }

    /// Returns the store for stacks of `size`.
    pub(super) fn of(size: StackSize) -> &'static Class {
        &CLASSES[size.class()]
    }

    /// Promises `count` slots, all or none, and maps what is lacking.
    ///
    /// # Errors
    ///
    /// Those of [`Slab::map`].
    pub(super) fn reserve(&self, size: StackSize, count: usize) -> io::Result<()> {
        let mut state = self.state.lock();
        let lacking = (state.credits + count).saturating_sub(state.mapped);
        if lacking > 0 {
            state.grow(size, lacking)?;
        }
        state.credits += count;
        Ok(())
    }

    /// Takes back the promise of `count` slots.
    pub(super) fn return_credits(&self, count: usize) {
        self.state.lock().credits -= count;
    }

    /// Redeems so many counted credits for cold slots, the lowest last.
    ///
    /// # Errors
    ///
    /// The OS error if a guard cannot be made; the credits stay counted.
    pub(super) fn take(&self, count: usize) -> io::Result<Vec<Stack>> {
        COLD_TAKES.fetch_add(1, Ordering::Relaxed);
        let slots: Vec<(Arc<Slab>, u32)> = {
            let mut state = self.state.lock();
            (0..count).map(|_| state.pop()).collect()
        };
        // Outside the lock, as it takes system calls.
        if let Err(error) = warm(&slots) {
            let runs: Vec<_> = slots.iter().map(|(slab, index)| (&**slab, *index..*index + 1)).collect();
            // SAFETY: nobody was on these.
            unsafe { self.cool(&runs, 0) };
            return Err(error);
        }
        Ok(slots.into_iter().rev().map(|(slab, index)| Stack::new(slab, index)).collect())
    }

    /// Takes stacks back with their credits, and gives their memory to the kernel.
    pub(super) fn put(&self, mut stacks: Vec<Stack>) {
        stacks.sort_unstable_by_key(|stack| (stack.slab.number(), stack.index));
        let runs: Vec<_> = stacks
            .chunk_by(|a, b| a.slab.number() == b.slab.number() && a.index + 1 == b.index)
            .map(|run| (&**run[0].slab, run[0].index..run[0].index + run.len() as u32))
            .collect();
        // SAFETY: the green threads that lived there have ended, or whoever started them would not have given the stacks
        // back (I8).
        unsafe { self.cool(&runs, stacks.len()) };
        stacks.into_iter().for_each(Stack::give_up);
    }

    /// Makes slots cold that the caller has taken, and takes so many credits back.
    ///
    /// # Safety
    ///
    /// No green thread may live on any of them (I8).
    unsafe fn cool(&self, runs: &[(&Slab, Range<u32>)], credits: usize) {
        // Outside the lock, as it takes a while: nobody else gets what is not cold yet.
        let mut memory = Cooling::default();
        runs.iter().for_each(|(slab, slots)| memory.add(slab, slots.clone()));
        // SAFETY: the caller's promise.
        unsafe { memory.finish() };

        let mut unused = Vec::new();
        let mut tables = Tables::default();
        let mut state = self.state.lock();
        state.credits -= credits;
        for (slab, slots) in runs {
            unused.extend(state.push(slab, slots.clone(), &mut tables));
        }
        // SAFETY: nobody gets a cold slot while we hold the lock.
        unsafe { tables.finish() };
        drop(state);
        // Outside the lock, as to unmap a slab can take the kernel a millisecond.
        drop(unused);
    }
}

/// Makes cold slots ready for use.
fn warm(slots: &[(Arc<Slab>, u32)]) -> io::Result<()> {
    if slots.len() > 1 {
        let mut warming = Warming::default();
        slots.iter().for_each(|(slab, index)| warming.add(slab, *index));
        if warming.finish().is_ok() {
            return Ok(());
        }
    }
    slots.iter().try_for_each(|(slab, index)| slab.warm(*index))
}

/// The number of slots in the first slab of a size. Each further slab has as many as all before it, up to a bound.
const FIRST_SLOTS: usize = 16;

/// The bounds of a slab, in slots and in bytes of address space.
const MOST_SLOTS: usize = 1024;
const MOST_BYTES: usize = 4 << 30;

/// Returns how many slots the largest slab of a size has.
fn largest_slab(size: StackSize) -> usize {
    (MOST_BYTES / stride(size)).clamp(1, MOST_SLOTS)
}

impl State {
    /// Maps at least `lacking` slots.
    fn grow(&mut self, size: StackSize, lacking: usize) -> io::Result<()> {
        let wanted = self.mapped.max(FIRST_SLOTS).min(largest_slab(size));
        let number = self.slabs.iter().position(Option::is_none).unwrap_or(self.slabs.len());
        let slab = Arc::new(Slab::map(size, wanted, lacking, number)?);
        let len = slab.len();
        if number == self.slabs.len() {
            self.slabs.push(None);
        }
        self.slabs[number] = Some(Cold::new(slab));
        self.available.insert(number);
        self.mapped += len;
        self.cold += len;
        Ok(())
    }

    /// Takes a cold slot for the holder of a credit.
    fn pop(&mut self) -> (Arc<Slab>, u32) {
        let number = *self.available.first().expect("there are as many cold slots as credits that are held");
        let cold = self.slabs[number].as_mut().expect("an available slab is mapped");
        let index = cold.pop().expect("an available slab has a cold slot");
        if cold.count == 0 {
            self.available.remove(&number);
        }
        self.cold -= 1;
        (Arc::clone(&cold.slab), index)
    }

    /// Takes back slots without memory, and adds the page tables that may be empty now, to be given back before the lock is
    /// released. Returns their slab, to be dropped, if it is all cold and the others suffice.
    fn push<'a>(&mut self, slab: &'a Slab, slots: Range<u32>, tables: &mut Tables<'a>) -> Option<Arc<Slab>> {
        let number = slab.number();
        let cold = self.slabs[number].as_mut().expect("a slab with a slot in use is mapped");
        self.available.insert(number);
        self.cold += slots.len();
        cold.push(slots.clone());
        let len = slab.len();
        // A slab's worth stays, lest a number of threads that swings map and unmap all the time.
        let reserve = largest_slab(slab.size());
        let dispensable = cold.count == len && self.mapped - len >= self.credits && self.cold - len >= reserve;
        if !dispensable {
            tables.add(slab, cold.with_neighbours(&slots));
            return None;
        }
        self.available.remove(&number);
        self.mapped -= len;
        self.cold -= len;
        self.slabs[number].take().map(|cold| cold.slab)
    }
}

impl Cold {
    /// Starts with all slots.
    fn new(slab: Arc<Slab>) -> Self {
        let mut cold = Cold { slots: vec![0; slab.len().div_ceil(64)].into(), count: 0, slab };
        cold.push(0..cold.slab.len() as u32);
        cold
    }

    fn contains(&self, index: u32) -> bool {
        self.slots.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Takes the lowest slot, so that those in use stay together.
    fn pop(&mut self) -> Option<u32> {
        let (place, word) = self.slots.iter_mut().enumerate().find(|(_, word)| **word != 0)?;
        let bit = word.trailing_zeros();
        *word &= *word - 1;
        self.count -= 1;
        Some(place as u32 * 64 + bit)
    }

    fn push(&mut self, slots: Range<u32>) {
        for index in slots {
            debug_assert!(!self.contains(index), "a slot has one owner");
            self.slots[index as usize / 64] |= 1 << (index % 64);
            self.count += 1;
        }
    }

    /// Returns the range of some cold slots with the next ones on both sides, if they are cold too.
    fn with_neighbours(&self, slots: &Range<u32>) -> Range<u32> {
        let start = slots.start - u32::from(slots.start > 0 && self.contains(slots.start - 1));
        let end = slots.end + u32::from(self.contains(slots.end));
        start..end
    }
}
