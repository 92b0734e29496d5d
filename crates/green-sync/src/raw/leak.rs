//! The end of an OS thread reaches the turn of an initialiser that is leaked with it (I15).

use std::ptr::NonNull;

use green_core::hub::{OnLeak, on_leak};

use super::once::RawOnce;

/// Ends the turn of the running green thread as a panic would, if that is leaked before the guard is dropped.
///
/// Whoever calls this has the turn, and keeps the guard and the borrow until it ends.
pub(super) fn poison_if_leaked(once: &RawOnce) -> Option<OnLeak> {
    let once = NonNull::from(once);
    on_leak(move || {
        // SAFETY: this runs only while the guard is there, in a frame that is leaked and not unwound: so its borrow of the
        // `Once` has not ended. What it may borrow from is there: stacks that are leaked with it stay mapped (I8), and a hub
        // that closes when thread-locals may be gone does not run this.
        unsafe { once.as_ref() }.poison();
    })
}
