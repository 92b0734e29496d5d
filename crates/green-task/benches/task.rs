//! What a task costs: from its start to the end of its completion, alone and among ten thousand.

use std::cell::Cell;
use std::hint::black_box;
use std::rc::Rc;

use criterion::{Criterion, criterion_group, criterion_main};
use green_task::{HubHandle, Pending, Task};

fn start(done: &Rc<Cell<usize>>) -> Pending {
    let done = Rc::clone(done);
    Task::new(1).run(|task: &mut Task<usize, usize>| Ok(black_box(*task.source()))).on_complete(move |task| {
        done.set(done.get() + task.take_result().expect("the worker returns one"));
    })
}

fn tasks(c: &mut Criterion) {
    let mut group = c.benchmark_group("task");
    let done = Rc::new(Cell::new(0));
    group.bench_function("round trip", |b| b.iter(|| start(&done).wait()));
    group.bench_function("wait inline", |b| b.iter(|| start(&done).wait_inline().expect("it is this hub's")));
    group.sample_size(20).bench_function("10,000 in flight", |b| {
        b.iter(|| {
            let pending: Vec<_> = (0..10_000).map(|_| start(&done)).collect();
            pending.iter().for_each(Pending::wait);
        });
    });
    group.finish();
}

fn calls(c: &mut Criterion) {
    let mut group = c.benchmark_group("hub handle");
    group.bench_function("100 posts to one's own hub", |b| {
        let hub = HubHandle::current();
        b.iter(|| {
            for _ in 0..100 {
                assert!(hub.post(|| {}).is_ok());
            }
            // One call at a time, so the last of these turns is the last call's.
            (0..101).for_each(|_| green_thread::yield_now());
        });
    });
    group.finish();
}

criterion_group!(benches, tasks, calls);
criterion_main!(benches);
