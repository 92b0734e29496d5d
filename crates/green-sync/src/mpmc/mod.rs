//! Channels with any number of senders and any number of receivers.
//!
//! Each message goes to one receiver. Receivers that wait are served in the order in which they came, and so are senders
//! that wait for room; nobody overtakes them, and none that times out or is killed loses a message. The names are those of std's
//! unstable `std::sync::mpmc`.
//!
//! [`channel`] has no bound, [`sync_channel`] has one, and a bound of 0 makes every message a rendezvous. With a single receiver
//! and no bound, [`mpsc`](crate::mpsc) is faster.
//!
//! # Examples
//!
//! ```
//! use green_sync::mpmc::channel;
//!
//! let (tx, rx) = channel();
//! let workers: Vec<_> = (0..4)
//!     .map(|_| {
//!         let rx = rx.clone();
//!         green_thread::spawn(move || rx.iter().sum::<u32>())
//!     })
//!     .collect();
//! for n in 1..=100 {
//!     tx.send(n).unwrap();
//! }
//! drop(tx);
//! assert_eq!(workers.into_iter().map(|worker| worker.join().unwrap()).sum::<u32>(), 5050);
//! ```

mod error;
pub(crate) mod exchange;
#[cfg(not(loom))]
mod iter;
#[cfg(not(loom))]
mod receiver;
#[cfg(not(loom))]
mod sender;

#[cfg(not(loom))]
use std::sync::Arc;

// std's own: nothing in them waits.
#[cfg(not(loom))]
pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

pub use error::SendTimeoutError;
#[cfg(not(loom))]
pub use iter::{IntoIter, Iter, TryIter};
#[cfg(not(loom))]
pub use receiver::Receiver;
#[cfg(not(loom))]
pub use sender::Sender;

/// Creates a channel without a bound: sending never waits.
///
/// # Examples
///
/// ```
/// let (tx, rx) = green_sync::mpmc::channel();
/// tx.send("hello").unwrap();
/// assert_eq!(rx.clone().recv(), Ok("hello"));
/// ```
#[cfg(not(loom))]
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    ends(None)
}

/// Creates a channel that keeps `cap` messages; sending waits for room.
///
/// With a `cap` of 0 it keeps none: a send waits until a receiver takes the message.
///
/// # Examples
///
/// ```
/// use green_sync::mpmc::{TrySendError, sync_channel};
///
/// let (tx, rx) = sync_channel(1);
/// tx.send(1).unwrap();
/// assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
/// assert_eq!(rx.recv(), Ok(1));
/// ```
#[cfg(not(loom))]
#[must_use]
pub fn sync_channel<T>(cap: usize) -> (Sender<T>, Receiver<T>) {
    ends(Some(cap))
}

#[cfg(not(loom))]
fn ends<T>(capacity: Option<usize>) -> (Sender<T>, Receiver<T>) {
    let exchange = Arc::new(exchange::Exchange::new(capacity));
    (Sender::new(Arc::clone(&exchange)), Receiver::new(exchange))
}
