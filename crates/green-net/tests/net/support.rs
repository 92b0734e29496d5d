//! What several of the tests need.

use std::io::Write;
use std::os::fd::RawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::{env, fs, io};

use green_net::{TcpListener, TcpStream};
use green_thread as thread;
use socket2::SockRef;

pub(crate) use green_tests::alone;

/// Returns a listener on a port of its own.
pub(crate) fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// Returns the two ends of a connection: the one that connected and the one that was accepted.
pub(crate) fn pair() -> (TcpStream, TcpStream) {
    let listener = listener();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    (client, server)
}

/// Returns a connection on which hardly anything fits between writer and reader.
pub(crate) fn narrow_pair() -> (TcpStream, TcpStream) {
    let (client, server) = pair();
    for stream in [&client, &server] {
        let socket = SockRef::from(stream);
        socket.set_send_buffer_size(2048).unwrap();
        socket.set_recv_buffer_size(32 << 10).unwrap();
    }
    (client, server)
}

/// Writes until the connection takes no more, and returns how much it took. Leaves the stream blocking.
pub(crate) fn fill(mut stream: &TcpStream) -> usize {
    stream.set_nonblocking(true).unwrap();
    let mut filled = 0;
    loop {
        match stream.write(&[0; 4096]) {
            Ok(n) => filled += n,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                stream.set_nonblocking(false).unwrap();
                return filled;
            }
        }
    }
}

/// Returns the flags of an open file, as `fcntl` would.
fn flags(fd: RawFd) -> u32 {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap();
    let line = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    u32::from_str_radix(line.trim(), 8).unwrap()
}

pub(crate) fn is_nonblocking(fd: RawFd) -> bool {
    flags(fd) & 0o4000 != 0
}

pub(crate) fn is_closed_on_exec(fd: RawFd) -> bool {
    flags(fd) & 0o2_000_000 != 0
}

/// Lets others run for a while, so that what is about to park has probably parked. No test depends on it: it only makes
/// the case that the test is named for the usual one.
pub(crate) fn give_way() {
    for _ in 0..50 {
        thread::yield_now();
        std::thread::yield_now();
    }
}

/// A sign that one thread gives another, whatever kinds of thread they are.
#[derive(Clone, Default)]
pub(crate) struct Sign(Arc<AtomicBool>);

impl Sign {
    pub(crate) fn give(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_given(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Waits by yielding, so that the hub of whoever gives the sign goes on even if it is this one.
    pub(crate) fn wait(&self) {
        while !self.is_given() {
            thread::yield_now();
            std::thread::yield_now();
        }
    }
}

/// Returns a name that no other test has.
fn unique() -> String {
    static LAST: AtomicU32 = AtomicU32::new(0);
    format!("green-net-{}-{}", std::process::id(), LAST.fetch_add(1, Ordering::Relaxed))
}

/// An abstract address that nobody else uses.
pub(crate) fn abstract_addr() -> SocketAddr {
    SocketAddr::from_abstract_name(unique()).unwrap()
}

/// A path at which there is nothing, and again nothing once this is dropped.
pub(crate) struct TempPath(PathBuf);

impl TempPath {
    pub(crate) fn new() -> Self {
        Self(env::temp_dir().join(unique()))
    }
}

impl AsRef<Path> for TempPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
