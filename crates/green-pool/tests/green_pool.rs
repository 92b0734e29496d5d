//! `GreenPool`: eventlet's cases by their names (FEATURES §1.7 "pools"), then what they leave open.

mod jobs;

use std::cell::RefCell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use green_pool::{GreenPool, JobHandle, TrySpawnError, WaitAllError};
use green_tests::{Mode, holds_in};
use green_thread::{self as thread, Builder, Killed, Shield};
use green_time::{TimeoutError, timeout};
use jobs::{Alive, Gate, Log, Random, assert_idle, everywhere, fail, settle, until};

const MOMENT: Duration = Duration::from_millis(5);
const AGE: Duration = Duration::from_secs(60);

const _: fn() = || {
    fn is_shared<T: Send + Sync + 'static>() {}
    is_shared::<GreenPool>();
    is_shared::<JobHandle<std::cell::Cell<u8>>>();
};

/// Waits for a slot of `pool` in a green thread beside this one.
fn spawner(pool: &GreenPool) -> thread::JoinHandle<()> {
    let pool = pool.clone();
    thread::spawn(move || pool.spawn(|| {}).join().unwrap())
}

/// A local timer of a pooled job that has ended does not go off.
#[test]
fn test_timer_cancel() {
    let pool = GreenPool::new(1);
    let job = pool.spawn_local(|| thread::spawn_after_local(Duration::from_millis(1), || unreachable!("too late")));
    let reminder = job.join().unwrap();
    assert!(reminder.join().unwrap_err().is::<Killed>());
    assert_eq!(pool.running(), 0);
}

#[test]
fn test_waiting() {
    everywhere(|| {
        let (pool, gate) = (GreenPool::new(1), Gate::default());
        pool.spawn_n(gate.waiter());
        assert_eq!((pool.running(), pool.waiting(), pool.free()), (1, 0, 0));
        let mut spawners = Vec::new();
        for count in 1..=2 {
            spawners.push(spawner(&pool));
            until(|| pool.waiting() == count);
            assert_eq!((pool.running(), pool.free()), (1, 0));
        }
        gate.open();
        spawners.into_iter().for_each(|spawner| spawner.join().unwrap());
        pool.wait_all().unwrap();
        assert_idle(&pool);
    });
}

/// On one hub, so that there is an order.
#[test]
fn test_multiple_coros() {
    everywhere(|| {
        let (pool, gate, log) = (GreenPool::new(2), Gate::default(), Log::default());
        let done = pool.spawn_local({
            let (gate, log) = (gate.clone(), log.clone());
            move || {
                log.add("cons1");
                gate.pass();
                log.add("cons2");
            }
        });
        pool.spawn_local({
            let log = log.clone();
            move || {
                log.add("prod");
                gate.open();
            }
        });
        done.join().unwrap();
        assert_eq!(log.take(), ["cons1", "prod", "cons2"]);
    });
}

/// A member of a full pool does not wait for itself, by any form of spawning.
#[test]
fn test_reentrant() {
    everywhere(|| {
        let pool = GreenPool::new(1);
        let same = pool.clone();
        let outer = pool.spawn(move || {
            let me = thread::current().id();
            let inner = same.spawn(move || thread::current().id() == me);
            assert!(inner.is_finished() && inner.thread().is_none());
            assert!(inner.join().unwrap(), "it has run in its spawner");
            let log = Log::default();
            let also = log.clone();
            same.spawn_n(move || also.add("n"));
            assert_eq!(log.take(), ["n"]);
            let shared = Rc::new(RefCell::new(1));
            let also = Rc::clone(&shared);
            assert_eq!(same.spawn_local(move || *also.borrow_mut() += 1).join_timeout(AGE).unwrap().unwrap(), ());
            assert!(matches!(same.try_spawn(|| {}), Err(TrySpawnError::Full(_))), "which would not be a try");
            assert_eq!((*shared.borrow(), same.running(), same.free()), (2, 1, 0));
            same.spawn(|| "named").join_timeout(AGE).unwrap().unwrap()
        });
        assert_eq!(outer.join().unwrap(), "named");
        assert_idle(&pool);
    });
}

