//! `Blocking`: an object behind the pool.

mod lookers;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use green_pool::tpool::{Blocking, Pool};
use green_tests::{Mode, holds_in};
use green_thread as thread;
use lookers::{AGE, Census, MOMENT, everywhere, timeout, until};

/// A driver's connection: may be sent, but not shared.
#[derive(Debug, Default)]
struct Connection {
    log: Vec<u32>,
    _not_sync: Cell<u8>,
}

fn name() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

/// Begins a call that lasts until it is told to end, from a thread of its own.
fn begin_call(object: &Arc<Blocking<Connection>>, mark: u32) -> (thread::JoinHandle<u32>, Sender<()>) {
    let (begin, begun): (_, Receiver<()>) = channel();
    let (finish, may_finish) = channel();
    let object = Arc::clone(object);
    let caller = thread::spawn(move || {
        object.with(move |connection| {
            begin.send(()).unwrap();
            may_finish.recv().unwrap();
            connection.log.push(mark);
            mark
        })
    });
    until(|| begun.try_recv().is_ok());
    (caller, finish)
}

#[test]
fn calls_are_made_on_the_pool_s_threads() {
    everywhere(|| {
        let object = Blocking::new(Connection::default());
        assert!(object.with(|_| name()).starts_with("green-tpool-"));
        object.with(|connection| connection.log.push(1));
        assert_eq!(object.into_inner().unwrap().log, [1]);
    });
}

// test_wrap_iterator2

#[test]
fn an_iterator_that_is_slow_lets_a_ticker_run() {
    if !holds_in(&[Mode::Default, Mode::Hubs0]) {
        return;
    }
    let ticks = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&ticks);
    // Each item comes only after a tick of a neighbour on the same OS thread.
    let rows = (0..5).inspect(move |_| {
        let before = seen.load(Ordering::SeqCst);
        while seen.load(Ordering::SeqCst) == before {
            std::thread::yield_now();
        }
    });
    let reader = thread::spawn_local(move || Blocking::new(rows).collect::<Vec<_>>());
    let ticker = thread::spawn_local(move || {
        loop {
            ticks.fetch_add(1, Ordering::SeqCst);
            // A ticker ticks.
            thread::sleep(MOMENT / 10);
        }
    });
    assert_eq!(reader.join().unwrap(), [0, 1, 2, 3, 4]);
    ticker.kill().unwrap();
    let _ = ticker.join();
}

#[test]
fn calls_come_one_at_a_time_and_in_their_order() {
    let object = Arc::new(Blocking::new(Connection::default()));
    let (first, finish) = begin_call(&object, 0);
    let others: Vec<_> = (1..=8)
        .map(|mark| {
            let (object, ready) = (Arc::clone(&object), Arc::new(AtomicUsize::new(0)));
            let told = Arc::clone(&ready);
            let other = thread::Builder::new()
                .spawn(move || {
                    told.store(1, Ordering::SeqCst);
                    object.with(move |connection| connection.log.push(mark));
                })
                .unwrap();
            until(|| ready.load(Ordering::SeqCst) == 1);
            other
        })
        .collect();
    finish.send(()).unwrap();
    assert_eq!(first.join().unwrap(), 0);
    others.into_iter().for_each(|other| other.join().unwrap());
    let mut log = object.with(|connection| std::mem::take(&mut connection.log));
    assert_eq!(log[0], 0);
    log.sort_unstable();
    assert_eq!(log, (0..=8).collect::<Vec<_>>());
}

#[test]
fn who_waits_for_an_object_takes_no_thread_of_the_pool() {
    let pool = Pool::new(2, AGE);
    let object = Arc::new(Blocking::new_in(Connection::default(), &pool));
    let (first, finish) = begin_call(&object, 0);
    let waiting = Arc::new(AtomicUsize::new(0));
    let others: Vec<_> = (0..10)
        .map(|_| {
            let (object, waiting) = (Arc::clone(&object), Arc::clone(&waiting));
            thread::spawn(move || {
                waiting.fetch_add(1, Ordering::SeqCst);
                object.with(|connection| connection.log.len())
            })
        })
        .collect();
    until(|| waiting.load(Ordering::SeqCst) == 10);
    assert_eq!(pool.execute(|| 5), 5, "the other thread is free");
    assert_eq!(pool.queued(), 0);
    finish.send(()).unwrap();
    first.join().unwrap();
    others.into_iter().for_each(|other| assert_eq!(other.join().unwrap(), 1));
}

