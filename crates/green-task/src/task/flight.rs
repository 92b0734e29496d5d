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
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use green_core::blocking::Pool;
use green_core::hub::HubHandle;
use green_core::identity;
use green_core::wait_queue::WaitQueue;

use super::{Failure, Task, underway};

/// Where workers run.
static WORKERS: Pool = Pool::configured("green-task");

/// What the pool has, and then the completion. Dropped in this order.
struct Parts<S, R, E, W, F> {
    worker: W,
    completion: F,
    task: Task<S, R, E>,
}

impl<S, R, E, W, F> Parts<S, R, E, W, F>
where
    W: FnMut(&mut Task<S, R, E>) -> Result<R, E>,
    F: FnOnce(&mut Task<S, R, E>),
{
    fn work(&mut self) {
        let (worker, task) = (&mut self.worker, &mut self.task);
        match catch_unwind(AssertUnwindSafe(|| worker(task))) {
            Ok(Ok(result)) => task.set_result(result),
            Ok(Err(error)) => task.set_error(error),
            Err(payload) => task.fail(Failure::Panicked(payload)),
        }
    }

    fn complete(self) {
        let Self { worker, completion, mut task } = self;
        // A destructor that panics has been reported; it must not keep the result from whoever waits for it. The
        // payload's own destructor is not tried.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(worker))) {
            mem::forget(payload);
        }
        completion(&mut task);
    }
}

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
pub(super) struct Flight<S, R, E, W, F> {
    stage: Mutex<Stage<Parts<S, R, E, W, F>>>,
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

impl<S, R, E, W, F> Flight<S, R, E, W, F>
where
    S: Send + 'static,
    R: Send + 'static,
    E: Send + 'static,
    W: FnMut(&mut Task<S, R, E>) -> Result<R, E> + Send + 'static,
    F: FnOnce(&mut Task<S, R, E>) + Send + 'static,
{
    /// Gives the task to the pool.
    pub(super) fn start(hub: &HubHandle, worker: W, completion: F, task: Task<S, R, E>) -> Arc<dyn InFlight> {
        let stage = Mutex::new(Stage::Working(hub.clone()));
        let flight = Arc::new(Self { stage, ready: WaitQueue::new(), over: WaitQueue::new() });
        let (mut parts, hub) = (Parts { worker, completion, task }, hub.clone());
        let arrival = Arc::clone(&flight);
        WORKERS.detach(move || {
            parts.work();
            arrival.arrive(hub, parts);
        });
        flight
    }

    /// Brings the task to its hub, or drops it if there is none any more.
    fn arrive(self: Arc<Self>, hub: HubHandle, parts: Parts<S, R, E, W, F>) {
        let before = mem::replace(&mut *self.lock(), Stage::Ready(hub.clone(), parts));
        drop(before);
        self.ready.notify_all();
        let landing = Landing(self);
        // What comes back is dropped here, and with it the task.
        drop(hub.post(move || Arc::clone(&landing.0).complete()));
    }
}

impl<S, R, E, W, F> Flight<S, R, E, W, F> {
    fn lock(&self) -> MutexGuard<'_, Stage<Parts<S, R, E, W, F>>> {
        // Nothing panics under it.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the parts, if they are ready, leaving `stage` in their place.
    fn take(&self, stage: Stage<Parts<S, R, E, W, F>>) -> Option<Parts<S, R, E, W, F>> {
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

impl<S, R, E, W, F> InFlight for Flight<S, R, E, W, F>
where
    S: Send + 'static,
    R: Send + 'static,
    E: Send + 'static,
    W: FnMut(&mut Task<S, R, E>) -> Result<R, E> + Send + 'static,
    F: FnOnce(&mut Task<S, R, E>) + Send + 'static,
{
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
