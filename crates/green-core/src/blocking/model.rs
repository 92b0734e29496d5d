//! loom models of a pool: its crew and its tickets as they are, with loom's threads as workers and callers.

use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread::{self, Thread};

use super::crew::{Call, Crew, Next};
use super::handle::{JoinHandle, Packet};
use super::ticket::{Job, Ticket, finish};
use crate::park::park_until;
use crate::primitive::Mutex;
use crate::unpark::{Unparker, WaitReason};

struct ModelPool {
    crew: Mutex<Crew<Arc<dyn Job>, Thread>>,
    max: usize,
    /// Whether a worker that finds no job sleeps until it is woken, or wakes by itself at once and leaves.
    patient: bool,
    /// How many jobs there will be: the worker that does the last one leaves, so that the model ends.
    jobs: AtomicUsize,
}

impl ModelPool {
    fn new(max: usize, patient: bool, jobs: usize) -> Arc<ModelPool> {
        Arc::new(ModelPool { crew: Mutex::new(Crew::new()), max, patient, jobs: AtomicUsize::new(jobs) })
    }

    fn submit(self: &Arc<Self>, job: Arc<dyn Job>) {
        let call = self.crew.lock().submit(job, self.max);
        self.make(call);
    }

    fn make(self: &Arc<Self>, call: Call<Thread>) {
        match call {
            Call::Wake(worker) => worker.unpark(),
            Call::Start(number) => {
                let pool = Arc::clone(self);
                thread::spawn(move || pool.work(number));
            }
            Call::Wait => {}
        }
    }

    /// As `Pool::work`, with an end.
    fn work(self: &Arc<Self>, number: u64) {
        let mut patient = true;
        loop {
            let next = self.crew.lock().next(number, self.max, patient, thread::current);
            match next {
                Next::Run(job, call) => {
                    self.make(call);
                    finish(job);
                    patient = self.jobs.fetch_sub(1, Ordering::Relaxed) > 1;
                }
                Next::Sleep if self.patient => thread::park(),
                Next::Sleep => patient = false,
                Next::Leave(call) => {
                    self.make(call);
                    return;
                }
            }
        }
    }

    fn run<T: Send + 'static>(self: &Arc<Self>, f: impl FnOnce() -> T + Send + 'static) -> T {
        let ticket = Ticket::new(f, Unparker::current());
        self.submit(Arc::clone(&ticket) as Arc<dyn Job>);
        ticket.wait(|| {
            let _ = park_until(None, WaitReason::Other);
        })
    }

    fn spawn<T: Send + 'static>(self: &Arc<Self>, f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let packet = Arc::new(Packet::new(f));
        self.submit(Arc::clone(&packet) as Arc<dyn Job>);
        JoinHandle::new(packet)
    }

    /// As `Pool::dismiss`.
    fn dismiss(&self) {
        let sleepers = self.crew.lock().dismiss();
        sleepers.into_iter().for_each(|worker| worker.unpark());
    }
}

#[test]
fn loom_the_end_of_a_job_is_never_slept_over() {
    loom::model(|| {
        let pool = ModelPool::new(1, false, 1);
        assert_eq!(pool.spawn(|| 1).join().expect("no panic"), 1);
    });
}

#[test]
fn loom_a_task_is_woken_when_its_job_has_ended() {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    loom::model(|| {
        let packet = Arc::new(Packet::new(|| 1));
        let worker = {
            let job = Arc::clone(&packet) as Arc<dyn Job>;
            thread::spawn(move || finish(job))
        };
        // A thread of its own: loom's `join` does not stand an `unpark` of whoever waits in it.
        let task = thread::spawn(move || {
            let waker = Waker::from(Arc::new(Unpark(thread::current())));
            let mut job = JoinHandle::new(packet).into_future();
            let result = loop {
                match Pin::new(&mut job).poll(&mut Context::from_waker(&waker)) {
                    Poll::Ready(result) => break result,
                    Poll::Pending => thread::park(),
                }
            };
            assert_eq!(result.expect("no panic"), 1);
        });
        worker.join().expect("no panic");
        task.join().expect("no panic");
    });
}

