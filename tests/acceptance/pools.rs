//! What OpenStack does with pools: A4 to A7, A19 and A22. The agent and the dispatcher are those of the examples.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use green::pool::{GreenPool, JobHandle};
use green::sync::{PriorityQueue, Queue};
use green::thread;
use green::time::timeout;

use super::agent::{self, TRIES};
use super::dispatcher::Dispatcher;
use super::exclusive::{Exclusive, Update};

/// Small numbers that look random, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        thread::yield_now();
        std::thread::yield_now();
    }
}

/// A4: a loop that spawns for ever into a pool of eight, over a shared priority queue.
#[test]
fn a4_the_pool_is_the_loops_only_brake() {
    let (pool, queue) = (GreenPool::new(8), Arc::new(PriorityQueue::new(None)));
    let (spawned, order) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let agent = thread::spawn({
        let (pool, queue, spawned, order) =
            (pool.clone(), Arc::clone(&queue), Arc::clone(&spawned), Arc::clone(&order));
        move || {
            while !queue.is_closed() || !queue.is_empty() {
                let (queue, order) = (Arc::clone(&queue), Arc::clone(&order));
                pool.spawn_n(move || {
                    if let Ok(update) = queue.get() {
                        order.lock().unwrap().push(update);
                    }
                });
                spawned.fetch_add(1, Ordering::Relaxed);
            }
            pool.wait_all().unwrap();
        }
    });
    // With nothing to do, the loop stands still: eight wait for work, and the ninth for a slot.
    let stands_still = |done: usize| {
        until(|| (pool.running(), pool.waiting(), queue.waiting_getters()) == (8, 1, 8));
        for _ in 0..100 {
            thread::yield_now();
        }
        assert_eq!(spawned.load(Ordering::Relaxed), 8 + done);
        assert_eq!((pool.running(), pool.free()), (8, 0));
    };
    stands_still(0);
    for n in 0..100 {
        queue.put((0, n)).unwrap();
    }
    until(|| queue.is_empty());
    stands_still(100);
    queue.close();
    agent.join().unwrap();
    assert_eq!(order.lock().unwrap().len(), 100);
    assert_eq!((pool.running(), pool.free()), (0, 8));
}

/// A4: by priority, then by time, also what was put in later; and a closed queue is drained.
#[test]
fn a4_the_most_urgent_comes_first() {
    let queue = Rc::new(PriorityQueue::new(None));
    let mut random = Random(4);
    for timestamp in 0..200 {
        let priority = random.below(3) as u8;
        queue.put(Update { priority, timestamp, router: timestamp as u32, tries: 0 }).unwrap();
    }
    queue.close();
    let order = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&order);
    agent::run(&queue, &Rc::default(), move |update| {
        log.borrow_mut().push((update.priority, update.timestamp));
        true
    });
    let order = order.take();
    assert_eq!(order.len(), 200);
    assert!(order.is_sorted(), "{order:?}");
}

/// A5: 10,000 updates of 50 routers. No two workers on one router, nothing lost, the newest state wins; no lock.
#[test]
fn a5_one_worker_for_a_router_and_nothing_lost() {
    const UPDATES: u64 = 10_000;
    const ROUTERS: u64 = 50;
    let (queue, exclusive) = (Rc::new(PriorityQueue::new(Some(20))), Rc::new(Exclusive::default()));
    let (busy, states) = (Rc::new(RefCell::new(HashSet::new())), Rc::new(RefCell::new(HashMap::<u32, u64>::new())));
    let (done, most) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    let agent = thread::spawn_local({
        let (queue, exclusive) = (Rc::clone(&queue), Rc::clone(&exclusive));
        let (busy, states, done, most) = (Rc::clone(&busy), Rc::clone(&states), Rc::clone(&done), Rc::clone(&most));
        let random = RefCell::new(Random(5));
        move || {
            agent::run(&queue, &exclusive, move |update| {
                assert!(busy.borrow_mut().insert(update.router), "two work on {update:?}");
                most.set(most.get().max(busy.borrow().len()));
                let yields = random.borrow_mut().below(4);
                (0..yields).for_each(|_| thread::yield_now());
                let before = states.borrow_mut().insert(update.router, update.timestamp);
                assert!(before < Some(update.timestamp), "{update:?} is stale");
                busy.borrow_mut().remove(&update.router);
                done.set(done.get() + 1);
                true
            });
        }
    });
    let (mut random, mut newest) = (Random(6), HashMap::new());
    for timestamp in 1..=UPDATES {
        let router = random.below(ROUTERS) as u32;
        newest.insert(router, timestamp);
        queue.put(Update { priority: random.below(3) as u8, timestamp, router, tries: 0 }).unwrap();
    }
    queue.close();
    agent.join().unwrap();
    assert_eq!(*states.borrow(), newest);
    assert_eq!(done.get() + exclusive.superseded(), UPDATES);
    assert!(most.get() > 1, "they were never at work together");
}

