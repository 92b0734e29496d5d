//! `mpsc`: std's behaviour, from OS threads, green threads and both, and what timeouts and kills leave behind.

mod worlds;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use green_core::unpark::{Outcome, WaitReason};
use green_core::waitable::{Timer, Waitable, wait_any};
use green_sync::mpsc::{
    self, IntoIter, Iter, Receiver, RecvError, RecvTimeoutError, SendError, Sender, SyncSender, TryIter, TryRecvError,
    TrySendError, channel, sync_channel,
};
use green_thread::{self as green, Killed};
use worlds::{Count, assert_is, assert_not, in_every_world, linger, until};

assert_is!(Sender<Cell<u8>>: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(SyncSender<Cell<u8>>: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(Receiver<Cell<u8>>: Send + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(IntoIter<Cell<u8>>: Send + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(Iter<'static, u8>: Unpin + UnwindSafe + RefUnwindSafe);
assert_not!(Receiver<u8>: Sync);
assert_not!(IntoIter<u8>: Sync);
assert_not!(Iter<'static, u8>: Send);
assert_not!(Iter<'static, u8>: Sync);
assert_not!(TryIter<'static, u8>: Send);
assert_not!(Sender<Rc<u8>>: Send);
assert_not!(Sender<Rc<u8>>: Sync);
assert_not!(SyncSender<Rc<u8>>: Send);
assert_not!(SyncSender<Rc<u8>>: Sync);
assert_not!(Receiver<Rc<u8>>: Send);

const SHORT: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(60);

in_every_world! {
    fn messages_come_in_the_order_of_their_sender() {
        let (tx, rx) = sync::mpsc::channel();
        let threads: Vec<_> = (0..5)
            .map(|sender| {
                let tx = tx.clone();
                thread::spawn(move || {
                    for n in 0..200 {
                        tx.send((sender, n)).unwrap();
                        if n % 16 == 0 {
                            thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        drop(tx);
        let mut next = [0; 5];
        for (sender, n) in &rx {
            assert_eq!(n, next[sender]);
            next[sender] += 1;
        }
        assert_eq!(next, [200; 5]);
        assert_eq!(rx.recv(), Err(RecvError));
        for thread in threads {
            thread.join().unwrap();
        }
    }

    fn what_was_sent_comes_before_the_end() {
        let (tx, rx) = sync::mpsc::channel();
        tx.send(1).unwrap();
        tx.clone().send(2).unwrap();
        drop(tx);
        assert_eq!(rx.recv(), Ok(1));
        assert_eq!(rx.try_recv(), Ok(2));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(rx.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
        assert_eq!(rx.recv(), Err(RecvError));
    }

    fn without_a_receiver_messages_come_back() {
        let (tx, rx) = sync::mpsc::channel();
        drop(rx);
        assert_eq!(tx.send("back"), Err(SendError("back")));
        let (tx, rx) = sync::mpsc::sync_channel(1);
        drop(rx);
        assert_eq!(tx.send("back"), Err(SendError("back")));
        assert_eq!(tx.try_send("back"), Err(TrySendError::Disconnected("back")));
    }

    fn waiting_for_a_message_has_every_end() {
        let (tx, rx) = sync::mpsc::channel();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        let start = Instant::now();
        assert_eq!(rx.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
        assert!(start.elapsed() >= SHORT);
        assert_eq!(rx.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
        tx.send(1).unwrap();
        assert_eq!(rx.recv_timeout(Duration::ZERO), Ok(1));
        let sender = thread::spawn(move || {
            linger();
            tx.send(2).unwrap();
            linger();
        });
        assert_eq!(rx.recv_timeout(Duration::MAX), Ok(2));
        assert_eq!(rx.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
        sender.join().unwrap();
    }

    fn a_receiver_that_waits_hears_of_the_end() {
        let (tx, rx) = sync::mpsc::channel::<u8>();
        let (stx, srx) = sync::mpsc::sync_channel::<u8>(0);
        let one = thread::spawn(move || rx.recv());
        let two = thread::spawn(move || srx.recv());
        linger();
        drop((tx, stx));
        assert_eq!(one.join().unwrap(), Err(RecvError));
        assert_eq!(two.join().unwrap(), Err(RecvError));
    }

    fn a_panicking_sender_hangs_up() {
        let (tx, rx) = sync::mpsc::channel::<u8>();
        let thread = thread::spawn(move || {
            let _tx = tx;
            panic!("no luck");
        });
        assert_eq!(rx.recv(), Err(RecvError));
        assert!(thread.join().is_err());
    }

    fn messages_are_dropped_once() {
        for bound in [None, Some(3), Some(100)] {
            for received in [0, 1, 2] {
                let count = Count::default();
                let send = |tx: &dyn Fn(worlds::Token) -> bool| (0..80).filter(|_| tx(count.token())).count();
                let (sent, rx) = match bound {
                    None => {
                        let (tx, rx) = sync::mpsc::channel();
                        (send(&|token| tx.send(token).is_ok()), rx)
                    }
                    Some(bound) => {
                        let (tx, rx) = sync::mpsc::sync_channel(bound);
                        (send(&|token| tx.try_send(token).is_ok()), rx)
                    }
                };
                assert_eq!(count.get(), 80 - sent);
                for _ in 0..received {
                    drop(rx.recv().unwrap());
                }
                assert_eq!(count.get(), 80 - sent + received);
                drop(rx);
                assert_eq!(count.get(), 80);
            }
        }
    }

    fn a_dropped_receiver_drops_the_oldest_first() {
        struct Noted(u32, Arc<Mutex<Vec<u32>>>);
        impl Drop for Noted {
            fn drop(&mut self) {
                self.1.lock().unwrap().push(self.0);
            }
        }
        let notes = Arc::new(Mutex::new(Vec::new()));
        let (tx, rx) = sync::mpsc::channel();
        let (stx, srx) = sync::mpsc::sync_channel(4);
        for n in 0..4 {
            tx.send(Noted(n, Arc::clone(&notes))).unwrap();
            stx.send(Noted(n + 10, Arc::clone(&notes))).unwrap();
        }
        drop(rx);
        drop(srx);
        assert_eq!(*notes.lock().unwrap(), [0, 1, 2, 3, 10, 11, 12, 13]);
        // Behind the receiver's back, a message is dropped by whoever sends it.
        drop(tx.send(Noted(4, Arc::clone(&notes))));
        assert_eq!(notes.lock().unwrap().last(), Some(&4));
    }

    fn messages_of_any_size_arrive() {
        let (tx, rx) = sync::mpsc::channel();
        let (btx, brx) = sync::mpsc::channel();
        let thread = thread::spawn(move || {
            for n in 0..100u64 {
                tx.send(()).unwrap();
                btx.send(Box::new([n; 300])).unwrap();
            }
        });
        assert_eq!(rx.iter().count(), 100);
        for (n, message) in brx.iter().enumerate() {
            assert_eq!(*message, [n as u64; 300]);
        }
        thread.join().unwrap();
        let (tx, rx) = sync::mpsc::channel();
        tx.send([7u64; 300]).unwrap();
        assert_eq!(rx.recv(), Ok([7; 300]));
    }

    fn iterators_wait_or_do_not() {
        let (tx, rx) = sync::mpsc::channel();
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(rx.try_iter().next(), None);
        let thread = thread::spawn(move || {
            for n in 3..6 {
                linger();
                tx.send(n).unwrap();
            }
        });
        assert_eq!(rx.iter().take(1).collect::<Vec<_>>(), [3]);
        assert_eq!(IntoIterator::into_iter(&rx).next(), Some(4));
        assert_eq!(rx.into_iter().collect::<Vec<_>>(), [5]);
        thread.join().unwrap();
    }

    fn a_bound_is_kept() {
        let (tx, rx) = sync::mpsc::sync_channel(2);
        assert_eq!(tx.try_send(1), Ok(()));
        assert_eq!(tx.send(2), Ok(()));
        assert_eq!(tx.try_send(3), Err(TrySendError::Full(3)));
        let progress = Count::default();
        let sender = {
            let progress = progress.clone();
            thread::spawn(move || {
                for n in 3..6 {
                    tx.send(n).unwrap();
                    progress.add();
                }
            })
        };
        linger();
        assert_eq!(progress.get(), 0);
        assert_eq!(rx.recv(), Ok(1));
        until(|| progress.get() == 1);
        linger();
        assert_eq!(progress.get(), 1);
        assert_eq!(rx.iter().collect::<Vec<_>>(), [2, 3, 4, 5]);
        sender.join().unwrap();
    }

    fn a_receiver_that_goes_gives_waiting_senders_their_messages_back() {
        for bound in [0, 1] {
            let (tx, rx) = sync::mpsc::sync_channel(bound);
            for _ in 0..bound {
                tx.send(100).unwrap();
            }
            let threads: Vec<_> = (0..4)
                .map(|n| {
                    let tx = tx.clone();
                    thread::spawn(move || tx.send(n))
                })
                .collect();
            linger();
            drop(rx);
            for (n, thread) in threads.into_iter().enumerate() {
                assert_eq!(thread.join().unwrap(), Err(SendError(n)));
            }
        }
    }

    fn a_rendezvous_waits_for_both() {
        let (tx, rx) = sync::mpsc::sync_channel(0);
        assert_eq!(tx.try_send(0), Err(TrySendError::Full(0)));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        let sent = Count::default();
        let sender = {
            let (tx, sent) = (tx.clone(), sent.clone());
            thread::spawn(move || {
                tx.send(1).unwrap();
                sent.add();
            })
        };
        linger();
        assert_eq!(sent.get(), 0);
        assert_eq!(rx.recv(), Ok(1));
        sender.join().unwrap();
        let receiver = thread::spawn(move || (rx.recv(), rx.recv_timeout(LONG)));
        // It succeeds as soon as somebody waits.
        while tx.try_send(2).is_err() {
            thread::yield_now();
        }
        tx.send(3).unwrap();
        assert_eq!(receiver.join().unwrap(), (Ok(2), Ok(3)));
    }

    fn a_receiver_may_move_between_waits() {
        let (tx, rx) = sync::mpsc::channel();
        let mut rx = rx;
        for n in 0..20 {
            let receiver = thread::spawn(move || (rx.recv(), rx));
            if n % 2 == 0 {
                linger();
            }
            tx.send(n).unwrap();
            let (message, returned) = receiver.join().unwrap();
            assert_eq!(message, Ok(n));
            rx = returned;
        }
    }

    fn two_play_ping_pong() {
        let (ping, pinged) = sync::mpsc::channel();
        let (pong, ponged) = sync::mpsc::channel();
        let echo = thread::spawn(move || {
            for n in pinged {
                pong.send(n).unwrap();
            }
        });
        for n in 0..1000 {
            ping.send(n).unwrap();
            assert_eq!(ponged.recv(), Ok(n));
        }
        drop(ping);
        echo.join().unwrap();
    }

    fn many_send_through_a_small_bound() {
        for bound in [0, 1, 7] {
            let (tx, rx) = sync::mpsc::sync_channel(bound);
            let threads: Vec<_> = (0..8u64)
                .map(|sender| {
                    let tx = tx.clone();
                    thread::spawn(move || (0..50).for_each(|n| tx.send(sender * 1000 + n).unwrap()))
                })
                .collect();
            drop(tx);
            let mut got: Vec<_> = rx.iter().collect();
            got.sort_unstable();
            let expected: Vec<_> = (0..8).flat_map(|sender| (0..50).map(move |n| sender * 1000 + n)).collect();
            assert_eq!(got, expected);
            for thread in threads {
                thread.join().unwrap();
            }
        }
    }

    fn everything_is_shown() {
        let (tx, rx) = sync::mpsc::channel::<u8>();
        assert_eq!(format!("{tx:?} {rx:?}"), "Sender { .. } Receiver { .. }");
        assert_eq!(format!("{:?}", rx.iter()), "Iter { rx: Receiver { .. } }");
        assert_eq!(format!("{:?}", rx.try_iter()), "TryIter { rx: Receiver { .. } }");
        assert_eq!(format!("{:?}", rx.into_iter()), "IntoIter { rx: Receiver { .. } }");
        assert_eq!(format!("{:?}", sync::mpsc::sync_channel::<u8>(1).0), "SyncSender { .. }");
    }

    fn a_panicking_message_drop_is_survived() {
        struct Bomb(bool);
        impl Drop for Bomb {
            fn drop(&mut self) {
                if self.0 {
                    panic!("no luck");
                }
            }
        }
        let (tx, rx) = sync::mpsc::channel();
        for n in 0..100 {
            tx.send(Bomb(n == 3)).unwrap();
        }
        assert!(catch_unwind(AssertUnwindSafe(|| drop(rx))).is_err());
        assert!(tx.send(Bomb(false)).is_err());
    }
}

/// Says what happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn add(&self, event: impl Into<String>) {
        self.0.lock().unwrap().push(event.into());
    }

    fn events(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[test]
fn test_channel_send() {
    let (log, (tx, rx)) = (Log::default(), sync_channel(0));
    let sender = {
        let log = log.clone();
        green::spawn_local(move || {
            log.add("sending");
            tx.send("hello").unwrap();
            log.add("sent hello");
            tx.send("world").unwrap();
            log.add("sent world");
        })
    };
    green::yield_now();
    assert_eq!(log.events(), ["sending"]);
    for word in ["hello", "world"] {
        log.add(rx.recv().unwrap());
        green::yield_now();
        assert_eq!(log.events().last().unwrap(), &format!("sent {word}"));
    }
    sender.join().unwrap();
    assert_eq!(log.events(), ["sending", "hello", "sent hello", "world", "sent world"]);
}

#[test]
fn test_channel_wait() {
    let (log, (tx, rx)) = (Log::default(), sync_channel(0));
    let receiver = {
        let log = log.clone();
        green::spawn_local(move || rx.iter().for_each(|word: &str| log.add(word)))
    };
    green::yield_now();
    log.add("sending");
    for word in ["hello", "world"] {
        tx.send(word).unwrap();
        log.add(format!("sent {word}"));
    }
    drop(tx);
    receiver.join().unwrap();
    assert_eq!(log.events(), ["sending", "hello", "sent hello", "world", "sent world"]);
}

#[test]
fn ten_thousand_green_threads_share_a_channel() {
    let (tx, rx) = channel();
    let (back, answers) = sync_channel(100);
    let threads: Vec<_> = (0..10_000u64)
        .map(|n| {
            let (tx, back) = (tx.clone(), back.clone());
            let work = move || {
                green::yield_now();
                tx.send(n).unwrap();
                back.send(n).unwrap();
            };
            green::Builder::new().stack_size(32 * 1024).spawn(work).unwrap()
        })
        .collect();
    drop((tx, back));
    let sum = 10_000 * 9_999 / 2;
    assert_eq!(answers.iter().sum::<u64>(), sum);
    assert_eq!(rx.iter().sum::<u64>(), sum);
    for thread in threads {
        thread.join().unwrap();
    }
}

/// A receiver that times out again and again while messages come loses none, and hears the end.
#[test]
fn an_impatient_receiver_loses_nothing() {
    for bound in [None, Some(0), Some(1)] {
        let (send, rx): (Box<dyn Fn(u32) + Send>, _) = match bound {
            None => {
                let (tx, rx) = channel();
                (Box::new(move |n| tx.send(n).unwrap()), rx)
            }
            Some(bound) => {
                let (tx, rx) = sync_channel(bound);
                (Box::new(move |n| tx.send(n).unwrap()), rx)
            }
        };
        let sender = green::spawn(move || {
            for n in 0..2000 {
                send(n);
                if n % 3 == 0 {
                    green::yield_now();
                }
            }
        });
        let mut next = 0;
        loop {
            match rx.recv_timeout(Duration::from_nanos(u64::from(next) % 7 * 500)) {
                Ok(n) => {
                    assert_eq!(n, next);
                    next += 1;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        assert_eq!(next, 2000);
        sender.join().unwrap();
    }
}

#[test]
fn a_killed_receiver_drops_what_is_queued_and_sends_fail() {
    let count = Count::default();
    let (tx, rx) = channel();
    let victim = green::spawn(move || {
        loop {
            drop(rx.recv());
        }
    });
    tx.send(count.token()).unwrap();
    until(|| count.get() == 1);
    linger();
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    assert!(tx.send(count.token()).is_err());
    assert_eq!(count.get(), 2);
}

/// A kill that comes while the receiver waits leaves the receiver usable for whoever owns it.
#[test]
fn a_killed_wait_leaves_the_messages() {
    for bounded in [false, true] {
        let (send, rx): (Box<dyn Fn(u32)>, _) = if bounded {
            let (tx, rx) = sync_channel(10);
            (Box::new(move |n| tx.send(n).unwrap()), rx)
        } else {
            let (tx, rx) = channel();
            (Box::new(move |n| tx.send(n).unwrap()), rx)
        };
        let shared = Arc::new(green_sync::Mutex::new(rx));
        let victim = {
            let shared = Arc::clone(&shared);
            green::spawn(move || {
                let rx = shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                rx.recv()
            })
        };
        linger();
        victim.kill().unwrap();
        assert!(victim.join().unwrap_err().is::<Killed>());
        send(1);
        send(2);
        let rx = shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        assert_eq!((rx.recv(), rx.recv()), (Ok(1), Ok(2)));
    }
}

#[test]
fn a_killed_sender_takes_its_message_with_it() {
    for bound in [0, 1] {
        let count = Count::default();
        let (tx, rx) = sync_channel(bound);
        for _ in 0..bound {
            tx.send(count.token()).unwrap();
        }
        let threads: Vec<_> = (0..6)
            .map(|_| {
                let (tx, token) = (tx.clone(), count.token());
                green::spawn(move || tx.send(token).unwrap())
            })
            .collect();
        linger();
        for thread in threads.iter().step_by(2) {
            thread.kill().unwrap();
        }
        for thread in threads.iter().step_by(2) {
            until(|| thread.is_finished());
        }
        assert_eq!(count.get(), 3);
        for _ in 0..3 + bound {
            drop(rx.recv().unwrap());
        }
        assert_eq!(rx.try_recv().err(), Some(TryRecvError::Empty));
        assert_eq!(count.get(), 6 + bound);
        for (index, thread) in threads.into_iter().enumerate() {
            assert_eq!(thread.join().is_err(), index % 2 == 0);
        }
    }
}

/// However kills fall, a message is received or dropped, once, and never both.
#[test]
fn kills_at_any_moment_neither_lose_nor_double() {
    let count = Count::default();
    let received = Count::default();
    for bound in [0, 1, 3] {
        for round in 0..60 {
            let (tx, rx) = sync_channel(bound);
            let senders: Vec<_> = (0..4)
                .map(|_| {
                    let (tx, token) = (tx.clone(), count.token());
                    green::spawn(move || drop(tx.send(token)))
                })
                .collect();
            drop(tx);
            let receiver = {
                let received = received.clone();
                green::spawn(move || rx.iter().for_each(|_token| received.add()))
            };
            for _ in 0..round % 5 {
                green::yield_now();
            }
            senders[round % 4].kill().unwrap();
            if round % 3 == 0 {
                receiver.kill().unwrap();
            }
            for sender in senders {
                let _ = sender.join();
            }
            let _ = receiver.join();
        }
    }
    assert_eq!(count.get(), 3 * 60 * 4);
    assert!(received.get() <= count.get());
}

/// Shielded, a kill waits until the message has come.
#[test]
fn a_shielded_receiver_is_not_interrupted() {
    let (tx, rx) = channel();
    let (started, go) = channel();
    let victim = green::spawn(move || {
        let shield = green::Shield::new();
        started.send(()).unwrap();
        let message = rx.recv();
        assert_eq!(message, Ok(5));
        drop(shield);
        green::park();
        unreachable!("it was killed");
    });
    go.recv().unwrap();
    victim.kill().unwrap();
    linger();
    tx.send(5).unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
}

#[test]
fn a_receiver_can_be_waited_for_among_others() {
    let ((tx, rx), (stx, srx)) = (channel(), sync_channel(1));
    let wait = |deadline| wait_any(&[&rx, &srx], deadline, WaitReason::Select);
    assert_eq!(wait(Some(Instant::now())), Err(Outcome::TimedOut));
    tx.send(1).unwrap();
    assert_eq!(wait(None), Ok(0));
    assert_eq!(rx.recv(), Ok(1));
    let (go, gone) = channel();
    let thread = green::spawn(move || {
        linger();
        stx.send(2).unwrap();
        gone.recv().unwrap();
        linger();
        tx.send(3).unwrap();
        (tx, stx)
    });
    assert_eq!(wait(None), Ok(1));
    assert_eq!(srx.try_recv(), Ok(2));
    go.send(()).unwrap();
    assert_eq!(wait(None), Ok(0));
    assert_eq!(rx.try_recv(), Ok(3));
    // A plain wait after a wait that left its wish behind, and the other way round.
    let (tx, stx) = thread.join().unwrap();
    assert_eq!(wait(Some(Instant::now())), Err(Outcome::TimedOut));
    assert_eq!(rx.recv_timeout(SHORT), Err(RecvTimeoutError::Timeout));
    assert_eq!(wait(Some(Instant::now())), Err(Outcome::TimedOut));
    let thread = green::spawn(move || {
        linger();
        tx.send(4).unwrap();
        stx
    });
    assert_eq!(rx.recv(), Ok(4));
    // The end counts as ready.
    assert_eq!(wait(None), Ok(0));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    drop(thread.join().unwrap());
    assert!(srx.is_ready());
}

/// A stream of messages and a stream of waits over several things lose nothing of each other.
#[test]
fn a_select_loop_gets_every_message() {
    let ((one, first), (two, second)) = (channel(), sync_channel(2));
    let sender = green::spawn(move || {
        for n in 0..3000u64 {
            if n % 3 == 0 {
                two.send(n).unwrap()
            } else {
                one.send(n).unwrap()
            }
            if n % 5 == 0 {
                green::yield_now();
            }
        }
    });
    let (mut sum, mut open) = (0, [true, true]);
    while open[0] || open[1] {
        let never = Timer::after(LONG);
        let both: [&dyn Waitable; 2] = [if open[0] { &first } else { &never }, if open[1] { &second } else { &never }];
        let ready = wait_any(&both, None, WaitReason::Select).unwrap();
        match [&first, &second][ready].try_recv() {
            Ok(n) => sum += n,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => open[ready] = false,
        }
    }
    assert_eq!(sum, 3000 * 2999 / 2);
    sender.join().unwrap();
}

#[test]
fn room_can_be_waited_for() {
    let (tx, rx) = sync_channel(1);
    assert_eq!(wait_any(&[&tx], None, WaitReason::Select), Ok(0));
    tx.try_send(1).unwrap();
    assert_eq!(wait_any(&[&tx], Some(Instant::now()), WaitReason::Select), Err(Outcome::TimedOut));
    let receiver = green::spawn(move || {
        linger();
        assert_eq!(rx.recv(), Ok(1));
        rx
    });
    assert_eq!(wait_any(&[&tx], None, WaitReason::Select), Ok(0));
    tx.try_send(2).unwrap();
    let rx = receiver.join().unwrap();
    let dropper = green::spawn(move || {
        linger();
        drop(rx);
    });
    assert_eq!(wait_any(&[&tx], None, WaitReason::Select), Ok(0));
    assert_eq!(tx.try_send(3), Err(TrySendError::Disconnected(3)));
    dropper.join().unwrap();
    // At a rendezvous, room is a receiver that waits.
    let (tx, rx) = sync_channel(0);
    assert!(!tx.is_ready());
    let receiver = green::spawn(move || rx.recv());
    loop {
        assert_eq!(wait_any(&[&tx], None, WaitReason::Select), Ok(0));
        if tx.try_send(4).is_ok() {
            break;
        }
    }
    assert_eq!(receiver.join().unwrap(), Ok(4));
}

#[test]
fn the_errors_are_those_of_std() {
    fn same<T>(_: T, _: T) {}
    same(mpsc::RecvError, std::sync::mpsc::RecvError);
    same(mpsc::SendError(1), std::sync::mpsc::SendError(1));
    same(mpsc::TryRecvError::Empty, std::sync::mpsc::TryRecvError::Empty);
    same(mpsc::RecvTimeoutError::Timeout, std::sync::mpsc::RecvTimeoutError::Timeout);
    same(mpsc::TrySendError::Full(1), std::sync::mpsc::TrySendError::Full(1));
}

#[test]
fn local_green_threads_that_share_a_receiver_take_turns() {
    let (sender, receiver) = green_sync::mpsc::channel();
    let receiver = Rc::new(receiver);
    let receive = || {
        let receiver = Rc::clone(&receiver);
        green::spawn_local(move || receiver.recv().unwrap())
    };
    let receivers = [receive(), receive(), receive()];
    green::yield_now();
    for n in 0..3 {
        sender.send(n).unwrap();
    }
    let mut got = receivers.map(|receiver| receiver.join().unwrap());
    got.sort_unstable();
    assert_eq!(got, [0, 1, 2]);
}

#[test]
fn an_impatient_sharer_does_not_take_the_patient_ones_place() {
    let (sender, receiver) = green_sync::mpsc::channel();
    let receiver = Rc::new(receiver);
    let (one, two) = (Rc::clone(&receiver), Rc::clone(&receiver));
    let impatient = green::spawn_local(move || one.recv_timeout(Duration::from_millis(1)));
    let patient = green::spawn_local(move || two.recv());
    assert!(impatient.join().unwrap().is_err());
    sender.send(1).unwrap();
    assert_eq!(patient.join().unwrap(), Ok(1));
}
