//! Spawning and sleeping in great numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use green::thread;
use green_tests::{Mode, holds_in};

use crate::{memory_kb, size};

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
    assert!(growth < 8 * 1024, "{total} spawns and joins left {growth} kB");
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
    let each = (memory_kb() - before) * 1024 / count;
    crate::tell(&format!("{count} asleep: {each} bytes each"));
    // The frames of a debug build take a second page.
    let bound = if cfg!(debug_assertions) { 11_000 } else { 5_500 };
    assert!(each < bound, "{each} bytes for each of {count}");
    for handle in &handles {
        handle.thread().unpark();
    }
    for handle in handles {
        handle.join().unwrap();
    }
}
