//! `Permits` at its limits. How it works is told, and modelled, in its own file; green-sync's `Semaphore` tests the rest.

use std::panic::{AssertUnwindSafe, catch_unwind};

use green_core::permits::Permits;

#[test]
fn more_than_can_be_counted_is_not_taken_away() {
    let permits = Permits::new(2);
    permits.reduce(Permits::MAX);
    assert_eq!(permits.free(), 2 - Permits::MAX.cast_signed());
    // Up to here, and no further.
    permits.reduce(2);
    for count in [1, usize::MAX] {
        assert!(catch_unwind(AssertUnwindSafe(|| permits.reduce(count))).is_err());
        assert_eq!(permits.free(), -Permits::MAX.cast_signed(), "nothing has changed");
    }
    permits.release(Permits::MAX);
    assert_eq!(permits.free(), 0);
    permits.release(1);
    assert_eq!(permits.try_acquire(), Ok(()));
}

#[test]
fn a_reduction_that_is_refused_takes_nothing_of_what_is_free() {
    let permits = Permits::new(3);
    assert!(catch_unwind(AssertUnwindSafe(|| permits.reduce(Permits::MAX + 4))).is_err());
    assert_eq!((permits.free(), permits.available()), (3, 3));
    assert_eq!(permits.try_acquire(), Ok(()));
    permits.release(1);
    assert_eq!(permits.available(), 3);
}
