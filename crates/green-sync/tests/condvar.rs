//! `Condvar`: std's behaviour in every world, then kills and timeouts that meet notifications.

mod worlds;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use green_sync::{Arc, Condvar, Mutex, PoisonError};
use green_thread::{self as thread, Killed};
use worlds::{assert_is, in_every_world, linger, until};

in_every_world! {
    fn a_notification_wakes_one_and_all_wakes_all() {
        let shared = Arc::new((sync::Mutex::new(0), sync::Condvar::new()));
        let waiters: Vec<_> = (0..6)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let mut tokens = shared.1.wait_while(shared.0.lock().unwrap(), |tokens| *tokens == 0).unwrap();
                    *tokens -= 1;
                })
            })
            .collect();
        for _ in 0..3 {
            *shared.0.lock().unwrap() += 1;
            shared.1.notify_one();
            thread::yield_now();
        }
        *shared.0.lock().unwrap() += 3;
        shared.1.notify_all();
        for waiter in waiters {
            waiter.join().unwrap();
        }
        assert_eq!(*shared.0.lock().unwrap(), 0);
    }

    fn two_take_turns() {
        let shared = Arc::new((sync::Mutex::new(0), sync::Condvar::new()));
        let players: Vec<_> = (0..2)
            .map(|me| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let (turn, changed) = &*shared;
                    let mut turn = turn.lock().unwrap();
                    for _ in 0..200 {
                        while *turn % 2 != me {
                            turn = changed.wait(turn).unwrap();
                        }
                        *turn += 1;
                        changed.notify_all();
                    }
                })
            })
            .collect();
        for player in players {
            player.join().unwrap();
        }
        assert_eq!(*shared.0.lock().unwrap(), 400);
    }

    fn timed_waits_say_whether_the_time_passed() {
        let (mutex, changed) = (sync::Mutex::new(0), sync::Condvar::new());
        let short = Duration::from_millis(2);
        let start = Instant::now();
        let (guard, result) = changed.wait_timeout_while(mutex.lock().unwrap(), short, |_| true).unwrap();
        assert!(result.timed_out() && start.elapsed() >= short);
        assert_eq!(format!("{result:?}"), "WaitTimeoutResult(true)");
        let (guard, result) = changed.wait_timeout_while(guard, short, |_| false).unwrap();
        assert!(!result.timed_out());
        let (guard, other) = changed.wait_timeout_while(guard, Duration::ZERO, |_| true).unwrap();
        assert!(other.timed_out() && other != result);
        let (mut guard, _) = changed.wait_timeout(guard, short).unwrap();
        #[expect(deprecated, reason = "std has it")]
        loop {
            // It may be woken for nothing, but not for ever.
            let (again, notified) = changed.wait_timeout_ms(guard, 2).unwrap();
            guard = again;
            if !notified {
                break;
            }
        }
        assert!(mutex.try_lock().is_err(), "the lock is held after every wait");
        drop(guard);
        assert!(mutex.try_lock().is_ok());
    }

    fn a_notified_timed_wait_is_not_timed_out() {
        let shared = Arc::new((sync::Mutex::new(false), sync::Condvar::new()));
        let other = Arc::clone(&shared);
        let notifier = thread::spawn(move || {
            *other.0.lock().unwrap() = true;
            other.1.notify_all();
        });
        let guard = shared.0.lock().unwrap();
        let (guard, result) = shared.1.wait_timeout_while(guard, Duration::MAX, |open| !*open).unwrap();
        assert!(*guard && !result.timed_out());
        drop(guard);
        notifier.join().unwrap();
    }

    fn a_wait_tells_of_poison_when_it_has_the_lock_again() {
        let shared = Arc::new((sync::Mutex::new(0), sync::Condvar::new()));
        let other = Arc::clone(&shared);
        let guard = shared.0.lock().unwrap();
        let unlucky = thread::spawn(move || {
            let mut guard = other.0.lock().unwrap();
            *guard = 1;
            other.1.notify_all();
            resume_unwind(Box::new("out of luck"));
        });
        let error = shared.1.wait_while(guard, |value| *value == 0).unwrap_err();
        assert_eq!(*error.into_inner(), 1);
        assert!(unlucky.join().is_err());
        let guard = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let error = shared.1.wait_timeout(guard, Duration::from_millis(1)).unwrap_err();
        assert_eq!(*error.into_inner().0, 1);
    }

    fn notifications_are_not_kept() {
        let (mutex, changed) = (sync::Mutex::new(()), sync::Condvar::new());
        changed.notify_one();
        changed.notify_all();
        let (_guard, result) =
            changed.wait_timeout_while(mutex.lock().unwrap(), Duration::from_millis(1), |()| true).unwrap();
        assert!(result.timed_out());
    }

    fn a_panic_in_the_condition_poisons() {
        let (mutex, changed) = (sync::Mutex::new(()), sync::Condvar::new());
        let result = catch_unwind(AssertUnwindSafe(|| {
            drop(changed.wait_while(mutex.lock().unwrap(), |()| resume_unwind(Box::new("out of luck"))));
        }));
        assert!(result.is_err() && mutex.is_poisoned());
        assert!(!matches!(mutex.try_lock(), Err(sync::TryLockError::WouldBlock)));
    }

    fn debug_and_traits() {
        assert_eq!(format!("{:?}", sync::Condvar::default()), "Condvar { .. }");
        assert_is!(sync::Condvar: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
        assert_is!(sync::WaitTimeoutResult: Copy + Eq + std::fmt::Debug + Send + Sync);
    }
}

