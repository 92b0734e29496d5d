//! What a coroutine costs beside the two context switches that it cannot do without: at most three times as much.
//!
//! Both are measured in one run, so that a noisy machine disturbs both.

#[expect(unsafe_code, reason = "the bare switch is what everything else is measured against")]
mod raw;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use green_core::coroutine::{Coroutine, Step, Yielder};
use green_core::greenlet::{self, Greenlet};

fn there_and_back(c: &mut Criterion) {
    // First, because it makes the hub, which presets the float flags: they are then equal on all these stacks.
    let main = greenlet::current();
    let mut counter = Coroutine::new(|out: &Yielder<usize, usize>, mut n: usize| -> () {
        loop {
            n = out.suspend(n + 1);
        }
    });
    let mut echo = raw::Echo::new();
    let symmetric = Greenlet::new(move |_| -> () {
        loop {
            main.switch(());
        }
    });
    c.bench_function("switch/two_bare_switches", |b| b.iter(|| echo.there_and_back(black_box(1))));
    c.bench_function("switch/resume_and_suspend", |b| {
        b.iter(|| match counter.resume(black_box(1)) {
            Step::Yield(n) => n,
            Step::Done(()) => unreachable!("it runs for ever"),
        });
    });
    c.bench_function("switch/greenlet_there_and_back", |b| b.iter(|| symmetric.switch(())));
}

criterion_group!(benches, there_and_back);
criterion_main!(benches);
