//! `Pool` and `TokenPool`: who gets an item, in which order, and what becomes of what fails.

mod lookers;

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use green_pool::resource::{Builder, GetError, Guard, Order};
use green_pool::{Pool, TokenPool};
use green_sync::Event;
use green_thread as thread;
use lookers::{AGE, Census, Counted, MOMENT, everywhere, timeout, until};

/// Returns a pool whose items are numbered in the order in which they were made.
fn numbers(max: usize) -> (Pool<usize>, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    (Pool::new(max, move || count.fetch_add(1, Ordering::SeqCst)), made)
}

fn get<T>(pool: &Pool<T>) -> Guard<T> {
    let Ok(guard) = pool.get();
    guard
}

/// Starts a thread that waits for an item, and returns it when it waits.
fn waiter<T: Send + 'static>(pool: &Pool<T>) -> thread::JoinHandle<Guard<T>> {
    let before = pool.waiting();
    let own = pool.clone();
    let waiter = thread::spawn(move || get(&own));
    until(|| pool.waiting() == before + 1);
    waiter
}

// pools: test_exhaustion, test_blocks_on_pool

#[test]
fn who_finds_all_in_use_waits_and_is_handed_the_next_that_comes_back() {
    everywhere(|| {
        let (pool, made) = numbers(1);
        let item = get(&pool);
        assert_eq!((pool.free(), pool.waiting()), (0, 0));
        assert_eq!(pool.try_get().unwrap_err(), GetError::Exhausted);
        assert_eq!(pool.get_timeout(MOMENT).unwrap_err(), GetError::TimedOut);
        let waiter = waiter(&pool);
        assert_eq!((pool.waiting(), pool.free()), (1, 0));
        drop(item);
        // It is the waiter's now, whoever else comes.
        assert!(pool.try_get().is_err());
        assert_eq!(*waiter.join().unwrap(), 0);
        assert_eq!((pool.free(), pool.waiting(), pool.idle()), (1, 0, 1));
        assert_eq!(made.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn those_who_wait_are_served_in_the_order_in_which_they_came() {
    let pool = TokenPool::with_tokens(1);
    let held = get(&pool);
    let order = Arc::new(Mutex::new(Vec::new()));
    let waiters: Vec<_> = (0..10)
        .map(|n| {
            let (own, order) = (pool.clone(), Arc::clone(&order));
            let waiter = thread::spawn(move || {
                let _token = get(&own);
                order.lock().unwrap().push(n);
            });
            until(|| pool.waiting() == n + 1);
            waiter
        })
        .collect();
    drop(held);
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    assert_eq!(*order.lock().unwrap(), (0..10).collect::<Vec<_>>());
}

// test_ordering

#[test]
fn items_are_used_by_turns_or_the_last_first() {
    let check = |order, expected: [usize; 4]| {
        let made = AtomicUsize::new(0);
        let create = move || Ok::<_, std::convert::Infallible>(made.fetch_add(1, Ordering::SeqCst));
        let Ok(pool) = Builder::new(3).order(order).build(create);
        let three = [get(&pool), get(&pool), get(&pool)];
        for item in three {
            drop(item);
        }
        // Each goes back before the next is taken.
        assert_eq!(expected.map(|_| *get(&pool)), expected);
    };
    check(Order::Fifo, [0, 1, 2, 0]);
    check(Order::Lifo, [2, 2, 2, 2]);
}

#[test]
fn what_is_made_in_advance_is_used_first() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let pool = Builder::new(4).min(2).build(move || Ok::<_, ()>(count.fetch_add(1, Ordering::SeqCst))).unwrap();
    assert_eq!((made.load(Ordering::SeqCst), pool.idle(), pool.free(), pool.max()), (2, 2, 4, 4));
    let all: Vec<_> = (0..4).map(|_| pool.get().unwrap()).collect();
    assert_eq!(all.iter().map(|item| **item).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(Builder::new(1).min(1).build(|| Err::<(), _>("no")).is_err());
    assert!(catch_unwind(|| Builder::new(1).min(2).build(|| Ok::<_, ()>(()))).is_err());
}

// test_resize

#[test]
fn a_smaller_maximum_drops_what_is_too_much_as_it_comes_back() {
    let census = Census::default();
    let making = census.clone();
    let pool: Pool<Counted> = Pool::new(4, move || making.add());
    let mut items: Vec<_> = (0..3).map(|_| get(&pool)).collect();
    drop(items.pop());
    pool.resize(1);
    assert_eq!((census.alive(), pool.idle(), pool.free()), (2, 0, -1));
    let waiter = waiter(&pool);
    drop(items.pop());
    assert_eq!((census.alive(), pool.free(), pool.waiting()), (1, 0, 1));
    drop(items.pop());
    drop(waiter.join().unwrap());
    assert_eq!((census.alive(), pool.free(), pool.idle()), (1, 1, 1));
}

#[test]
fn a_greater_maximum_lets_those_go_on_who_wait() {
    everywhere(|| {
        let (pool, _) = numbers(0);
        assert!(pool.try_get().is_err());
        let waiters = [waiter(&pool), waiter(&pool)];
        pool.resize(1);
        until(|| pool.waiting() == 1);
        pool.resize(3);
        for waiter in waiters {
            drop(waiter.join().unwrap());
        }
        assert_eq!(pool.free(), 3);
    });
}

#[test]
fn what_is_owed_is_forgiven_by_a_greater_maximum() {
    let (pool, made) = numbers(3);
    let items = [get(&pool), get(&pool), get(&pool)];
    pool.resize(1);
    pool.resize(2);
    assert_eq!(pool.free(), -1);
    assert!(pool.try_get().is_err());
    pool.resize(4);
    assert_eq!(pool.free(), 1);
    let fourth = pool.try_get().unwrap();
    assert!(pool.try_get().is_err());
    drop((items, fourth));
    assert_eq!((pool.idle(), pool.free(), made.load(Ordering::SeqCst)), (4, 4, 4));
    pool.resize(2);
    assert_eq!((pool.idle(), pool.free()), (2, 2));
    pool.clear();
    assert_eq!((pool.idle(), pool.free()), (0, 2));
}

#[test]
fn sizes_that_change_under_load_come_out_even() {
    let census = Census::default();
    let making = census.clone();
    let pool: Pool<Counted> = Pool::new(3, move || {
        thread::yield_now();
        making.add()
    });
    let users: Vec<_> = (0..16)
        .map(|_| {
            let pool = pool.clone();
            thread::spawn(move || {
                for _ in 0..50 {
                    let _item = get(&pool);
                    thread::yield_now();
                }
            })
        })
        .collect();
    for max in [1, 5, 2, 8, 1, 3].into_iter().cycle().take(60) {
        pool.resize(max);
        thread::yield_now();
    }
    pool.resize(2);
    users.into_iter().for_each(|user| user.join().unwrap());
    assert_eq!((pool.free(), pool.waiting()), (2, 0));
    assert!(pool.idle() <= 2);
    assert_eq!(census.alive(), pool.idle());
}

// test_create_contention

#[test]
fn a_hundred_getters_make_no_more_than_the_maximum_though_making_one_parks() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let pool = Pool::new(4, move || {
        for _ in 0..10 {
            thread::yield_now();
        }
        count.fetch_add(1, Ordering::SeqCst)
    });
    let all_have_come = Arc::new(Event::<()>::new());
    let getters: Vec<_> = (0..100)
        .map(|_| {
            let (pool, all_have_come) = (pool.clone(), Arc::clone(&all_have_come));
            thread::spawn(move || {
                let _item = get(&pool);
                let _ = all_have_come.wait();
            })
        })
        .collect();
    until(|| pool.waiting() == 96 && made.load(Ordering::SeqCst) == 4);
    all_have_come.send(()).unwrap();
    getters.into_iter().for_each(|getter| getter.join().unwrap());
    assert_eq!((made.load(Ordering::SeqCst), pool.idle()), (4, 4));
}

// test_put_with_timed_out_getters

#[test]
fn to_give_back_never_waits_though_those_who_waited_are_gone() {
    everywhere(|| {
        let (pool, _) = numbers(2);
        let items = [get(&pool), get(&pool)];
        let killed = waiter(&pool);
        let impatient: Vec<_> = (0..8)
            .map(|n| {
                let pool = pool.clone();
                thread::spawn(move || match n % 2 {
                    0 => assert!(pool.get_timeout(MOMENT).is_err()),
                    _ => assert!(timeout(MOMENT, || get(&pool)).is_none()),
                })
            })
            .collect();
        killed.kill().unwrap();
        assert!(killed.join().is_err());
        impatient.into_iter().for_each(|getter| getter.join().unwrap());
        assert_eq!(pool.waiting(), 0);
        drop(items);
        assert_eq!((pool.free(), pool.idle()), (2, 2));
        drop([get(&pool), get(&pool)]);
    });
}

// test_pool_smash

#[test]
fn a_getter_whose_time_is_up_harms_neither_pool() {
    let (outer, inner) = (TokenPool::with_tokens(1), TokenPool::with_tokens(1));
    let held = get(&inner);
    let both = timeout(MOMENT, || {
        let _outer = get(&outer);
        drop(get(&inner));
    });
    assert!(both.is_none());
    assert_eq!((outer.free(), outer.waiting()), (1, 0));
    drop(held);
    assert_eq!((inner.free(), inner.waiting()), (1, 0));
    drop((get(&outer), get(&inner)));
}

// #113: create may fail, panic, be killed.

#[test]
fn what_fails_to_make_one_gives_its_place_to_the_next() {
    let turn = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&turn);
    let gate = Arc::new(Event::<()>::new());
    let opened = Arc::clone(&gate);
    let pool = Builder::new(1)
        .build(move || match count.fetch_add(1, Ordering::SeqCst) {
            0 => {
                let _ = opened.wait();
                Err("failed")
            }
            1 => panic_any("panicked"),
            2 => loop {
                thread::park();
            },
            n => Ok(n),
        })
        .unwrap();
    let getter = || {
        let own = pool.clone();
        thread::spawn(move || own.get().map(|item| *item))
    };
    let fails = getter();
    until(|| turn.load(Ordering::SeqCst) == 1);
    let [panics, killed, succeeds] = [1, 2, 3].map(|waiting| {
        let getter = getter();
        until(|| pool.waiting() == waiting);
        getter
    });
    gate.send(()).unwrap();
    assert_eq!(fails.join().unwrap(), Err("failed"));
    assert_eq!(panics.join().unwrap_err().downcast_ref(), Some(&"panicked"));
    until(|| turn.load(Ordering::SeqCst) == 3);
    killed.kill().unwrap();
    assert!(killed.join().unwrap_err().is::<thread::Killed>());
    assert_eq!(succeeds.join().unwrap(), Ok(3));
    assert_eq!((pool.free(), pool.idle(), pool.waiting()), (1, 1, 0));
}

#[test]
fn a_failure_to_make_one_is_told_by_every_form_of_get() {
    let pool = Builder::new(1).build(|| Err::<(), _>(std::io::Error::other("no"))).unwrap();
    assert_eq!(pool.get().unwrap_err().to_string(), "no");
    assert!(matches!(pool.try_get(), Err(GetError::Create(_))));
    assert!(matches!(pool.get_timeout(AGE), Err(GetError::Create(_))));
    let error = std::io::Error::from(pool.try_get().unwrap_err());
    assert_eq!(error.kind(), std::io::ErrorKind::Other);
    assert_eq!(pool.free(), 1);
}

// Guards.

#[test]
fn an_item_comes_back_from_who_panicked_or_was_killed() {
    let (pool, made) = numbers(1);
    let own = pool.clone();
    let panicked = thread::spawn(move || {
        let _item = get(&own);
        panic_any(1)
    });
    assert!(panicked.join().is_err());
    let own = pool.clone();
    let killed = thread::spawn(move || {
        let _item = get(&own);
        loop {
            thread::park();
        }
    });
    until(|| pool.free() == 0);
    killed.kill().unwrap();
    assert!(killed.join().is_err());
    assert_eq!((pool.free(), made.load(Ordering::SeqCst)), (1, 1));
}

#[test]
fn an_item_that_was_taken_for_good_is_replaced() {
    let (pool, _) = numbers(1);
    let item = get(&pool);
    let waiter = waiter(&pool);
    assert_eq!(Guard::take(item), 0);
    assert_eq!(*waiter.join().unwrap(), 1);
}

#[test]
fn a_guard_goes_to_another_thread_and_keeps_the_pool() {
    let census = Census::default();
    let making = census.clone();
    let pool: Pool<Counted> = Pool::new(1, move || making.add());
    let item = get(&pool);
    drop(pool);
    assert_eq!(census.alive(), 1);
    std::thread::spawn(move || drop(item)).join().unwrap();
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_destructor_that_panics_costs_no_place() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any(1_u8);
        }
    }
    let pool = Pool::new(2, || Bomb);
    let items = [get(&pool), get(&pool)].map(Some);
    pool.resize(1);
    let [first, second] = items;
    assert!(catch_unwind(AssertUnwindSafe(|| drop(first))).is_err());
    drop(second);
    assert_eq!((pool.free(), pool.idle()), (1, 1));
    assert!(catch_unwind(AssertUnwindSafe(|| pool.clear())).is_err());
    let item = pool.get_timeout(Duration::ZERO).unwrap();
    std::mem::forget(Guard::take(item));
}

/// An item that is on its way back when the maximum falls is not owed for ever.
#[test]
fn a_maximum_that_falls_as_an_item_comes_back_is_kept() {
    let pool = Pool::new(1, || ());
    for round in 0..500 {
        let item = get(&pool);
        let giver = std::thread::spawn(move || drop(item));
        until(|| pool.free() == 1);
        pool.resize(0);
        giver.join().unwrap();
        assert!(pool.try_get().is_err(), "in round {round}");
        pool.resize(1);
    }
}
