//! `Select`: one of several, and the others stay as they are.

mod extras;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use extras::{Runner, everywhere, until};
use green_core::spawn::{Options, spawn};
use green_core::waitable::Waitable;
use green_sync::queue::GetError;
use green_sync::semaphore::{AcquireError, BoundedSemaphore, CappedSemaphore, Permit};
use green_sync::{Event, LifoQueue, Queue, Select, Semaphore, mpmc, mpsc};
use green_thread as thread;

const MOMENT: Duration = Duration::from_millis(5);
const AGE: Duration = Duration::from_secs(60);

/// Waits until somebody waits for `thing`.
fn until_awaited(thing: &impl Waitable) {
    until(|| !thing.queue().unwrap().is_empty());
}

#[derive(Debug, PartialEq)]
enum Which {
    Left(u32),
    Right(u32),
    Permit,
    Event,
    Time,
}

#[test]
fn what_is_ready_is_done_and_the_rest_stays() {
    everywhere(|| {
        let (left, right, semaphore) = (Queue::new(None), LifoQueue::new(None), Semaphore::new(1));
        let event = Event::<()>::new();
        left.put(1).unwrap();
        right.put(2).unwrap();
        event.send(()).unwrap();
        let mut seen = Vec::new();
        for _ in 0..40 {
            let which = Select::new()
                .on(&left, |item| Which::Left(item.unwrap()))
                .on(&right, |item| Which::Right(item.unwrap()))
                .on(&semaphore, |permit| {
                    drop(permit.unwrap());
                    Which::Permit
                })
                .on(&event, |_| Which::Event)
                .timeout(AGE, || Which::Time)
                .wait();
            match which {
                Which::Left(item) => left.put(item).unwrap(),
                Which::Right(item) => right.put(item).unwrap(),
                _ => {}
            }
            assert_eq!((left.len(), right.len(), semaphore.available_permits()), (1, 1, 1));
            if !seen.contains(&which) {
                seen.push(which);
            }
        }
        assert_eq!(seen.len(), 4, "each has its turn: {seen:?}");
    });
}

#[test]
fn a_wait_ends_with_each_kind_of_source() {
    everywhere(|| {
        for round in 0..7 {
            let queue = Arc::new(Queue::new(Some(0)));
            let (semaphore, bounded) = (Arc::new(Semaphore::new(0)), Arc::new(BoundedSemaphore::new(1)));
            let capped = Arc::new(CappedSemaphore::new(0, 0));
            let event = Arc::new(Event::<u32>::new());
            let (sender, receiver) = mpsc::channel();
            let (many, messages) = mpmc::channel();
            let held = bounded.acquire().unwrap();
            let other = {
                let (queue, semaphore, capped) = (Arc::clone(&queue), Arc::clone(&semaphore), Arc::clone(&capped));
                let event = Arc::clone(&event);
                // Kept by the others, so that the channels do not end.
                let (sender, many) = (sender.clone(), many.clone());
                move || match round {
                    0 => queue.put(0).unwrap(),
                    1 => semaphore.release(),
                    2 => capped.release().unwrap(),
                    3 => event.send(3).unwrap(),
                    4 => sender.send(4).unwrap(),
                    5 => many.send(5).unwrap(),
                    _ => {}
                }
            };
            let other = Runner::start(round, other);
            let chosen = Select::new()
                .on(&queue, |item| item.unwrap())
                .on(&*semaphore, |permit| permit.map(|_| 1).unwrap())
                .on(&capped, |permit| permit.map(|()| 2).unwrap())
                .on(&event, |value| *value.unwrap())
                .on(&receiver, |message| message.unwrap())
                .on(&messages, |message| message.unwrap())
                .on(&bounded, |_| unreachable!("it is held"))
                .timeout(if round == 6 { MOMENT } else { AGE }, || 6)
                .wait();
            assert_eq!(chosen as usize, round);
            other.join();
            drop(held);
            assert_eq!(semaphore.balance(), i32::from(round == 1) as isize);
        }
    });
}

#[test]
fn ends_and_closes_are_ready() {
    everywhere(|| {
        let queue = Queue::<u8>::new(None);
        let semaphore = Semaphore::new(0);
        let (sender, receiver) = mpsc::channel::<u8>();
        let (many, messages) = mpmc::channel::<u8>();
        queue.close();
        assert_eq!(Select::new().on(&queue, |item| item).wait(), Err(GetError::Closed));
        semaphore.close();
        let refused = Select::new().on(&semaphore, |permit| permit.map(Permit::forget)).wait();
        assert_eq!(refused, Err(AcquireError::Closed));
        drop((sender, many));
        assert!(Select::new().on(&receiver, |message| message.is_err()).wait());
        assert!(Select::new().on(&messages, |message| message.is_err()).wait());
    });
}

