//! Choosing what runs green, asking what does, and why it does not.
//!
//! There are three levels at which a program can be green:
//!
//! - level 0: it names this library's modules in place of std's, or swaps them all at its root. Nothing more is needed.
//! - level 1: it chooses, before anything runs, *whether* those modules are green, as a whole or one by one; this module.
//! - level 2: C libraries and std's own calls are made green underneath. It does not exist yet, so what blocks in them
//!   blocks its OS thread; [`verify`] says so.
//!
//! The choice is made once, at the start of `main`: [`install`] or [`select`]. What comes later is refused with what has
//! been captured already, because a program of which one half is green and the other plain deadlocks in ways that are
//! hard to find. Making the same choice again is no mistake, and so each of several parts of a program may make it.
//!
//! The environment goes before the program: under `GREEN=off` everything runs plain whatever was chosen, and what
//! `GREEN_PLAIN` names does. So one binary is both.
//!
//! Follows eventlet's `monkey_patch`, `is_monkey_patched` and nova's `poison_eventlet`.
//!
//! # Examples
//!
//! ```
//! use green_core::patch::{self, Facility, Mode};
//!
//! // At the start of `main`. Where it comes too late, as in some test harnesses, the error says why.
//! if let Err(error) = patch::install(Facility::ALL) {
//!     eprintln!("{error}");
//! }
//! assert_eq!(patch::is_patched(Facility::Thread), patch::mode() == Mode::Green);
//! ```

use std::fmt;
use std::io;
use std::thread;

use thiserror::Error;

use crate::config::{self, Config, ConfigError, Selection};
use crate::hub;
use crate::sys;

pub use crate::mode::{Facilities, Facility, Mode, UnknownFacility};

/// Chooses green threads, and with them these facilities to run green; those of earlier calls stay.
///
/// The first call decides that what it does not name runs plain: its calls block the OS thread, as those of std do, and
/// with it every green thread of that hub. [`Facility::Thread`] brings [`Facility::Sync`] along.
///
/// Call it at the start of `main`, on the main thread. A call that asks for nothing new succeeds at any time.
///
/// Follows eventlet's `monkey_patch`: with nothing named there is everything, here [`Facility::ALL`].
///
/// # Errors
///
/// [`PatchError::ThreadNeeded`] if green threads are not asked for, [`PatchError::AlreadySelected`] if the program has
/// chosen to be plain, [`PatchError::TooLate`] with what has been captured, [`PatchError::Poisoned`].
pub fn install(facilities: impl Into<Facilities>) -> Result<(), PatchError> {
    let asked = with_sync(facilities.into());
    choose(|selected| {
        refuse_other(selected.mode, Mode::Green)?;
        let green = selected.green.unwrap_or(Facilities::NONE) | asked;
        if !green.contains(Facility::Thread) {
            return Err(PatchError::ThreadNeeded { asked });
        }
        Ok(Selection { mode: Some(Mode::Green), green: Some(green) })
    })
}

/// Chooses whether threads are green, with all other facilities as they are.
///
/// It is [`install`] for a program that has one switch for everything, and the way to choose that all runs plain.
///
/// # Errors
///
/// [`PatchError::AlreadySelected`] if the program has chosen the other mode before; otherwise as for [`install`].
pub fn select(mode: Mode) -> Result<(), PatchError> {
    choose(|selected| {
        refuse_other(selected.mode, mode)?;
        Ok(Selection { mode: Some(mode), ..selected })
    })
}

fn with_sync(facilities: Facilities) -> Facilities {
    if facilities.contains(Facility::Thread) { facilities | Facility::Sync } else { facilities }
}

fn refuse_other(selected: Option<Mode>, asked: Mode) -> Result<(), PatchError> {
    match selected {
        Some(selected) if selected != asked => Err(PatchError::AlreadySelected { selected, asked }),
        _ => Ok(()),
    }
}

fn choose(change: impl FnOnce(Selection) -> Result<Selection, PatchError>) -> Result<(), PatchError> {
    config::select(|selected, fixed| {
        let changed = change(selected)?;
        if changed == selected {
            return Ok(selected);
        }
        if let Some(reason) = crate::mode::poisoned() {
            return Err(PatchError::Poisoned { reason: reason.to_owned() });
        }
        let what = captured(fixed);
        if what.is_empty() { Ok(changed) } else { Err(PatchError::TooLate { what }) }
    })
}

