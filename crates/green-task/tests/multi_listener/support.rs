//! What several of the tests need.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_sync::mpsc::{Receiver, channel};
use green_task::MultiListener;
use green_task::channel::{Address, Socket};

pub(crate) use green_tests::alone;

/// Longer than any test takes that is not stuck.
pub(crate) const LONG: Duration = Duration::from_secs(30);

/// Returns a listener on a port of its own, and its address.
pub(crate) fn listener() -> (Arc<MultiListener>, Address) {
    let listener = MultiListener::new();
    listener.open("127.0.0.1:0", 64).unwrap();
    let address = listener.addresses().remove(0);
    (Arc::new(listener), address)
}

/// Connects to `address`, and says who it is.
pub(crate) fn client(address: &Address, name: &str) -> Socket {
    let client = Socket::connect(address).unwrap();
    (&client).write_all(format!("{name}\n").as_bytes()).unwrap();
    client
}

/// Returns who a client says it is.
pub(crate) fn name_of(client: &Socket) -> String {
    let mut name = Vec::new();
    loop {
        let mut byte = [0];
        (&*client).read_exact(&mut byte).unwrap();
        if byte == *b"\n" {
            return String::from_utf8(name).unwrap();
        }
        name.push(byte[0]);
    }
}

/// Makes the listener's handler send the clients' names, with `mark` in front, and returns where they arrive.
pub(crate) fn report(listener: &MultiListener, mark: &'static str) -> Receiver<String> {
    let (sender, receiver) = channel();
    listener.set_handler(move |client| drop(sender.send(format!("{mark}{}", name_of(&client))))).unwrap();
    receiver
}

pub(crate) fn next(names: &Receiver<String>) -> String {
    names.recv_timeout(LONG).unwrap()
}

/// Waits until `done`.
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < LONG, "{what} does not come");
        green_thread::sleep(Duration::from_millis(1));
    }
}

/// Lets others run for a while, so that what is about to park has probably parked. No test depends on it: it only makes
/// the case that the test is named for the usual one.
pub(crate) fn give_way() {
    for _ in 0..50 {
        green_thread::yield_now();
        std::thread::yield_now();
    }
}
