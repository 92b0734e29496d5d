//! `Queue`, `LifoQueue`, `PriorityQueue`: order, room, rendezvous, and nothing lost.

mod extras;

use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::VecDeque;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use extras::{Log, Runner, assert_is, assert_not, everywhere, until};
use green_sync::queue::{Fifo, GetError, Iter, Order, OrderedQueue, PutError, TaskDoneError};
use green_sync::{LifoQueue, PriorityQueue, Queue};
use green_thread as thread;
use proptest::prelude::*;

assert_is!(Queue<Cell<u8>>: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(PriorityQueue<Reverse<u8>>: Send + Sync);
assert_not!(Queue<Rc<u8>>: Send);
assert_not!(LifoQueue<Rc<u8>>: Sync);
assert_is!(Iter<'static, Fifo<u8>>: Send + Sync);
assert_is!(PutError<Cell<u8>>: std::error::Error);

const MOMENT: Duration = Duration::from_millis(5);
const AGE: Duration = Duration::from_secs(60);

fn get<T: Send + 'static>(queue: &Arc<Queue<T>>) -> thread::LocalJoinHandle<Result<T, GetError>> {
    let queue = Arc::clone(queue);
    thread::spawn_local(move || queue.get())
}

fn put<T: Send + 'static>(queue: &Arc<Queue<T>>, item: T) -> thread::LocalJoinHandle<Result<(), PutError<T>>> {
    let queue = Arc::clone(queue);
    thread::spawn_local(move || queue.put(item))
}

fn until_getters<O: Order>(queue: &OrderedQueue<O>, count: usize) {
    until(|| queue.waiting_getters() == count);
}

fn until_putters<O: Order>(queue: &OrderedQueue<O>, count: usize) {
    until(|| queue.waiting_putters() == count);
}

#[test]
fn a_static_works() {
    static JOBS: PriorityQueue<u32> = PriorityQueue::new(Some(2));
    let worker = thread::spawn(|| JOBS.iter().sum::<u32>());
    (1..=10).for_each(|job| JOBS.put(job).unwrap());
    JOBS.close();
    assert_eq!(worker.join().unwrap(), 55);
}

#[test]
fn test_max_size() {
    everywhere(|| {
        let (queue, log) = (Arc::new(Queue::new(Some(2))), Log::default());
        let (putter, events) = (Arc::clone(&queue), log.clone());
        let putter = thread::spawn_local(move || {
            for item in ["a", "b", "c"] {
                putter.put(item).unwrap();
                events.add(item);
            }
        });
        until_putters(&queue, 1);
        assert_eq!(log.len(), 2, "the third put waits");
        assert!(queue.is_full() && queue.len() == 2);
        assert_eq!(queue.get(), Ok("a"));
        putter.join().unwrap();
        assert_eq!(log.take(), ["a", "b", "c"]);
        assert_eq!((queue.get(), queue.get()), (Ok("b"), Ok("c")));
    });
}

#[test]
fn test_zero_max_size() {
    everywhere(|| {
        let (queue, sent) = (Arc::new(Queue::new(Some(0))), Arc::new(AtomicUsize::new(0)));
        assert!(queue.is_empty() && queue.is_full());
        let (sender, flag) = (Arc::clone(&queue), Arc::clone(&sent));
        let sender = thread::spawn_local(move || {
            sender.put("hi").unwrap();
            flag.store(1, Ordering::SeqCst);
        });
        until_putters(&queue, 1);
        assert_eq!((sent.load(Ordering::SeqCst), queue.len()), (0, 0));
        assert!(queue.is_empty() && queue.is_full());
        assert_eq!(queue.get(), Ok("hi"));
        sender.join().unwrap();
        assert_eq!(queue.try_put("nobody is here"), Err(PutError::Full("nobody is here")));
        assert_eq!(queue.try_get(), Err(GetError::Empty));
    });
}

#[test]
fn test_channel_send() {
    everywhere(|| {
        let (channel, log) = (Arc::new(Queue::new(Some(0))), Log::default());
        let (other, events) = (Arc::clone(&channel), log.clone());
        let other = thread::spawn_local(move || {
            events.add(other.get().unwrap());
            events.add(other.get().unwrap());
        });
        log.add("sending");
        channel.put("hello").unwrap();
        log.add("sent hello");
        channel.put("world").unwrap();
        log.add("sent world");
        other.join().unwrap();
        assert_eq!(log.take(), ["sending", "hello", "sent hello", "world", "sent world"]);
    });
}

