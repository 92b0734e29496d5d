//! Locks, condition variables, barriers, once cells: what they return, how they are poisoned, how they show themselves.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::subject::io;
use super::subject::sync::{Arc, Barrier, Condvar, LazyLock, Mutex, Once, OnceLock, PoisonError, RwLock, TryLockError};
use super::subject::thread;

use crate::log::{Dropped, Log};

fn caught<T>(log: &Log, what: &str, f: impl FnOnce() -> T) {
    match panic::catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => log.note(what, "no panic"),
        Err(payload) => log.panic(what, payload.as_ref()),
    }
}

/// Poisons what `hold` locks.
fn poison(hold: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let poisoning = scope.spawn(|| {
            hold();
        });
        assert!(poisoning.join().is_err());
    });
}

pub(crate) fn a_mutex(log: &Log) -> io::Result<()> {
    static GLOBAL: Mutex<u32> = Mutex::new(1);
    *GLOBAL.lock().unwrap() = 2;
    log.note("global", &GLOBAL);
    *GLOBAL.lock().unwrap() = 1;

    let count = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let mut count = count.lock().unwrap();
                    let seen = *count;
                    thread::yield_now();
                    *count = seen + 1;
                }
            });
        }
    });
    log.note("counted", &count);
    let guard = count.lock().unwrap();
    log.note("guard", &guard);
    log.note("shown", format!("{guard}"));
    log.note("locked", &count);
    log.note("tried", count.try_lock());
    log.note("tried elsewhere", thread::scope(|scope| scope.spawn(|| count.try_lock().is_err()).join().unwrap()));
    drop(guard);
    let mut count = count;
    *count.get_mut().unwrap() += 1;
    log.note("taken apart", count.into_inner());
    log.note("made of", (Mutex::from(3), Mutex::<u8>::default(), Mutex::new([1, 2])));
    let unsized_one: &Mutex<[i32]> = &Mutex::new([1, 2, 3]);
    log.note("unsized", unsized_one.lock().unwrap().len());
    Ok(())
}

pub(crate) fn a_poisoned_mutex(log: &Log) -> io::Result<()> {
    let mutex = Mutex::new(1);
    log.note("at first", mutex.is_poisoned());
    poison(|| {
        let mut guard = mutex.lock().unwrap();
        *guard = 2;
        panic!("on purpose");
    });
    log.note("then", mutex.is_poisoned());
    log.note("shown", &mutex);
    log.note("lock", mutex.lock());
    log.note("message", mutex.lock().map(drop).map_err(|error| error.to_string()));
    log.note("try", mutex.try_lock().map(drop).map_err(|error| error.to_string()));
    log.note("through the error", *mutex.lock().unwrap_or_else(PoisonError::into_inner));
    caught(log, "unwrap", || drop(mutex.lock().unwrap()));
    mutex.clear_poison();
    log.note("cleared", (mutex.is_poisoned(), mutex.lock().map(|guard| *guard).map_err(|_| ())));

    // A guard that is made while unwinding, and dropped so, poisons nothing.
    struct Locks<'a>(&'a Mutex<i32>);
    impl Drop for Locks<'_> {
        fn drop(&mut self) {
            *self.0.lock().unwrap() += 1;
        }
    }
    caught(log, "a drop", || {
        let _locks = Locks(&mutex);
        panic!("on purpose");
    });
    log.note("locked by a drop", &mutex);
    poison(|| {
        let _guard = mutex.lock().unwrap();
        panic!("on purpose");
    });
    let mut mutex = mutex;
    log.note("get_mut", mutex.get_mut().map(|value| *value).map_err(|error| **error.get_ref()));
    log.note("into_inner", mutex.into_inner());
    let guard = Mutex::new(());
    let held = guard.lock();
    log.note("would block", matches!(guard.try_lock(), Err(TryLockError::WouldBlock)));
    log.note("its text", guard.try_lock().map(drop).map_err(|error| (format!("{error:?}"), error.to_string())));
    drop(held);
    Ok(())
}

