//! `Receiver`: the receiving half.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::park::asked_in_vain;
use green_core::wait_queue::WaitQueue;
use green_core::waitable::Waitable;

use super::exchange::Exchange;
use super::{IntoIter, Iter, RecvError, RecvTimeoutError, TryIter, TryRecvError};

/// The receiving half of a channel with many receivers; clones receive from the same channel, each message once.
///
/// When the last `Receiver` is dropped, so are the messages in the channel, and senders get theirs back. It can be waited for
/// among other things: it is ready while receiving would not wait.
pub struct Receiver<T> {
    exchange: Arc<Exchange<T>>,
}

impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Receiver<T> {
    pub(super) fn new(exchange: Arc<Exchange<T>>) -> Self {
        Self { exchange }
    }

    /// Takes the next message, waiting for it. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// Fails if no message is left and there is no sender any more.
    pub fn recv(&self) -> Result<T, RecvError> {
        self.exchange.recv(None).map_err(|_| RecvError)
    }

    /// Takes the next message if there is one that nobody who waits was given.
    ///
    /// # Errors
    ///
    /// Fails with the reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::mpmc::{TryRecvError, channel};
    ///
    /// let (tx, rx) = channel::<u8>();
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    /// drop(tx);
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let received = self.exchange.try_recv();
        if let Err(TryRecvError::Empty) = received {
            asked_in_vain();
        }
        received
    }

    /// Takes the next message, waiting for it for at most `timeout`. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// Fails with the reason.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.exchange.recv(clock::after(timeout))
    }

    /// Takes the next message, waiting for it until `deadline`. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// Fails with the reason.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvTimeoutError> {
        self.exchange.recv(Some(deadline))
    }

    /// Returns an iterator that waits for each message and ends with the senders.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { rx: self }
    }

    /// Returns an iterator over the messages that are there; it never waits.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { rx: self }
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

    /// Returns true if both receive from the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        Arc::ptr_eq(&self.exchange, &other.exchange)
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.exchange.add_receiver();
        Self::new(Arc::clone(&self.exchange))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.exchange.remove_receiver();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { rx: self }
    }
}

impl<T> Waitable for Receiver<T> {
    /// Returns true if receiving would not wait, be it that it fails.
    fn is_ready(&self) -> bool {
        self.exchange.is_ready_to_receive()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(self.exchange.item_selects())
    }
}
