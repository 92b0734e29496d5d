//! The mode that this run of the tests is in, and what tests share because of it.

#![allow(dead_code, unused_macros, unused_imports, reason = "every test file takes what it needs of this")]

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use green_core::config;
use green_thread as thread;

/// Where `spawn` puts green threads in this run (I14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// On worker hubs.
    Workers,
    /// `GREEN_HUBS=0`: on the hub of the spawning OS thread.
    OneHub,
    /// `GREEN=off`: each on an OS thread of its own.
    Plain,
}

/// Returns the mode that the configuration asks for.
pub(crate) fn mode() -> Mode {
    let config = config::get().expect("the environment of the tests is valid");
    match config.mode() {
        green_core::mode::Mode::Plain => Mode::Plain,
        _ if config.hubs() == 0 => Mode::OneHub,
        _ => Mode::Workers,
    }
}

/// Leaves the test if it cannot hold in the given mode, with a line that is counted.
macro_rules! skip_in {
    ($mode:pat, $test:literal, $reason:literal) => {
        if matches!($crate::modes::mode(), $mode) {
            $crate::modes::say_skipped($test, $reason);
            return;
        }
    };
}
pub(crate) use skip_in;

/// Prints the line that `cargo xtask test` counts, past libtest's capture and on a line of its own.
pub(crate) fn say_skipped(test: &str, reason: &str) {
    let line = format!("\ngreen-skip: {test}: {reason}\n");
    std::io::stdout().write_all(line.as_bytes()).expect("stdout is open");
}

/// Yields until `condition` holds.
pub(crate) fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
    }
}

/// A flag that threads share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flag(Arc<AtomicBool>);

impl Flag {
    pub(crate) fn new() -> Flag {
        Flag::default()
    }

    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_up(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Yields until the flag is up.
    pub(crate) fn wait(&self) {
        until(|| self.is_up());
    }

    /// Returns a value that raises the flag when it is dropped.
    pub(crate) fn on_drop(&self) -> RaiseOnDrop {
        RaiseOnDrop(self.clone())
    }
}

/// Raises its flag when it is dropped.
#[derive(Debug)]
pub(crate) struct RaiseOnDrop(Flag);

impl Drop for RaiseOnDrop {
    fn drop(&mut self) {
        self.0.raise();
    }
}

/// Runs a closure when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Parks until the flag is up; whoever raises it must unpark this green thread.
pub(crate) fn park_until(flag: &Flag) {
    while !flag.is_up() {
        thread::park();
    }
}

/// Unwinds with a payload that the panic hook does not report.
pub(crate) fn quiet_panic(payload: &'static str) -> ! {
    std::panic::resume_unwind(Box::new(payload))
}

/// Returns the message of a panic with `&str` or `String` payload.
pub(crate) fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .expect("a message")
}
