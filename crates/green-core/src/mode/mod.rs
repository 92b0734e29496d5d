//! What runs green and what plain: the mode, which is what `spawn` makes, and the facilities.
//!
//! Both are settings of the process (`config`), fixed at the first use. A facility that is to run plain waits as
//! inside `no_switch`: the OS thread waits, and with it whoever else is on its hub. That costs a look at one word per
//! wait, and none where no descriptor, clock or pool is waited for.

mod facility;

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

pub use facility::{Facilities, Facility, UnknownFacility};

/// The facilities that run plain although threads are green. Written once, when the settings are fixed; with no more than one
/// root there is nobody else to run before that.
static PLAIN: AtomicU8 = AtomicU8::new(0);

/// Why no hub is to be made any more.
static POISON: OnceLock<String> = OnceLock::new();

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

/// Puts the settings into force: of `plain`, which calls wait in place.
pub(crate) fn set_plain(plain: Facilities) {
    PLAIN.store(plain.bits(), Ordering::Relaxed);
}

/// Returns true if waits of `facility` are to be in place.
#[inline]
pub(crate) fn is_plain(facility: Facility) -> bool {
    Facilities::from_bits(PLAIN.load(Ordering::Relaxed)).contains(facility)
}

/// Returns true if any facility is to run plain.
#[inline]
pub(crate) fn is_any_plain() -> bool {
    PLAIN.load(Ordering::Relaxed) != 0
}

/// Sets the reason why no hub is to be made any more; the first one stays.
pub(crate) fn poison(reason: String) {
    let _ = POISON.set(reason);
}

/// Returns the reason why no hub is to be made any more, if there is one.
pub(crate) fn poisoned() -> Option<&'static str> {
    POISON.get().map(String::as_str)
}

/// Refuses to make a hub if that was asked for.
///
/// # Panics
///
/// Panics with the reason that was given.
pub(crate) fn check_poison() {
    if let Some(reason) = poisoned()
        // A destructor in an unwinding would end the process.
        && !std::thread::panicking()
    {
        panic!("green threads are not to be used in this process: {reason}");
    }
}
