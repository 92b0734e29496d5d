//! `spawn_after` and `spawn_after_local`: eventlet's `SpawnAfter` and `SpawnAfterLocal` tests by name (E3, E4), gevent's
//! issues 330 and 639 (a kill before a delayed start), and what a million pending ones may not cost.

mod modes;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use green_thread::{self as thread, Abandoned, Exit, Killed};
use modes::{Flag, Mode, mode, skip_in};

const SOON: Duration = Duration::from_millis(2);
const NEVER: Duration = Duration::from_secs(3600);

#[test]
fn it_comes_not_before_its_time() {
    let start = Instant::now();
    let late = thread::spawn_after(SOON, Instant::now);
    let local = thread::spawn_after_local(SOON, Instant::now);
    assert!(!late.is_finished() || start.elapsed() >= SOON);
    assert!(late.join().unwrap() >= start + SOON);
    assert!(local.join().unwrap() >= start + SOON);
}

/// eventlet: `test_timer_fired`.
#[test]
fn test_timer_fired() {
    let spawner = thread::spawn_local(|| {
        let fired = Rc::new(Cell::new(false));
        let timer = thread::spawn_after_local(SOON, {
            let fired = Rc::clone(&fired);
            move || fired.set(true)
        });
        timer.join().unwrap();
        fired.get()
    });
    assert!(spawner.join().unwrap());
}

/// eventlet: `test_timer_cancelled_upon_greenlet_exit`.
#[test]
fn test_timer_cancelled_upon_greenlet_exit() {
    let dropped = Flag::new();
    let spawner = thread::spawn_local({
        let guard = dropped.on_drop();
        move || {
            thread::spawn_after_local(SOON, move || {
                let _guard = guard;
                unreachable!("its spawner has ended");
            })
        }
    });
    let timer = spawner.join().unwrap();
    assert!(!dropped.is_up() || timer.is_finished());
    let remote = timer.remote();
    assert!(timer.join().unwrap_err().is::<Killed>());
    assert_eq!(remote.exit(), Some(Exit::Killed));
    assert!(dropped.is_up());
}

/// eventlet: `test_spawn_is_not_cancelled`, for the delayed form.
#[test]
fn test_spawn_after_is_not_cancelled() {
    let spawner = thread::spawn(|| thread::spawn_after(SOON, || 5));
    let timer = spawner.join().unwrap();
    assert_eq!(timer.join().unwrap(), 5);
}

#[test]
fn a_delayed_thread_outlives_the_os_thread_that_asked_for_it() {
    let timer = std::thread::spawn(|| thread::spawn_after(SOON, || 5)).join().unwrap();
    match timer.join() {
        Ok(five) => assert_eq!(five, 5),
        Err(payload) => {
            assert_eq!(mode(), Mode::OneHub, "there the timer is on that OS thread");
            assert!(payload.is::<Abandoned>());
        }
    }
}

#[test]
fn a_local_one_ends_with_its_os_thread() {
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    let remote = std::thread::spawn(move || {
        let timer = thread::spawn_after_local(NEVER, move || drop(guard));
        timer.link(|exit| assert_eq!(exit, Exit::Abandoned));
        timer.remote()
    })
    .join()
    .unwrap();
    remote.wait();
    assert_eq!(remote.exit(), Some(Exit::Abandoned));
    assert!(dropped.is_up());
    // The next OS thread may have the same hub; the kill finds nothing there.
    std::thread::spawn(move || {
        let sleeper = thread::spawn_local(|| thread::sleep(SOON));
        remote.kill().unwrap();
        sleeper.join().unwrap();
    })
    .join()
    .unwrap();
}

/// eventlet: `test_cancel` of `SpawnAfter`. The closure goes at once and not when its time comes.
#[test]
fn test_cancel() {
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    let start = Instant::now();
    let timer = thread::spawn_after(NEVER, move || drop(guard));
    assert!(timer.cancel());
    assert!(!timer.cancel(), "once is enough");
    let remote = timer.remote();
    assert!(timer.join().unwrap_err().is::<Killed>());
    assert!(dropped.is_up());
    assert_eq!(remote.exit(), Some(Exit::Killed));
    assert!(start.elapsed() < NEVER);

    let local = thread::spawn_after_local(NEVER, || unreachable!("it was cancelled"));
    assert!(local.cancel());
    assert!(local.join().unwrap_err().is::<Killed>());
}

/// eventlet: `test_cancel_already_started`: one that has started still returns 22.
#[test]
fn test_cancel_already_started() {
    let started = Flag::new();
    let timer = thread::spawn_after(Duration::ZERO, {
        let started = started.clone();
        move || {
            started.raise();
            // A park, of whatever kind.
            thread::sleep(SOON);
            22
        }
    });
    started.wait();
    assert!(!timer.cancel());
    assert_eq!(timer.join().unwrap(), 22);
}

