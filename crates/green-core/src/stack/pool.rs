//! Each hub's own hot stacks and credits: the path of every spawn, without an atomic.

use std::cell::{Cell, RefCell};
use std::io;
use std::mem;

use super::class::{self, Class};
use super::{Credit, Stack, StackSize};

/// The stacks of one hub that are not in use. The one given back last is taken first, as its pages and cache lines are
/// the likeliest to be there still.
///
/// **What it keeps.** To take and to give costs some 2 µs and 1 µs with a cold stack and 10 ns together with a kept one, and
/// who needed many may soon need them again. So a pool keeps all that it is given, for a while: of each size, what was
/// beyond [`MOST_KEPT`] for all of a [`PERIOD`] goes to the process-wide store and its memory to the kernel, a few at a time
/// ([`tend`](Self::tend), [`give_back_some`](Self::give_back_some)); sooner if another hub has to take cold ones, and at once where
/// the system has a limit to how many there can be. A hub that was idle for some time should
/// [`trim`](Self::trim). Once a spawn was refused, hubs keep nothing until one is granted a batch again; a hub that sleeps
/// meanwhile gives back what it keeps when it wakes.
///
/// **Cold ones** are taken several at a time, up to 16: a guard and a first page cost three quarters then.
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
    /// When [`tend`](Self::tend) has something to do, in ticks.
    tend_at: Cell<u64>,
    /// When to see which were not needed, in ticks; [`NEVER`] while there are not too many, and 0 for a period that is to begin.
    period_end: Cell<u64>,
    /// Whether some are to be given back, and whether at once.
    has_surplus: Cell<bool>,
    hurry: Cell<bool>,
    /// How often this pool took cold stacks, and how often others had when the period began.
    cold_takes: Cell<usize>,
    takes_of_others: Cell<usize>,
}

/// The moment that never comes.
const NEVER: u64 = u64::MAX;

/// The stacks and credits of one size.
#[derive(Default)]
struct Bin {
    /// Stacks, each with the credit that belongs to it, the hottest last.
    stacks: RefCell<Vec<Stack>>,
    /// How many of the stacks at the beginning hold nothing below their hot pages.
    trimmed: Cell<usize>,
    /// How many of the stacks at the beginning were not used in this period.
    unused: Cell<usize>,
    /// Stacks that are to be given back, or taken when there are no others.
    surplus: RefCell<Vec<Stack>>,
    /// How many stacks to take cold besides the one that is needed.
    ahead: Cell<usize>,
    /// Credits beyond those of the stacks.
    spare: Cell<usize>,
}

/// The most stacks of a size that a hub keeps for long: 16 MiB if all are shallow, 128 MiB with all their hot pages.
const MOST_KEPT: usize = 4096;

/// The most that are left when it was idle.
const MOST_KEPT_IDLE: usize = 256;

/// How long a busy hub keeps more than [`MOST_KEPT`] without need, in ticks.
const PERIOD: u64 = 1_000_000_000;

/// How many of these are given back at a time, and how much memory at most if all ran deep; mostly it takes some 30 µs. After what
/// time the next follow, in ticks.
const FEW: usize = 64;
const FEW_BYTES: usize = 16 << 20;
const PACE: u64 = 500_000;

