//! Handles of jobs as futures (E10), with executors that know nothing of green threads.

mod lookers;

use std::future::{Future, IntoFuture};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Wake, Waker};

use green_pool::tpool::{self, Pool};
use green_pool::{GreenPool, JobFuture};
use green_thread::{self as thread, Killed, block_on};
use lookers::{Census, MOMENT, everywhere, timeout, until};

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// An executor of one task, which blocks its OS thread.
fn run<F: IntoFuture>(task: F) -> F::Output {
    let mut task = pin!(task.into_future());
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    loop {
        match task.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Counts its wake-ups.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Bell {
    fn rings(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll_with<F: Future + Unpin>(future: &mut F, bell: &Arc<Bell>) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(&Waker::from(Arc::clone(bell))))
}

fn fail() -> u32 {
    resume_unwind(Box::new("failed"))
}

#[test]
fn jobs_are_awaited_on_green_threads() {
    everywhere(|| {
        let pool = GreenPool::new(2);
        let sum = block_on(async {
            let jobs = [1, 2, 3].map(|n| pool.spawn(move || n));
            let mut sum = 0;
            for job in jobs {
                sum += job.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 6);
        assert_eq!(block_on(pool.spawn(fail)).unwrap_err().downcast_ref(), Some(&"failed"));
        let endless = pool.spawn(|| {
            loop {
                thread::park();
            }
        });
        endless.kill().unwrap();
        assert!(block_on(endless).unwrap_err().is::<Killed>());
        assert_eq!(*block_on(pool.spawn_local(|| Rc::new(4))).unwrap(), 4);
        assert_eq!(block_on(tpool::spawn(|| 5)).unwrap(), 5);
        assert_eq!(block_on(tpool::spawn(fail)).unwrap_err().downcast_ref(), Some(&"failed"));
    });
}

/// The job has run in its spawner, and nothing is left to wait for.
#[test]
fn a_job_that_was_run_at_once_is_awaited_too() {
    let pool = Arc::new(GreenPool::new(1));
    let inner = Arc::clone(&pool);
    let outer = pool.spawn(move || {
        let job = inner.spawn(|| 6);
        assert!(job.thread().is_none());
        let local = inner.spawn_local(|| Rc::new(7));
        assert!(local.thread().is_none());
        let mut done = inner.spawn(|| 8).into_future();
        let bell = Arc::default();
        assert!(matches!(poll_with(&mut done, &bell), Poll::Ready(Ok(8))));
        let again = catch_unwind(AssertUnwindSafe(|| poll_with(&mut done, &bell).is_ready()));
        assert!(again.is_err(), "it is over");
        (block_on(job).unwrap(), *block_on(local).unwrap())
    });
    assert_eq!(block_on(outer).unwrap(), (6, 7));
}

#[test]
fn jobs_are_awaited_on_other_os_threads() {
    let pool = Arc::new(GreenPool::new(4));
    let runs: Vec<_> = (0..4_u32)
        .map(|_| {
            // Started from here: this OS thread may be their home, and is not blocked below.
            let jobs: Vec<_> = (0..50_u32).map(|n| pool.spawn(move || n)).collect();
            std::thread::spawn(move || {
                run(async {
                    let mut sum = 0;
                    for job in jobs {
                        sum += job.await.unwrap();
                    }
                    for n in 0..50_u32 {
                        sum += tpool::spawn(move || n).await.unwrap();
                    }
                    sum
                })
            })
        })
        .collect();
    until(|| runs.iter().all(std::thread::JoinHandle::is_finished));
    assert!(runs.into_iter().all(|run| run.join().unwrap() == 2450));
}

/// The last waker counts, and is rung once, when the result is there.
#[test]
fn a_call_rings_once_when_its_result_is_there() {
    let pool = Pool::new(1, MOMENT);
    let (finish, may_finish) = channel();
    let mut call = pool.spawn(move || may_finish.recv().unwrap()).into_future();
    let bells: [Arc<Bell>; 3] = Default::default();
    for bell in &bells {
        assert!(poll_with(&mut call, bell).is_pending());
    }
    assert_eq!(Arc::strong_count(&bells[0]), 1, "wakers that were replaced are dropped");
    finish.send(9).unwrap();
    until(|| bells[2].rings() > 0);
    assert!(matches!(poll_with(&mut call, &bells[2]), Poll::Ready(Ok(9))));
    assert_eq!(bells.each_ref().map(|bell| bell.rings()), [0, 0, 1]);
    let again = catch_unwind(AssertUnwindSafe(|| poll_with(&mut call, &bells[0]).is_ready()));
    assert!(again.is_err(), "it is over");
}

/// What was begun is done, and its result dropped; nobody is woken for it.
#[test]
fn dropping_the_future_of_a_call_leaves_the_call_alone() {
    let (pool, census) = (Pool::new(1, MOMENT), Census::default());
    let (finish, may_finish) = channel();
    let counted = census.add();
    let mut call = pool.spawn(move || (may_finish.recv().unwrap(), counted)).into_future();
    let bell = Arc::default();
    assert!(poll_with(&mut call, &bell).is_pending());
    drop(call);
    assert_eq!(Arc::strong_count(&bell), 1);
    finish.send(()).unwrap();
    until(|| census.alive() == 0);
    assert_eq!(bell.rings(), 0);
}

#[test]
fn dropping_the_future_of_a_job_detaches_it() {
    let pool = GreenPool::new(1);
    let job = pool.spawn(thread::park);
    let thread = job.thread().unwrap().clone();
    let mut future: JobFuture<()> = job.into_future();
    let bell = Arc::default();
    assert!(poll_with(&mut future, &bell).is_pending());
    drop(future);
    assert_eq!(Arc::strong_count(&bell), 1);
    assert_eq!(pool.free(), 0);
    thread.unpark();
    until(|| pool.free() == 1);
}

/// A timeout ends the wait, not the job.
#[test]
fn a_deadline_passes_while_a_job_is_awaited() {
    let (pool, calls) = (GreenPool::new(1), Pool::new(1, MOMENT));
    let (finish, may_finish) = channel::<()>();
    let job = pool.spawn(thread::park);
    let parked = job.thread().unwrap().clone();
    assert!(timeout(MOMENT, || block_on(job)).is_none());
    parked.unpark();
    let call = calls.spawn(move || may_finish.recv());
    assert!(timeout(MOMENT, || block_on(call)).is_none());
    finish.send(()).unwrap();
    until(|| pool.free() == 1);
}

/// An executor may poll where it is woken: on the thread of the pool, before the job is quite over.
#[test]
fn a_waker_may_poll_at_once() {
    type Poller = Box<dyn FnOnce() + Send>;
    struct Inline(std::sync::Mutex<Option<Poller>>);
    impl Wake for Inline {
        fn wake(self: Arc<Self>) {
            let poll = self.0.lock().unwrap().take();
            poll.into_iter().for_each(|poll| poll());
        }
    }
    let pool = Pool::new(1, MOMENT);
    let (finish, may_finish) = channel();
    let call = Arc::new(std::sync::Mutex::new(pool.spawn(move || may_finish.recv().unwrap()).into_future()));
    let (tell, told) = channel();
    let again = Arc::clone(&call);
    let poll =
        move || tell.send(Pin::new(&mut *again.lock().unwrap()).poll(&mut Context::from_waker(Waker::noop()))).unwrap();
    let waker = Waker::from(Arc::new(Inline(std::sync::Mutex::new(Some(Box::new(poll))))));
    assert!(Pin::new(&mut *call.lock().unwrap()).poll(&mut Context::from_waker(&waker)).is_pending());
    finish.send(3).unwrap();
    assert!(matches!(told.recv().unwrap(), Poll::Ready(Ok(3))));
}

/// A waker that panics is the executor's affair: the pool's thread goes on.
#[test]
fn a_waker_that_panics_ends_nothing() {
    struct Faulty;
    impl Wake for Faulty {
        fn wake(self: Arc<Self>) {
            resume_unwind(Box::new("faulty"));
        }
    }
    let pool = Pool::new(1, MOMENT);
    let (finish, may_finish) = channel();
    let mut call = pool.spawn(move || may_finish.recv().unwrap()).into_future();
    let waker = Waker::from(Arc::new(Faulty));
    assert!(Pin::new(&mut call).poll(&mut Context::from_waker(&waker)).is_pending());
    finish.send(1).unwrap();
    assert_eq!(pool.execute(|| 2), 2);
    assert_eq!(run(call).unwrap(), 1);
}
