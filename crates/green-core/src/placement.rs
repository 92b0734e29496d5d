//! Where a new green thread goes.
//!
//! Two forces pull apart. A parent and a child that talk to each other must not be split over two cores: a wake across
//! cores costs 40 µs, a hand-off on one hub 20 ns, and started green threads never come together again (I2). A spawner
//! that computes must not strand its children while another core idles. So a child starts out on its parent's worker, and
//! other workers take what has waited longer than the wake costs (`hub/workers.rs`). The exception is the child that a
//! green thread spawns after an `accept`: the two will not talk, and the connection stays where it is put, so it goes to the
//! worker with the fewest descriptors.
//!
//! A spawner that is no worker (`main`, a foreign OS thread) has a favourite worker, for the same reason: a few children in
//! a row go there, then the worker with the fewest green threads becomes the favourite. Each in turn, which was here before,
//! split every pair, and made a loop of `spawn` and `join` wake another sleeping core each time.

use std::io;
use std::sync::atomic::Ordering;

use crate::config::Config;
use crate::current;
use crate::hub::Hub;
use crate::hub::shared::Shared;
use crate::hub::workers::{self, Workers};
use crate::spawn::unstarted::Unstarted;

/// Where a new green thread goes.
pub(crate) enum Place {
    /// On this OS thread's hub, to stay.
    Here,
    /// On this worker, unless another takes it.
    HereFirst(&'static Workers),
    /// On this worker, unless another takes it; the spawner is none itself.
    ThereFirst(&'static Workers, &'static Shared),
    /// On this worker.
    On(&'static Shared),
}

/// Whether a child may borrow from its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Borrows {
    Nothing,
    Perhaps,
}

/// How much fewer descriptors another worker must have to be preferred to this one.
const CLOSE: usize = 2;

/// Chooses a place for a child of the running green thread.
///
/// # Errors
///
/// The OS error if no worker can be started.
pub(crate) fn choose(hub: &Hub, config: &Config, borrows: Borrows) -> io::Result<Place> {
    if config.hubs() == 0 || (borrows == Borrows::Perhaps && !hub.may_lend()) {
        return Ok(Place::Here);
    }
    let workers = workers::get()?;
    if hub.take_accepted() {
        return Ok(least_registered(hub, workers));
    }
    if hub.is_worker() {
        return Ok(Place::HereFirst(workers));
    }
    Ok(Place::ThereFirst(workers, favourite(hub, workers)))
}

fn least_registered(hub: &Hub, workers: &'static Workers) -> Place {
    let count = |shared: &Shared| shared.registered().load(Ordering::Relaxed) + shared.unstarted().len();
    let best = workers.hubs().iter().copied().min_by_key(|shared| count(shared)).expect("there is a worker");
    if hub.is_worker() && count(hub.shared()) <= count(best) + CLOSE {
        return Place::HereFirst(workers);
    }
    Place::On(best)
}

/// Returns the worker for a child of a green thread whose hub is no worker: the one that had the last, until it has some
/// more than it had, and then the one with the fewest. So children that were spawned one after the other and talk to each other
/// are mostly together, a child that follows the end of the last finds its worker awake, and many children are spread over all.
fn favourite(hub: &Hub, workers: &'static Workers) -> &'static Shared {
    if let Some(favourite) = hub.favourite().get()
        && favourite.shared.load() < favourite.enough
    {
        return favourite.shared;
    }
    // Begins elsewhere each time, so that several spawners do not all choose the same.
    let (late, early) = workers.hubs().split_at(workers.turn());
    let shared = early.iter().chain(late).copied().min_by_key(|shared| shared.load()).expect("there is a worker");
    hub.favourite().set(Some(Favourite { shared, enough: shared.load() + TOGETHER }));
    shared
}

/// The worker that a hub's spawns go to, and the load at which another is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Favourite {
    shared: &'static Shared,
    enough: usize,
}

/// How many children in a row go to one worker.
const TOGETHER: usize = 8;

/// Gives an unstarted green thread to a worker.
pub(crate) fn send(shared: &'static Shared, unstarted: Unstarted) {
    match current::existing() {
        Some(hub) if std::ptr::eq(hub.shared(), shared) => hub.enqueue_shared(unstarted),
        _ => {
            shared.hand(unstarted);
        }
    }
}
