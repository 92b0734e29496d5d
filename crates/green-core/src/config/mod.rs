//! The settings of the process: from a builder or from `GREEN_*`, fixed at the first use.
//!
//! | variable | builder | values | default |
//! |---|---|---|---|
//! | `GREEN` | [`mode`](ConfigBuilder::mode) | `on`, `off` | `on` |
//! | `GREEN_HUBS` | [`hubs`](ConfigBuilder::hubs) | 0 to 1024 | as many as there are processors |
//! | `GREEN_STACK_SIZE` | [`stack_size`](ConfigBuilder::stack_size) | 1 to 64 GiB, in bytes | `RUST_MIN_STACK`, or 2 MiB |
//! | `GREEN_BLOCKING_THREADS` | [`blocking_threads`](ConfigBuilder::blocking_threads) | 1 to 32768 | 512 |
//! | `GREEN_TPOOL_SIZE` | [`tpool_size`](ConfigBuilder::tpool_size) | 0 to 32768 | 20 |
//! | `GREEN_PLAIN` | [`plain`](ConfigBuilder::plain) | some of `time`, `net`, `fs`, `process`, with commas between them | none |
//!
//! A value that is not allowed is an error, which comes back from everything that can return one, every time: a
//! program should not run for weeks with settings that nobody chose. A variable that is set to the empty string counts
//! as not set.
//!
//! A variable that begins with `GREEN_` and is not in the table is an error only if it looks like a slip of the pen
//! (`GREEN_HUB`), because a process may have others, `GREEN_URL` in a blue-green deployment say, which are not ours to
//! judge.

use std::fmt;
use std::num::NonZero;
use std::sync::OnceLock;
use std::{env, io, thread};

use thiserror::Error;

use crate::mode::{self, Facilities, Facility, Mode};
use crate::process_lock::{Held, ProcessLock, keep};

mod selection;
mod variables;

pub(crate) use selection::{Selection, effective, select};

/// The most worker hubs that can be asked for.
const MAX_HUBS: usize = 1024;
/// The largest stack that can be asked for, 64 GiB; saturated where addresses are shorter.
const MAX_STACK_SIZE: usize = if usize::BITS > 36 { 1 << (36 % usize::BITS) } else { usize::MAX };
/// The size of std's stacks.
const DEFAULT_STACK_SIZE: usize = 2 << 20;
/// The most OS threads of one blocking pool that can be asked for: the kernel's own default limit on all threads.
const MAX_BLOCKING_THREADS: usize = 1 << 15;
/// Blocking threads sleep in the kernel, so their number follows the program's concurrency, not the processors.
const DEFAULT_BLOCKING_THREADS: usize = 512;
/// What eventlet has: programs give their database as many connections.
const DEFAULT_TPOOL_SIZE: usize = 20;

/// What the process runs with once something has asked.
static INSTALLED: OnceLock<Result<Config, ConfigError>> = OnceLock::new();

/// Held while that is set, lest a fork come in the middle: the child would wait for ever for the rest.
static FIXING: ProcessLock<()> = ProcessLock::new(());

/// Takes the locks of the settings, until the value is dropped: for a fork.
pub(crate) fn hold() -> Held {
    let fixing = FIXING.lock();
    keep((fixing, selection::hold()))
}

/// Settings of a process, all of them valid.
///
/// # Examples
///
/// ```
/// use green_core::config::Config;
///
/// let config = Config::builder().hubs(2).stack_size(64 << 10).build()?;
/// assert_eq!(config.hubs(), 2);
/// config.install()?;
/// # Ok::<(), green_core::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    mode: Mode,
    hubs: usize,
    stack_size: usize,
    blocking_threads: usize,
    tpool_size: usize,
    plain: Facilities,
}

