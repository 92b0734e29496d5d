//! `Task`: a one-shot operation, and the callback that is told of its end.

mod failure;
mod flight;
mod job;
mod kept;
mod parts;
mod pending;
mod underway;

use std::fmt;
use std::io;

pub use failure::{Failure, WorkerPanic};
pub use job::Job;
pub use pending::{Pending, WaitError};

/// A one-shot operation: work on another OS thread, and a callback on a hub of one's choice.
///
/// Follows QEMU's `QIOTask`. A task holds the *source* that it is about, and, later, a result or an error.
/// [`run`](Self::run) gives it a *worker*, which may block as it likes, and [`on_complete`](Job::on_complete) a
/// *completion*, and starts it.
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use green_task::Task;
///
/// let length = Rc::new(Cell::new(0));
/// let result = Rc::clone(&length);
/// let pending = Task::new("/etc/passwd")
///     .run(|task| std::fs::read_to_string(task.source()))
///     .on_complete(move |task| result.set(task.take().map_or(0, |text| text.len())));
/// // This OS thread goes on, and runs the completion when it next waits: at the latest here.
/// pending.wait();
/// assert!(length.get() > 0);
/// ```
///
/// For a program of green threads that is one way too many: a green thread may call `blocking::unblock` and go on with
/// the result on the next line. A task is for code that is made of callbacks, as QEMU's is, and for state that
/// belongs to one OS thread, which only completions touch.
///
/// # Who runs what
///
/// - The worker runs on a thread of a pool with at most as many threads as `GREEN_BLOCKING_THREADS` says, in order of
///   submission. A task that is started by a worker of any pool runs its worker then and there; it should name a hub for
///   its completion, for the OS thread of a worker is the pool's and has no time for it.
/// - The completion runs on the OS thread whose hub was named, in a green thread of its own, when that OS thread next waits
///   or yields: it pre-empts nobody. Completions, and whatever else is posted to a hub by its
///   [`HubHandle`](crate::HubHandle), run one after the other, in the order in which the workers finished. One that parks
///   lets other green threads run, but not the next completion: what takes long is to be spawned.
/// - Nobody has to wait for a task. Who wants to does so by the [`Pending`] that starting it returned.
///
/// # What is dropped where
///
/// All on the OS thread of the completion, in this order:
///
/// 1. the worker, with what it captured: before the completion is called;
/// 2. the completion, with what it captured, at the end of its call;
/// 3. the result, if nobody took it;
/// 4. the error, if nobody took it;
/// 5. the source.
///
/// So the source is there until the completion has returned. The worker is called through a reference (it is an
/// `FnMut` that is called once) for that order's sake: what it captured comes back from the pool.
///
/// If the OS thread of the completion ends first, the completion never runs. A task that is ready by then is dropped by the ending
/// OS thread; one whose worker is still at work is dropped by the pool's thread when the worker has returned. The
/// order is the same. A completion that was made by `on_complete`, and need not be `Send`, is dropped by its own OS thread
/// even then, and therefore first. A completion that is parked in the middle when its OS thread ends is leaked, as every
/// green thread is; who waits for it is told that it is over.
///
/// # Panics
///
/// A panic of the worker is the task's error ([`Failure::Panicked`]), unless it had another before. A panic of the completion
/// is reported, and ends the completion alone; in [`Pending::wait_inline`] it goes to the caller.
///
/// # Examples
///
/// An operation that needs no thread, because it is over when one knows of it:
///
/// ```
/// use green_task::Task;
///
/// let mut task: Task<&str, u32> = Task::new("handshake");
/// task.set_result(7);
/// let told = task.complete(|task| (*task.source(), task.take_result()));
/// assert_eq!(told, ("handshake", Some(7)));
/// ```
pub struct Task<S, R, E = io::Error> {
    // In the order in which they are dropped.
    result: Option<R>,
    error: Option<Failure<E>>,
    source: S,
}

impl<S, R, E> Task<S, R, E> {
    /// Creates a task about `source`, which it keeps until its completion has returned.
    #[must_use]
    pub fn new(source: S) -> Self {
        Self { result: None, error: None, source }
    }

    /// Returns what the task is about.
    pub fn source(&self) -> &S {
        &self.source
    }

    /// Returns what the task is about, to be changed.
    pub fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Sets the result; one that was set before is dropped.
    pub fn set_result(&mut self, result: R) {
        self.result = Some(result);
    }

    /// Sets the error, unless there is one already: the first wins, and later ones are dropped.
    pub fn set_error(&mut self, error: E) {
        self.fail(Failure::Error(error));
    }

    fn fail(&mut self, failure: Failure<E>) {
        if self.error.is_none() {
            self.error = Some(failure);
        }
    }

    /// Returns the error, if there is one.
    pub fn error(&self) -> Option<&Failure<E>> {
        self.error.as_ref()
    }

    /// Moves the error out: there is none afterwards.
    pub fn take_error(&mut self) -> Option<Failure<E>> {
        self.error.take()
    }

    /// Returns the result, if there is one.
    pub fn result(&self) -> Option<&R> {
        self.result.as_ref()
    }

    /// Moves the result out: there is none afterwards.
    pub fn take_result(&mut self) -> Option<R> {
        self.result.take()
    }

    /// Moves out what the task came to.
    ///
    /// # Errors
    ///
    /// The error, if there is one; [`Failure::Nothing`] if there is neither an error nor a result.
    pub fn take(&mut self) -> Result<R, Failure<E>> {
        match self.error.take() {
            Some(failure) => Err(failure),
            None => self.result.take().ok_or(Failure::Nothing),
        }
    }

    /// Calls `completion` with the task, here and now, and drops the task when it has returned: for an operation that ends
    /// without a worker.
    pub fn complete<T>(mut self, completion: impl FnOnce(&mut Self) -> T) -> T {
        completion(&mut self)
    }

    /// Gives the task a worker. What it returns is the task's result or error; an error that it set before wins.
    ///
    /// It is called once, and is `FnMut` so that what it captured comes back from its OS thread; see the
    /// [type](Self#what-is-dropped-where).
    pub fn run<W>(self, worker: W) -> Job<S, R, E, W>
    where
        W: FnMut(&mut Self) -> Result<R, E>,
    {
        Job::new(self, worker)
    }
}

impl<S: fmt::Debug, R, E: fmt::Debug> fmt::Debug for Task<S, R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task")
            .field("source", &self.source)
            .field("has_result", &self.result.is_some())
            .field("error", &self.error)
            .finish()
    }
}
