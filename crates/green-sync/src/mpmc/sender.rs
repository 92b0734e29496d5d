//! `Sender`: the sending half.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::park::asked_in_vain;
use green_core::wait_queue::WaitQueue;
use green_core::waitable::Waitable;

use super::exchange::Exchange;
use super::{SendError, SendTimeoutError, TrySendError};

/// The sending half of a channel with many receivers; clones send into the same channel.
///
/// The channel ends for the receivers when the last `Sender` is dropped. It can be waited for among other things: it is ready
/// while sending would not wait.
pub struct Sender<T> {
    exchange: Arc<Exchange<T>>,
}

impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

impl<T> Sender<T> {
    pub(super) fn new(exchange: Arc<Exchange<T>>) -> Self {
        Self { exchange }
    }

    /// Sends a message, waiting for room if the channel has a bound. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// Gives the message back if there is no receiver any more. `Ok` does not mean that it will be received.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::mpmc::{SendError, channel};
    ///
    /// let (tx, rx) = channel();
    /// assert_eq!(tx.send(1), Ok(()));
    /// drop(rx);
    /// assert_eq!(tx.send(2), Err(SendError(2)));
    /// ```
    pub fn send(&self, msg: T) -> Result<(), SendError<T>> {
        self.exchange.send(msg, None).map_err(|error| match error {
            SendTimeoutError::Timeout(msg) | SendTimeoutError::Disconnected(msg) => SendError(msg),
        })
    }

    /// Sends a message if that need not wait: if there is room, or at a rendezvous a receiver that waits.
    ///
    /// # Errors
    ///
    /// Gives the message back, with the reason.
    pub fn try_send(&self, msg: T) -> Result<(), TrySendError<T>> {
        let sent = self.exchange.try_send(msg);
        if let Err(TrySendError::Full(_)) = sent {
            asked_in_vain();
        }
        sent
    }

    /// Sends a message, waiting for room for at most `timeout`. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// Gives the message back, with the reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use green_sync::mpmc::{SendTimeoutError, sync_channel};
    ///
    /// let (tx, rx) = sync_channel(0);
    /// let late = tx.send_timeout("nobody came", Duration::from_millis(1));
    /// assert_eq!(late, Err(SendTimeoutError::Timeout("nobody came")));
    /// assert!(rx.try_recv().is_err());
    /// ```
    pub fn send_timeout(&self, msg: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.exchange.send(msg, clock::after(timeout))
    }

    /// Sends a message, waiting for room until `deadline`. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// Gives the message back, with the reason.
    pub fn send_deadline(&self, msg: T, deadline: Instant) -> Result<(), SendTimeoutError<T>> {
        self.exchange.send(msg, Some(deadline))
    }

    /// Returns true if no message is kept in the channel.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns true if the channel keeps as many messages as it may; always, if that is none.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.capacity().is_some_and(|capacity| self.len() >= capacity)
    }

    /// Returns how many messages are kept in the channel; those whose senders still wait are not counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.exchange.len()
    }

    /// Returns how many messages the channel may keep; `None` if there is no bound.
    #[must_use]
    pub fn capacity(&self) -> Option<usize> {
        self.exchange.capacity()
    }

    /// Returns true if both send into the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Arc::ptr_eq(&self.exchange, &other.exchange)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.exchange.add_sender();
        Self::new(Arc::clone(&self.exchange))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.exchange.remove_sender();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

impl<T> Waitable for Sender<T> {
    /// Returns true if sending would not wait, be it that it fails.
    fn is_ready(&self) -> bool {
        self.exchange.is_ready_to_send()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(self.exchange.room_selects())
    }
}