#[test]
fn nothing_in_time() {
    everywhere(|| {
        let queue = Queue::<u8>::new(None);
        let start = Instant::now();
        assert!(Select::new().on(&queue, |_| false).timeout(MOMENT, || true).wait());
        assert!(start.elapsed() >= MOMENT);
        assert!(Select::new().on(&queue, |_| false).deadline(start, || true).wait());
        assert!(queue.queue().unwrap().is_empty());
        // The nearest counts.
        assert!(Select::new().timeout(AGE, || false).timeout(MOMENT, || true).timeout(Duration::MAX, || false).wait());
        assert!(start.elapsed() < AGE);
    });
}

#[test]
fn poll_never_waits_and_prefers_the_first() {
    everywhere(|| {
        let (left, right) = (Queue::new(None), Queue::new(None));
        let poll = || Select::new().on(&left, |item| item.unwrap()).on(&right, |item| item.unwrap()).poll();
        assert_eq!(poll(), None);
        right.put(2).unwrap();
        left.put(1).unwrap();
        assert_eq!((poll(), poll(), poll()), (Some(1), Some(2), None));
        assert!(Select::new().poll::<()>().is_none());
    });
}

#[test]
fn the_end_of_green_threads() {
    everywhere(|| {
        let parked: Vec<_> = (0..20)
            .map(|i| spawn(Options::default(), move || (green_core::identity::park_current(None), i).1).unwrap())
            .collect();
        let quick = spawn(Options::default(), || 7).unwrap();
        assert_eq!(Select::new().ready_each(&parked, |i| i).ready(&quick, || 99).wait(), 99);
        parked[13].identity().unpark();
        let ended = Select::new().ready_each(&parked, Some).timeout(AGE, || None).wait();
        assert_eq!(ended, Some(13));
        for joiner in parked {
            joiner.identity().unpark();
            joiner.join().unwrap();
        }
        assert_eq!(quick.join().unwrap(), 7);
    });
}

#[test]
fn of_many_sources_each_has_its_turn() {
    everywhere(|| {
        let queues: Vec<_> = (0..30).map(|_| Arc::new(Queue::new(None))).collect();
        queues.iter().for_each(|queue| queue.put(1).unwrap());
        let mut times = [0; 30];
        for _ in 0..300 {
            let (index, item) = Select::new().on_each(&queues, |index, item| (index, item.unwrap())).wait();
            times[index] += 1;
            queues[index].put(item).unwrap();
        }
        assert!(times.iter().all(|&times| times > 0), "{times:?}");
        let none: [Queue<u8>; 0] = [];
        assert_eq!(Select::new().on_each(&none, |_, _| 1).timeout(MOMENT, || 2).wait(), 2);
    });
}

#[test]
fn pointers_are_sources() {
    let (shared, local) = (Arc::new(Queue::new(None)), Rc::new(Queue::new(None)));
    shared.put(1).unwrap();
    local.put(2).unwrap();
    let by_reference = &&shared;
    let sum: u32 = (0..2)
        .map(|_| Select::new().on(by_reference, |item| item.unwrap()).on(&local, |item| item.unwrap()).wait())
        .sum();
    assert_eq!(sum, 3);
}

#[test]
#[should_panic(expected = "a select of nothing would wait for ever")]
fn a_select_of_nothing_is_refused() {
    Select::new().wait::<()>();
}

#[test]
fn a_killed_select_leaves_everything() {
    everywhere(|| {
        let (queue, semaphore) = (Arc::new(Queue::<u8>::new(None)), Arc::new(Semaphore::new(0)));
        let (other, permits) = (Arc::clone(&queue), Arc::clone(&semaphore));
        let victim = thread::spawn_local(move || Select::new().on(&other, |_| ()).on(&permits, |_| ()).wait());
        until_awaited(&*queue);
        victim.kill().unwrap();
        queue.put(1).unwrap();
        semaphore.release();
        let taken = victim.join().is_ok();
        // It may have been told of one of the two before it was killed, but of one at most.
        assert!(queue.len() + semaphore.available_permits() == 2 || taken);
        assert!(queue.queue().unwrap().is_empty());
    });
}

