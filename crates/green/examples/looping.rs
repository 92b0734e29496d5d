//! Calls that are made again and again, each in a green thread of its own, and a group that stops them.
//!
//! `cargo run --example looping`

#![allow(clippy::print_stdout, reason = "a program talks to whoever started it")]

use std::ops::ControlFlow::{Break, Continue};
use std::time::Duration;

use green::thread::{self, Group};

#[path = "looping/calls.rs"]
mod calls;

use calls::{Attempt, Pauses, backoff, dynamic, fixed, undaunted};

fn main() -> Result<(), thread::KillError> {
    let group = Group::new();
    // A heartbeat that never ends by itself.
    group.spawn(|| {
        let mut beats = 0_u32;
        let beat = || {
            beats += 1;
            println!("beat {beats}");
            Continue(())
        };
        let beat = undaunted(beat, |_| println!("a beat was left out"));
        fixed::<()>(Duration::from_millis(20), beat, |missed| println!("late by {missed} beats"));
    });
    // A queue that is looked into more often the fuller it is.
    let drained = group.spawn(|| {
        let mut left = 10_u32;
        dynamic(Duration::from_millis(10), || {
            if left == 0 {
                return Break("drained");
            }
            left -= 1;
            Continue(Duration::from_millis(u64::from(10 - left)))
        })
    });
    // A peer that says something at the second attempt, and is there at the fifth.
    let reached = group.spawn(|| {
        let pauses = Pauses {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(8),
            patience: Duration::from_secs(1),
            jitter: 0.1,
        };
        let mut attempts = 0;
        backoff(
            pauses,
            || 0.5,
            thread::sleep,
            || {
                attempts += 1;
                match attempts {
                    2 => Continue(Attempt::Progress),
                    5 => Break(attempts),
                    _ => Continue(Attempt::NoProgress),
                }
            },
        )
    });
    println!("{}", drained.join().expect("it does not panic"));
    println!("reached at attempt {}", reached.join().expect("it does not panic").expect("it is patient enough"));
    group.stop()?;
    println!("{} left", group.len());
    Ok(())
}