/// The most stacks to take cold besides the one that is needed.
const MOST_AHEAD: usize = 15;

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
            tend_at: Cell::new(NEVER),
            period_end: Cell::new(NEVER),
            has_surplus: Cell::new(false),
            hurry: Cell::new(false),
            cold_takes: Cell::new(0),
            takes_of_others: Cell::new(0),
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
            self.cold_takes.set(self.cold_takes.get().wrapping_add(1));
            return bin.take_cold(credit);
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
        let is_limited = kept > MOST_KEPT && stacks[0].is_limited();
        drop(stacks);
        self.untrimmed.set(true);
        self.until_sample.set(self.until_sample.get() - 1);
        if self.until_sample.get() == 0 {
            let interval = if bin.sample() { DEEP_INTERVAL } else { SHALLOW_INTERVAL };
            self.until_sample.set(interval);
        }
        if is_limited {
            bin.put_aside(kept - MOST_KEPT / 2);
            while bin.give_back_few() {}
        } else if kept > MOST_KEPT && self.period_end.get() == NEVER {
            self.period_end.set(0);
            self.tend_at.set(0);
        }
        self.help_out();
    }

    /// Gives everything to the process-wide store, a few at a time, if a spawn was refused somewhere.
    #[inline]
    fn help_out(&self) {
        if class::is_short() {
            self.let_go();
        }
    }

    #[cold]
    fn let_go(&self) {
        for (size, bin) in StackSize::all().zip(&self.bins) {
            let spare = bin.spare.take();
            if spare != 0 {
                Class::of(size).return_credits(spare);
            }
        }
        self.bins.iter().for_each(|bin| bin.put_aside(bin.len()));
        self.has_surplus.set(true);
        self.hurry.set(true);
        self.tend_at.set(0);
    }

    /// Returns whether [`tend`](Self::tend) is to be called now and then.
    #[inline]
    pub(crate) fn needs_tending(&self) -> bool {
        self.tend_at.get() != NEVER || class::is_short()
    }

    /// Gives back some of what was not needed for a while, if it is time. For a hub that is busy.
    #[inline]
    pub(crate) fn tend(&self, now: u64) {
        self.help_out();
        if now >= self.tend_at.get() {
            self.tend_now(now);
        }
    }

    #[cold]
    fn tend_now(&self, now: u64) {
        self.give_back_some();
        let takes_of_others = class::cold_takes().wrapping_sub(self.cold_takes.get());
        let end = self.period_end.get();
        let begins = end == 0;
        // Who has to take cold ones should find some, rather than have more mapped.
        let is_wanted = !begins && end != NEVER && takes_of_others != self.takes_of_others.get();
        if now >= end || is_wanted {
            let mut end = NEVER;
            for bin in &self.bins {
                let kept = if is_wanted { bin.len() } else { bin.unused.get() };
                if !begins && kept > MOST_KEPT {
                    bin.put_aside(kept - MOST_KEPT);
                    self.has_surplus.set(true);
                }
                bin.unused.set(bin.len());
                if bin.len() > MOST_KEPT {
                    end = now + PERIOD;
                }
            }
            self.period_end.set(end);
            self.takes_of_others.set(takes_of_others);
            self.hurry.set(self.has_surplus.get() && (is_wanted || self.hurry.get()));
        }
        self.tend_at.set(match (self.has_surplus.get(), self.period_end.get()) {
            (true, _) if self.hurry.get() => 0,
            (false, NEVER) => NEVER,
            _ => now + PACE,
        });
    }

    /// Gives back some of what is not needed; returns whether there was any. For a hub that has nothing else to do.
    #[inline]
    pub(crate) fn give_back_some(&self) -> bool {
        self.has_surplus.get() && self.give_back_few()
    }

    #[cold]
    fn give_back_few(&self) -> bool {
        let found = self.bins.iter().any(Bin::give_back_few);
        self.has_surplus.set(found);
        self.hurry.set(found && self.hurry.get());
        found
    }

    /// Returns whether [`trim`](Self::trim) has something to do.
    pub(crate) fn is_untrimmed(&self) -> bool {
        self.untrimmed.get()
    }

    /// Gives memory to the kernel: that of most kept stacks, which [`give_back_some`](Self::give_back_some) does from now on, and
    /// of the others what lies below their hot pages.
    ///
    /// For a hub that has been idle for some 100 ms. On every short sleep it would undo what the pool is good for.
    pub(crate) fn trim(&self) {
        if self.untrimmed.replace(false) {
            self.bins.iter().for_each(Bin::trim);
            self.has_surplus.set(true);
            self.tend_at.set(0);
        }
    }

    /// Gives everything to the process-wide store. For a hub that closes, which may be used again.
    pub(crate) fn clear(&self) {
        self.let_go();
        while self.give_back_some() {}
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
        class.reserve(size, 1).or_else(|_| {
            class::note_short(true);
            // A stack that we keep has a credit, and one of another size has memory.
            self.clear();
            class.reserve(size, 1)
        })
    }
}

