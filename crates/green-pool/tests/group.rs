//! `Group`: gevent's cases (V4), and what kills and waits come to.

mod jobs;

use std::time::Duration;

use green_pool::{GreenPool, Group, WaitAllError};
use green_thread::{self as thread, Killed};
use jobs::{Alive, Gate, Log, assert_idle, everywhere, fail, settle, until};

const MOMENT: Duration = Duration::from_millis(5);

#[test]
fn v4_a_group_tracks_its_jobs() {
    everywhere(|| {
        let (group, gate) = (Group::new(), Gate::default());
        assert!(group.is_empty());
        group.wait_all().unwrap();
        for count in 1..=3 {
            group.spawn(gate.waiter());
            assert_eq!(group.len(), count);
        }
        let failed = group.spawn(fail::<u8>);
        assert!(failed.join().is_err());
        until(|| group.len() == 3);
        assert_eq!(group.wait_all_timeout(MOMENT), Err(WaitAllError::TimedOut));
        gate.open();
        group.wait_all().unwrap();
        assert!(group.is_empty());
        assert_idle(group.pool());
    });
}

#[test]
fn v4_a_kill_ends_all_of_them() {
    everywhere(|| {
        let (group, alive) = (Group::default(), Alive::default());
        let jobs: Vec<_> = (0..20)
            .map(|_| {
                let token = alive.token();
                group.spawn(move || {
                    let _token = token;
                    loop {
                        thread::park();
                    }
                })
            })
            .collect();
        settle();
        // Some have started, and some perhaps not.
        group.kill().unwrap();
        group.wait_all().unwrap();
        assert_eq!(group.len(), 0);
        for job in jobs {
            assert!(job.join().unwrap_err().is::<Killed>());
        }
        assert_eq!(alive.now(), 0);
        assert_idle(group.pool());
        // It can be used again, and killed again.
        assert_eq!(group.spawn(|| 5).join().unwrap(), 5);
        group.kill().unwrap();
        group.wait_all().unwrap();
    });
}

#[test]
fn v4_those_that_have_not_started_never_do() {
    everywhere(|| {
        let pool = GreenPool::new(1);
        let (group, gate, log) = (Group::with_pool(&pool), Gate::default(), Log::default());
        // Not of the group, so it lives on.
        let stranger = pool.spawn(gate.waiter());
        let spawner = {
            let (group, log) = (group.clone(), log.clone());
            thread::spawn(move || group.spawn(move || log.add("started")).join())
        };
        until(|| pool.waiting() == 1);
        assert_eq!(group.len(), 1);
        group.kill().unwrap();
        gate.open();
        stranger.join().unwrap();
        assert!(spawner.join().unwrap().unwrap_err().is::<Killed>());
        group.wait_all().unwrap();
        assert_eq!(log.take().len(), 0);
        assert_idle(&pool);
    });
}

/// gevent's `pool.kill` leaves those behind who wait (#85).
#[test]
fn v4_a_killed_group_lets_others_into_the_pool() {
    everywhere(|| {
        let pool = GreenPool::new(2);
        let group = Group::with_pool(&pool);
        group.spawn(thread::park);
        group.spawn(thread::park);
        let same = pool.clone();
        let other = thread::spawn(move || same.spawn(|| 7).join().unwrap());
        until(|| pool.waiting() == 1);
        group.kill().unwrap();
        assert_eq!(other.join().unwrap(), 7);
        pool.wait_all().unwrap();
        assert_idle(&pool);
    });
}

#[test]
fn a_member_is_not_killed_by_itself_and_does_not_wait_for_itself() {
    everywhere(|| {
        let group = Group::new();
        let same = group.clone();
        let other = group.spawn(|| {
            loop {
                thread::park();
            }
        });
        let job = group.spawn(move || {
            same.kill().unwrap();
            assert_eq!(same.wait_all(), Err(WaitAllError::Member));
            thread::yield_now();
            "alive"
        });
        assert_eq!(job.join().unwrap(), "alive");
        assert!(other.join().unwrap_err().is::<Killed>());
        group.wait_all().unwrap();
    });
}

#[test]
fn a_job_within_its_spawner_counts() {
    everywhere(|| {
        let group = Group::with_pool(&GreenPool::new(1));
        let same = group.clone();
        let job = group.spawn(move || {
            let inner = same.clone();
            same.spawn(move || inner.len()).join().unwrap()
        });
        assert_eq!(job.join().unwrap(), 2);
        group.wait_all().unwrap();
        assert_idle(group.pool());
    });
}

#[test]
fn two_groups_of_one_pool_are_strangers() {
    everywhere(|| {
        let pool = GreenPool::new(4);
        let (one, two) = (Group::with_pool(&pool), Group::with_pool(&pool));
        let gate = Gate::default();
        let job = one.spawn(gate.waiter());
        two.spawn(thread::park);
        two.kill().unwrap();
        two.wait_all().unwrap();
        assert_eq!((one.len(), two.len(), pool.running()), (1, 0, 1));
        gate.open();
        job.join().unwrap();
        assert_eq!(format!("{two:?}"), format!("Group {{ len: 0, pool: {pool:?} }}"));
    });
}

#[test]
fn kills_meet_starts_and_ends() {
    for _ in 0..50 {
        let (group, alive) = (Group::with_pool(&GreenPool::new(8)), Alive::default());
        let feeder = {
            let (group, alive) = (group.clone(), alive.clone());
            thread::spawn(move || {
                for n in 0..40 {
                    let token = alive.token();
                    group.spawn(move || {
                        let _token = token;
                        // It would wait for ever if the kill went by.
                        if n < 20 { thread::park() } else { thread::yield_now() }
                    });
                }
            })
        };
        while !feeder.is_finished() || !group.is_empty() {
            group.kill().unwrap();
            thread::yield_now();
        }
        feeder.join().unwrap();
        until(|| alive.now() == 0);
        assert_idle(group.pool());
    }
}
