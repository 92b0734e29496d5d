//! Many green threads, and what they keep across parks while other hubs are busy.

mod modes;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use green_thread as thread;
use modes::{Flag, Mode, mode, park_until, skip_in};

#[test]
fn a_hundred_thousand_are_spawned_and_joined() {
    // Starting an OS thread takes fifty times as long.
    let count = if mode() == Mode::Plain { 5_000 } else { 100_000 };
    let mut sum = 0;
    for n in 0..count {
        sum += thread::spawn(move || n).join().unwrap();
    }
    assert_eq!(sum, (0..count).sum::<u64>());
}

#[test]
fn thousands_are_alive_at_once() {
    let count = if mode() == Mode::Plain { 200 } else { 10_000 };
    let (started, go) = (Arc::new(AtomicUsize::new(0)), Flag::new());
    let children: Vec<_> = (0..count)
        .map(|n| {
            let (started, go) = (Arc::clone(&started), go.clone());
            thread::Builder::new()
                .stack_size(64 << 10)
                .spawn(move || {
                    started.fetch_add(1, Ordering::Relaxed);
                    park_until(&go);
                    n
                })
                .unwrap()
        })
        .collect();
    modes::until(|| started.load(Ordering::Relaxed) == count);
    go.raise();
    let mut sum = 0;
    for child in children {
        child.thread().unpark();
        sum += child.join().unwrap();
    }
    assert_eq!(sum, (0..count).sum::<usize>());
}

#[test]
fn sixteen_os_threads_spawn_at_once() {
    let gate = Arc::new(std::sync::Barrier::new(16));
    let spawners: Vec<_> = (0..16_usize)
        .map(|name| {
            let gate = Arc::clone(&gate);
            std::thread::spawn(move || {
                gate.wait();
                let children: Vec<_> = (0..100_usize)
                    .map(|n| {
                        thread::spawn(move || {
                            thread::yield_now();
                            let nested = thread::spawn(move || n);
                            name * 1_000 + nested.join().unwrap()
                        })
                    })
                    .collect();
                let local = thread::spawn_local(move || Rc::new(name));
                let sum: usize = children.into_iter().map(|child| child.join().unwrap()).sum();
                assert_eq!(*local.join().unwrap(), name);
                assert_eq!(sum, name * 100_000 + (0..100).sum::<usize>());
            })
        })
        .collect();
    for spawner in spawners {
        spawner.join().unwrap();
    }
}

#[test]
fn rc_and_guards_stay_right_across_parks() {
    let stop = Flag::new();
    // Keeps every hub busy, so that whatever could be moved would be.
    let noise: Vec<_> = (0..8)
        .map(|_| {
            let stop = stop.clone();
            thread::spawn(move || {
                while !stop.is_up() {
                    let round = [(); 4].map(|()| thread::spawn(thread::yield_now));
                    for one in round {
                        one.join().unwrap();
                    }
                }
            })
        })
        .collect();
    let children: Vec<_> = (0..40_usize)
        .map(|n| {
            thread::spawn(move || {
                let home = std::thread::current().id();
                let shared = Rc::new(RefCell::new(Vec::new()));
                let clones: Vec<_> = (0..4).map(|_| Rc::clone(&shared)).collect();
                for round in 0..50 {
                    let mut held = clones[round % 4].borrow_mut();
                    held.push(n);
                    match round % 3 {
                        0 => thread::yield_now(),
                        // A timed park, one of the three kinds.
                        1 => thread::sleep(Duration::from_micros(50)),
                        _ => drop(thread::spawn(move || n).join().unwrap()),
                    }
                    assert_eq!(std::thread::current().id(), home, "a started green thread stays");
                    drop(held);
                }
                drop(clones);
                assert_eq!(Rc::strong_count(&shared), 1);
                let all = shared.borrow();
                assert_eq!(all.len(), 50);
                assert!(all.iter().all(|&other| other == n));
            })
        })
        .collect();
    for child in children {
        child.join().unwrap();
    }
    stop.raise();
    for one in noise {
        one.join().unwrap();
    }
}

#[test]
fn std_thread_locals_are_the_os_threads() {
    std::thread_local!(static HERE: Cell<u32> = const { Cell::new(0) });
    HERE.set(5);
    let seen = thread::spawn_local(|| {
        let seen = HERE.get();
        HERE.set(6);
        seen
    });
    assert_eq!(seen.join().unwrap(), 5);
    assert_eq!(HERE.get(), 6);
    // A reference lent before the park points to the same after it.
    thread::spawn(|| {
        HERE.with(|here| {
            let address = std::ptr::from_ref(here);
            for _ in 0..50 {
                thread::yield_now();
                assert_eq!(HERE.with(std::ptr::from_ref), address);
            }
        });
    })
    .join()
    .unwrap();
}

#[test]
fn tree_of_threads() {
    fn grow(depth: u32) -> u64 {
        if depth == 0 {
            return 1;
        }
        let children: Vec<_> = (0..3).map(|_| thread::spawn(move || grow(depth - 1))).collect();
        1 + children.into_iter().map(|child| child.join().unwrap()).sum::<u64>()
    }
    let depth = if mode() == Mode::Plain { 4 } else { 7 };
    assert_eq!(grow(depth), (3_u64.pow(depth + 1) - 1) / 2);
}

#[test]
fn ring_of_unparks() {
    const MEMBERS: usize = 50;
    const LAPS: usize = 40;
    let token = Arc::new(AtomicUsize::new(usize::MAX));
    let mut next = thread::current();
    let mut members = Vec::new();
    // The last member comes first, since each must know the one after it.
    for index in (0..MEMBERS).rev() {
        let (token, successor) = (Arc::clone(&token), next);
        let member = thread::spawn(move || {
            for lap in 0..LAPS {
                while token.load(Ordering::Acquire) != lap * (MEMBERS + 1) + index {
                    thread::park();
                }
                token.store(lap * (MEMBERS + 1) + index + 1, Ordering::Release);
                successor.unpark();
            }
        });
        next = member.thread().clone();
        members.push(member);
    }
    for lap in 0..LAPS {
        token.store(lap * (MEMBERS + 1), Ordering::Release);
        next.unpark();
        while token.load(Ordering::Acquire) != lap * (MEMBERS + 1) + MEMBERS {
            thread::park();
        }
    }
    for member in members {
        member.join().unwrap();
    }
}

#[test]
fn root_that_blocks_in_std_strands_nobody() {
    skip_in!(
        Mode::OneHub,
        "root_that_blocks_in_std_strands_nobody",
        "there all green threads share the OS thread that blocks"
    );
    for _ in 0..10 {
        let done = Flag::new();
        drop(thread::spawn({
            let done = done.clone();
            move || {
                thread::yield_now();
                drop(thread::spawn(move || done.raise()));
            }
        }));
        while !done.is_up() {
            std::thread::yield_now();
        }
    }
}

#[test]
fn children_of_a_busy_parent_run_elsewhere() {
    let hubs = green_core::config::get().expect("a valid environment").hubs();
    if mode() == Mode::OneHub || (mode() == Mode::Workers && hubs < 2) {
        modes::say_skipped("children_of_a_busy_parent_run_elsewhere", "it takes a second hub to run them");
        return;
    }
    for _ in 0..20 {
        thread::spawn(|| {
            let ran = Flag::new();
            let child = thread::spawn({
                let ran = ran.clone();
                move || ran.raise()
            });
            // Without a park: this OS thread runs nothing else meanwhile.
            while !ran.is_up() {
                std::hint::spin_loop();
            }
            child.join().unwrap();
        })
        .join()
        .unwrap();
    }
}
