//! `Failure`: why a task has no result.

use std::any::Any;
use std::fmt;
use std::io;

/// Why a task has no result.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Failure<E> {
    /// The worker, or whoever else had the task, said so.
    #[error(transparent)]
    Error(E),
    /// The worker panicked, with this payload.
    #[error("the worker panicked: {}", message(&**.0))]
    Panicked(Box<dyn Any + Send>),
    /// Nobody set a result or an error, or they were taken already.
    #[error("the task has neither a result nor an error")]
    Nothing,
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("with a payload that is no text")
}

impl<E: fmt::Debug> fmt::Debug for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) => f.debug_tuple("Error").field(error).finish(),
            Self::Panicked(payload) => f.debug_tuple("Panicked").field(&message(&**payload)).finish(),
            Self::Nothing => f.write_str("Nothing"),
        }
    }
}

impl From<Failure<io::Error>> for io::Error {
    fn from(failure: Failure<io::Error>) -> Self {
        match failure {
            Failure::Error(error) => error,
            Failure::Panicked(payload) => {
                io::Error::other(Failure::<std::convert::Infallible>::Panicked(payload).to_string())
            }
            Failure::Nothing => io::Error::other("the task has neither a result nor an error"),
        }
    }
}