/// A6: what fails is tried five times, whether the queue takes it back or is closed by then, and the pool grows with the
/// routers.
#[test]
fn a6_failures_are_tried_again_and_the_pool_is_resized() {
    for close_first in [true, false] {
        let queue = Rc::new(PriorityQueue::new(None));
        let (tries, now, most) = (Rc::new(RefCell::new(HashMap::new())), Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let agent = thread::spawn_local({
            let (queue, tries, now, most) = (Rc::clone(&queue), Rc::clone(&tries), Rc::clone(&now), Rc::clone(&most));
            move || {
                agent::run(&queue, &Rc::default(), move |update| {
                    now.set(now.get() + 1);
                    most.set(most.get().max(now.get()));
                    (0..3).for_each(|_| thread::yield_now());
                    now.set(now.get() - 1);
                    let tries = &mut *tries.borrow_mut();
                    let so_far: &mut u32 = tries.entry((update.router, update.timestamp)).or_default();
                    *so_far += 1;
                    // The third try succeeds for some, and for others none does.
                    match update.router % 3 {
                        0 => true,
                        1 => *so_far == 3,
                        _ => false,
                    }
                });
            }
        });
        for timestamp in 1..=4 {
            for router in 0..60 {
                queue.put(Update { priority: 0, timestamp, router, tries: 0 }).unwrap();
            }
            if !close_first {
                until(|| queue.is_empty());
            }
        }
        queue.close();
        agent.join().unwrap();
        for ((router, timestamp), tries) in tries.take() {
            match router % 3 {
                0 => assert_eq!(tries, 1),
                // A later update may have made it void.
                1 => assert!(tries <= 3, "{router} {timestamp}: {tries}"),
                _ => assert_eq!(tries, TRIES, "{router} {timestamp}"),
            }
        }
        assert!((9..=32).contains(&most.get()), "{} at once", most.get());
    }
}

/// A7: the dispatcher neither knows nor cares what it runs on; this test runs on green threads and, with `GREEN=off`, on
/// OS threads.
#[test]
fn a7_the_same_dispatcher_on_green_threads_and_os_threads() {
    let incoming = Arc::new(Queue::new(Some(8)));
    let (handled, now, most) = [(); 3].map(|()| Arc::new(AtomicUsize::new(0))).into();
    let dispatcher = Dispatcher::start(Arc::clone(&incoming), 16, {
        let (handled, now, most) = (Arc::clone(&handled), Arc::clone(&now), Arc::clone(&most));
        move |n: u32| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
            handled.fetch_add(1, Ordering::SeqCst);
            if n.is_multiple_of(10) {
                resume_unwind(Box::new("the handler failed"));
            }
        }
    });
    for n in 0..500 {
        incoming.put(n).unwrap();
    }
    let stopped = dispatcher.stop();
    assert!(incoming.put(500).is_err(), "the intake has stopped");
    let rest = stopped.wait();
    let handled = handled.load(Ordering::SeqCst);
    assert_eq!(handled + rest.len(), 500);
    // What lies in the queue, and what the poller has in its hand, may be left; and what is left are the last ones.
    assert!(rest.len() <= 9 && rest.is_sorted() && rest.first().is_none_or(|n| *n == handled as u32), "{rest:?}");
    assert!(most.load(Ordering::SeqCst) <= 16);
    assert_eq!(now.load(Ordering::SeqCst), 0);
}

/// What became of a cell.
#[derive(Debug, PartialEq)]
enum Answer {
    Value(u32),
    RaisedException,
    DidNotRespond,
}