#[test]
fn loom_a_result_is_taken_by_the_handle_or_dropped_once() {
    loom::model(|| {
        let results = Arc::new(AtomicUsize::new(0));
        let result = Arc::clone(&results);
        let packet = Arc::new(Packet::new(move || Counted(result)));
        let worker = {
            let job = Arc::clone(&packet) as Arc<dyn Job>;
            thread::spawn(move || finish(job))
        };
        // A model's deadline passes at any moment.
        match JoinHandle::new(packet).join_until(std::time::Instant::now()) {
            Ok(result) => {
                let result = result.expect("no panic");
                assert_eq!(results.load(Ordering::SeqCst), 0);
                drop(result);
            }
            Err(handle) => drop(handle),
        }
        worker.join().expect("no panic");
        assert_eq!(results.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn loom_what_is_submitted_while_the_pool_is_dismissed_is_done() {
    loom::model(|| {
        let pool = ModelPool::new(1, true, 2);
        assert_eq!(pool.run(|| 1), 1);
        let other = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.dismiss())
        };
        assert_eq!(pool.run(|| 2), 2);
        other.join().expect("no panic");
    });
}

fn two_callers_of_one_worker(patient: bool) {
    loom::model(move || {
        let pool = ModelPool::new(1, patient, 2);
        let other = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.run(|| 1))
        };
        assert_eq!(pool.run(|| 2), 2);
        assert_eq!(other.join().expect("no panic"), 1);
    });
}

#[test]
fn loom_two_callers_share_a_worker_that_sleeps() {
    two_callers_of_one_worker(true);
}

#[test]
fn loom_two_callers_share_a_worker_that_leaves() {
    two_callers_of_one_worker(false);
}

#[test]
fn loom_a_worker_that_was_called_calls_the_next() {
    loom::model(|| {
        let pool = ModelPool::new(2, false, 2);
        let other = {
            let pool = Arc::clone(&pool);
            thread::spawn(move || pool.run(|| 1))
        };
        assert_eq!(pool.run(|| 2), 2);
        assert_eq!(other.join().expect("no panic"), 1);
    });
}

#[test]
fn loom_a_job_that_comes_while_the_worker_falls_asleep_is_done() {
    loom::model(|| {
        let pool = ModelPool::new(1, true, 2);
        assert_eq!(pool.run(|| 1), 1);
        assert_eq!(pool.run(|| 2), 2);
    });
}

#[test]
fn loom_a_job_that_comes_while_the_worker_leaves_is_done() {
    loom::model(|| {
        let pool = ModelPool::new(1, false, 2);
        assert_eq!(pool.run(|| 1), 1);
        assert_eq!(pool.run(|| 2), 2);
    });
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn loom_an_abandoned_job_and_its_result_are_dropped_once() {
    loom::model(|| {
        let inputs = Arc::new(AtomicUsize::new(0));
        let results = Arc::new(AtomicUsize::new(0));
        let runs = Arc::new(AtomicUsize::new(0));
        let job = {
            let (input, result, runs) = (Counted(Arc::clone(&inputs)), Arc::clone(&results), Arc::clone(&runs));
            move || {
                let _input = input;
                runs.fetch_add(1, Ordering::SeqCst);
                Counted(result)
            }
        };
        let ticket = Ticket::new(job, Unparker::current());
        let worker = {
            let job = Arc::clone(&ticket) as Arc<dyn Job>;
            thread::spawn(move || finish(job))
        };
        // The caller is killed at its first park; if the result comes before that, it takes it.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            drop(ticket.wait(|| resume_unwind(Box::new(()))));
        }));
        drop(ticket);
        worker.join().expect("no panic");
        let runs = runs.load(Ordering::SeqCst);
        assert_eq!(inputs.load(Ordering::SeqCst), 1, "the closure is dropped once, run or not");
        assert_eq!(results.load(Ordering::SeqCst), runs, "each result is dropped once");
        assert!(runs == 1 || outcome.is_err());
    });
}
