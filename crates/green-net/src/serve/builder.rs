//! Starting a server.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use green_core::clock;
use green_core::kill::Killed;
use green_core::panic::drop_payload;
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
        let acceptor = Acceptor { builder: self, listener, handler: Arc::new(handler), accepting };
        let acceptor = spawn::spawn(options, move || acceptor.accept())?;
        connections.enter_acceptor(acceptor);
        Ok(Server::new(connections))
    }
}

/// The green thread that accepts. When it is dropped, whether it ran or not, what it holds goes before the news of that.
struct Acceptor<L, H> {
    builder: Builder,
    listener: L,
    handler: Arc<H>,
    accepting: Accepting,
}

impl<L, H, R> Acceptor<L, H>
where
    L: Listener,
    H: Fn(L::Stream, L::Addr) -> R + Send + Sync + 'static,
    R: Ending,
{
    /// Accepts until the server is to stop.
    fn accept(self) {
        let connections = &self.accepting.0;
        let mut failures = 0;
        while !connections.is_stopping() {
            let room = connections.take_room();
            let failure = match self.listener.accept() {
                Ok((stream, addr)) => self.handle(room, stream, addr),
                Err(error) => Err(ServeError::Accept(error)),
            };
            match failure {
                Ok(()) => failures = 0,
                Err(error) => {
                    report(&*self.builder.on_error, error);
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
    fn handle(&self, room: Room, stream: L::Stream, addr: L::Addr) -> Result<(), ServeError> {
        let number = room.occupy();
        let Builder { name, stack_size, on_error, .. } = &self.builder;
        let options = Options { name: name.clone(), stack_size: *stack_size };
        let (handler, on_error) = (Arc::clone(&self.handler), Arc::clone(on_error));
        let visit = Visit { handler, on_error, stream, addr, room };
        let joiner = spawn::spawn(options, move || visit.receive());
        self.accepting.0.enter_handler(number, joiner.map_err(ServeError::Spawn)?);
        Ok(())
    }
}

/// The green thread that handles a connection. When it is dropped, whether it ran or not, what it holds goes before its room.
struct Visit<S, A, H> {
    handler: Arc<H>,
    on_error: Arc<OnError>,
    stream: S,
    addr: A,
    room: Room,
}

impl<S, A, H, R> Visit<S, A, H>
where
    H: Fn(S, A) -> R,
    R: Ending,
{
    fn receive(self) {
        // Dropped last, unwound or not: it was declared first.
        let _room = self.room;
        let (handler, on_error) = (self.handler, self.on_error);
        let error = match catch_unwind(AssertUnwindSafe(|| handler(self.stream, self.addr).into_error())) {
            Ok(None) => return,
            Ok(Some(error)) => ServeError::Handler(error),
            Err(payload) if payload.is::<Killed>() => resume_unwind(payload),
            Err(payload) => ServeError::Panic(payload),
        };
        report(&*on_error, error);
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

/// Tells `on_error`, whose panics are nobody's business. A kill goes on.
fn report(on_error: &OnError, error: ServeError) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| on_error(error))) {
        if payload.is::<Killed>() {
            resume_unwind(payload);
        }
        drop_payload(payload);
    }
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
