//! Calls that are made again and again: on a schedule, as the call itself asks, or until it makes progress.
//!
//! Each loop runs in the green thread that calls it, until the call breaks off with a value. A kill ends it at its pause,
//! as it ends any wait. Follows oslo.service's `loopingcall`, whose `LoopingCallDone` is [`ControlFlow::Break`].

use std::any::Any;
use std::ops::ControlFlow::{self, Break, Continue};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use green::{thread, time};

/// Makes a call once per period, on a schedule that does not drift.
///
/// A call that takes longer than a period makes the next one come at once, and `overrun` is told how many ticks it cost.
pub(crate) fn fixed<T>(period: Duration, mut call: impl FnMut() -> ControlFlow<T>, mut overrun: impl FnMut(u64)) -> T {
    let mut ticks = time::interval_at(Instant::now(), period);
    loop {
        ticks.tick();
        if ticks.missed() > 0 {
            overrun(ticks.missed());
        }
        if let Break(value) = call() {
            return value;
        }
    }
}

/// Makes a call that says how long to wait before the next one, but no longer than `longest`.
pub(crate) fn dynamic<T>(longest: Duration, mut call: impl FnMut() -> ControlFlow<T, Duration>) -> T {
    loop {
        match call() {
            Break(value) => return value,
            Continue(pause) => thread::sleep(pause.min(longest)),
        }
    }
}

/// What a call with a backoff has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    /// It got on: the next pause is a short one.
    Progress,
    /// It did not: the next pause is longer.
    NoProgress,
}

/// How the pauses of [`backoff`] grow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pauses {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
    /// The sum of all pauses without progress that is too long.
    pub(crate) patience: Duration,
    /// The part of a pause by which chance makes it shorter or longer, so that many who failed together do not come
    /// back together.
    pub(crate) jitter: f64,
}

/// The patience of a [`backoff`] has come to its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutOfPatience;

/// Makes a call after pauses that double for as long as it makes no progress. `chance` gives numbers from 0 to 1.
///
/// # Errors
///
/// If it made none for too long.
pub(crate) fn backoff<T>(
    pauses: Pauses,
    mut chance: impl FnMut() -> f64,
    mut pause: impl FnMut(Duration),
    mut call: impl FnMut() -> ControlFlow<T, Attempt>,
) -> Result<T, OutOfPatience> {
    let (mut next, mut waited) = (pauses.first, Duration::ZERO);
    loop {
        match call() {
            Break(value) => return Ok(value),
            Continue(Attempt::Progress) => (next, waited) = (pauses.first, Duration::ZERO),
            Continue(Attempt::NoProgress) if waited >= pauses.patience => return Err(OutOfPatience),
            Continue(Attempt::NoProgress) => {}
        }
        let jittered = next.mul_f64(1.0 + pauses.jitter * (2.0 * chance() - 1.0));
        pause(jittered);
        waited += jittered;
        next = (2 * next).min(pauses.longest);
    }
}

/// Makes a call that goes on after a panic, of which `report` is told. A kill still ends it, and so does a timeout.
pub(crate) fn undaunted<T>(
    mut call: impl FnMut() -> ControlFlow<T>,
    mut report: impl FnMut(&(dyn Any + Send)),
) -> impl FnMut() -> ControlFlow<T> {
    move || {
        catch_unwind(AssertUnwindSafe(&mut call)).unwrap_or_else(|payload| {
            if payload.is::<String>() || payload.is::<&str>() {
                report(&*payload);
                return Continue(());
            }
            resume_unwind(payload)
        })
    }
}