/// A19: ask all cells at once, and take what has come when the time is up.
fn scatter_gather(cells: u32, limit: Duration, ask: impl Fn(u32) -> u32 + Send + Sync + 'static) -> Vec<Answer> {
    let (pool, ask, answers) = (GreenPool::unlimited(), Arc::new(ask), Arc::new(Queue::new(None)));
    let jobs: Vec<JobHandle<()>> = (0..cells)
        .map(|cell| {
            let (ask, answers) = (Arc::clone(&ask), Arc::clone(&answers));
            pool.spawn(move || answers.put((cell, ask(cell))).unwrap())
        })
        .collect();
    // Late or not: what counts is who has answered.
    let _ = timeout(limit, || pool.wait_all().unwrap());
    let failed: Vec<_> = jobs.iter().map(JobHandle::is_finished).collect();
    jobs.iter().try_for_each(JobHandle::kill).unwrap();
    pool.wait_all().unwrap();
    answers.close();
    let mut values: HashMap<_, _> = answers.iter().collect();
    let answer = |cell: u32| match values.remove(&cell) {
        Some(value) => Answer::Value(value),
        None if failed[cell as usize] => Answer::RaisedException,
        None => Answer::DidNotRespond,
    };
    (0..cells).map(answer).collect()
}

#[test]
fn a19_slow_cells_do_not_respond_and_failing_ones_say_so() {
    struct Tear(Arc<AtomicUsize>);
    impl Drop for Tear {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    const LIMIT: Duration = Duration::from_millis(50);
    let torn = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&torn);
    let start = Instant::now();
    let answers = scatter_gather(30, LIMIT, move |cell| match cell % 3 {
        0 => cell * 2,
        1 => resume_unwind(Box::new("no such table")),
        _ => {
            let _tear = Tear(Arc::clone(&count));
            thread::sleep(Duration::from_secs(3600));
            0
        }
    });
    assert!(start.elapsed() >= LIMIT);
    for (cell, answer) in (0..).zip(answers) {
        let expected = [Answer::Value(cell * 2), Answer::RaisedException, Answer::DidNotRespond];
        assert_eq!(answer, expected[cell as usize % 3]);
    }
    assert_eq!(torn.load(Ordering::SeqCst), 10, "the slow ones were killed, and unwound");
    // If all are fast, nobody waits for the limit.
    let answers = scatter_gather(10, Duration::from_secs(3600), |cell| cell);
    assert!(answers.into_iter().eq((0..10).map(Answer::Value)));
}

/// A22: oslo.service's thread group, in terms of a pool.
#[derive(Clone)]
struct ThreadGroup {
    pool: GreenPool,
    threads: Arc<Mutex<Vec<JobHandle<()>>>>,
}

impl ThreadGroup {
    fn new(size: usize) -> ThreadGroup {
        ThreadGroup { pool: GreenPool::new(size), threads: Arc::default() }
    }

    fn add_thread(&self, f: impl FnOnce() + Send + 'static) {
        let handle = self.pool.spawn(f);
        self.threads.lock().unwrap().push(handle);
    }

    /// Kills all but the caller.
    fn stop(&self) {
        let me = thread::current().id();
        let threads = self.threads.lock().unwrap();
        let others = threads.iter().filter(|handle| handle.thread().is_none_or(|thread| thread.id() != me));
        others.for_each(|handle| handle.kill().unwrap());
    }

    /// Waits for all, and returns what the errors say. To be killed is none.
    fn wait(&self) -> Vec<&'static str> {
        self.pool.wait_all().unwrap();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap());
        let errors = threads.into_iter().filter_map(|handle| handle.join().err());
        errors.filter(|error| !error.is::<thread::Killed>()).map(|error| *error.downcast().unwrap()).collect()
    }
}

#[test]
fn a22_a_thread_group() {
    let threads = ThreadGroup::new(3);
    for _ in 0..3 {
        threads.add_thread(thread::park);
    }
    // A fourth blocks.
    assert!(timeout(Duration::from_millis(5), || threads.add_thread(|| {})).is_err());
    let fourth = thread::spawn({
        let threads = threads.clone();
        move || threads.add_thread(|| resume_unwind(Box::new("it broke")))
    });
    until(|| threads.pool.waiting() == 1);
    // Those that have ended leave by themselves, and so make room.
    let first = threads.threads.lock().unwrap()[0].thread().unwrap().clone();
    first.unpark();
    fourth.join().unwrap();
    until(|| threads.pool.running() == 2);
    threads.stop();
    assert_eq!(threads.wait(), ["it broke"]);
    assert_eq!(threads.pool.free(), 3);

    // One of them may stop the group, and lives on.
    let log = Arc::new(Mutex::new(Vec::new()));
    threads.add_thread(thread::park);
    threads.add_thread({
        let (threads, log) = (threads.clone(), Arc::clone(&log));
        move || {
            threads.stop();
            thread::yield_now();
            log.lock().unwrap().push("alive");
        }
    });
    assert!(threads.wait().is_empty());
    assert_eq!(*log.lock().unwrap(), ["alive"]);
}
