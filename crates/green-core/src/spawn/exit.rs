//! How a green thread ended.

use std::fmt;

/// How a green thread ended, as its links are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Exit {
    /// Its closure returned.
    Returned,
    /// Its closure panicked.
    Panicked,
    /// It was killed, or cancelled before its start.
    Killed,
    /// It could not run, or not run on: there was no stack for it, or its OS thread ended.
    Abandoned,
}

impl Exit {
    pub(crate) fn from_u8(exit: u8) -> Self {
        match exit {
            0 => Exit::Returned,
            1 => Exit::Panicked,
            2 => Exit::Killed,
            _ => Exit::Abandoned,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Exit::Returned => "the green thread returned",
            Exit::Panicked => "the green thread panicked",
            Exit::Killed => "the green thread was killed",
            Exit::Abandoned => "the green thread could not be run to its end",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_survives_its_number() {
        for exit in [Exit::Returned, Exit::Panicked, Exit::Killed, Exit::Abandoned] {
            assert_eq!(Exit::from_u8(exit as u8), exit);
        }
    }
}