impl Config {
    /// Returns a builder that starts from the defaults. It does not look at `GREEN_*`.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder {
            config: Config {
                mode: Mode::default(),
                hubs: thread::available_parallelism().map_or(1, NonZero::get).min(MAX_HUBS),
                stack_size: default_stack_size(),
                blocking_threads: DEFAULT_BLOCKING_THREADS,
                tpool_size: DEFAULT_TPOOL_SIZE,
                plain: Facilities::NONE,
            },
        }
    }

    /// Returns the settings that the environment asks for.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for the first variable with a value that is not allowed,
    /// [`ConfigError::Misspelt`] for one that looks like one of ours and is not.
    pub fn from_env() -> Result<Config, ConfigError> {
        variables::read(env::vars_os())
    }

    /// Makes these the settings of the process, in place of the environment's.
    ///
    /// Call it at the start of `main`, before anything is spawned.
    ///
    /// # Errors
    ///
    /// [`ConfigError::TooLate`] if settings were installed before or are in use already.
    pub fn install(self) -> Result<(), ConfigError> {
        let plain = self.plain;
        let _fixing = FIXING.lock();
        INSTALLED.set(Ok(self)).map_err(|_| ConfigError::TooLate)?;
        mode::set_plain(plain);
        Ok(())
    }

    /// Returns whether `spawn` makes green threads.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns the number of worker hubs; with 0, everything runs on the hub of the OS thread that spawns it.
    pub fn hubs(&self) -> usize {
        self.hubs
    }

    /// Returns the size of the stacks of green threads that ask for none, in bytes.
    pub fn stack_size(&self) -> usize {
        self.stack_size
    }

    /// Returns how many OS threads the blocking pool may have at most.
    pub fn blocking_threads(&self) -> usize {
        self.blocking_threads
    }

    /// Returns how many OS threads run the calls that `tpool` is given; with 0, they are made in place.
    pub fn tpool_size(&self) -> usize {
        self.tpool_size
    }

    /// Returns the facilities that run plain although threads are green.
    pub fn plain(&self) -> Facilities {
        self.plain
    }
}

/// Builds a [`Config`]; settings that are not named keep their defaults.
///
/// # Examples
///
/// Settings of the program's own, on top of what the environment asks for:
///
/// ```
/// use green_core::config::{Config, ConfigBuilder, ConfigError};
///
/// let config = ConfigBuilder::from(Config::from_env()?).blocking_threads(8).build()?;
/// assert_eq!(config.blocking_threads(), 8);
///
/// assert!(matches!(Config::builder().hubs(5000).build(), Err(ConfigError::OutOfRange { .. })));
/// # Ok::<(), ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ConfigBuilder {
    /// Not checked yet.
    config: Config,
}

impl ConfigBuilder {
    /// Sets whether `spawn` makes green threads.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.config.mode = mode;
        self
    }

    /// Sets the number of worker hubs, each an OS thread of its own; 0 puts everything on the spawning OS thread.
    pub fn hubs(mut self, hubs: usize) -> Self {
        self.config.hubs = hubs;
        self
    }

    /// Sets the size of the stacks of green threads that ask for none, in bytes; it is rounded up.
    pub fn stack_size(mut self, stack_size: usize) -> Self {
        self.config.stack_size = stack_size;
        self
    }

    /// Sets how many OS threads the blocking pool may have at most.
    pub fn blocking_threads(mut self, blocking_threads: usize) -> Self {
        self.config.blocking_threads = blocking_threads;
        self
    }

    /// Sets how many OS threads run the calls that `tpool` is given; with 0, they are made in place and block their hub.
    pub fn tpool_size(mut self, tpool_size: usize) -> Self {
        self.config.tpool_size = tpool_size;
        self
    }

    /// Sets the facilities that run plain although threads are green: their calls block the OS thread. `Thread` and `Sync`
    /// in it count for nothing; they are what [`mode`](Self::mode) is about.
    pub fn plain(mut self, plain: impl Into<Facilities>) -> Self {
        self.config.plain = plain.into().without(Facility::Thread | Facility::Sync);
        self
    }

    /// Checks the settings.
    ///
    /// # Errors
    ///
    /// [`ConfigError::OutOfRange`] for the first that is too small or too large.
    pub fn build(self) -> Result<Config, ConfigError> {
        let Config { mode: _, hubs, stack_size, blocking_threads, tpool_size, plain: _ } = self.config;
        check("hubs", hubs, 0, MAX_HUBS)?;
        check("stack_size", stack_size, 1, MAX_STACK_SIZE)?;
        check("blocking_threads", blocking_threads, 1, MAX_BLOCKING_THREADS)?;
        check("tpool_size", tpool_size, 0, MAX_BLOCKING_THREADS)?;
        Ok(self.config)
    }
}

