//! `RwLock`: std's behaviour in every world, then kills, timeouts and the order of readers and writers.

mod worlds;

use std::cell::{Cell, RefCell};
use std::marker::PhantomPinned;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use green_sync::{Arc, PoisonError, RwLock, RwLockReadGuard, TryLockError};
use green_thread::{self as thread, Killed};
use worlds::{assert_is, assert_not, in_every_world, linger, until};

/// Poisons a lock after setting it to a value.
macro_rules! poison {
    ($lock:expr, $value:expr) => {
        let result = catch_unwind(AssertUnwindSafe(|| {
            *$lock.write().unwrap() = $value;
            let _guard = $lock.write().unwrap();
            resume_unwind(Box::new("out of luck"));
        }));
        assert!(result.is_err());
    };
}

in_every_world! {
    fn writers_exclude_readers_and_each_other() {
        let shared = Arc::new((sync::RwLock::new((0, 0)), AtomicUsize::new(0)));
        let threads: Vec<_> = (0..9)
            .map(|n| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let (lock, readers) = &*shared;
                    for round in 0..100 {
                        if (n + round) % 3 == 0 {
                            let mut pair = lock.write().unwrap();
                            assert_eq!(readers.load(Ordering::Relaxed), 0);
                            pair.0 += 1;
                            if round % 8 == 0 {
                                thread::yield_now();
                            }
                            pair.1 += 1;
                        } else {
                            let pair = lock.read().unwrap();
                            readers.fetch_add(1, Ordering::Relaxed);
                            if round % 8 == 0 {
                                thread::yield_now();
                            }
                            assert_eq!(pair.0, pair.1);
                            readers.fetch_sub(1, Ordering::Relaxed);
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*shared.0.read().unwrap(), (300, 300));
    }

    fn readers_share() {
        let lock = sync::RwLock::new(1);
        let (one, another) = (lock.read().unwrap(), lock.try_read().unwrap());
        assert_eq!(*one + *another, 2);
        assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
        drop((one, another));
        let writer = lock.try_write().unwrap();
        assert!(matches!(lock.try_read(), Err(TryLockError::WouldBlock)));
        assert!(matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
        drop(writer);
        assert!(lock.try_read().is_ok());
    }

    fn a_writer_that_panics_poisons_and_a_reader_does_not() {
        let mut lock = sync::RwLock::new(1);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _guard = lock.read().unwrap();
            resume_unwind(Box::new("out of luck"));
        }));
        assert!(result.is_err() && !lock.is_poisoned());
        poison!(lock, 2);
        assert!(lock.is_poisoned());
        assert_eq!(*lock.read().unwrap_err().into_inner(), 2);
        assert!(matches!(lock.try_read(), Err(TryLockError::Poisoned(_))));
        assert!(matches!(lock.try_write(), Err(TryLockError::Poisoned(_))));
        *lock.get_mut().unwrap_err().into_inner() = 3;
        *lock.write().unwrap_err().into_inner() += 1;
        lock.clear_poison();
        assert_eq!(*lock.read().unwrap(), 4);
        poison!(lock, 5);
        assert_eq!(lock.into_inner().map_err(PoisonError::into_inner), Err(5));
    }

    fn a_downgraded_writer_reads_what_it_wrote() {
        let lock = Arc::new(sync::RwLock::new(0));
        let writers: Vec<_> = (1..5)
            .map(|n| {
                let lock = Arc::clone(&lock);
                thread::spawn(move || {
                    for _ in 0..50 {
                        let mut writer = lock.write().unwrap();
                        *writer = n;
                        let reader = sync::RwLockWriteGuard::downgrade(writer);
                        thread::yield_now();
                        assert_eq!(*reader, n);
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        let reader = sync::RwLockWriteGuard::downgrade(lock.write().unwrap());
        assert!(lock.try_read().is_ok() && lock.try_write().is_err());
        drop(reader);
        assert!(lock.try_write().is_ok() && !lock.is_poisoned());
    }

    fn forgotten_guards_keep_the_lock() {
        let lock = sync::RwLock::new(1);
        std::mem::forget(lock.read().unwrap());
        assert!(lock.try_read().is_ok() && lock.try_write().is_err());
        let lock = sync::RwLock::new(1);
        std::mem::forget(lock.write().unwrap());
        assert!(lock.try_read().is_err());
        assert_eq!(lock.into_inner().unwrap(), 1);
    }

    fn unsized_values_and_conversions() {
        let numbers: &sync::RwLock<[i32]> = &sync::RwLock::new([1, 2, 3]);
        numbers.write().unwrap()[1] = 5;
        assert_eq!(*numbers.read().unwrap(), [1, 5, 3]);
        assert_eq!(*sync::RwLock::from("a").read().unwrap(), "a");
        assert_eq!(*sync::RwLock::<u8>::default().read().unwrap(), 0);
    }

    fn debug_and_display() {
        let lock = sync::RwLock::new(String::from("a"));
        assert_eq!(format!("{lock:?}"), r#"RwLock { data: "a", poisoned: false, .. }"#);
        let reader = lock.read().unwrap();
        assert_eq!(format!("{reader:?} {reader} {lock:?}"), r#""a" a RwLock { data: "a", poisoned: false, .. }"#);
        drop(reader);
        let writer = lock.write().unwrap();
        assert_eq!(format!("{writer:?} {writer}"), r#""a" a"#);
        assert_eq!(format!("{lock:?}"), "RwLock { data: <locked>, poisoned: false, .. }");
        drop(writer);
        poison!(lock, String::from("b"));
        assert_eq!(format!("{lock:#?}"), "RwLock {\n    data: \"b\",\n    poisoned: true,\n    ..\n}");
    }

    fn auto_traits() {
        assert_is!(sync::RwLock<u8>: Send + Sync + Unpin);
        assert_is!(sync::RwLock<Cell<u8>>: Send);
        assert_not!(sync::RwLock<Cell<u8>>: Sync);
        assert_not!(sync::RwLock<Rc<u8>>: Send);
        assert_is!(sync::RwLock<&'static RefCell<u8>>: UnwindSafe + RefUnwindSafe);
        assert_is!(sync::RwLockReadGuard<'static, u8>: Sync + UnwindSafe + RefUnwindSafe);
        assert_not!(sync::RwLockReadGuard<'static, u8>: Send);
        assert_not!(sync::RwLockReadGuard<'static, Cell<u8>>: Sync);
        assert_not!(sync::RwLockReadGuard<'static, RefCell<u8>>: UnwindSafe);
        assert_not!(sync::RwLockReadGuard<'static, RefCell<u8>>: RefUnwindSafe);
        assert_is!(sync::RwLockReadGuard<'static, PhantomPinned>: Unpin);
        assert_is!(sync::RwLockWriteGuard<'static, u8>: Sync);
        assert_not!(sync::RwLockWriteGuard<'static, u8>: Send);
        assert_not!(sync::RwLockWriteGuard<'static, Cell<u8>>: Sync);
        assert_is!(sync::RwLockWriteGuard<'static, RefCell<u8>>: UnwindSafe + RefUnwindSafe);
        assert_is!(sync::RwLockWriteGuard<'static, PhantomPinned>: Unpin);
    }

    fn a_read_guard_is_covariant() {
        fn shorter<'a>(guard: sync::RwLockReadGuard<'a, &'static str>, _: &'a str) -> sync::RwLockReadGuard<'a, &'a str> {
            guard
        }
        let lock = sync::RwLock::new("a");
        let local = String::from("b");
        assert_eq!(*shorter(lock.read().unwrap(), &local), "a");
    }

    fn statics_need_no_preparation() {
        static LOCK: sync::RwLock<Vec<u8>> = sync::RwLock::new(Vec::new());
        LOCK.write().unwrap().push(1);
        assert!(!LOCK.read().unwrap().is_empty());
    }
}

/// Readers that overlap for ever do not keep a writer waiting.
#[test]
fn a_waiting_writer_keeps_new_readers_out() {
    let lock = Arc::new(RwLock::new(0));
    let written = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..2)
        .map(|_| {
            let (lock, written) = (Arc::clone(&lock), Arc::clone(&written));
            thread::spawn_local(move || {
                while !written.load(Ordering::SeqCst) {
                    let _guard = lock.read().unwrap();
                    thread::yield_now();
                }
            })
        })
        .collect();
    thread::yield_now();
    let writer = thread::spawn({
        let (lock, written) = (Arc::clone(&lock), Arc::clone(&written));
        move || {
            *lock.write().unwrap() = 1;
            written.store(true, Ordering::SeqCst);
        }
    });
    writer.join().unwrap();
    for reader in readers {
        reader.join().unwrap();
    }
}

/// Writers that follow each other for ever do not keep a reader waiting.
#[test]
fn writers_starve_no_reader() {
    let lock = Arc::new(RwLock::new(0));
    let read = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..3)
        .map(|_| {
            let (lock, read) = (Arc::clone(&lock), Arc::clone(&read));
            thread::spawn_local(move || {
                while !read.load(Ordering::SeqCst) {
                    *lock.write().unwrap() += 1;
                    let mut guard = lock.write().unwrap();
                    thread::yield_now();
                    *guard += 1;
                }
            })
        })
        .collect();
    thread::yield_now();
    let reader = thread::spawn({
        let (lock, read) = (Arc::clone(&lock), Arc::clone(&read));
        move || {
            let _guard = lock.read().unwrap();
            read.store(true, Ordering::SeqCst);
        }
    });
    reader.join().unwrap();
    for writer in writers {
        writer.join().unwrap();
    }
}

#[test]
fn all_readers_that_wait_come_in_together() {
    let lock = Arc::new(RwLock::new(0));
    let inside = Arc::new(AtomicUsize::new(0));
    let writer = lock.write().unwrap();
    let readers: Vec<_> = (0..5)
        .map(|_| {
            let (lock, inside) = (Arc::clone(&lock), Arc::clone(&inside));
            thread::spawn(move || {
                let _guard = lock.read().unwrap();
                inside.fetch_add(1, Ordering::SeqCst);
                until(|| inside.load(Ordering::SeqCst) == 5);
            })
        })
        .collect();
    linger();
    drop(writer);
    for reader in readers {
        reader.join().unwrap();
    }
}

#[test]
fn a_killed_writer_that_waited_lets_readers_in() {
    let lock = Arc::new(RwLock::new(0));
    let guard = lock.read().unwrap();
    let writer = thread::spawn({
        let lock = Arc::clone(&lock);
        move || *lock.write().unwrap() += 1
    });
    // From here on new readers wait.
    until(|| lock.try_read().is_err());
    let reader = thread::spawn({
        let lock = Arc::clone(&lock);
        move || *lock.read().unwrap()
    });
    linger();
    writer.kill().unwrap();
    assert!(writer.join().unwrap_err().is::<Killed>());
    // While the first reader is still there.
    assert_eq!(reader.join().unwrap(), 0);
    drop(guard);
    assert!(!lock.is_poisoned());
    assert!(lock.try_write().is_ok());
}

/// A reader that came too late reserves the lock. If it is killed then, the reservation must not outlive it.
#[test]
fn a_killed_reader_takes_its_reservation_with_it() {
    let lock = Arc::new(RwLock::new(0));
    let read = || {
        let lock = Arc::clone(&lock);
        let reader = thread::spawn_local(move || drop(lock.read().unwrap()));
        thread::yield_now();
        reader
    };
    let writer = lock.write().unwrap();
    let victim = read();
    drop(writer);
    let writer = lock.write().unwrap();
    // Here the reader is notified, finds the lock taken again, and reserves it.
    thread::yield_now();
    let other = read();
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    drop(writer);
    other.join().unwrap();
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_writer_that_timed_out_lets_readers_in() {
    let lock = Arc::new(RwLock::new(0));
    let guard = lock.read().unwrap();
    assert!(lock.try_write_for(Duration::from_millis(2)).is_err());
    assert!(lock.try_read().is_ok());
    drop(guard);
    let guard = lock.write().unwrap();
    assert!(lock.try_read_for(Duration::from_millis(2)).is_err());
    let reader = thread::spawn({
        let lock = Arc::clone(&lock);
        move || lock.try_read_for(Duration::MAX).is_ok()
    });
    linger();
    drop(guard);
    assert!(reader.join().unwrap());
    assert!(lock.try_write().is_ok());
}

#[test]
fn a_kill_poisons_what_was_written_and_not_what_was_read() {
    let (written, read) = (Arc::new(RwLock::new(0)), Arc::new(RwLock::new(0)));
    let locked = Arc::new(AtomicBool::new(false));
    let victim = thread::spawn({
        let (written, read, locked) = (Arc::clone(&written), Arc::clone(&read), Arc::clone(&locked));
        move || {
            let _guards = (written.write().unwrap(), read.read().unwrap());
            locked.store(true, Ordering::SeqCst);
            loop {
                thread::park();
            }
        }
    });
    until(|| locked.load(Ordering::SeqCst));
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    assert!(written.is_poisoned() && !read.is_poisoned());
    assert!(read.try_write().is_ok());
}

#[test]
fn random_kills_and_timeouts_leave_the_lock_free_and_exact() {
    let lock = Arc::new(RwLock::new(0));
    let done = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..60u64)
        .map(|n| {
            let (lock, done) = (Arc::clone(&lock), Arc::clone(&done));
            thread::spawn(move || {
                let timeout = Duration::from_micros(n);
                for round in 0..40 {
                    let guard: Result<_, TryLockError<_>> = match (n + round) % 5 {
                        0 => lock.try_write_for(timeout),
                        1 => lock.write().map_err(Into::into),
                        2 => {
                            let _ = lock.try_read_for(timeout);
                            continue;
                        }
                        _ => {
                            let _guard: Result<RwLockReadGuard<'_, _>, _> = lock.read();
                            if n % 4 == 0 {
                                thread::yield_now();
                            }
                            continue;
                        }
                    };
                    let mut guard = match guard {
                        Ok(guard) => guard,
                        Err(TryLockError::Poisoned(error)) => error.into_inner(),
                        Err(TryLockError::WouldBlock) => continue,
                    };
                    *guard += 1;
                    done.fetch_add(1, Ordering::Relaxed);
                    if n % 4 == 0 {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    for thread in threads.iter().step_by(3) {
        thread.kill().unwrap();
        thread::yield_now();
    }
    for thread in threads {
        let _ = thread.join();
    }
    assert!(!matches!(lock.try_write(), Err(TryLockError::WouldBlock)));
    let sum = *lock.read().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(sum, done.load(Ordering::Relaxed));
}

#[test]
fn a_writer_that_is_killed_in_line_leaves_the_others_their_turns() {
    let lock = Rc::new(RwLock::new(0));
    let held = lock.write().unwrap();
    let write = || {
        let lock = Rc::clone(&lock);
        thread::spawn_local(move || *lock.write().unwrap() += 1)
    };
    let (first, second, killed) = (write(), write(), write());
    thread::yield_now();
    killed.kill().unwrap();
    // The killed one leaves, and the lock is free before the first has had its turn.
    thread::yield_now();
    drop(held);
    first.join().unwrap();
    second.join().unwrap();
    assert!(killed.join().is_err());
    assert_eq!(*lock.read().unwrap(), 2);
}

/// Ends an OS thread while a local green thread of it has been notified by `lock`, once it was too late before if
/// `beaten`, and never runs again (I15). `meanwhile` is called when it waits.
fn leak_who_was_notified(lock: &Arc<RwLock<i32>>, access: Access, beaten: bool, meanwhile: impl FnOnce()) {
    let (queued, is_queued) = std::sync::mpsc::channel();
    let (go, may_go) = std::sync::mpsc::channel();
    let theirs = Arc::clone(lock);
    let os_thread = std::thread::spawn(move || {
        let own = Arc::clone(&theirs);
        let held = theirs.write().unwrap();
        let _waiter = thread::spawn_local(move || match access {
            Access::Read => drop(own.read().unwrap()),
            Access::Write => *own.write().unwrap() += 1,
        });
        thread::yield_now();
        queued.send(()).unwrap();
        may_go.recv().unwrap();
        drop(held);
        if beaten {
            let held = theirs.write().unwrap();
            thread::yield_now();
            drop(held);
        }
    });
    is_queued.recv().unwrap();
    meanwhile();
    go.send(()).unwrap();
    os_thread.join().unwrap();
}

#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
}

/// I15.
#[test]
fn a_notified_writer_that_ends_with_its_os_thread_keeps_nobody_out() {
    for beaten in [false, true] {
        let lock = Arc::new(RwLock::new(0));
        leak_who_was_notified(&lock, Access::Write, beaten, || {});
        assert_eq!(*lock.try_read().unwrap(), 0);
        assert_eq!(*lock.try_write().unwrap(), 0);
    }
}

/// I15.
#[test]
fn a_notified_reader_that_ends_with_its_os_thread_keeps_nobody_out() {
    for beaten in [false, true] {
        let lock = Arc::new(RwLock::new(0));
        leak_who_was_notified(&lock, Access::Read, beaten, || {});
        assert_eq!(*lock.try_write().unwrap(), 0);
        assert_eq!(*lock.try_read().unwrap(), 0);
    }
}

/// I15.
#[test]
fn a_notified_reader_that_ends_with_its_os_thread_lets_the_next_writer_in() {
    let lock = Arc::new(RwLock::new(0));
    let own = Arc::clone(&lock);
    let writer = thread::spawn_local(move || *own.write().unwrap() += 1);
    leak_who_was_notified(&lock, Access::Read, false, thread::yield_now);
    assert!(writer.join_timeout(Duration::from_secs(10)).is_ok(), "the writer was never notified");
    assert_eq!(*lock.read().unwrap(), 1);
}
