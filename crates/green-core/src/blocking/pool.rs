//! An elastic pool of OS threads: started on demand, gone after a while without work.
//!
//! What the caller and a worker do with a job is told in [`ticket`](super::ticket), and which worker takes which job in
//! [`crew`](super::crew).
//!
//! Rejected: a channel, from which workers receive with a timeout, wakes the worker that has slept longest, so that
//! under light load each gets something to do now and then, and none ever leaves.

use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::crew::{Call, Crew, Next};
use super::handle::{JoinHandle, Packet};
use super::ticket::{Errand, Job, Ticket, finish};
use crate::clock;
use crate::config::{self, Config};
use crate::current;
use crate::fork;
use crate::kill::{self, Shield};
use crate::park::park;
use crate::per_process::{PerProcess, process_number};
use crate::unpark::{Outcome, Unparker, WaitReason};
use crate::wait_queue::WaitQueue;

/// How long a worker waits for a job before it leaves.
const PATIENCE: Duration = Duration::from_secs(10);

thread_local! {
    /// True on the workers of every pool.
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// Returns true on the workers of every pool.
pub(super) fn is_worker() -> bool {
    IS_WORKER.get()
}

/// An elastic pool of OS threads for calls that cannot park.
///
/// A pool is a `static`, or lives in an [`Arc`] ([`Hold`]). It has no threads at first; jobs start them, up to a limit,
/// beyond which jobs wait in order. A thread that has had nothing to do for ten seconds, or as long as the pool was
/// told, leaves. Pools are separate so that what waits in one, slow name servers say, holds up nothing in another.
///
/// What happens before [`run`](Self::run) is visible to the job, and what the job does to whoever takes its result.
///
/// # Examples
///
/// ```
/// use green_core::blocking::Pool;
/// use green_core::unpark::WaitReason;
///
/// static POOL: Pool = Pool::new("adders", 4);
///
/// assert_eq!(POOL.run(WaitReason::Unblock, || 2 + 2), 4);
/// ```
pub struct Pool {
    /// What its threads are called, before the number.
    name: &'static str,
    /// How many threads it may have, where that is a setting of the process.
    setting: Option<fn(&Config) -> usize>,
    /// How many it may have, once that was said.
    max: AtomicUsize,
    /// How long a worker waits for a job before it leaves.
    patience: Duration,
    /// The child of a fork has none of its threads, and nobody who waits for the jobs.
    jobs: PerProcess<Mutex<Jobs>>,
    /// Told each time when a worker has left.
    left: PerProcess<WaitQueue>,
}

/// `str::contains`, in a constant.
const fn contains_nul(name: &str) -> bool {
    let mut rest = name.as_bytes();
    while let [first, others @ ..] = rest {
        if *first == 0 {
            return true;
        }
        rest = others;
    }
    false
}

/// No limit was set.
const UNSET: usize = usize::MAX;

/// What a pool's threads hold on to it by: a `&'static Pool` or an `Arc<Pool>`.
pub trait Hold: Deref<Target = Pool> + Clone + Send + 'static {}

impl<H: Deref<Target = Pool> + Clone + Send + 'static> Hold for H {}

type Jobs = Crew<Arc<dyn Job>, Thread>;

impl Pool {
    /// Creates a pool with threads called `name-1`, `name-2` and so on, of which there are at most `max_threads`.
    ///
    /// # Panics
    ///
    /// Panics if `max_threads` is 0, or if the name contains a NUL, which the name of an OS thread cannot; in a `static`, that
    /// is an error at compile time.
    ///
    /// ```compile_fail,E0080
    /// static POOL: green_core::blocking::Pool = green_core::blocking::Pool::new("no\0name", 1);
    /// ```
    pub const fn new(name: &'static str, max_threads: usize) -> Pool {
        assert!(max_threads > 0, "a pool needs a thread at least");
        Pool::with(name, None, max_threads)
    }

    /// Creates a pool with as many threads as `setting` says; what that is is asked for as jobs come.
    ///
    /// # Panics
    ///
    /// Panics if the name contains a NUL.
    pub const fn configured(name: &'static str, setting: fn(&Config) -> usize) -> Pool {
        Pool::with(name, Some(setting), UNSET)
    }

    const fn with(name: &'static str, setting: Option<fn(&Config) -> usize>, max: usize) -> Pool {
        // Here and not when the first job starts a thread.
        assert!(!contains_nul(name), "the name of a pool may not contain a NUL");
        Pool {
            name,
            setting,
            max: AtomicUsize::new(max),
            patience: PATIENCE,
            jobs: PerProcess::new(|| Mutex::new(Crew::new())),
            left: PerProcess::new(WaitQueue::new),
        }
    }

    /// Lets threads leave that have had nothing to do for so long.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Pool {
        self.patience = patience;
        self
    }

    /// Runs `f` on a thread of the pool, and parks the calling green thread until it has finished.
    ///
    /// The wait is shielded: a kill or a deadline that comes meanwhile is delivered at the next park after it. On a
    /// thread of any pool, `f` runs in place; so it does if the pool has no thread and none can be started.
    ///
    /// # Panics
    ///
    /// Panics with the payload of `f`'s panic.
    pub fn run<F, T>(&'static self, reason: WaitReason, f: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if is_worker() {
            return f();
        }
        current::hub().check_call(reason);
        let _shield = Shield::new();
        self.wait_for(f, || {
            // Under the shield, nothing interrupts a park.
            let _ = park(reason);
        })
    }

    /// Runs `f` as [`run`](Self::run) does, for whoever still wants the result: a kill or a deadline ends the wait at
    /// once. Then `f` is dropped if it was not started; otherwise it goes on alone, and the pool drops its result.
    ///
    /// # Panics
    ///
    /// Panics with the payload of `f`'s panic.
    pub fn run_abandonable<F, T>(&'static self, reason: WaitReason, f: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if is_worker() {
            return f();
        }
        self.wait_for(f, || {
            if park(reason) == Outcome::Interrupted {
                kill::deliver();
            }
        })
    }

    /// Leaves `f` to a thread of the pool and goes on at once. On a thread of any pool, `f` runs in place; so it does if
    /// the pool has no thread and none can be started.
    ///
    /// A panic of `f` ends `f`.
    pub fn detach<F>(&'static self, f: F)
    where
        F: FnOnce() + Send + 'static,
    {
        let errand = Arc::new(Errand::new(f));
        if is_worker() || fork::is_unusable() { finish(errand) } else { submit(&self, errand) }
    }

    /// Leaves `f` to a thread of the pool, and returns the right to its result. Only `f` itself can end it: it is run
    /// even if nobody waits for it any more.
    ///
    /// On a thread of any pool, in the child of a fork, on a pool whose limit is 0, and if the pool has no thread and
    /// none can be started, `f` is run in place.
    ///
    /// # Panics
    ///
    /// If the settings in `GREEN_*` are not valid, for a pool that depends on them.
    pub fn spawn<F, T>(pool: &impl Hold, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let packet = Arc::new(Packet::new(f));
        let job = Arc::clone(&packet) as Arc<dyn Job>;
        let in_place = is_worker() || pool.max_threads() == 0 || fork::is_unusable();
        if in_place {
            finish(job)
        } else {
            submit(pool, job)
        }
        JoinHandle::new(packet)
    }

    /// Sets how many threads the pool may have from now on. Those that are too many finish their jobs first; one is
    /// left to do what has been submitted, even if the limit is 0.
    pub fn set_max_threads(pool: &impl Hold, max: usize) {
        pool.max.store(max.min(UNSET - 1), Ordering::Relaxed);
        let (leaving, call) = pool.lock().limit(max);
        leaving.into_iter().for_each(|worker| worker.unpark());
        make(pool, call);
    }

    /// Returns how many threads the pool may have.
    ///
    /// # Panics
    ///
    /// If that is a setting of the process, and those in `GREEN_*` are not valid.
    pub fn max_threads(&self) -> usize {
        let max = self.max.load(Ordering::Relaxed);
        match self.setting {
            Some(setting) if max == UNSET => match config::get() {
                Ok(config) => setting(config),
                Err(error) => panic!("{error}"),
            },
            _ => max,
        }
    }

    /// Returns how many threads the pool has, busy or not.
    pub fn threads(&self) -> usize {
        self.lock().workers()
    }

    /// Returns how many jobs no thread has taken yet.
    pub fn queued(&self) -> usize {
        self.lock().queued()
    }

    /// Sends the threads away that the pool has now, once they have done what was submitted until now. For what is
    /// submitted later there will be others.
    pub fn dismiss(&self) {
        let sleepers = self.lock().dismiss();
        sleepers.into_iter().for_each(|worker| worker.unpark());
    }

    /// Waits until all threads that were dismissed have left, or until `deadline`. Like
    /// [`WaitQueue::wait_until`], it does not unwind; on a thread of any pool, it does not wait.
    pub fn wait_dismissed(&self, deadline: Option<Instant>) -> Outcome {
        let is_there = || self.lock().veterans() > 0;
        while !is_worker() && is_there() {
            let outcome = self.left.wait_until(deadline, WaitReason::Unblock, is_there);
            if outcome != Outcome::Unparked {
                return outcome;
            }
        }
        Outcome::Unparked
    }

    /// Submits `f` and calls `wait` until the result is there. If `wait` unwinds, nobody wants the result.
    fn wait_for<F, T>(&'static self, f: F, wait: impl Fn()) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let ticket = Ticket::new(f, Unparker::current());
        submit(&self, Arc::clone(&ticket) as Arc<dyn Job>);
        ticket.wait(wait)
    }

    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock()
    }
}

