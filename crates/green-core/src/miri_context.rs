//! The context switch under Miri: a stand-in for `context.rs`, where each stack is an OS thread that waits for its turn.
//!
//! Miri interprets Rust and knows no assembler. What it is wanted for lies above the switch: records, queues, packets and
//! greenlets, which are reached from many stacks. Here a stack is an OS thread, of which one per hub runs at a time: a switch
//! gives the turn away and waits until it comes back. The lock of a [`Seat`] orders what the two did, as one OS thread orders what
//! is done on it, so that Miri finds the data races between hubs and imagines none within one.
//!
//! What differs: thread-locals and the panic count are those of a stack and not of an OS thread (the pointer to the hub is
//! carried along), a stack that has ended leaves its OS thread waiting for ever, and [`Stack`]s are addresses without memory.

use std::cell::{Cell, OnceCell};
use std::fmt;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use crate::current::{self, Carried};
use crate::stack::Stack;

/// Where the OS thread of a suspended stack waits.
#[derive(Default)]
struct Seat {
    /// The hub that has given it the turn.
    turn: Mutex<Option<Carried>>,
    given: Condvar,
}

impl Seat {
    fn give_turn(&self, hub: Carried) {
        *self.turn.lock() = Some(hub);
        self.given.notify_one();
    }

    fn wait_for_turn(&self) {
        let mut turn = self.turn.lock();
        loop {
            if let Some(hub) = turn.take() {
                drop(turn);
                return current::continue_on(hub);
            }
            self.given.wait(&mut turn);
        }
    }
}

thread_local! {
    static OWN: OnceCell<Arc<Seat>> = const { OnceCell::new() };
    /// An address of the stack that this OS thread stands for; none for its own.
    static HERE: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Where the context of a suspended stack is kept; empty while that stack runs.
pub(crate) struct Slot(Cell<Option<Arc<Seat>>>);

impl Slot {
    pub(crate) const fn empty() -> Self {
        Self(Cell::new(None))
    }

    /// Makes one for stacks that have ended: what is left here is never resumed.
    pub(crate) const fn nowhere() -> Self {
        Self::empty()
    }

    pub(crate) fn prefetch(&self) {}

    pub(crate) fn forget(&self) {
        self.0.set(None);
    }

    pub(crate) fn is_filled(&self) -> bool {
        let seat = self.0.take();
        let filled = seat.is_some();
        self.0.set(seat);
        filled
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("filled", &self.is_filled()).finish()
    }
}

/// What runs on a fresh stack after the first switch to it.
pub(crate) trait Entry {
    /// Runs to the end of the stack's life, which is a switch away that nobody answers.
    fn run() -> !;
}

/// Returns an address on the running stack.
pub(crate) fn here() -> usize {
    let marker = 0_u8;
    HERE.get().unwrap_or((&raw const marker).addr())
}

/// Prepares `slot` so that the first switch to it calls `E::run` on what stands for `stack`.
///
/// # Safety
///
/// None here; see `context.rs`.
pub(crate) unsafe fn prepare<E: Entry>(slot: &Slot, stack: &Stack) {
    let seat = Arc::new(Seat::default());
    slot.0.set(Some(Arc::clone(&seat)));
    let here = stack.bottom().addr();
    let begun = std::thread::Builder::new().name("green-stack".to_owned()).spawn(move || {
        OWN.with(|own| own.set(Arc::clone(&seat)).is_ok());
        HERE.set(Some(here));
        seat.wait_for_turn();
        drop(seat);
        E::run()
    });
    begun.expect("Miri has room for another OS thread");
}

/// Gives the turn to the stack kept in `to`, and returns when something gives it back by way of `from`.
///
/// # Safety
///
/// None here; see `context.rs`.
///
/// # Panics
///
/// Panics if `to` is empty, which means that its stack runs already or was never prepared.
pub(crate) unsafe fn switch(from: &Slot, to: &Slot) {
    let target = to.0.take().expect("a switch goes to a suspended context");
    let own = OWN.with(|own| Arc::clone(own.get_or_init(Arc::default)));
    from.0.set(Some(Arc::clone(&own)));
    target.give_turn(current::carry());
    drop(target);
    own.wait_for_turn();
}
