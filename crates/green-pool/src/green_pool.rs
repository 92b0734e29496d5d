//! `GreenPool`, a limited number of green threads.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::permits::Permits;
use green_core::spawn::{self, Options};
use green_core::{clock, kill};
use green_thread::{Builder, Result};
use thiserror::Error;

use crate::slots::{Admission, Slot, Slots};
use crate::{Imap, ImapUnordered, JobHandle, LocalJobHandle};

/// Runs jobs on green threads, so many at a time.
///
/// Spawning a job takes a slot, and waits for one if all are taken: that is what keeps a producer from running away.
/// Who waits is served in the order of arrival. A job gives its slot back when it ends, be it that it returns, panics,
/// is killed, or is killed before it could start.
///
/// A clone is another handle of the same pool. Handles may be used from any number of green threads and OS threads.
/// When the last is dropped, jobs that run go on.
///
/// Follows eventlet's `GreenPool`, with what gevent's `Pool` has beyond it. Different are: a panic of a job that runs in its
/// spawner is kept in the handle; [`imap`](GreenPool::imap) uses the pool itself, and not a second one of the same size; a pool
/// does not know its jobs, which are killed by their handles.
///
/// # From inside
///
/// A job may spawn jobs in its own pool. If there is no free slot, waiting for one could be a deadlock, for the jobs
/// might all be waiting so. The new job then runs at once, *within the call*, on the slot of the job that spawns it.
///
/// A job belongs to the pool whose `spawn` started it. The green threads that it starts by other means, and other pools,
/// are strangers to the pool.
///
/// # When an OS thread ends
///
/// A job of [`spawn_local`](GreenPool::spawn_local) that still runs when its OS thread ends never runs again; its slot is
/// given back. Under `GREEN_HUBS=0` that is the fate of all jobs that the OS thread has spawned, and the slots of those that
/// had started are lost: wait for them first.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// use green_pool::GreenPool;
/// use green_thread as thread;
///
/// let pool = GreenPool::new(8);
/// let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
/// for _ in 0..100 {
///     let (now, most) = (Arc::clone(&now), Arc::clone(&most));
///     pool.spawn_n(move || {
///         most.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
///         thread::yield_now();
///         now.fetch_sub(1, Ordering::Relaxed);
///     });
/// }
/// pool.wait_all()?;
/// assert!(most.load(Ordering::Relaxed) <= 8);
/// # Ok::<(), green_pool::WaitAllError>(())
/// ```
#[derive(Clone)]
pub struct GreenPool {
    slots: Arc<Slots>,
}

impl GreenPool {
    /// Creates a pool with `size` slots.
    ///
    /// With none at all, spawning waits until the pool is resized.
    ///
    /// # Panics
    ///
    /// If `size` is more than a quarter of what a `usize` can hold.
    #[must_use]
    pub fn new(size: usize) -> GreenPool {
        GreenPool { slots: Slots::new(size) }
    }

    /// Creates a pool in which spawning never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::GreenPool;
    ///
    /// let pool = GreenPool::unlimited();
    /// (0..1000).for_each(|_| pool.spawn_n(green_thread::yield_now));
    /// pool.wait_all()?;
    /// # Ok::<(), green_pool::WaitAllError>(())
    /// ```
    #[must_use]
    pub fn unlimited() -> GreenPool {
        GreenPool::new(Permits::MAX)
    }

