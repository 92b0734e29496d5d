//! `Pending`: a task that was started, for those who want to wait for it.

use std::sync::Arc;
use std::{fmt, io};

use green_core::kill;
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_core::waitable::{Lasting, Waitable};

use super::flight::{InFlight, Progress};

/// A task that was started. Dropping it changes nothing: the completion runs all the same.
///
/// It is [`Waitable`], so one can wait for the end of a task beside other things.
#[derive(Clone)]
pub struct Pending {
    flight: Arc<dyn InFlight>,
}

/// Why a completion cannot be run by [`Pending::wait_inline`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The completion belongs to another OS thread's hub.
    #[error("the task completes on the hub of another OS thread")]
    OtherHub,
    /// The caller is the completion itself.
    #[error("a completion cannot wait for its own end")]
    Itself,
}

impl From<WaitError> for io::Error {
    fn from(error: WaitError) -> Self {
        let kind = match error {
            WaitError::OtherHub => io::ErrorKind::InvalidInput,
            WaitError::Itself => io::ErrorKind::Deadlock,
        };
        Self::new(kind, error)
    }
}

impl Pending {
    pub(super) fn new(flight: Arc<dyn InFlight>) -> Self {
        Self { flight }
    }

    /// Returns true once the completion has returned, or never will run because its hub is gone.
    pub fn is_over(&self) -> bool {
        self.flight.progress() == Progress::Over
    }

    /// Waits for the worker, and runs the completion here, in the calling green thread: once, and not again from the hub.
    /// A kill point.
    ///
    /// If the hub has begun the completion already, this waits for its end. Afterwards the task is over, and a further
    /// call returns at once. A caller that is killed while it waits leaves the completion to the hub.
    ///
    /// Follows QEMU's `qio_task_wait_thread`.
    ///
    /// # Errors
    ///
    /// [`WaitError::OtherHub`] on an OS thread other than the completion's, which goes on as if nobody had asked;
    /// [`WaitError::Itself`] in the completion.
    ///
    /// # Panics
    ///
    /// Goes on with the completion's panic.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    /// use green_task::Task;
    ///
    /// let told = Rc::new(Cell::new(0));
    /// let count = Rc::clone(&told);
    /// let pending = Task::new(20)
    ///     .run(|task| Ok::<_, std::io::Error>(task.source() + 1))
    ///     .on_complete(move |task| count.set(count.get() + task.take_result().unwrap()));
    /// pending.wait_inline()?;
    /// assert_eq!(told.get(), 21);
    /// # Ok::<(), green_task::WaitError>(())
    /// ```
    pub fn wait_inline(&self) -> Result<(), WaitError> {
        loop {
            let progress = self.flight.progress();
            match progress {
                Progress::Over => return Ok(()),
                Progress::Completing { by_caller: true } => return Err(WaitError::Itself),
                Progress::Working { here: false } | Progress::Ready { here: false } => return Err(WaitError::OtherHub),
                Progress::Working { here: true } => wait_in(self.flight.ready(), || self.flight.progress() == progress),
                Progress::Ready { here: true } => Arc::clone(&self.flight).complete(),
                Progress::Completing { by_caller: false } => {
                    wait_in(self.flight.over(), || self.flight.progress() == progress)
                }
            }
        }
    }

    /// Waits until the task is over, on any OS thread: the completion runs where it belongs. A kill point.
    ///
    /// Completions of a hub run one at a time, so a completion that waits in this way for another of its own hub waits
    /// for ever; it can use [`wait_inline`](Self::wait_inline).
    pub fn wait(&self) {
        while !self.is_over() {
            wait_in(self.flight.over(), || !self.is_over());
        }
    }
}

/// Waits to be told, unless it has happened already. A kill point.
fn wait_in(queue: &WaitQueue, blocked: impl FnOnce() -> bool) {
    if queue.wait_until(None, WaitReason::Task, blocked) == Outcome::Interrupted {
        kill::deliver();
    }
}

/// Ready once the task is over.
impl Waitable for Pending {
    fn is_ready(&self) -> bool {
        self.is_over()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(self.flight.over())
    }
}

impl Lasting for Pending {}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("is_over", &self.is_over()).finish_non_exhaustive()
    }
}