#[test]
fn test_resize() {
    everywhere(|| {
        let (pool, gate) = (GreenPool::new(2), Gate::default());
        pool.spawn_n(gate.waiter());
        pool.spawn_n(gate.waiter());
        assert_eq!((pool.running(), pool.free(), pool.size()), (2, 0, 2));
        pool.resize(1);
        assert_eq!((pool.running(), pool.free(), pool.size()), (2, -1, 1));
        assert!(pool.try_spawn(|| {}).is_err());
        gate.open();
        pool.wait_all().unwrap();
        assert_idle(&pool);
        let gate = Gate::default();
        pool.spawn_n(gate.waiter());
        assert!(pool.try_spawn(|| {}).is_err());
        pool.resize(2);
        assert_eq!(pool.free(), 1);
        let last = pool.try_spawn(|| {}).unwrap();
        gate.open();
        last.join().unwrap();
        pool.wait_all().unwrap();
        assert_idle(&pool);
    });
}

/// Spawning lets the jobs run if it must wait for one of them, and not otherwise.
#[test]
fn test_spawn_n_2() {
    everywhere(|| {
        let (pool, log) = (GreenPool::new(2), Log::default());
        let spawn = |name: &'static str| {
            let log = log.clone();
            drop(pool.spawn_local(move || log.add(name)));
        };
        spawn("1");
        spawn("2");
        assert_eq!((log.take().len(), pool.free()), (0, 0));
        spawn("3");
        assert_eq!(log.take(), ["1", "2"]);
        pool.wait_all().unwrap();
        assert_eq!(log.take(), ["3"]);
        assert_idle(&pool);
    });
}

#[test]
fn test_exceptions() {
    everywhere(|| {
        let pool = GreenPool::new(2);
        for _ in 0..4 {
            pool.spawn_n(fail);
        }
        assert_eq!(pool.spawn(fail::<u8>).join().unwrap_err().downcast_ref(), Some(&"failed"));
        for _ in 0..4 {
            let job = pool.spawn(thread::park);
            job.kill().unwrap();
            assert!(job.join().unwrap_err().is::<Killed>());
            pool.spawn_local(fail::<u8>).join().unwrap_err();
        }
        pool.wait_all().unwrap();
        assert_idle(&pool);
    });
}

#[test]
fn test_waitall_on_nothing() {
    everywhere(|| {
        for size in [0, 1, 1000] {
            let pool = GreenPool::new(size);
            assert_eq!(pool.wait_all(), Ok(()));
            assert_eq!(pool.wait_all_timeout(Duration::ZERO), Ok(()));
        }
    });
}

#[test]
fn test_recursive_waitall() {
    everywhere(|| {
        let (pool, other) = (GreenPool::new(1), GreenPool::new(1));
        let (same, stranger) = (pool.clone(), other.clone());
        let job = pool.spawn(move || {
            stranger.spawn_n(thread::yield_now);
            let inline = same.clone();
            (same.wait_all(), same.spawn(move || inline.wait_all()).join().unwrap(), stranger.wait_all())
        });
        assert_eq!(job.join().unwrap(), (Err(WaitAllError::Member), Err(WaitAllError::Member), Ok(())));
        let same = pool.clone();
        assert_eq!(pool.spawn_local(move || same.wait_all_timeout(MOMENT)).join().unwrap(), Err(WaitAllError::Member));
        assert_idle(&pool);
    });
}

#[test]
fn a_killed_unstarted_job_gives_its_slot_back() {
    everywhere(|| {
        let (pool, alive) = (GreenPool::new(1), Alive::default());
        let token = alive.token();
        let job = pool.spawn_local(move || drop(token));
        assert_eq!((pool.free(), alive.now()), (0, 1));
        job.kill().unwrap();
        assert!(job.join().unwrap_err().is::<Killed>());
        assert_eq!(alive.now(), 0);
        assert_idle(&pool);
        // Started or not: nobody knows, on other hubs.
        for _ in 0..20 {
            let token = alive.token();
            let job = pool.spawn(move || {
                let _token = token;
                thread::park();
            });
            job.kill().unwrap();
            assert!(job.join().unwrap_err().is::<Killed>());
            assert_eq!((pool.free(), alive.now()), (1, 0));
        }
        assert_idle(&pool);
    });
}

