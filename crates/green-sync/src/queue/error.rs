//! What can go wrong with a queue.

use std::fmt;
use std::io;

use thiserror::Error;

/// Why an item was not put into a queue. Gives the item back.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PutError<T> {
    /// The queue has no room.
    #[error("the queue is full")]
    Full(T),
    /// The queue had no room in time.
    #[error("the queue had no room in time")]
    TimedOut(T),
    /// The queue was closed.
    #[error("the queue is closed")]
    Closed(T),
}

impl<T> PutError<T> {
    /// Returns the item.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(item) | Self::TimedOut(item) | Self::Closed(item) => item,
        }
    }
}

impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::TimedOut(_) => "TimedOut(..)",
            Self::Closed(_) => "Closed(..)",
        })
    }
}

impl<T: Send + Sync + 'static> From<PutError<T>> for io::Error {
    fn from(error: PutError<T>) -> Self {
        let kind = match error {
            PutError::Full(_) => io::ErrorKind::WouldBlock,
            PutError::TimedOut(_) => io::ErrorKind::TimedOut,
            PutError::Closed(_) => io::ErrorKind::BrokenPipe,
        };
        io::Error::new(kind, error)
    }
}

/// Why no item came out of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GetError {
    /// The queue is empty, or what it holds belongs to others who wait.
    #[error("the queue is empty")]
    Empty,
    /// Nothing came in time.
    #[error("the queue had nothing in time")]
    TimedOut,
    /// The queue was closed, and nothing is left in it.
    #[error("the queue is closed")]
    Closed,
}

impl From<GetError> for io::Error {
    fn from(error: GetError) -> Self {
        let kind = match error {
            GetError::Empty => io::ErrorKind::WouldBlock,
            GetError::TimedOut => io::ErrorKind::TimedOut,
            GetError::Closed => io::ErrorKind::BrokenPipe,
        };
        io::Error::new(kind, error)
    }
}

/// [`task_done`](super::OrderedQueue::task_done) was called more often than there were items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("more tasks were done than were put into the queue")]
#[non_exhaustive]
pub struct TaskDoneError;
