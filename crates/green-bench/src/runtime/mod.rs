//! The runtimes, each with the same names: what a workload needs and no more.

pub(crate) mod green;
pub(crate) mod may;
pub(crate) mod threads;
pub(crate) mod tokio;

use std::io::{Read, Write};
use std::net::SocketAddr;

use crate::sys;

/// Bytes that a server has room for: more than the 64 of a message, which an echo server does not know.
///
/// With room for just one message a runtime on edges must ask for more after each, and the bare loop, which is on levels,
/// need not.
pub(crate) const ROOM: usize = 256;

/// A connection, where reading and writing just take a while.
pub(crate) trait Stream: Read + Write + Send + 'static {}

impl<S: Read + Write + Send + 'static> Stream for S {}

/// Tells the caller where a server listens, if that is a port, and ends the process when the caller has ended.
pub(crate) fn announce(address: Option<SocketAddr>) {
    println!("{}", serde_json::json!({ "port": address.map_or(0, |address| address.port()) }));
    std::io::stdout().flush().expect("stdout");
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        sys::exit_now();
    });
}