/// E12, X16: eventlet lets it escape from `spawn`.
#[test]
fn a_panic_in_the_spawner_stays_in_the_handle() {
    everywhere(|| {
        let pool = GreenPool::new(1);
        let same = pool.clone();
        let job = pool.spawn(move || {
            let inner = same.spawn(fail::<u8>);
            same.spawn_n(fail);
            assert_eq!(inner.join().unwrap_err().downcast_ref(), Some(&"failed"));
            "went on"
        });
        assert_eq!(job.join().unwrap(), "went on");
        assert_idle(&pool);
    });
}

#[test]
fn a_kill_during_a_job_within_the_spawner_is_the_spawners() {
    everywhere(|| {
        let (pool, gate) = (GreenPool::new(1), Gate::default());
        let (same, inside) = (pool.clone(), gate.clone());
        let job = pool.spawn(move || {
            let inner = same.spawn(move || {
                inside.open();
                loop {
                    thread::park();
                }
            });
            drop(inner);
            unreachable!("the kill goes through");
        });
        gate.pass();
        job.kill().unwrap();
        assert!(job.join().unwrap_err().is::<Killed>());
        assert_idle(&pool);
    });
}

#[test]
fn a_deadline_during_a_job_within_the_spawner_is_the_spawners() {
    everywhere(|| {
        let pool = GreenPool::new(1);
        let same = pool.clone();
        let job = pool.spawn(move || {
            // What is tested is that the sleeps are cut short.
            let late = timeout(MOMENT, || same.spawn(|| thread::sleep(AGE)).join());
            assert!(matches!(late, Err(TimeoutError::Elapsed)));
            // A deadline that the job has set for itself is its own affair. It sleeps past that one.
            same.spawn(|| timeout(MOMENT, || thread::sleep(AGE))).join().unwrap()
        });
        assert_eq!(job.join().unwrap(), Err(TimeoutError::Elapsed));
        assert_idle(&pool);
    });
}

#[test]
fn a_spawner_that_gives_up_leaves_no_trace() {
    everywhere(|| {
        let (pool, gate, alive) = (GreenPool::new(1), Gate::default(), Alive::default());
        pool.spawn_n(gate.waiter());
        let token = alive.token();
        assert!(timeout(MOMENT, || pool.spawn(move || drop(token))).is_err());
        let token = alive.token();
        let victim = {
            let pool = pool.clone();
            thread::spawn_local(move || pool.spawn_n(move || drop(token)))
        };
        until(|| pool.waiting() == 1);
        victim.kill().unwrap();
        assert!(victim.join().unwrap_err().is::<Killed>());
        assert_eq!((pool.waiting(), pool.running(), alive.now()), (0, 1, 0));
        assert_eq!(pool.wait_all_timeout(MOMENT), Err(WaitAllError::TimedOut));
        gate.open();
        pool.wait_all().unwrap();
        assert_idle(&pool);
    });
}

#[test]
fn spawners_are_served_in_their_order() {
    everywhere(|| {
        let (pool, gate, log) = (GreenPool::new(1), Gate::default(), Log::default());
        pool.spawn_n(gate.waiter());
        let spawners: Vec<_> = (0..10)
            .map(|n| {
                let (same, log) = (pool.clone(), log.clone());
                let spawner = thread::spawn(move || same.spawn(move || log.add(n)).join().unwrap());
                until(|| pool.waiting() == n + 1);
                spawner
            })
            .collect();
        gate.open();
        spawners.into_iter().for_each(|spawner| spawner.join().unwrap());
        assert_eq!(log.take(), (0..10).map(|n| n.to_string()).collect::<Vec<_>>());
    });
}

