//! Two listeners, and a thread for each client that they let in.

use super::client;
use super::room::Room;
use super::stream::Stream;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread::{self, Scope};
use std::time::Duration;

/// Enough for a conversation: buffers are on the heap.
const STACK_SIZE: usize = 64 * 1024;
/// How long to wait if there is no descriptor or no memory for one more client.
const PAUSE: Duration = Duration::from_millis(50);

/// A chat server that listens already.
#[derive(Debug)]
pub(crate) struct Server {
    room: Room,
    tcp: Option<TcpListener>,
    unix: Option<UnixListener>,
    /// Removed at the end.
    path: Option<PathBuf>,
}

impl Server {
    pub(crate) fn bind(tcp: Option<&str>, unix: Option<&Path>, queue: usize) -> io::Result<Server> {
        let tcp = tcp.map(TcpListener::bind).transpose()?;
        let listener = unix.map(UnixListener::bind).transpose()?;
        Ok(Server { room: Room::new(queue), tcp, unix: listener, path: unix.map(Path::to_owned) })
    }

    pub(crate) fn tcp_address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }

    /// Serves until `stop` returns, and then until all clients are gone.
    pub(crate) fn run(&self, stop: impl FnOnce()) -> io::Result<()> {
        thread::scope(|scope| {
            let acceptor = |name: &str| thread::Builder::new().name(name.to_owned());
            if let Some(listener) = &self.tcp {
                acceptor("tcp").spawn_scoped(scope, || {
                    self.accept(scope, || listener.accept().map(|(stream, _)| Stream::Tcp(stream)));
                })?;
            }
            if let Some(listener) = &self.unix {
                acceptor("unix").spawn_scoped(scope, || {
                    self.accept(scope, || listener.accept().map(|(stream, _)| Stream::Unix(stream)));
                })?;
            }
            stop();
            self.room.close();
            // Wakes the acceptors, who find the room closed.
            if let Some(address) = self.tcp_address() {
                drop(TcpStream::connect(address));
            }
            if let Some(path) = &self.path {
                drop(UnixStream::connect(path));
            }
            Ok(())
        })
    }

    fn accept<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, mut next: impl FnMut() -> io::Result<Stream>) {
        loop {
            let stream = next();
            if self.room.is_closed() {
                return;
            }
            let served = stream.and_then(|stream| {
                let thread = thread::Builder::new().stack_size(STACK_SIZE);
                thread.spawn_scoped(scope, || {
                    if let Err(error) = client::serve(&self.room, stream) {
                        eprintln!("a client is lost: {error}");
                    }
                })
            });
            match served {
                Ok(_) => {}
                // The client went away while it waited.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::Interrupted) => {}
                Err(error) => {
                    eprintln!("cannot let a client in: {error}");
                    thread::sleep(PAUSE);
                }
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}