#[test]
fn test_channel_wait() {
    everywhere(|| {
        let (channel, log) = (Arc::new(Queue::new(Some(0))), Log::default());
        let (other, events) = (Arc::clone(&channel), log.clone());
        let other = thread::spawn_local(move || {
            events.add("sending hello");
            other.put("hello").unwrap();
            events.add("sending world");
            other.put("world").unwrap();
            events.add("sent world");
        });
        log.add("waiting");
        log.add(channel.get().unwrap());
        log.add(channel.get().unwrap());
        assert_eq!(log.take(), ["waiting", "sending hello", "hello", "sending world", "world"]);
        other.join().unwrap();
        assert_eq!(log.take(), ["sent world"]);
    });
}

#[test]
fn test_channel_waiters() {
    everywhere(|| {
        let channel = Arc::new(Queue::new(Some(0)));
        let getters: Vec<_> = (0..3).map(|_| get(&channel)).collect();
        until_getters(&channel, 3);
        let putters: Vec<_> = (0..3).map(|i| put(&channel, i)).collect();
        for (i, getter) in getters.into_iter().enumerate() {
            assert_eq!(getter.join().unwrap(), Ok(i));
        }
        putters.into_iter().for_each(|putter| putter.join().unwrap().unwrap());
        assert_eq!((channel.waiting_getters(), channel.waiting_putters()), (0, 0));
    });
}

#[test]
fn test_channel_sender_timing_out() {
    everywhere(|| {
        let channel = Arc::new(Queue::new(Some(0)));
        assert_eq!(channel.put_timeout("hi", MOMENT), Err(PutError::TimedOut("hi")));
        assert_eq!((channel.waiting_putters(), channel.try_get()), (0, Err(GetError::Empty)));
        let getter = get(&channel);
        channel.put("there").unwrap();
        assert_eq!(getter.join().unwrap(), Ok("there"));
    });
}

/// Fills a queue of one, lets two more wait, changes the capacity, and tells how many wait then.
fn check_resize(capacity: Option<usize>, waiting: usize) {
    let queue = Arc::new(Queue::new(Some(1)));
    queue.put(0).unwrap();
    let putters: Vec<_> = (1..4).map(|item| put(&queue, item)).collect();
    until_putters(&queue, 3);
    queue.resize(capacity);
    assert_eq!((queue.waiting_putters(), queue.capacity()), (waiting, capacity));
    assert_eq!(queue.len(), 4 - waiting);
    for item in 0..4 {
        assert_eq!(queue.get(), Ok(item));
    }
    putters.into_iter().for_each(|putter| putter.join().unwrap().unwrap());
    assert!(queue.is_empty());
}

#[test]
fn test_resize_up() {
    everywhere(|| {
        check_resize(Some(2), 2);
        check_resize(Some(3), 1);
        check_resize(Some(99), 0);
    });
}

#[test]
#[expect(non_snake_case, reason = "eventlet's name")]
fn test_resize_to_Unlimited() {
    everywhere(|| check_resize(None, 0));
}

#[test]
fn test_resize_down() {
    everywhere(|| {
        check_resize(Some(1), 3);
        check_resize(Some(0), 3);
        let queue = Queue::new(Some(5));
        (0..5).for_each(|item| queue.put(item).unwrap());
        queue.resize(Some(2));
        assert_eq!((queue.len(), queue.is_full()), (5, true), "items stay");
        for item in 0..3 {
            assert!(queue.try_put(9).is_err());
            assert_eq!(queue.get(), Ok(item));
        }
        assert!(queue.try_put(9).is_err());
        assert_eq!(queue.get(), Ok(3));
        assert!(queue.try_put(9).is_ok());
    });
}

#[test]
fn test_multiple_waiters() {
    everywhere(|| {
        let queue = Arc::new(Queue::new(None));
        let getters: Vec<_> = (0..10).map(|_| get(&queue)).collect();
        until_getters(&queue, 10);
        for item in 0..10 {
            queue.put(item).unwrap();
            assert!(queue.is_empty(), "it belongs to one who waits");
            assert_eq!(queue.try_get(), Err(GetError::Empty));
        }
        for (item, getter) in getters.into_iter().enumerate() {
            assert_eq!(getter.join().unwrap(), Ok(item));
        }
    });
}

