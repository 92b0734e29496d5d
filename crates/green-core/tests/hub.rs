//! Green threads, hubs and parking, through core's own interface.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use green_core::identity;
use green_core::kill::{self, Killed, Shield};
use green_core::park::{no_switch, park, sleep_until, yield_now};
use green_core::spawn::{Joiner, Options, spawn, spawn_local};
use green_core::unpark::{Outcome, Unparker, WaitReason};

fn go<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Joiner<T> {
    spawn(Options::default(), f).unwrap()
}

#[test]
fn a_spawned_green_thread_returns_its_value() {
    assert_eq!(go(|| 6 * 7).join().unwrap(), 42);
}

#[test]
fn a_hundred_thousand_spawns_all_run() {
    let count = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> = (0..100_000)
        .map(|_| {
            let count = Arc::clone(&count);
            spawn(Options { name: None, stack_size: Some(16 * 1024) }, move || {
                count.fetch_add(1, Ordering::Relaxed);
            })
        })
        .filter_map(Result::ok)
        .collect();
    let spawned = handles.len();
    for handle in handles {
        handle.join().unwrap();
    }
    assert_eq!(count.load(Ordering::Relaxed), spawned);
}

#[test]
fn local_green_threads_take_turns_in_order() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let handles: Vec<_> = (0..3)
        .map(|i| {
            let log = Rc::clone(&log);
            spawn_local(Options::default(), move || {
                for round in 0..2 {
                    log.borrow_mut().push((round, i));
                    yield_now();
                }
            })
            .unwrap()
        })
        .collect();
    assert!(log.borrow().is_empty(), "spawn does not run anything");
    for handle in handles {
        handle.join().unwrap();
    }
    assert_eq!(*log.borrow(), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
}

#[test]
fn an_unpark_before_the_park_is_kept() {
    Unparker::current().unpark();
    assert_eq!(park(WaitReason::Other), Outcome::Unparked);
}

#[test]
fn sleep_lasts_at_least_as_long_as_asked() {
    let begin = Instant::now();
    let handles: Vec<_> = (0..10).map(|i| go(move || sleep_until(Instant::now() + Duration::from_millis(i)))).collect();
    sleep_until(begin + Duration::from_millis(20));
    assert!(begin.elapsed() >= Duration::from_millis(20));
    for handle in handles {
        handle.join().unwrap();
    }
}

#[test]
fn the_public_token_wakes_across_hubs() {
    let me = identity::current();
    let handle = go(move || me.unpark());
    identity::park_current(None);
    handle.join().unwrap();
}

#[test]
fn a_kill_unwinds_at_the_park_and_runs_destructors() {
    struct Flag(Arc<AtomicBool>);
    impl Drop for Flag {
        fn drop(&mut self) {
            yield_now();
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let started = Arc::new(AtomicBool::new(false));
    let flag = Flag(Arc::clone(&dropped));
    let begun = Arc::clone(&started);
    let handle = go(move || {
        let _flag = flag;
        begun.store(true, Ordering::SeqCst);
        loop {
            if park(WaitReason::Other) == Outcome::Interrupted {
                kill::deliver();
            }
        }
    });
    while !started.load(Ordering::SeqCst) {
        yield_now();
    }
    handle.kill().unwrap();
    let payload = handle.join().unwrap_err();
    assert!(payload.is::<Killed>());
    assert!(dropped.load(Ordering::SeqCst));
}

#[test]
fn a_kill_before_the_start_keeps_the_body_from_running() {
    let ran = Rc::new(RefCell::new(false));
    let seen = Rc::clone(&ran);
    let handle = spawn_local(Options::default(), move || *seen.borrow_mut() = true).unwrap();
    handle.kill().unwrap();
    handle.kill().unwrap();
    assert!(handle.join().unwrap_err().is::<Killed>());
    assert!(!*ran.borrow());
    assert_eq!(Rc::strong_count(&ran), 1);
}

#[test]
fn a_shield_makes_a_kill_wait() {
    let handle = spawn_local(Options::default(), || {
        let shield = Shield::new();
        yield_now();
        yield_now();
        assert!(kill::is_pending());
        drop(shield);
        yield_now();
        unreachable!("the kill is delivered");
    })
    .unwrap();
    yield_now();
    handle.kill().unwrap();
    assert!(handle.join().unwrap_err().is::<Killed>());
}

#[test]
fn no_switch_lets_nobody_else_run() {
    let other = Rc::new(RefCell::new(0));
    let seen = Rc::clone(&other);
    let handle = spawn_local(Options::default(), move || *seen.borrow_mut() += 1).unwrap();
    no_switch(|| {
        sleep_until(Instant::now() + Duration::from_millis(2));
        yield_now();
        assert_eq!(*other.borrow(), 0);
    });
    handle.join().unwrap();
    assert_eq!(*other.borrow(), 1);
}

#[test]
fn a_panic_comes_back_from_join_and_harms_nobody() {
    let bad = go(|| {
        if identity::current_id().get() > 0 {
            std::panic::resume_unwind(Box::new("quiet"));
        }
    });
    let good = go(|| 1);
    assert_eq!(*bad.join().unwrap_err().downcast::<&str>().unwrap(), "quiet");
    assert_eq!(good.join().unwrap(), 1);
}

#[test]
fn an_os_thread_that_ends_abandons_its_local_green_threads() {
    let (started, unstarted) = std::thread::spawn(|| {
        let started = spawn_local(Options::default(), || {
            loop {
                let _ = park(WaitReason::Other);
            }
        })
        .unwrap();
        yield_now();
        let unstarted = spawn_local(Options::default(), || ()).unwrap();
        (started.remote(), unstarted.remote())
    })
    .join()
    .unwrap();
    started.wait();
    unstarted.wait();
    // A new OS thread gets the closed hub, and nothing of the old life runs on it.
    std::thread::spawn(|| {
        let handle = spawn_local(Options::default(), || 5).unwrap();
        assert_eq!(handle.join().unwrap(), 5);
    })
    .join()
    .unwrap();
}

#[test]
fn spawns_from_many_os_threads_at_once() {
    let threads: Vec<_> = (0..16)
        .map(|_| {
            std::thread::spawn(|| {
                let handles: Vec<_> = (0..200).map(|i| go(move || i)).collect();
                handles.into_iter().map(|handle| handle.join().unwrap()).sum::<usize>()
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 199 * 200 / 2);
    }
}

#[test]
fn exits_run_before_joiners_wake_and_late_ones_at_once() {
    let order = Arc::new(parking_lot::Mutex::new(Vec::new()));
    let log = Arc::clone(&order);
    let handle = go(move || log.lock().push("body"));
    let log = Arc::clone(&order);
    handle.on_exit(move || log.lock().push("exit"));
    while !handle.is_finished() {
        yield_now();
    }
    let log = Arc::clone(&order);
    handle.on_exit(move || log.lock().push("late"));
    handle.join().unwrap();
    let order = order.lock();
    assert_eq!(order.last(), Some(&"late"));
    assert_eq!(order.len(), 3);
}