#[test]
fn a_call_that_was_abandoned_goes_on_and_keeps_the_object_until_then() {
    let object = Arc::new(Blocking::new(Connection::default()));
    let (caller, finish) = begin_call(&object, 7);
    caller.kill().unwrap();
    assert!(caller.join().unwrap_err().is::<thread::Killed>());
    assert!(timeout(MOMENT, || object.with(|_| ())).is_none(), "it is still in use");
    finish.send(()).unwrap();
    assert_eq!(object.with(|connection| connection.log.clone()), [7]);
    assert!(!object.is_poisoned());
}

#[test]
fn who_is_killed_before_its_turn_has_done_nothing() {
    let object = Arc::new(Blocking::new(Connection::default()));
    let (caller, finish) = begin_call(&object, 1);
    let victim = {
        let object = Arc::clone(&object);
        thread::spawn(move || object.with(|connection| connection.log.push(2)))
    };
    victim.kill().unwrap();
    assert!(victim.join().is_err());
    finish.send(()).unwrap();
    caller.join().unwrap();
    assert_eq!(object.with(|connection| connection.log.clone()), [1]);
}

#[test]
fn a_panic_poisons_until_that_is_cleared() {
    everywhere(|| {
        let object = Blocking::new(Connection::default());
        let payload = catch_unwind(AssertUnwindSafe(|| {
            object.with(|connection| {
                connection.log.push(1);
                panic_any(5_u8)
            })
        }))
        .unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&5_u8));
        assert!(object.is_poisoned());
        assert!(catch_unwind(AssertUnwindSafe(|| object.with(|_| ()))).is_err());
        object.clear_poison();
        assert_eq!(object.with(|connection| connection.log.clone()), [1]);
        let _ = catch_unwind(AssertUnwindSafe(|| object.with(|_| panic_any(6_u8))));
        assert_eq!(object.into_inner().unwrap_err().into_inner().log, [1]);
    });
}

#[test]
fn a_call_within_a_call_is_an_error_for_the_same_object_only() {
    let (one, other) = (Arc::new(Blocking::new(1)), Arc::new(Blocking::new(2)));
    let inner = Arc::clone(&other);
    assert_eq!(one.with(move |one| *one + inner.with(|other| *other)), 3);
    let own = Arc::clone(&one);
    assert!(catch_unwind(AssertUnwindSafe(|| one.with(move |_| own.with(|_| ())))).is_err());
    assert!(one.is_poisoned(), "the panic was that of the call");
}

#[test]
fn a_size_of_0_makes_calls_in_place() {
    let pool = Pool::new(0, AGE);
    let object = Blocking::new_in(5, &pool);
    let here = std::thread::current().id();
    assert_eq!(object.with(move |n| (*n, std::thread::current().id() == here)), (5, true));
}

/// Says where it is dropped.
struct Closes(Arc<Mutex<Vec<String>>>);

impl Drop for Closes {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(name());
    }
}

#[test]
fn the_object_is_dropped_on_the_pool_and_the_drop_waits_for_it() {
    everywhere(|| {
        let log = Arc::default();
        drop(Blocking::new(Closes(Arc::clone(&log))));
        assert!(log.lock().unwrap()[0].starts_with("green-tpool-"));
    });
}

#[test]
fn an_object_in_use_is_dropped_after_that() {
    let census = Census::default();
    let (begin, begun) = channel();
    let (finish, may_finish) = channel::<()>();
    let counted = census.add();
    let caller = thread::spawn(move || {
        Blocking::new(counted).with(move |_| {
            begin.send(()).unwrap();
            let _ = may_finish.recv();
        });
    });
    until(|| begun.try_recv().is_ok());
    caller.kill().unwrap();
    assert!(caller.join().is_err());
    assert_eq!(census.alive(), 1);
    finish.send(()).unwrap();
    until(|| census.alive() == 0);
}

/// Tells of its drop.
struct Says(Sender<()>);

impl Drop for Says {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

std::thread_local! {
    static OS_THREAD_ENDS: Cell<Option<Says>> = const { Cell::new(None) };
}

#[test]
fn the_object_of_a_pool_that_is_gone_still_works() {
    let pool = Pool::new(1, AGE);
    let object = Blocking::new_in(3, &pool);
    drop(pool);
    let (say, said) = channel();
    assert_eq!(object.with(move |n| (*n, OS_THREAD_ENDS.set(Some(Says(say)))).0), 3);
    assert!(said.try_recv().is_err());
    // Its threads have no reason to stay.
    drop(object);
    said.recv().unwrap();
}

#[test]
fn a_panic_of_the_object_s_destructor_comes_back() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any(1_u8);
        }
    }
    let object = Blocking::new(Bomb);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(object))).unwrap_err().is::<u8>());
}
