//! Every primitive between two or three threads of every kind, small enough for Miri, which looks for data races, dangling
//! borrows and stale reads in each schedule that it is given (`cargo xtask miri`).
//!
//! What one thread hands to another is not atomic (a `Vec`, a `String`), or atomic and read relaxed: then a value of before
//! shows that nothing has ordered the two.

mod worlds;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use green_sync::{Arc, Event, LifoQueue, PriorityQueue, Queue, Select, Semaphore, mpmc};
use green_thread::Killed;
use worlds::{in_every_world, mixed::spawn};

/// Longer than any test runs.
const AGE: Duration = Duration::from_secs(600);
const MOMENT: Duration = Duration::from_millis(1);

in_every_world! {
    fn a_mutex_orders_what_is_done_with_it() {
        let list = Arc::new(sync::Mutex::new(Vec::new()));
        let threads = [1, 2].map(|n| {
            let list = Arc::clone(&list);
            thread::spawn(move || {
                for _ in 0..2 {
                    let mut list = list.lock().unwrap();
                    list.push(n);
                    thread::yield_now();
                    list.push(n);
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let list = list.lock().unwrap();
        assert!(list.len() == 8 && list.chunks(2).all(|pair| pair[0] == pair[1]), "{list:?}");
    }

    fn a_rwlock_orders_what_is_done_with_it() {
        let list = Arc::new(sync::RwLock::new(vec![0]));
        let writer = thread::spawn({
            let list = Arc::clone(&list);
            move || {
                for n in 1..4 {
                    list.write().unwrap().push(n);
                    thread::yield_now();
                }
            }
        });
        let reader = thread::spawn({
            let list = Arc::clone(&list);
            move || {
                while list.read().unwrap().len() < 4 {
                    thread::yield_now();
                }
            }
        });
        writer.join().unwrap();
        reader.join().unwrap();
        assert_eq!(*list.read().unwrap(), [0, 1, 2, 3]);
    }

    fn a_condvar_wakes_who_then_sees_what_was_done() {
        let shared = Arc::new((sync::Mutex::new(String::new()), sync::Condvar::new()));
        let waiters = [(), ()].map(|()| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let text = shared.0.lock().unwrap();
                shared.1.wait_while(text, |text| text.is_empty()).unwrap().clone()
            })
        });
        thread::yield_now();
        shared.0.lock().unwrap().push_str("done");
        shared.1.notify_all();
        assert_eq!(waiters.map(|waiter| waiter.join().unwrap()), ["done", "done"]);
    }

    fn a_timed_wait_and_its_notification_may_meet() {
        let shared = Arc::new((sync::Mutex::new(0), sync::Condvar::new()));
        let waiter = thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let mut count = shared.0.lock().unwrap();
                while *count == 0 {
                    count = shared.1.wait_timeout(count, MOMENT).unwrap().0;
                }
                *count
            }
        });
        for _ in 0..3 {
            *shared.0.lock().unwrap() += 1;
            shared.1.notify_one();
            thread::yield_now();
        }
        assert!((1..=3).contains(&waiter.join().unwrap()));
    }

    fn what_is_made_once_is_seen_whole() {
        static LAZY: sync::LazyLock<String> = sync::LazyLock::new(|| "lazy".to_owned());
        let cell = Arc::new((sync::OnceLock::new(), sync::Once::new(), AtomicUsize::new(0)));
        let threads = [(), (), ()].map(|()| {
            let cell = Arc::clone(&cell);
            thread::spawn(move || {
                let (once_lock, once, count) = &*cell;
                once.call_once(|| {
                    thread::yield_now();
                    count.store(count.load(Relaxed) + 1, Relaxed);
                });
                assert_eq!(count.load(Relaxed), 1);
                let made = once_lock.get_or_init(|| {
                    thread::yield_now();
                    vec![1, 2]
                });
                (made.clone(), LAZY.clone())
            })
        });
        for thread in threads {
            assert_eq!(thread.join().unwrap(), (vec![1, 2], "lazy".to_owned()));
        }
    }

    fn an_initialiser_that_panics_leaves_it_to_the_next() {
        let cell = Arc::new((sync::OnceLock::new(), AtomicUsize::new(0)));
        let threads = [(), ()].map(|()| {
            let cell = Arc::clone(&cell);
            thread::spawn(move || {
                let make = || {
                    thread::yield_now();
                    // Ordered by the cell.
                    let turn = cell.1.load(Relaxed);
                    cell.1.store(turn + 1, Relaxed);
                    if turn == 0 {
                        resume_unwind(Box::new("the first fails"));
                    }
                    turn.to_string()
                };
                catch_unwind(AssertUnwindSafe(|| cell.0.get_or_init(make).clone())).is_ok()
            })
        });
        let well = threads.map(|thread| thread.join().unwrap());
        assert!(well.contains(&false) && well.contains(&true), "{well:?}");
        assert_eq!(cell.0.get().unwrap(), "1");
    }

    fn whoever_passes_a_barrier_sees_what_came_before() {
        let shared = Arc::new((sync::Barrier::new(3), [const { AtomicUsize::new(0) }; 3]));
        let threads = [0, 1, 2].map(|n| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                for round in 1..=2 {
                    shared.1[n].store(round, Relaxed);
                    shared.0.wait();
                    assert!(shared.1.iter().all(|seen| seen.load(Relaxed) == round));
                    shared.0.wait();
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
    }

    fn a_channel_carries_what_it_is_given() {
        let (sender, receiver) = sync::mpsc::channel();
        let senders = ["a", "b"].map(|name| {
            let sender = sender.clone();
            thread::spawn(move || {
                for n in 0..3 {
                    sender.send(format!("{name}{n}")).unwrap();
                }
            })
        });
        drop(sender);
        let mut all: Vec<String> = receiver.iter().collect();
        all.sort();
        assert_eq!(all, ["a0", "a1", "a2", "b0", "b1", "b2"]);
        for sender in senders {
            sender.join().unwrap();
        }
    }

    fn a_receiver_that_goes_leaves_nothing_behind() {
        let (sender, receiver) = sync::mpsc::channel();
        let sender = thread::spawn(move || (0..40).take_while(|n| sender.send(Arc::new(*n)).is_ok()).count());
        let first = receiver.recv().unwrap();
        drop(receiver);
        assert!((1..=40).contains(&sender.join().unwrap()));
        assert_eq!(Arc::strong_count(&first), 1);
    }

    fn narrow_channels_hand_over_one_by_one() {
        for room in [0, 1] {
            let (sender, receiver) = sync::mpsc::sync_channel(room);
            let sender = thread::spawn(move || {
                for n in 0..3 {
                    sender.send(vec![n]).unwrap();
                }
            });
            let all: Vec<_> = receiver.iter().collect();
            assert_eq!(all, [[0], [1], [2]]);
            sender.join().unwrap();
        }
    }

    fn a_receiver_that_is_tired_of_waiting_may_meet_an_item() {
        let (sender, receiver) = sync::mpsc::channel();
        let sender = thread::spawn(move || {
            for n in 0..2 {
                thread::yield_now();
                sender.send(n.to_string()).unwrap();
            }
        });
        let mut all = Vec::new();
        while let Err(sync::mpsc::RecvTimeoutError::Timeout) | Ok(()) =
            receiver.recv_timeout(MOMENT).map(|item| all.push(item))
        {}
        assert_eq!(all, ["0", "1"]);
        sender.join().unwrap();
    }
}

#[test]
fn items_go_to_one_of_several_receivers() {
    for room in [None, Some(0)] {
        let (sender, receiver) = room.map_or_else(mpmc::channel, mpmc::sync_channel);
        let receivers = [receiver.clone(), receiver]
            .map(|receiver| spawn(move || receiver.iter().map(|item: Box<u32>| *item).sum::<u32>()));
        let senders = [sender.clone(), sender].map(|sender| {
            spawn(move || {
                for n in 1..3 {
                    sender.send(Box::new(n)).unwrap();
                }
            })
        });
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        assert_eq!(receivers.map(|receiver| receiver.join().unwrap()).iter().sum::<u32>(), 6);
    }
}

#[test]
fn queues_carry_what_they_are_given() {
    for room in [Some(0), Some(1)] {
        let queue = Arc::new(Queue::new(room));
        let getter = spawn({
            let queue = Arc::clone(&queue);
            move || (0..4).map(|_| queue.get().unwrap()).inspect(|_: &String| queue.task_done().unwrap()).count()
        });
        let putters = ["a", "b"].map(|name| {
            let queue = Arc::clone(&queue);
            spawn(move || (0..2).for_each(|n| queue.put(format!("{name}{n}")).unwrap()))
        });
        putters.into_iter().for_each(|putter| putter.join().unwrap());
        assert_eq!(getter.join().unwrap(), 4);
        queue.join();
    }
    let (stack, heap) = (Arc::new(LifoQueue::new(Some(1))), Arc::new(PriorityQueue::new(None)));
    let getter = spawn({
        let (stack, heap) = (Arc::clone(&stack), Arc::clone(&heap));
        move || (stack.get().unwrap(), heap.get().unwrap())
    });
    stack.put("x".to_owned()).unwrap();
    heap.put("y".to_owned()).unwrap();
    assert_eq!(getter.join().unwrap(), ("x".to_owned(), "y".to_owned()));
}

#[test]
fn a_permit_orders_who_holds_it() {
    let shared = Arc::new((Semaphore::new(1), AtomicUsize::new(0)));
    let threads = [(), (), ()].map(|()| {
        let shared = Arc::clone(&shared);
        spawn(move || {
            for _ in 0..2 {
                let permit = match shared.0.acquire_timeout(MOMENT) {
                    Ok(permit) => permit,
                    Err(_) => shared.0.acquire().unwrap(),
                };
                let count = shared.1.load(Relaxed);
                green_thread::yield_now();
                shared.1.store(count + 1, Relaxed);
                drop(permit);
            }
        })
    });
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!((shared.1.load(Relaxed), shared.0.available_permits()), (6, 1));
}

#[test]
fn an_event_shows_its_value_to_all() {
    let event = Arc::new(Event::<String>::new());
    let waiters = [(), ()].map(|()| {
        let event = Arc::clone(&event);
        spawn(move || event.wait().unwrap().clone())
    });
    event.send("now".to_owned()).unwrap();
    assert_eq!(waiters.map(|waiter| waiter.join().unwrap()), ["now", "now"]);
}

#[test]
fn a_selection_takes_one_and_leaves_the_other() {
    let (left, right) = (Arc::new(Queue::new(None)), Arc::new(Queue::new(Some(1))));
    let taker = spawn({
        let (left, right) = (Arc::clone(&left), Arc::clone(&right));
        move || {
            let take = || {
                Select::new()
                    .on(&*left, |item: Result<String, _>| item.unwrap())
                    .on(&*right, |item: Result<String, _>| item.unwrap())
                    .timeout(AGE, || unreachable!("nobody waits so long"))
                    .wait()
            };
            let mut both = [take(), take()];
            both.sort();
            both
        }
    });
    let putters =
        [(left, "left"), (right, "right")].map(|(queue, text)| spawn(move || queue.put(text.to_owned()).unwrap()));
    putters.into_iter().for_each(|putter| putter.join().unwrap());
    assert_eq!(taker.join().unwrap(), ["left", "right"]);
}

#[test]
fn a_kill_may_meet_what_its_victim_waits_for() {
    let shared = Arc::new((green_sync::Mutex::new(0), Queue::new(Some(0)), Semaphore::new(1)));
    let victims = [(), ()].map(|()| {
        let shared = Arc::clone(&shared);
        green_thread::spawn(move || {
            let permit = shared.2.acquire().unwrap();
            *shared.0.lock().unwrap() += 1;
            let item: Result<Box<u32>, _> = shared.1.get();
            drop(permit);
            item.map(|item| *item).unwrap_or_default()
        })
    });
    let putter = spawn({
        let shared = Arc::clone(&shared);
        move || shared.1.put_timeout(Box::new(1), MOMENT).is_ok()
    });
    green_thread::yield_now();
    for victim in &victims {
        // The error is an end that came first.
        let _ = victim.kill();
    }
    let ends = victims.map(|victim| victim.join());
    let taken = ends.iter().filter(|end| matches!(end, Ok(1))).count();
    assert!(ends.iter().all(|end| end.as_ref().map_or_else(|payload| payload.is::<Killed>(), |item| *item == 1)));
    assert_eq!(taken, usize::from(putter.join().unwrap()));
    assert_eq!(shared.2.available_permits(), 1);
}
