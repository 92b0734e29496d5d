//! Each hub's own hot stacks and credits: the path of every spawn, without an atomic.

use std::cell::{Cell, RefCell};
use std::io;
use std::mem;

use super::class::{self, Class};
use super::{Credit, Stack, StackSize};

/// The stacks of one hub that are not in use. The one given back last is taken first, as its pages and cache lines are
/// the likeliest to be there still.
///
/// **What it keeps.** Of each size [`MOST_KEPT`] stacks; beyond that, the half that was not used for longest goes to
/// the process-wide store and its memory to the kernel. To take and to give costs some 3 µs and 1 µs with a cold stack
/// and 10 ns together with a kept one, so a busy hub keeps many; one that was idle for a while should
/// [`trim`](Self::trim). Once a spawn was refused, hubs keep nothing until one is granted a batch again; a hub that sleeps
/// meanwhile gives back what it keeps when it goes to sleep the next time.
///
/// **Deep stacks.** A kept stack may hold megabytes if its last green thread ran deep, and no cheap look at it tells.
/// So samples are taken, of the stack in hand and of the one kept for longest, and their memory below the top pages is
/// given up: rarely while it turns out that there is none, often while there is. Rejected: `mincore` on each give (300
/// ns), and a mark at some depth (to look at it commits its page table, and frames have holes).
///
/// Dropping it gives everything to the process-wide store.
pub(crate) struct StackPool {
    /// One for each size.
    bins: Box<[Bin]>,
    /// Gives until the next sample.
    until_sample: Cell<u32>,
    /// Whether a stack was given back since all were trimmed.
    untrimmed: Cell<bool>,
}

/// The stacks and credits of one size.
#[derive(Default)]
struct Bin {
    /// Stacks, each with the credit that belongs to it, the hottest last.
    stacks: RefCell<Vec<Stack>>,
    /// How many of the stacks at the beginning hold nothing below their hot pages.
    trimmed: Cell<usize>,
    /// Credits beyond those of the stacks.
    spare: Cell<usize>,
}

/// The most stacks of a size that a hub keeps: 16 MiB if all are shallow, 128 MiB with all their hot pages.
const MOST_KEPT: usize = 4096;

/// The most that are left when it was idle.
const MOST_KEPT_IDLE: usize = 256;

/// The gives between two samples, after shallow and after deep ones. Primes, so that a program with a rhythm does not
/// have the same stack sampled every time.
const SHALLOW_INTERVAL: u32 = 1021;
const DEEP_INTERVAL: u32 = 13;

/// How many credits to fetch at once, and how many to have at most. Each is a slot that is mapped but not touched.
const CREDIT_BATCH: usize = 16;
const MOST_SPARE: usize = 64;

/// Above this size, credits are fetched one by one: the address space of a batch is no longer small.
const LARGE: usize = 16 << 20;

impl StackPool {
    /// Creates an empty one.
    pub(crate) fn new() -> Self {
        StackPool {
            bins: StackSize::all().map(|_| Bin::default()).collect(),
            until_sample: Cell::new(SHALLOW_INTERVAL),
            untrimmed: Cell::new(false),
        }
    }

    /// Promises a stack of `size`, to be taken from any hub's pool.
    ///
    /// # Errors
    ///
    /// The OS error if no more stacks can be mapped, or `OutOfMemory` if no more can be guarded.
    pub(crate) fn reserve(&self, size: StackSize) -> io::Result<Credit> {
        let spare = &self.bin(size).spare;
        match spare.get().checked_sub(1) {
            Some(rest) => spare.set(rest),
            None => self.fetch_credits(size)?,
        }
        Ok(Credit::counted(size))
    }

    /// Returns a credit that was not used, without a trip to the process-wide store.
    pub(crate) fn release(&self, credit: Credit) {
        let size = credit.size();
        let spare = &self.bin(size).spare;
        mem::forget(credit);
        spare.set(spare.get() + 1);
        if spare.get() > MOST_SPARE {
            Class::of(size).return_credits(spare.replace(MOST_SPARE / 2) - MOST_SPARE / 2);
        }
    }

    /// Redeems a credit.
    ///
    /// # Errors
    ///
    /// The OS error if a cold stack cannot be guarded. The credit is returned.
    pub(crate) fn take(&self, credit: Credit) -> io::Result<Stack> {
        let bin = self.bin(credit.size());
        let Some(stack) = bin.pop() else {
            return Class::of(credit.size()).take(credit);
        };
        // The stack has its own.
        self.release(credit);
        Ok(stack)
    }