/// Returns what a change of mode would come too late for.
fn captured(fixed: bool) -> Vec<Captured> {
    let mut what = Vec::new();
    if fixed {
        what.push(Captured::Settings);
    }
    match hub::opened() {
        0 => {}
        count => what.push(Captured::Hubs(count)),
    }
    let threads = sys::other_threads();
    if !sys::is_main_thread() {
        what.push(Captured::NotMain(thread::current().name().unwrap_or("<unnamed>").to_owned()));
    } else if !threads.is_empty() {
        what.push(Captured::Threads(threads));
    }
    what
}

/// Returns whether threads are green, as things stand: by the environment, the program's choice, or else the default.
///
/// It is `Plain` while the settings in `GREEN_*` are not valid, since nothing can be spawned then.
pub fn mode() -> Mode {
    config::effective().map_or(Mode::Plain, |config| config.mode())
}

/// Returns whether calls of this facility run green, as things stand: one that would block parks its green thread.
///
/// Asking changes nothing and captures nothing. If threads are plain, everything is: what `spawn` makes has its OS thread to
/// itself and blocks it. (The green threads that `spawn_local` makes are switched to even then.)
///
/// Follows eventlet's `is_monkey_patched`.
///
/// # Examples
///
/// ```
/// use green_core::patch::{Facility, is_patched};
///
/// let facility: Facility = "socket".parse()?;
/// println!("sockets are {}", if is_patched(facility) { "green" } else { "plain" });
/// # Ok::<(), green_core::patch::UnknownFacility>(())
/// ```
pub fn is_patched(facility: Facility) -> bool {
    config::effective().is_ok_and(|config| green_of(&config).contains(facility))
}

fn green_of(config: &Config) -> Facilities {
    match config.mode() {
        Mode::Green => Facilities::ALL.without(config.plain()),
        Mode::Plain => Facilities::NONE,
    }
}

/// Forbids green threads in this process from now on: whatever makes a hub panics with `reason`.
///
/// It is for processes that must stay plain, such as one that embeds an interpreter or runs under a server with threads of
/// its own: a mistake then fails where it is made and not as a deadlock later. Every call of this library that may wait needs a
/// hub. Hubs that exist go on; the first reason stays.
///
/// Follows nova's `poison_eventlet`.
pub fn poison(reason: impl Into<String>) {
    crate::mode::poison(reason.into());
}

/// Why what runs green cannot be chosen.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatchError {
    /// Something runs already that the change would not reach.
    #[error("too late to choose what runs green: {}", Listed(.what))]
    TooLate {
        /// What it is.
        what: Vec<Captured>,
    },
    /// The program has chosen the other mode before.
    #[error("this program has chosen to run {selected} before, and cannot run {asked} too")]
    AlreadySelected {
        /// What it chose.
        selected: Mode,
        /// What it asks for now.
        asked: Mode,
    },
    /// Facilities without the green threads that they would park.
    #[error("{asked} cannot be green without thread: there would be no green threads to park")]
    ThreadNeeded {
        /// What was asked for.
        asked: Facilities,
    },
    /// Green threads are not to be used in this process.
    #[error("green threads are not to be used in this process: {reason}")]
    Poisoned {
        /// The reason that was given to [`poison`].
        reason: String,
    },
}

impl From<PatchError> for io::Error {
    fn from(error: PatchError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

/// Something that a change of mode comes too late for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Captured {
    /// The settings are in use: something was spawned, or they were installed as a whole.
    Settings,
    /// So many OS threads have a hub already: they have waited by it.
    Hubs(usize),
    /// These OS threads run already; they may hold or wait for what would become green.
    Threads(Vec<String>),
    /// The call came from this OS thread, so the main one is past its beginning.
    NotMain(String),
}

impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Captured::Settings => f.write_str("the settings are in use"),
            Captured::Hubs(1) => f.write_str("an OS thread has a hub, because it has waited or spawned"),
            Captured::Hubs(count) => write!(f, "{count} OS threads have hubs, because they have waited or spawned"),
            Captured::Threads(names) => write!(f, "other OS threads run ({})", names.join(", ")),
            Captured::NotMain(name) => write!(f, "the call comes from OS thread '{name}', and not from the main one"),
        }
    }
}

