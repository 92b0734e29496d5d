//! What can go wrong in a server without ending it.

use std::any::Any;
use std::error::Error;
use std::io;

use thiserror::Error;

/// What a server reports to its [`on_error`](super::Builder::on_error).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServeError {
    /// No connection could be accepted.
    #[error("no connection could be accepted: {0}")]
    Accept(#[source] io::Error),
    /// There was no green thread to be had for a connection, which was closed.
    #[error("a connection was closed for want of a green thread: {0}")]
    Spawn(#[source] io::Error),
    /// A handler has returned this error.
    #[error("a handler failed: {0}")]
    Handler(#[source] Box<dyn Error + Send + Sync>),
    /// A handler has panicked with this payload. The panic hook has been called already.
    #[error("a handler panicked")]
    Panic(Box<dyn Any + Send>),
}

mod sealed {
    /// Keeps `Ending` to what is listed here.
    #[expect(unnameable_types, reason = "what nobody can name, nobody can implement")]
    pub trait Sealed {}
    impl Sealed for () {}
    impl<E> Sealed for Result<(), E> {}
}

/// What a handler may return: nothing, or a `Result` whose error is reported.
pub trait Ending: sealed::Sealed {
    /// Returns the error to report, if it is one.
    fn into_error(self) -> Option<Box<dyn Error + Send + Sync>>;
}

impl Ending for () {
    fn into_error(self) -> Option<Box<dyn Error + Send + Sync>> {
        None
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> Ending for Result<(), E> {
    fn into_error(self) -> Option<Box<dyn Error + Send + Sync>> {
        self.err().map(Into::into)
    }
}
