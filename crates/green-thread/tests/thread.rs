//! `Thread` and `ThreadId`: identity, and the park token.

mod modes;

use std::collections::HashSet;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use green_thread::{self as thread, Thread, ThreadId};
use modes::{Flag, park_until, until};

#[test]
fn auto_traits_are_stds() {
    fn shared<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
    shared::<Thread>();
    shared::<ThreadId>();
    shared::<thread::Builder>();
}

#[test]
fn ids_are_unique_and_stable() {
    let mut ids = HashSet::new();
    for _ in 0..100 {
        let child = thread::spawn(|| {
            let before = thread::current().id();
            thread::yield_now();
            assert_eq!(before, thread::current().id());
            before
        });
        let outside = child.thread().id();
        assert_eq!(child.join().unwrap(), outside);
        assert!(ids.insert(outside));
        assert!(ids.insert(thread::spawn_local(|| thread::current().id()).join().unwrap()));
    }
    assert!(!ids.contains(&thread::current().id()));
}

#[test]
fn os_threads_have_ids_of_their_own() {
    let here = thread::current().id();
    let there = std::thread::spawn(|| thread::current().id()).join().unwrap();
    assert_ne!(here, there);
    assert_eq!(here, thread::current().id());
}

#[test]
fn debug_looks_like_stds() {
    let child = thread::Builder::new().name("shown".into()).spawn(|| ()).unwrap();
    let shown = format!("{:?}", child.thread());
    assert!(shown.starts_with("Thread { id: ThreadId("), "{shown}");
    assert!(shown.ends_with("name: Some(\"shown\"), .. }"), "{shown}");
    child.join().unwrap();
}

#[test]
fn unpark_before_park_is_kept() {
    thread::current().unpark();
    thread::park();

    let go = Flag::new();
    let child = thread::spawn({
        let go = go.clone();
        move || {
            go.wait();
            thread::park();
        }
    });
    child.thread().unpark();
    go.raise();
    child.join().unwrap();
}

#[test]
fn unpark_before_start_is_kept() {
    let child = thread::spawn_local(thread::park);
    child.thread().unpark();
    child.join().unwrap();
}

#[test]
fn two_unparks_are_one_token() {
    thread::current().unpark();
    thread::current().unpark();
    thread::park();
    let before = Instant::now();
    // `park_timeout` may end early, so only the sum of several says that no token was left.
    while before.elapsed() < Duration::from_millis(10) {
        thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn other_waits_leave_the_token_alone() {
    thread::current().unpark();
    // Each of these is a park that is not `thread::park`.
    thread::sleep(Duration::from_millis(1));
    thread::yield_now();
    thread::spawn(|| thread::sleep(Duration::from_millis(1))).join().unwrap();
    thread::scope(|s| {
        s.spawn(thread::yield_now);
    });
    thread::park();
}

#[test]
fn stds_token_and_ours_are_two() {
    std::thread::current().unpark();
    thread::current().unpark();
    thread::park();
    std::thread::park();
}

#[test]
fn unpark_wakes_across_os_threads() {
    const ROUNDS: usize = 1_000;
    let turn = Arc::new(AtomicUsize::new(0));
    let main = thread::current();
    let child = thread::spawn({
        let turn = Arc::clone(&turn);
        move || {
            for round in 0..ROUNDS {
                while turn.load(Ordering::Acquire) != 2 * round + 1 {
                    thread::park();
                }
                turn.store(2 * round + 2, Ordering::Release);
                main.unpark();
            }
        }
    });
    for round in 0..ROUNDS {
        turn.store(2 * round + 1, Ordering::Release);
        child.thread().unpark();
        while turn.load(Ordering::Acquire) != 2 * round + 2 {
            thread::park();
        }
    }
    child.join().unwrap();
}

#[test]
fn plain_os_thread_unparks_a_green_thread() {
    let go = Flag::new();
    let child = thread::spawn({
        let go = go.clone();
        move || park_until(&go)
    });
    let handle = child.thread().clone();
    let waker = std::thread::spawn(move || {
        go.raise();
        handle.unpark();
    });
    child.join().unwrap();
    waker.join().unwrap();
}

#[test]
fn unpark_after_the_end_does_nothing() {
    let child = thread::spawn(|| ());
    let handle = child.thread().clone();
    child.join().unwrap();
    for _ in 0..100 {
        handle.unpark();
    }
    // Later green threads may use the same record; none of them may be disturbed for good.
    let stop = Flag::new();
    let next = thread::spawn({
        let stop = stop.clone();
        move || park_until(&stop)
    });
    handle.unpark();
    stop.raise();
    next.thread().unpark();
    next.join().unwrap();
}

#[test]
fn sixteen_os_threads_unpark_one() {
    const EACH: usize = 200;
    let seen = Arc::new(AtomicUsize::new(0));
    let child = thread::spawn({
        let seen = Arc::clone(&seen);
        move || {
            while seen.load(Ordering::Acquire) < 16 * EACH {
                thread::park();
            }
        }
    });
    let unparkers: Vec<_> = (0..16)
        .map(|_| {
            let (seen, handle) = (Arc::clone(&seen), child.thread().clone());
            std::thread::spawn(move || {
                for _ in 0..EACH {
                    seen.fetch_add(1, Ordering::Release);
                    handle.unpark();
                }
            })
        })
        .collect();
    child.join().unwrap();
    for unparker in unparkers {
        unparker.join().unwrap();
    }
    until(|| seen.load(Ordering::Relaxed) == 16 * EACH);
}
