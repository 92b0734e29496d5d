//! The one clock: every reading of time in the workspace comes from here.
//!
//! Deadlines travel as [`Instant`]s, because that is what callers hold. Where many of them are kept and compared (the
//! timers), they are *ticks* instead: nanoseconds since a base that the process fixes at its first use of the clock. A
//! tick is one word, and subtracting two of them needs no check.
//!
//! That nobody else reads the time is what lets a simulation put its own clock here (I16).

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The instant that tick zero stands for.
static BASE: OnceLock<Instant> = OnceLock::new();

/// Returns the present instant of the monotonic clock.
#[inline]
pub fn now() -> Instant {
    Instant::now()
}

/// Returns the instant that is `timeout` from now; none if it is out of the clock's reach.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use green_core::clock;
///
/// assert!(clock::after(Duration::from_secs(1)).is_some_and(|deadline| deadline > clock::now()));
/// assert_eq!(clock::after(Duration::MAX), None);
/// ```
#[inline]
pub fn after(timeout: Duration) -> Option<Instant> {
    now().checked_add(timeout)
}

/// Returns the instant of tick zero.
#[inline]
fn base() -> Instant {
    *BASE.get_or_init(now)
}

/// Sets the instant of tick zero if nobody has: before a fork, whose child would wait for ever for another that was about to.
pub(crate) fn begin() {
    base();
}

/// Converts an instant to ticks.
///
/// Instants before the base, which can only be deadlines that have long passed, become tick zero; instants more than
/// 584 years after it become `u64::MAX`, which no clock reading reaches.
#[inline]
pub(crate) fn ticks(instant: Instant) -> u64 {
    nanos(instant.saturating_duration_since(base()))
}

/// Returns the whole duration in nanoseconds, `u64::MAX` if it is longer than that.
#[inline]
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_keep_order_and_distance() {
        let early = now();
        let _ = ticks(early);
        let start = now();
        let late = start + Duration::from_nanos(1_234_567_891);
        assert_eq!(ticks(late) - ticks(start), 1_234_567_891);
        assert!(ticks(start) <= ticks(now()));
    }

    #[test]
    fn instants_out_of_range_saturate() {
        let base = base();
        if let Some(past) = base.checked_sub(Duration::from_millis(1)) {
            assert_eq!(ticks(past), 0);
        }
        if let Some(far) = base.checked_add(Duration::from_secs(600 * 366 * 24 * 60 * 60)) {
            assert_eq!(ticks(far), u64::MAX);
        }
        assert_eq!(nanos(Duration::MAX), u64::MAX);
    }
}
