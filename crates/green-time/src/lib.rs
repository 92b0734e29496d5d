//! `std::time` for green threads: std's clocks and durations, and what waits by them.
//!
//! Corresponds to [`std::time`], whose stable items are all here: nothing in it waits, so they are std's own. Added are
//! [`sleep()`] and [`sleep_until`], which `std::thread` has too, and
//!
//! - [`Interval`]: ticks that do not drift,
//! - [`timeout()`]: a limit on how long a piece of code may take, whatever it waits for,
//! - [`Deadline`]: the guard under it, for code that is not one closure.
//!
//! # Examples
//!
//! ```
//! use green_time::{Duration, TimeoutError, sleep, timeout};
//!
//! let slow = timeout(Duration::from_millis(10), || {
//!     sleep(Duration::from_secs(3600));
//!     "rested"
//! });
//! assert_eq!(slow, Err(TimeoutError::Elapsed));
//!
//! let quick = timeout(Duration::from_secs(3600), || "done");
//! assert_eq!(quick, Ok("done"));
//! ```

// Nothing in these waits, so they are std's own.
pub use std::time::{Duration, Instant, SystemTime, SystemTimeError, TryFromFloatSecsError, UNIX_EPOCH};

pub use interval::{Interval, interval, interval_at};
pub use sleep::{sleep, sleep_until};
pub use timeout::{Deadline, TimeoutError, timeout, timeout_at};

mod interval;
mod sleep;
mod timeout;
