//! The handle to a server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use green_core::clock;
use green_core::kill::KillError;

use super::connections::Connections;

/// A server that was started with [`serve`](super::serve()) or a [`Builder`](super::Builder).
///
/// Dropping it lets the server go on, as dropping a `JoinHandle` does a thread. Clones are handles to the same server.
///
/// # Examples
///
/// ```
/// use std::io::{self, Write};
/// use std::time::Duration;
///
/// use green_net::{TcpListener, TcpStream, serve};
///
/// # fn main() -> io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
/// let server = serve(listener, |mut stream, _addr| stream.write_all(b"hello"))?;
///
/// assert_eq!(io::read_to_string(TcpStream::connect(addr)?)?, "hello");
/// assert!(server.stop_within(Duration::from_secs(5))?);
/// assert!(TcpStream::connect(addr).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Server {
    connections: Arc<Connections>,
}

impl Server {
    pub(super) fn new(connections: Arc<Connections>) -> Self {
        Self { connections }
    }

    /// Stops accepting. The listener is closed; connections that were accepted are handled to their end.
    ///
    /// # Errors
    ///
    /// [`KillError`] in a program compiled with `panic = "abort"`: there the server stops after the next connection.
    pub fn stop(&self) -> Result<(), KillError> {
        self.connections.stop()
    }

    /// Stops accepting and kills all handlers, without waiting for their end.
    ///
    /// # Errors
    ///
    /// As for [`stop`](Self::stop).
    pub fn kill(&self) -> Result<(), KillError> {
        self.connections.kill()
    }

    /// Parks until the server has stopped and the last handler has ended. A kill point.
    pub fn wait(&self) {
        self.connections.wait(None);
    }

    /// Waits as [`wait`](Self::wait) does, for at most `timeout`; returns whether the server has come to its end.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.connections.wait(clock::after(timeout))
    }

    /// Stops accepting, lets the handlers finish, kills those that have not when `grace` is over, and waits until all
    /// have ended. Returns true if none was killed.
    ///
    /// # Errors
    ///
    /// As for [`stop`](Self::stop); then nothing was waited for.
    pub fn stop_within(&self, grace: Duration) -> Result<bool, KillError> {
        self.stop()?;
        if self.wait_timeout(grace) {
            return Ok(true);
        }
        self.kill()?;
        self.wait();
        Ok(false)
    }

    /// Returns how many connections are being handled.
    pub fn connections(&self) -> usize {
        self.connections.count()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("connections", &self.connections()).finish_non_exhaustive()
    }
}