    /// Starts a job, waiting for a free slot first. A kill point if it waits.
    ///
    /// Called by a job of this pool while no slot is free, it runs `f` before it returns. A panic of `f` is in the
    /// handle then too; but a kill or a deadline of the caller that comes in the middle of `f` is the caller's, and
    /// unwinds it.
    ///
    /// # Panics
    ///
    /// If the green thread cannot be made, for instance because the limit of mapped stacks is reached. Use
    /// [`spawn_with`](GreenPool::spawn_with) to get the error instead.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::GreenPool;
    ///
    /// let pool = GreenPool::new(2);
    /// let squares: Vec<_> = (0..10).map(|n| pool.spawn(move || n * n)).collect();
    /// let sum: u32 = squares.into_iter().map(|square| square.join().unwrap()).sum();
    /// assert_eq!(sum, 285);
    /// ```
    pub fn spawn<F, T>(&self, f: F) -> JobHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_with(Builder::new(), f).expect(NO_THREAD)
    }

    /// Starts a job as [`spawn`](GreenPool::spawn) does, on a green thread with the builder's name and stack size.
    ///
    /// # Errors
    ///
    /// If no stack is to be had, or if the configuration in the environment (`GREEN_*`) is not valid. The slot is given
    /// back.
    ///
    /// # Panics
    ///
    /// If the name contains a NUL.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::GreenPool;
    /// use green_thread::{Builder, current};
    ///
    /// let pool = GreenPool::new(1);
    /// let job = pool.spawn_with(Builder::new().name("fetch".into()), || current().name().map(str::len))?;
    /// assert_eq!(job.join().unwrap(), Some(5));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn spawn_with<F, T>(&self, builder: Builder, f: F) -> io::Result<JobHandle<T>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.slots.enter() {
            Admission::Slot(slot) => start(slot, builder, f),
            Admission::Inline => Ok(JobHandle::done(run_inline(f))),
        }
    }

    /// Starts a job on this OS thread, so that nothing has to be `Send`; otherwise as [`spawn`](GreenPool::spawn).
    ///
    /// The slots are those of the whole pool.
    ///
    /// # Panics
    ///
    /// If the green thread cannot be made.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::RefCell;
    /// use std::rc::Rc;
    ///
    /// use green_pool::GreenPool;
    ///
    /// let (pool, log) = (GreenPool::new(4), Rc::new(RefCell::new(Vec::new())));
    /// for n in 0..10 {
    ///     let log = Rc::clone(&log);
    ///     pool.spawn_local(move || log.borrow_mut().push(n));
    /// }
    /// pool.wait_all()?;
    /// assert_eq!(log.borrow().len(), 10);
    /// # Ok::<(), green_pool::WaitAllError>(())
    /// ```
    pub fn spawn_local<F, T>(&self, f: F) -> LocalJobHandle<T>
    where
        F: FnOnce() -> T + 'static,
        T: 'static,
    {
        let slot = match self.slots.enter() {
            Admission::Slot(slot) => slot,
            Admission::Inline => return LocalJobHandle::done(run_inline(f)),
        };
        let slots = Arc::clone(&self.slots);
        let job = green_thread::spawn_local(move || {
            slots.adopt_caller();
            f()
        });
        // Not in the job: if this OS thread ends before the job does, the job's stack is never unwound.
        job.on_exit(move || drop(slot));
        LocalJobHandle::spawned(job)
    }

    /// Starts a job that nobody waits for, waiting for a free slot first. A kill point if it waits.
    ///
    /// Its result is dropped; a panic is reported by the panic hook and ends the job alone, also when it runs within the
    /// call (see [`spawn`](GreenPool::spawn)).
    ///
    /// # Panics
    ///
    /// If the green thread cannot be made.
    pub fn spawn_n<F>(&self, f: F)
    where
        F: FnOnce() + Send + 'static,
    {
        match self.slots.enter() {
            Admission::Slot(slot) => {
                let job = Job { f, slot };
                drop(spawn::spawn(Options::default(), move || job.run()).expect(NO_THREAD));
            }
            Admission::Inline => drop(run_inline(f)),
        }
    }

    /// Starts a job if a slot is free that nobody waits for. Never waits, and never runs `f` within the call.
    ///
    /// # Errors
    ///
    /// [`TrySpawnError::Full`] with `f`.
    ///
    /// # Panics
    ///
    /// If the green thread cannot be made.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::{GreenPool, TrySpawnError};
    ///
    /// let pool = GreenPool::new(0);
    /// let TrySpawnError::Full(job) = pool.try_spawn(|| 5).unwrap_err() else { unreachable!() };
    /// assert_eq!(job(), 5);
    /// ```
    pub fn try_spawn<F, T>(&self, f: F) -> std::result::Result<JobHandle<T>, TrySpawnError<F>>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self.slots.try_enter() {
            Some(slot) => Ok(start(slot, Builder::new(), f).expect(NO_THREAD)),
            None => Err(TrySpawnError::Full(f)),
        }
    }

    /// Calls `f` with each item, each call a job of this pool, and iterates over the results in the order of the items.
    ///
    /// Nothing happens until the first result is asked for. From then on jobs are started whenever [`next`] is called
    /// or waits, as slots are free, up to twice the pool's size ahead of the results that were taken: so the memory is
    /// bounded, and `items` may be endless; but a pool without a limit has all of them started first. A job that panics or is killed is an `Err` in its place, and the iteration
    /// goes on.
    ///
    /// The iterator may be dropped early: no more jobs are started, those that were go on, and their results are dropped.
    /// [`Imap::kill`] ends them instead.
    ///
    /// For several arguments, let the items be tuples: `pool.imap(left.zip(right), |(l, r)| …)`. Follows eventlet's
    /// `GreenPool.imap` and `starmap`.
    ///
    /// [`next`]: Iterator::next
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::GreenPool;
    ///
    /// let pool = GreenPool::new(4);
    /// let halves = pool.imap(["2", "x", "6"], |text| text.parse::<u32>().unwrap() / 2);
    /// let halves: Vec<_> = halves.map(|half| half.ok()).collect();
    /// assert_eq!(halves, [Some(1), None, Some(3)]);
    ///
    /// let first = pool.imap(1.., |n: u64| n * n).map(Result::unwrap).find(|n| *n > 1000);
    /// assert_eq!(first, Some(1024));
    /// ```
    pub fn imap<I, F, R>(&self, items: I, f: F) -> Imap<I::IntoIter, F, R>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        Imap::new(self.clone(), items.into_iter(), f)
    }

    /// Does as [`imap`](GreenPool::imap), but iterates over the results in the order in which they come.
    ///
    /// Follows gevent's `Pool.imap_unordered`.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::GreenPool;
    ///
    /// let sum = GreenPool::new(4).imap_unordered(1..=100, |n: u32| n * 2).map(Result::unwrap).sum::<u32>();
    /// assert_eq!(sum, 10_100);
    /// ```
    pub fn imap_unordered<I, F, R>(&self, items: I, f: F) -> ImapUnordered<I::IntoIter, F, R>
    where
        I: IntoIterator,
        I::Item: Send + 'static,
        F: Fn(I::Item) -> R + Send + Sync + 'static,
        R: Send + 'static,
    {
        ImapUnordered::new(self.clone(), items.into_iter(), f)
    }

    /// Waits until nothing runs in the pool and nobody waits to start something. A kill point if it waits.
    ///
    /// It returns at once if that is so already, and it is enough if that was so for a moment.
    ///
    /// # Errors
    ///
    /// [`WaitAllError::Member`] if the caller is a job of the pool, which would wait for itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::{GreenPool, WaitAllError};
    ///
    /// let pool = GreenPool::new(1);
    /// assert_eq!(pool.wait_all(), Ok(()));
    /// let same = pool.clone();
    /// let job = pool.spawn(move || same.wait_all());
    /// assert_eq!(job.join().unwrap(), Err(WaitAllError::Member));
    /// ```
    pub fn wait_all(&self) -> std::result::Result<(), WaitAllError> {
        self.wait_all_until(None)
    }

    /// Waits as [`wait_all`](GreenPool::wait_all) does, for `timeout` at the longest.
    ///
    /// # Errors
    ///
    /// [`WaitAllError::Member`] and [`WaitAllError::TimedOut`].
    pub fn wait_all_timeout(&self, timeout: Duration) -> std::result::Result<(), WaitAllError> {
        self.wait_all_until(clock::after(timeout))
    }

    fn wait_all_until(&self, deadline: Option<Instant>) -> std::result::Result<(), WaitAllError> {
        if self.slots.is_empty() {
            return Ok(());
        }
        if self.slots.has_caller() {
            return Err(WaitAllError::Member);
        }
        if self.slots.wait_empty(deadline) { Ok(()) } else { Err(WaitAllError::TimedOut) }
    }

    /// Changes the number of slots.
    ///
    /// More let in those who wait. With fewer, jobs that run go on, and nobody is let in until there are fewer of them
    /// than slots.
    ///
    /// # Panics
    ///
    /// If `size` is more than a quarter of what a `usize` can hold.
    pub fn resize(&self, size: usize) {
        self.slots.resize(size);
    }

    /// Returns the number of slots.
    #[must_use]
    pub fn size(&self) -> usize {
        self.slots.size()
    }

    /// Returns the number of free slots; less than zero if the pool was made smaller than what runs in it.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::GreenPool;
    ///
    /// let pool = GreenPool::new(3);
    /// let jobs = [(); 3].map(|()| pool.spawn(green_thread::park));
    /// pool.resize(1);
    /// assert_eq!((pool.running(), pool.free()), (3, -2));
    /// for job in jobs {
    ///     job.thread().expect("it has its own").unpark();
    ///     job.join().unwrap();
    /// }
    /// assert_eq!((pool.running(), pool.free()), (0, 1));
    /// ```
    #[must_use]
    pub fn free(&self) -> isize {
        self.slots.free()
    }

    /// Returns how many jobs have a slot, whether or not they have started. One that runs within its spawner has none.
    #[must_use]
    pub fn running(&self) -> usize {
        self.slots.running()
    }

    /// Returns how many wait for a slot.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.slots.permits.waiting()
    }

    pub(crate) fn slots(&self) -> &Arc<Slots> {
        &self.slots
    }
}

