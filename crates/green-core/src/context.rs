//! The context switch: the only module that names the `context` crate. (`sys::jump` enters that crate's routine.)
//!
//! A suspended stack looks like this on x86-64 (addresses grow upwards; the layout is `context`'s, kept here so that
//! a debugger's view makes sense):
//!
//! ```text
//!              stack bottom + guard page
//!   0x38 ┬──┐  …
//!        │  │  return address into `switch`            0x38
//!        │  │  rbp, rbx, r15, r14, r13, r12            0x08..0x30
//!        │  │  x87 control word                        0x04
//!        └──┘  mxcsr                                   0x00   ← the pointer that a `Slot` holds
//!              …
//!              frames of the suspended green thread
//!              stack top (coloured, 16-byte aligned)
//! ```
//!
//! `switch(from, to)` takes the pointer out of `to`, jumps to it and passes the address of `from`. The first thing
//! that the other side does, in [`land`], is to store the pointer of the stack that was left into that `from`. So a
//! slot is filled exactly while its stack is suspended, and emptied by the switch that resumes it: resuming twice
//! finds an empty slot and panics instead of running a stack twice.
//!
//! Restoring MXCSR is slow (60 ns against 4 ns) when its value changes. [`calm_float_flags`](crate::sys::calm_float_flags) presets the six sticky
//! exception flags on every hub's OS thread, and contexts inherit them, so that arithmetic never makes a difference.
//! Rust code cannot observe these flags.
//!
//! In a build for a sanitizer, each step tells it what it has to know: see [`sanitizer`].

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;
use std::{fmt, mem};

use context::{Context, Transfer};

use crate::stack::Stack;
use crate::sys;

mod sanitizer;

/// Where the context of a suspended stack is kept; empty while that stack runs.
#[repr(C)]
pub(crate) struct Slot(Cell<Option<Context>>, sanitizer::Note);

// What a sanitizer is told costs nothing where there is none.
const _: () = assert!(size_of::<Slot>() == size_of::<usize>() || cfg!(any(green_asan, green_tsan)));

impl Slot {
    pub(crate) const fn empty() -> Self {
        Self(Cell::new(None), sanitizer::Note::new())
    }

    /// Makes one for stacks that have ended: what is left here is never resumed.
    pub(crate) const fn nowhere() -> Self {
        Self(Cell::new(None), sanitizer::Note::last())
    }

    /// Asks for the memory that the switch to this context reads first.
    #[inline(always)]
    pub(crate) fn prefetch(&self) {
        /// The saved registers, and the frames that were left for the switch.
        const LINES: usize = 3;
        let context = self.0.as_ptr().cast::<*const u8>();
        // SAFETY: an `Option<Context>` is a pointer that may be null; it is copied, and nothing else than a hint comes of it.
        let top = unsafe { context.read() };
        for line in 0..LINES {
            sys::prefetch(top.wrapping_add(64 * line));
        }
    }

    /// Forgets the context: its stack will never run again (I8: the stack is leaked by whoever calls this).
    pub(crate) fn forget(&self) {
        if let Some(context) = self.0.take() {
            self.1.forget(address(&context));
        }
    }

    /// Returns true while a suspended context is kept here.
    pub(crate) fn is_filled(&self) -> bool {
        let context = self.0.take();
        let filled = context.is_some();
        self.0.set(context);
        filled
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("filled", &self.is_filled()).finish()
    }
}

/// Returns an address on the running stack.
#[inline(always)]
pub(crate) fn here() -> usize {
    let marker = 0_u8;
    sanitizer::real_address(&marker)
}

/// What runs on a fresh stack after the first switch to it.
pub(crate) trait Entry {
    /// Runs to the end of the stack's life, which is a switch away that nobody answers.
    fn run() -> !;
}

/// Returns where a suspended stack was left.
fn address(context: &Context) -> *const c_void {
    // SAFETY: a `Context` is a pointer that is not null, for C code to hold.
    unsafe { ptr::from_ref(context).cast::<*const c_void>().read() }
}

/// Stores the context that was left into the slot whose address travelled with the switch, and returns what a sanitizer
/// has to know of it.
#[inline(always)]
fn land<'a>(left: Context, from: usize) -> (&'a sanitizer::Note, *const c_void) {
    let from = from as *const Slot;
    // SAFETY: `switch` passed the address of a `Slot` that its caller keeps alive until the switch has landed, on
    // this same OS thread (I2), so nobody else touches the cell.
    let from = unsafe { &*from };
    let at = address(&left);
    from.0.set(Some(left));
    (&from.1, at)
}

extern "C" fn enter<E: Entry>(transfer: Transfer) -> ! {
    let (left, at) = land(transfer.context, transfer.data);
    sanitizer::Note::enter(left, at);
    E::run()
}

/// Prepares `slot` so that the first switch to it calls `E::run` on `stack`.
///
/// # Safety
///
/// `stack` must stay mapped and unused by anything else until `E::run` has made its last switch, or for ever (I8).
pub(crate) unsafe fn prepare<E: Entry>(slot: &Slot, stack: &Stack) {
    // `context` wants its own description of a stack: top and bottom addresses.
    // SAFETY: top and bottom delimit the mapped slot that the caller keeps for this context.
    let span = unsafe { context::stack::Stack::new(stack.top().cast(), stack.bottom().cast()) };
    // SAFETY: the caller promises that the stack outlives the context (I8), and `enter` never returns.
    let context = unsafe { Context::new(&span, enter::<E>) };
    slot.0.set(Some(context));
    slot.1.begin(stack);
}

/// Saves the running stack in `from` and resumes the one kept in `to`; returns when something resumes `from`.
///
/// # Safety
///
/// Both slots belong to this OS thread (I2), `from` is empty and stays alive until the switch has landed, the stack
/// kept in `to` is alive, and no lock guard or borrow of a thread-local is held across the call (I10).
///
/// # Panics
///
/// Panics if `to` is empty, which means that its stack runs already or was never prepared.
#[inline(always)]
pub(crate) unsafe fn switch(from: &Slot, to: &Slot) {
    let target = to.0.take().expect("a switch goes to a suspended context");
    // SAFETY: a `Context` is a pointer that is not null, for C code to hold.
    let target = unsafe { mem::transmute::<Context, *mut c_void>(target) };
    from.1.depart(&to.1);
    // SAFETY: the context was stored by `prepare` or `land`, was taken out just now and so is resumed only once. The rest
    // is the caller's promise.
    let (left, passed) = unsafe { sys::jump(target, ptr::from_ref(from) as usize) };
    // SAFETY: as above; it is what `jump_fcontext` returned, the context of the stack that was left, and not null.
    let left = unsafe { mem::transmute::<*mut c_void, Context>(left) };
    let (left, at) = land(left, passed);
    from.1.arrive(left, at);
}
