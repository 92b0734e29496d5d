//! `GreenPile`: eventlet's cases by their names (FEATURES §1.7 "pools", E16), then what they leave open.

mod jobs;

use std::time::Duration;

use green_pool::{GreenPile, GreenPool};
use green_thread as thread;
use green_time::timeout;
use jobs::{Alive, Gate, Random, assert_idle, everywhere, fail, until};

const MOMENT: Duration = Duration::from_millis(5);

#[test]
fn test_pile() {
    everywhere(|| {
        let mut pile = GreenPile::new(4);
        for n in 0..10 {
            pile.spawn(move || n);
        }
        assert_eq!(pile.len(), 10);
        assert_eq!(pile.map(Result::unwrap).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    });
}

#[test]
fn test_pile_spawn_times_out() {
    everywhere(|| {
        let (pool, gate) = (GreenPool::new(4), Gate::default());
        let mut pile = GreenPile::with_pool(&pool);
        for n in 0..4 {
            pile.spawn(move || n);
        }
        pool.wait_all().unwrap();
        pool.resize(1);
        pool.spawn_n(gate.waiter());
        assert!(timeout(MOMENT, || pile.spawn(|| 1_000_000)).is_err());
        assert_eq!(pile.len(), 4);
        gate.open();
        pool.wait_all().unwrap();
        pool.resize(4);
        pile.spawn(|| 4);
        assert_eq!(pile.map(Result::unwrap).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_idle(&pool);
    });
}

#[test]
fn test_empty_pile() {
    everywhere(|| {
        let mut pile = GreenPile::<u8>::new(4);
        assert!(pile.next().is_none() && pile.next().is_none());
        pile.spawn(|| 1);
        assert_eq!(pile.next().unwrap().unwrap(), 1);
        assert!(pile.next().is_none());
    });
}

#[test]
fn test_constructing_from_pool() {
    everywhere(|| {
        let pool = GreenPool::new(2);
        let [mut one, mut two] = [GreenPile::with_pool(&pool), GreenPile::with_pool(&pool)];
        for n in 0..4 {
            one.spawn(move || n);
            two.spawn(move || n + 10);
            assert!(pool.running() <= 2);
        }
        assert_eq!(two.map(Result::unwrap).collect::<Vec<_>>(), [10, 11, 12, 13]);
        assert_eq!(one.map(Result::unwrap).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_idle(&pool);
    });
}

/// Several producers, each with a pile of its own on one pool, and jobs that take any time.
fn check_ordering(producers: u64, jobs: u64) {
    let pool = GreenPool::new(10);
    let threads: Vec<_> = (0..producers)
        .map(|producer| {
            let pool = pool.clone();
            thread::spawn(move || {
                let mut pile = GreenPile::with_pool(&pool);
                for n in 0..jobs {
                    let mut random = Random::new(producer * jobs + n);
                    pile.spawn(move || {
                        (0..random.below(4)).for_each(|_| thread::yield_now());
                        (producer, n)
                    });
                }
                for n in 0..jobs {
                    assert_eq!(pile.next().unwrap().unwrap(), (producer, n));
                }
                assert!(pile.next().is_none());
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_idle(&pool);
}

#[test]
fn test_ordering_5() {
    check_ordering(5, 40);
}

#[test]
fn test_ordering_50() {
    check_ordering(50, 20);
}

#[test]
fn a_panic_is_in_its_place() {
    everywhere(|| {
        let mut pile = GreenPile::new(2);
        for n in 0..5 {
            pile.spawn(move || if n == 2 { fail() } else { n });
        }
        let found: Vec<_> = pile.map(|result| result.ok()).collect();
        assert_eq!(found, [Some(0), Some(1), None, Some(3), Some(4)]);
    });
}

#[test]
fn a_wait_that_is_unwound_loses_no_result() {
    everywhere(|| {
        let (mut pile, gate) = (GreenPile::new(2), Gate::default());
        pile.spawn(gate.waiter());
        assert!(timeout(MOMENT, || pile.next()).is_err());
        assert_eq!(pile.len(), 1);
        gate.open();
        assert!(pile.next().unwrap().is_ok());
    });
}

/// eventlet's pile keeps every thread that nobody asks for (#748).
#[test]
fn a_dropped_pile_keeps_nothing() {
    everywhere(|| {
        let (pool, alive, gate) = (GreenPool::new(3), Alive::default(), Gate::default());
        let mut pile = GreenPile::with_pool(&pool);
        for n in 0..3 {
            let (token, gate) = (alive.token(), gate.clone());
            pile.spawn(move || {
                if n == 2 {
                    gate.pass();
                }
                token
            });
        }
        until(|| pool.running() == 1);
        assert_eq!(alive.now(), 3);
        drop(pile);
        // A job has given its slot back a moment before its result is in the handle, or is dropped.
        until(|| alive.now() == 1);
        gate.open();
        pool.wait_all().unwrap();
        until(|| alive.now() == 0);
    });
}
