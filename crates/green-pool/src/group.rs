//! `Group`, jobs that are waited for and killed together.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::primitive::Mutex;
use green_core::unpark::Unparker;
use green_thread::KillError;

use crate::green_pool::Companion;
use crate::members::{Members, kill_caller};
use crate::occupancy::{Occupancy, Occupied, Stay};
use crate::{GreenPool, JobHandle, WaitAllError};

/// Jobs that can be waited for, and killed, together.
///
/// They run in a pool: in an unlimited one, or in one that others use too, whose limit then holds. A job belongs to its
/// group from its spawning until it ends; the group keeps nothing of it afterwards. What a pool does not do, this one does
/// at the price of some 30 ns for each job: it knows who its members are.
///
/// A clone is another handle of the same group. When the last is dropped, jobs that run go on.
///
/// Follows gevent's `Group`, and oslo.service's `ThreadGroup`.
///
/// # Examples
///
/// ```
/// use green_pool::Group;
/// use green_thread as thread;
///
/// let group = Group::new();
/// for _ in 0..1000 {
///     group.spawn(thread::park);
/// }
/// assert_eq!(group.len(), 1000);
/// group.kill()?;
/// group.wait_all().expect("this is not one of the group");
/// assert!(group.is_empty());
/// # Ok::<(), thread::KillError>(())
/// ```
#[derive(Clone)]
pub struct Group {
    pool: GreenPool,
    crew: Arc<Crew>,
}

/// What the handles and jobs of a group share.
struct Crew {
    occupancy: Occupancy,
    members: Mutex<Members>,
}

impl Occupied for Crew {
    fn occupancy(&self) -> &Occupancy {
        &self.occupancy
    }
}

impl Group {
    /// Creates a group without a limit.
    #[must_use]
    pub fn new() -> Group {
        Group::with_pool(&GreenPool::unlimited())
    }

    /// Creates a group whose jobs run in `pool`.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::{GreenPool, Group};
    ///
    /// let pool = GreenPool::new(2);
    /// let group = Group::with_pool(&pool);
    /// for _ in 0..10 {
    ///     group.spawn(|| {}); // Waits while two are running.
    /// }
    /// group.wait_all()?;
    /// assert_eq!(pool.free(), 2);
    /// # Ok::<(), green_pool::WaitAllError>(())
    /// ```
    #[must_use]
    pub fn with_pool(pool: &GreenPool) -> Group {
        let crew = Crew { occupancy: Occupancy::new(), members: Mutex::new(Members::new()) };
        Group { pool: pool.clone(), crew: Arc::new(crew) }
    }

    /// Starts a job of the group, as [`GreenPool::spawn`] does. The handle may be dropped.
    ///
    /// # Panics
    ///
    /// If the green thread cannot be made.
    pub fn spawn<F, T>(&self, f: F) -> JobHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.pool.spawn_beside(Membership::new(&self.crew), f)
    }

    /// Waits until no job of the group is left. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// [`WaitAllError::Member`] if the caller is a job of the group, which would wait for itself.
    pub fn wait_all(&self) -> Result<(), WaitAllError> {
        self.wait_all_until(None)
    }

    /// Waits as [`wait_all`](Group::wait_all) does, for `timeout` at the longest.
    ///
    /// # Errors
    ///
    /// [`WaitAllError::Member`] and [`WaitAllError::TimedOut`].
    pub fn wait_all_timeout(&self, timeout: Duration) -> Result<(), WaitAllError> {
        self.wait_all_until(clock::after(timeout))
    }

    fn wait_all_until(&self, deadline: Option<Instant>) -> Result<(), WaitAllError> {
        if self.is_empty() {
            return Ok(());
        }
        if self.crew.members.lock().contains(Unparker::current()) {
            return Err(WaitAllError::Member);
        }
        if self.crew.occupancy.wait_empty(deadline) { Ok(()) } else { Err(WaitAllError::TimedOut) }
    }

    /// Kills all jobs of the group, as [`JobHandle::kill`] does, except the caller if it is one of them.
    ///
    /// It does not wait: call [`wait_all`](Group::wait_all) next. Those that have not started never will, and nor will
    /// those that wait for a slot of the pool. The group can be used again.
    ///
    /// # Errors
    ///
    /// If the program is built with `panic = "abort"`.
    pub fn kill(&self) -> Result<(), KillError> {
        if cfg!(panic = "abort") {
            return Err(KillError::PanicAbort);
        }
        let caller = Unparker::current();
        // Not under the lock: to kill may take a system call.
        let members = self.crew.members.lock().begin_kill();
        members.into_iter().filter(|member| *member != caller).try_for_each(Unparker::kill)
    }

    /// Returns how many jobs the group has: those that run, and those that are about to.
    #[must_use]
    pub fn len(&self) -> usize {
        self.crew.occupancy.count()
    }

    /// Returns true if the group has no job.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the pool in which the jobs run.
    #[must_use]
    pub fn pool(&self) -> &GreenPool {
        &self.pool
    }
}

impl Default for Group {
    fn default() -> Group {
        Group::new()
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("len", &self.len()).field("pool", &self.pool).finish()
    }
}

/// A job's place in its group, until it is dropped.
struct Membership {
    stay: Stay<Crew>,
    /// Its number among the members, once it has started.
    seat: Option<usize>,
    /// How often all had been killed when it was spawned.
    kills: usize,
}

impl Membership {
    fn new(crew: &Arc<Crew>) -> Membership {
        let kills = crew.members.lock().kills();
        Membership { stay: Stay::new(crew), seat: None, kills }
    }
}

impl Companion for Membership {
    /// Makes the caller a member. Unwinds it if all were killed since the job was spawned.
    fn start(&mut self) {
        let is_killed = {
            let mut members = self.stay.place().members.lock();
            self.seat = Some(members.add(Unparker::current()));
            members.kills() != self.kills
        };
        if is_killed {
            kill_caller();
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        if let Some(seat) = self.seat {
            self.stay.place().members.lock().remove(seat);
        }
    }
}
