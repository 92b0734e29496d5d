//! The listener, the connections that there are, and the log.

use super::connection;
use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

const STACK_SIZE: usize = 128 * 1024;
/// How long to wait if there is no descriptor or no memory for one more connection.
const PAUSE: Duration = Duration::from_millis(50);

/// A server that listens already.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    root: PathBuf,
    idle: Duration,
    most: usize,
    log: Option<Sender<String>>,
    state: Mutex<State>,
    /// A connection has ended.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    connections: HashMap<u64, Arc<TcpStream>>,
    last_id: u64,
    stopping: bool,
}

impl Server {
    /// Listens; `most` is how many connections may be open, `idle` how long one may say nothing.
    pub(crate) fn bind(
        listen: &str,
        root: &Path,
        most: usize,
        idle: Duration,
        log: Option<Sender<String>>,
    ) -> io::Result<Server> {
        let root = fs::canonicalize(root)?;
        if !fs::metadata(&root)?.is_dir() {
            return Err(ErrorKind::NotADirectory.into());
        }
        let (state, ended) = Default::default();
        Ok(Server { listener: TcpListener::bind(listen)?, root, idle, most, log, state, ended })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn idle(&self) -> Duration {
        self.idle
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.state().stopping
    }

    /// Hands a line to whoever prints the log, if there is one.
    pub(crate) fn log(&self, line: impl FnOnce() -> String) {
        if let Some(log) = &self.log {
            let _ = log.send(line());
        }
    }

    /// Accepts until `stop`, and then waits for all connections to end.
    pub(crate) fn run(self: &Arc<Server>) {
        loop {
            // The limit comes before the accept: who is not let in waits in the kernel's queue.
            let state = self.ended.wait_while(self.state(), |state| state.connections.len() >= self.most);
            drop(state.expect("nothing panics with the table locked"));
            let accepted = self.listener.accept();
            if self.is_stopping() {
                break;
            }
            match accepted.and_then(|(stream, _)| self.start(stream)) {
                Ok(()) => {}
                // The client went away while it waited.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                Err(error) => {
                    eprintln!("cannot let a client in: {error}");
                    thread::sleep(PAUSE);
                }
            }
        }
        let state = self.ended.wait_while(self.state(), |state| !state.connections.is_empty());
        drop(state.expect("nothing panics with the table locked"));
    }

    /// Lets no more clients in, and ends the connections that ask for nothing just now.
    pub(crate) fn stop(&self) {
        let mut state = self.state();
        state.stopping = true;
        for stream in state.connections.values() {
            // That the client was faster is no error.
            let _ = stream.shutdown(Shutdown::Read);
        }
        drop(state);
        if let Ok(address) = self.address() {
            // Wakes the acceptor.
            drop(TcpStream::connect(address));
        }
    }

    fn start(self: &Arc<Server>, stream: TcpStream) -> io::Result<()> {
        let stream = Arc::new(stream);
        let entry = Entry::new(self, &stream);
        let thread = thread::Builder::new().stack_size(STACK_SIZE);
        thread.spawn(move || {
            // A broken connection is the client's business.
            let _ = connection::serve(&entry.server, &stream);
        })?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics with the table locked")
    }
}

/// A connection's entry in the table, removed when dropped.
struct Entry {
    server: Arc<Server>,
    id: u64,
}

impl Entry {
    fn new(server: &Arc<Server>, stream: &Arc<TcpStream>) -> Entry {
        let mut state = server.state();
        state.last_id += 1;
        let id = state.last_id;
        state.connections.insert(id, Arc::clone(stream));
        Entry { server: Arc::clone(server), id }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let stream = self.server.state().connections.remove(&self.id);
        // Closed without the lock.
        drop(stream);
        self.server.ended.notify_all();
    }
}
