//! `Sender`: the sending half of a channel without a bound.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::SendError;
use crate::raw::list;

/// The sending half of [`channel`](super::channel); clones send into the same channel.
///
/// The channel ends for the receiver when the last `Sender` is dropped.
///
/// Corresponds to [`std::sync::mpsc::Sender`].
pub struct Sender<T> {
    list: list::Sender<T>,
}

impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Sender<T> {
    pub(super) fn new(list: list::Sender<T>) -> Self {
        Self { list }
    }

    /// Sends a message. Never waits.
    ///
    /// # Errors
    ///
    /// Gives the message back if the receiver is gone. `Ok` does not mean that it will be received.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::mpsc::{SendError, channel};
    ///
    /// let (tx, rx) = channel();
    /// assert_eq!(tx.send(1), Ok(()));
    /// drop(rx);
    /// assert_eq!(tx.send(2), Err(SendError(2)));
    /// ```
    #[inline]
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.list.send(t).map_err(SendError)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Self { list: self.list.clone() }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}
