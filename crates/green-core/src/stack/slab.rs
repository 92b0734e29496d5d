//! One mapping, cut into slots, each with its guard.

use std::io;
use std::ops::Range;

use super::StackSize;
use crate::sys::{self, GuardedRegion, MapCharge, Mapping, Ranges, Stacks};

/// Pages at the top of a stack that are kept while it is hot: enough for most of what threads do.
const HOT_PAGES: usize = 8;

/// One mapping with some slots of one size. The lowest page of each slot is its guard.
///
/// A slot with a stack has a guard. A cold slot may have one; it surely has where guards are limited: there they are
/// made with the slab and kept, so that a credit promises one too.
///
/// It is unmapped when its last owner drops it: the class, once it has all slots back, and every
/// [`Stack`](super::Stack) in it.
pub(super) struct Slab {
    /// Dropped before the memory goes, lest a fault in somebody else's later mapping look like an overflow.
    _region: GuardedRegion,
    mapping: Mapping,
    /// Dropped after the memory went.
    charge: MapCharge,
    size: StackSize,
    /// Where the class keeps this slab's list of cold slots; assigned once.
    number: usize,
    /// How many slots there are.
    len: usize,
    /// Whether there was a limit to how many slots the process can have, other than its memory.
    is_limited: bool,
}

impl Slab {
    /// Maps `wanted` slots, or fewer if there is only room for fewer, but at least `needed`.
    ///
    /// # Errors
    ///
    /// The OS error of the last attempt, or that of [`MapCharge::new`].
    pub(super) fn map(size: StackSize, wanted: usize, needed: usize, number: usize) -> io::Result<Self> {
        let stride = stride(size);
        let mut wanted = wanted.max(needed);
        loop {
            let charge = MapCharge::new(wanted, needed)?;
            let slots = charge.guards();
            let mapping = match Mapping::new(slots * stride) {
                Ok(mapping) => mapping,
                Err(error) if slots == needed => return Err(error),
                Err(_) => {
                    wanted = (slots / 2).max(needed);
                    continue;
                }
            };
            let start = mapping.start().as_ptr().addr();
            let region = Stacks { start, len: mapping.len(), stride, guard: sys::page_size() };
            let is_limited = charge.is_limited() || sys::is_address_space_limited();
            let slab =
                Slab { _region: GuardedRegion::new(region), mapping, charge, size, number, len: slots, is_limited };
            if slab.charge.is_limited() {
                (0..slots as u32).try_for_each(|index| slab.make_guard(index))?;
            }
            return Ok(slab);
        }
    }

    /// Returns the size of each stack.
    pub(super) fn size(&self) -> StackSize {
        self.size
    }

    /// Returns the place that was given to [`map`](Self::map).
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Returns how many slots there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns whether slots are few, so that who keeps one may keep it from somebody else.
    pub(super) fn is_limited(&self) -> bool {
        self.is_limited
    }

    /// Returns the first address above the slot.
    pub(super) fn end(&self, index: u32) -> *mut u8 {
        self.mapping.start().as_ptr().wrapping_add(self.slots(index..index + 1).end)
    }

    /// Sees to it that a cold slot has its guard.
    pub(super) fn warm(&self, index: u32) -> io::Result<()> {
        if self.charge.is_limited() { Ok(()) } else { self.make_guard(index) }
    }

    fn make_guard(&self, index: u32) -> io::Result<()> {
        // SAFETY: only guards lie there, and nobody is on the stack above as it is not handed out.
        unsafe { self.mapping.guard(self.guard_of(index)) }
    }

    /// Gives back the memory of a slot below its hot pages, and returns whether there was any.
    ///
    /// # Safety
    ///
    /// No green thread may live on it (I8).
    pub(super) unsafe fn discard_below_hot(&self, index: u32) -> bool {
        let slot = self.slots(index..index + 1);
        let deep = slot.start + sys::page_size()..slot.end.saturating_sub(HOT_PAGES * sys::page_size());
        // Who ran deeper than the pages that `is_touched` looks at has left its traces there too.
        let found = !deep.is_empty() && self.mapping.is_touched(deep.clone());
        if found {
            // SAFETY: the caller promises that nobody uses the stack.
            unsafe { self.mapping.discard(deep) };
        }
        found
    }

