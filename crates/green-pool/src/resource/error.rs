//! Why no item came out of a pool.

use std::io;

use thiserror::Error;

/// Why no item came out of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum GetError<E> {
    /// All are in use, or those that are free belong to others who wait.
    #[error("no item of the pool is free")]
    Exhausted,
    /// None was free in time.
    #[error("no item of the pool was free in time")]
    TimedOut,
    /// None was free, and a new one could not be made.
    #[error("no item could be made: {0}")]
    Create(E),
}

impl<E: Into<io::Error>> From<GetError<E>> for io::Error {
    fn from(error: GetError<E>) -> io::Error {
        match error {
            GetError::Exhausted => io::Error::new(io::ErrorKind::WouldBlock, GetError::<io::Error>::Exhausted),
            GetError::TimedOut => io::Error::new(io::ErrorKind::TimedOut, GetError::<io::Error>::TimedOut),
            GetError::Create(error) => error.into(),
        }
    }
}
