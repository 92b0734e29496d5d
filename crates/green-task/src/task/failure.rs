//! `Failure`: why a task has no result, and `WorkerPanic`, if it is that.

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

/// Why a task has no result.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Failure<E> {
    /// The worker, or whoever else had the task, said so.
    #[error(transparent)]
    Error(E),
    /// The worker panicked.
    #[error(transparent)]
    Panicked(WorkerPanic),
    /// Nobody set a result or an error, or they were taken already.
    #[error("the task has neither a result nor an error")]
    Nothing,
}

impl<E: fmt::Debug> fmt::Debug for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => f.debug_tuple("Error").field(error).finish(),
            Self::Panicked(panic) => f.debug_tuple("Panicked").field(panic).finish(),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

impl From<Failure<io::Error>> for io::Error {
    fn from(failure: Failure<io::Error>) -> Self {
        match failure {
            Failure::Error(error) => error,
            Failure::Panicked(panic) => io::Error::other(panic),
            Failure::Nothing => io::Error::other("the task has neither a result nor an error"),
        }
    }
}

/// The panic of a worker.
///
/// The payload is there once: the first who asks for it gets it. So the error can be shared, and sent.
///
/// # Examples
///
/// ```
/// use std::error::Error;
/// use std::sync::mpsc;
///
/// use green_task::{Failure, Task};
///
/// let (sender, receiver) = mpsc::channel();
/// let pending = Task::<_, (), String>::new(())
///     .run(|_| panic!("out of luck"))
///     .on_complete(move |task| sender.send(task.take_error()).unwrap());
/// pending.wait();
/// let Ok(Some(Failure::Panicked(panic))) = receiver.recv() else { unreachable!() };
/// assert_eq!(panic.message(), Some("out of luck"));
/// assert!(panic.take_payload().is_some());
/// // It goes wherever errors go.
/// let error: Box<dyn Error + Send + Sync> = panic.into();
/// assert_eq!(error.to_string(), "the worker panicked: out of luck");
/// ```
pub struct WorkerPanic {
    payload: Mutex<Option<Box<dyn Any + Send>>>,
    /// The payload's, if it is a text.
    message: Option<Box<str>>,
}

impl WorkerPanic {
    pub(super) fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = match payload.downcast_ref::<&str>() {
            Some(message) => Some((*message).into()),
            None => payload.downcast_ref::<String>().map(|message| message.as_str().into()),
        };
        Self { payload: Mutex::new(Some(payload)), message }
    }

    /// Returns the message of the panic, if that had one.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Returns what the worker panicked with, for [`resume_unwind`](std::panic::resume_unwind) say; none from the second time on.
    pub fn take_payload(&self) -> Option<Box<dyn Any + Send>> {
        self.payload.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Display for WorkerPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the worker panicked: {}", self.message().unwrap_or("with a payload that is no text"))
    }
}

impl fmt::Debug for WorkerPanic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerPanic").field("message", &self.message).finish_non_exhaustive()
    }
}

impl std::error::Error for WorkerPanic {}
