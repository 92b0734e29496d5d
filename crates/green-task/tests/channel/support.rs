//! What several of the tests need.

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

/// Lets others run until `done`.
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !done() {
        assert!(start.elapsed() < LONG, "{what} does not come");
        green_thread::sleep(Duration::from_millis(1));
    }
}
