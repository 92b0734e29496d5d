//! Unix sockets.

mod datagram;
mod incoming;
mod listener;
mod stream;

pub use datagram::UnixDatagram;
pub use incoming::Incoming;
pub use listener::UnixListener;
pub use stream::UnixStream;
