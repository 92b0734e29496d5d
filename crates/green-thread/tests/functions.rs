//! The free functions: sleeping, parking with a limit, yielding.

mod modes;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use green_thread as thread;
use modes::{Flag, until};

#[test]
fn sleep_is_never_short() {
    for micros in [1, 50, 100, 999, 1_000, 3_333] {
        let span = Duration::from_micros(micros);
        let before = Instant::now();
        thread::sleep(span);
        assert!(before.elapsed() >= span);
        thread::spawn(move || {
            let before = Instant::now();
            thread::sleep(span);
            assert!(before.elapsed() >= span);
        })
        .join()
        .unwrap();
    }
}

#[test]
#[expect(deprecated, reason = "std still has it")]
fn sleep_ms_sleeps() {
    let before = Instant::now();
    thread::sleep_ms(2);
    assert!(before.elapsed() >= Duration::from_millis(2));
}

/// It is a deadline that the clock can count, and that a hub's timers can not.
#[test]
fn a_sleep_of_ages_is_one_of_the_hubs_timers() {
    let ages = thread::spawn(|| thread::sleep(Duration::from_secs(1 << 40)));
    thread::spawn(|| thread::sleep(Duration::from_millis(2))).join().unwrap();
    ages.kill().unwrap();
    assert!(ages.join().unwrap_err().is::<thread::Killed>());
}

#[test]
fn sleepers_wake_by_deadline() {
    let order = Rc::new(RefCell::new(Vec::new()));
    // The base is fixed before any of them starts, and the steps are far larger than what starting takes; whatever
    // the load, a later deadline is never served before an earlier one of the same hub.
    let base = Instant::now() + Duration::from_millis(20);
    let sleepers: Vec<_> = [3, 1, 2, 0]
        .into_iter()
        .map(|step| {
            let order = Rc::clone(&order);
            thread::spawn_local(move || {
                let deadline = base + Duration::from_millis(10 * step);
                thread::sleep(deadline.saturating_duration_since(Instant::now()));
                order.borrow_mut().push(step);
            })
        })
        .collect();
    for sleeper in sleepers {
        sleeper.join().unwrap();
    }
    assert_eq!(*order.borrow(), [0, 1, 2, 3]);
}

#[test]
fn zero_sleep_lets_others_run() {
    let ran = Rc::new(Cell::new(false));
    let child = thread::spawn_local({
        let ran = Rc::clone(&ran);
        move || ran.set(true)
    });
    while !ran.get() {
        thread::sleep(Duration::ZERO);
    }
    child.join().unwrap();
}

#[test]
fn longest_sleep_ends_only_by_kill() {
    let reached = Flag::new();
    let child = thread::spawn({
        let reached = reached.clone();
        move || {
            reached.raise();
            thread::sleep(Duration::MAX);
        }
    });
    reached.wait();
    child.thread().unpark();
    for _ in 0..100 {
        thread::yield_now();
    }
    assert!(!child.is_finished());
    child.kill().unwrap();
    assert!(child.join().unwrap_err().is::<thread::Killed>());
}

#[test]
fn park_timeout_ends_by_itself() {
    let before = Instant::now();
    let span = Duration::from_millis(5);
    while before.elapsed() < span {
        thread::park_timeout(span.saturating_sub(before.elapsed()));
    }
}

/// Such a deadline lies behind the end of the hub's clock: a hub that sleeps towards it must not add to it.
#[test]
fn park_timeout_of_ages_waits_for_the_token() {
    let woken = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&woken);
    let child = thread::spawn(move || {
        while !flag.load(Ordering::Acquire) {
            thread::park_timeout(Duration::from_millis(u64::MAX));
        }
    });
    // Time for the child's hub to lie down with nothing but that timer; more or less of it only proves less.
    thread::sleep(Duration::from_millis(30));
    woken.store(true, Ordering::Release);
    child.thread().unpark();
    child.join_timeout(Duration::from_secs(20)).expect("the hub runs on").unwrap();
}

#[test]
fn park_timeout_takes_the_token() {
    for span in [Duration::ZERO, Duration::from_secs(3_600), Duration::MAX] {
        thread::current().unpark();
        thread::park_timeout(span);
    }
}

#[test]
#[expect(deprecated, reason = "std still has it")]
fn park_timeout_ms_takes_the_token() {
    thread::current().unpark();
    thread::park_timeout_ms(u32::MAX);
}

#[test]
fn yield_now_takes_turns() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let children: Vec<_> = (0..3)
        .map(|name| {
            let log = Rc::clone(&log);
            thread::spawn_local(move || {
                for _ in 0..3 {
                    log.borrow_mut().push(name);
                    thread::yield_now();
                }
            })
        })
        .collect();
    for child in children {
        child.join().unwrap();
    }
    assert_eq!(*log.borrow(), [0, 1, 2, 0, 1, 2, 0, 1, 2]);
}

#[test]
fn yielding_does_not_starve_sleepers() {
    let awake = Flag::new();
    let sleeper = thread::spawn({
        let awake = awake.clone();
        move || {
            thread::sleep(Duration::from_millis(1));
            awake.raise();
        }
    });
    let spinner = thread::spawn(move || awake.wait());
    spinner.join().unwrap();
    sleeper.join().unwrap();
}

#[test]
fn spawn_local_starts_only_when_this_one_parks() {
    let started = Rc::new(Cell::new(false));
    let child = thread::spawn_local({
        let started = Rc::clone(&started);
        move || started.set(true)
    });
    std::thread::yield_now();
    assert!(!started.get());
    child.join().unwrap();
    assert!(started.get());
}

#[test]
fn no_switch_keeps_neighbours_from_running() {
    let ran = Rc::new(Cell::new(false));
    let child = thread::spawn_local({
        let ran = Rc::clone(&ran);
        move || ran.set(true)
    });
    thread::no_switch(|| {
        thread::yield_now();
        thread::sleep(Duration::from_millis(1));
        assert!(!ran.get());
    });
    child.join().unwrap();
    assert!(ran.get());
}

#[test]
fn no_switch_still_wakes_from_other_os_threads() {
    let me = thread::current();
    let waker = std::thread::spawn(move || me.unpark());
    thread::no_switch(thread::park);
    waker.join().unwrap();
}

#[test]
fn available_parallelism_is_stds() {
    assert_eq!(thread::available_parallelism().unwrap(), std::thread::available_parallelism().unwrap());
}

#[test]
fn panicking_is_this_threads_own() {
    let inside = Flag::new();
    let go = Flag::new();
    struct Probe(Flag, Flag);
    impl Drop for Probe {
        fn drop(&mut self) {
            assert!(thread::panicking());
            self.0.raise();
            self.1.wait();
            assert!(thread::panicking());
        }
    }
    let failing = thread::spawn_local({
        let probe = Probe(inside.clone(), go.clone());
        move || {
            let _probe = probe;
            modes::quiet_panic("in the middle");
        }
    });
    until(|| inside.is_up());
    assert!(!thread::panicking(), "a neighbour unwinds, not this one");
    go.raise();
    assert!(failing.join().is_err());
    assert!(!thread::panicking());
}
