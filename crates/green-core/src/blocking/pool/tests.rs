use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{channel, sync_channel};

use super::*;

#[test]
fn a_job_runs_on_a_named_thread_and_its_result_comes_back() {
    static POOL: Pool = Pool::new("green-test", 2);
    let name = POOL.run(WaitReason::Unblock, || thread::current().name().map(str::to_owned));
    assert!(name.is_some_and(|name| name.starts_with("green-test-")));
}

#[test]
fn a_panic_comes_back_with_its_payload() {
    static POOL: Pool = Pool::new("green-test", 1);
    let result = catch_unwind(|| POOL.run(WaitReason::Unblock, || resume_unwind(Box::new(42_u8))));
    assert_eq!(result.expect_err("the job panics").downcast_ref(), Some(&42_u8));
    assert_eq!(POOL.run(WaitReason::Unblock, || 7), 7, "the worker survives");
}

#[test]
fn a_job_of_a_job_runs_in_place() {
    static POOL: Pool = Pool::new("green-test", 1);
    let (outer, inner) = POOL.run(WaitReason::Unblock, || {
        (thread::current().id(), POOL.run(WaitReason::Unblock, || thread::current().id()))
    });
    assert_eq!(outer, inner);
}

#[test]
fn jobs_beyond_the_limit_wait_in_order_and_all_are_done() {
    static POOL: Pool = Pool::new("green-test", 2);
    static AT_WORK: AtomicUsize = AtomicUsize::new(0);
    let callers: Vec<_> = (0..16)
        .map(|n| {
            thread::spawn(move || {
                POOL.run(WaitReason::Unblock, move || {
                    assert!(AT_WORK.fetch_add(1, Ordering::SeqCst) < 2);
                    thread::yield_now();
                    AT_WORK.fetch_sub(1, Ordering::SeqCst);
                    n
                })
            })
        })
        .collect();
    let results: Vec<_> = callers.into_iter().map(|caller| caller.join().expect("no job panics")).collect();
    assert_eq!(results, (0..16).collect::<Vec<_>>());
    assert!(POOL.lock().workers() <= 2);
    assert_eq!(POOL.lock().queued(), 0);
}

#[test]
fn a_call_comes_back_although_the_limit_is_0() {
    static POOL: Pool = Pool::new("green-test", 1);
    Pool::set_max_threads(&&POOL, 0);
    assert_eq!(POOL.run(WaitReason::Unblock, || 7), 7);
    POOL.dismiss();
    assert_eq!(POOL.run(WaitReason::Unblock, || 8), 8);
}

/// Says on which thread it is dropped.
struct Tell(std::sync::mpsc::Sender<Option<String>>);

impl Drop for Tell {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().name().map(str::to_owned));
    }
}

/// Waits for a job as `run_abandonable` does, as if a kill came at the first park.
fn abandon<F, T>(pool: &'static Pool, f: F) -> thread::Result<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    catch_unwind(AssertUnwindSafe(|| pool.wait_for(f, || resume_unwind(Box::new(())))))
}

#[test]
fn an_abandoned_job_goes_on_and_its_result_is_dropped_by_the_pool() {
    static POOL: Pool = Pool::new("green-test", 1);
    let (start, started) = channel();
    let (finish, may_finish) = channel::<()>();
    let (tell, told) = channel();
    let result = catch_unwind(AssertUnwindSafe(|| {
        POOL.wait_for(
            move || {
                start.send(()).expect("the test waits for this");
                may_finish.recv().expect("the test sends this");
                Tell(tell)
            },
            || {
                started.recv().expect("the job sends this");
                resume_unwind(Box::new(()));
            },
        )
    }));
    assert!(result.is_err());
    finish.send(()).expect("the job is still there");
    let dropped_on = told.recv().expect("the result is dropped");
    assert!(dropped_on.is_some_and(|name| name.starts_with("green-test-")));
    assert_eq!(POOL.run(WaitReason::Unblock, || 1), 1);
}

