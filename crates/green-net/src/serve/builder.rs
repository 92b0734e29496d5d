//! Starting a server.

use std::any::Any;
use std::fmt;
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use green_core::clock;
use green_core::kill::Killed;
use green_core::park::sleep_until;
use green_core::spawn::{self, Options};

use super::connections::{Accepting, Connections, Room};
use super::{Ending, Listener, ServeError, Server};

/// How many connections are handled at once if nothing else is said.
const CONCURRENCY: usize = 1000;

/// The pause after the second failure in a row, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

/// Handles each connection of `listener` in a green thread of its own, at most 1,000 at once, and returns at once.
///
/// `handler` owns its connection, so that is closed when it returns, panics or is killed. A [`Builder`] sets the limit
/// and more.
///
/// # Errors
///
/// The error of spawning a green thread.
///
/// # Examples
///
/// ```
/// use std::io::{self, Read, Write};
///
/// use green_net::{Shutdown, TcpListener, TcpStream, serve};
///
/// # fn main() -> io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
/// let server = serve(listener, |stream, _addr| io::copy(&mut &stream, &mut &stream).map(drop))?;
///
/// let mut client = TcpStream::connect(addr)?;
/// client.write_all(b"echo")?;
/// client.shutdown(Shutdown::Write)?;
/// assert_eq!(io::read_to_string(client)?, "echo");
///
/// server.stop()?;
/// server.wait();
/// # Ok(())
/// # }
/// ```
pub fn serve<L, H, R>(listener: L, handler: H) -> io::Result<Server>
where
    L: Listener,
    H: Fn(L::Stream, L::Addr) -> R + Send + Sync + 'static,
    R: Ending,
{
    Builder::new().serve(listener, handler)
}

/// What a server is to be like.
///
/// # Examples
///
/// ```
/// use std::io::{self, Write};
/// use std::sync::mpsc::channel;
///
/// use green_net::serve::{Builder, ServeError};
/// use green_net::{TcpListener, TcpStream};
///
/// # fn main() -> io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let addr = listener.local_addr()?;
/// let (report, reports) = channel();
/// let server = Builder::new()
///     .concurrency(100)
///     .stack_size(64 * 1024)
///     .on_error(move |error| drop(report.send(error)))
///     .serve(listener, |_stream, _addr| Err(io::Error::other("out of order")))?;
///
/// TcpStream::connect(addr)?;
/// assert!(matches!(reports.recv(), Ok(ServeError::Handler(error)) if error.to_string() == "out of order"));
/// server.stop()?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until `serve` is called"]
pub struct Builder {
    concurrency: usize,
    stack_size: Option<usize>,
    name: Option<String>,
    on_error: Arc<OnError>,
}

type OnError = dyn Fn(ServeError) + Send + Sync;

impl Builder {
    /// Makes a builder for 1,000 connections at once, with green threads of the default stack size.
    pub fn new() -> Self {
        Self { concurrency: CONCURRENCY, stack_size: None, name: None, on_error: Arc::new(drop) }
    }

    /// Sets how many connections are handled at once; the server accepts no further one meanwhile.
    ///
    /// # Panics
    ///
    /// Panics if `connections` is 0.
    pub fn concurrency(mut self, connections: usize) -> Self {
        assert!(connections > 0, "a server must be allowed one connection at least");
        self.concurrency = connections;
        self
    }

    /// Sets the size of the handlers' stacks in bytes.
    pub fn stack_size(mut self, size: usize) -> Self {
        self.stack_size = Some(size);
        self
    }

    /// Sets what the server's green threads are called, in messages of panics for instance.
    pub fn name(mut self, name: String) -> Self {
        self.name = Some(name);
        self
    }

    /// Sets what is called with each error; without it, errors are dropped.
    ///
    /// No error ends the server. `on_error` runs on the green thread that met the error; a panic of its own is
    /// ignored, once the panic hook has told of it.
    pub fn on_error<F>(mut self, on_error: F) -> Self
    where
        F: Fn(ServeError) + Send + Sync + 'static,
    {
        self.on_error = Arc::new(on_error);
        self
    }

