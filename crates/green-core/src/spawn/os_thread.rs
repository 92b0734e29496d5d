//! `GREEN=off`: a spawn makes an OS thread, whose stack is the root of its own hub (I14).

use std::io;
use std::sync::Arc;

use super::unstarted::Task;
use crate::current;
use crate::hub::Kind;
use crate::kill::Killed;
use crate::mode;

/// A task on its way to the OS thread that will run it.
struct Carried(Arc<dyn Task>);

// SAFETY: `spawn`'s bounds make the closure and the result `Send`; the OS thread becomes the task's runner.
unsafe impl Send for Carried {}

impl Carried {
    fn into_task(self) -> Arc<dyn Task> {
        self.0
    }
}

/// Starts an OS thread for `task`.
///
/// # Errors
///
/// The OS error if the OS thread cannot be started.
pub(super) fn spawn(task: Arc<dyn Task>, stack_size: usize) -> io::Result<()> {
    // Here, where somebody hears it.
    mode::check_poison();
    let mut builder = std::thread::Builder::new().stack_size(stack_size);
    if let Some(name) = task.identity().name() {
        builder = builder.name(name.to_owned());
    }
    let carried = Carried(task);
    builder.spawn(move || {
        let task = carried.into_task();
        let hub = current::make(Kind::Root, Some(Arc::clone(&task)));
        if hub.current().interrupts.is_pending() {
            // Killed before its start. The closure is dropped as at any end, where nothing is delivered.
            hub.current().exiting.set(true);
            task.abandon(Box::new(Killed));
            hub.current().exiting.set(false);
        } else {
            task.run();
        }
        hub.finish_root(&*task);
    })?;
    Ok(())
}