fn submit(pool: &impl Hold, job: Arc<dyn Job>) {
    let max = pool.max_threads();
    let call = pool.lock().submit(job, max);
    make(pool, call);
}

fn make(pool: &impl Hold, call: Call<Thread>) {
    match call {
        Call::Wake(worker) => worker.unpark(),
        Call::Start(number) => start(pool, number),
        Call::Wait => {}
    }
}

fn start(pool: &impl Hold, number: u64) {
    let builder = thread::Builder::new().name(format!("{}-{number}", pool.name));
    let held = pool.clone();
    if builder.spawn(move || work(&held, number)).is_ok() {
        return;
    }
    // Without memory or room for threads, the jobs still have to be done, by this thread if by no other. They are
    // not its own, so a kill of the green thread that runs here must not end them.
    let _shield = Shield::new();
    let jobs = pool.lock().start_failed(number);
    pool.left.notify_all();
    jobs.into_iter().for_each(finish);
}

/// Runs on a worker from its start to its end.
fn work(pool: &impl Hold, number: u64) {
    IS_WORKER.set(true);
    let process = process_number();
    let mut patient = true;
    loop {
        let max = pool.max_threads();
        let next = pool.lock().next(number, max, patient, thread::current);
        match next {
            Next::Run(job, call) => {
                make(pool, call);
                finish(job);
                if process_number() != process {
                    // The job has forked, and this is the child, which knows nothing of this worker.
                    return;
                }
                patient = true;
            }
            Next::Sleep => {
                let asleep_since = clock::now();
                thread::park_timeout(pool.patience);
                patient = clock::now() - asleep_since < pool.patience;
            }
            Next::Leave(call) => {
                make(pool, call);
                pool.left.notify_all();
                return;
            }
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.name)
            .field("threads", &self.threads())
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
