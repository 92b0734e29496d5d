//! An elastic pool of OS threads: started on demand, gone after a while without work.
//!
//! What the caller and a worker do with a job is told in [`ticket`](super::ticket), and which worker takes which job in
//! [`crew`](super::crew).
//!
//! Rejected: a channel, from which workers receive with a timeout, wakes the worker that has slept longest, so that
//! under light load each gets something to do now and then, and none ever leaves.

use std::cell::Cell;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::crew::{Call, Crew, Next};
use super::ticket::{Errand, Job, Ticket, finish};
use crate::clock;
use crate::config;
use crate::kill::{self, Shield};
use crate::park::park;
use crate::sys;
use crate::unpark::{Outcome, Unparker, WaitReason};

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
/// A pool is a `static`. It has no threads at first; jobs start them, up to a limit, beyond which jobs wait in order. A
/// thread that has had nothing to do for ten seconds leaves. Pools are separate so that what waits in one, slow name
/// servers say, holds up nothing in another.
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
    /// How many threads it may have; `None` for the setting of the process.
    max: Option<usize>,
    shared: Mutex<Shared>,
}

struct Shared {
    crew: Crew<Arc<dyn Job>, Thread>,
    /// The process in which the crew works; the child of a fork has none of its threads.
    fork_generation: u32,
}

impl Pool {
    /// Creates a pool with threads called `name-1`, `name-2` and so on, of which there are at most `max_threads`.
    ///
    /// # Panics
    ///
    /// Panics if `max_threads` is 0; in a `static`, that is an error at compile time.
    pub const fn new(name: &'static str, max_threads: usize) -> Pool {
        assert!(max_threads > 0, "a pool needs a thread at least");
        Pool { name, max: Some(max_threads), shared: Mutex::new(Shared::new()) }
    }

    /// Creates a pool with at most as many threads as the setting `GREEN_BLOCKING_THREADS` says.
    pub const fn configured(name: &'static str) -> Pool {
        Pool { name, max: None, shared: Mutex::new(Shared::new()) }
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
        if is_worker() { finish(errand) } else { self.submit(errand) }
    }

    /// Submits `f` and calls `wait` until the result is there. If `wait` unwinds, nobody wants the result.
    fn wait_for<F, T>(&'static self, f: F, wait: impl Fn()) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let ticket = Ticket::new(f, Unparker::current());
        self.submit(Arc::clone(&ticket) as Arc<dyn Job>);
        ticket.wait(wait)
    }

    fn submit(&'static self, job: Arc<dyn Job>) {
        let max = self.max_threads();
        let call = self.lock().crew.submit(job, max);
        self.make(call);
    }

    fn make(&'static self, call: Call<Thread>) {
        match call {
            Call::Wake(worker) => worker.unpark(),
            Call::Start(number) => self.start(number),
            Call::Wait => {}
        }
    }

    fn max_threads(&self) -> usize {
        let configured = || match config::get() {
            Ok(config) => config.blocking_threads(),
            Err(error) => panic!("{error}"),
        };
        self.max.unwrap_or_else(configured)
    }

    fn start(&'static self, number: u64) {
        let builder = thread::Builder::new().name(format!("{}-{number}", self.name));
        if builder.spawn(move || self.work(number)).is_ok() {
            return;
        }
        // Without memory or room for threads, the jobs still have to be done, by this thread if by no other. They are
        // not its own, so a kill of the green thread that runs here must not end them.
        let _shield = Shield::new();
        let jobs = self.lock().crew.start_failed();
        jobs.into_iter().for_each(finish);
    }

    /// Runs on a worker from its start to its end.
    fn work(&'static self, number: u64) {
        IS_WORKER.set(true);
        let max = self.max_threads();
        let mut patient = true;
        loop {
            let next = self.lock().crew.next(number, max, patient, thread::current);
            match next {
                Next::Run(job, call) => {
                    self.make(call);
                    finish(job);
                    patient = true;
                }
                Next::Sleep => {
                    let asleep_since = clock::now();
                    thread::park_timeout(PATIENCE);
                    patient = clock::now() - asleep_since < PATIENCE;
                }
                Next::Leave => return,
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        let mut shared = self.shared.lock();
        let generation = sys::fork_generation();
        if shared.fork_generation != generation {
            // The workers stayed in the parent, and so did whoever waits for the jobs. Those are forgotten rather than
            // dropped: what they own is the parent's to tidy up.
            mem::forget(mem::replace(&mut shared.crew, Crew::new()));
            shared.fork_generation = generation;
        }
        shared
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (threads, queued) = {
            let shared = self.lock();
            (shared.crew.workers(), shared.crew.queued())
        };
        f.debug_struct("Pool")
            .field("name", &self.name)
            .field("threads", &threads)
            .field("queued", &queued)
            .finish_non_exhaustive()
    }
}

impl Shared {
    const fn new() -> Shared {
        Shared { crew: Crew::new(), fork_generation: 0 }
    }
}

#[cfg(test)]
mod tests;
