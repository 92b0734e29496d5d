//! What single operations on green threads cost: yield, spawn and join, park and unpark.

use std::cell::Cell;
use std::collections::VecDeque;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use green_thread as thread;

/// Runs `f` on a worker hub, as most code of a program runs.
fn on_a_worker(f: impl FnOnce() -> Duration + Send + 'static) -> Duration {
    thread::spawn(f).join().expect("benches do not panic")
}

/// The time of `iters` yields, spread over `threads` green threads of one hub that do nothing else.
fn yields(threads: u32, iters: u64) -> Duration {
    let stop = Rc::new(Cell::new(false));
    let neighbours: Vec<_> = (1..threads)
        .map(|_| {
            let stop = Rc::clone(&stop);
            thread::spawn_local(move || {
                while !stop.get() {
                    thread::yield_now();
                }
            })
        })
        .collect();
    // Every neighbour has started, and so has a warm stack.
    thread::yield_now();
    let rounds = iters.div_ceil(u64::from(threads));
    let start = Instant::now();
    for _ in 0..rounds {
        thread::yield_now();
    }
    let elapsed = start.elapsed();
    stop.set(true);
    for neighbour in neighbours {
        neighbour.join().expect("a neighbour only yields");
    }
    elapsed.mul_f64(iters as f64 / (rounds * u64::from(threads)) as f64)
}

/// The time of `iters` times a spawn and the join of the oldest of a hundred.
fn spawn_join(iters: u64) -> Duration {
    let mut alive: VecDeque<_> = (0..100_u64).map(|n| thread::spawn(move || n)).collect();
    let start = Instant::now();
    for n in 0..iters {
        alive.push_back(thread::spawn(move || n));
        let oldest = alive.pop_front().expect("a hundred are kept");
        black_box(oldest.join().expect("it returns"));
    }
    let elapsed = start.elapsed();
    for rest in alive {
        rest.join().expect("it returns");
    }
    elapsed
}

/// The time of `iters` round trips between this green thread and the one that `start_partner` starts.
fn ping_pong(iters: u64, local: bool) -> Duration {
    let turn = Arc::new(AtomicU64::new(0));
    let me = thread::current();
    let partner = {
        let turn = Arc::clone(&turn);
        move || {
            for round in 0..iters {
                while turn.load(Ordering::Acquire) != 2 * round + 1 {
                    thread::park();
                }
                turn.store(2 * round + 2, Ordering::Release);
                me.unpark();
            }
        }
    };
    let trips = |other: &thread::Thread| {
        let start = Instant::now();
        for round in 0..iters {
            turn.store(2 * round + 1, Ordering::Release);
            other.unpark();
            while turn.load(Ordering::Acquire) != 2 * round + 2 {
                thread::park();
            }
        }
        start.elapsed()
    };
    if local {
        let partner = thread::spawn_local(partner);
        let elapsed = trips(partner.thread());
        partner.join().expect("it returns");
        elapsed
    } else {
        let partner = thread::spawn(partner);
        let elapsed = trips(partner.thread());
        partner.join().expect("it returns");
        elapsed
    }
}

fn benches(c: &mut Criterion) {
    for threads in [2, 1_000] {
        c.bench_function(&format!("yield_now/{threads}_green_threads"), |b| {
            b.iter_custom(|iters| on_a_worker(move || yields(threads, iters)));
        });
    }
    c.bench_function("spawn_join/100_alive", |b| {
        b.iter_custom(|iters| on_a_worker(move || spawn_join(iters)));
    });
    c.bench_function("spawn_join_local/1_alive", |b| {
        b.iter_custom(|iters| {
            on_a_worker(move || {
                let start = Instant::now();
                for n in 0..iters {
                    let child = thread::spawn_local(move || n);
                    black_box(child.join().expect("it returns"));
                }
                start.elapsed()
            })
        });
    });
    c.bench_function("scope/2_children", |b| {
        b.iter_custom(|iters| {
            on_a_worker(move || {
                let start = Instant::now();
                for n in 0..iters {
                    thread::scope(|s| {
                        s.spawn(|| black_box(n));
                        s.spawn(|| black_box(n));
                    });
                }
                start.elapsed()
            })
        });
    });
    c.bench_function("park_unpark/one_hub", |b| {
        b.iter_custom(|iters| on_a_worker(move || ping_pong(iters, true)));
    });
    // The root's hub runs no spawned green threads, so these two are on different ones.
    c.bench_function("park_unpark/two_hubs", |b| {
        b.iter_custom(|iters| ping_pong(iters, false));
    });
}

criterion_group! {
    name = single_operations;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2));
    targets = benches
}
criterion_main!(single_operations);