#[test]
fn test_waiting() {
    everywhere(|| {
        let queue = Arc::new(Queue::new(None));
        let one = get(&queue);
        until_getters(&queue, 1);
        let two = get(&queue);
        until_getters(&queue, 2);
        queue.put(1).unwrap();
        assert_eq!(queue.waiting_getters(), 1);
        queue.put(2).unwrap();
        assert_eq!(queue.waiting_getters(), 0);
        assert_eq!((one.join().unwrap(), two.join().unwrap()), (Ok(1), Ok(2)));
    });
}

#[test]
fn test_waiters_that_cancel() {
    everywhere(|| {
        let queue = Arc::new(Queue::new(None));
        assert_eq!(queue.get_timeout(MOMENT), Err(GetError::TimedOut));
        queue.put("hi").unwrap();
        assert_eq!(queue.get(), Ok("hi"));
    });
}

#[test]
fn test_two_waiters_one_dies() {
    everywhere(|| {
        let queue = Arc::new(Queue::new(None));
        let impatient = Arc::clone(&queue);
        let impatient = thread::spawn_local(move || impatient.get_timeout(MOMENT));
        until_getters(&queue, 1);
        let patient = get(&queue);
        until_getters(&queue, 2);
        assert_eq!(impatient.join().unwrap(), Err(GetError::TimedOut));
        queue.put("hi").unwrap();
        assert_eq!(patient.join().unwrap(), Ok("hi"));
    });
}

#[test]
fn test_two_bogus_waiters() {
    everywhere(|| {
        let queue = Arc::new(Queue::new(None));
        let bogus: Vec<_> = (0..2)
            .map(|_| {
                let queue = Arc::clone(&queue);
                thread::spawn_local(move || queue.get_timeout(MOMENT))
            })
            .collect();
        for getter in bogus {
            assert_eq!(getter.join().unwrap(), Err(GetError::TimedOut));
        }
        queue.put("sent").unwrap();
        assert_eq!(queue.get(), Ok("sent"));
    });
}

#[test]
fn test_zero_length_queue_nonblocking_put() {
    everywhere(|| {
        let queue = Arc::new(Queue::new(Some(0)));
        let (mut good, mut bad) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            bad.push(get(&queue));
            good.push(get(&queue));
        }
        until_getters(&queue, 20);
        for getter in bad {
            getter.kill().unwrap();
            assert!(getter.join().unwrap_err().is::<thread::Killed>());
        }
        assert_eq!(queue.waiting_getters(), 10);
        for item in 0..10 {
            queue.try_put(item).unwrap();
            assert_eq!(queue.len(), 0);
        }
        assert_eq!(queue.try_put(10), Err(PutError::Full(10)));
        for (item, getter) in good.into_iter().enumerate() {
            assert_eq!(getter.join().unwrap(), Ok(item));
        }
    });
}

/// An item that was promised to getters which are killed at the same moment goes to one of the others.
#[test]
fn who_is_killed_on_the_way_takes_nothing_along() {
    everywhere(|| {
        let queue = Arc::new(Queue::new(Some(0)));
        let taken = Arc::new(AtomicUsize::new(0));
        let getters: Vec<_> = (0..20)
            .map(|_| {
                let (queue, taken) = (Arc::clone(&queue), Arc::clone(&taken));
                thread::spawn_local(move || {
                    if queue.get().is_ok() {
                        taken.fetch_add(1, Ordering::SeqCst);
                        thread::yield_now();
                    }
                })
            })
            .collect();
        until_getters(&queue, 20);
        getters.iter().step_by(2).for_each(|getter| getter.kill().unwrap());
        (0..10).for_each(|item| queue.try_put(item).unwrap());
        for getter in getters.iter().step_by(2) {
            until(|| getter.is_finished());
        }
        until(|| taken.load(Ordering::SeqCst) == 10);
        queue.close();
        for getter in getters {
            // A kill that came after the item ends its life here.
            let _ = getter.join();
        }
        assert_eq!((taken.load(Ordering::SeqCst), queue.try_get()), (10, Err(GetError::Closed)));
    });
}

