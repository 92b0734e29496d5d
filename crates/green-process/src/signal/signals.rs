//! A listener for signals.

use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::io::Pollable;
use green_core::unpark::WaitReason;

use super::Signal;
use crate::sys::{self, Handler};

/// These cannot be handled.
const NEVER: [libc::c_int; 2] = [libc::SIGKILL, libc::SIGSTOP];

/// Listens for some signals, from its creation until it is dropped.
///
/// What arrives while nobody waits is kept, once for each kind. One green thread or OS thread waits at a time; make a
/// listener for each. See the [module](super) for what becomes of a signal's default action.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use green_process::signal::{SIGUSR1, SIGUSR2, Signals};
///
/// # fn main() -> std::io::Result<()> {
/// let mut signals = Signals::new([SIGUSR1, SIGUSR2])?;
/// let command = format!("kill -USR2 {}", green_process::id());
/// green_process::Command::new("sh").args(["-c", &command]).status()?;
/// assert_eq!(signals.wait()?, SIGUSR2);
/// assert_eq!(signals.wait_timeout(Duration::from_millis(1))?, None);
/// # Ok(())
/// # }
/// ```
pub struct Signals {
    handler: Pollable<Handler>,
    /// Those that arrived and were not returned yet: a bit each.
    arrived: u64,
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for a signal that cannot be handled (`SIGKILL`, `SIGSTOP`) or that a program must not return from
    /// (`SIGSEGV`, `SIGBUS`, `SIGILL`, `SIGFPE`); otherwise the OS error, such as no descriptor left.
    pub fn new<I>(signals: I) -> io::Result<Signals>
    where
        I: IntoIterator<Item = Signal>,
    {
        let mut handler = Handler::new()?;
        for signal in signals {
            if NEVER.contains(&signal.as_raw()) || sys::FAULTS.contains(&signal.as_raw()) {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{signal} cannot be listened for")));
            }
            handler.add(signal.as_raw())?;
        }
        Ok(Self { handler: Pollable::sole(handler), arrived: 0 })
    }

    /// Waits for the next signal and returns which it was; of several that have arrived, the one with the lowest number.
    /// A kill point.
    ///
    /// # Errors
    ///
    /// The OS error if the hub cannot wait for another descriptor.
    pub fn wait(&mut self) -> io::Result<Signal> {
        loop {
            if let Some(signal) = self.wait_by(None)? {
                return Ok(signal);
            }
        }
    }

    /// Waits as [`wait`](Self::wait) does, for `timeout` at most; then returns `None`.
    ///
    /// # Errors
    ///
    /// See [`wait`](Self::wait).
    pub fn wait_timeout(&mut self, timeout: Duration) -> io::Result<Option<Signal>> {
        self.wait_by(clock::after(timeout))
    }

    /// Waits as [`wait`](Self::wait) does, until `deadline` at most; then returns `None`.
    ///
    /// # Errors
    ///
    /// See [`wait`](Self::wait).
    pub fn wait_until(&mut self, deadline: Instant) -> io::Result<Option<Signal>> {
        self.wait_by(Some(deadline))
    }

    /// Returns a signal that has arrived, if one has; never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_process::signal::{SIGWINCH, Signals};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// assert_eq!(Signals::new([SIGWINCH])?.try_wait(), None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_wait(&mut self) -> Option<Signal> {
        self.arrived |= self.handler.get_ref().take();
        if self.arrived == 0 {
            return None;
        }
        let number = self.arrived.trailing_zeros() as i32 + 1;
        self.arrived &= !sys::bit(number);
        Signal::from_raw(number)
    }

    fn wait_by(&mut self, deadline: Option<Instant>) -> io::Result<Option<Signal>> {
        self.handler.get_ref().make_own()?;
        loop {
            let signal = self.try_wait();
            if signal.is_some() || !self.handler.wait_readable(deadline, WaitReason::Signal)? {
                return Ok(signal);
            }
            // Before the next look at what arrived: a signal from here on makes it readable again.
            self.handler.get_ref().drain();
        }
    }
}

/// Waits for signal after signal, without end.
impl Iterator for Signals {
    type Item = io::Result<Signal>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.wait())
    }
}

impl FusedIterator for Signals {}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signals").finish_non_exhaustive()
    }
}
