//! Green threads that nobody waits for: a closure, and no handle.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::extras::contain;
use super::identity_ref::Identified;
use super::packet::{__rust_begin_short_backtrace, abort_on_unwind};
use super::unstarted::Task;
use super::{Options, Site, new_identity};
use crate::config;
use crate::identity::Identity;
use crate::placement::Borrows;

/// A closure that is run once, by the runner, and the identity of the green thread that runs it.
struct Detached<F> {
    identity: Identity,
    /// Only the runner touches it; whoever else has a reference reaches the identity alone.
    body: Cell<Option<F>>,
}

impl<F> Identified for Detached<F> {
    fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl<F: FnOnce()> Task for Detached<F> {
    fn run(&self) {
        let body = self.body.take().expect("a task runs once");
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| __rust_begin_short_backtrace(body))) {
            // The panic hook has reported it.
            abort_on_unwind(|| drop(payload));
        }
    }

    fn exit(&self) {}

    fn complete(&self) {}

    fn abandon(&self, payload: Box<dyn Any + Send>) {
        let body = self.body.take();
        // A panic of its destructor is its own affair.
        contain(|| drop(body));
        drop(payload);
    }
}

/// Starts a green thread on some hub that nobody can wait for.
///
/// It makes one allocation, and has fewer steps than a spawn whose handle is dropped.
///
/// # Errors
///
/// As for [`spawn`](super::spawn).
pub fn spawn_detached<F>(options: Options, f: F) -> io::Result<()>
where
    F: FnOnce() + Send + 'static,
{
    let config = config::get()?;
    let site = Site::new(config, options.stack_size)?;
    let task = Arc::new(Detached { identity: new_identity(options.name), body: Cell::new(Some(f)) });
    site.place(config, task, Borrows::Nothing)
}
