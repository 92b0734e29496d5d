//! `Mutex`: std's behaviour in every world, then kills, timeouts and fairness.

mod worlds;

use std::cell::{Cell, RefCell};
use std::marker::PhantomPinned;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use green_sync::{Arc, Condvar, Mutex, PoisonError, TryLockError};
use green_thread::{self as thread, Killed};
use worlds::{assert_is, assert_not, in_every_world, linger, until};

/// Poisons a mutex after setting it to a value.
macro_rules! poison {
    ($mutex:expr, $value:expr) => {
        let result = catch_unwind(AssertUnwindSafe(|| {
            *$mutex.lock().unwrap() = $value;
            let _guard = $mutex.lock().unwrap();
            resume_unwind(Box::new("out of luck"));
        }));
        assert!(result.is_err());
    };
}

in_every_world! {
    fn a_contended_counter_is_exact() {
        let counter = Arc::new(sync::Mutex::new(0));
        let adders: Vec<_> = (0..8)
            .map(|n| {
                let counter = Arc::clone(&counter);
                thread::spawn(move || {
                    for round in 0..200 {
                        let mut counter = counter.lock().unwrap();
                        let before = *counter;
                        if round % 8 == n {
                            thread::yield_now();
                        }
                        *counter = before + 1;
                    }
                })
            })
            .collect();
        for adder in adders {
            adder.join().unwrap();
        }
        assert_eq!(*counter.lock().unwrap(), 1600);
    }

    fn a_held_lock_would_block() {
        let mutex = sync::Mutex::new(1);
        let guard = mutex.lock().unwrap();
        assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
        drop(guard);
        *mutex.try_lock().unwrap() += 1;
        assert_eq!(mutex.into_inner().unwrap(), 2);
    }

    fn a_panic_poisons_and_the_value_stays_reachable() {
        let mut mutex = sync::Mutex::new(1);
        poison!(mutex, 2);
        assert!(mutex.is_poisoned());
        assert_eq!(*mutex.lock().unwrap_err().into_inner(), 2);
        let Err(TryLockError::Poisoned(error)) = mutex.try_lock() else { panic!("it is poisoned and free") };
        assert_eq!(**error.get_ref(), 2);
        // A poisoned lock that is held is first of all held.
        assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
        drop(error);
        *mutex.get_mut().unwrap_err().into_inner() = 3;
        assert_eq!(mutex.into_inner().unwrap_err().into_inner(), 3);
    }

    fn poison_can_be_cleared_with_the_lock_held() {
        let mutex = sync::Mutex::new(1);
        poison!(mutex, 2);
        let guard = mutex.lock().unwrap_or_else(|mut error| {
            **error.get_mut() = 5;
            mutex.clear_poison();
            PoisonError::into_inner(error)
        });
        assert!(!mutex.is_poisoned());
        drop(guard);
        assert_eq!(*mutex.lock().unwrap(), 5);
    }

    fn a_lock_taken_and_freed_while_unwinding_is_not_poisoned() {
        struct LockOnDrop<'a>(&'a sync::Mutex<i32>);
        impl Drop for LockOnDrop<'_> {
            fn drop(&mut self) {
                *self.0.lock().unwrap() += 1;
            }
        }
        let mutex = sync::Mutex::new(0);
        let result = catch_unwind(AssertUnwindSafe(|| {
            let _on_drop = LockOnDrop(&mutex);
            resume_unwind(Box::new("out of luck"));
        }));
        assert!(result.is_err());
        assert_eq!(*mutex.lock().unwrap(), 1);
    }

    fn a_panic_in_another_thread_poisons() {
        let mutex = Arc::new(sync::Mutex::new(0));
        let other = Arc::clone(&mutex);
        let unlucky = thread::spawn(move || {
            let _guard = other.lock().unwrap();
            resume_unwind(Box::new("out of luck"));
        });
        assert_eq!(unlucky.join().unwrap_err().downcast_ref::<&str>(), Some(&"out of luck"));
        assert!(mutex.is_poisoned());
        assert!(mutex.lock().is_err());
    }

    fn a_forgotten_guard_keeps_the_lock() {
        let mut mutex = sync::Mutex::new(1);
        std::mem::forget(mutex.lock().unwrap());
        assert!(mutex.try_lock().is_err());
        *mutex.get_mut().unwrap() += 1;
        assert_eq!(mutex.into_inner().unwrap(), 2);
    }

    fn a_dropped_mutex_drops_its_value_once() {
        let value = Rc::new(());
        drop(sync::Mutex::new(Rc::clone(&value)));
        let inner = sync::Mutex::new(Rc::clone(&value)).into_inner().unwrap();
        assert_eq!(Rc::strong_count(&value), 2);
        drop(inner);
        assert_eq!(Rc::strong_count(&value), 1);
    }

    fn unsized_values_and_conversions() {
        let numbers: &sync::Mutex<[i32]> = &sync::Mutex::new([1, 2, 3]);
        numbers.lock().unwrap()[1] = 5;
        assert_eq!(*numbers.lock().unwrap(), [1, 5, 3]);
        assert_eq!(*sync::Mutex::from("a").lock().unwrap(), "a");
        assert_eq!(*sync::Mutex::<u8>::default().lock().unwrap(), 0);
    }

    fn debug_and_display() {
        let mutex = sync::Mutex::new(String::from("a"));
        assert_eq!(format!("{mutex:?}"), r#"Mutex { data: "a", poisoned: false, .. }"#);
        assert_eq!(format!("{mutex:#?}"), "Mutex {\n    data: \"a\",\n    poisoned: false,\n    ..\n}");
        let guard = mutex.lock().unwrap();
        assert_eq!(format!("{guard:?} {guard}"), r#""a" a"#);
        assert_eq!(format!("{mutex:?}"), "Mutex { data: \"<locked>\", poisoned: false, .. }");
        drop(guard);
        poison!(mutex, String::from("b"));
        assert_eq!(format!("{mutex:?}"), r#"Mutex { data: "b", poisoned: true, .. }"#);
        let error = mutex.lock().unwrap_err();
        assert_eq!(format!("{error:?}"), "PoisonError { .. }");
    }

    fn auto_traits() {
        assert_is!(sync::Mutex<Cell<u8>>: Send + Sync);
            assert_not!(sync::Mutex<Rc<u8>>: Send);
            assert_not!(sync::Mutex<Rc<u8>>: Sync);
        assert_is!(sync::Mutex<&'static RefCell<u8>>: UnwindSafe + RefUnwindSafe);
        assert_is!(sync::Mutex<u8>: Unpin);
            assert_not!(sync::Mutex<PhantomPinned>: Unpin);
        assert_is!(sync::MutexGuard<'static, u8>: Sync);
            assert_not!(sync::MutexGuard<'static, u8>: Send);
            assert_not!(sync::MutexGuard<'static, Cell<u8>>: Sync);
        assert_is!(sync::MutexGuard<'static, RefCell<u8>>: UnwindSafe + RefUnwindSafe);
        assert_is!(sync::MutexGuard<'static, PhantomPinned>: Unpin);
        }

    fn statics_need_no_preparation() {
        static MUTEX: sync::Mutex<Vec<u8>> = sync::Mutex::new(Vec::new());
        MUTEX.lock().unwrap().push(1);
        assert_eq!(MUTEX.lock().unwrap().len(), 1);
    }
}

/// Calls its closure when it is dropped, also in an unwinding.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_lock_may_be_held_across_parks() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writers: Vec<_> = (0..4)
        .map(|n| {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                let mut log = log.lock().unwrap();
                log.push(n);
                // One of the waits that a lock may be held across.
                thread::sleep(Duration::from_millis(1));
                log.push(n);
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 8);
    assert!(log.chunks(2).all(|pair| pair[0] == pair[1]));
}

/// A8: a native OS thread beats beside the green threads and shares their lock and their condition variable.
#[test]
fn os_threads_and_green_threads_share_a_lock() {
    let shared = Arc::new((Mutex::new(0), Condvar::new()));
    let add = |shared: &(Mutex<u32>, Condvar)| {
        for _ in 0..200 {
            *shared.0.lock().unwrap() += 1;
            shared.1.notify_one();
        }
    };
    let native: Vec<_> = (0..3)
        .map(|_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || add(&shared))
        })
        .collect();
    for n in 0..12 {
        let shared = Arc::clone(&shared);
        if n % 2 == 0 {
            thread::spawn(move || add(&shared));
        } else {
            thread::spawn_local(move || add(&shared));
        }
    }
    let sum = shared.1.wait_while(shared.0.lock().unwrap(), |sum| *sum < 15 * 200).unwrap();
    assert_eq!(*sum, 15 * 200);
    drop(sum);
    for thread in native {
        thread.join().unwrap();
    }
}

#[test]
fn very_many_green_threads_share_a_lock() {
    let counter = Arc::new(Mutex::new(0));
    let adders: Vec<_> = (0..500)
        .map(|n| {
            let counter = Arc::clone(&counter);
            let add = move || {
                for _ in 0..20 {
                    let mut counter = counter.lock().unwrap();
                    *counter += 1;
                    if n % 16 == 0 {
                        thread::yield_now();
                    }
                }
            };
            thread::Builder::new().stack_size(64 << 10).spawn(add).unwrap()
        })
        .collect();
    for adder in adders {
        adder.join().unwrap();
    }
    assert_eq!(*counter.lock().unwrap(), 10_000);
}

/// I13: the neighbour locks and unlocks while a destructor of the panicking one is parked.
#[test]
fn a_panic_poisons_what_its_green_thread_held_and_nothing_of_a_neighbour() {
    let held = Arc::new(Mutex::new(0));
    let neighbours = Arc::new(Mutex::new(0));
    let (unwinding, go_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let unlucky = thread::spawn_local({
        let (held, unwinding, go_on) = (Arc::clone(&held), Arc::clone(&unwinding), Arc::clone(&go_on));
        move || {
            let _guard = held.lock().unwrap();
            let _parks = OnDrop(|| {
                unwinding.store(true, Ordering::SeqCst);
                until(|| go_on.load(Ordering::SeqCst));
            });
            resume_unwind(Box::new("out of luck"));
        }
    });
    let neighbour = thread::spawn_local({
        let (neighbours, unwinding) = (Arc::clone(&neighbours), Arc::clone(&unwinding));
        move || {
            // Locked before the panic and freed in the middle of it, and once within.
            let early = neighbours.lock().unwrap();
            until(|| unwinding.load(Ordering::SeqCst));
            drop(early);
            *neighbours.lock().unwrap() += 1;
        }
    });
    neighbour.join().unwrap();
    assert!(!neighbours.is_poisoned());
    assert!(!held.is_poisoned(), "it is still unwinding");
    go_on.store(true, Ordering::SeqCst);
    unlucky.join().unwrap_err();
    assert!(held.is_poisoned());
}

#[test]
fn a_kill_poisons_what_was_held() {
    let mutex = Arc::new(Mutex::new(0));
    let locked = Arc::new(AtomicBool::new(false));
    let victim = thread::spawn({
        let (mutex, locked) = (Arc::clone(&mutex), Arc::clone(&locked));
        move || {
            let _guard = mutex.lock().unwrap();
            locked.store(true, Ordering::SeqCst);
            loop {
                thread::park();
            }
        }
    });
    until(|| locked.load(Ordering::SeqCst));
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    assert!(mutex.lock().is_err());
}

#[test]
fn a_killed_waiter_leaves_and_poisons_nothing() {
    let mutex = Arc::new(Mutex::new(0));
    let guard = mutex.lock().unwrap();
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let mutex = Arc::clone(&mutex);
            thread::spawn(move || *mutex.lock().unwrap() += 1)
        })
        .collect();
    linger();
    let mut waiters = waiters.into_iter();
    let victim = waiters.next().unwrap();
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    drop(guard);
    for waiter in waiters {
        waiter.join().unwrap();
    }
    assert_eq!(*mutex.lock().unwrap(), 2);
}

/// The wake-up of an unlock and a kill meet in the same waiter; the next in the queue must not be left behind.
#[test]
fn a_kill_at_the_moment_of_the_unlock_loses_no_wake_up() {
    for _ in 0..200 {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock().unwrap();
        let [victim, other] = [(); 2].map(|()| {
            let mutex = Arc::clone(&mutex);
            thread::spawn(move || *mutex.lock().unwrap() += 1)
        });
        thread::yield_now();
        let killer = thread::spawn(move || {
            victim.kill().unwrap();
            victim.join().is_ok()
        });
        drop(guard);
        other.join().unwrap();
        let survived = killer.join().unwrap();
        assert_eq!(*mutex.lock().unwrap(), 1 + i32::from(survived));
    }
}

#[test]
fn an_uncontended_lock_is_no_kill_point() {
    let mutex = Arc::new(Mutex::new(0));
    let reached = Arc::new(AtomicBool::new(false));
    let victim = thread::spawn({
        let (mutex, reached) = (Arc::clone(&mutex), Arc::clone(&reached));
        move || {
            let shield = thread::Shield::new();
            reached.store(true, Ordering::SeqCst);
            until(green_core::kill::is_pending);
            drop(shield);
            *mutex.lock().unwrap() = 1;
            thread::yield_now();
            *mutex.lock().unwrap() = 2;
        }
    });
    until(|| reached.load(Ordering::SeqCst));
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    assert_eq!(*mutex.lock().unwrap(), 1);
}

#[test]
fn random_kills_and_timeouts_leave_the_counter_exact() {
    let mutex = Arc::new(Mutex::new(0));
    let done = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..60u64)
        .map(|n| {
            let (mutex, done) = (Arc::clone(&mutex), Arc::clone(&done));
            thread::spawn(move || {
                for round in 0..50 {
                    let timeout = Duration::from_micros(n);
                    let locked = if (n + round) % 3 == 0 {
                        mutex.try_lock_for(timeout)
                    } else {
                        mutex.lock().map_err(Into::into)
                    };
                    let mut guard = match locked {
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
    let sum = *mutex.lock().unwrap_or_else(|error| error.into_inner());
    assert_eq!(sum, done.load(Ordering::Relaxed));
}

#[test]
fn a_timed_lock_gives_up_in_time_or_gets_it() {
    let mutex = Arc::new(Mutex::new(0));
    let guard = mutex.lock().unwrap();
    let start = Instant::now();
    assert!(matches!(mutex.try_lock_for(Duration::from_millis(5)), Err(TryLockError::WouldBlock)));
    assert!(start.elapsed() >= Duration::from_millis(5));
    assert!(mutex.try_lock_until(start).is_err());
    let waiter = thread::spawn({
        let mutex = Arc::clone(&mutex);
        move || mutex.try_lock_for(Duration::MAX).map(|mut value| *value += 1).is_ok()
    });
    linger();
    drop(guard);
    assert!(waiter.join().unwrap());
    assert_eq!(*mutex.lock().unwrap(), 1);
}

/// The greedy one holds the lock whenever it parks, so the other finds it held at every turn.
#[test]
fn a_greedy_neighbour_starves_nobody() {
    let mutex = Arc::new(Mutex::new(()));
    let served = Arc::new(AtomicBool::new(false));
    let greedy = thread::spawn_local({
        let (mutex, served) = (Arc::clone(&mutex), Arc::clone(&served));
        move || {
            let mut rounds = 0;
            while !served.load(Ordering::SeqCst) {
                let _guard = mutex.lock().unwrap();
                rounds += 1;
                thread::yield_now();
            }
            rounds
        }
    });
    let patient = thread::spawn_local({
        let (mutex, served) = (Arc::clone(&mutex), Arc::clone(&served));
        move || {
            let _guard = mutex.lock().unwrap();
            served.store(true, Ordering::SeqCst);
        }
    });
    patient.join().unwrap();
    assert!(greedy.join().unwrap() < 100);
}

/// The greedy one never parks at all; only a hand-off can stop it.
#[test]
fn a_greedy_os_thread_starves_nobody() {
    let mutex = Arc::new(Mutex::new(()));
    let served = Arc::new(AtomicUsize::new(0));
    let greedy = std::thread::spawn({
        let (mutex, served) = (Arc::clone(&mutex), Arc::clone(&served));
        move || {
            while served.load(Ordering::Relaxed) < 20 {
                let _guard = mutex.lock().unwrap();
                std::hint::black_box(&served);
            }
        }
    });
    let patient: Vec<_> = (0..20)
        .map(|_| {
            let (mutex, served) = (Arc::clone(&mutex), Arc::clone(&served));
            thread::spawn(move || {
                let _guard = mutex.lock().unwrap();
                served.fetch_add(1, Ordering::Relaxed);
            })
        })
        .collect();
    for thread in patient {
        thread.join().unwrap();
    }
    greedy.join().unwrap();
}

/// I15: what waits on an OS thread that ends waits for ever, and is in nobody's way.
#[test]
fn a_waiter_that_ends_with_its_os_thread_is_passed_over() {
    static MUTEX: Mutex<u32> = Mutex::new(0);
    let guard = MUTEX.lock().unwrap();
    std::thread::spawn(|| {
        for _ in 0..2 {
            thread::spawn_local(|| *MUTEX.lock().unwrap() += 100);
        }
        thread::yield_now();
    })
    .join()
    .unwrap();
    let other = thread::spawn(|| *MUTEX.lock().unwrap() += 1);
    linger();
    drop(guard);
    other.join().unwrap();
    for _ in 0..3 {
        *MUTEX.lock().unwrap() += 1;
    }
    assert_eq!(*MUTEX.lock().unwrap(), 4);
}

/// I15: neither does one that was notified when its OS thread ended, though the lock was free and kept for it.
#[test]
fn a_lock_that_was_kept_for_a_waiter_that_ends_with_its_os_thread_is_free() {
    let mutex = Arc::new(Mutex::new(0));
    let theirs = Arc::clone(&mutex);
    let os_thread = std::thread::spawn(move || {
        let own = Arc::clone(&theirs);
        let held = theirs.lock().unwrap();
        let _waiter = thread::spawn_local(move || *own.lock().unwrap() += 1);
        thread::yield_now();
        drop(held);
        // It was notified, and is too late: from now on it demands to be served.
        let held = theirs.lock().unwrap();
        thread::yield_now();
        drop(held);
    });
    os_thread.join().unwrap();
    assert_eq!(*mutex.try_lock().unwrap(), 0);
    assert_eq!(*mutex.lock().unwrap(), 0);
}

/// The lock is given to nobody, so a waiter of another hub can take what one here was woken for.
#[test]
fn a_woken_waiter_that_does_not_run_holds_nobody_up() {
    let mutex = Arc::new(Mutex::new(0));
    let guard = mutex.lock().unwrap();
    let local = thread::spawn_local({
        let mutex = Arc::clone(&mutex);
        move || *mutex.lock().unwrap() += 1
    });
    thread::yield_now();
    drop(guard);
    // The local one is runnable now, and does not run while this OS thread is in std.
    let native = std::thread::spawn({
        let mutex = Arc::clone(&mutex);
        move || *mutex.lock().unwrap() += 1
    });
    native.join().unwrap();
    local.join().unwrap();
    assert_eq!(*mutex.lock().unwrap(), 2);
}
