//! `imap` and `imap_unordered`: eventlet's cases by their names (FEATURES §1.7 "pools", E15), then what they leave open.

mod jobs;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use green_pool::GreenPool;
use green_thread::{self as thread, Killed};
use green_time::timeout;
use jobs::{Alive, Gate, Random, assert_idle, everywhere, fail, settle, until};

const MOMENT: Duration = Duration::from_millis(5);

fn values<T>(results: impl Iterator<Item = thread::Result<T>>) -> Vec<T> {
    results.map(Result::unwrap).collect()
}

#[test]
fn test_imap() {
    everywhere(|| {
        let pool = GreenPool::new(4);
        assert_eq!(values(pool.imap(0..10, |n| n * 10)), (0..10).map(|n| n * 10).collect::<Vec<_>>());
        assert_idle(&pool);
    });
}

#[test]
fn test_empty_imap() {
    everywhere(|| {
        let pool = GreenPool::new(4);
        let mut none = pool.imap([], |n: u8| n);
        assert!(none.next().is_none() && none.next().is_none());
        assert!(pool.imap_unordered([], |n: u8| n).next().is_none());
        assert_eq!(GreenPool::new(0).imap([], |n: u8| n).count(), 0);
        assert_idle(&pool);
    });
}

#[test]
fn test_imap_multi_args() {
    everywhere(|| {
        let pool = GreenPool::new(4);
        assert_eq!(values(pool.imap((0..4).zip(10..), |(a, b)| a + b)), [10, 12, 14, 16]);
    });
}

/// A closure that takes a tuple is a `starmap`.
#[test]
fn test_starmap() {
    everywhere(|| {
        let pool = GreenPool::new(4);
        let joined = pool.imap([("a", 1), ("b", 2)], |(name, count)| name.repeat(count));
        assert_eq!(values(joined), ["a", "bb"]);
    });
}

#[test]
fn test_imap_raises() {
    everywhere(|| {
        let pool = GreenPool::new(4);
        let results = pool.imap(0..10, |n| if [1, 7].contains(&n) { fail() } else { n });
        let results: Vec<_> = results.map(|result| result.ok()).collect();
        let expected = (0..10).map(|n| (![1, 7].contains(&n)).then_some(n)).collect::<Vec<_>>();
        assert_eq!(results, expected);
        let mut sum = 0;
        let mut failures = 0;
        for result in pool.imap_unordered(0..10, |n| if n % 3 == 0 { fail() } else { n }) {
            match result {
                Ok(n) => sum += n,
                Err(payload) => {
                    assert!(payload.is::<&str>());
                    failures += 1;
                }
            }
        }
        assert_eq!((sum, failures), (27, 4));
        assert_idle(&pool);
    });
}

/// Strictly in order, in constant memory, whatever the jobs do meanwhile.
fn check_order(size: usize, count: u64) {
    let (pool, alive) = (GreenPool::new(size), Alive::default());
    let tokens = alive.clone();
    let results = pool.imap(0..count, move |n| {
        let token = tokens.token();
        let mut random = Random::new(n);
        (0..random.below(4)).for_each(|_| thread::yield_now());
        (n, token)
    });
    for (expected, result) in results.enumerate() {
        let (n, _token) = result.unwrap();
        assert_eq!(n, expected as u64);
    }
    assert!(alive.most() <= 2 * size + 1, "{} of {size}", alive.most());
    assert_eq!(alive.now(), 0);
    assert_idle(&pool);
}

#[test]
fn test_imap_50() {
    everywhere(|| check_order(50, 1000));
}

#[test]
fn test_imap_500() {
    everywhere(|| check_order(500, 2000));
    check_order(1, 50);
    check_order(3, 100);
}

#[test]
fn nothing_happens_until_a_result_is_asked_for() {
    everywhere(|| {
        let (pool, alive) = (GreenPool::new(3), Alive::default());
        let tokens = alive.clone();
        let mut endless = pool.imap(std::iter::repeat_with(move || tokens.token()), |token| token);
        settle();
        assert_eq!((alive.most(), pool.running()), (0, 0));
        drop(endless.next());
        // As many as run, as many as lie there, and one that is ready to be a job.
        assert!(alive.most() <= 7, "{}", alive.most());
        let most = alive.most();
        pool.wait_all().unwrap();
        settle();
        assert_eq!(alive.most(), most, "nobody asked for more");
        drop(endless);
        until(|| alive.now() == 0);
        assert_idle(&pool);
    });
}

