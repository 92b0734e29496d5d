//! Calls that cannot park run on OS threads of their own, while the green thread that wants the result parks.

#[cfg(not(loom))]
use crate::unpark::WaitReason;

mod crew;
#[cfg(all(test, loom))]
mod model;
#[cfg(not(loom))]
mod pool;
mod ticket;

#[cfg(not(loom))]
pub use pool::Pool;

/// Where [`unblock`] runs things: files, mostly.
#[cfg(not(loom))]
static CALLS: Pool = Pool::configured("green-blocking");

/// Runs `f` on a thread of the blocking pool, and parks the calling green thread until it has finished.
///
/// The wait is shielded: a kill or a deadline that comes meanwhile is delivered at the next park after it, because what
/// `f` does cannot be undone, and its result should not be lost. On a thread of a pool, `f` runs in place. So it does if
/// no OS thread can be started: then this hub waits, but the job is done.
///
/// # Panics
///
/// Panics with the payload of `f`'s panic, and if the settings in `GREEN_*` are not valid.
///
/// # Examples
///
/// ```
/// use green_core::blocking::unblock;
///
/// let hosts = unblock(|| std::fs::read_to_string("/etc/hosts"));
/// assert!(hosts.is_ok());
/// ```
#[cfg(not(loom))]
pub fn unblock<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    CALLS.run(WaitReason::Unblock, f)
}