#[test]
fn a_job_that_was_abandoned_before_its_start_never_runs() {
    static POOL: Pool = Pool::new("green-test", 1);
    let (finish, may_finish) = sync_channel::<()>(0);
    let (start, started) = channel();
    let busy = thread::spawn(move || {
        POOL.run(WaitReason::Unblock, move || {
            start.send(()).expect("the test waits for this");
            may_finish.recv().expect("the test sends this");
        });
    });
    started.recv().expect("the job sends this");
    let ran = Arc::new(AtomicUsize::new(0));
    let job_ran = Arc::clone(&ran);
    assert!(abandon(&POOL, move || job_ran.fetch_add(1, Ordering::SeqCst)).is_err());
    assert_eq!(Arc::strong_count(&ran), 1, "the closure is dropped at once");
    finish.send(()).expect("the job is still there");
    busy.join().expect("the busy job does not panic");
    POOL.run(WaitReason::Unblock, || ());
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[test]
fn a_panic_in_an_unwanted_result_s_destructor_does_not_cost_a_worker() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any("a destructor's panic, which this test expects to see");
        }
    }
    static POOL: Pool = Pool::new("green-test", 1);
    let (finish, may_finish) = channel::<()>();
    let (start, started) = channel();
    let result = catch_unwind(AssertUnwindSafe(|| {
        POOL.wait_for(
            move || {
                start.send(()).expect("the test waits for this");
                may_finish.recv().expect("the test sends this");
                Bomb
            },
            || {
                started.recv().expect("the job sends this");
                resume_unwind(Box::new(()));
            },
        )
    }));
    assert!(result.is_err());
    finish.send(()).expect("the job is still there");
    let worker = POOL.run(WaitReason::Unblock, || thread::current().name().map(str::to_owned));
    assert_eq!(worker.as_deref(), Some("green-test-1"));
}

#[test]
fn jobs_are_done_although_no_thread_can_be_started() {
    // The crew's answer to a failed start is what `start` runs in place.
    static POOL: Pool = Pool::new("green-test", 1);
    let ticket = Ticket::new(|| 5, Unparker::current());
    let call = POOL.lock().submit(Arc::clone(&ticket) as Arc<dyn Job>, 1);
    assert!(matches!(call, Call::Start(1)));
    POOL.lock().start_failed(1).into_iter().for_each(finish);
    assert_eq!(ticket.wait(|| panic!("the result is there")), 5);
}

#[test]
fn nobody_waits_for_an_errand() {
    static POOL: Pool = Pool::new("green-test", 1);
    let (finish, may_finish) = channel::<()>();
    let (tell, told) = channel();
    POOL.detach(move || {
        may_finish.recv().expect("the test sends this");
        tell.send(thread::current().name().map(str::to_owned)).expect("the test waits for this");
    });
    finish.send(()).expect("the errand is still there");
    assert_eq!(told.recv().expect("the errand sends this").as_deref(), Some("green-test-1"));
    POOL.detach(|| panic_any("a panic that this test expects to see"));
    assert_eq!(POOL.run(WaitReason::Unblock, || 1), 1, "the worker survives");
}

#[test]
fn an_errand_of_a_worker_runs_in_place() {
    static POOL: Pool = Pool::new("green-test", 1);
    let ids = POOL.run(WaitReason::Unblock, || {
        let (tell, told) = channel();
        POOL.detach(move || tell.send(thread::current().id()).expect("the job waits for this"));
        (told.recv().expect("the errand sends this"), thread::current().id())
    });
    assert_eq!(ids.0, ids.1);
}

#[test]
fn a_name_that_no_thread_can_have_is_refused_at_once() {
    for name in ["\0", "a\0b", "ab\0"] {
        for make in [|name| Pool::new(name, 1), |name| Pool::configured(name, Config::tpool_size)] {
            let payload = std::panic::catch_unwind(|| make(name)).unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"the name of a pool may not contain a NUL"));
        }
    }
    assert_eq!(Pool::new("", 1).max_threads(), 1);
}