/// Dropped early: what runs goes on, nothing more is started, and nothing is left.
#[test]
fn an_iterator_that_is_dropped_leaks_nothing() {
    everywhere(|| {
        let (pool, alive, gate) = (GreenPool::new(3), Alive::default(), Gate::default());
        let (tokens, wait) = (alive.clone(), gate.clone());
        let mut results = pool.imap(0.., move |n: u32| {
            let token = tokens.token();
            if n > 0 {
                wait.pass();
            }
            token
        });
        drop(results.next().unwrap().unwrap());
        drop(results);
        assert!(pool.running() > 0 && pool.running() <= 3);
        gate.open();
        pool.wait_all().unwrap();
        until(|| alive.now() == 0);
        assert!(alive.most() <= 4);
        assert_idle(&pool);
    });
}

#[test]
fn an_iterator_can_be_killed() {
    everywhere(|| {
        let (pool, alive) = (GreenPool::new(3), Alive::default());
        let wait = |alive: &Alive| {
            let alive = alive.clone();
            move |n: u32| {
                let _token = alive.token();
                if n > 0 {
                    thread::park();
                }
            }
        };
        let mut results = pool.imap(0.., wait(&alive));
        results.next().unwrap().unwrap();
        results.kill().unwrap();
        pool.wait_all().unwrap();
        let mut results = pool.imap_unordered(0.., wait(&alive));
        results.next().unwrap().unwrap();
        results.kill().unwrap();
        pool.wait_all().unwrap();
        until(|| alive.now() == 0);
        assert_idle(&pool);
    });
}

/// X16: eventlet's uses a hidden pool of the same size.
#[test]
fn the_jobs_are_the_pools_own() {
    everywhere(|| {
        let (pool, gate) = (GreenPool::new(2), Gate::default());
        pool.spawn_n(gate.waiter());
        let same = pool.clone();
        let most = values(pool.imap(0..20, move |_| {
            thread::yield_now();
            same.running()
        }));
        assert!(most.iter().all(|running| *running == 2), "{most:?}");
        gate.open();
        pool.wait_all().unwrap();
        assert_idle(&pool);
    });
}

/// A slot that somebody else gives back is used while the iterator waits for its oldest job.
#[test]
fn a_waiting_iterator_takes_new_slots() {
    everywhere(|| {
        let (pool, gate) = (GreenPool::new(1), Gate::default());
        let (same, first) = (pool.clone(), gate.clone());
        // The first job ends when the second has run, for which there is no slot at the time.
        let results = pool.imap(0..2, move |n| {
            if n == 0 {
                same.resize(2);
                first.pass();
            } else {
                first.open();
            }
            n
        });
        assert_eq!(values(results), [0, 1]);
    });
    everywhere(|| {
        let (pool, gate) = (GreenPool::new(1), Gate::default());
        let (same, first) = (pool.clone(), gate.clone());
        let results = pool.imap_unordered(0..2, move |n| {
            if n == 0 {
                same.resize(2);
                first.pass();
            } else {
                first.open();
            }
            n
        });
        assert_eq!(values(results).iter().sum::<i32>(), 1);
    });
}

#[test]
fn a_member_of_a_full_pool_may_map() {
    everywhere(|| {
        let pool = GreenPool::new(1);
        let same = pool.clone();
        let job = pool.spawn(move || {
            let ordered: i32 = values(same.imap(0..10, |n| n)).iter().sum();
            ordered + same.imap_unordered(0..10, |n| if n == 9 { fail() } else { n }).flatten().sum::<i32>()
        });
        assert_eq!(job.join().unwrap(), 81);
        assert_idle(&pool);
    });
}

#[test]
fn one_map_may_feed_another_in_the_same_pool() {
    everywhere(|| {
        for size in [1, 2, 5] {
            let pool = GreenPool::new(size);
            let inner = pool.imap(0..30, |n| n + 1).map(Result::unwrap);
            let inner = pool.imap_unordered(inner, |n| n * 2).map(Result::unwrap);
            let mut all = values(pool.imap(inner, |n| n));
            all.sort_unstable();
            assert_eq!(all, (1..=30).map(|n| n * 2).collect::<Vec<_>>());
            assert_idle(&pool);
        }
    });
}