    /// Returns the offsets of the guard of a slot.
    fn guard_of(&self, index: u32) -> Range<usize> {
        let start = self.slots(index..index + 1).start;
        start..start + sys::page_size()
    }

    /// Returns the offsets of some slots, guards included.
    fn slots(&self, slots: Range<u32>) -> Range<usize> {
        let stride = stride(self.size);
        slots.start as usize * stride..slots.end as usize * stride
    }
}

/// Cold slots, of one slab or several, that are made ready for use together.
#[derive(Default)]
pub(super) struct Warming<'a> {
    guards: Ranges<'a>,
    tops: Ranges<'a>,
}

impl<'a> Warming<'a> {
    /// Adds a slot.
    pub(super) fn add(&mut self, slab: &'a Slab, index: u32) {
        if !slab.charge.is_limited() {
            self.guards.push(&slab.mapping, slab.guard_of(index));
        }
        let end = slab.slots(index..index + 1).end;
        self.tops.push(&slab.mapping, end - sys::page_size()..end);
    }

    /// Sees to it that each has its guard, and its topmost page, which it needs first.
    pub(super) fn finish(self) -> io::Result<()> {
        // SAFETY: only guards lie there, and nobody is on the stacks above as they are not handed out.
        unsafe { self.guards.guard() }?;
        self.tops.populate();
        Ok(())
    }
}

/// Slots, of one slab or several, whose memory is given back together.
#[derive(Default)]
pub(super) struct Cooling<'a> {
    guards: Ranges<'a>,
    memory: Ranges<'a>,
}

impl<'a> Cooling<'a> {
    /// Adds slots.
    pub(super) fn add(&mut self, slab: &'a Slab, slots: Range<u32>) {
        // A marked guard is an entry that keeps its page table alive, which for large stacks is a table each. One by
        // one, as to look for guards in a whole slot takes the kernel 5 µs.
        if stride(slab.size) > page_table_span() && !slab.charge.is_limited() {
            for index in slots.clone() {
                self.guards.push(&slab.mapping, slab.guard_of(index));
            }
        }
        self.memory.push(&slab.mapping, slab.slots(slots));
    }

    /// Gives the memory back.
    ///
    /// # Safety
    ///
    /// No green thread may live on any of them (I8).
    pub(super) unsafe fn finish(self) {
        self.guards.unguard();
        // SAFETY: the caller promises that nobody uses the stacks.
        unsafe { self.memory.discard() };
    }
}

/// The page tables of slots whose memory was given back.
#[derive(Default)]
pub(super) struct Tables<'a>(Ranges<'a>);

impl<'a> Tables<'a> {
    /// Adds those of a range of slots that are all cold.
    ///
    /// A range must cover all that a table is for, or the kernel does not notice that it is empty. (Linux 6.14 on x86-64;
    /// elsewhere tables go with their slab.)
    pub(super) fn add(&mut self, slab: &'a Slab, slots: Range<u32>) {
        let range = slab.slots(slots);
        if range.len() >= page_table_span() {
            self.0.push(&slab.mapping, range);
        }
    }

    /// Gives the tables back.
    ///
    /// # Safety
    ///
    /// No green thread may live on any of the slots (I8).
    pub(super) unsafe fn finish(self) {
        // SAFETY: the caller promises that nobody uses the stacks.
        unsafe { self.0.discard() };
    }
}

/// The bytes from one slot to the next.
///
/// It is not a power of two, and must not be: the tops of stacks would fight over a few sets of the TLB, and the top of
/// one and the guard of the next, which are neighbours, would lie in two page tables at the common size of 2 MiB.
pub(super) fn stride(size: StackSize) -> usize {
    size.bytes() + sys::page_size()
}

/// The bytes that one page table of the kernel is for, which has a page's worth of 8-byte entries.
fn page_table_span() -> usize {
    sys::page_size() / 8 * sys::page_size()
}
