//! `std::panic` for green threads: std's own items, and hooks that do not switch.
//!
//! Corresponds to [`std::panic`](mod@std::panic).
//!
//! **Differences.** While a panic hook runs, its green thread is not suspended ([`no_switch`]): std holds a lock around
//! the hook, and the OS thread is marked as one that runs its hook, so that a neighbour's panic would abort the process.
//! What would park in a hook blocks the OS thread instead. Besides, the hook that is there from the start says which
//! green thread panics, before std's own message, which can only name the OS thread.

use std::any::Any;
use std::{mem, panic as std_panic};

use crate::park::no_switch;
use crate::spawn::naming;

#[expect(deprecated, reason = "std still has the old name of `PanicHookInfo`")]
pub use std::panic::PanicInfo;
// Nothing in these waits, so they are std's own.
pub use std::panic::{
    AssertUnwindSafe, Location, PanicHookInfo, RefUnwindSafe, UnwindSafe, catch_unwind, panic_any, resume_unwind,
};

/// Registers a hook that is called when a thread, green or not, begins to panic; it replaces the one before.
///
/// Corresponds to [`std::panic::set_hook`]. The hook runs with switching off. A killed green thread calls no hook, since
/// a kill is not an error.
///
/// # Panics
///
/// Panics if called from a panicking thread.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// static PANICS: AtomicUsize = AtomicUsize::new(0);
///
/// green_core::panic::set_hook(Box::new(|_| {
///     PANICS.fetch_add(1, Ordering::Relaxed);
/// }));
/// assert!(green_core::panic::catch_unwind(|| panic!("counted, not reported")).is_err());
/// assert_eq!(PANICS.load(Ordering::Relaxed), 1);
/// ```
pub fn set_hook(hook: Box<dyn Fn(&PanicHookInfo<'_>) + Sync + Send + 'static>) {
    // First, so that it does not come to stand before the user's hook later.
    naming::install();
    std_panic::set_hook(Box::new(move |info| no_switch(|| hook(info))));
}

/// Unregisters the present hook and returns it; the one that is there from the start takes its place.
///
/// Corresponds to [`std::panic::take_hook`].
///
/// # Panics
///
/// Panics if called from a panicking thread.
///
/// # Examples
///
/// A hook that adds to what the one before it reports:
///
/// ```
/// use green_core::panic;
///
/// let previous = panic::take_hook();
/// panic::set_hook(Box::new(move |info| {
///     // Leave a mark for the operator here, then:
///     previous(info);
/// }));
/// ```
pub fn take_hook() -> Box<dyn Fn(&PanicHookInfo<'_>) + Sync + Send + 'static> {
    naming::install();
    let hook = std_panic::take_hook();
    // std has put its default hook in the other's place, which knows nothing of green threads.
    naming::put_before_present_hook();
    hook
}

/// Drops what a panic was raised with that goes no further. If the destructor panics in turn, what *that* was raised with
/// is leaked: its destructor is not tried.
#[doc(hidden)]
pub fn drop_payload(payload: Box<dyn Any + Send>) {
    catch_unwind(AssertUnwindSafe(|| drop(payload))).unwrap_or_else(mem::forget);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    struct Bomb(#[expect(dead_code, reason = "it is dropped")] Arc<()>);

    impl Drop for Bomb {
        fn drop(&mut self) {
            std_panic::panic_any("a panic that this test expects to see");
        }
    }

    #[test]
    fn a_payload_is_dropped_even_if_its_destructor_panics() {
        let kept = Arc::new(());
        drop_payload(Box::new(Arc::clone(&kept)));
        drop_payload(Box::new(Bomb(Arc::clone(&kept))));
        assert_eq!(Arc::strong_count(&kept), 1);
    }
}
