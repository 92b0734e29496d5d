//! `Barrier`: std's behaviour in every world, then kills.

mod worlds;

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};

use green_sync::{Arc, Barrier};
use green_thread::{self as thread, Killed};
use worlds::{assert_is, in_every_world, linger};

in_every_world! {
    fn nobody_passes_before_all_have_come_and_one_leads() {
        let shared = Arc::new((sync::Barrier::new(4), AtomicUsize::new(0), AtomicUsize::new(0)));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let (barrier, came, leaders) = &*shared;
                    for round in 1..=50 {
                        came.fetch_add(1, Ordering::SeqCst);
                        let result = barrier.wait();
                        assert!(came.load(Ordering::SeqCst) >= 4 * round);
                        leaders.fetch_add(usize::from(result.is_leader()), Ordering::SeqCst);
                        // Nobody can be two meetings ahead.
                        barrier.wait();
                        assert_eq!(leaders.load(Ordering::SeqCst), round);
                        barrier.wait();
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }

    fn a_barrier_for_none_or_one_holds_nobody() {
        for n in 0..2 {
            let barrier = sync::Barrier::new(n);
            for _ in 0..3 {
                assert!(barrier.wait().is_leader());
            }
        }
    }

    fn debug_and_traits() {
        assert_eq!(format!("{:?}", sync::Barrier::new(1)), "Barrier { .. }");
        assert_eq!(format!("{:?}", sync::Barrier::new(1).wait()), "BarrierWaitResult { is_leader: true }");
        assert_is!(sync::Barrier: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
        assert_is!(sync::BarrierWaitResult: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
    }

    fn statics_need_no_preparation() {
        static BARRIER: sync::Barrier = sync::Barrier::new(1);
        assert!(BARRIER.wait().is_leader());
    }
}

#[test]
fn one_that_is_killed_while_it_waits_does_not_count() {
    let barrier = Arc::new(Barrier::new(2));
    let wait = |barrier: &Arc<Barrier>| {
        let barrier = Arc::clone(barrier);
        thread::spawn(move || barrier.wait().is_leader())
    };
    let victim = wait(&barrier);
    linger();
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    let (one, other) = (wait(&barrier), wait(&barrier));
    assert!(one.join().unwrap() ^ other.join().unwrap());
}

/// The kill comes before, during or after the meeting; either the victim is there for it or it does not count.
#[test]
fn a_kill_at_the_moment_of_the_meeting_leaves_the_count_right() {
    for _ in 0..200 {
        let barrier = Arc::new(Barrier::new(2));
        let victim = thread::spawn({
            let barrier = Arc::clone(&barrier);
            move || {
                barrier.wait();
            }
        });
        let other = thread::spawn({
            let barrier = Arc::clone(&barrier);
            move || {
                barrier.wait();
            }
        });
        thread::yield_now();
        victim.kill().unwrap();
        if victim.join().is_err() {
            // It was not there, so the other one waits for somebody else.
            barrier.wait();
        }
        other.join().unwrap();
        let last = thread::spawn({
            let barrier = Arc::clone(&barrier);
            move || barrier.wait().is_leader()
        });
        assert!(barrier.wait().is_leader() ^ last.join().unwrap());
    }
}
