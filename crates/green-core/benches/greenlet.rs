//! Single operations of greenlets, coroutines and green-thread locals.

use std::cell::Cell;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use green_core::coroutine::{Coroutine, Step, Yielder};
use green_core::greenlet::{self, Greenlet};

/// There and back: two switches per iteration.
fn switch(c: &mut Criterion) {
    let main = greenlet::current();
    let echo = Greenlet::new(move |_| {
        loop {
            main.switch(());
        }
        #[expect(unreachable_code, reason = "gives the closure a type")]
        ()
    });
    c.bench_function("greenlet/switch_there_and_back", |b| b.iter(|| echo.switch(())));
}

fn resume(c: &mut Criterion) {
    let mut counter = Coroutine::new(|out: &Yielder<u64, u64>, mut n: u64| -> () {
        loop {
            n = out.suspend(n + 1);
        }
    });
    c.bench_function("coroutine/resume_and_suspend", |b| {
        b.iter(|| match counter.resume(black_box(1)) {
            Step::Yield(n) => n,
            Step::Done(()) => unreachable!("it runs for ever"),
        });
    });
}

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

criterion_group!(benches, switch, resume, lives, local);
criterion_main!(benches);
