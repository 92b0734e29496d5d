//! Calls that cannot park run on OS threads of their own, while the green thread that wants the result parks.
//!
//! An OS thread on which nobody else could run meanwhile makes the call itself, which is what std does.

#[cfg(not(loom))]
use crate::config::Config;
#[cfg(not(loom))]
use crate::current;
#[cfg(not(loom))]
use crate::kill::Shield;
#[cfg(not(loom))]
use crate::mode::{self, Facility};
#[cfg(not(loom))]
use crate::unpark::WaitReason;

mod crew;
mod handle;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "buffers lent to another OS thread")]
mod lend;
#[cfg(all(test, loom))]
mod model;
#[cfg(not(loom))]
mod pool;
mod ticket;

pub use handle::{JoinFuture, JoinHandle};
#[cfg(not(loom))]
pub use lend::{unblock_filling, unblock_with_bytes};
#[cfg(not(loom))]
pub use pool::{Hold, Pool};

/// Where [`unblock`] runs things: files, mostly.
#[cfg(not(loom))]
static CALLS: Pool = Pool::configured("green-blocking", Config::blocking_threads);

/// Where [`unblock_long`] runs things. With std each of them would have an OS thread of its own, so there may be many.
#[cfg(not(loom))]
static LONG_CALLS: Pool = Pool::new("green-waiting", 4096);

/// Runs `f` on a thread of the blocking pool, and parks the calling green thread until it has finished.
///
/// The wait is shielded: a kill or a deadline that comes meanwhile is delivered at the next park after it, because what
/// `f` does cannot be undone, and its result should not be lost. `f` runs in place on a thread of a pool, on an OS
/// thread that has no green thread but its own root, and in the child of a fork. So it does if no OS thread can be
/// started: then this hub waits, but the job is done.
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
    run_on(&CALLS, f)
}

/// Runs `f`, which may wait for another program or for another green thread, as [`unblock`] does.
///
/// Such calls have a pool apart, so that those that wait do not keep out the one that they wait for. Whether a call
/// is one of them is to be decided by what it waits for, not by how long it takes: a copy of a large file is not.
///
/// # Panics
///
/// Panics with the payload of `f`'s panic.
#[cfg(not(loom))]
pub fn unblock_long<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    run_on(&LONG_CALLS, f)
}

#[cfg(not(loom))]
fn run_on<F, T>(pool: &'static Pool, f: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    if blocks_nobody() {
        let _shield = Shield::new();
        return f();
    }
    pool.run(WaitReason::Unblock, f)
}

/// Returns true in a job of a pool.
#[cfg(not(loom))]
pub(crate) fn is_job() -> bool {
    pool::is_worker()
}

/// Returns true where a call that blocks may be made in place: it holds up nobody but its caller, or is wanted so.
#[cfg(not(loom))]
pub(crate) fn blocks_nobody() -> bool {
    let hub = current::hub();
    hub.check_call(WaitReason::Unblock);
    // The child of a fork has no pool, and only its one thread.
    hub.is_lonely() || pool::is_worker() || hub.shared().is_forked() || mode::is_plain(Facility::Fs)
}

#[cfg(all(test, not(loom)))]
mod tests;
