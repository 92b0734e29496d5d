//! Completions that need not be `Send`: they stay with their OS thread while the task is elsewhere.
//!
//! What travels is a number. The completion lies in a thread-local map of the OS thread that made it, which drops it
//! when the OS thread ends.

use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

thread_local! {
    static KEPT: RefCell<HashMap<u64, Box<dyn Any>>> = RefCell::default();
}

/// No number is used twice, so on another OS thread a number is simply not found.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// The right to a value that lies with the OS thread that made this.
pub(super) struct Kept<F> {
    number: u64,
    value: PhantomData<fn() -> F>,
}

impl<F: 'static> Kept<F> {
    /// Keeps `value` on this OS thread.
    pub(super) fn new(value: F) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        KEPT.with_borrow_mut(|kept| kept.insert(number, Box::new(value)));
        Self { number, value: PhantomData }
    }

    /// Takes the value back, on the OS thread that keeps it.
    pub(super) fn take(self) -> Option<F> {
        let value = remove(self.number)?;
        // The right is used up either way: `drop` finds nothing.
        value.downcast().ok().map(|value| *value)
    }
}

impl<F> Drop for Kept<F> {
    fn drop(&mut self) {
        drop(remove(self.number));
    }
}

/// Takes a value out of this OS thread's map; its destructor may use the map again.
fn remove(number: u64) -> Option<Box<dyn Any>> {
    // In the last moments of an OS thread the map is gone, with all that was in it.
    KEPT.try_with(|kept| kept.borrow_mut().remove(&number)).ok().flatten()
}
