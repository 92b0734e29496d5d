//! `tpool`: calls on OS threads, whoever makes them and whatever becomes of them.

mod lookers;

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use green_core::unpark::{Outcome, WaitReason};
use green_core::waitable::wait_any;
use green_pool::tpool::{self, JoinHandle, Pool};
use green_tests::{Mode, holds_in};
use green_thread as thread;
use lookers::{AGE, Census, MOMENT, everywhere, timeout, until};

/// Returns a job that says when it has begun, and ends when it is told to.
fn held_job<T: Send + 'static>(result: T) -> (impl FnOnce() -> T + Send + 'static, Begun, Sender<()>) {
    let (begin, begun) = channel();
    let (finish, may_finish) = channel();
    let job = move || {
        let _ = begin.send(());
        may_finish.recv().unwrap();
        result
    };
    (job, Begun(Mutex::new(begun)), finish)
}

struct Begun(Mutex<std::sync::mpsc::Receiver<()>>);

impl Begun {
    fn wait(&self) {
        until(|| self.0.lock().unwrap().try_recv().is_ok());
    }
}

/// Says on which OS thread it is dropped.
#[derive(Debug)]
struct Tell(Sender<Option<String>>);

impl Drop for Tell {
    fn drop(&mut self) {
        let _ = self.0.send(std::thread::current().name().map(str::to_owned));
    }
}

fn is_of_a_pool(name: Option<String>) -> bool {
    name.is_some_and(|name| name.starts_with("green-tpool-"))
}

// test_contention, test_a_buncha_stuff

#[test]
fn each_of_many_callers_gets_its_own_result() {
    everywhere(|| {
        let callers: Vec<_> = (0..10_u32)
            .map(|caller| {
                thread::spawn(move || {
                    for call in 0..100 {
                        let token = (caller, call);
                        assert_eq!(tpool::execute(move || token), token);
                    }
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().unwrap());
    });
}

#[test]
fn the_call_is_on_another_thread_and_the_caller_stays_on_its_own() {
    everywhere(|| {
        let before = std::thread::current().id();
        let there = tpool::execute(|| (std::thread::current().id(), std::thread::current().name().map(str::to_owned)));
        assert_eq!(std::thread::current().id(), before);
        assert_ne!(there.0, before);
        assert!(is_of_a_pool(there.1));
    });
}

// test_raising_exceptions, test_eventlet_timeout

#[test]
fn a_panic_comes_back_with_its_payload() {
    #[derive(Debug, PartialEq)]
    struct TimedOut(u32);
    everywhere(|| {
        for _ in 0..3 {
            let payload = catch_unwind(|| tpool::execute(|| panic_any(TimedOut(7)))).unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&TimedOut(7)));
        }
        let payload = tpool::spawn(|| panic_any(TimedOut(8))).join().unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&TimedOut(8)));
        assert_eq!(tpool::execute(|| 1), 1);
    });
}

// test_leakage_from_tracebacks, test_exception_leak

#[test]
fn a_hundred_calls_that_fail_leak_nothing() {
    let census = Census::default();
    for _ in 0..100 {
        let (input, payload) = (census.add(), census.add());
        let failed = catch_unwind(AssertUnwindSafe(|| {
            tpool::execute(move || {
                let _input = input;
                panic_any(payload)
            })
        }));
        drop(failed);
        let abandoned = census.add();
        drop(tpool::spawn(move || panic_any(abandoned)));
    }
    until(|| census.alive() == 0);
}

// test_timeout

#[test]
fn a_caller_whose_time_is_up_is_gone_at_once_and_the_job_is_done_all_the_same() {
    everywhere(|| {
        let (tell, told) = channel();
        let (job, begun, finish) = held_job(Tell(tell));
        assert!(timeout(Duration::from_millis(20), || tpool::execute(job)).is_none());
        begun.wait();
        finish.send(()).unwrap();
        assert!(is_of_a_pool(told.recv().unwrap()), "its result is dropped where it was made");
    });
}

#[test]
fn a_caller_that_is_killed_is_gone_at_once_and_its_job_is_done_at_its_turn() {
    let pool = Arc::new(Pool::new(1, AGE));
    let (first, begun, finish) = held_job(());
    let first = pool.spawn(first);
    begun.wait();
    let (tell, told) = channel();
    let victim = {
        let pool = Arc::clone(&pool);
        thread::spawn(move || pool.execute(move || Tell(tell)))
    };
    until(|| pool.queued() == 1);
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<thread::Killed>());
    assert!(told.try_recv().is_err(), "the job has not begun");
    finish.send(()).unwrap();
    first.join().unwrap();
    assert!(is_of_a_pool(told.recv().unwrap()));
}

