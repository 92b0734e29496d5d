//! Sleeps and intervals in real time.

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use green_core::kill::Killed;
use green_core::park::yield_now;
use green_core::spawn::{Options, spawn_local};
use green_time::{Interval, interval, interval_at, sleep, sleep_until, timeout};
use support::{HOUR, MOMENT, everywhere, spawn};

#[test]
fn a_sleep_is_never_too_short() {
    everywhere(|| {
        for nap in [Duration::ZERO, Duration::from_nanos(1), Duration::from_micros(100), MOMENT] {
            let before = Instant::now();
            sleep(nap);
            assert!(before.elapsed() >= nap);
            sleep_until(before + nap);
            let deadline = Instant::now() + nap;
            sleep_until(deadline);
            assert!(Instant::now() >= deadline);
        }
    });
}

#[test]
fn others_run_while_one_sleeps() {
    let done = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&done);
    let sleeper = spawn(move || {
        while !seen.load(Ordering::SeqCst) {
            sleep(Duration::from_micros(50));
        }
    });
    let setter = spawn(move || done.store(true, Ordering::SeqCst));
    setter.join().expect("no panic");
    sleeper.join().expect("no panic");
}

#[test]
fn a_sleep_of_zero_lets_others_run() {
    everywhere(|| {
        let done = Arc::new(AtomicBool::new(false));
        let set = Arc::clone(&done);
        let setter = spawn(move || set.store(true, Ordering::SeqCst));
        while !done.load(Ordering::SeqCst) {
            sleep(Duration::ZERO);
        }
        setter.join().expect("no panic");
    });
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    // It can be told only if all of them are asleep before the first is due; on a busy machine that may take attempts.
    let mut lead = MOMENT;
    while !wake_in_order(Instant::now() + lead) {
        lead *= 2;
    }
}

/// Returns false if a sleeper began too late. They are local, so that it is one hub in every mode.
fn wake_in_order(start: Instant) -> bool {
    let order = Rc::new(RefCell::new(Vec::new()));
    let in_time = Rc::new(Cell::new(true));
    let sleepers: Vec<_> = [3_u32, 1, 4, 1, 5, 9, 2, 6]
        .into_iter()
        .map(|n| {
            let (order, in_time) = (Rc::clone(&order), Rc::clone(&in_time));
            let sleeper = spawn_local(Options::default(), move || {
                in_time.set(in_time.get() && Instant::now() < start);
                sleep_until(start + n * Duration::from_nanos(100));
                order.borrow_mut().push(n);
            });
            sleeper.expect("a local green thread")
        })
        .collect();
    for sleeper in sleepers {
        sleeper.join().expect("no panic");
    }
    if in_time.get() {
        assert_eq!(*order.borrow(), [1, 1, 2, 3, 4, 5, 6, 9]);
    }
    in_time.get()
}

#[test]
fn a_kill_ends_a_sleep() {
    for nap in [HOUR, Duration::MAX] {
        let sleeper = spawn(move || sleep(nap));
        yield_now();
        sleeper.kill().expect("kills are possible");
        assert!(sleeper.join().expect_err("killed").is::<Killed>());
    }
}

#[test]
fn ticks_come_on_the_schedule() {
    everywhere(|| {
        let period = Duration::from_micros(500);
        let start = Instant::now();
        let mut ticks = interval_at(start + period, period);
        let mut expected = start;
        for _ in 0..5 {
            let tick = ticks.tick();
            expected += period * u32::try_from(ticks.missed() + 1).expect("not that late");
            assert_eq!(tick, expected);
            assert!(Instant::now() >= tick);
        }
    });
}

#[test]
fn an_interval_survives_a_timeout() {
    everywhere(|| {
        let mut hourly: Interval = interval(HOUR);
        assert!(timeout(MOMENT, || hourly.tick()).is_err());
        assert_eq!(hourly.missed(), 0);
        assert_eq!(hourly.period(), HOUR);
        hourly.reset();
        assert!(timeout(MOMENT, || hourly.next()).is_err());
    });
}
