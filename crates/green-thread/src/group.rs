//! `Group`, green threads that are waited for and killed together.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::primitive::Mutex;
use green_core::{clock, identity};

use crate::{Builder, JoinHandle, KillError, Remote, Thread};

/// Green threads that are waited for and killed together; each leaves the group when it ends.
///
/// A group does not limit how many there are (that is a pool's affair) and keeps no results: those are the join
/// handles'. It may be used from several threads, its members among them; clones are the same group. Dropping it leaves its
/// members alone. Follows gevent's `Group` and oslo.service's `ThreadGroup`.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let group = thread::Group::new();
/// for _ in 0..3 {
///     group.spawn(|| loop { thread::park() });
/// }
/// assert_eq!(group.len(), 3);
/// group.stop()?;
/// assert!(group.is_empty());
/// # Ok::<(), thread::KillError>(())
/// ```
#[derive(Clone, Default)]
pub struct Group {
    members: Arc<Mutex<Members>>,
}

#[derive(Default)]
struct Members {
    /// By number. Some may have ended since the last look.
    remotes: BTreeMap<NonZeroU64, Remote>,
    /// How many there may be before those that have ended are looked for.
    enough: usize,
}

impl Members {
    /// Forgets those that have ended.
    fn prune(&mut self) {
        self.remotes.retain(|_, remote| !remote.is_finished());
    }
}

impl Group {
    /// Creates a group with nobody in it.
    #[must_use]
    pub fn new() -> Group {
        Group::default()
    }

    /// Starts a green thread that runs `f`, and adds it.
    ///
    /// # Panics
    ///
    /// As [`spawn`](crate::spawn).
    ///
    /// # Examples
    ///
    /// ```
    /// let group = green_thread::Group::new();
    /// let child = group.spawn(|| 4);
    /// group.join();
    /// assert_eq!(child.join().unwrap(), 4);
    /// ```
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let handle = Builder::new().spawn(f).expect("failed to spawn thread");
        self.add(handle.remote());
        handle
    }

    /// Adds a green thread that runs already, or is to start later; one that has ended is not added.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use green_thread as thread;
    ///
    /// let group = thread::Group::new();
    /// group.add(thread::spawn_after(Duration::from_millis(1), || {}).remote());
    /// group.add(thread::spawn_local(|| {}).remote());
    /// group.join();
    /// ```
    pub fn add(&self, member: Remote) {
        /// How many may have ended unnoticed, beside as many as live.
        const SPARE: usize = 32;
        if member.is_finished() {
            return;
        }
        let mut members = self.members.lock();
        members.remotes.insert(member.id(), member);
        if members.remotes.len() > members.enough {
            members.prune();
            members.enough = 2 * members.remotes.len() + SPARE;
        }
    }

    /// Takes a green thread out of the group; returns whether it was in it.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// let group = thread::Group::new();
    /// let parked = group.spawn(thread::park);
    /// assert!(group.remove(parked.thread()));
    /// assert!(group.is_empty());
    /// # parked.thread().unpark();
    /// ```
    pub fn remove(&self, member: &Thread) -> bool {
        let removed = self.members.lock().remotes.remove(&member.number());
        removed.is_some_and(|remote| !remote.is_finished())
    }

    /// Returns whether a green thread is in the group.
    #[must_use]
    pub fn contains(&self, member: &Thread) -> bool {
        self.members.lock().remotes.get(&member.number()).is_some_and(|remote| !remote.is_finished())
    }

    /// Returns how many have not ended.
    #[must_use]
    pub fn len(&self) -> usize {
        let mut members = self.members.lock();
        members.prune();
        members.remotes.len()
    }

    /// Returns whether all have ended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns those that have not ended.
    #[must_use]
    pub fn threads(&self) -> Vec<Thread> {
        let mut members = self.members.lock();
        members.prune();
        members.remotes.values().map(Remote::thread).collect()
    }

    /// Waits until all have ended, those that are added meanwhile too; a member that calls it is not waited for. A kill
    /// point.
    pub fn join(&self) {
        self.join_until(None);
    }

    /// Waits as [`join`](Group::join) does, but for `timeout` at the longest; returns whether all have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use green_thread as thread;
    ///
    /// let group = thread::Group::new();
    /// let parked = group.spawn(thread::park);
    /// assert!(!group.join_timeout(Duration::from_millis(1)));
    /// parked.thread().unpark();
    /// assert!(group.join_timeout(Duration::from_secs(60)));
    /// ```
    pub fn join_timeout(&self, timeout: Duration) -> bool {
        self.join_until(clock::after(timeout))
    }

    fn join_until(&self, deadline: Option<Instant>) -> bool {
        loop {
            let others = self.others();
            if others.is_empty() {
                return true;
            }
            if !others.iter().all(|other| other.wait_until(deadline)) {
                return false;
            }
        }
    }

    /// Asks all to end, the caller too if it is a member; see [`JoinHandle::kill`]. It does not wait.
    ///
    /// # Errors
    ///
    /// If the program is built with `panic = "abort"`.
    pub fn kill(&self) -> Result<(), KillError> {
        let me = identity::current_id();
        self.kill_others()?;
        let own = self.members.lock().remotes.get(&me).cloned();
        own.map_or(Ok(()), |own| own.kill())
    }

    /// Asks all to end but the caller, those that are added meanwhile too, and waits until they have. A kill point.
    ///
    /// # Errors
    ///
    /// If the program is built with `panic = "abort"`.
    pub fn stop(&self) -> Result<(), KillError> {
        loop {
            let others = self.others();
            if others.is_empty() {
                return Ok(());
            }
            others.iter().try_for_each(Remote::kill)?;
            for other in &others {
                other.wait_until(None);
            }
        }
    }

    fn kill_others(&self) -> Result<(), KillError> {
        self.others().iter().try_for_each(Remote::kill)
    }

    /// Returns those that have not ended, but for the caller.
    fn others(&self) -> Vec<Remote> {
        let me = identity::current_id();
        let mut members = self.members.lock();
        members.prune();
        members.remotes.values().filter(|remote| remote.id() != me).cloned().collect()
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("len", &self.len()).finish_non_exhaustive()
    }
}
