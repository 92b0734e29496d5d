//! Why a switch or a new parent is refused.

use std::io;

use thiserror::Error;

/// Why a switch did not happen. The value that was to travel is lost.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SwitchError {
    /// The greenlet, or the ancestor that would take its place, belongs to another green thread, which may have ended.
    #[error("cannot switch to a greenlet of another green thread")]
    OtherThread,
    /// Inside `no_switch`, which panic hooks are too, and on the hub's own stack nothing switches.
    #[error("cannot switch greenlets inside no_switch")]
    NoSwitch,
    /// There is no stack for a greenlet that was to start.
    #[error("no stack for the greenlet: {0}")]
    Stack(#[source] io::Error),
}

impl From<SwitchError> for io::Error {
    fn from(error: SwitchError) -> Self {
        match error {
            SwitchError::Stack(error) => error,
            other => io::Error::new(io::ErrorKind::InvalidInput, other),
        }
    }
}

/// Why a greenlet cannot have this parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParentError {
    /// The greenlet is the new parent itself or one of its ancestors.
    #[error("a greenlet cannot be its own ancestor")]
    Cycle,
    /// The greenlet has started in one green thread and the new parent belongs to another.
    #[error("the parent belongs to another green thread")]
    OtherThread,
    /// A main greenlet has no parent.
    #[error("a main greenlet has no parent")]
    IsMain,
}

impl From<ParentError> for io::Error {
    fn from(error: ParentError) -> Self {
        io::Error::new(io::ErrorKind::InvalidInput, error)
    }
}
