//! Ticks at a fixed distance that do not drift.

use std::time::{Duration, Instant};

use green_core::mode::Facility;
use green_core::unpark::{Outcome, WaitReason};
use green_core::{clock, kill, park};

/// Ticks once per period, on a schedule that lateness does not move.
///
/// The schedule is `start`, `start + period`, `start + 2 * period` and so on. If a tick is awaited late, because the work
/// in between took longer than a period or the green thread did not get to run, it comes at once, and stands for all
/// that are due: ticks that were missed do not come in a burst afterwards, but [`missed`](Self::missed) counts them. The
/// next tick is on the schedule again.
///
/// An interval keeps no timer while nobody waits for its tick. It is an endless iterator of ticks, too.
///
/// # Examples
///
/// ```
/// use green_time::{Duration, Instant, interval};
///
/// let start = Instant::now();
/// let period = Duration::from_millis(1);
/// for tick in interval(period).take(3) {
///     assert!(tick >= start + period && tick <= Instant::now());
/// }
/// assert!(start.elapsed() >= 3 * period);
/// ```
#[derive(Clone, Debug)]
pub struct Interval {
    /// The next tick of the schedule; `None` once that is later than any clock can tell.
    next: Option<Instant>,
    period: Duration,
    missed: u64,
}

/// Returns an interval whose first tick comes a `period` from now.
///
/// # Panics
///
/// Panics if `period` is zero.
pub fn interval(period: Duration) -> Interval {
    Interval::new(clock::after(period), period)
}

/// Returns an interval whose first tick comes at `start`, which may have passed.
///
/// # Panics
///
/// Panics if `period` is zero.
///
/// # Examples
///
/// ```
/// use green_time::{Duration, Instant, interval_at};
///
/// let start = Instant::now();
/// let mut heartbeat = interval_at(start, Duration::from_secs(1));
/// assert_eq!(heartbeat.tick(), start);
/// ```
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    Interval::new(Some(start), period)
}

impl Interval {
    #[track_caller]
    fn new(next: Option<Instant>, period: Duration) -> Interval {
        assert!(!period.is_zero(), "an interval's period must not be zero");
        Interval { next, period, missed: 0 }
    }

    /// Parks the current green thread until the next tick, and returns the moment for which it was scheduled.
    ///
    /// If ticks are due already it returns at once, with the latest of them. A kill, or a
    /// [timeout](crate::timeout()) around it, ends the wait; the schedule stays as it was.
    pub fn tick(&mut self) -> Instant {
        loop {
            let now = clock::now();
            if let Some(tick) = self.take_due(now) {
                return tick;
            }
            let outcome = park::waiting_for(Facility::Time, || park::park_until(self.next, WaitReason::Interval));
            if outcome == Outcome::Interrupted {
                kill::deliver();
            }
        }
    }

    /// Returns how many ticks were left out just before the latest one, because they were due together with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_time::{Duration, Instant, interval_at};
    ///
    /// let now = Instant::now();
    /// let period = Duration::from_secs(60);
    /// // As if the last three ticks had been slept through.
    /// if let Some(start) = now.checked_sub(3 * period) {
    ///     let mut late = interval_at(start, period);
    ///     assert_eq!(late.tick(), now);
    ///     assert_eq!(late.missed(), 3);
    /// }
    /// ```
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Returns the distance between two ticks.
    pub fn period(&self) -> Duration {
        self.period
    }

    /// Begins the schedule anew: the next tick comes a period from now.
    pub fn reset(&mut self) {
        self.next = clock::after(self.period);
        self.missed = 0;
    }

    /// Takes the latest tick that is due at `now` off the schedule, and those before it.
    fn take_due(&mut self, now: Instant) -> Option<Instant> {
        let next = self.next?;
        let late = now.checked_duration_since(next)?;
        let missed = late.as_nanos() / self.period.as_nanos();
        // The part of a period that is left over is less than the lateness, so this cannot pass the clock's limits.
        let since_tick = Duration::from_nanos_u128(late.as_nanos() % self.period.as_nanos());
        let tick = now - since_tick;
        self.missed = u64::try_from(missed).unwrap_or(u64::MAX);
        self.next = tick.checked_add(self.period);
        Some(tick)
    }
}

impl Iterator for Interval {
    type Item = Instant;

    fn next(&mut self) -> Option<Instant> {
        Some(self.tick())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_nanos(10);

    #[test]
    fn ticks_stay_on_the_schedule_however_late_they_are_taken() {
        let start = clock::now();
        let at = |nanos: u64| start + Duration::from_nanos(nanos);
        let mut interval = interval_at(start, PERIOD);
        let mut check = |now, expected: Option<(u64, u64)>| {
            let taken = interval.take_due(at(now)).map(|tick| (tick, interval.missed()));
            assert_eq!(taken, expected.map(|(tick, missed)| (at(tick), missed)), "at {now}");
        };
        check(0, Some((0, 0)));
        check(9, None);
        check(13, Some((10, 0)));
        check(19, None);
        check(20, Some((20, 0)));
        check(59, Some((50, 2)));
        check(59, None);
        check(60, Some((60, 0)));
        check(1_000_007, Some((1_000_000, 99_993)));
        check(1_000_010, Some((1_000_010, 0)));
    }

    #[test]
    fn a_schedule_may_end_with_the_clock() {
        let mut interval = interval_at(clock::now(), Duration::MAX);
        interval.tick();
        assert_eq!(interval.next, None);
        assert_eq!(super::interval(Duration::MAX).next, None);
    }

    #[test]
    #[should_panic(expected = "an interval's period must not be zero")]
    fn a_period_of_zero_is_refused() {
        interval(Duration::ZERO);
    }
}
