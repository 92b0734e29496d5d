//! A task between its start and its end.
//!
//! | stage        | meaning                                              | next                                               |
//! |--------------|------------------------------------------------------|----------------------------------------------------|
//! | `Working`    | the pool has the task                                | `Ready` by the pool's thread                       |
//! | `Ready`      | the worker has returned; the hub has been told       | `Completing`, or `Dropping` if the hub is gone     |
//! | `Completing` | the completion runs                                  | `Over`                                             |
//! | `Dropping`   | the completion will not run; the parts are dropped   | `Over`                                             |
//! | `Over`       | nothing is left of the task                          | –                                                  |
//!
//! The step out of `Ready` is taken under the stage's lock, so one of the hub's post, a [`wait_inline`] and the end of the
//! hub gets the parts, and the completion runs at most once. Whoever gets them drops them, without the lock.
//!
//! A step is made first, and told to its queue afterwards.
//!
//! [`wait_inline`]: super::Pending::wait_inline

use std::mem;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use green_core::blocking::Pool;
use green_core::config::Config;
use green_core::hub::HubHandle;
use green_core::identity;
use green_core::wait_queue::WaitQueue;

use super::parts::Steps;
use super::underway;

/// Where workers run.
static WORKERS: Pool = Pool::configured("green-task", Config::blocking_threads);

enum Stage<P> {
    Working(HubHandle),
    Ready(HubHandle, P),
    /// By this green thread.
    Completing(NonZeroU64),
    Dropping,
    Over,
}

/// Where a task is, for those who do not know its types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The completion has not begun; says whether this OS thread is the one that it will run on.
    Working { here: bool },
    /// The worker has returned; says whether this OS thread is the one that the completion will run on.
    Ready { here: bool },
    /// The completion runs, or is dropped; says whether it is the caller that runs it.
    Completing { by_caller: bool },
    /// The completion has returned, or never will run.
    Over,
}

/// A task between its start and its end.
struct Flight<P> {
    stage: Mutex<Stage<P>>,
    /// Told when the worker has returned.
    ready: WaitQueue,
    /// Told when all is over.
    over: WaitQueue,
}

/// A flight, whatever its types.
pub(super) trait InFlight: Send + Sync {
    fn progress(&self) -> Progress;
    fn ready(&self) -> &WaitQueue;
    fn over(&self) -> &WaitQueue;
    /// Runs the completion if it is ready and nobody has begun.
    fn complete(self: Arc<Self>);
    /// Drops the parts, if they are ready and nobody has begun.
    fn give_up(&self);
    /// Says that all is over.
    fn end(&self);
}

/// Gives a task to the pool; it completes on `hub`.
pub(super) fn start(hub: &HubHandle, mut parts: impl Steps) -> Arc<dyn InFlight> {
    let hub = hub.clone();
    let stage = Mutex::new(Stage::Working(hub.clone()));
    let flight = Arc::new(Flight { stage, ready: WaitQueue::new(), over: WaitQueue::new() });
    let arriving = Arc::clone(&flight);
    WORKERS.detach(move || {
        parts.work();
        arriving.arrive(hub, parts);
    });
    flight
}

impl<P: Steps> Flight<P> {
    /// Brings the task to its hub, or drops it if there is none any more.
    fn arrive(self: Arc<Self>, hub: HubHandle, parts: P) {
        let before = mem::replace(&mut *self.lock(), Stage::Ready(hub.clone(), parts));
        drop(before);
        self.ready.notify_all();
        let landing = Landing(self);
        // What comes back is dropped here, and with it the task.
        drop(hub.post(move || Arc::clone(&landing.0).complete()));
    }

    fn lock(&self) -> MutexGuard<'_, Stage<P>> {
        // Nothing panics under it.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the parts, if they are ready, leaving `stage` in their place.
    fn take(&self, stage: Stage<P>) -> Option<P> {
        let mut present = self.lock();
        match mem::replace(&mut *present, stage) {
            Stage::Ready(_, parts) => Some(parts),
            other => {
                *present = other;
                None
            }
        }
    }
}

impl<P: Steps> InFlight for Flight<P> {
    fn progress(&self) -> Progress {
        match &*self.lock() {
            Stage::Working(hub) => Progress::Working { here: hub.is_current() },
            Stage::Ready(hub, _) => Progress::Ready { here: hub.is_current() },
            Stage::Completing(by) => Progress::Completing { by_caller: *by == identity::current_id() },
            Stage::Dropping => Progress::Completing { by_caller: false },
            Stage::Over => Progress::Over,
        }
    }

    fn ready(&self) -> &WaitQueue {
        &self.ready
    }

    fn over(&self) -> &WaitQueue {
        &self.over
    }

    fn complete(self: Arc<Self>) {
        let Some(parts) = self.take(Stage::Completing(identity::current_id())) else { return };
        let flight: Arc<dyn InFlight> = self;
        underway::begin(Arc::clone(&flight));
        let _underway = Underway(flight);
        parts.complete();
    }

    fn give_up(&self) {
        if let Some(parts) = self.take(Stage::Dropping) {
            let _ending = Ending(self);
            drop(parts);
        }
    }

    fn end(&self) {
        *self.lock() = Stage::Over;
        self.ready.notify_all();
        self.over.notify_all();
    }
}

/// Ends a flight when its completion does, in whatever way.
struct Underway(Arc<dyn InFlight>);

impl Drop for Underway {
    fn drop(&mut self) {
        underway::end(&self.0);
        self.0.end();
    }
}

/// Ends a flight when its parts were dropped, even if a destructor panicked.
struct Ending<'a>(&'a dyn InFlight);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A flight on its way to its hub. If it never gets there, the task is dropped by whoever drops this.
struct Landing(Arc<dyn InFlight>);

impl Drop for Landing {
    fn drop(&mut self) {
        self.0.give_up();
    }
}
