//! Single operations of the hub's timers, with few and with many others pending.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};

#[path = "../src/timer/mod.rs"]
#[expect(unused, reason = "the module is part of green-core; only its data structure is measured")]
mod timer;

use timer::Timers;

/// A cheap source of scattered deadlines (xorshift64).
struct Scatter(u64);

impl Scatter {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 20
    }
}

fn filled(pending: u64, scatter: &mut Scatter) -> Timers<u64> {
    let mut timers = Timers::new();
    for value in 0..pending {
        timers.insert(scatter.next(), value);
    }
    timers
}

fn timers(c: &mut Criterion) {
    for pending in [1_000, 100_000, 1_000_000] {
        let mut scatter = Scatter(0x9e37_79b9_7f4a_7c15);

        let mut timers = filled(pending, &mut scatter);
        c.bench_function(&format!("timer/insert_cancel_scattered/{pending}"), |b| {
            b.iter(|| {
                let key = timers.insert(scatter.next(), 0);
                black_box(timers.cancel(key))
            });
        });

        // The deadline of a read: later than all before it, and soon cancelled.
        let mut timers = filled(pending, &mut scatter);
        let mut now = u64::MAX / 2;
        c.bench_function(&format!("timer/insert_cancel_in_order/{pending}"), |b| {
            b.iter(|| {
                now += 1;
                let key = timers.insert(now, 0);
                black_box(timers.cancel(key))
            });
        });

        // A steady crowd of sleepers: one wakes and sleeps again.
        let mut timers = filled(pending, &mut scatter);
        let mut now = 0;
        c.bench_function(&format!("timer/pop_insert/{pending}"), |b| {
            b.iter(|| {
                now = timers.next_deadline().expect("the crowd never shrinks");
                let value = timers.pop_due(now).expect("it is due");
                timers.insert(now + scatter.next(), value)
            });
        });
    }
}

criterion_group!(benches, timers);
criterion_main!(benches);
