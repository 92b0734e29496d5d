//! The completions that an OS thread is in the middle of: when it ends, whoever waits for one of them is told.
//!
//! A completion that is parked when its OS thread ends never runs again, nor do its destructors (the architecture's
//! I15). It is leaked; but its end is not to be waited for.

use std::cell::RefCell;
use std::sync::Arc;

use super::flight::InFlight;

thread_local! {
    static UNDERWAY: Underway = Underway::default();
}

/// Nearly always none or one: completions run one at a time, but for those that were waited for inline.
#[derive(Default)]
struct Underway(RefCell<Vec<Arc<dyn InFlight>>>);

impl Drop for Underway {
    fn drop(&mut self) {
        for flight in self.0.take() {
            flight.end();
        }
    }
}

/// Begins the completion of `flight` on this OS thread.
pub(super) fn begin(flight: Arc<dyn InFlight>) {
    // In the last moments of an OS thread there is no list, and nobody who would look at it.
    let _ = UNDERWAY.try_with(|underway| underway.0.borrow_mut().push(flight));
}

/// Ends it.
pub(super) fn end(flight: &Arc<dyn InFlight>) {
    let ended = UNDERWAY.try_with(|underway| {
        let mut list = underway.0.borrow_mut();
        let place = list.iter().position(|other| Arc::ptr_eq(other, flight))?;
        Some(list.swap_remove(place))
    });
    // Dropped only now, without the borrow.
    drop(ended);
}