#[test]
fn test_put_nowait_unlock() {
    everywhere(|| {
        let queue = Arc::new(Queue::new(Some(0)));
        let getter = get(&queue);
        until_getters(&queue, 1);
        let callback = Arc::clone(&queue);
        // `on_exit` runs where nobody may wait.
        let ending = thread::spawn_local(|| {});
        ending.on_exit(move || callback.try_put("hi").unwrap());
        assert_eq!(getter.join().unwrap(), Ok("hi"));
        ending.join().unwrap();
    });
}

#[test]
fn test_get_nowait_unlock() {
    everywhere(|| {
        let (queue, log) = (Arc::new(Queue::new(Some(0))), Log::default());
        let putter = put(&queue, "hi");
        until_putters(&queue, 1);
        let (callback, got) = (Arc::clone(&queue), log.clone());
        let ending = thread::spawn_local(|| {});
        ending.on_exit(move || got.add(callback.try_get().unwrap()));
        putter.join().unwrap().unwrap();
        ending.join().unwrap();
        assert_eq!(log.take(), ["hi"]);
    });
}

#[test]
fn test_task_done() {
    everywhere(|| {
        let queue = Arc::new(Queue::new(Some(0)));
        let joiner = |done: fn(&Queue<u8>) -> bool| {
            let queue = Arc::clone(&queue);
            thread::spawn_local(move || done(&queue))
        };
        let putter = put(&queue, 1);
        assert_eq!(queue.get(), Ok(1));
        putter.join().unwrap().unwrap();
        assert!(!queue.join_timeout(MOMENT));
        let joiners = [
            joiner(|queue| {
                queue.join();
                true
            }),
            joiner(|queue| queue.join_timeout(AGE)),
        ];
        thread::yield_now();
        assert!(!joiners[0].is_finished());
        queue.task_done().unwrap();
        for joiner in joiners {
            assert!(joiner.join().unwrap());
        }
        let error: TaskDoneError = queue.task_done().unwrap_err();
        assert_eq!(error.to_string(), "more tasks were done than were put into the queue");
    });
}

#[test]
fn test_join_doesnt_block_when_queue_is_already_empty() {
    everywhere(|| {
        let queue = Queue::<u8>::new(None);
        queue.join();
        assert!(queue.join_timeout(Duration::ZERO));
        // What was refused or taken back is no task.
        queue.resize(Some(0));
        assert!(queue.put_timeout(1, MOMENT).is_err() && queue.try_put(2).is_err());
        queue.join();
    });
}

/// A fatal error in a consumer reaches who joins it, and the queue goes on.
#[test]
fn test_wait_except() {
    everywhere(|| {
        let queue = Arc::new(Queue::new(None));
        let consumer = Arc::clone(&queue);
        let consumer = thread::spawn_local(move || {
            if consumer.get().is_ok() {
                std::panic::resume_unwind(Box::new("fatal"));
            }
        });
        until_getters(&queue, 1);
        queue.put(1).unwrap();
        queue.put(2).unwrap();
        assert_eq!(consumer.join().unwrap_err().downcast_ref(), Some(&"fatal"));
        assert_eq!(queue.get(), Ok(2));
    });
}

#[test]
fn putters_are_served_in_order_and_not_overtaken() {
    everywhere(|| {
        let queue = Arc::new(Queue::new(Some(1)));
        queue.put(0).unwrap();
        let putters: Vec<_> = (1..13)
            .map(|item| {
                let other = Arc::clone(&queue);
                let putter = Runner::start(item, move || other.put(item));
                until_putters(&queue, item);
                putter
            })
            .collect();
        for item in 0..13 {
            assert_eq!(queue.get(), Ok(item));
            if item < 11 {
                assert_eq!(queue.try_put(99), Err(PutError::Full(99)), "who waits has the room");
            }
        }
        putters.into_iter().for_each(|putter| putter.join().unwrap());
        assert!(queue.is_empty());
    });
}