#[test]
fn a_result_that_is_there_is_not_lost_to_a_deadline() {
    let (job, begun, finish) = held_job(5);
    let mut handle = tpool::spawn(job);
    begun.wait();
    for _ in 0..3 {
        handle = handle.join_timeout(Duration::from_millis(1)).unwrap_err();
        assert!(!handle.is_finished());
    }
    let soon = Some(Instant::now() + Duration::from_millis(1));
    assert_eq!(wait_any(&[&handle], soon, WaitReason::Select), Err(Outcome::TimedOut));
    finish.send(()).unwrap();
    assert_eq!(wait_any(&[&handle], None, WaitReason::Select), Ok(0));
    assert!(handle.is_finished());
    assert_eq!(handle.join_timeout(Duration::ZERO).unwrap().unwrap(), 5);
}

#[test]
fn a_handle_goes_where_it_is_wanted() {
    let from_os = tpool::spawn(|| 1);
    assert_eq!(thread::spawn(move || from_os.join().unwrap()).join().unwrap(), 1);
    let from_green = thread::spawn(|| tpool::spawn(|| 2)).join().unwrap();
    assert_eq!(std::thread::spawn(move || from_green.join().unwrap()).join().unwrap(), 2);
    fn is<T: Send + Sync>() {}
    is::<JoinHandle<std::cell::Cell<u8>>>();
}

// From a pool's thread: inline, so no recursion deadlock.

#[test]
fn a_call_within_a_call_is_made_in_place() {
    let pool = Arc::new(Pool::new(1, AGE));
    let inner = Arc::clone(&pool);
    let (outer, nested, spawned) = pool.execute(move || {
        let here = || std::thread::current().id();
        (here(), inner.execute(here), inner.spawn(here).join().unwrap())
    });
    assert_eq!((outer, outer), (nested, spawned));
    assert_eq!(tpool::execute(|| tpool::execute(|| tpool::execute(|| 3))), 3);
}

#[test]
fn a_job_may_use_green_threads_of_its_own() {
    let sum = tpool::execute(|| {
        let parts: Vec<_> = (1..=3).map(|n| thread::spawn_local(move || n)).collect();
        parts.into_iter().map(|part| part.join().unwrap()).sum::<i32>()
    });
    assert_eq!(sum, 6);
}

// test_killall, test_killall_remaining_results

#[test]
fn a_pool_that_was_shut_down_starts_again() {
    everywhere(|| {
        let pool = Pool::new(4, AGE);
        for _ in 0..3 {
            let calls: Vec<_> = (0..8).map(|n| pool.spawn(move || n)).collect();
            pool.shutdown();
            assert_eq!((pool.threads(), pool.queued()), (0, 0));
            assert!(calls.iter().all(JoinHandle::is_finished), "what was submitted is done");
            assert_eq!(calls.into_iter().map(|call| call.join().unwrap()).sum::<i32>(), 28);
        }
        pool.shutdown();
        assert_eq!(pool.execute(|| 1), 1);
    });
}

#[test]
fn who_waits_for_a_result_during_a_shutdown_gets_it() {
    let pool = Arc::new(Pool::new(2, AGE));
    let (job, begun, finish) = held_job(9);
    let waiter = {
        let pool = Arc::clone(&pool);
        thread::spawn(move || pool.execute(job))
    };
    begun.wait();
    let closer = {
        let pool = Arc::clone(&pool);
        thread::spawn(move || pool.shutdown())
    };
    // A shutdown that is given up does no harm.
    assert!(timeout(MOMENT, || pool.shutdown()).is_none());
    assert_eq!(pool.execute(|| 1), 1, "there is room for another thread meanwhile");
    assert!(!closer.is_finished());
    finish.send(()).unwrap();
    assert_eq!(waiter.join().unwrap(), 9);
    closer.join().unwrap();
    pool.shutdown();
    assert_eq!(pool.threads(), 0);
}

#[test]
fn a_shutdown_from_a_job_does_not_wait_for_itself() {
    let pool = Arc::new(Pool::new(1, AGE));
    let inner = Arc::clone(&pool);
    pool.execute(move || inner.shutdown());
    until(|| pool.threads() == 0);
    assert_eq!(pool.execute(|| 1), 1);
}

#[test]
fn what_a_dropped_pool_was_given_is_done() {
    let pool = Pool::new(1, AGE);
    let (job, begun, finish) = held_job(());
    let first = pool.spawn(job);
    begun.wait();
    let rest: Vec<_> = (0..5).map(|n| pool.spawn(move || n)).collect();
    drop(pool);
    finish.send(()).unwrap();
    first.join().unwrap();
    assert_eq!(rest.into_iter().map(|call| call.join().unwrap()).sum::<i32>(), 10);
}

// Sizes.

#[test]
fn ten_thousand_jobs_in_flight_have_no_more_threads_than_the_size() {
    let pool = Pool::new(4, AGE);
    let gate = Arc::new(Barrier::new(5));
    let jobs: Vec<_> = (0..10_000_u32)
        .map(|n| {
            let gate = (n < 4).then(|| Arc::clone(&gate));
            pool.spawn(move || {
                if let Some(gate) = gate {
                    gate.wait();
                }
                n
            })
        })
        .collect();
    assert!(pool.threads() <= 4);
    until(|| pool.threads() == 4 && pool.queued() == 9_996);
    gate.wait();
    let mut sum = 0;
    for job in jobs {
        sum += u64::from(job.join().unwrap());
        assert!(pool.threads() <= 4);
    }
    assert_eq!(sum, 9_999 * 5_000);
}

