//! How connections are made, and how that fails.

use std::io;

use thiserror::Error;

/// Says how connections are made, reset and closed.
///
/// Each method is called by the thread that needs it done, without any lock held, and may park. One that would block,
/// because a C library is behind it, belongs into [`tpool::execute`](crate::tpool::execute), and such a connection into
/// a [`Blocking`](crate::tpool::Blocking).
pub trait Connector: Send + Sync + 'static {
    /// A connection.
    type Connection: Send + 'static;
    /// Why there is none.
    type Error: Send + 'static;

    /// Makes a connection. It is unwound at its next wait, as by a timeout, when the pool's connect timeout has passed.
    ///
    /// # Errors
    ///
    /// They come back from [`get`](super::ConnectionPool::get).
    fn connect(&self) -> Result<Self::Connection, Self::Error>;

    /// Brings a connection that comes back into the state of a new one: by a rollback, say. By default there is nothing
    /// to be done.
    ///
    /// # Errors
    ///
    /// The connection is closed then, and [`Connection::put`](super::Connection::put) returns the error.
    fn reset(&self, connection: &mut Self::Connection) -> Result<(), Self::Error> {
        let _ = connection;
        Ok(())
    }

    /// Returns true if the connection cannot be used any more. It is asked when one comes back, and when one that was
    /// idle is needed again. By default all are taken to be sound.
    fn is_broken(&self, connection: &mut Self::Connection) -> bool {
        let _ = connection;
        false
    }

    /// Closes a connection; by default it is dropped.
    fn close(&self, connection: Self::Connection) {
        drop(connection);
    }
}

/// Why there is no new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError<E> {
    /// It was not made in time.
    #[error("the connection was not made in time")]
    TimedOut,
    /// The connector failed.
    #[error("no connection could be made: {0}")]
    Failed(E),
    /// There is a limit on the time it may take, and the program was compiled with `panic = "abort"`.
    #[error("connect timeouts need unwinding, and this program was compiled with panic = \"abort\"")]
    Unsupported,
}

impl<E: Into<io::Error>> From<ConnectError<E>> for io::Error {
    fn from(error: ConnectError<E>) -> io::Error {
        match error {
            ConnectError::TimedOut => io::Error::new(io::ErrorKind::TimedOut, ConnectError::<io::Error>::TimedOut),
            ConnectError::Failed(error) => error.into(),
            ConnectError::Unsupported => {
                io::Error::new(io::ErrorKind::Unsupported, ConnectError::<io::Error>::Unsupported)
            }
        }
    }
}
