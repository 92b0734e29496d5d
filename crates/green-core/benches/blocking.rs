//! The way to the blocking pool and back.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use green_core::blocking::unblock;
use green_core::spawn::{Options, spawn};

fn blocking(c: &mut Criterion) {
    c.bench_function("blocking/unblock/root", |b| b.iter(|| unblock(|| black_box(1))));
    c.bench_function("blocking/unblock/green_thread", |b| {
        b.iter_custom(|rounds| {
            let caller = move || {
                let start = Instant::now();
                for _ in 0..rounds {
                    black_box(unblock(|| black_box(1)));
                }
                start.elapsed()
            };
            let joiner = spawn(Options::default(), caller).expect("one green thread");
            joiner.join().expect("the jobs do not panic")
        });
    });
    // Sixteen at a time: what a busy program sees.
    c.bench_function("blocking/unblock/sixteen_callers", |b| {
        b.iter_custom(|rounds| {
            let start = Instant::now();
            let callers: Vec<_> = (0..16)
                .map(|_| {
                    let caller = move || {
                        for _ in 0..rounds / 16 + 1 {
                            black_box(unblock(|| black_box(1)));
                        }
                    };
                    spawn(Options::default(), caller).expect("one green thread")
                })
                .collect();
            for caller in callers {
                caller.join().expect("the jobs do not panic");
            }
            start.elapsed()
        });
    });
}

criterion_group!(benches, blocking);
criterion_main!(benches);
