//! The number of a signal, with its name.

use std::fmt;

use libc::c_int;

/// One signal: a number between 1 and 64.
///
/// # Examples
///
/// ```
/// use green_process::signal::{SIGTERM, Signal};
///
/// assert_eq!(Signal::from_raw(15), Some(SIGTERM));
/// assert_eq!(SIGTERM.to_string(), "SIGTERM");
/// assert_eq!(SIGTERM.as_raw(), 15);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(u8);

/// The highest signal number.
const LAST: u8 = 64;

impl Signal {
    /// Returns the signal of a number, such as that of a `libc` constant or of `ExitStatusExt::signal`.
    pub const fn from_raw(number: i32) -> Option<Signal> {
        if number >= 1 && number <= LAST as i32 { Some(Signal(number as u8)) } else { None }
    }

    /// Returns the number.
    pub const fn as_raw(self) -> i32 {
        self.0 as i32
    }

    /// Returns the name, if it has one.
    fn name(self) -> Option<&'static str> {
        NAMES.iter().find(|(signal, _)| *signal == self).map(|(_, name)| *name)
    }
}

const fn known(number: c_int) -> Signal {
    Signal(number as u8)
}

/// The terminal or the connection has gone; by custom: read the settings again.
pub const SIGHUP: Signal = known(libc::SIGHUP);
/// Ctrl-C.
pub const SIGINT: Signal = known(libc::SIGINT);
/// Ctrl-\\.
pub const SIGQUIT: Signal = known(libc::SIGQUIT);
/// The program's own.
pub const SIGUSR1: Signal = known(libc::SIGUSR1);
/// The program's own.
pub const SIGUSR2: Signal = known(libc::SIGUSR2);
/// A write to a pipe that nobody reads. Rust programs ignore it from the start.
pub const SIGPIPE: Signal = known(libc::SIGPIPE);
/// The alarm clock of `alarm(2)`.
pub const SIGALRM: Signal = known(libc::SIGALRM);
/// Please end.
pub const SIGTERM: Signal = known(libc::SIGTERM);
/// A child has ended, stopped or gone on. [`Child::wait`](crate::Child::wait) does not need it.
pub const SIGCHLD: Signal = known(libc::SIGCHLD);
/// The process goes on after a stop.
pub const SIGCONT: Signal = known(libc::SIGCONT);
/// Ctrl-Z.
pub const SIGTSTP: Signal = known(libc::SIGTSTP);
/// A read from the terminal by a process in the background.
pub const SIGTTIN: Signal = known(libc::SIGTTIN);
/// A write to the terminal by a process in the background.
pub const SIGTTOU: Signal = known(libc::SIGTTOU);
/// Urgent data on a socket.
pub const SIGURG: Signal = known(libc::SIGURG);
/// The terminal's window has another size.
pub const SIGWINCH: Signal = known(libc::SIGWINCH);
/// A descriptor is ready, for those who asked for a signal.
pub const SIGIO: Signal = known(libc::SIGIO);

const NAMES: &[(Signal, &str)] = &[
    (SIGHUP, "SIGHUP"),
    (SIGINT, "SIGINT"),
    (SIGQUIT, "SIGQUIT"),
    (known(libc::SIGILL), "SIGILL"),
    (known(libc::SIGTRAP), "SIGTRAP"),
    (known(libc::SIGABRT), "SIGABRT"),
    (known(libc::SIGBUS), "SIGBUS"),
    (known(libc::SIGFPE), "SIGFPE"),
    (known(libc::SIGKILL), "SIGKILL"),
    (SIGUSR1, "SIGUSR1"),
    (known(libc::SIGSEGV), "SIGSEGV"),
    (SIGUSR2, "SIGUSR2"),
    (SIGPIPE, "SIGPIPE"),
    (SIGALRM, "SIGALRM"),
    (SIGTERM, "SIGTERM"),
    (SIGCHLD, "SIGCHLD"),
    (SIGCONT, "SIGCONT"),
    (known(libc::SIGSTOP), "SIGSTOP"),
    (SIGTSTP, "SIGTSTP"),
    (SIGTTIN, "SIGTTIN"),
    (SIGTTOU, "SIGTTOU"),
    (SIGURG, "SIGURG"),
    (SIGWINCH, "SIGWINCH"),
    (SIGIO, "SIGIO"),
];

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => f.pad(&format!("signal {}", self.0)),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Signal> for i32 {
    fn from(signal: Signal) -> Self {
        signal.as_raw()
    }
}