#[test]
fn maps_share_a_pool_with_others() {
    everywhere(|| {
        let (pool, gate) = (GreenPool::new(2), Gate::default());
        pool.spawn_n(gate.waiter());
        pool.spawn_n(gate.waiter());
        let same = pool.clone();
        let mapper = thread::spawn(move || (values(same.imap(0..9, |n| n)), same.imap_unordered(0..9, |n| n).count()));
        until(|| pool.waiting() == 1);
        gate.open();
        assert_eq!(mapper.join().unwrap(), ((0..9).collect(), 9));
        pool.wait_all().unwrap();
        assert_idle(&pool);
    });
}

#[test]
fn results_come_unordered() {
    everywhere(|| {
        let (pool, gate) = (GreenPool::new(2), Gate::default());
        let wait = gate.clone();
        let mut results = pool.imap_unordered(0..5, move |n| {
            if n == 0 {
                wait.pass();
            }
            n
        });
        let mut others: Vec<_> = results.by_ref().take(4).map(Result::unwrap).collect();
        others.sort_unstable();
        assert_eq!(others, [1, 2, 3, 4]);
        gate.open();
        assert_eq!(results.next().unwrap().unwrap(), 0);
        assert!(results.next().is_none());
    });
}

#[test]
fn a_wait_that_is_unwound_loses_no_result() {
    everywhere(|| {
        let (pool, gate) = (GreenPool::new(2), Gate::default());
        let wait = gate.clone();
        let mut ordered = pool.imap(0..3, move |n| {
            wait.pass();
            n
        });
        assert!(timeout(MOMENT, || ordered.next()).is_err());
        let wait = gate.clone();
        let other = GreenPool::new(2);
        let mut unordered = other.imap_unordered(0..3, move |n| {
            wait.pass();
            n
        });
        assert!(timeout(MOMENT, || unordered.next()).is_err());
        gate.open();
        assert_eq!(values(ordered), [0, 1, 2]);
        assert_eq!(values(unordered).iter().sum::<i32>(), 3);
    });
}

#[test]
fn a_panic_of_the_items_is_the_consumers() {
    everywhere(|| {
        let pool = GreenPool::new(2);
        let items = (0..10).map(|n| if n == 3 { fail() } else { n });
        let mut results = pool.imap(items, |n| n);
        // It comes when the item is fetched, which is before its turn; nothing else is lost with it.
        let (mut found, mut panics) = (Vec::new(), 0);
        loop {
            match catch_unwind(AssertUnwindSafe(|| results.next())) {
                Ok(Some(result)) => found.push(result.unwrap()),
                Ok(None) => break,
                Err(_) => panics += 1,
            }
        }
        assert_eq!((found, panics), (vec![0, 1, 2, 4, 5, 6, 7, 8, 9], 1));
        assert_idle(&pool);
    });
}

#[test]
fn items_need_not_be_sent_before_they_are_jobs() {
    everywhere(|| {
        // The source stays here, only what it yields goes.
        let source = Rc::new(5);
        let pool = GreenPool::new(2);
        let results = pool.imap((0..3).map(|n| n + *source), |n| n);
        assert_eq!(results.size_hint(), (3, Some(3)));
        assert_eq!(values(results), [5, 6, 7]);
    });
}

#[test]
fn a_killed_job_is_an_error_in_its_place() {
    /// A payload such as a kill's, which only a kill can make.
    fn killed() -> Box<dyn std::any::Any + Send> {
        let victim = thread::spawn(thread::park);
        victim.kill().unwrap();
        victim.join().unwrap_err()
    }
    everywhere(|| {
        let pool = GreenPool::new(3);
        let end = |n: u32| if n == 1 { std::panic::resume_unwind(killed()) } else { n };
        let results: Vec<_> = pool.imap(0..3, end).collect();
        assert!(results[1].as_ref().unwrap_err().is::<Killed>());
        assert_eq!((results[0].as_ref().ok(), results[2].as_ref().ok()), (Some(&0), Some(&2)));
        assert_eq!(pool.imap_unordered(0..3, end).filter(Result::is_err).count(), 1);
        assert_idle(&pool);
    });
}
