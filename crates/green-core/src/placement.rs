//! Where a new green thread goes.
//!
//! Two forces pull apart. A parent and a child that talk to each other must not be split over two cores: a wake across
//! cores costs 40 µs, a hand-off on one hub 20 ns, and started green threads never come together again (I2). A spawner
//! that computes must not strand its children while another core idles. So a child starts out on its parent's worker, and
//! other workers take what has waited longer than the wake costs (`hub/workers.rs`). The exception is the child that a
//! green thread spawns after an `accept`: the two will not talk, and the connection stays where it is put, so it goes to the
//! worker with the fewest descriptors.

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
    /// On one of the workers, each in turn.
    InTurn(&'static Workers),
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
    Ok(Place::InTurn(workers))
}

fn least_registered(hub: &Hub, workers: &'static Workers) -> Place {
    let count = |shared: &Shared| shared.registered().load(Ordering::Relaxed) + shared.unstarted().lock().len();
    let best = workers.hubs().iter().copied().min_by_key(|shared| count(shared)).expect("there is a worker");
    if hub.is_worker() && count(hub.shared()) <= count(best) + CLOSE {
        return Place::HereFirst(workers);
    }
    Place::On(best)
}

/// Gives an unstarted green thread to a worker.
pub(crate) fn send(shared: &'static Shared, unstarted: Unstarted) {
    match current::existing() {
        Some(hub) if std::ptr::eq(hub.shared(), shared) => hub.enqueue_shared(unstarted),
        _ => {
            shared.hand(unstarted);
        }
    }
}