    /// Starts the server; see [`serve`].
    ///
    /// # Errors
    ///
    /// The error of spawning a green thread.
    pub fn serve<L, H, R>(self, listener: L, handler: H) -> io::Result<Server>
    where
        L: Listener,
        H: Fn(L::Stream, L::Addr) -> R + Send + Sync + 'static,
        R: Ending,
    {
        let connections = Arc::new(Connections::new(self.concurrency));
        let accepting = Accepting(Arc::clone(&connections));
        let options = Options { name: self.name.clone(), stack_size: None };
        let handler = Arc::new(handler);
        let theirs = Arc::clone(&connections);
        let acceptor = spawn::spawn(options, move || {
            self.accept(&theirs, listener, handler);
            // Named last and dropped last, started or not: the listener is closed by then and the handler gone.
            drop(accepting);
        })?;
        connections.enter_acceptor(acceptor);
        Ok(Server::new(connections))
    }

    /// Accepts until the server is to stop.
    fn accept<L, H, R>(self, connections: &Arc<Connections>, listener: L, handler: Arc<H>)
    where
        L: Listener,
        H: Fn(L::Stream, L::Addr) -> R + Send + Sync + 'static,
        R: Ending,
    {
        let mut failures = 0;
        while !connections.is_stopping() {
            let room = connections.take_room();
            let failure = match listener.accept() {
                Ok((stream, addr)) => self.handle(connections, room, stream, addr, &handler),
                Err(error) => Err(ServeError::Accept(error)),
            };
            match failure {
                Ok(()) => failures = 0,
                Err(error) => {
                    report(&*self.on_error, error);
                    // An error that stays would make this loop spin.
                    if let Some(pause) = pause_after(failures) {
                        sleep_until(clock::now() + pause);
                    }
                    failures += 1;
                }
            }
        }
    }

    /// Starts a green thread for a connection.
    fn handle<S, A, H, R>(
        &self,
        connections: &Arc<Connections>,
        room: Room,
        stream: S,
        addr: A,
        handler: &Arc<H>,
    ) -> Result<(), ServeError>
    where
        S: Send + 'static,
        A: Send + 'static,
        H: Fn(S, A) -> R + Send + Sync + 'static,
        R: Ending,
    {
        let number = room.occupy();
        let options = Options { name: self.name.clone(), stack_size: self.stack_size };
        let (handler, on_error) = (Arc::clone(handler), Arc::clone(&self.on_error));
        let joiner = spawn::spawn(options, move || {
            attend(handler, on_error, stream, addr);
            // Named last and dropped last, started or not: the connection is closed by then and the handler let go.
            drop(room);
        });
        connections.enter_handler(number, joiner.map_err(ServeError::Spawn)?);
        Ok(())
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("concurrency", &self.concurrency)
            .field("stack_size", &self.stack_size)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Handles a connection, and reports how that ends.
fn attend<S, A, H, R>(handler: Arc<H>, on_error: Arc<OnError>, stream: S, addr: A)
where
    H: Fn(S, A) -> R,
    R: Ending,
{
    let error = match catch_unwind(AssertUnwindSafe(|| handler(stream, addr).into_error())) {
        Ok(None) => return,
        Ok(Some(error)) => ServeError::Handler(error),
        Err(payload) if payload.is::<Killed>() => resume_unwind(payload),
        Err(payload) => ServeError::Panic(payload),
    };
    report(&*on_error, error);
}

/// Tells `on_error`, whose panics are nobody's business. A kill goes on.
fn report(on_error: &OnError, error: ServeError) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| on_error(error))) {
        if payload.is::<Killed>() {
            resume_unwind(payload);
        }
        forget(payload);
    }
}

/// Leaks a payload, because its destructor might panic too.
fn forget(payload: Box<dyn Any + Send>) {
    mem::forget(payload);
}

/// Returns how long to pause after a failure that `failures` others came right before: not at all the first time.
fn pause_after(failures: u32) -> Option<Duration> {
    let doublings = failures.checked_sub(1)?.min(16);
    Some((PAUSE.0 * (1 << doublings)).min(PAUSE.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_begins_with_the_second_failure_and_doubles_up_to_its_limit() {
        assert_eq!(pause_after(0), None);
        assert_eq!(pause_after(1), Some(Duration::from_millis(1)));
        assert_eq!(pause_after(4), Some(Duration::from_millis(8)));
        assert_eq!(pause_after(u32::MAX), Some(Duration::from_millis(100)));
    }
}
