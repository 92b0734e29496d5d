//! What single operations cost of what std does not have: semaphores, events, queues, selects.

use std::hint::black_box;
use std::rc::Rc;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use green_sync::{Event, PriorityQueue, Queue, Select, Semaphore};
use green_thread as thread;

/// Runs `f` on a worker hub, as most code of a program runs.
fn on_a_worker(f: impl FnOnce() -> Duration + Send + 'static) -> Duration {
    thread::spawn(f).join().expect("benches do not panic")
}

/// The time of `iters` turns of two green threads of one hub: `mine` here, then `other` there.
fn turns(iters: u64, mine: impl Fn(), other: impl Fn() + 'static) -> Duration {
    let partner = thread::spawn_local(move || (0..iters).for_each(|_| other()));
    let start = Instant::now();
    (0..iters).for_each(|_| mine());
    let elapsed = start.elapsed();
    partner.join().expect("it only takes turns");
    elapsed
}

fn semaphores(iters: u64) -> Duration {
    let pair = Rc::new((Semaphore::new(0), Semaphore::new(0)));
    let other = Rc::clone(&pair);
    let mine = move || {
        pair.0.release();
        pair.1.acquire().expect("it is open").forget();
    };
    let theirs = move || {
        other.0.acquire().expect("it is open").forget();
        other.1.release();
    };
    turns(iters, mine, theirs)
}

fn queues(iters: u64, capacity: Option<usize>) -> Duration {
    let pair = Rc::new((Queue::new(capacity), Queue::new(capacity)));
    let other = Rc::clone(&pair);
    let mine = move || {
        pair.0.put(1_u64).expect("it is open");
        black_box(pair.1.get().expect("it is open"));
    };
    let theirs = move || {
        let item = other.0.get().expect("it is open");
        other.1.put(item).expect("it is open");
    };
    turns(iters, mine, theirs)
}

fn selects(iters: u64) -> Duration {
    let pair = Rc::new((Queue::new(None), Queue::new(None), Event::<()>::new()));
    let other = Rc::clone(&pair);
    let mine = move || {
        pair.0.put(1_u64).expect("it is open");
        black_box(pair.1.get().expect("it is open"));
    };
    let theirs = move || {
        let item = Select::new().on(&other.0, |item| item.ok()).on(&other.2, |_| None).wait();
        other.1.put(item.expect("the event does not happen")).expect("it is open");
    };
    turns(iters, mine, theirs)
}

fn uncontended(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("uncontended");
    let semaphore = Semaphore::new(1);
    group.bench_function("semaphore acquire and drop", |b| b.iter(|| black_box(semaphore.acquire()).is_ok()));
    group.bench_function("event new, send, wait", |b| {
        b.iter(|| {
            let event = Event::<u32>::new();
            event.send(1).is_ok() && event.wait().is_ok()
        });
    });
    let queue = Queue::new(None);
    group.bench_function("queue put and get", |b| b.iter(|| (queue.put(1_u64).is_ok(), queue.get())));
    let smallest = PriorityQueue::new(None);
    group.bench_function("priority queue put and get", |b| b.iter(|| (smallest.put(1_u64).is_ok(), smallest.get())));
    let (sender, receiver) = std::sync::mpsc::channel();
    group.bench_function("std channel send and recv", |b| b.iter(|| (sender.send(1_u64).is_ok(), receiver.recv())));
    let idle: Queue<u64> = Queue::new(None);
    group.bench_function("select of two queues, one ready", |b| {
        b.iter(|| {
            queue.put(1).is_ok() && Select::new().on(&idle, |item| item.is_ok()).on(&queue, |item| item.is_ok()).wait()
        });
    });
    group.finish();
}

fn turns_of_two(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a turn of two green threads of one hub");
    group.bench_function("semaphores", |b| b.iter_custom(|iters| on_a_worker(move || semaphores(iters))));
    group.bench_function("queues", |b| b.iter_custom(|iters| on_a_worker(move || queues(iters, None))));
    group.bench_function("rendezvous", |b| b.iter_custom(|iters| on_a_worker(move || queues(iters, Some(0)))));
    group.bench_function("select of two", |b| b.iter_custom(|iters| on_a_worker(move || selects(iters))));
    group.finish();
}

criterion_group!(benches, uncontended, turns_of_two);
criterion_main!(benches);
