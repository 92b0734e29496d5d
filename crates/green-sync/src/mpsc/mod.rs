//! Channels with any number of senders and one receiver.
//!
//! Corresponds to [`std::sync::mpsc`]. A send or receive that has to wait parks the green thread, and both ends may be
//! in green threads of any hub or on plain OS threads. The errors are std's own.
//!
//! # Examples
//!
//! ```
//! use green_sync::mpsc::channel;
//!
//! let (tx, rx) = channel();
//! for id in 0..3 {
//!     let tx = tx.clone();
//!     green_thread::spawn(move || tx.send(id).unwrap());
//! }
//! drop(tx);
//! let mut seen: Vec<i32> = rx.iter().collect();
//! seen.sort();
//! assert_eq!(seen, [0, 1, 2]);
//! ```

mod iter;
mod receiver;
mod sender;
mod sync_sender;

use std::sync::Arc;

use crate::mpmc::exchange::Exchange;
use crate::raw::list;

// std's own: nothing in them waits.
pub use std::sync::mpsc::{RecvError, RecvTimeoutError, SendError, TryRecvError, TrySendError};

pub use iter::{IntoIter, Iter, TryIter};
pub use receiver::Receiver;
pub use sender::Sender;
pub use sync_sender::SyncSender;

/// Creates a channel without a bound: sending never waits.
///
/// Corresponds to [`std::sync::mpsc::channel`].
///
/// # Examples
///
/// ```
/// let (sender, receiver) = green_sync::mpsc::channel();
/// green_thread::spawn(move || sender.send("done").unwrap());
/// assert_eq!(receiver.recv(), Ok("done"));
/// ```
#[must_use]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = list::list();
    (Sender::new(sender), Receiver::from_list(receiver))
}

/// Creates a channel that keeps `bound` messages; sending waits for room.
///
/// With a `bound` of 0 it keeps none: a send waits until the receiver takes the message.
///
/// Corresponds to [`std::sync::mpsc::sync_channel`].
///
/// # Examples
///
/// ```
/// use green_sync::mpsc::sync_channel;
///
/// let (sender, receiver) = sync_channel(1);
/// let thread = green_thread::spawn(move || {
///     sender.send(1).unwrap(); // There is room.
///     sender.send(2).unwrap(); // Waits until the first was received.
/// });
/// assert_eq!(receiver.recv(), Ok(1));
/// assert_eq!(receiver.recv(), Ok(2));
/// thread.join().unwrap();
/// ```
#[must_use]
pub fn sync_channel<T>(bound: usize) -> (SyncSender<T>, Receiver<T>) {
    let exchange = Arc::new(Exchange::new(Some(bound)));
    (SyncSender::new(Arc::clone(&exchange)), Receiver::from_exchange(exchange))
}
