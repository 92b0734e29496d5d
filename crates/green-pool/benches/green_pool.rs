//! What a job of a pool costs beside a plain green thread.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use green_pool::GreenPool;
use green_thread as thread;

/// How many are in flight before their end is waited for.
const BATCH: u64 = 100;

/// The time of `iters` jobs, a hundred at a time, on a worker hub, as most code of a program runs.
fn batches(iters: u64, batch: impl FnMut(u64) + Send + 'static) -> Duration {
    let run = move || {
        let mut batch = batch;
        batch(BATCH);
        let start = Instant::now();
        for _ in 0..iters / BATCH {
            batch(BATCH);
        }
        batch(iters % BATCH);
        start.elapsed()
    };
    thread::spawn(run).join().expect("benches do not panic")
}

/// Runs what is runnable on this hub, and so the batch that was spawned here.
fn let_them_run() {
    thread::yield_now();
}

fn benches(c: &mut Criterion) {
    c.bench_function("detached/thread_spawn", |b| {
        b.iter_custom(|iters| {
            batches(iters, |count| {
                (0..count).for_each(|_| drop(thread::spawn(|| {})));
                let_them_run();
            })
        });
    });
    c.bench_function("detached/pool_spawn_n", |b| {
        b.iter_custom(|iters| {
            let pool = GreenPool::new(1000);
            batches(iters, move |count| {
                (0..count).for_each(|_| pool.spawn_n(|| {}));
                let_them_run();
            })
        });
    });
    c.bench_function("detached/pool_spawn_n_full", |b| {
        b.iter_custom(|iters| {
            let pool = GreenPool::new(10);
            batches(iters, move |count| {
                (0..count).for_each(|_| pool.spawn_n(|| {}));
                let_them_run();
            })
        });
    });
    c.bench_function("joined/thread_spawn", |b| {
        b.iter_custom(|iters| {
            batches(iters, |count| {
                let handles: Vec<_> = (0..count).map(|n| thread::spawn(move || n)).collect();
                handles.into_iter().for_each(|handle| _ = black_box(handle.join()));
            })
        });
    });
    c.bench_function("joined/pool_spawn", |b| {
        b.iter_custom(|iters| {
            let pool = GreenPool::new(1000);
            batches(iters, move |count| {
                let handles: Vec<_> = (0..count).map(|n| pool.spawn(move || n)).collect();
                handles.into_iter().for_each(|handle| _ = black_box(handle.join()));
            })
        });
    });
    c.bench_function("joined/imap", |b| {
        b.iter_custom(|iters| {
            let pool = GreenPool::new(BATCH as usize);
            batches(iters, move |count| pool.imap(0..count, |n| n).for_each(|result| _ = black_box(result)))
        });
    });
    c.bench_function("joined/imap_unordered", |b| {
        b.iter_custom(|iters| {
            let pool = GreenPool::new(BATCH as usize);
            batches(iters, move |count| pool.imap_unordered(0..count, |n| n).for_each(|result| _ = black_box(result)))
        });
    });
}

criterion_group! {
    name = jobs;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2));
    targets = benches
}
criterion_main!(jobs);