#[test]
fn a_panic_in_the_closure_leaves_the_queues() {
    let (left, right) = (Queue::new(None), Queue::<u8>::new(None));
    left.put(1).unwrap();
    let select = || Select::new().on(&left, |_| panic!("in the closure")).on(&right, |_| ()).wait();
    std::panic::set_hook(Box::new(|_| {}));
    catch_unwind(AssertUnwindSafe(select)).unwrap_err();
    let _ = std::panic::take_hook();
    assert!(left.is_empty(), "its item was taken");
    assert!(left.queue().unwrap().is_empty() && right.queue().unwrap().is_empty());
}

/// A select stands in line like everybody else: neither is starved by those who come after it.
#[test]
fn a_select_is_served_in_its_turn() {
    everywhere(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let spawn = |select: bool| {
            let semaphore = Arc::clone(&semaphore);
            let waits = thread::spawn_local(move || {
                if select {
                    Select::new().on(&semaphore, |permit| permit.map(Permit::forget)).wait().unwrap();
                } else {
                    semaphore.acquire().unwrap().forget();
                }
            });
            // Until it stands in line.
            for _ in 0..3 {
                thread::yield_now();
            }
            waits
        };
        let waiters: Vec<_> = [false, true, false, true].into_iter().map(spawn).collect();
        for waiter in &waiters {
            assert!(!waiter.is_finished());
            semaphore.release();
            until(|| waiter.is_finished());
        }
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
        assert_eq!(semaphore.balance(), 0);
    });
}

/// Everybody selects over everything: what goes in comes out once.
#[test]
fn nothing_is_lost_between_selects() {
    let queues: Arc<[Queue<usize>; 4]> =
        Arc::new([Queue::new(None), Queue::new(Some(1)), Queue::new(Some(0)), Queue::new(Some(3))]);
    let (done, sum) = (Arc::new(Event::<()>::new()), Arc::new(AtomicUsize::new(0)));
    let selects: Vec<_> = (0..9)
        .map(|i| {
            let (queues, done, sum) = (Arc::clone(&queues), Arc::clone(&done), Arc::clone(&sum));
            Runner::start(i, move || {
                loop {
                    let item = Select::new()
                        .on_each(&*queues, |_, item| item.ok())
                        .on(&done, |_| None)
                        .timeout(Duration::from_micros(200 * (i as u64 + 1)), || Some(0))
                        .wait();
                    match item {
                        Some(item) => sum.fetch_add(item, Ordering::SeqCst),
                        None => return,
                    };
                }
            })
        })
        .collect();
    let getters: Vec<_> = (0..4)
        .map(|i| {
            let (queues, sum) = (Arc::clone(&queues), Arc::clone(&sum));
            Runner::start(i, move || {
                queues[i].iter().for_each(|item| {
                    sum.fetch_add(item, Ordering::SeqCst);
                });
            })
        })
        .collect();
    let putters: Vec<_> = (0..8)
        .map(|i| {
            let queues = Arc::clone(&queues);
            Runner::start(i, move || (1..=100).for_each(|item| queues[i % 4].put(item).unwrap()))
        })
        .collect();
    putters.into_iter().for_each(Runner::join);
    until(|| sum.load(Ordering::SeqCst) == 8 * 5050);
    done.send(()).unwrap();
    queues.iter().for_each(Queue::close);
    selects.into_iter().chain(getters).for_each(Runner::join);
    assert_eq!(sum.load(Ordering::SeqCst), 8 * 5050);
}

/// A permit is never held by two, whichever way they came by it.
#[test]
fn permits_are_exclusive_for_selects_too() {
    let semaphores: Arc<[Semaphore; 2]> = Arc::new([Semaphore::new(1), Semaphore::new(1)]);
    let inside: Arc<[AtomicUsize; 2]> = Arc::default();
    let runners: Vec<_> = (0..12)
        .map(|i| {
            let (semaphores, inside) = (Arc::clone(&semaphores), Arc::clone(&inside));
            Runner::start(i, move || {
                for round in 0..100 {
                    let (which, permit) = if (i + round) % 2 == 0 {
                        Select::new().on_each(&*semaphores, |which, permit| (which, permit.unwrap())).wait()
                    } else {
                        (round % 2, semaphores[round % 2].acquire().unwrap())
                    };
                    assert_eq!(inside[which].fetch_add(1, Ordering::SeqCst), 0);
                    if round % 4 == 0 {
                        thread::yield_now();
                    }
                    inside[which].fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                }
            })
        })
        .collect();
    runners.into_iter().for_each(Runner::join);
    assert!(semaphores.iter().all(|semaphore| semaphore.balance() == 1));
}