/// gevent: issues 330 and 639. Killed before its time, from here and from elsewhere: joiners and links learn it at once.
#[test]
fn issue_330_a_kill_before_the_start_ends_it_at_once() {
    let linked = Flag::new();
    let timer = thread::spawn_after(NEVER, || unreachable!("it was killed"));
    timer.link({
        let linked = linked.clone();
        move |exit| {
            assert_eq!(exit, Exit::Killed);
            linked.raise();
        }
    });
    let remote = timer.remote();
    let waiter = thread::spawn({
        let remote = remote.clone();
        move || remote.wait()
    });
    std::thread::spawn(move || remote.kill()).join().unwrap().unwrap();
    assert!(timer.join().unwrap_err().is::<Killed>());
    assert!(linked.is_up());
    waiter.join().unwrap();
}

#[test]
fn issue_639_a_local_one_is_killed_from_another_os_thread() {
    let timer = thread::spawn_after_local(NEVER, || unreachable!("it was killed"));
    let remote = timer.remote();
    let killer = std::thread::spawn(move || {
        remote.kill().unwrap();
        remote.wait();
    });
    assert!(timer.join().unwrap_err().is::<Killed>());
    killer.join().unwrap();
}

/// A kill may meet the timer's being set, its being due, and the start.
#[test]
fn kills_race_with_the_start() {
    let runs = Arc::new(AtomicUsize::new(0));
    let (mut returned, mut killed) = (0, 0);
    for round in 0..400 {
        let timer = thread::spawn_after(Duration::from_micros(round % 40), {
            let runs = Arc::clone(&runs);
            move || runs.fetch_add(1, Ordering::SeqCst)
        });
        if round % 2 == 0 {
            timer.kill().unwrap();
        } else if !timer.cancel() {
            returned += 1;
            timer.join().unwrap();
            continue;
        }
        match timer.join() {
            Ok(_) => returned += 1,
            Err(payload) => {
                assert!(payload.is::<Killed>());
                killed += 1;
            }
        }
    }
    assert_eq!(returned + killed, 400);
    assert_eq!(runs.load(Ordering::SeqCst), returned, "one that was killed before its first park has not run");
}

#[test]
fn dropping_the_handle_calls_nothing_off() {
    let done = Flag::new();
    drop(thread::spawn_after(SOON, {
        let done = done.clone();
        move || done.raise()
    }));
    done.wait();
}

#[test]
fn equal_times_are_served_in_the_order_of_asking() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let timers: Vec<_> = (0..20)
        .map(|n| {
            let log = Rc::clone(&log);
            thread::spawn_after_local(Duration::ZERO, move || log.borrow_mut().push(n))
        })
        .collect();
    for timer in timers {
        timer.join().unwrap();
    }
    assert_eq!(*log.borrow(), (0..20).collect::<Vec<_>>());
}

#[test]
fn times_beyond_every_clock_never_come() {
    let timer = thread::spawn_after(Duration::MAX, || ());
    let local = thread::spawn_after_local(Duration::MAX, || ());
    // Time enough for what is due at once.
    thread::sleep(SOON);
    assert!(timer.cancel() && local.cancel());
    assert!(timer.join().is_err() && local.join().is_err());
}

#[test]
fn builders_name_and_size_it() {
    let name = || thread::current().name().map(str::to_owned);
    let builder = || thread::Builder::new().name("late".into()).stack_size(64 * 1024);
    assert_eq!(builder().spawn_after(SOON, name).unwrap().join().unwrap().as_deref(), Some("late"));
    assert_eq!(builder().spawn_after_local(SOON, name).unwrap().join().unwrap().as_deref(), Some("late"));
    if mode() != Mode::Plain {
        let impossible = thread::Builder::new().stack_size(usize::MAX).spawn_after(SOON, || ());
        assert!(impossible.is_err(), "no stack is that large");
    }
}

/// A root that waits for nobody else must not wait alone.
#[test]
fn a_root_that_joins_lets_it_start() {
    std::thread::spawn(|| {
        assert_eq!(thread::spawn_after_local(SOON, || 1).join().unwrap(), 1);
        let parent = thread::current();
        let timer = thread::spawn_after_local(SOON, move || parent.unpark());
        thread::park();
        timer.join().unwrap();
    })
    .join()
    .unwrap();
}

#[test]
fn very_many_may_be_pending() {
    skip_in!(Mode::Plain, "very_many_may_be_pending", "there each pending one is an OS thread");
    let runs = Arc::new(AtomicUsize::new(0));
    let count = 20_000;
    let timers: Vec<_> = (0..count)
        .map(|n| {
            let runs = Arc::clone(&runs);
            let delay = if n % 2 == 0 { Duration::from_micros(n) } else { NEVER };
            thread::spawn_after(delay, move || {
                runs.fetch_add(1, Ordering::Relaxed);
            })
        })
        .collect();
    for (n, timer) in timers.into_iter().enumerate() {
        if n % 2 == 0 {
            timer.join().unwrap();
        } else {
            assert!(timer.cancel());
            assert!(timer.join().is_err());
        }
    }
    assert_eq!(runs.load(Ordering::Relaxed), usize::try_from(count / 2).unwrap());
}
