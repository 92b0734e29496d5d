//! What several of the tests need.

use std::io::{self, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use green_task::channel::{Channel, Socket};

pub(crate) use green_tests::alone;

/// Longer than any test takes that is not stuck.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Returns the two ends of a connection to a listener at `addr`.
pub(crate) fn pair(addr: &str) -> (Socket, Socket) {
    let listener = Socket::listen(addr, 8).unwrap();
    let near = Socket::connect(listener.local_addr().unwrap()).unwrap();
    (near, listener.accept().unwrap())
}

/// Returns two Unix sockets that are connected to each other.
pub(crate) fn unix_pair() -> (Socket, Socket) {
    let (near, far) = green_net::os::unix::UnixStream::pair().unwrap();
    (near.into(), far.into())
}

pub(crate) fn shared(channel: impl Channel + 'static) -> Arc<dyn Channel> {
    Arc::new(channel)
}

/// Returns whether there is a loopback of IPv6; says that `test` is skipped if not.
pub(crate) fn has_ipv6(test: &str) -> bool {
    let has = TcpListener::bind("[::1]:0").is_ok();
    if !has {
        // Not through `eprintln!`, which the test harness swallows.
        let line = format!("green-skip: {test}: no IPv6 loopback\n");
        io::stderr().write_all(line.as_bytes()).unwrap();
    }
    has
}

/// Lets others run until `done`.
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed() < LONG, "{what} does not come");
        green_thread::sleep(Duration::from_millis(1));
    }
}
