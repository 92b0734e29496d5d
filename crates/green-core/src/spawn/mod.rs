//! Spawning: from a closure to an unstarted green thread on some hub, and the handles to wait for it.

pub(crate) mod delay;
mod detached;
mod exit;
pub(crate) mod extras;
pub(crate) mod identity_ref;
pub(crate) mod ids;
mod joiner;
pub(crate) mod naming;
mod os_thread;
mod packet;
pub(crate) mod unstarted;

use std::fmt;
use std::io;
use std::sync::Arc;

pub use delay::{spawn_at, spawn_local_at};
pub use detached::spawn_detached;
pub use exit::Exit;
pub use extras::LinkId;
pub use joiner::{Joiner, LocalJoiner, Remote, Watch};

use crate::clock;
use crate::config::{self, Config};
use crate::current;
use crate::fork;
use crate::hub::Hub;
use crate::identity::Identity;
use crate::mode::Mode;
use crate::placement::{self, Borrows, Place};
use crate::stack::Credit;
use packet::{Join, Packet};
use unstarted::{Task, Unstarted};

/// What a builder may say of a green thread.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Its name.
    pub name: Option<String>,
    /// The usable size of its stack in bytes; the configured size if none.
    pub stack_size: Option<usize>,
}

/// The result, in `Err`, of a green thread that can never run again because the OS thread whose hub it belonged to has
/// ended (I15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Abandoned;

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the OS thread ended on which the green thread ran")
    }
}

impl std::error::Error for Abandoned {}

/// Starts a green thread on some hub.
///
/// # Errors
///
/// `InvalidInput` for an invalid configuration or stack size; the OS error if there is no memory, or no mapping, for
/// one more stack.
pub fn spawn<F, T>(options: Options, f: F) -> io::Result<Joiner<T>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // SAFETY: nothing is borrowed.
    unsafe { start(options, f, Borrows::Nothing) }
}

/// Starts a green thread that may borrow; one that does is placed where that is sound (I15).
///
/// # Safety
///
/// What `f` and `T` borrow outlives the run of `f` and the drop of its result.
///
/// # Errors
///
/// As for [`spawn`].
pub unsafe fn spawn_unchecked<'a, F, T>(options: Options, f: F) -> io::Result<Joiner<T>>
where
    F: FnOnce() -> T + Send + 'a,
    T: Send + 'a,
{
    // SAFETY: the caller's promise.
    unsafe { start(options, f, Borrows::Perhaps) }
}

/// Starts a green thread.
///
/// # Safety
///
/// As for [`spawn_unchecked`]; and `Borrows::Nothing` is true.
unsafe fn start<'a, F, T>(options: Options, f: F, borrows: Borrows) -> io::Result<Joiner<T>>
where
    F: FnOnce() -> T + Send + 'a,
    T: Send + 'a,
{
    let config = config::get()?;
    let site = Site::new(config, options.stack_size)?;
    let packet = Packet::shared(new_identity(options.name), f);
    // SAFETY: the caller promises that the borrows outlive every use.
    let (task, join) = unsafe { erase(packet) };
    site.place(config, task, borrows)?;
    Ok(Joiner::new(join))
}

/// What a green thread needs to be started, got before it is made: so it is moved once.
enum Site {
    /// On an OS thread with a stack of this size.
    OsThread(usize),
    /// On some hub, with this credit for a stack, and the time.
    Hub(&'static Hub, Credit, u64),
}

impl Site {
    #[inline(always)]
    fn new(config: &Config, size: Option<usize>) -> io::Result<Self> {
        let size = size.unwrap_or(config.stack_size());
        if config.mode() == Mode::Plain {
            return Ok(Site::OsThread(size));
        }
        let hub = current::hub();
        let (credit, since) = prepare(hub, size)?;
        Ok(Site::Hub(hub, credit, since))
    }

