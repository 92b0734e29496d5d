//! Pools of OS threads of a program's own.

use std::fmt;
use std::ops::Deref;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use green_core::blocking::{self, JoinHandle};
use green_core::config::Config;
use green_core::kill;
use green_core::unpark::Outcome;

/// What the threads of every pool are called, before the number.
const NAME: &str = "green-tpool";

/// The pool of the free functions.
static COMMON: blocking::Pool = blocking::Pool::configured(NAME, Config::tpool_size);

/// The mechanism: the pool of the free functions, or one of the program's own.
#[derive(Clone)]
pub(super) enum Core {
    Common,
    Own(Arc<Own>),
}

/// What stands for a program's own pool and the objects behind it, but not for its threads: when it goes, they do.
pub(super) struct Own(Arc<blocking::Pool>);

impl Drop for Own {
    fn drop(&mut self) {
        self.0.dismiss();
    }
}

impl Deref for Core {
    type Target = blocking::Pool;

    fn deref(&self) -> &blocking::Pool {
        match self {
            Core::Common => &COMMON,
            Core::Own(own) => &own.0,
        }
    }
}

impl Core {
    pub(super) fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        match self {
            Core::Common => blocking::Pool::spawn(&&COMMON, f),
            Core::Own(own) => blocking::Pool::spawn(&own.0, f),
        }
    }

    pub(super) fn execute<F, T>(&self, f: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.spawn(f).join().unwrap_or_else(|payload| resume_unwind(payload))
    }

    pub(super) fn set_size(&self, size: usize) {
        match self {
            Core::Common => blocking::Pool::set_max_threads(&&COMMON, size),
            Core::Own(own) => blocking::Pool::set_max_threads(&own.0, size),
        }
    }

    pub(super) fn shutdown(&self) {
        self.dismiss();
        while self.wait_dismissed(None) != Outcome::Unparked {
            kill::deliver();
        }
    }
}

/// A pool of OS threads beside the one of the free functions: for calls that should not wait behind others, or that a
/// library allows only so many of at once.
///
/// When it and the [`Blocking`](super::Blocking) objects behind it are gone, its threads leave, once they have done
/// what was submitted.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use green_pool::tpool::Pool;
///
/// // A library that is not thread-safe: one call at a time.
/// let pool = Pool::new(1, Duration::from_secs(60));
/// assert_eq!(pool.execute(|| 6 * 7), 42);
/// ```
pub struct Pool {
    core: Core,
}

impl Pool {
    /// Creates a pool of up to `size` OS threads, which leave after they have had nothing to do for as long as `idle`.
    /// With a size of 0 jobs are run in place.
    #[must_use]
    pub fn new(size: usize, idle: Duration) -> Pool {
        let pool = Arc::new(blocking::Pool::new(NAME, size.max(1)).patience(idle));
        let pool = Pool { core: Core::Own(Arc::new(Own(pool))) };
        pool.set_size(size);
        pool
    }

    /// Runs `f` on an OS thread of this pool; see [`execute`](super::execute).
    ///
    /// # Panics
    ///
    /// Panics with the payload of `f`'s panic.
    pub fn execute<F, T>(&self, f: F) -> T
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.core.execute(f)
    }

    /// Leaves `f` to an OS thread of this pool; see [`spawn`](super::spawn).
    pub fn spawn<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.core.spawn(f)
    }

    /// Returns how many OS threads this pool may have.
    pub fn size(&self) -> usize {
        self.core.max_threads()
    }

    /// Sets how many OS threads this pool may have from now on.
    ///
    /// Those that are too many finish their job and leave. With a size of 0, what has been submitted is still done by
    /// one of them, and what comes later is run in place.
    pub fn set_size(&self, size: usize) {
        self.core.set_size(size);
    }

    /// Returns how many OS threads this pool has at this moment, busy or not.
    pub fn threads(&self) -> usize {
        self.core.threads()
    }

    /// Returns how many jobs wait for an OS thread.
    pub fn queued(&self) -> usize {
        self.core.queued()
    }

    /// Ends the OS threads of this pool, and waits until they have left: they finish what has been submitted, and
    /// whoever waits for a result gets it. Jobs that come later start new threads. A kill point; from a thread of a
    /// pool it does not wait, lest it wait for itself.
    ///
    /// Follows eventlet's `tpool.killall`.
    pub fn shutdown(&self) {
        self.core.shutdown();
    }

    pub(super) fn core(&self) -> &Core {
        &self.core
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("size", &self.size())
            .field("threads", &self.threads())
            .field("queued", &self.queued())
            .finish()
    }
}
