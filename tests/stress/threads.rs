//! Spawning and sleeping in great numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use green::thread;
use green_tests::{Mode, holds_in};

use crate::{is_below, memory_kb, size};

#[test]
fn a_million_spawns_and_joins_leave_memory_flat() {
    let _alone = crate::alone();
    let total = if Mode::current() == Mode::Off { size(5_000, 20_000) } else { size(200_000, 1_000_000) };
    let run = |count: usize| {
        for _ in 0..count / 100 {
            let batch: Vec<_> = (0..100).map(|i| thread::spawn(move || i)).collect();
            let sum: usize = batch.into_iter().map(|handle| handle.join().unwrap()).sum();
            assert_eq!(sum, 99 * 100 / 2);
        }
    };
    // The first tenth fills the pools.
    run(total / 10);
    let before = memory_kb();
    run(total);
    let growth = memory_kb().saturating_sub(before);
    crate::tell(&format!("{total} spawns and joins: {growth} kB more than before"));
    assert!(is_below(growth, 8 * 1024), "{total} spawns and joins left {growth} kB");
}

/// X12: nobody keeps what nobody waits for.
#[test]
fn a_million_detached_and_dropped_leave_memory_flat() {
    let _alone = crate::alone();
    let total = if Mode::current() == Mode::Off { size(2_000, 10_000) } else { size(200_000, 1_000_000) };
    let ended = Arc::new(AtomicUsize::new(0));
    let run = |count: usize| {
        let before = ended.load(Ordering::Relaxed);
        for n in 0..count {
            let (counter, result) = (Arc::clone(&ended), vec![0_u8; 100]);
            let body = move || {
                counter.fetch_add(1, Ordering::Relaxed);
                result
            };
            match n % 4 {
                0 => thread::spawn_detached(|| drop(body())),
                1 => drop(thread::spawn(body)),
                2 => drop(thread::spawn(body).share()),
                _ => drop(thread::spawn_after(Duration::from_micros(50), body)),
            }
            // Not more at once than the pools hold.
            while n + before > ended.load(Ordering::Relaxed) + 200 {
                thread::yield_now();
            }
        }
        while ended.load(Ordering::Relaxed) < before + count {
            thread::yield_now();
        }
    };
    run(total / 10);
    let before = memory_kb();
    run(total);
    let growth = memory_kb().saturating_sub(before);
    crate::tell(&format!("{total} detached or dropped: {growth} kB more than before"));
    assert!(is_below(growth, 8 * 1024), "{total} detached or dropped left {growth} kB");
}

/// A start that is pending is a timer and a packet, and what is called off is given back at once.
#[test]
fn a_million_pending_starts_cost_no_stacks() {
    let _alone = crate::alone();
    if !holds_in(&[Mode::Default, Mode::Hubs0]) {
        return;
    }
    let count = size(50_000, 1_000_000);
    let before = memory_kb();
    let pending: Vec<_> = (0..count).map(|n| thread::spawn_after(Duration::from_secs(3600), move || n)).collect();
    let each = memory_kb().saturating_sub(before) * 1024 / count;
    crate::tell(&format!("{count} pending: {each} bytes each"));
    assert!(is_below(each, 1_024), "{each} bytes for each of {count}");
    for handle in &pending {
        assert!(handle.cancel());
    }
    for handle in pending {
        assert!(handle.join().is_err());
    }
}

#[test]
fn a_million_sleep_at_once_with_guard_pages() {
    let _alone = crate::alone();
    if !holds_in(&[Mode::Default, Mode::Hubs0]) {
        return;
    }
    let mut count = size(20_000, 1_000_000);
    // Each takes a page of stack and a page table's share. A smaller machine gets as many as fit in half of it.
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let available = meminfo.lines().find(|line| line.starts_with("MemAvailable:")).unwrap();
    let available: usize = available.split_whitespace().nth(1).unwrap().parse().unwrap();
    count = count.min(available / 2 / 6);
    let before = memory_kb();
    let awake = Arc::new(AtomicUsize::new(0));
    let handles: Vec<_> = (0..count)
        .map(|_| {
            let awake = Arc::clone(&awake);
            let sleeper = move || {
                awake.fetch_add(1, Ordering::Relaxed);
                thread::park_timeout(Duration::from_secs(600));
            };
            thread::Builder::new().stack_size(64 * 1024).spawn(sleeper).unwrap()
        })
        .collect();
    while awake.load(Ordering::Relaxed) < count {
        thread::yield_now();
    }
    let each = memory_kb().saturating_sub(before) * 1024 / count;
    crate::tell(&format!("{count} asleep: {each} bytes each"));
    // The frames of a debug build take a second page.
    let bound = if cfg!(debug_assertions) { 11_000 } else { 5_500 };
    assert!(is_below(each, bound), "{each} bytes for each of {count}");
    for handle in &handles {
        handle.thread().unpark();
    }
    for handle in handles {
        handle.join().unwrap();
    }
}
