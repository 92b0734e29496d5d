//! `Receiver`: the one receiving half.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::park::asked_in_vain;
use green_core::wait_queue::WaitQueue;
use green_core::waitable::Waitable;

use super::{IntoIter, Iter, RecvError, RecvTimeoutError, TryIter, TryRecvError};
use crate::mpmc::exchange::Exchange;
use crate::raw::list;

/// The receiving half of [`channel`](super::channel) or [`sync_channel`](super::sync_channel).
///
/// When it is dropped, so are the messages in the channel, and senders get theirs back. A receiver that times out or
/// is killed leaves every message where it was. It can be waited for among other things: it is ready while receiving would not wait.
///
/// Corresponds to [`std::sync::mpsc::Receiver`].
pub struct Receiver<T> {
    source: Source<T>,
    /// There is one receiver: two OS threads never look at once.
    _not_sync: PhantomData<Cell<()>>,
}

enum Source<T> {
    Unbounded(list::Receiver<T>),
    Bounded(End<T>),
}

/// The receiving end of an exchange.
struct End<T>(Arc<Exchange<T>>);

impl<T> Drop for End<T> {
    fn drop(&mut self) {
        self.0.remove_receiver();
    }
}

impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

impl<T> Receiver<T> {
    pub(super) fn from_list(list: list::Receiver<T>) -> Self {
        Self { source: Source::Unbounded(list), _not_sync: PhantomData }
    }

    pub(super) fn from_exchange(exchange: Arc<Exchange<T>>) -> Self {
        Self { source: Source::Bounded(End(exchange)), _not_sync: PhantomData }
    }

    /// Takes the next message if there is one. Never waits.
    ///
    /// # Errors
    ///
    /// Fails with the reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::mpsc::{TryRecvError, channel};
    ///
    /// let (tx, rx) = channel::<u8>();
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    /// drop(tx);
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        let received = match &self.source {
            Source::Unbounded(list) => list.try_recv(),
            Source::Bounded(End(exchange)) => exchange.try_recv(),
        };
        if let Err(TryRecvError::Empty) = received {
            asked_in_vain();
        }
        received
    }

    /// Takes the next message, waiting for it. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// Fails if no message is left and there is no sender any more.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::mpsc::{RecvError, channel};
    ///
    /// let (tx, rx) = channel();
    /// green_thread::spawn(move || tx.send(1).unwrap());
    /// assert_eq!(rx.recv(), Ok(1));
    /// assert_eq!(rx.recv(), Err(RecvError));
    /// ```
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_until(None).map_err(|_| RecvError)
    }

    /// Takes the next message, waiting for it for at most `timeout`. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// Fails with the reason.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use green_sync::mpsc::{RecvTimeoutError, channel};
    ///
    /// let (_tx, rx) = channel::<u8>();
    /// assert_eq!(rx.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
    /// ```
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        // No clock is read for a message that is there.
        match self.try_recv() {
            Ok(message) => Ok(message),
            Err(TryRecvError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(TryRecvError::Empty) => self.recv_until(clock::after(timeout)),
        }
    }

    #[inline]
    fn recv_until(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        match &self.source {
            Source::Unbounded(list) => list.recv(deadline),
            Source::Bounded(End(exchange)) => exchange.recv(deadline),
        }
    }

    /// Returns an iterator that waits for each message and ends with the senders.
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = green_sync::mpsc::channel();
    /// tx.send(1).unwrap();
    /// tx.send(2).unwrap();
    /// drop(tx);
    /// assert_eq!(rx.iter().sum::<i32>(), 3);
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { rx: self }
    }

    /// Returns an iterator over the messages that are there; it never waits.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { rx: self }
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
        match &self.source {
            Source::Unbounded(list) => list.is_ready_or_announced(),
            Source::Bounded(End(exchange)) => exchange.is_ready_to_receive(),
        }
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(match &self.source {
            Source::Unbounded(list) => list.selects(),
            Source::Bounded(End(exchange)) => exchange.item_selects(),
        })
    }
}