impl fmt::Debug for GreenPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GreenPool")
            .field("size", &self.size())
            .field("running", &self.running())
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

/// What `spawn` panics with when there is no green thread to be had, as std's does.
pub(crate) const NO_THREAD: &str = "failed to spawn thread";

/// Starts a job that has its slot.
pub(crate) fn start<F, T>(slot: Slot, builder: Builder, f: F) -> io::Result<JobHandle<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let job = Job { f, slot };
    builder.spawn(move || job.run()).map(JobHandle::spawned)
}

/// A job with its slot. When they are dropped, what the job has captured goes first.
struct Job<F> {
    f: F,
    slot: Slot,
}

impl<F> Job<F> {
    fn run<T>(self) -> T
    where
        F: FnOnce() -> T,
    {
        let slot = self.slot;
        let f = self.f;
        slot.slots().adopt_caller();
        f()
    }
}

/// Runs a job in its spawner, and keeps a panic of its own in the result.
pub(crate) fn run_inline<T>(f: impl FnOnce() -> T) -> Result<T> {
    let result = catch_unwind(AssertUnwindSafe(f));
    if result.is_err() {
        // A kill or a deadline that unwound it was meant for the spawner. It is pending still, and unwinds on.
        kill::deliver();
    }
    result
}

/// Why [`GreenPool::wait_all`] did not wait until all had ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WaitAllError {
    /// The caller is a job of the pool.
    #[error("a job cannot wait for all jobs of its own pool")]
    Member,
    /// Not all had ended in time.
    #[error("the jobs of the pool did not end in time")]
    TimedOut,
}

impl From<WaitAllError> for io::Error {
    fn from(error: WaitAllError) -> io::Error {
        let kind = match error {
            WaitAllError::Member => io::ErrorKind::Deadlock,
            WaitAllError::TimedOut => io::ErrorKind::TimedOut,
        };
        io::Error::new(kind, error)
    }
}

/// Why [`GreenPool::try_spawn`] did not start the job.
#[derive(Error)]
#[non_exhaustive]
pub enum TrySpawnError<F> {
    /// No slot is free, or those that are belong to others who wait. The job is given back.
    #[error("no slot of the pool is free")]
    Full(F),
}

impl<F> fmt::Debug for TrySpawnError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Full(..)")
    }
}