    /// Puts a green thread where it is to start; its closure is `Send`, or stays here because it borrows.
    #[inline(always)]
    fn place(self, config: &Config, task: Arc<dyn Task>, borrows: Borrows) -> io::Result<()> {
        let (hub, credit, since) = match self {
            Site::OsThread(size) => return os_thread::spawn(task, size, None),
            Site::Hub(hub, credit, since) => (hub, credit, since),
        };
        let place = placement::choose(hub, config, borrows)?;
        let unstarted = Unstarted { task, credit, since };
        match place {
            Place::Here => hub.enqueue_local(unstarted)?,
            Place::HereFirst(workers) => {
                hub.enqueue_shared(unstarted);
                workers.invite();
            }
            Place::ThereFirst(workers, shared) => workers.hand(shared, unstarted),
            Place::On(shared) => placement::send(shared, unstarted),
        }
        Ok(())
    }
}

/// Starts a green thread that stays on this OS thread's hub, so that nothing of it need be `Send` (I2).
///
/// # Errors
///
/// As for [`spawn`].
pub fn spawn_local<F, T>(options: Options, f: F) -> io::Result<LocalJoiner<T>>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    let config = config::get()?;
    let packet = Packet::shared(new_identity(options.name), f);
    // SAFETY: nothing is borrowed.
    let (task, join) = unsafe { erase(packet) };
    let hub = current::hub();
    let unstarted = unstarted(hub, task, options.stack_size.unwrap_or(config.stack_size()))?;
    hub.enqueue_local(unstarted)?;
    Ok(LocalJoiner::new(join))
}

/// Starts a green thread for what was posted to `hub`, which is this OS thread's. If there is no stack for it, the
/// hub's loop drops `f`, which sees to it that there is another attempt.
pub(crate) fn start_posted(hub: &Hub, f: impl FnOnce() + 'static) {
    let packet = Packet::shared(new_identity(None), f);
    // SAFETY: nothing is borrowed.
    let (task, join) = unsafe { erase(packet) };
    drop(LocalJoiner::new(join));
    let size = config::get().map_err(io::Error::from).map(Config::stack_size);
    let started = size.and_then(|size| hub.enqueue_local(unstarted(hub, Arc::clone(&task), size)?));
    if let Err(error) = started {
        hub.refuse(task, error);
    }
}

fn new_identity(name: Option<String>) -> Identity {
    Identity::new(ids::next(), name.map(String::into_boxed_str))
}

/// Gets a credit for a stack, and the time.
#[inline(always)]
fn prepare(hub: &Hub, size: usize) -> io::Result<(Credit, u64)> {
    fork::check()?;
    let credit = hub.stacks().reserve(hub.stack_size(size)?)?;
    // A worker's last look at the clock is recent enough; a root may never have looked.
    let since = if hub.is_worker() { hub.seen() } else { clock::ticks(clock::now()) };
    Ok((credit, since))
}

fn unstarted(hub: &Hub, task: Arc<dyn Task>, size: usize) -> io::Result<Unstarted> {
    let (credit, since) = prepare(hub, size)?;
    Ok(Unstarted { task, credit, since })
}

/// Splits a packet into its two ends and forgets its lifetime.
///
/// # Safety
///
/// What `F` and `T` borrow outlives every use of the two ends.
unsafe fn erase<'a, F, T>(packet: Arc<Packet<F, T>>) -> (Arc<dyn Task>, Arc<dyn Join<T>>)
where
    F: FnOnce() -> T + 'a,
    T: 'a,
{
    let task: Arc<dyn Task + 'a> = packet.clone();
    let join: Arc<dyn Join<T> + 'a> = packet;
    // SAFETY: only the lifetime changes, which the caller answers for.
    let task = unsafe { std::mem::transmute::<Arc<dyn Task + 'a>, Arc<dyn Task>>(task) };
    // SAFETY: as above.
    let join = unsafe { std::mem::transmute::<Arc<dyn Join<T> + 'a>, Arc<dyn Join<T>>>(join) };
    (task, join)
}
