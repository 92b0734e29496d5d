//! Calls that block, on OS threads of a pool: C libraries, drivers, computations.
//!
//! Follows eventlet's `tpool`. A call that knows nothing of green threads holds up the hub of the green thread that
//! makes it, and with it all its neighbours. [`execute`] makes the call on an OS thread of a pool while the caller
//! parks;
//! [`spawn`] does not wait; [`Blocking`] keeps an object, the connection of a driver say, all of whose methods block.
//!
//! ```
//! use green_pool::tpool;
//!
//! let answer = tpool::execute(|| {
//!     // Stands for a query by a C library.
//!     std::thread::sleep(std::time::Duration::from_millis(1));
//!     42
//! });
//! assert_eq!(answer, 42);
//! ```
//!
//! # What is given up
//!
//! A caller that is killed or whose time is up *abandons* its job and is gone at once. The job is done all the same, at
//! its turn, because what it does cannot be undone half-way; its result is dropped on the pool's thread. So closures
//! and results are `Send` and `'static`. That is the difference from [`green_core::blocking::unblock`], under which
//! files are read: there the caller is shielded until the call has come back, so that no result is lost.
//!
//! # The threads
//!
//! There are none at first. Jobs start them, up to the pool's size; further jobs wait in order. One that has had
//! nothing to do for ten seconds leaves. The pool of the free functions has `GREEN_TPOOL_SIZE` threads at most, 20 by
//! default. With a size of 0 each job is run in place, which blocks its hub: for looking for the culprit of a crash,
//! say. On a thread of a pool jobs are run in place as well, so a job may call `execute` and never waits for its own
//! thread. So does what finds that no OS thread can be started, if the pool has none.
//!
//! A job may use whatever green threads use: on the pool's thread it is a plain OS thread's root.

mod blocking;
mod pool;

pub use blocking::Blocking;
pub use green_core::blocking::{JoinFuture, JoinHandle};
pub use pool::Pool;

use pool::Core;

/// Runs `f` on an OS thread of the pool while the calling green thread, or OS thread, waits. A kill point.
///
/// Follows eventlet's `tpool.execute`.
///
/// # Panics
///
/// Panics with the payload of `f`'s panic, and if the settings in `GREEN_*` are not valid.
///
/// # Examples
///
/// ```
/// use green_pool::tpool;
///
/// let home = tpool::execute(|| std::env::var_os("PATH"));
/// assert!(home.is_some());
/// ```
pub fn execute<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Core::Common.execute(f)
}

/// Leaves `f` to an OS thread of the pool, and returns the right to its result, to be claimed from anywhere.
///
/// # Panics
///
/// If the settings in `GREEN_*` are not valid. A panic of `f` comes back from `join`.
///
/// # Examples
///
/// ```
/// use green_pool::tpool;
///
/// let squares: Vec<_> = (0..4_u32).map(|n| tpool::spawn(move || n * n)).collect();
/// let sum: u32 = squares.into_iter().map(|square| square.join().unwrap()).sum();
/// assert_eq!(sum, 14);
/// ```
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Core::Common.spawn(f)
}

/// Returns how many OS threads the pool of the free functions may have.
///
/// # Panics
///
/// If the settings in `GREEN_*` are not valid.
pub fn size() -> usize {
    Core::Common.max_threads()
}

/// Sets how many OS threads the pool of the free functions may have from now on; see [`Pool::set_size`].
pub fn set_size(size: usize) {
    Core::Common.set_size(size);
}

/// Ends the OS threads of the pool of the free functions; see [`Pool::shutdown`].
///
/// # Examples
///
/// ```
/// use green_pool::tpool;
///
/// let job = tpool::spawn(|| 1);
/// tpool::shutdown();
/// assert!(job.is_finished());
/// // The next one starts a new thread.
/// assert_eq!(tpool::execute(|| 2), 2);
/// # job.join().unwrap();
/// ```
pub fn shutdown() {
    Core::Common.shutdown();
}
