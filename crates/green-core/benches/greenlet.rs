//! Lives of greenlets and coroutines, and green-thread locals. Switches are measured by the bench `switch`.

use std::cell::Cell;

use criterion::{Criterion, criterion_group, criterion_main};
use green_core::coroutine::{Coroutine, Yielder};
use green_core::greenlet::Greenlet;

fn lives(c: &mut Criterion) {
    c.bench_function("greenlet/make_run_drop", |b| {
        b.iter(|| Greenlet::new(|_| ()).switch(()));
    });
    c.bench_function("coroutine/make_run_drop", |b| {
        b.iter(|| Coroutine::new(|_: &Yielder<(), ()>, ()| ()).resume(()));
    });
    c.bench_function("coroutine/make_suspend_unwind", |b| {
        b.iter(|| Coroutine::new(|out: &Yielder<(), ()>, ()| out.suspend(())).resume(()));
    });
}

fn local(c: &mut Criterion) {
    green_core::thread_local!(static COUNT: Cell<u64> = const { Cell::new(0) });
    std::thread_local!(static STD: Cell<u64> = const { Cell::new(0) });
    c.bench_function("local/get_and_set", |b| b.iter(|| COUNT.set(COUNT.get() + 1)));
    c.bench_function("local/get_and_set_of_std", |b| b.iter(|| STD.set(STD.get() + 1)));
}

criterion_group!(benches, lives, local);
criterion_main!(benches);
