//! `SyncSender`: the sending half of a channel with a bound.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use green_core::park::asked_in_vain;
use green_core::wait_queue::WaitQueue;
use green_core::waitable::Waitable;

use super::{SendError, TrySendError};
use crate::mpmc::SendTimeoutError;
use crate::mpmc::exchange::Exchange;

/// The sending half of [`sync_channel`](super::sync_channel); clones send into the same channel.
///
/// The channel ends for the receiver when the last `SyncSender` is dropped. Senders that wait are served in the order in
/// which they came; one that is killed takes its message with it. It can be waited for among other things: it is ready while
/// sending would not wait.
///
/// Corresponds to [`std::sync::mpsc::SyncSender`].
pub struct SyncSender<T> {
    exchange: Arc<Exchange<T>>,
}

impl<T> UnwindSafe for SyncSender<T> {}
impl<T> RefUnwindSafe for SyncSender<T> {}

impl<T> SyncSender<T> {
    pub(super) fn new(exchange: Arc<Exchange<T>>) -> Self {
        Self { exchange }
    }

    /// Sends a message, waiting for room, or with a bound of 0 for the receiver to take it. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// Gives the message back if the receiver is gone. `Ok` does not mean that it will be received.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = green_sync::mpsc::sync_channel(0);
    /// let thread = green_thread::spawn(move || receiver.recv());
    /// sender.send(92).unwrap();
    /// assert_eq!(thread.join().unwrap(), Ok(92));
    /// ```
    pub fn send(&self, t: T) -> Result<(), SendError<T>> {
        self.exchange.send(t, None).map_err(|error| match error {
            SendTimeoutError::Timeout(t) | SendTimeoutError::Disconnected(t) => SendError(t),
        })
    }

    /// Sends a message if that need not wait: if there is room, or with a bound of 0 if the receiver waits.
    ///
    /// # Errors
    ///
    /// Gives the message back, with the reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::mpsc::{TrySendError, sync_channel};
    ///
    /// let (sender, receiver) = sync_channel(1);
    /// assert_eq!(sender.try_send(1), Ok(()));
    /// assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(TrySendError::Disconnected(3)));
    /// ```
    pub fn try_send(&self, t: T) -> Result<(), TrySendError<T>> {
        let sent = self.exchange.try_send(t);
        if let Err(TrySendError::Full(_)) = sent {
            asked_in_vain();
        }
        sent
    }
}

impl<T> Clone for SyncSender<T> {
    fn clone(&self) -> SyncSender<T> {
        self.exchange.add_sender();
        Self::new(Arc::clone(&self.exchange))
    }
}

impl<T> Drop for SyncSender<T> {
    fn drop(&mut self) {
        self.exchange.remove_sender();
    }
}

impl<T> fmt::Debug for SyncSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyncSender").finish_non_exhaustive()
    }
}

impl<T> Waitable for SyncSender<T> {
    /// Returns true if sending would not wait, be it that it fails.
    fn is_ready(&self) -> bool {
        self.exchange.is_ready_to_send()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(self.exchange.room_selects())
    }
}