pub(crate) fn a_rwlock(log: &Log) -> io::Result<()> {
    let lock = RwLock::new(5);
    let one = lock.read().unwrap();
    let two = lock.read().unwrap();
    log.note("two readers", (*one, *two));
    log.note("shown with readers", &lock);
    log.note("a writer", lock.try_write().map(drop).map_err(|error| error.to_string()));
    drop((one, two));
    let writer = lock.write().unwrap();
    log.note("shown with a writer", &lock);
    log.note("a guard", &writer);
    log.note("a reader", lock.try_read().map(drop).map_err(|error| error.to_string()));
    log.note("a writer", lock.try_write().is_err());
    drop(writer);

    let (waiting, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let writer = lock.write().unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                waiting.fetch_add(1, Ordering::SeqCst);
                let seen = *lock.read().unwrap();
                assert!(done.load(Ordering::SeqCst));
                assert_eq!(seen, 6);
            });
        }
        while waiting.load(Ordering::SeqCst) < 4 {
            thread::yield_now();
        }
        let mut writer = writer;
        *writer = 6;
        done.store(true, Ordering::SeqCst);
    });
    log.note("after", &lock);

    poison(|| {
        let _reader = lock.read().unwrap();
        panic!("on purpose");
    });
    log.note("a reader poisons nothing", lock.is_poisoned());
    poison(|| {
        let _writer = lock.write().unwrap();
        panic!("on purpose");
    });
    log.note("a writer does", lock.is_poisoned());
    log.note("read", lock.read().map(|guard| *guard).map_err(|error| error.to_string()));
    log.note("write", lock.write().map(|guard| *guard).map_err(|error| *error.into_inner()));
    log.note("try_read", lock.try_read().map(drop).map_err(|error| error.to_string()));
    log.note("try_write", lock.try_write().map(drop).map_err(|error| error.to_string()));
    log.note("shown", &lock);
    lock.clear_poison();
    log.note("cleared", lock.into_inner());
    Ok(())
}

pub(crate) fn a_condvar(log: &Log) -> io::Result<()> {
    let pair = Arc::new((Mutex::new(0), Condvar::new()));
    let (mutex, condvar) = &*pair;
    log.note("shown", condvar);
    condvar.notify_one();
    let (guard, result) = condvar.wait_timeout(mutex.lock().unwrap(), Duration::from_millis(10)).unwrap();
    log.note("nobody notifies", (*guard, result.timed_out(), result));
    drop(guard);
    let started = Instant::now();
    let wait = condvar.wait_timeout_while(mutex.lock().unwrap(), Duration::from_millis(20), |value| *value == 0);
    log.note("nobody changes", wait.map(|(guard, result)| (*guard, result.timed_out())).unwrap());
    log.note("it took its time", started.elapsed() >= Duration::from_millis(20));
    let wait = condvar.wait_timeout_while(mutex.lock().unwrap(), Duration::ZERO, |_| false);
    log.note("true at once", wait.unwrap().1.timed_out());
    let wait = condvar.wait_timeout_while(mutex.lock().unwrap(), Duration::ZERO, |_| true);
    log.note("no time", wait.unwrap().1.timed_out());

    let other = Arc::clone(&pair);
    let counting = thread::spawn(move || {
        let (mutex, condvar) = &*other;
        for _ in 0..50 {
            let mut guard = condvar.wait_while(mutex.lock().unwrap(), |value| *value % 2 == 0).unwrap();
            *guard += 1;
            condvar.notify_one();
        }
    });
    for _ in 0..50 {
        let mut guard = condvar.wait_while(mutex.lock().unwrap(), |value| *value % 2 == 1).unwrap();
        *guard += 1;
        condvar.notify_one();
    }
    counting.join().unwrap();
    log.note("to and fro", *mutex.lock().unwrap());

    *mutex.lock().unwrap() = 0;
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| drop(condvar.wait_while(mutex.lock().unwrap(), |value| *value == 0).unwrap()));
        }
        *mutex.lock().unwrap() = 1;
        condvar.notify_all();
    });
    log.note("all", "came back");

    poison(|| {
        let _guard = mutex.lock().unwrap();
        panic!("on purpose");
    });
    let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
    let wait = condvar.wait_timeout(guard, Duration::from_millis(1));
    log.note("poisoned", wait.map(drop).map_err(|error| error.into_inner().1.timed_out()));
    Ok(())
}