impl Bin {
    /// Returns how many are kept, beside those put aside.
    fn len(&self) -> usize {
        self.stacks.borrow().len()
    }

    /// Takes the hottest stack.
    fn pop(&self) -> Option<Stack> {
        let mut stacks = self.stacks.borrow_mut();
        let Some(stack) = stacks.pop() else {
            drop(stacks);
            return self.surplus.borrow_mut().pop();
        };
        self.trimmed.set(self.trimmed.get().min(stacks.len()));
        self.unused.set(self.unused.get().min(stacks.len()));
        Some(stack)
    }

    /// Redeems a credit for a cold stack, and others for some more that are kept.
    ///
    /// # Errors
    ///
    /// The OS error if a cold stack cannot be guarded. The credit is returned.
    #[cold]
    fn take_cold(&self, credit: Credit) -> io::Result<Stack> {
        let class = Class::of(credit.size());
        let ahead = self.credits_ahead(credit.size());
        let mut taken = match class.take(1 + ahead) {
            Ok(taken) => {
                self.spare.set(self.spare.get() - ahead);
                taken
            }
            Err(_) => class.take(1)?,
        };
        mem::forget(credit);
        let stack = taken.pop().expect("as many as asked for");
        // There was none, and these are shallow.
        self.trimmed.set(taken.len());
        self.stacks.borrow_mut().append(&mut taken);
        Ok(stack)
    }

    /// Returns how many stacks to take cold besides the one that is needed: more each time, as long as there are so many credits to
    /// spare, or to be had.
    fn credits_ahead(&self, size: StackSize) -> usize {
        if size.bytes() > LARGE || class::is_short() {
            return 0;
        }
        let ahead = self.ahead.get();
        self.ahead.set((2 * ahead + 1).min(MOST_AHEAD));
        let lacking = ahead.saturating_sub(self.spare.get());
        if lacking > 0 && Class::of(size).reserve(size, lacking).is_ok() {
            self.spare.set(self.spare.get() + lacking);
        }
        ahead.min(self.spare.get())
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

    /// Puts the `count` coldest aside, to be given back.
    fn put_aside(&self, count: usize) {
        if count == 0 {
            return;
        }
        let mut stacks = self.stacks.borrow_mut();
        let mut surplus = self.surplus.borrow_mut();
        if surplus.is_empty() {
            // They may be very many, and those that stay are few.
            let rest = stacks.split_off(count);
            *surplus = mem::replace(&mut *stacks, rest);
        } else {
            surplus.extend(stacks.drain(..count));
        }
        self.trimmed.set(self.trimmed.get().saturating_sub(count));
        self.unused.set(self.unused.get().saturating_sub(count));
    }

    /// Gives some of what was put aside to the process-wide store; returns whether there was any. The hottest go first, but all of
    /// it is cold, and the end of a vector is where one can take some.
    fn give_back_few(&self) -> bool {
        let mut surplus = self.surplus.borrow_mut();
        let Some(size) = surplus.last().map(Stack::size) else { return false };
        let few = (FEW_BYTES / size.bytes()).clamp(1, FEW).min(surplus.len());
        let rest = surplus.len() - few;
        let few = if rest == 0 { mem::take(&mut *surplus) } else { surplus.split_off(rest) };
        drop(surplus);
        Class::of(size).put(few);
        true
    }

    fn trim(&self) {
        self.put_aside(self.len().saturating_sub(MOST_KEPT_IDLE));
        self.ahead.set(0);
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
