//! Stacks for green threads: guarded, reused while hot, given back to the kernel when cold.
//!
//! ```text
//!            Credit                     Stack                     Stack
//!   reserve ───────▶ (spawn … resume) ───────▶ (green thread runs) ───────▶ give
//!      ▲                                take                                 │
//!      └────────────────── StackPool, one per hub: hot stacks ◀──────────────┘
//!                 │ too many                              ▲ too few
//!                 ▼                                       │
//!              Class, one per size: cold slots in slabs, mapped and unmapped by the kernel
//! ```
//!
//! - A *slab* is one mapping, cut into equal *slots*: a guard page and the stack above it.
//! - A [`Credit`] is the promise of a slot. `spawn` takes one, so that running out is `spawn`'s error; the slot itself
//!   is chosen when the green thread first runs, on whichever hub that is, and is the hottest one there.
//! - A [`Stack`] is a slot with its credit.
//! - A class is all slots of one size. It maps a slab before it hands out more credits than it has slots.
//!
//! **Why a credit always finds a slot.** Of each class, mapped slots = slots in use + slots in hubs' pools + cold
//! slots, and mapped slots ≥ credits = those in use + those in pools + those held by spawned threads that never ran. A
//! pool never has more slots than credits (a kept stack comes with its own), so cold slots ≥ credits held.

use std::mem::ManuallyDrop;
use std::sync::Arc;

mod class;
mod pool;
mod size;
mod slab;

pub(crate) use class::{Credit, hold};
pub(crate) use pool::StackPool;
pub(crate) use size::StackSize;

use slab::Slab;

/// The stack of one green thread, until [`StackPool::give`] takes it back.
///
/// Dropping it leaks the slot, with its slab: a green thread that never ended may still have borrowed it out (I8).
///
/// ```text
///   high  ┌─────────────────┐ end of the slot
///         │ colour: unused  │   0 to 1,472 bytes
///         ├─────────────────┤ top(): where the first frame begins
///         │        │        │
///         │        ▼        │
///         ├─────────────────┤ bottom()
///         │      guard      │   one page, faults
///   low   └─────────────────┘
/// ```
pub(crate) struct Stack {
    /// Never dropped but by [`Stack::give_up`], hence the leak.
    slab: ManuallyDrop<Arc<Slab>>,
    index: u32,
}

impl Stack {
    fn new(slab: Arc<Slab>, index: u32) -> Self {
        Stack { slab: ManuallyDrop::new(slab), index }
    }

    /// Ends what ties the slab to this stack, whose slot has another owner now.
    fn give_up(self) {
        drop(ManuallyDrop::into_inner(self.slab));
    }

    /// Returns the initial stack pointer, aligned to a cache line.
    ///
    /// If all stacks began at the same offset in their pages, the frames of suspended threads would fight over the few
    /// cache lines that the offset maps to. So each begins at one of 24 lines, which makes a round through 1,000 stacks
    /// with 10 lines each twice as fast, and leaves 2,624 bytes of the first page at worst.
    #[cfg_attr(all(miri, not(test)), expect(dead_code, reason = "Miri runs nothing on it"))]
    pub(crate) fn top(&self) -> *mut u8 {
        const LINE: usize = 64;
        const COLOURS: usize = 24;
        let colour = self.index as usize % COLOURS;
        self.slab.end(self.index).wrapping_sub(colour * LINE)
    }

    /// Returns the lowest address that may be used; below it lies the guard.
    pub(crate) fn bottom(&self) -> *mut u8 {
        self.slab.end(self.index).wrapping_sub(self.size().bytes())
    }

    /// Returns the usable size, colour included.
    pub(crate) fn size(&self) -> StackSize {
        self.slab.size()
    }

    /// Returns whether `addr` is a usable address of this stack.
    pub(crate) fn contains(&self, addr: usize) -> bool {
        (self.bottom().addr()..self.slab.end(self.index).addr()).contains(&addr)
    }

    /// Returns whether slots are few.
    fn is_limited(&self) -> bool {
        self.slab.is_limited()
    }

    /// Gives back the memory of all but the pages at the top that most threads use, and returns whether there was any.
    ///
    /// Only for a stack in a pool.
    fn trim(&self) -> bool {
        // SAFETY: who starts a green thread on a stack gives it back only after that thread ended (I8).
        unsafe { self.slab.discard_below_hot(self.index) }
    }
}

#[cfg(test)]
mod tests;
