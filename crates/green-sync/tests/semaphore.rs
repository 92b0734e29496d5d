//! `Semaphore`, `BoundedSemaphore`, `CappedSemaphore`: strict order, exact counts.

mod extras;

use std::panic::{RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use extras::{Log, Runner, assert_is, everywhere, until};
use green_sync::Semaphore;
use green_sync::semaphore::{AcquireError, BoundedSemaphore, CappedSemaphore, OwnedPermit, Permit};
use green_thread as thread;
use green_thread::Shield;

assert_is!(Semaphore: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(BoundedSemaphore: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(CappedSemaphore: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(Permit<'static>: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(OwnedPermit: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);

const MOMENT: Duration = Duration::from_millis(5);
const AGE: Duration = Duration::from_secs(60);

/// Waits until `count` are in line.
fn until_waiting(semaphore: &Semaphore, count: usize) {
    until(|| semaphore.balance() == -count.cast_signed());
}

#[test]
fn a_static_works() {
    static ONE: Semaphore = Semaphore::new(1);
    let held = ONE.acquire().unwrap();
    let other = thread::spawn(|| drop(ONE.acquire().unwrap()));
    drop(held);
    other.join().unwrap();
    assert_eq!(ONE.available_permits(), 1);
}

#[test]
fn test_bounded() {
    everywhere(|| {
        let semaphore = Arc::new(CappedSemaphore::new(2, 3));
        let local = |f: fn(&CappedSemaphore) -> Result<(), AcquireError>| {
            let semaphore = Arc::clone(&semaphore);
            thread::spawn_local(move || f(&semaphore))
        };
        semaphore.acquire().unwrap();
        semaphore.acquire().unwrap();
        let one = local(CappedSemaphore::release);
        semaphore.acquire().unwrap();
        assert_eq!(semaphore.balance(), -3);
        for _ in 0..3 {
            semaphore.release().unwrap();
        }
        let two = local(CappedSemaphore::acquire);
        semaphore.release().unwrap();
        assert_eq!(semaphore.balance(), 3);
        assert_eq!(semaphore.try_release(), Err(AcquireError::NoPermits));
        assert_eq!(semaphore.release_timeout(MOMENT), Err(AcquireError::TimedOut));
        one.join().unwrap().unwrap();
        two.join().unwrap().unwrap();
        assert_eq!((semaphore.available_permits(), semaphore.limit()), (3, 3));
    });
}

#[test]
fn test_bounded_with_zero_limit() {
    everywhere(|| {
        let semaphore = Arc::new(CappedSemaphore::new(0, 0));
        for turn in 0..3 {
            let other = Arc::clone(&semaphore);
            let other = Runner::start(turn, move || other.acquire());
            semaphore.release().unwrap();
            other.join().unwrap();
            let other = Arc::clone(&semaphore);
            let other = Runner::start(turn, move || other.release());
            semaphore.acquire().unwrap();
            other.join().unwrap();
        }
        assert_eq!(semaphore.try_acquire(), Err(AcquireError::NoPermits));
        assert_eq!(semaphore.acquire_timeout(MOMENT), Err(AcquireError::TimedOut));
        assert_eq!(semaphore.release_timeout(MOMENT), Err(AcquireError::TimedOut));
        assert_eq!(semaphore.balance(), 0);
    });
}

#[test]
fn test_non_blocking() {
    everywhere(|| {
        let semaphore = Semaphore::new(0);
        assert_eq!(semaphore.try_acquire().unwrap_err(), AcquireError::NoPermits);
        semaphore.release();
        assert!(semaphore.try_acquire().is_ok());
    });
}

#[test]
fn test_timeout() {
    everywhere(|| {
        let semaphore = Semaphore::new(0);
        let start = Instant::now();
        assert_eq!(semaphore.acquire_timeout(10 * MOMENT).unwrap_err(), AcquireError::TimedOut);
        assert!(start.elapsed() >= 10 * MOMENT);
        assert_eq!(semaphore.balance(), 0);
    });
}

/// eventlet refuses a timeout for an acquisition that does not block. Here a timeout of zero is one that does not wait.
#[test]
fn test_timeout_non_blocking() {
    everywhere(|| {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire_timeout(Duration::ZERO).unwrap();
        assert_eq!(semaphore.acquire_timeout(Duration::ZERO).unwrap_err(), AcquireError::TimedOut);
        drop(permit);
        let past = Instant::now();
        assert!(semaphore.acquire_until(past).is_ok());
        assert!(semaphore.acquire_timeout(Duration::MAX).is_ok());
    });
}

#[test]
fn test_semaphore_contention() {
    everywhere(|| {
        let (mutex, log) = (Arc::new(Semaphore::new(1)), Log::default());
        let locker = |name: &'static str| {
            let (mutex, log) = (Arc::clone(&mutex), log.clone());
            thread::spawn_local(move || {
                for _ in 0..5 {
                    let _permit = mutex.acquire().unwrap();
                    log.add(name);
                    thread::yield_now();
                }
            })
        };
        let (one, two) = (locker("1"), locker("2"));
        one.join().unwrap();
        two.join().unwrap();
        let order = log.take();
        assert!(order.chunks(2).all(|pair| pair == ["1", "2"]), "{order:?}");
    });
}

#[test]
fn try_acquire_does_not_get_ahead_of_who_was_woken() {
    everywhere(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let waiter = Arc::clone(&semaphore);
        let waiter = thread::spawn_local(move || drop(waiter.acquire().unwrap()));
        until_waiting(&semaphore, 1);
        semaphore.release();
        // The waiter has been woken but has not run.
        assert_eq!(semaphore.try_acquire().unwrap_err(), AcquireError::NoPermits);
        assert_eq!((semaphore.available_permits(), semaphore.balance()), (0, 0));
        // A second permit is anybody's.
        semaphore.release();
        semaphore.try_acquire().unwrap().forget();
        waiter.join().unwrap();
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn permits_go_out_in_the_order_of_arrival() {
    everywhere(|| {
        let (semaphore, log) = (Arc::new(Semaphore::new(0)), Log::default());
        let waiters: Vec<_> = (0..30)
            .map(|i| {
                let (semaphore, log) = (Arc::clone(&semaphore), log.clone());
                let waiter = Runner::start(i, {
                    let semaphore = Arc::clone(&semaphore);
                    move || {
                        semaphore.acquire().unwrap().forget();
                        log.add(i);
                    }
                });
                until_waiting(&semaphore, i + 1);
                waiter
            })
            .collect();
        for i in 0..30 {
            semaphore.release();
            until(|| log.len() == i + 1);
        }
        waiters.into_iter().for_each(Runner::join);
        assert_eq!(log.take(), (0..30).map(|i| i.to_string()).collect::<Vec<_>>());
        assert_eq!(semaphore.balance(), 0);
    });
}

#[test]
fn who_gives_up_takes_nothing_along() {
    everywhere(|| {
        let semaphore = Arc::new(Semaphore::new(0));
        let waiters: Vec<_> = (0..10)
            .map(|i| {
                let semaphore = Arc::clone(&semaphore);
                thread::spawn(move || match i % 2 {
                    0 => semaphore.acquire().unwrap().forget(),
                    // One that is in time gives it back.
                    _ => drop(semaphore.acquire_timeout(MOMENT)),
                })
            })
            .collect();
        for _ in 0..5 {
            semaphore.release();
        }
        for waiter in waiters {
            waiter.join().unwrap();
        }
        assert_eq!(semaphore.balance(), 0);
    });
}

#[test]
fn a_killed_waiter_passes_its_permit_on() {
    everywhere(|| {
        for _ in 0..20 {
            let semaphore = Arc::new(Semaphore::new(0));
            let spawn = || {
                let semaphore = Arc::clone(&semaphore);
                thread::spawn_local(move || {
                    let _permit = semaphore.acquire().unwrap();
                    // A kill that came too late for the wait arrives here.
                    thread::yield_now();
                })
            };
            let (victim, survivor) = (spawn(), spawn());
            until_waiting(&semaphore, 2);
            victim.kill().unwrap();
            semaphore.release();
            assert!(victim.join().is_err());
            survivor.join().unwrap();
            assert_eq!(semaphore.balance(), 1);
        }
    });
}

#[test]
fn a_shielded_waiter_waits_on() {
    let semaphore = Arc::new(Semaphore::new(0));
    let other = Arc::clone(&semaphore);
    let victim = thread::spawn_local(move || {
        let _shield = Shield::new();
        other.acquire().unwrap().forget();
        true
    });
    until_waiting(&semaphore, 1);
    victim.kill().unwrap();
    for _ in 0..10 {
        thread::yield_now();
    }
    assert_eq!(semaphore.balance(), -1);
    semaphore.release();
    assert!(victim.join().unwrap());
}

#[test]
fn a_permit_comes_back_from_a_panic() {
    let semaphore = Semaphore::new(1);
    catch_unwind(|| {
        let _permit = semaphore.acquire();
        std::panic::resume_unwind(Box::new(()));
    })
    .unwrap_err();
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn owned_permits_go_anywhere() {
    let semaphore = Arc::new(Semaphore::new(3));
    let permits: Vec<_> = (0..3).map(|_| semaphore.acquire_owned().unwrap()).collect();
    assert_eq!(semaphore.try_acquire_owned().unwrap_err(), AcquireError::NoPermits);
    let waiter = Arc::clone(&semaphore);
    let waiter = thread::spawn(move || waiter.acquire_owned());
    let mut turn = 0;
    for permit in permits {
        turn += 1;
        Runner::start(turn, move || drop(permit)).join();
    }
    let permit = waiter.join().unwrap().unwrap();
    assert_eq!(semaphore.available_permits(), 2);
    permit.forget();
    assert_eq!((semaphore.available_permits(), Arc::strong_count(&semaphore)), (2, 1));
}

#[test]
fn permits_are_added_and_taken_away() {
    let semaphore = Semaphore::new(1);
    semaphore.add_permits(4);
    semaphore.add_permits(0);
    assert_eq!(semaphore.forget_permits(2), 2);
    assert_eq!(semaphore.forget_permits(10), 3);
    assert_eq!((semaphore.available_permits(), semaphore.balance()), (0, 0));
}

#[test]
fn close_wakes_all_and_refuses_all() {
    everywhere(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let held = semaphore.acquire().unwrap();
        let waiters: Vec<_> = (0..6)
            .map(|i| {
                let semaphore = Arc::clone(&semaphore);
                Runner::start(i, move || match i % 2 {
                    0 => semaphore.acquire().map(Permit::forget),
                    _ => semaphore.acquire_timeout(AGE).map(Permit::forget),
                })
            })
            .collect();
        until_waiting(&semaphore, 6);
        semaphore.close();
        for waiter in waiters {
            assert_eq!(waiter.join(), Err(AcquireError::Closed));
        }
        drop(held);
        assert!(semaphore.is_closed());
        assert_eq!(semaphore.acquire().unwrap_err(), AcquireError::Closed);
        assert_eq!(semaphore.try_acquire().unwrap_err(), AcquireError::Closed);
        assert_eq!(semaphore.balance(), 1);
    });
}

#[test]
fn a_bounded_semaphore_takes_back_no_more_than_it_gave() {
    everywhere(|| {
        let semaphore = BoundedSemaphore::new(2);
        assert!(semaphore.release().is_err());
        let permit = semaphore.acquire().unwrap();
        semaphore.release().unwrap();
        assert!(semaphore.release().is_err());
        // Its place was taken by the wrong release.
        drop(permit);
        assert_eq!(semaphore.available_permits(), 2);
        semaphore.acquire_timeout(MOMENT).unwrap().forget();
        semaphore.acquire_until(Instant::now()).unwrap().forget();
        assert_eq!(semaphore.try_acquire().unwrap_err(), AcquireError::NoPermits);
        semaphore.release().unwrap();
        assert_eq!(semaphore.balance(), 1);
        semaphore.close();
        assert!(semaphore.is_closed());
        assert_eq!(semaphore.acquire().unwrap_err(), AcquireError::Closed);
    });
}

#[test]
fn bad_arguments_are_refused() {
    fn check(message: &str, f: impl FnOnce() + UnwindSafe) {
        let payload = catch_unwind(f).unwrap_err();
        let found = payload.downcast_ref::<&str>().copied().map(str::to_owned);
        let found = found.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap();
        assert!(found.contains(message), "{found}");
    }
    check("more permits than a semaphore can count", || drop(Semaphore::new(usize::MAX)));
    check("more permits than a semaphore can count", || Semaphore::new(1).add_permits(Semaphore::MAX_PERMITS));
    check("more permits than the limit", || drop(CappedSemaphore::new(2, 1)));
    let semaphore = Semaphore::new(Semaphore::MAX_PERMITS);
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
    check("more permits than a semaphore can count", || semaphore.release());
    assert_eq!(semaphore.available_permits(), Semaphore::MAX_PERMITS);
}

#[test]
fn errors_say_what_happened() {
    for (error, text, kind) in [
        (AcquireError::NoPermits, "no permit is free", std::io::ErrorKind::WouldBlock),
        (AcquireError::TimedOut, "no permit came in time", std::io::ErrorKind::TimedOut),
        (AcquireError::Closed, "the semaphore is closed", std::io::ErrorKind::BrokenPipe),
    ] {
        assert_eq!(error.to_string(), text);
        assert_eq!(std::io::Error::from(error).kind(), kind);
    }
}

#[test]
fn a_capped_semaphore_closes() {
    everywhere(|| {
        let semaphore = Arc::new(CappedSemaphore::new(1, 1));
        let other = Arc::clone(&semaphore);
        let releaser = thread::spawn_local(move || other.release());
        until(|| semaphore.balance() == 2);
        semaphore.close();
        assert_eq!(releaser.join().unwrap(), Err(AcquireError::Closed));
        assert_eq!(semaphore.acquire(), Ok(()), "what is there can still be taken");
        assert_eq!(semaphore.acquire(), Err(AcquireError::Closed));
        assert_eq!(semaphore.try_release(), Err(AcquireError::Closed));
    });
}

#[test]
fn so_many_at_a_time_and_everybody_in_the_end() {
    let (semaphore, inside) = (Arc::new(Semaphore::new(3)), Arc::new(AtomicUsize::new(0)));
    let runners: Vec<_> = (0..60)
        .map(|i| {
            let (semaphore, inside) = (Arc::clone(&semaphore), Arc::clone(&inside));
            Runner::start(i, move || {
                for round in 0..50 {
                    let permit = match (i + round) % 4 {
                        0 => semaphore.acquire_timeout(Duration::from_micros(50)),
                        1 => semaphore.try_acquire(),
                        _ => semaphore.acquire(),
                    };
                    if permit.is_ok() {
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                        if round % 3 == 0 {
                            thread::yield_now();
                        }
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                }
            })
        })
        .collect();
    runners.into_iter().for_each(Runner::join);
    assert_eq!((semaphore.balance(), semaphore.available_permits()), (3, 3));
}
