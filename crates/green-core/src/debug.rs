//! What finds mistakes in programs, and is off until it is asked for.

pub use crate::reactor::lint::prevent_multiple_readers;
