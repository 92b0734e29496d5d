//! Sleeping: `sleep` and `sleep_until`.

use std::time::{Duration, Instant};

use green_core::mode::Facility;
use green_core::unpark::{Outcome, WaitReason};
use green_core::{clock, kill, park};

/// Parks the current green thread for at least `dur`; other green threads run meanwhile.
///
/// Corresponds to [`std::thread::sleep`], and is about as precise. A `dur` of zero lets the others run once. A kill, or
/// a [timeout](crate::timeout()) around it, ends the sleep.
///
/// # Examples
///
/// ```
/// use green_time::{Duration, Instant, sleep};
///
/// let before = Instant::now();
/// sleep(Duration::from_millis(2));
/// assert!(before.elapsed() >= Duration::from_millis(2));
/// ```
pub fn sleep(dur: Duration) {
    if dur.is_zero() {
        return park::yield_now();
    }
    match clock::after(dur) {
        Some(deadline) => park::sleep_until(deadline),
        None => sleep_for_ever(),
    }
}

/// Parks the current green thread until `deadline`, or lets the others run once if that has passed.
///
/// # Examples
///
/// ```
/// use green_time::{Duration, Instant, sleep_until};
///
/// let deadline = Instant::now() + Duration::from_millis(2);
/// sleep_until(deadline);
/// assert!(Instant::now() >= deadline);
/// ```
pub fn sleep_until(deadline: Instant) {
    if deadline <= clock::now() {
        return park::yield_now();
    }
    park::sleep_until(deadline);
}

/// Sleeps until a moment that no clock can tell.
fn sleep_for_ever() {
    loop {
        if park::waiting_for(Facility::Time, || park::park(WaitReason::Sleep)) == Outcome::Interrupted {
            kill::deliver();
        }
    }
}
