//! Noticing a child's end by an OS thread that blocks: for where there is no descriptor to be had.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use green_core::blocking::Pool;
use green_core::kill;
use green_core::spawn::{Options, spawn};
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;

use crate::sys;

/// Apart from other pools, because its threads are busy for as long as a child lives.
static WATCHERS: Pool = Pool::new("green-child", 1 << 15);

/// What is known of a child for which an OS thread waits.
#[derive(Default)]
struct End {
    /// Stored with `Release` before the queue is notified.
    came: AtomicBool,
    queue: WaitQueue,
}

/// A watch that an OS thread keeps, for as many waits as it takes.
#[derive(Default)]
pub(crate) struct Watcher(Arc<End>);

impl Watcher {
    pub(crate) fn start(pid: u32) -> io::Result<Self> {
        let watcher = Self::default();
        let end = Arc::clone(&watcher.0);
        let watch = move || {
            WATCHERS.run(WaitReason::Child, move || {
                // An error means that somebody else has reaped it: it has ended, too.
                let _ = sys::await_end(pid);
                end.came.store(true, Ordering::Release);
                end.queue.notify_all();
            });
        };
        let name = Some("child watcher".to_owned());
        spawn(Options { name, ..Options::default() }, watch)?;
        Ok(watcher)
    }

    /// Waits until the child has ended; false at `deadline`.
    pub(crate) fn wait(&self, deadline: Option<Instant>) -> bool {
        let End { came, queue } = &*self.0;
        while !came.load(Ordering::Acquire) {
            match queue.wait_until(deadline, WaitReason::Child, || !came.load(Ordering::Acquire)) {
                Outcome::Unparked => {}
                Outcome::TimedOut => return false,
                Outcome::Interrupted => kill::deliver(),
            }
        }
        true
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("ended", &self.0.came).finish_non_exhaustive()
    }
}