#[test]
fn getters_are_served_in_order() {
    everywhere(|| {
        let (queue, log) = (Arc::new(Queue::new(None)), Log::default());
        let getters: Vec<_> = (0..12)
            .map(|i| {
                let (other, log) = (Arc::clone(&queue), log.clone());
                let getter = Runner::start(i, move || {
                    let item: usize = other.get().unwrap();
                    log.add(item);
                    item
                });
                until_getters(&queue, i + 1);
                getter
            })
            .collect();
        for item in 0..12 {
            queue.put(item).unwrap();
            until(|| log.len() == item + 1);
        }
        for (i, getter) in getters.into_iter().enumerate() {
            assert_eq!(getter.join(), i);
        }
    });
}

#[test]
fn the_item_of_a_killed_putter_is_dropped() {
    everywhere(|| {
        let (queue, item) = (Arc::new(Queue::new(Some(0))), Arc::new(()));
        let putter = put(&queue, Arc::clone(&item));
        until_putters(&queue, 1);
        putter.kill().unwrap();
        assert!(putter.join().is_err());
        assert_eq!((queue.waiting_putters(), Arc::strong_count(&item)), (0, 1));
        assert!(queue.get_timeout(MOMENT).is_err());
    });
}

#[test]
fn close_lets_getters_drain_and_gives_putters_their_items_back() {
    everywhere(|| {
        let queue = Arc::new(Queue::new(Some(2)));
        queue.put(1).unwrap();
        queue.put(2).unwrap();
        let putters: Vec<_> = (3..6).map(|item| put(&queue, item)).collect();
        until_putters(&queue, 3);
        queue.close();
        queue.close();
        for (putter, item) in putters.into_iter().zip(3..) {
            assert_eq!(putter.join().unwrap(), Err(PutError::Closed(item)));
        }
        assert!(queue.is_closed());
        assert_eq!(queue.put(6), Err(PutError::Closed(6)));
        assert_eq!(queue.try_put(7).unwrap_err().into_inner(), 7);
        assert_eq!(queue.into_iter().collect::<Vec<_>>(), [1, 2]);
        assert_eq!((queue.get(), queue.try_get()), (Err(GetError::Closed), Err(GetError::Closed)));
        assert_eq!(queue.get_timeout(AGE), Err(GetError::Closed));
    });
}

#[test]
fn close_wakes_all_getters() {
    everywhere(|| {
        let queue = Arc::new(Queue::<u8>::new(Some(0)));
        let getters: Vec<_> = (0..6)
            .map(|i| {
                let queue = Arc::clone(&queue);
                Runner::start(i, move || queue.get())
            })
            .collect();
        until_getters(&queue, 6);
        queue.try_put(1).unwrap();
        queue.close();
        let results: Vec<_> = getters.into_iter().map(Runner::join).collect();
        // What was accepted is delivered, whoever gets it.
        assert_eq!(results.iter().filter(|result| **result == Ok(1)).count(), 1);
        assert_eq!(results.iter().filter(|result| **result == Err(GetError::Closed)).count(), 5);
    });
}

#[test]
fn lifo_and_smallest_first() {
    everywhere(|| {
        let lifo = LifoQueue::new(None);
        let small = PriorityQueue::new(Some(9));
        let large = PriorityQueue::default();
        for item in [(2, 'a'), (1, 'b'), (3, 'c'), (1, 'a')] {
            lifo.put(item).unwrap();
            small.put(item).unwrap();
            large.put(Reverse(item)).unwrap();
        }
        lifo.close();
        small.close();
        large.close();
        assert_eq!(lifo.iter().collect::<Vec<_>>(), [(1, 'a'), (3, 'c'), (1, 'b'), (2, 'a')]);
        assert_eq!(small.iter().collect::<Vec<_>>(), [(1, 'a'), (1, 'b'), (2, 'a'), (3, 'c')]);
        assert_eq!(large.iter().map(|item| item.0.0).collect::<Vec<_>>(), [3, 2, 1, 1]);
    });
}

/// Equal in order, but not the same.
#[derive(Debug)]
struct Job(u32, usize);

