//! What a message costs, beside std's channel: each number is for one message, or for one round trip.
//!
//! Run it on one core (`GREEN_HUBS=1 taskset -c 0`) for what a green thread pays, and without for what two cores make
//! of it.

#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use green_sync::{LazyLock, OnceLock, mpmc, mpsc};
use green_thread as green;

/// Times `body` on a green thread.
fn on_green(body: impl FnOnce() -> Duration + Send + 'static) -> Duration {
    green::spawn(body).join().expect("a benchmark does not panic")
}

/// Times `rounds` round trips between the calling thread and another one.
macro_rules! ping_pong {
    ($spawn:path, $channel:expr, $rounds:expr) => {{
        let ((ping, pinged), (pong, ponged)) = ($channel, $channel);
        let echo = $spawn(move || {
            for n in pinged {
                if pong.send(n).is_err() {
                    break;
                }
            }
        });
        let start = Instant::now();
        for n in 0..$rounds {
            ping.send(n).expect("the other end is there");
            black_box(ponged.recv().expect("the other end is there"));
        }
        let taken = start.elapsed();
        drop(ping);
        echo.join().expect("a benchmark does not panic");
        taken
    }};
}

/// Times `messages` messages of so many senders.
macro_rules! stream {
    ($spawn:path, $channel:expr, $senders:expr, $messages:expr) => {{
        let (sender, receiver) = $channel;
        let each = $messages / $senders + 1;
        let start = Instant::now();
        let threads: Vec<_> = (0..$senders)
            .map(|_| {
                let sender = sender.clone();
                $spawn(move || (0..each).for_each(|n| sender.send(n).expect("the other end is there")))
            })
            .collect();
        drop(sender);
        black_box(receiver.iter().count());
        let taken = start.elapsed();
        for thread in threads {
            thread.join().expect("a benchmark does not panic");
        }
        taken
    }};
}

fn round_trips(c: &mut Criterion) {
    let mut group = c.benchmark_group("round trip");
    group.bench_function("mpsc::channel", |b| {
        b.iter_custom(|rounds| on_green(move || ping_pong!(green::spawn, mpsc::channel(), rounds)));
    });
    group.bench_function("mpsc::sync_channel(0)", |b| {
        b.iter_custom(|rounds| on_green(move || ping_pong!(green::spawn, mpsc::sync_channel(0), rounds)));
    });
    group.bench_function("mpsc::sync_channel(1)", |b| {
        b.iter_custom(|rounds| on_green(move || ping_pong!(green::spawn, mpsc::sync_channel(1), rounds)));
    });
    group.bench_function("mpmc::channel", |b| {
        b.iter_custom(|rounds| on_green(move || ping_pong!(green::spawn, mpmc::channel(), rounds)));
    });
    group.bench_function("std::sync::mpsc::channel", |b| {
        b.iter_custom(|rounds| ping_pong!(std::thread::spawn, std::sync::mpsc::channel(), rounds));
    });
    group.finish();
}

fn streams(c: &mut Criterion) {
    let mut group = c.benchmark_group("stream");
    for senders in [1, 4] {
        group.bench_function(format!("mpsc::channel, {senders} to 1"), |b| {
            b.iter_custom(|n| on_green(move || stream!(green::spawn, mpsc::channel(), senders, n)));
        });
        group.bench_function(format!("mpsc::sync_channel(64), {senders} to 1"), |b| {
            b.iter_custom(|n| on_green(move || stream!(green::spawn, mpsc::sync_channel(64), senders, n)));
        });
        group.bench_function(format!("mpmc::channel, {senders} to 1"), |b| {
            b.iter_custom(|n| on_green(move || stream!(green::spawn, mpmc::channel(), senders, n)));
        });
        group.bench_function(format!("std::sync::mpsc::channel, {senders} to 1"), |b| {
            b.iter_custom(|n| stream!(std::thread::spawn, std::sync::mpsc::channel(), senders, n));
        });
    }
    group.finish();
}

fn cells(c: &mut Criterion) {
    static CELL: OnceLock<u64> = OnceLock::new();
    static STD_CELL: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    static LAZY: LazyLock<u64> = LazyLock::new(|| 3);
    static STD_LAZY: std::sync::LazyLock<u64> = std::sync::LazyLock::new(|| 3);
    CELL.get_or_init(|| 3);
    STD_CELL.get_or_init(|| 3);
    let mut group = c.benchmark_group("cell");
    group.bench_function("OnceLock::get", |b| b.iter(|| black_box(&CELL).get()));
    group.bench_function("std OnceLock::get", |b| b.iter(|| black_box(&STD_CELL).get()));
    group.bench_function("LazyLock::deref", |b| b.iter(|| **black_box(&LAZY)));
    group.bench_function("std LazyLock::deref", |b| b.iter(|| **black_box(&STD_LAZY)));
    group.finish();
}

criterion_group!(benches, round_trips, streams, cells);
criterion_main!(benches);
