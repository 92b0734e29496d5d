//! A23: calls that are made again and again, as the example `looping` has them.

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow::{Break, Continue};
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

use green::thread::{self, Killed};

#[path = "../../crates/green/examples/looping/calls.rs"]
mod calls;

use calls::{Attempt, OutOfPatience, Pauses, backoff, dynamic, fixed, undaunted};

const PERIOD: Duration = Duration::from_millis(2);

/// However late single calls are, the schedule is kept: n periods after the start no more than n + 1 calls were made, and each
/// tick was either a call or reported as missed.
#[test]
fn a23_a_fixed_interval_does_not_drift() {
    let (calls, missed, start) = (Cell::new(0_u64), Cell::new(0), Instant::now());
    let value = fixed(
        PERIOD,
        || {
            calls.set(calls.get() + 1);
            if calls.get() == 3 {
                // Two ticks and a half, whatever the machine does.
                thread::sleep(PERIOD * 5 / 2);
            }
            if calls.get() == 10 { Break("done") } else { Continue(()) }
        },
        |count| missed.set(missed.get() + count),
    );
    assert_eq!(value, "done");
    assert!(missed.get() >= 1, "the overrun was reported");
    let ticks = u32::try_from(calls.get() + missed.get()).unwrap();
    assert!(start.elapsed() >= PERIOD * (ticks - 1), "{ticks} ticks");
}

#[test]
fn a23_a_dynamic_interval_waits_as_it_is_told() {
    let (start, calls) = (Instant::now(), Cell::new(0));
    let value = dynamic(PERIOD, || {
        calls.set(calls.get() + 1);
        match calls.get() {
            1 => Continue(Duration::ZERO),
            2 => Continue(PERIOD / 2),
            3 => Continue(Duration::from_secs(3600)),
            other => Break(other),
        }
    });
    assert_eq!(value, 4);
    let elapsed = start.elapsed();
    assert!(elapsed >= PERIOD * 3 / 2 && elapsed < Duration::from_secs(3600), "the longest pause is a bound");
}

#[test]
fn a23_a_backoff_doubles_with_jitter_and_gives_up() {
    let pauses = Pauses {
        first: Duration::from_millis(10),
        longest: Duration::from_millis(50),
        patience: Duration::from_millis(150),
        jitter: 0.5,
    };
    let log = RefCell::new(Vec::new());
    let pause = |pause: Duration| log.borrow_mut().push(u64::try_from(pause.as_millis()).unwrap());
    // No chance: the pauses double up to the longest.
    let given_up = backoff::<()>(pauses, || 0.5, pause, || Continue(Attempt::NoProgress));
    assert_eq!(given_up, Err(OutOfPatience));
    assert_eq!(log.take(), [10, 20, 40, 50, 50]);
    // The jitter's two ends.
    let ends = RefCell::new(vec![1.0, 0.0]);
    let chance = || ends.borrow_mut().pop().unwrap();
    let attempts = Cell::new(0);
    let reached = backoff(pauses, chance, pause, || {
        attempts.set(attempts.get() + 1);
        if attempts.get() == 3 { Break(7) } else { Continue(Attempt::NoProgress) }
    });
    assert_eq!(reached, Ok(7));
    assert_eq!(log.take(), [5, 30]);
    // Progress begins anew.
    let attempts = Cell::new(0);
    let reached = backoff(
        pauses,
        || 0.5,
        pause,
        || {
            attempts.set(attempts.get() + 1);
            match attempts.get() {
                4 => Continue(Attempt::Progress),
                6 => Break(()),
                _ => Continue(Attempt::NoProgress),
            }
        },
    );
    assert_eq!(reached, Ok(()));
    assert_eq!(log.take(), [10, 20, 40, 10, 20]);
}

/// `stop_on_exception=False`.
#[test]
fn a23_a_failing_call_is_made_again() {
    let (calls, failures) = (Cell::new(0), Cell::new(0));
    let call = || {
        calls.set(calls.get() + 1);
        match calls.get() {
            2 | 4 => resume_unwind(Box::new("no luck")),
            5 => Break(calls.get()),
            _ => Continue(()),
        }
    };
    let value = fixed(Duration::from_micros(100), undaunted(call, |_| failures.set(failures.get() + 1)), |_| {});
    assert_eq!((value, failures.get()), (5, 2));
}

/// A kill ends even one that goes on after every panic, and a timeout bounds it.
#[test]
fn a23_a_kill_or_a_timeout_ends_any_of_them() {
    let endless = || fixed::<()>(Duration::from_micros(100), undaunted(|| Continue(()), |_| {}), |_| {});
    let child = thread::spawn(endless);
    thread::yield_now();
    child.kill().unwrap();
    assert!(child.join().unwrap_err().is::<Killed>());
    assert!(green::time::timeout(PERIOD, endless).is_err());
}
