//! `GREEN=off`: a spawn makes an OS thread, whose stack is the root of its own hub (I14).

use std::io;
use std::sync::Arc;
use std::time::Instant;

use super::delay::Place;
use super::unstarted::Task;
use crate::current;
use crate::fork;
use crate::hub::Kind;
use crate::kill;
use crate::mode;
use crate::park::park_until;
use crate::unpark::{Outcome, Unparker, WaitReason};

/// A task on its way to the OS thread that will run it.
struct Carried(Arc<dyn Task>);

// SAFETY: `spawn`'s bounds make the closure and the result `Send`; the OS thread becomes the task's runner.
unsafe impl Send for Carried {}

impl Carried {
    fn into_task(self) -> Arc<dyn Task> {
        self.0
    }
}

/// Starts an OS thread for `task`, which begins at once or at `start`.
///
/// # Errors
///
/// The OS error if the OS thread cannot be started.
pub(super) fn spawn(task: Arc<dyn Task>, stack_size: usize, start: Option<Instant>) -> io::Result<()> {
    // Here, where somebody hears it.
    fork::check()?;
    mode::check_poison();
    let mut builder = std::thread::Builder::new().stack_size(stack_size);
    if let Some(name) = task.identity().name() {
        builder = builder.name(name.to_owned());
    }
    let carried = Carried(task);
    builder.spawn(move || {
        let task = carried.into_task();
        let hub = if let Some(start) = start {
            let hub = current::make(Kind::Root, None);
            wait_for_start(&*task, start);
            hub.stand_for(Arc::clone(&task));
            hub
        } else {
            current::make(Kind::Root, Some(Arc::clone(&task)))
        };
        if hub.current().interrupts.is_pending() {
            // Killed before its start. The closure is dropped as at any end, where nothing is delivered.
            hub.current().exiting.set(true);
            task.abandon(kill::payload_of(&*task));
            hub.current().exiting.set(false);
        } else {
            task.run();
        }
        // Not `hub`, if this is the child of a fork.
        current::hub().finish_root(&*task);
    })?;
    Ok(())
}

/// Waits until `start`, or until the task has been killed.
fn wait_for_start(task: &dyn Task, start: Instant) {
    if let Some(extras) = task.extras() {
        extras.set_place(Place::Sleeper(Unparker::current()));
    }
    while !task.identity().is_killed() {
        if park_until(Some(start), WaitReason::Start) == Outcome::TimedOut {
            return;
        }
    }
}
