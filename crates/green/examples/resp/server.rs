//! A server for Redis clients: one thread per connection, blocking reads, blocking writes.
//!
//! This file and the ones beside it are compiled twice: the parent module says `use std as rt` or `use green as rt`, and
//! nothing else differs. Whatever may block is reached through `rt`.

mod command;
mod input;
mod reply;
mod split;
mod store;
#[cfg(test)]
mod tests;

use self::command::{Flow, Session};
use self::input::Input;
use self::reply::Reply;
use self::store::Store;

use super::rt;
use rt::io::{self, ErrorKind, Read, Write};
use rt::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use rt::sync::Arc;
use rt::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use rt::thread;
use rt::time::Duration;

/// The stack of a connection's thread unless `--stack-size` says otherwise: several times what the deepest call needs.
pub(crate) const STACK_SIZE: usize = 64 * 1024;

/// Answers are sent once they reach this size, even if more requests are waiting.
const FLUSH_AT: usize = 64 * 1024;

/// A bound listener with its data, ready to [`run`](Server::run).
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
    stack_size: usize,
}

/// What all connections see.
#[derive(Debug)]
pub(crate) struct Shared {
    store: Store,
    address: SocketAddr,
    stopping: AtomicBool,
    /// Connections open now.
    clients: AtomicU64,
    /// Connections ever accepted; the last one's `CLIENT ID`.
    accepted: AtomicU64,
}

impl Server {
    /// Binds `address`; connections are made with stacks of `stack_size` bytes.
    pub(crate) fn bind(address: impl ToSocketAddrs, stack_size: usize) -> io::Result<Server> {
        let listener = TcpListener::bind(address)?;
        let shared = Shared::new(listener.local_addr()?);
        Ok(Server { listener, shared: Arc::new(shared), stack_size })
    }

    /// Returns the data, from which the server can also be stopped.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Accepts connections until a client sends `SHUTDOWN` or someone calls [`Shared::stop`].
    pub(crate) fn run(self) {
        let mut pause = MIN_PAUSE;
        loop {
            let accepted = self.listener.accept();
            if self.shared.stopping.load(Ordering::Acquire) {
                return;
            }
            match accepted {
                Ok((stream, _)) => {
                    pause = MIN_PAUSE;
                    self.start(stream);
                }
                Err(error) if is_about_one_connection(&error) => {}
                // Out of file descriptors or memory. The connection stays in the backlog, so accepting again at once
                // would fail again at once: wait for others to end.
                Err(_) => {
                    thread::sleep(pause);
                    pause = (pause * 2).min(MAX_PAUSE);
                }
            }
        }
    }

    fn start(&self, stream: TcpStream) {
        // Shared, because a failed spawn drops its closure and the client is still owed an answer.
        let stream = Arc::new(stream);
        let shared = Arc::clone(&self.shared);
        let id = shared.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        let spawned = thread::Builder::new().stack_size(self.stack_size).spawn({
            let stream = Arc::clone(&stream);
            move || shared.serve(&stream, id)
        });
        if spawned.is_err() {
            // Short enough for an empty send buffer; if the client has gone already, nobody is left to tell.
            let _ = (&*stream).write_all(b"-ERR max number of clients reached\r\n");
        }
    }
}

const MIN_PAUSE: Duration = Duration::from_millis(1);
const MAX_PAUSE: Duration = Duration::from_millis(250);

/// Tells an `accept` that failed for the peer's reasons from one that will fail again.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

impl Shared {
    fn new(address: SocketAddr) -> Shared {
        Shared {
            store: Store::new(),
            address,
            stopping: AtomicBool::new(false),
            clients: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
        }
    }

    /// Returns the address that the listener is bound to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Makes [`Server::run`] return. Connections end with the process.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        // std has no other way to wake an accept. If it fails, the listener is gone or busy, and looks at the flag anyway.
        let _ = TcpStream::connect(self.address);
    }

    fn serve(&self, stream: &TcpStream, id: u64) {
        let _counted = Counted::new(&self.clients);
        // Answers are batched here, so the kernel has nothing to gain from waiting. If the option cannot be set, the
        // connection is already broken and the first read says so.
        let _ = stream.set_nodelay(true);
        // An I/O error here is the client's going away in the middle; it ends the connection and no one else's.
        match self.converse(stream, id) {
            Ok(Flow::Close) => hang_up(stream),
            Ok(Flow::Shutdown) => self.stop(),
            Ok(Flow::Continue | Flow::Drop) | Err(_) => {}
        }
    }

    /// Reads requests and writes answers until the client leaves or a request says how to end.
    fn converse(&self, mut stream: impl Read + Write, id: u64) -> io::Result<Flow> {
        let mut input = Input::new();
        let mut session = Session::new(self, id);
        let mut reply = Reply::new();
        while input.fill(&mut stream)? > 0 {
            // Everything that has arrived is answered by one write.
            let flow = loop {
                match input.next() {
                    Ok(None) => break Flow::Continue,
                    Ok(Some(request)) => {
                        let flow = session.execute(&request, &mut reply);
                        if flow != Flow::Continue {
                            break flow;
                        }
                    }
                    Err(error) => {
                        reply.protocol_error(error);
                        break Flow::Close;
                    }
                }
                if reply.len() >= FLUSH_AT {
                    reply.flush_to(&mut stream)?;
                }
            };
            if flow != Flow::Drop {
                reply.flush_to(&mut stream)?;
            }
            if flow != Flow::Continue {
                return Ok(flow);
            }
        }
        Ok(Flow::Continue)
    }
}

/// Closes so that the last answer arrives: closing with input unread would send a reset, which may overtake it.
fn hang_up(mut stream: &TcpStream) {
    let patience = Some(Duration::from_secs(1));
    if stream.shutdown(Shutdown::Write).is_err() || stream.set_read_timeout(patience).is_err() {
        return;
    }
    let mut rest = [0; 512];
    // Bounded, lest a client that never stops sending keeps this thread.
    for _ in 0..1024 {
        match stream.read(&mut rest) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// One connection in a count of them, until dropped.
struct Counted<'a>(&'a AtomicU64);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicU64) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Counted(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
