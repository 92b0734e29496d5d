//! How late a sleep of 100 µs is, and what a timeout costs that does not go off.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

/// The target is at most twice std's lateness: (green - 100 µs) / (std - 100 µs) <= 2.
fn sleep(c: &mut Criterion) {
    let nap = Duration::from_micros(100);
    c.bench_function("sleep/100us/std", |b| b.iter(|| std::thread::sleep(nap)));
    c.bench_function("sleep/100us/green_root", |b| b.iter(|| green_time::sleep(nap)));
    c.bench_function("sleep/100us/green_thread", |b| {
        b.iter_custom(|rounds| {
            let sleeper = move || {
                let start = green_time::Instant::now();
                for _ in 0..rounds {
                    green_time::sleep(nap);
                }
                start.elapsed()
            };
            let joiner = green_core::spawn::spawn(green_core::spawn::Options::default(), sleeper);
            joiner.expect("one green thread").join().expect("a sleep does not panic")
        });
    });
}

fn timeout(c: &mut Criterion) {
    let hour = Duration::from_secs(3600);
    c.bench_function("timeout/that_does_not_go_off", |b| {
        b.iter(|| green_time::timeout(hour, || black_box(1)));
    });
}

criterion_group!(benches, sleep, timeout);
criterion_main!(benches);