/// std may panic here; ours does as is told.
#[test]
fn two_mutexes_may_share_a_condition_variable() {
    let shared = Arc::new(([Mutex::new(false), Mutex::new(false)], Condvar::new()));
    let waiters: Vec<_> = (0..2)
        .map(|n| {
            let shared = Arc::clone(&shared);
            thread::spawn(move || drop(shared.1.wait_while(shared.0[n].lock().unwrap(), |open| !*open).unwrap()))
        })
        .collect();
    linger();
    for mutex in &shared.0 {
        *mutex.lock().unwrap() = true;
    }
    shared.1.notify_all();
    for waiter in waiters {
        waiter.join().unwrap();
    }
}

#[test]
fn a_killed_waiter_unwinds_without_the_lock_and_poisons_nothing() {
    let shared = Arc::new((Mutex::new(0), Condvar::new()));
    let waiting = Arc::new(AtomicBool::new(false));
    let victim = thread::spawn({
        let (shared, waiting) = (Arc::clone(&shared), Arc::clone(&waiting));
        move || {
            let guard = shared.0.lock().unwrap();
            waiting.store(true, Ordering::SeqCst);
            drop(shared.1.wait_while(guard, |_| true).unwrap());
        }
    });
    until(|| waiting.load(Ordering::SeqCst));
    // It gave up the lock when it began to wait, and unwinds although the lock is taken.
    let guard = shared.0.lock().unwrap();
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    drop(guard);
    assert!(!shared.0.is_poisoned());
}

/// One item, one notification, two waiters, and a kill of one of them at the same moment: the item is taken, whoever of
/// them gets the notification.
#[test]
fn a_kill_takes_no_notification_with_it() {
    for _ in 0..200 {
        let shared = Arc::new((Mutex::new(VecDeque::new()), Condvar::new()));
        let taken = Arc::new(AtomicUsize::new(0));
        let [victim, other] = [(); 2].map(|()| {
            let (shared, taken) = (Arc::clone(&shared), Arc::clone(&taken));
            thread::spawn(move || {
                let mut queue = shared.1.wait_while(shared.0.lock().unwrap(), |queue| queue.is_empty()).unwrap();
                if queue.pop_front() == Some(1) {
                    taken.fetch_add(1, Ordering::SeqCst);
                }
            })
        });
        thread::yield_now();
        let killer = thread::spawn(move || {
            victim.kill().unwrap();
            let _ = victim.join();
        });
        shared.0.lock().unwrap().push_back(1);
        shared.1.notify_one();
        until(|| taken.load(Ordering::SeqCst) == 1);
        killer.join().unwrap();
        // Lets the other one go if it was the victim that took the item.
        shared.0.lock().unwrap().push_back(2);
        shared.1.notify_one();
        other.join().unwrap();
        assert!(!shared.0.is_poisoned());
    }
}

#[test]
fn waiters_are_notified_in_their_order() {
    let shared = Arc::new((Mutex::new((0, Vec::new())), Condvar::new()));
    let waiters: Vec<_> = (0..5)
        .map(|n| {
            let own = Arc::clone(&shared);
            let waiter = thread::spawn(move || {
                let mut state = own.0.lock().unwrap();
                state.0 += 1;
                state = own.1.wait(state).unwrap();
                state.1.push(n);
            });
            until(|| shared.0.lock().unwrap().0 == n + 1);
            waiter
        })
        .collect();
    for n in 0..5 {
        shared.1.notify_one();
        until(|| shared.0.lock().unwrap().1.len() == n + 1);
    }
    assert_eq!(shared.0.lock().unwrap().1, [0, 1, 2, 3, 4]);
    for waiter in waiters {
        waiter.join().unwrap();
    }
}

#[test]
fn random_kills_and_timeouts_lose_no_item() {
    const ITEMS: usize = 2000;
    let shared = Arc::new((Mutex::new(VecDeque::new()), Condvar::new()));
    let taken = Arc::new(AtomicUsize::new(0));
    let takers: Vec<_> = (0..30u64)
        .map(|n| {
            let (shared, taken) = (Arc::clone(&shared), Arc::clone(&taken));
            thread::spawn(move || {
                loop {
                    let queue = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                    let mut queue = if n % 3 == 0 {
                        let timeout = Duration::from_micros(100 + n);
                        let waited = shared.1.wait_timeout_while(queue, timeout, |queue| queue.is_empty());
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    } else {
                        shared.1.wait_while(queue, |queue| queue.is_empty()).unwrap_or_else(PoisonError::into_inner)
                    };
                    match queue.pop_front() {
                        Some(true) => drop(taken.fetch_add(1, Ordering::SeqCst)),
                        Some(false) => return,
                        None => {}
                    }
                }
            })
        })
        .collect();
    for n in 0..ITEMS {
        shared.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(true);
        shared.1.notify_one();
        if n % 100 == 0 {
            takers[n / 100].kill().unwrap();
            thread::yield_now();
        }
    }
    // All has been notified once, and no notification was lost, so nobody needs to be notified again.
    until(|| taken.load(Ordering::SeqCst) == ITEMS);
    shared.0.lock().unwrap_or_else(PoisonError::into_inner).extend([false; 30]);
    shared.1.notify_all();
    for taker in takers {
        let _ = taker.join();
    }
}