    /// Takes a stack back.
    ///
    /// Who started a green thread on it has promised that this happens only after the thread ended (I8).
    pub(crate) fn give(&self, stack: Stack) {
        let bin = self.bin(stack.size());
        let mut stacks = bin.stacks.borrow_mut();
        stacks.push(stack);
        let kept = stacks.len();
        drop(stacks);
        self.untrimmed.set(true);
        self.until_sample.set(self.until_sample.get() - 1);
        if self.until_sample.get() == 0 {
            let interval = if bin.sample() { DEEP_INTERVAL } else { SHALLOW_INTERVAL };
            self.until_sample.set(interval);
        }
        if kept > MOST_KEPT {
            bin.spill(MOST_KEPT / 2);
        }
        self.help_out();
    }

    /// Gives everything to the process-wide store if a spawn was refused somewhere.
    #[inline]
    pub(crate) fn help_out(&self) {
        if class::is_short() {
            self.clear();
        }
    }

    /// Returns whether [`trim`](Self::trim) has something to do.
    pub(crate) fn is_untrimmed(&self) -> bool {
        self.untrimmed.get()
    }

    /// Gives memory to the kernel: that of most kept stacks, and of the others what lies below their hot pages.
    ///
    /// For a hub that has been idle for some 100 ms. On every short sleep it would undo what the pool is good for.
    pub(crate) fn trim(&self) {
        if self.untrimmed.replace(false) {
            self.bins.iter().for_each(Bin::trim);
        }
    }

    /// Gives everything to the process-wide store. For a hub that closes, which may be used again.
    pub(crate) fn clear(&self) {
        for (size, bin) in StackSize::all().zip(&self.bins) {
            bin.spill(0);
            let spare = bin.spare.take();
            if spare != 0 {
                Class::of(size).return_credits(spare);
            }
        }
        self.untrimmed.set(false);
    }

    fn bin(&self, size: StackSize) -> &Bin {
        &self.bins[size.class()]
    }

    /// Counts one credit for the caller, and some more to spare.
    #[cold]
    fn fetch_credits(&self, size: StackSize) -> io::Result<()> {
        let (bin, class) = (self.bin(size), Class::of(size));
        let batch = if size.bytes() > LARGE { 1 } else { CREDIT_BATCH };
        if class.reserve(size, batch).is_ok() {
            bin.spare.set(batch - 1);
            class::note_short(false);
            return Ok(());
        }
        class.reserve(size, 1).or_else(|error| {
            class::note_short(true);
            // A stack that we keep has a credit. Whoever redeems that finds the slot in the store.
            class.put(vec![bin.pop().ok_or(error)?]);
            class.reserve(size, 1)
        })
    }
}

impl Bin {
    /// Takes the hottest stack.
    fn pop(&self) -> Option<Stack> {
        let mut stacks = self.stacks.borrow_mut();
        let stack = stacks.pop()?;
        self.trimmed.set(self.trimmed.get().min(stacks.len()));
        Some(stack)
    }

    /// Trims the stack given last and the first that is not trimmed, and returns whether either was deep.
    #[cold]
    fn sample(&self) -> bool {
        let stacks = self.stacks.borrow();
        let first = self.trimmed.get();
        self.trimmed.set(first + 1);
        let last = stacks.len() - 1;
        stacks[first].trim() | (first != last && stacks[last].trim())
    }

    /// Gives all but the `kept` hottest stacks to the process-wide store.
    #[cold]
    fn spill(&self, kept: usize) {
        let mut stacks = self.stacks.borrow_mut();
        let count = stacks.len().saturating_sub(kept);
        let older: Vec<Stack> = stacks.drain(..count).collect();
        drop(stacks);
        self.trimmed.set(self.trimmed.get().saturating_sub(count));
        if let Some(stack) = older.first() {
            Class::of(stack.size()).put(older);
        }
    }

    fn trim(&self) {
        self.spill(MOST_KEPT_IDLE);
        let stacks = self.stacks.borrow();
        for stack in &stacks[self.trimmed.replace(stacks.len())..] {
            stack.trim();
        }
    }
}

impl Drop for StackPool {
    fn drop(&mut self) {
        self.clear();
    }
}