#[test]
fn wait_all_waits_for_those_who_wait_to_start() {
    everywhere(|| {
        let (pool, gate, log) = (GreenPool::new(1), Gate::default(), Log::default());
        pool.spawn_n(gate.waiter());
        let spawners: Vec<_> = (0..5)
            .map(|_| {
                let (pool, log) = (pool.clone(), log.clone());
                thread::spawn(move || pool.spawn_n(move || log.add("ran")))
            })
            .collect();
        until(|| pool.waiting() == 5);
        gate.open();
        pool.wait_all().unwrap();
        assert_eq!(log.take().len(), 5);
        assert_idle(&pool);
        spawners.into_iter().for_each(|spawner| spawner.join().unwrap());
    });
}

/// eventlet's compares a balance with the size, which a resize upsets.
#[test]
fn wait_all_is_exact_under_resize() {
    everywhere(|| {
        for sizes in [[1, 4, 2], [5, 0, 3], [0, 0, 3]] {
            let (pool, gate) = (GreenPool::new(3), Gate::default());
            for _ in 0..3 {
                pool.spawn_n(gate.waiter());
            }
            let same = pool.clone();
            let waiter = thread::spawn(move || same.wait_all());
            for size in sizes {
                pool.resize(size);
                settle();
                assert!(!waiter.is_finished());
                assert_eq!((pool.running(), pool.free()), (3, size.cast_signed() - 3));
            }
            gate.open();
            assert_eq!(waiter.join().unwrap(), Ok(()));
            assert_idle(&pool);
        }
    });
}

#[test]
fn nobody_is_let_in_beyond_a_new_size() {
    everywhere(|| {
        let (pool, gates) = (GreenPool::new(3), [(); 3].map(|()| Gate::default()));
        let jobs = gates.each_ref().map(|gate| pool.spawn(gate.waiter()));
        let waiter = spawner(&pool);
        until(|| pool.waiting() == 1);
        pool.resize(1);
        // Two of three slots go when their jobs end; the third lets the spawner in.
        for ((gate, job), free) in gates.iter().zip(jobs).zip([-1, 0]) {
            gate.open();
            job.join().unwrap();
            settle();
            assert_eq!((pool.free(), pool.waiting()), (free, 1));
        }
        gates[2].open();
        waiter.join().unwrap();
        pool.wait_all().unwrap();
        assert_idle(&pool);
    });
}

/// The spawner has been woken, and finds that the slot has gone.
#[test]
fn a_slot_is_taken_from_under_a_woken_spawner() {
    everywhere(|| {
        let pool = GreenPool::new(0);
        let same = pool.clone();
        let waiter = thread::spawn_local(move || same.spawn(|| 7).join().unwrap());
        until(|| pool.waiting() == 1);
        pool.resize(1);
        pool.resize(0);
        settle();
        assert_eq!((pool.waiting(), pool.free(), pool.running()), (1, 0, 0));
        pool.resize(1);
        assert_eq!(waiter.join().unwrap(), 7);
        assert_idle(&pool);
    });
}

#[test]
fn a_pool_of_size_zero_waits_to_be_resized() {
    everywhere(|| {
        let pool = GreenPool::new(0);
        assert!(matches!(pool.try_spawn(|| {}), Err(TrySpawnError::Full(_))));
        assert!(timeout(MOMENT, || pool.spawn(|| {})).is_err());
        let waiter = spawner(&pool);
        until(|| pool.waiting() == 1);
        pool.resize(1);
        waiter.join().unwrap();
        pool.wait_all().unwrap();
        assert_idle(&pool);
    });
}

#[test]
fn jobs_go_on_when_the_pool_is_dropped() {
    everywhere(|| {
        let (gate, log) = (Gate::default(), Log::default());
        let jobs: Vec<_> = {
            let pool = GreenPool::new(2);
            (0..2)
                .map(|n| {
                    let (gate, log) = (gate.clone(), log.clone());
                    pool.spawn(move || {
                        gate.pass();
                        log.add(n);
                    })
                })
                .collect()
        };
        assert_eq!(log.take().len(), 0);
        gate.open();
        jobs.into_iter().for_each(|job| job.join().unwrap());
        assert_eq!(log.take().len(), 2);
    });
}

