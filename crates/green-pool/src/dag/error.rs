//! How tasks fail, and why one was not started.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use green_core::kill::Killed;
use thiserror::Error;

/// What a task may fail with: whatever `?` meets.
pub type TaskError = Box<dyn Error + Send + Sync>;

/// The failure of a task, as it comes to those who depend on it.
///
/// Its source is what the task returned, for one that failed because another had that other's `PropagateError`, or else
/// the [`Failure`].
#[derive(Clone, Debug)]
pub struct PropagateError<K> {
    key: K,
    failure: Arc<Failure>,
}

impl<K> PropagateError<K> {
    pub(super) fn new(key: K, failure: Arc<Failure>) -> PropagateError<K> {
        PropagateError { key, failure }
    }

    /// Returns the key of the task that failed.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Returns how it failed.
    pub fn failure(&self) -> &Failure {
        &self.failure
    }

    /// Returns the failure of the task that this one failed of; none if it began here.
    pub fn cause(&self) -> Option<&PropagateError<K>>
    where
        K: fmt::Debug + 'static,
    {
        match &*self.failure {
            Failure::Error(error) => error.downcast_ref(),
            _ => None,
        }
    }
}

impl<K: fmt::Debug> fmt::Display for PropagateError<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the task of {:?} failed", self.key)
    }
}

impl<K: fmt::Debug> Error for PropagateError<K> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &*self.failure {
            Failure::Error(error) => Some(&**error),
            other => Some(other),
        }
    }
}

/// How a task failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Failure {
    /// It returned this error.
    #[error(transparent)]
    Error(TaskError),
    /// It panicked with this message; one that is no text is described.
    #[error("it panicked: {0}")]
    Panicked(String),
    /// It was killed, or lost with its OS thread.
    #[error("it was killed")]
    Killed,
    /// Nobody makes the key, and nobody can any more.
    #[error("nobody makes it")]
    Missing,
}

impl Failure {
    pub(super) fn of_unwinding(payload: &(dyn Any + Send)) -> Failure {
        if payload.is::<Killed>() {
            return Failure::Killed;
        }
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Failure::Panicked(text.unwrap_or_else(|| "(no text)".to_owned()))
    }
}

/// The key has a value, or a task that will make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the key {0:?} has a value or a task already")]
pub struct Collision<K>(pub K);

/// Why a task was not started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpawnError<K> {
    /// The key has a value, or a task, already.
    #[error(transparent)]
    Collision(Collision<K>),
    /// No green thread could be started.
    #[error("no green thread could be started for a task")]
    Thread(#[source] io::Error),
}
