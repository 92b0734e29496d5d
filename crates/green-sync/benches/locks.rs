//! One operation each of the locks, uncontended beside std's, and contended on one hub.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use green_thread as thread;

/// Measures an operation on a lock of ours and on std's.
macro_rules! beside_std {
    ($c:expr, $name:literal, $lock:ident, |$locked:ident| $operation:expr) => {
        let mut group = $c.benchmark_group($name);
        let $locked = black_box(green_sync::$lock::new(0u64));
        group.bench_function("green", |b| b.iter(|| $operation));
        let $locked = black_box(std::sync::$lock::new(0u64));
        group.bench_function("std", |b| b.iter(|| $operation));
        group.finish();
    };
}

fn uncontended(c: &mut Criterion) {
    beside_std!(c, "mutex_lock_unlock", Mutex, |mutex| *mutex.lock().unwrap() += 1);
    beside_std!(c, "rwlock_read_unlock", RwLock, |lock| *lock.read().unwrap());
    beside_std!(c, "rwlock_write_unlock", RwLock, |lock| *lock.write().unwrap() += 1);
}

/// Runs `operation` `rounds` times in each of `count` green threads of this hub; returns the time for one.
fn on_one_hub(count: u64, rounds: u64, operation: impl Fn() + Clone + 'static) -> Duration {
    let start = Instant::now();
    let threads: Vec<_> = (0..count)
        .map(|_| {
            let operation = operation.clone();
            thread::spawn_local(move || (0..rounds).for_each(|_| operation()))
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    start.elapsed() / u32::try_from(count).unwrap()
}

/// A lock and an unlock with a yield in between, so that everybody else finds the lock held.
fn held_across_a_yield(c: &mut Criterion) {
    for count in [2, 64] {
        c.bench_function(&format!("mutex_held_across_a_yield_{count}"), |b| {
            b.iter_custom(|rounds| {
                let mutex = Arc::new(green_sync::Mutex::new(0u64));
                on_one_hub(count, rounds, move || {
                    let mut value = mutex.lock().unwrap();
                    *value += 1;
                    thread::yield_now();
                })
            });
        });
    }
}

/// A notification and the wait that it ends, between two green threads that take turns.
fn condvar(c: &mut Criterion) {
    c.bench_function("condvar_notify_and_wait", |b| {
        b.iter_custom(|rounds| {
            let shared = Arc::new((green_sync::Mutex::new(0u64), green_sync::Condvar::new()));
            let start = Instant::now();
            let players: Vec<_> = (0..2)
                .map(|me| {
                    let shared = Arc::clone(&shared);
                    thread::spawn_local(move || {
                        let (turn, changed) = &*shared;
                        let mut turn = turn.lock().unwrap();
                        for _ in 0..rounds {
                            turn = changed.wait_while(turn, |turn| *turn % 2 != me).unwrap();
                            *turn += 1;
                            changed.notify_one();
                        }
                    })
                })
                .collect();
            for player in players {
                player.join().unwrap();
            }
            start.elapsed() / 2
        });
    });
}

criterion_group!(benches, uncontended, held_across_a_yield, condvar);
criterion_main!(benches);