/// A local job never runs again when its OS thread has ended (I15), but its slot is not lost.
#[test]
fn an_abandoned_local_job_gives_its_slot_back() {
    let pool = GreenPool::new(2);
    let same = pool.clone();
    let os_thread = std::thread::spawn(move || {
        let started = Gate::default();
        let open = started.clone();
        same.spawn_local(move || {
            open.open();
            loop {
                thread::park();
            }
        });
        started.pass();
        same.spawn_local(|| unreachable!("there is no time for that"));
        assert_eq!(same.free(), 0);
    });
    until(|| os_thread.is_finished());
    os_thread.join().unwrap();
    pool.wait_all().unwrap();
    assert_idle(&pool);
}

#[test]
fn a_job_that_cannot_be_made_gives_its_slot_back() {
    // On OS threads, std decides.
    if !holds_in(&[Mode::Default, Mode::Hubs0]) {
        return;
    }
    let pool = GreenPool::new(1);
    let error = pool.spawn_with(Builder::new().stack_size(usize::MAX), || {}).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{error}");
    assert_idle(&pool);
    assert!(catch_unwind(AssertUnwindSafe(|| pool.spawn_with(Builder::new().name("\0".into()), || {}))).is_err());
    assert_idle(&pool);
}

#[test]
fn builders_name_their_jobs() {
    let pool = GreenPool::new(1);
    let job = pool.spawn_with(Builder::new().name("fetch".into()), || thread::current().name().map(str::to_owned));
    assert_eq!(job.unwrap().join().unwrap().as_deref(), Some("fetch"));
}

/// If nobody ran inline, all slots would soon be held by jobs that wait for their children.
#[test]
fn recursive_jobs_never_wait_for_each_other() {
    fn sum(pool: &GreenPool, depth: u32) -> u64 {
        if depth == 0 {
            return 1;
        }
        let children: Vec<_> = (0..3)
            .map(|_| {
                let same = pool.clone();
                pool.spawn(move || sum(&same, depth - 1))
            })
            .collect();
        children.into_iter().map(|child| child.join().unwrap()).sum()
    }
    everywhere(|| {
        for size in [1, 2, 7] {
            let pool = GreenPool::new(size);
            let same = pool.clone();
            assert_eq!(pool.spawn(move || sum(&same, 5)).join().unwrap(), 243);
            assert_idle(&pool);
        }
    });
}

#[test]
fn the_handle_of_a_job_is_a_join_handle() {
    everywhere(|| {
        let (pool, gate, log) = (GreenPool::new(2), Gate::default(), Log::default());
        let job = pool.spawn(gate.waiter());
        let also = log.clone();
        job.on_exit(move || also.add("ended"));
        assert!(!job.is_finished());
        let job = job.join_timeout(MOMENT).unwrap_err();
        gate.open();
        job.join_timeout(AGE).unwrap().unwrap();
        assert_eq!(log.take(), ["ended"]);
        let same = pool.clone();
        let late = pool.spawn(move || {
            same.resize(1);
            let inner = same.spawn(|| 5);
            let log = Log::default();
            let also = log.clone();
            inner.on_exit(move || also.add("at once"));
            inner.kill().unwrap();
            assert_eq!(log.take(), ["at once"]);
            inner.join().unwrap()
        });
        assert_eq!(late.join().unwrap(), 5);
        assert_idle(&pool);
    });
}

#[test]
fn a_shielded_spawner_waits_on() {
    everywhere(|| {
        let (pool, gate) = (GreenPool::new(1), Gate::default());
        pool.spawn_n(gate.waiter());
        let same = pool.clone();
        let spawner = thread::spawn_local(move || {
            let _shield = Shield::new();
            same.spawn(|| 3).join().unwrap()
        });
        until(|| pool.waiting() == 1);
        spawner.kill().unwrap();
        settle();
        assert_eq!(pool.waiting(), 1);
        gate.open();
        assert_eq!(spawner.join().unwrap(), 3);
    });
}

#[test]
fn too_many_slots_are_refused() {
    assert!(catch_unwind(|| GreenPool::new(usize::MAX)).is_err());
    let pool = GreenPool::unlimited();
    assert!(catch_unwind(AssertUnwindSafe(|| pool.resize(usize::MAX))).is_err());
    assert_idle(&pool);
    assert_eq!(pool.spawn(|| 1).join().unwrap(), 1);
    pool.resize(1);
    assert_idle(&pool);
}