#[test]
fn a_pool_grows_for_those_that_wait_and_shrinks_as_jobs_end() {
    let pool = Pool::new(1, AGE);
    let gate = Arc::new(Barrier::new(4));
    let meet = || {
        let gate = Arc::clone(&gate);
        pool.spawn(move || gate.wait().is_leader())
    };
    let jobs = [meet(), meet(), meet()];
    assert_eq!(pool.threads(), 1);
    pool.set_size(3);
    assert_eq!(pool.size(), 3);
    gate.wait();
    let leaders: usize = jobs.into_iter().map(|job| usize::from(job.join().unwrap())).sum();
    assert!(leaders <= 1);
    assert_eq!(pool.threads(), 3);
    pool.set_size(1);
    until(|| pool.threads() == 1);
    assert_eq!(pool.execute(|| 1), 1);
}

#[test]
fn a_pool_of_size_0_runs_everything_in_place() {
    let pool = Pool::new(0, AGE);
    let here = std::thread::current().id();
    assert_eq!(pool.execute(|| std::thread::current().id()), here);
    assert_eq!(pool.spawn(|| std::thread::current().id()).join().unwrap(), here);
    assert!(catch_unwind(AssertUnwindSafe(|| pool.execute(|| panic_any(1)))).unwrap_err().is::<i32>());
    assert_eq!((pool.size(), pool.threads()), (0, 0));
    pool.set_size(1);
    assert_ne!(pool.execute(|| std::thread::current().id()), here);
}

#[test]
fn a_job_that_waits_when_the_size_becomes_0_is_done() {
    let pool = Pool::new(1, AGE);
    let (job, begun, finish) = held_job(());
    let first = pool.spawn(job);
    begun.wait();
    let second = pool.spawn(|| 2);
    pool.set_size(0);
    finish.send(()).unwrap();
    first.join().unwrap();
    assert_eq!(second.join().unwrap(), 2);
}

#[test]
fn threads_that_have_nothing_to_do_leave() {
    let pool = Pool::new(4, Duration::from_millis(1));
    let jobs: Vec<_> = (0..8).map(|n| pool.spawn(move || n)).collect();
    assert_eq!(jobs.into_iter().map(|job| job.join().unwrap()).sum::<i32>(), 28);
    until(|| pool.threads() == 0);
    assert_eq!(pool.execute(|| 1), 1);
}

/// Runs a test of this program in a child with a setting, and returns what it said, and whether it went well.
fn run_child(name: &str, size: &str) -> (bool, String) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("GREEN_TEST_CHILD", "1")
        .env("GREEN_TPOOL_SIZE", size)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_size_is_a_setting() {
    const NAME: &str = "the_size_is_a_setting";
    if std::env::var_os("GREEN_TEST_CHILD").is_some() {
        let here = std::thread::current().id();
        let there = tpool::execute(|| std::thread::current().id());
        let asked: usize = std::env::var("GREEN_TPOOL_SIZE").unwrap().parse().unwrap_or(20);
        assert_eq!(tpool::size(), asked);
        assert_eq!(here == there, asked == 0);
        tpool::set_size(3);
        assert_eq!(tpool::size(), 3);
        return;
    }
    for good in ["0", "7", ""] {
        let (success, said) = run_child(NAME, good);
        assert!(success, "{said}");
    }
    for bad in ["-1", "many", "40000"] {
        let (success, said) = run_child(NAME, bad);
        assert!(!success, "{bad}");
        let expected =
            format!("the environment variable GREEN_TPOOL_SIZE is {bad:?}, but must be a number from 0 to 32768");
        assert!(said.contains(&expected), "{said}");
    }
}

// A hub that goes on.

#[test]
fn neighbours_of_a_caller_run_meanwhile() {
    if !holds_in(&[Mode::Default, Mode::Hubs0]) {
        return;
    }
    // The job ends when a neighbour on the same OS thread has had its turn.
    let (turn, had_turn) = channel();
    let caller = thread::spawn_local(move || tpool::execute(move || had_turn.recv().unwrap()));
    let neighbour = thread::spawn_local(move || turn.send(1).unwrap());
    assert_eq!(caller.join().unwrap(), 1);
    neighbour.join().unwrap();
}

#[test]
fn twenty_calls_take_as_long_as_one() {
    const CALL: Duration = Duration::from_millis(50);
    let pool = Arc::new(Pool::new(20, AGE));
    let begin = Instant::now();
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let pool = Arc::clone(&pool);
            // The call is one that takes its time.
            thread::spawn(move || pool.execute(|| std::thread::sleep(CALL)))
        })
        .collect();
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    assert!(begin.elapsed() < 10 * CALL, "{:?}", begin.elapsed());
}
