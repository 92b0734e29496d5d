//! What finds mistakes in programs, and is off until it is asked for.

pub(crate) mod watchdog;

pub use crate::reactor::lint::prevent_multiple_readers;
pub use watchdog::{Blocked, Watchdog, watchdog};