#[test]
fn errors_say_what_happened() {
    for (error, text, kind) in [
        (WaitAllError::Member, "a job cannot wait for all jobs of its own pool", io::ErrorKind::Deadlock),
        (WaitAllError::TimedOut, "the jobs of the pool did not end in time", io::ErrorKind::TimedOut),
    ] {
        assert_eq!(error.to_string(), text);
        assert_eq!(io::Error::from(error).kind(), kind);
    }
    let full = GreenPool::new(0).try_spawn(|| {}).unwrap_err();
    assert_eq!((full.to_string().as_str(), format!("{full:?}").as_str()), ("no slot of the pool is free", "Full(..)"));
    assert_eq!(format!("{:?}", GreenPool::new(2)), "GreenPool { size: 2, running: 0, waiting: 0, .. }");
}

/// OS threads, green threads of several hubs and members, all at once, while the size changes.
#[test]
fn so_many_at_a_time_from_everywhere() {
    let (pool, alive, done) = (GreenPool::new(4), Alive::default(), Arc::new(AtomicUsize::new(0)));
    let feed = move |seed: u64, pool: GreenPool, alive: Alive, done: Arc<AtomicUsize>| {
        let mut random = Random::new(seed);
        for _ in 0..100 {
            let (alive, done, same) = (alive.clone(), Arc::clone(&done), pool.clone());
            let (kind, yields) = (random.below(8), random.below(3));
            let job = move || {
                // One within its spawner counts as the spawner does.
                let _token = (kind != 1).then(|| alive.token());
                (0..yields).for_each(|_| thread::yield_now());
                if kind == 0 {
                    let done = Arc::clone(&done);
                    same.spawn_n(move || _ = done.fetch_add(1, Ordering::Relaxed));
                } else {
                    done.fetch_add(1, Ordering::Relaxed);
                }
                if kind == 2 {
                    fail()
                }
            };
            match random.below(3) {
                0 => pool.spawn_n(job),
                1 => _ = pool.spawn(job),
                _ => _ = pool.spawn(job).join(),
            }
        }
    };
    let start = |seed: u64| {
        let (pool, alive, done) = (pool.clone(), alive.clone(), Arc::clone(&done));
        move || feed(seed, pool, alive, done)
    };
    let os_threads: Vec<_> = (0..3).map(|seed| std::thread::spawn(start(seed))).collect();
    let green: Vec<_> = (3..6).map(|seed| thread::spawn(start(seed))).collect();
    for size in [2, 6, 1, 5, 0, 3, 6].into_iter().cycle() {
        pool.resize(size);
        thread::yield_now();
        assert!(pool.running() <= 6);
        if done.load(Ordering::Relaxed) == 600 {
            break;
        }
    }
    pool.resize(6);
    green.into_iter().for_each(|feeder| feeder.join().unwrap());
    until(|| os_threads.iter().all(std::thread::JoinHandle::is_finished));
    os_threads.into_iter().for_each(|feeder| feeder.join().unwrap());
    pool.wait_all().unwrap();
    assert_eq!((done.load(Ordering::Relaxed), alive.now()), (600, 0));
    assert!(alive.most() <= 6, "{} at a time", alive.most());
    assert_idle(&pool);
}

/// The last job of one thread may leave just when another thread's begins.
#[test]
fn wait_all_waits_for_what_the_caller_has_spawned_before() {
    // A job is an OS thread there, and takes its time.
    let rounds = if Mode::current() == Mode::Off { 100 } else { 2000 };
    let pool = GreenPool::new(8);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let pool = pool.clone();
            std::thread::spawn(move || {
                for round in 0..rounds {
                    let done = Arc::new(AtomicUsize::new(0));
                    let mark = Arc::clone(&done);
                    pool.spawn_n(move || {
                        (0..round % 3).for_each(|_| thread::yield_now());
                        mark.store(1, Ordering::Release);
                    });
                    pool.wait_all().unwrap();
                    assert_eq!(done.load(Ordering::Acquire), 1, "in round {round}");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
