//! What `spawn` makes: green threads or OS threads.

use std::fmt;

/// Whether spawned threads are green.
///
/// A program's source does not change between the two. `GREEN=off` in the environment turns a program plain, for
/// instance to learn whether a fault is in the program or in its being green.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// `spawn` makes green threads.
    #[default]
    Green,
    /// `spawn` starts OS threads, each the root of a hub of its own. Nothing else changes (I14).
    Plain,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Green => "green",
            Mode::Plain => "plain",
        })
    }
}
