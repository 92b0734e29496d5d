//! What of the library runs green, and what of it can be told to run plain.

use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;

use thiserror::Error;

/// A part of the library that runs green, or plain: then its calls block their OS thread, as std's do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Facility {
    /// What `spawn` makes. Everything else stands on it: without green threads nothing is green.
    Thread,
    /// Locks, channels, queues and whatever else waits for another thread. It goes with [`Thread`](Self::Thread).
    Sync,
    /// Sleeping, and intervals.
    Time,
    /// Sockets, name lookups, pipes, standard streams: every descriptor that can be waited for.
    Net,
    /// Files, and all that `blocking::unblock` runs.
    Fs,
    /// Waiting for child processes and for signals.
    Process,
}

impl Facility {
    /// All of them.
    pub const ALL: [Facility; 6] =
        [Facility::Thread, Facility::Sync, Facility::Time, Facility::Net, Facility::Fs, Facility::Process];

    /// Returns its name, which is that of the module.
    pub fn name(self) -> &'static str {
        match self {
            Facility::Thread => "thread",
            Facility::Sync => "sync",
            Facility::Time => "time",
            Facility::Net => "net",
            Facility::Fs => "fs",
            Facility::Process => "process",
        }
    }

    /// Returns it as the only member of a set; `const`, where `From` is not.
    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Facility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Takes the names of our modules, and those by which eventlet and Python know the same: `socket`, `select`, `os`,
/// `threading`, `queue`, `subprocess`, `builtins`.
///
/// # Examples
///
/// ```
/// use green_core::mode::Facility;
///
/// assert_eq!("socket".parse(), Ok(Facility::Net));
/// let error = "sockets".parse::<Facility>().unwrap_err();
/// assert_eq!(error.to_string(), "there is no facility \"sockets\": there are thread, sync, time, net, fs, process");
/// ```
impl FromStr for Facility {
    type Err = UnknownFacility;

    fn from_str(name: &str) -> Result<Self, UnknownFacility> {
        Ok(match name {
            "thread" | "threading" => Facility::Thread,
            "sync" | "queue" => Facility::Sync,
            "time" => Facility::Time,
            "net" | "socket" | "select" | "io" => Facility::Net,
            "fs" | "os" | "builtins" => Facility::Fs,
            "process" | "subprocess" | "signal" => Facility::Process,
            _ => return Err(UnknownFacility { name: name.to_owned() }),
        })
    }
}

/// A name that is no facility's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no facility {name:?}: there are {}", Facilities::ALL)]
#[non_exhaustive]
pub struct UnknownFacility {
    /// The name.
    pub name: String,
}

/// A set of facilities.
///
/// # Examples
///
/// ```
/// use green_core::mode::{Facilities, Facility};
///
/// let some = Facility::Net | Facility::Time;
/// assert!(some.contains(Facility::Net) && !some.contains(Facility::Fs));
/// assert_eq!("time,net".parse(), Ok(some));
/// assert_eq!(some.without(Facility::Net).to_string(), "time");
/// assert_eq!(Facilities::from_iter(Facility::ALL), Facilities::ALL);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Facilities(u8);

impl Facilities {
    /// The empty set.
    pub const NONE: Facilities = Facilities(0);
    /// All there are.
    pub const ALL: Facilities = Facilities((1 << Facility::ALL.len()) - 1);

    /// Returns true if `facility` is in the set.
    pub const fn contains(self, facility: Facility) -> bool {
        self.0 & facility.bit() != 0
    }

    /// Returns the set with `others` in it too.
    #[must_use]
    pub fn with(self, others: impl Into<Facilities>) -> Facilities {
        Facilities(self.0 | others.into().0)
    }

    /// Returns the set with none of `others`.
    #[must_use]
    pub fn without(self, others: impl Into<Facilities>) -> Facilities {
        Facilities(self.0 & !others.into().0)
    }

    /// Returns true if nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns those that are in the set.
    pub fn iter(self) -> impl Iterator<Item = Facility> {
        Facility::ALL.into_iter().filter(move |&facility| self.contains(facility))
    }

    pub(super) const fn bits(self) -> u8 {
        self.0
    }

    pub(super) const fn from_bits(bits: u8) -> Facilities {
        Facilities(bits)
    }
}

impl From<Facility> for Facilities {
    fn from(facility: Facility) -> Facilities {
        Facilities(facility.bit())
    }
}

impl<const N: usize> From<[Facility; N]> for Facilities {
    fn from(facilities: [Facility; N]) -> Facilities {
        facilities.into_iter().collect()
    }
}

impl FromIterator<Facility> for Facilities {
    fn from_iter<I: IntoIterator<Item = Facility>>(facilities: I) -> Facilities {
        facilities.into_iter().fold(Facilities::NONE, Facilities::with)
    }
}

impl BitOr for Facility {
    type Output = Facilities;

    fn bitor(self, other: Facility) -> Facilities {
        Facilities::from(self).with(other)
    }
}

impl<T: Into<Facilities>> BitOr<T> for Facilities {
    type Output = Facilities;

    fn bitor(self, others: T) -> Facilities {
        self.with(others)
    }
}

/// Takes names with commas between them.
impl FromStr for Facilities {
    type Err = UnknownFacility;

    fn from_str(names: &str) -> Result<Self, UnknownFacility> {
        names.split(',').map(|name| name.trim().parse::<Facility>()).collect()
    }
}

impl fmt::Display for Facilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, facility) in self.iter().enumerate() {
            f.write_str(if i > 0 { ", " } else { "" })?;
            f.write_str(facility.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Facilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