impl PartialEq for Job {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Job {}
impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Job {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

#[test]
fn equal_items_come_out_in_the_order_of_putting() {
    let queue = PriorityQueue::new(None);
    for i in 0..100 {
        queue.put(Job(i as u32 % 3, i)).unwrap();
    }
    queue.close();
    let order: Vec<_> = queue.iter().map(|job| (job.0, job.1)).collect();
    let mut expected = order.clone();
    expected.sort_unstable();
    assert_eq!(order, expected);
}

#[test]
fn timeouts_take_their_time_and_overlong_ones_are_no_limit() {
    everywhere(|| {
        let queue = Queue::new(Some(1));
        let start = Instant::now();
        assert_eq!(queue.get_timeout(MOMENT), Err(GetError::TimedOut));
        queue.put_timeout(1, Duration::ZERO).unwrap();
        assert_eq!(queue.put_timeout(2, MOMENT), Err(PutError::TimedOut(2)));
        assert!(start.elapsed() >= 2 * MOMENT);
        assert_eq!(queue.get_timeout(Duration::MAX), Ok(1));
        queue.put_timeout(3, Duration::MAX).unwrap();
        assert!(!queue.join_timeout(MOMENT));
    });
}

#[test]
fn errors_say_what_happened() {
    use std::io::{Error, ErrorKind};
    for (error, text, kind) in [
        (PutError::Full(1), "the queue is full", ErrorKind::WouldBlock),
        (PutError::TimedOut(1), "the queue had no room in time", ErrorKind::TimedOut),
        (PutError::Closed(1), "the queue is closed", ErrorKind::BrokenPipe),
    ] {
        assert_eq!((error.to_string().as_str(), Error::from(error).kind()), (text, kind));
    }
    for (error, text, kind) in [
        (GetError::Empty, "the queue is empty", ErrorKind::WouldBlock),
        (GetError::TimedOut, "the queue had nothing in time", ErrorKind::TimedOut),
        (GetError::Closed, "the queue is closed", ErrorKind::BrokenPipe),
    ] {
        assert_eq!((error.to_string().as_str(), Error::from(error).kind()), (text, kind));
    }
    assert_eq!(format!("{:?}", PutError::Full(Cell::new(1))), "Full(..)");
    assert_eq!(format!("{:?}", Queue::<u8>::new(Some(3))), "Queue { len: 0, capacity: Some(3), closed: false, .. }");
}

/// A8: an OS thread beside the hub shares a queue with green threads, and they wake each other.
#[test]
fn os_threads_and_green_threads_share_a_queue() {
    for capacity in [None, Some(0), Some(1), Some(7)] {
        let queue = Arc::new(Queue::new(capacity));
        let producers: Vec<_> = (0..6)
            .map(|i| {
                let queue = Arc::clone(&queue);
                Runner::start(i, move || (0..200).for_each(|item| queue.put(i * 1000 + item).unwrap()))
            })
            .collect();
        let consumers: Vec<_> = (0..6)
            .map(|i| {
                let queue = Arc::clone(&queue);
                Runner::start(i, move || queue.iter().collect::<Vec<usize>>())
            })
            .collect();
        producers.into_iter().for_each(Runner::join);
        queue.close();
        let mut all = Vec::new();
        for consumer in consumers {
            let items = consumer.join();
            for producer in 0..6 {
                let own: Vec<_> = items.iter().filter(|item| *item / 1000 == producer).collect();
                assert!(own.is_sorted(), "the order of one producer is kept");
            }
            all.extend(items);
        }
        all.sort_unstable();
        let expected: Vec<_> = (0..6).flat_map(|i| (0..200).map(move |item| i * 1000 + item)).collect();
        assert_eq!(all, expected, "{capacity:?}");
    }
}

/// Impatient, killed and patient ones together: what went in and what came out are the same.
#[test]
fn nothing_is_lost_among_the_impatient() {
    for capacity in [Some(0), Some(2), None] {
        let queue = Arc::new(Queue::new(capacity));
        let (put, got) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let runners: Vec<_> = (0..30)
            .map(|i| {
                let (queue, put, got) = (Arc::clone(&queue), Arc::clone(&put), Arc::clone(&got));
                thread::spawn(move || {
                    for round in 0..40 {
                        let blink = Duration::from_micros(20 * (round % 5));
                        if i % 2 == 0 {
                            // Counted without a wait in between, so that a kill does not come between.
                            if queue.put_timeout(1, blink).is_ok() {
                                put.fetch_add(1, Ordering::SeqCst);
                            }
                        } else if queue.get_timeout(blink).is_ok() {
                            got.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                })
            })
            .collect();
        for (i, runner) in runners.iter().enumerate() {
            if i % 5 < 2 {
                runner.kill().unwrap();
            }
            thread::yield_now();
        }
        for runner in runners {
            let _ = runner.join();
        }
        let mut left = 0;
        while queue.try_get().is_ok() {
            left += 1;
        }
        assert_eq!(put.load(Ordering::SeqCst), got.load(Ordering::SeqCst) + left, "{capacity:?}");
        assert_eq!((queue.waiting_getters(), queue.waiting_putters()), (0, 0));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8),
    Get,
    Resize(Option<usize>),
    Done,
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let capacity = proptest::option::of(0..5_usize);
    let step = prop_oneof![
        8 => any::<u8>().prop_map(Step::Put),
        6 => Just(Step::Get),
        1 => capacity.prop_map(Step::Resize),
        3 => Just(Step::Done),
        1 => Just(Step::Close),
    ];
    proptest::collection::vec(step, 0..80)
}

/// Compares a queue with a plain list of which `next` picks the item whose turn it is.
fn check<O: Order<Item = u8>>(capacity: Option<usize>, steps: &[Step], next: fn(&VecDeque<u8>) -> usize) {
    let queue = OrderedQueue::<O>::new(capacity);
    let (mut model, mut capacity, mut unfinished, mut closed) = (VecDeque::new(), capacity, 0, false);
    for step in steps {
        match *step {
            Step::Put(item) => {
                let expected = if closed {
                    Err(PutError::Closed(item))
                } else if capacity.is_some_and(|capacity| model.len() >= capacity) {
                    Err(PutError::Full(item))
                } else {
                    model.push_back(item);
                    unfinished += 1;
                    Ok(())
                };
                assert_eq!(queue.try_put(item), expected);
            }
            Step::Get => {
                let expected = match model.remove(next(&model)) {
                    Some(item) => Ok(item),
                    None if closed => Err(GetError::Closed),
                    None => Err(GetError::Empty),
                };
                assert_eq!(queue.try_get(), expected);
            }
            Step::Resize(new) => {
                capacity = new;
                queue.resize(new);
            }
            Step::Done => {
                assert_eq!(queue.task_done().is_ok(), unfinished > 0);
                unfinished = unfinished.max(1) - 1;
            }
            Step::Close => {
                closed = true;
                queue.close();
            }
        }
        assert_eq!((queue.len(), queue.is_empty()), (model.len(), model.is_empty()));
        assert_eq!(queue.is_full(), capacity.is_some_and(|capacity| model.len() >= capacity));
        assert_eq!((queue.capacity(), queue.is_closed()), (capacity, closed));
        assert_eq!(queue.join_timeout(Duration::ZERO), unfinished == 0);
    }
}

proptest! {
    #[test]
    fn queues_do_what_a_list_does(capacity in proptest::option::of(0..5_usize), steps in steps()) {
        check::<Fifo<u8>>(capacity, &steps, |_| 0);
        check::<green_sync::queue::Lifo<u8>>(capacity, &steps, |list| list.len().saturating_sub(1));
        check::<green_sync::queue::SmallestFirst<u8>>(capacity, &steps, |list| {
            let least = list.iter().min();
            list.iter().position(|item| Some(item) == least).unwrap_or(0)
        });
    }
}

/// The last item of one thread may be done just when another thread's is put.
#[test]
fn a_join_waits_for_what_the_caller_has_put_before() {
    let queue = Arc::new(Queue::<Arc<AtomicUsize>>::new(None));
    let workers = [(); 2].map(|()| {
        let queue = Arc::clone(&queue);
        std::thread::spawn(move || {
            while let Ok(mark) = queue.get() {
                mark.store(1, Ordering::Release);
                queue.task_done().unwrap();
            }
        })
    });
    let putters = [(); 3].map(|()| {
        let queue = Arc::clone(&queue);
        std::thread::spawn(move || {
            for round in 0..5000 {
                let done = Arc::new(AtomicUsize::new(0));
                queue.put(Arc::clone(&done)).unwrap();
                queue.join();
                assert_eq!(done.load(Ordering::Acquire), 1, "in round {round}");
            }
        })
    });
    putters.into_iter().for_each(|putter| putter.join().unwrap());
    queue.close();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}
