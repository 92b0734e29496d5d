//! `mpmc`: order among those who wait, and what timeouts and kills leave behind.

mod worlds;

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use green_core::unpark::WaitReason;
use green_core::waitable::wait_any;
use green_sync::mpmc::{
    IntoIter, Receiver, RecvError, RecvTimeoutError, SendError, SendTimeoutError, Sender, TryRecvError, TrySendError,
    channel, sync_channel,
};
use green_thread::{self as green, Killed};
use worlds::{Count, assert_is, assert_not, linger, until};

assert_is!(Sender<Cell<u8>>: Send + Sync + Clone + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(Receiver<Cell<u8>>: Send + Sync + Clone + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(IntoIter<Cell<u8>>: Send + Sync);
assert_not!(Sender<Rc<u8>>: Send);
assert_not!(Sender<Rc<u8>>: Sync);
assert_not!(Receiver<Rc<u8>>: Send);
assert_not!(Receiver<Rc<u8>>: Sync);

const SHORT: Duration = Duration::from_millis(2);

/// How a test makes threads.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Local,
    Green,
    Os,
}

const KINDS: [Kind; 3] = [Kind::Local, Kind::Green, Kind::Os];

/// A thread to be joined.
type Join = Box<dyn FnOnce()>;

fn spawn(kind: Kind, body: impl FnOnce() + Send + 'static) -> Join {
    match kind {
        Kind::Local => {
            let thread = green::spawn_local(body);
            Box::new(move || thread.join().unwrap())
        }
        Kind::Green => {
            let thread = green::spawn(body);
            Box::new(move || thread.join().unwrap())
        }
        Kind::Os => {
            let thread = std::thread::spawn(body);
            Box::new(move || thread.join().unwrap())
        }
    }
}

fn add(sum: &AtomicUsize, n: usize) {
    sum.fetch_add(n, Ordering::Relaxed);
}

fn all(threads: impl IntoIterator<Item = Join>) {
    for join in threads {
        join();
    }
}

#[test]
fn each_message_goes_to_one_receiver() {
    for kind in KINDS {
        for bound in [None, Some(0), Some(1), Some(10)] {
            let (tx, rx) = bound.map_or_else(channel, sync_channel);
            let sum = Arc::new(AtomicUsize::new(0));
            let receivers: Vec<_> = (0..5)
                .map(|_| {
                    let (rx, sum) = (rx.clone(), Arc::clone(&sum));
                    spawn(kind, move || {
                        for n in &rx {
                            sum.fetch_add(n, Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            let senders: Vec<_> = (0..5)
                .map(|_| {
                    let tx = tx.clone();
                    spawn(kind, move || (1..=100).for_each(|n| tx.send(n).unwrap()))
                })
                .collect();
            drop((tx, rx));
            all(senders);
            all(receivers);
            assert_eq!(sum.load(Ordering::Relaxed), 5 * 5050, "{kind:?} {bound:?}");
        }
    }
}

#[test]
fn states_are_told() {
    let (tx, rx) = sync_channel(2);
    assert_eq!((tx.capacity(), tx.len(), tx.is_empty(), tx.is_full()), (Some(2), 0, true, false));
    tx.send(1).unwrap();
    assert_eq!((rx.capacity(), rx.len(), rx.is_empty(), rx.is_full()), (Some(2), 1, false, false));
    tx.send(2).unwrap();
    assert!(tx.is_full() && rx.is_full());
    assert_eq!(tx.try_send(3), Err(TrySendError::Full(3)));
    let (tx, rx) = sync_channel::<u8>(0);
    assert_eq!((tx.capacity(), rx.len(), tx.is_empty(), rx.is_full()), (Some(0), 0, true, true));
    let (tx, rx) = channel();
    tx.send(1).unwrap();
    assert_eq!((tx.capacity(), tx.len(), tx.is_full(), rx.is_full()), (None, 1, false, false));
    assert!(tx.same_channel(&tx.clone()) && rx.same_channel(&rx.clone()));
    assert!(!tx.same_channel(&channel().0) && !rx.same_channel(&channel().1));
    drop(rx);
    assert_eq!((tx.capacity(), tx.len()), (None, 0));
    assert_eq!(format!("{tx:?} {:?}", channel::<u8>().1), "Sender { .. } Receiver { .. }");
}

#[test]
fn every_error_gives_the_message_back() {
    let (tx, rx) = sync_channel(1);
    assert_eq!(rx.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
    assert_eq!(rx.recv_deadline(Instant::now()), Err(RecvTimeoutError::Timeout));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    tx.send(1).unwrap();
    assert_eq!(tx.send_timeout(2, SHORT), Err(SendTimeoutError::Timeout(2)));
    assert_eq!(tx.send_deadline(2, Instant::now()), Err(SendTimeoutError::Timeout(2)));
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1]);
    let ending = rx.clone();
    drop(rx);
    assert_eq!(tx.try_send(1), Ok(()));
    drop(ending);
    assert_eq!(tx.send(3), Err(SendError(3)));
    assert_eq!(tx.try_send(3), Err(TrySendError::Disconnected(3)));
    let error = tx.send_timeout(3, SHORT).unwrap_err();
    assert_eq!(error, SendTimeoutError::Disconnected(3));
    assert_eq!(format!("{error:?}: {error}"), "SendTimeoutError::Disconnected(..): sending on a disconnected channel");
    assert_eq!(SendTimeoutError::from(SendError(3)), error);
    let (tx, rx) = channel::<u8>();
    drop(tx);
    assert_eq!(rx.recv(), Err(RecvError));
    assert_eq!(rx.recv_timeout(SHORT), Err(RecvTimeoutError::Disconnected));
    assert_eq!(rx.into_iter().next(), None);
}

/// Receivers that wait are served in their order, and nobody who comes later is served before them.
#[test]
fn receivers_are_served_in_their_order() {
    let (tx, rx) = channel();
    let order = Arc::new(Mutex::new(Vec::new()));
    let threads: Vec<_> = (0..10)
        .map(|index| {
            let (rx, order) = (rx.clone(), Arc::clone(&order));
            let thread = green::spawn_local(move || {
                let message = rx.recv().unwrap();
                order.lock().unwrap().push((index, message));
            });
            green::yield_now();
            thread
        })
        .collect();
    for n in 0..10 {
        tx.send(n).unwrap();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "the message is promised");
    }
    tx.send(10).unwrap();
    assert_eq!(rx.try_recv(), Ok(0), "the eleventh may be taken, and messages stay in order");
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(*order.lock().unwrap(), (0..10).map(|n| (n, n + 1)).collect::<Vec<_>>());
}

/// Senders that wait are served in their order, whatever the bound, and nobody who comes later overtakes them.
#[test]
fn senders_are_served_in_their_order() {
    for bound in [0, 1, 3] {
        let (tx, rx) = sync_channel(bound);
        let threads: Vec<_> = (0..10)
            .map(|n| {
                let tx = tx.clone();
                let thread = green::spawn_local(move || tx.send(n).unwrap());
                green::yield_now();
                thread
            })
            .collect();
        assert_eq!(tx.try_send(100), Err(TrySendError::Full(100)));
        let mut got = Vec::new();
        for _ in 0..10 {
            got.push(rx.recv().unwrap());
            if got.len() + bound < 10 {
                assert_eq!(tx.try_send(100), Err(TrySendError::Full(100)), "the room is the next waiter's");
            }
        }
        assert_eq!(got, (0..10).collect::<Vec<_>>());
        for thread in threads {
            thread.join().unwrap();
        }
    }
}

#[test]
fn test_channel_waiters() {
    let (tx, rx) = sync_channel(0);
    let got = Arc::new(Mutex::new(Vec::new()));
    let receivers: Vec<_> = (0..3)
        .map(|_| {
            let (rx, got) = (rx.clone(), Arc::clone(&got));
            green::spawn(move || {
                let message = rx.recv().unwrap();
                got.lock().unwrap().push(message);
            })
        })
        .collect();
    let senders: Vec<_> = (0..3)
        .map(|n| {
            let tx = tx.clone();
            green::spawn(move || tx.send(n).unwrap())
        })
        .collect();
    for thread in receivers.into_iter().chain(senders) {
        thread.join().unwrap();
    }
    let mut got = got.lock().unwrap().clone();
    got.sort_unstable();
    assert_eq!(got, [0, 1, 2]);
}

#[test]
fn test_channel_sender_timing_out() {
    let (tx, rx) = sync_channel(0);
    assert_eq!(tx.send_timeout("late", SHORT), Err(SendTimeoutError::Timeout("late")));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "nothing is left behind");
    let receiver = green::spawn(move || rx.recv());
    tx.send("in time").unwrap();
    assert_eq!(receiver.join().unwrap(), Ok("in time"));
}

#[test]
fn test_two_waiters_one_dies() {
    for bound in [None, Some(0), Some(1)] {
        let (tx, rx) = bound.map_or_else(channel, sync_channel);
        let dies = {
            let rx = rx.clone();
            green::spawn_local(move || rx.recv_timeout(SHORT))
        };
        green::yield_now();
        let waits = green::spawn_local(move || rx.recv());
        assert_eq!(dies.join().unwrap(), Err(RecvTimeoutError::Timeout));
        tx.send("for the living").unwrap();
        assert_eq!(waits.join().unwrap(), Ok("for the living"));
    }
}

/// `test_zero_length_queue_nonblocking_put`: ten good receivers and ten killed ones; ten sends all arrive, in order.
#[test]
fn killed_receivers_eat_nothing() {
    for bound in [None, Some(0), Some(20)] {
        let (tx, rx) = bound.map_or_else(channel, sync_channel);
        let got = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let (rx, got) = (rx.clone(), Arc::clone(&got));
                let thread = green::spawn_local(move || {
                    let message = rx.recv().unwrap();
                    got.lock().unwrap().push(message);
                });
                green::yield_now();
                thread
            })
            .collect();
        for victim in threads.iter().step_by(2) {
            victim.kill().unwrap();
        }
        green::yield_now();
        for n in 0..10 {
            tx.try_send(n).unwrap();
        }
        for (index, thread) in threads.into_iter().enumerate() {
            assert_eq!(thread.join().is_err_and(|payload| payload.is::<Killed>()), index % 2 == 0);
        }
        assert_eq!(*got.lock().unwrap(), (0..10).collect::<Vec<_>>());
    }
}

/// A kill that comes after the notification lets the message through.
#[test]
fn a_receiver_that_was_notified_keeps_its_message() {
    let (tx, rx) = channel();
    let receiver = green::spawn_local(move || rx.recv());
    green::yield_now();
    tx.send(1).unwrap();
    receiver.kill().unwrap();
    assert_eq!(receiver.join().unwrap(), Ok(1));
}

/// The sender of a promised offer may time out: the receiver that it was promised to gets it.
#[test]
fn a_promised_offer_is_as_good_as_taken() {
    let (tx, rx) = sync_channel(0);
    let receiver = green::spawn_local(move || rx.recv());
    green::yield_now();
    assert_eq!(tx.send_deadline(1, Instant::now()), Ok(()));
    assert_eq!(receiver.join().unwrap(), Ok(1));
}

#[test]
fn impatient_ones_of_all_kinds_lose_nothing() {
    for kind in KINDS {
        for bound in [0, 1, 4] {
            let (tx, rx) = sync_channel(bound);
            let (sent, received) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let senders: Vec<_> = (1..=6)
                .map(|n| {
                    let (tx, sent) = (tx.clone(), Arc::clone(&sent));
                    spawn(kind, move || {
                        for round in 0..100 {
                            let patience = Duration::from_nanos(round % 9 * 400);
                            if tx.send_timeout(n, patience).is_ok() {
                                sent.fetch_add(n, Ordering::Relaxed);
                            }
                        }
                    })
                })
                .collect();
            let receivers: Vec<_> = (0..6)
                .map(|n| {
                    let (rx, received) = (rx.clone(), Arc::clone(&received));
                    spawn(kind, move || {
                        loop {
                            match rx.recv_timeout(Duration::from_nanos(n * 700)) {
                                Ok(n) => received.fetch_add(n, Ordering::Relaxed),
                                Err(RecvTimeoutError::Timeout) => continue,
                                Err(RecvTimeoutError::Disconnected) => break,
                            };
                        }
                    })
                })
                .collect();
            drop((tx, rx));
            all(senders);
            all(receivers);
            assert_eq!(sent.load(Ordering::Relaxed), received.load(Ordering::Relaxed), "{kind:?} {bound}");
        }
    }
}

#[test]
fn dropped_receivers_drop_the_messages_and_wake_senders() {
    for kind in KINDS {
        let count = Count::default();
        let (tx, rx) = sync_channel(2);
        let other = rx.clone();
        let done = Count::default();
        let senders: Vec<_> = (0..6)
            .map(|_| {
                let (tx, count, done) = (tx.clone(), count.clone(), done.clone());
                spawn(kind, move || {
                    let token = count.token();
                    if tx.send(token).is_ok() {
                        done.add();
                    }
                })
            })
            .collect();
        until(|| done.get() == 2);
        linger();
        drop(rx);
        assert_eq!(count.get(), 0);
        drop(other);
        all(senders);
        assert_eq!((count.get(), done.get()), (6, 2));
    }
}

#[test]
fn ten_thousand_green_threads_share_a_channel() {
    let (tx, rx) = sync_channel(16);
    let sum = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..10_000)
        .map(|n| {
            let (tx, rx, sum) = (tx.clone(), rx.clone(), Arc::clone(&sum));
            let work = move || {
                if n % 2 == 0 {
                    tx.send(n).unwrap();
                } else {
                    sum.fetch_add(rx.recv().unwrap(), Ordering::Relaxed);
                }
            };
            green::Builder::new().stack_size(32 * 1024).spawn(work).unwrap()
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(sum.load(Ordering::Relaxed), 5000 * 4999);
}

/// Waits over several things and plain ones share the messages.
#[test]
fn selects_and_plain_receivers_share() {
    let ((tx, rx), (end, ended)) = (sync_channel(1), channel::<()>());
    let sum = Arc::new(AtomicUsize::new(0));
    let plain: Vec<_> = (0..3)
        .map(|_| {
            let (rx, sum) = (rx.clone(), Arc::clone(&sum));
            green::spawn(move || rx.iter().for_each(|n| add(&sum, n)))
        })
        .collect();
    let selecting: Vec<_> = (0..3)
        .map(|_| {
            let (rx, ended, sum) = (rx.clone(), ended.clone(), Arc::clone(&sum));
            green::spawn(move || {
                while wait_any(&[&rx, &ended], None, WaitReason::Select) == Ok(0) {
                    match rx.try_recv() {
                        Ok(n) => add(&sum, n),
                        Err(TryRecvError::Empty) => {}
                        Err(TryRecvError::Disconnected) => break,
                    }
                }
            })
        })
        .collect();
    drop(rx);
    let senders: Vec<_> = (0..4)
        .map(|_| {
            let tx = tx.clone();
            green::spawn(move || {
                for n in 0..500 {
                    loop {
                        if n % 2 == 0 {
                            tx.send(n).unwrap();
                            break;
                        }
                        wait_any(&[&tx], None, WaitReason::Select).unwrap();
                        if tx.try_send(n).is_ok() {
                            break;
                        }
                    }
                }
            })
        })
        .collect();
    drop(tx);
    for thread in senders.into_iter().chain(plain) {
        thread.join().unwrap();
    }
    drop(end);
    for thread in selecting {
        thread.join().unwrap();
    }
    assert_eq!(sum.load(Ordering::Relaxed), 4 * 500 * 499 / 2);
}