/// Shows things in one line.
struct Listed<'a, T>(&'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, item) in self.0.iter().enumerate() {
            write!(f, "{}{item}", if i > 0 { "; " } else { "" })?;
        }
        Ok(())
    }
}

/// How green this process is, and what of it is not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Whether threads are green.
    pub mode: Mode,
    /// The facilities that run green.
    pub green: Facilities,
    /// Those that run plain.
    pub plain: Facilities,
    /// How many OS threads have had a hub so far.
    pub hubs: usize,
    /// What a program that wants to be green throughout should know.
    pub findings: Vec<Finding>,
}

/// Something that [`verify`] has found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The settings in `GREEN_*` are not valid, so nothing can be spawned.
    InvalidSettings(ConfigError),
    /// Green threads were forbidden, for this reason.
    Poisoned(String),
    /// The program has chosen these to run green, and the environment that they run plain.
    PlainByEnvironment(Facilities),
    /// OS threads that are not the library's run beside the one that asks. What they wait for in std, and what they
    /// hold of it, this library does not know of.
    ForeignThreads(Vec<String>),
    /// Calls of std and of C libraries are not made green underneath (level 2): they block their OS thread.
    NotInterposed,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::InvalidSettings(error) => write!(f, "nothing can be spawned: {error}"),
            Finding::Poisoned(reason) => write!(f, "no more hubs can be made: {reason}"),
            Finding::PlainByEnvironment(facilities) => {
                write!(f, "plain by the environment although the program has chosen them: {facilities}")
            }
            Finding::ForeignThreads(names) => {
                write!(f, "other OS threads run, whose waits in std are not green: {}", names.join(", "))
            }
            Finding::NotInterposed => {
                f.write_str("calls of std and of C libraries block their OS thread: they are not interposed (level 2)")
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |facilities: Facilities| {
            if facilities.is_empty() { "nothing".to_owned() } else { facilities.to_string() }
        };
        writeln!(f, "mode {}; green: {}; plain: {}", self.mode, list(self.green), list(self.plain))?;
        write!(f, "OS threads that have had a hub: {}", self.hubs)?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n- {finding}"))
    }
}

/// Looks at how green this process is. Changes nothing and captures nothing.
///
/// What it cannot see is a call of std that blocks a hub while it is being made; that is for a watchdog.
///
/// Follows the warnings of gevent's `patch_all`.
///
/// # Examples
///
/// ```
/// let report = green_core::patch::verify();
/// assert_eq!(report.mode, green_core::patch::mode());
/// println!("{report}");
/// ```
pub fn verify() -> Report {
    let settings = config::effective();
    let green = settings.as_ref().map_or(Facilities::NONE, green_of);
    let mut findings = Vec::new();
    let mut chosen = Facilities::NONE;
    let looked: Result<(), PatchError> = config::select(|selected, _| {
        chosen = match selected.mode {
            Some(Mode::Green) => selected.green.unwrap_or(Facilities::ALL),
            _ => Facilities::NONE,
        };
        Ok(selected)
    });
    debug_assert_eq!(looked, Ok(()), "a look changes nothing");
    let overruled = chosen.without(green);
    if let Err(error) = &settings {
        findings.push(Finding::InvalidSettings(error.clone()));
    } else if !overruled.is_empty() {
        findings.push(Finding::PlainByEnvironment(overruled));
    }
    findings.extend(crate::mode::poisoned().map(|reason| Finding::Poisoned(reason.to_owned())));
    let mut foreign = sys::other_threads();
    // Those of the library are all called so.
    foreign.retain(|name| !name.starts_with("green-"));
    if !foreign.is_empty() {
        findings.push(Finding::ForeignThreads(foreign));
    }
    findings.push(Finding::NotInterposed);
    Report {
        mode: settings.map_or(Mode::Plain, |config| config.mode()),
        green,
        plain: Facilities::ALL.without(green),
        hubs: hub::opened(),
        findings,
    }
}