impl From<Config> for ConfigBuilder {
    fn from(config: Config) -> Self {
        ConfigBuilder { config }
    }
}

fn check(setting: &'static str, value: usize, min: usize, max: usize) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) { Ok(()) } else { Err(ConfigError::OutOfRange { setting, value, min, max }) }
}

/// Returns the settings of the process, which the first call fixes: those that were installed, or else the
/// environment's, with what `green::patch` has chosen where the environment says nothing.
///
/// # Errors
///
/// Those of [`Config::from_env`], again at each call.
pub fn get() -> Result<&'static Config, ConfigError> {
    let settings = INSTALLED.get().unwrap_or_else(|| {
        let _fixing = FIXING.lock();
        INSTALLED.get_or_init(selection::fix)
    });
    settings.as_ref().map_err(Clone::clone)
}

/// Returns the stack size that std's threads have. Like std, it ignores a value that is no number.
fn default_stack_size() -> usize {
    let asked = env::var("RUST_MIN_STACK").ok().and_then(|value| value.parse().ok());
    asked.unwrap_or(DEFAULT_STACK_SIZE).clamp(1, MAX_STACK_SIZE)
}

/// Why settings were refused.
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// An environment variable has a value that is not allowed.
    #[error("the environment variable {variable} is {value:?}, but must be {expected}")]
    Invalid {
        /// The variable's name.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What its value may be.
        expected: String,
    },
    /// An environment variable looks like one of ours and is not.
    #[error("the environment variable {variable} is unknown, did you mean {meant}? (known are {})", variables::known())]
    Misspelt {
        /// The variable's name.
        variable: String,
        /// The known variable that is most like it.
        meant: &'static str,
    },
    /// A setting given to the builder is too small or too large.
    #[error("{setting} is {value}, but must be from {min} to {max}")]
    OutOfRange {
        /// The builder's method.
        setting: &'static str,
        /// What it was given.
        value: usize,
        /// The least that it takes.
        min: usize,
        /// The most that it takes.
        max: usize,
    },
    /// Settings were installed before, or are in use already.
    #[error("the settings of the process are fixed already: install them once, before anything is spawned")]
    TooLate,
}

/// As `Display`: a `main` that returns the error, and a panic, show it to a person.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ConfigError> for io::Error {
    fn from(error: ConfigError) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_the_builder() {
        let check = |builder: ConfigBuilder, expected: Option<&str>| {
            let refused = builder.build().err().map(|error| error.to_string());
            assert_eq!(refused.as_deref(), expected);
        };
        check(Config::builder(), None);
        check(Config::builder().hubs(0), None);
        check(Config::builder().hubs(1024), None);
        check(Config::builder().hubs(1025), Some("hubs is 1025, but must be from 0 to 1024"));
        check(Config::builder().stack_size(1), None);
        check(Config::builder().stack_size(0), Some("stack_size is 0, but must be from 1 to 68719476736"));
        check(Config::builder().blocking_threads(1), None);
        check(Config::builder().blocking_threads(0), Some("blocking_threads is 0, but must be from 1 to 32768"));
        check(Config::builder().tpool_size(0), None);
        check(Config::builder().tpool_size(40_000), Some("tpool_size is 40000, but must be from 0 to 32768"));
    }

    #[test]
    fn an_error_is_invalid_input() {
        let error = io::Error::from(Config::builder().hubs(9999).build().expect_err("too many"));
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "hubs is 9999, but must be from 0 to 1024");
    }
}
