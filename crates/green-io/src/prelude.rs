//! The traits that nearly every user of I/O needs.
//!
//! Corresponds to [`std::io::prelude`], whose traits they are.

pub use std::io::{BufRead, Read, Seek, Write};