pub(crate) fn a_barrier(log: &Log) -> io::Result<()> {
    let (barrier, leaders, rounds) = (Barrier::new(4), AtomicUsize::new(0), 5);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for round in 0..rounds {
                    let result = barrier.wait();
                    leaders.fetch_add(usize::from(result.is_leader()), Ordering::SeqCst);
                    barrier.wait();
                    assert_eq!(leaders.load(Ordering::SeqCst), round + 1);
                    barrier.wait();
                }
            });
        }
    });
    log.note("leaders", leaders);
    log.note("alone", Barrier::new(1).wait());
    log.note("of none", Barrier::new(0).wait().is_leader());
    log.note("shown", &barrier);
    Ok(())
}

pub(crate) fn once(log: &Log) -> io::Result<()> {
    let (once, count) = (Once::new(), AtomicUsize::new(0));
    log.note("at first", once.is_completed());
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                once.call_once(|| {
                    thread::yield_now();
                    count.fetch_add(1, Ordering::SeqCst);
                });
                assert_eq!(count.load(Ordering::SeqCst), 1);
            });
        }
    });
    log.note("then", (once.is_completed(), count));
    log.note("shown", &once);
    once.wait();

    let once = Once::new();
    caught(log, "the first", || once.call_once(|| panic!("on purpose")));
    log.note("poisoned", once.is_completed());
    caught(log, "the second", || once.call_once(|| ()));
    caught(log, "a waiter", || once.wait());
    once.call_once_force(|state| log.note("forced", (state.is_poisoned(), state)));
    log.note("done", once.is_completed());
    once.call_once(|| unreachable!("it is done"));
    Ok(())
}

pub(crate) fn once_locks(log: &Log) -> io::Result<()> {
    static CELL: OnceLock<u32> = OnceLock::new();
    log.note("empty", (CELL.get(), &CELL));
    let cell = OnceLock::new();
    log.note("set", (cell.set(1), cell.set(2), cell.get()));
    log.note("shown", &cell);
    log.note("clone", cell.clone() == cell);
    let mut cell = cell;
    *cell.get_mut().unwrap() += 1;
    log.note("taken", (cell.take(), cell.take(), cell.get_mut()));
    log.note("from", OnceLock::from(5).into_inner());

    let (cell, count) = (OnceLock::new(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let value = cell.get_or_init(|| {
                    thread::yield_now();
                    count.fetch_add(1, Ordering::SeqCst)
                });
                assert_eq!(*value, 0);
            });
        }
    });
    log.note("once", (count, cell.wait()));
    let cell = OnceLock::<String>::new();
    caught(log, "initialiser", || cell.get_or_init(|| panic!("on purpose")));
    log.note("not poisoned", cell.get_or_init(|| "second".to_owned()));
    let dropped = OnceLock::new();
    let _ = dropped.set(Dropped { what: "in a cell", log: log.clone() });
    drop(dropped);
    Ok(())
}

pub(crate) fn lazy_locks(log: &Log) -> io::Result<()> {
    static LAZY: LazyLock<Vec<u32>> = LazyLock::new(|| vec![1, 2, 3]);
    log.note("length", LAZY.len());
    log.note("forced", LazyLock::force(&LAZY));
    let lazy = LazyLock::new(|| 7);
    log.note("shown before", &lazy);
    log.note("value", *lazy);
    log.note("shown after", &lazy);
    let count = AtomicUsize::new(0);
    let lazy = LazyLock::new(|| {
        thread::yield_now();
        count.fetch_add(1, Ordering::SeqCst)
    });
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| assert_eq!(*lazy, 0));
        }
    });
    log.note("once", &count);
    let lazy: LazyLock<u32> = LazyLock::new(|| panic!("on purpose"));
    caught(log, "the first", || *lazy);
    caught(log, "the second", || *lazy);
    let held = log.clone();
    drop(LazyLock::<Dropped, _>::new(move || Dropped { what: "never made", log: held }));
    Ok(())
}
