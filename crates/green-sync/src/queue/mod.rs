//! Queues with any number of producers and consumers: first in first out, last in first out, or the smallest first.
//!
//! # The protocol
//!
//! Consumers wait as for permits (see `green_core::permits`, where the argument is): items lie in the open, a wake-up
//! is a hint, `State::getters` counts who waits until they have their item, and newcomers leave them theirs. A `select`
//! looks at `signal`, which mirrors under `READY` whether a newcomer could take something; it is changed with the state
//! locked, and every change to ready is followed by a look into the line.
//!
//! Producers wait with their items in the state, under tickets, so that a consumer, also one that must not wait itself,
//! takes the item without the producer's help. That list is their line, and an item that is gone from it is the whole
//! message; so they need no node in a wait queue, and one that will never run again has still put its item in (I15).

mod error;
mod order;
mod state;
#[cfg(all(test, loom))]
mod tests;

use std::fmt;
use std::iter::FusedIterator;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

#[cfg(not(loom))]
use green_core::clock;
use green_core::kill;
use green_core::park::park_until;
use green_core::primitive::{AtomicU8, Mutex, Ordering};
use green_core::unpark::{Outcome, Unparker, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_core::waitable::Waitable;

pub use error::{GetError, PutError, TaskDoneError};
pub use order::{Fifo, Lifo, Order, SmallestFirst, Tokens};
use state::State;

/// A queue whose items come out in the order in which they went in.
pub type Queue<T> = OrderedQueue<Fifo<T>>;

/// A queue that gives out the item that went in last.
pub type LifoQueue<T> = OrderedQueue<Lifo<T>>;

/// A queue that gives out the smallest item, and of equal ones the one that went in first.
///
/// Note that `std::collections::BinaryHeap` has it the other way round: wrap the items in [`std::cmp::Reverse`] for
/// that. The order of the items is asked for with the queue locked, so it must not wait; one that panics may leave
/// somebody waiting for an item that is there.
///
/// # Examples
///
/// ```
/// use green_sync::queue::PriorityQueue;
///
/// let jobs = PriorityQueue::new(None);
/// for job in [(2, "sweep"), (1, "mend"), (3, "mop")] {
///     jobs.put(job)?;
/// }
/// let order: Vec<_> = std::iter::from_fn(|| jobs.try_get().ok()).map(|(_, name)| name).collect();
/// assert_eq!(order, ["mend", "sweep", "mop"]);
/// # Ok::<(), green_sync::queue::PutError<(i32, &str)>>(())
/// ```
pub type PriorityQueue<T> = OrderedQueue<SmallestFirst<T>>;

/// Something may be taken: a mirror of the state, for those who look without the lock.
const READY: u8 = 1;
/// A `select` may be in the line.
const WATCHED: u8 = 2;

/// A queue between any number of green threads and OS threads, which wait for items and for room.
///
/// It is used through its names [`Queue`], [`LifoQueue`] and [`PriorityQueue`], and may be a `static`. The capacity
/// says how many items it holds before a [`put`](Self::put) waits:
///
/// - `None`: any number; nobody ever waits to put.
/// - `Some(n)`: so many.
/// - `Some(0)`: none. Producers and consumers meet: a `put` returns when a `get` has the item. The queue is always
///   empty, and always full, and items come out in the order in which their producers came, whatever the order of the
///   queue.
///
/// Those who wait for items are served in the order in which they came, and so are those who wait for room, whichever
/// kind of thread they are; nobody who comes later gets ahead. A consumer that gives up or is killed takes no item
/// along. The item of a producer that gives up comes back in the error; that of one that is killed is dropped.
///
/// A queue counts the items that were put in and not yet reported as [done](Self::task_done), so that one can wait
/// until [all work is done](Self::join), not just until it is taken.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use green_sync::Queue;
///
/// let jobs = Arc::new(Queue::new(Some(2)));
/// let workers: Vec<_> = (0..3)
///     .map(|_| {
///         let jobs = Arc::clone(&jobs);
///         green_thread::spawn(move || jobs.iter().sum::<u32>())
///     })
///     .collect();
/// for job in 1..=100 {
///     jobs.put(job)?;
/// }
/// jobs.close();
/// let sum: u32 = workers.into_iter().map(|worker| worker.join().unwrap()).sum();
/// assert_eq!(sum, 5050);
/// # Ok::<(), green_sync::queue::PutError<u32>>(())
/// ```
pub struct OrderedQueue<O: Order> {
    state: Mutex<State<O>>,
    signal: AtomicU8,
    getters: WaitQueue,
    /// Those who were woken from `getters` for nothing.
    ahead: WaitQueue,
    joiners: WaitQueue,
}

impl<O: Order> OrderedQueue<O> {
    /// Creates an empty queue.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new(capacity: Option<usize>) -> Self {
        let mut queue = Self::holding(O::NOTHING, capacity);
        // Nothing to take: the first look need not find that out.
        queue.signal = AtomicU8::new(0);
        queue
    }

    #[cfg(not(loom))]
    pub(crate) const fn holding(stored: O, capacity: Option<usize>) -> Self {
        Self {
            state: Mutex::new(State::new(stored, capacity)),
            signal: AtomicU8::new(READY),
            getters: WaitQueue::new(),
            ahead: WaitQueue::new(),
            joiners: WaitQueue::new(),
        }
    }

    #[cfg(loom)]
    pub(crate) fn holding(stored: O, capacity: Option<usize>) -> Self {
        Self {
            state: Mutex::new(State::new(stored, capacity)),
            signal: AtomicU8::new(READY),
            getters: WaitQueue::new(),
            ahead: WaitQueue::new(),
            joiners: WaitQueue::new(),
        }
    }

    /// Puts an item in, waiting while there is no room. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// [`PutError::Closed`] with the item, also if the queue is closed while this waits.
    pub fn put(&self, item: O::Item) -> Result<(), PutError<O::Item>> {
        self.put_until(item, None)
    }

    #[cfg(not(loom))]
    /// Puts an item in, waiting for room for `timeout` at the longest.
    ///
    /// # Errors
    ///
    /// [`PutError::TimedOut`] and [`PutError::Closed`] with the item, which is not in the queue then.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use green_sync::Queue;
    ///
    /// let queue = Queue::new(Some(1));
    /// queue.put("first")?;
    /// let error = queue.put_timeout("second", Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(error.into_inner(), "second");
    /// # Ok::<(), green_sync::queue::PutError<&str>>(())
    /// ```
    pub fn put_timeout(&self, item: O::Item, timeout: Duration) -> Result<(), PutError<O::Item>> {
        self.put_until(item, clock::after(timeout))
    }

    pub(crate) fn put_until(&self, mut item: O::Item, deadline: Option<Instant>) -> Result<(), PutError<O::Item>> {
        let me = Unparker::current();
        loop {
            let (ticket, hint) = {
                let mut state = self.state.lock();
                if state.is_closed() {
                    return Err(PutError::Closed(item));
                }
                let ticket = state.put(item, me);
                (ticket, self.is_awaited(&state))
            };
            if hint {
                self.hint();
            }
            let Some(ticket) = ticket else { return Ok(()) };
            match self.hold_out(ticket, deadline) {
                // Interrupted, but not to be unwound now: the put goes on.
                Err(PutError::Full(withdrawn)) => item = withdrawn,
                decided => return decided,
            }
        }
    }

    /// Waits until somebody has taken in the item that is held out with `ticket`.
    fn hold_out(&self, ticket: u64, deadline: Option<Instant>) -> Result<(), PutError<O::Item>> {
        loop {
            let outcome = park_until(deadline, WaitReason::Send);
            let (item, closed) = {
                let mut state = self.state.lock();
                let closed = state.is_closed();
                if outcome == Outcome::Unparked && !closed && state.is_offered(ticket) {
                    continue;
                }
                let Some(item) = state.withdraw(ticket) else { return Ok(()) };
                self.publish(&state);
                (item, closed)
            };
            return Err(match outcome {
                _ if closed => PutError::Closed(item),
                Outcome::TimedOut => PutError::TimedOut(item),
                _ => {
                    kill::deliver();
                    PutError::Full(item)
                }
            });
        }
    }

    /// Puts an item in if that needs no waiting: if there is room that nobody waits for, or if somebody waits for an
    /// item. Never waits nor switches, so it works from any callback.
    ///
    /// # Errors
    ///
    /// [`PutError::Full`] and [`PutError::Closed`] with the item.
    pub fn try_put(&self, item: O::Item) -> Result<(), PutError<O::Item>> {
        let hint = {
            let mut state = self.state.lock();
            if state.is_closed() {
                return Err(PutError::Closed(item));
            }
            state.try_put(item).map_err(PutError::Full)?;
            self.is_awaited(&state)
        };
        if hint {
            self.hint();
        }
        Ok(())
    }

    /// Takes the next item, waiting until there is one for this caller. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// [`GetError::Closed`] if the queue was closed and nothing is left in it.
    pub fn get(&self) -> Result<O::Item, GetError> {
        self.get_until(None)
    }

    #[cfg(not(loom))]
    /// Takes the next item, waiting for it for `timeout` at the longest.
    ///
    /// # Errors
    ///
    /// [`GetError::TimedOut`] and [`GetError::Closed`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use green_sync::Queue;
    /// use green_sync::queue::GetError;
    ///
    /// let queue: Queue<u8> = Queue::new(None);
    /// assert_eq!(queue.get_timeout(Duration::from_millis(1)), Err(GetError::TimedOut));
    /// ```
    pub fn get_timeout(&self, timeout: Duration) -> Result<O::Item, GetError> {
        self.get_until(clock::after(timeout))
    }

    pub(crate) fn get_until(&self, deadline: Option<Instant>) -> Result<O::Item, GetError> {
        let mut line = &self.getters;
        loop {
            match self.stand_in(line, deadline) {
                Ok(item) => return Ok(item),
                Err(None) => return Err(GetError::Closed),
                Err(Some(Outcome::Unparked)) => line = &self.ahead,
                Err(Some(Outcome::TimedOut)) => return Err(GetError::TimedOut),
                Err(Some(Outcome::Interrupted)) => kill::deliver(),
            }
        }
    }

    /// Takes an item at once or after one wait; otherwise returns what the wait came to, or `None` if the queue is
    /// closed.
    fn stand_in(&self, line: &WaitQueue, deadline: Option<Instant>) -> Result<O::Item, Option<Outcome>> {
        let mut state = self.state.lock();
        if state.has_surplus() {
            let taken = state.take();
            self.publish(&state);
            drop(state);
            return hand_over(taken).ok_or(Some(Outcome::Unparked));
        }
        if state.is_closed() {
            return Err(None);
        }
        state.getters += 1;
        self.publish(&state);
        let outcome = line.wait_until(deadline, WaitReason::Receive, move || {
            drop(state);
            true
        });

        let mut state = self.state.lock();
        state.getters -= 1;
        // Who was not woken may still take what is left when all others have theirs.
        let due = if outcome == Outcome::Unparked { state.available() > 0 } else { state.has_surplus() };
        let taken = if due { state.take() } else { None };
        let left = state.available() > 0;
        self.publish(&state);
        drop(state);
        if taken.is_none() && left {
            self.hint();
        }
        hand_over(taken).ok_or(Some(outcome))
    }

    /// Takes the next item if there is one that nobody waits for. Never waits nor switches, so it works from any
    /// callback.
    ///
    /// # Errors
    ///
    /// [`GetError::Empty`] and [`GetError::Closed`].
    pub fn try_get(&self) -> Result<O::Item, GetError> {
        self.take_if(State::has_surplus)
    }

    /// Takes the item that a `select` was told of: also one that another who waits might have taken.
    pub(crate) fn claim(&self) -> Result<O::Item, GetError> {
        self.take_if(|state| state.available() > 0)
    }

    fn take_if(&self, may: impl FnOnce(&State<O>) -> bool) -> Result<O::Item, GetError> {
        let mut state = self.state.lock();
        let taken = if may(&state) { state.take() } else { None };
        let closed = state.is_closed();
        self.publish(&state);
        drop(state);
        hand_over(taken).ok_or(if closed { GetError::Closed } else { GetError::Empty })
    }

    /// Lets those who look without the lock know whether something may be taken.
    fn publish(&self, state: &State<O>) {
        let ready = state.has_surplus() || state.is_closed();
        // Only who has the state locked changes this bit.
        if ready == (self.signal.load(Ordering::Relaxed) & READY != 0) {
            return;
        }
        if ready {
            self.signal.fetch_or(READY, Ordering::AcqRel);
        } else {
            self.signal.fetch_and(!READY, Ordering::AcqRel);
        }
    }

    /// Publishes that an item has come, and returns true if somebody may have to be told.
    fn is_awaited(&self, state: &State<O>) -> bool {
        self.publish(state);
        if state.getters > 0 {
            return true;
        }
        if self.signal.load(Ordering::Relaxed) & WATCHED == 0 {
            return false;
        }
        if self.getters.is_empty() {
            // Who enters the line at this moment finds READY, and does not.
            self.signal.fetch_and(!WATCHED, Ordering::AcqRel);
            return false;
        }
        true
    }

    /// Wakes the next to come and take an item.
    fn hint(&self) {
        if !self.ahead.notify_one() {
            self.getters.notify_one();
        }
    }

    /// Changes the capacity. Items stay, even if there are more than that; whoever waits for room that there is now,
    /// goes on.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Queue;
    ///
    /// let queue = Queue::new(Some(1));
    /// queue.put(1)?;
    /// assert!(queue.try_put(2).is_err());
    /// queue.resize(None);
    /// assert!(queue.try_put(2).is_ok());
    /// # Ok::<(), green_sync::queue::PutError<i32>>(())
    /// ```
    pub fn resize(&self, capacity: Option<usize>) {
        let accepted = self.state.lock().resize(capacity);
        accepted.into_iter().for_each(Unparker::unpark);
    }

    /// Closes the queue: what is in it can still be taken, after that [`get`](Self::get) is an error, and every
    /// [`put`](Self::put) is, also one that waits for room. A second call does nothing.
    pub fn close(&self) {
        let refused = {
            let mut state = self.state.lock();
            let refused = state.close();
            self.publish(&state);
            refused
        };
        self.ahead.notify_all();
        self.getters.notify_all();
        refused.into_iter().for_each(Unparker::unpark);
    }

    /// Returns true once the queue was closed.
    pub fn is_closed(&self) -> bool {
        self.state.lock().is_closed()
    }

    /// Reports that the work on one of the items that came out is done.
    ///
    /// # Errors
    ///
    /// If that has been reported for all items that went in.
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        let mut state = self.state.lock();
        if state.finish().ok_or(TaskDoneError)? {
            // Under the lock, lest it also tell those who come to wait for what is put from now on.
            self.joiners.notify_all();
        }
        Ok(())
    }

    /// Waits until [`task_done`](Self::task_done) was called for every item that went in; at once if none did. A kill
    /// point if it waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use green_sync::Queue;
    ///
    /// let jobs = Arc::new(Queue::new(None));
    /// let worker = green_thread::spawn({
    ///     let jobs = Arc::clone(&jobs);
    ///     move || {
    ///         for _job in jobs.iter() {
    ///             jobs.task_done().unwrap();
    ///         }
    ///     }
    /// });
    /// for job in 0..10 {
    ///     jobs.put(job)?;
    /// }
    /// jobs.join(); // All ten are done, not only taken.
    /// jobs.close();
    /// worker.join().unwrap();
    /// # Ok::<(), green_sync::queue::PutError<i32>>(())
    /// ```
    pub fn join(&self) {
        self.join_until(None);
    }

    #[cfg(not(loom))]
    /// Waits as [`join`](Self::join) does, for `timeout` at the longest; returns whether all work is done.
    #[must_use = "the work may not be done"]
    pub fn join_timeout(&self, timeout: Duration) -> bool {
        self.join_until(clock::after(timeout))
    }

    fn join_until(&self, deadline: Option<Instant>) -> bool {
        loop {
            let state = self.state.lock();
            if state.unfinished() == 0 {
                return true;
            }
            let outcome = self.joiners.wait_until(deadline, WaitReason::Join, move || {
                drop(state);
                true
            });
            match outcome {
                // The work was done at some moment of this wait, even if there is more by now.
                Outcome::Unparked => return true,
                Outcome::TimedOut => return self.state.lock().unfinished() == 0,
                Outcome::Interrupted => kill::deliver(),
            }
        }
    }

    /// Returns how many items are in the queue that nobody waits for. Those of producers that wait for room do not
    /// count.
    pub fn len(&self) -> usize {
        self.state.lock().len()
    }

    /// Returns true if there is no item that nobody waits for; with capacity 0, always.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns true if there are as many items as the capacity says; with capacity 0, always.
    pub fn is_full(&self) -> bool {
        let state = self.state.lock();
        state.capacity().is_some_and(|capacity| state.len() >= capacity)
    }

    /// Returns the capacity.
    pub fn capacity(&self) -> Option<usize> {
        self.state.lock().capacity()
    }

    /// Returns how many wait for an item.
    pub fn waiting_getters(&self) -> usize {
        self.state.lock().waiting_getters()
    }

    /// Returns how many wait for room, or with capacity 0 for a consumer.
    pub fn waiting_putters(&self) -> usize {
        self.state.lock().waiting_putters()
    }

    /// Returns the items less the room for more, each less those who wait for it.
    pub(crate) fn balance(&self) -> isize {
        let state = self.state.lock();
        let room = state.capacity().unwrap_or(usize::MAX).saturating_sub(state.len());
        let side = |amount: usize, waiting: usize| amount.cast_signed().saturating_sub_unsigned(waiting);
        side(state.len(), state.waiting_getters()) - side(room, state.waiting_putters())
    }

    /// Returns an iterator that takes items, waiting for each, and ends when the queue is closed and empty.
    pub fn iter(&self) -> Iter<'_, O> {
        Iter { queue: self }
    }
}

/// Tells the producer whose item made it in, if there is one, and returns the item.
fn hand_over<T>(taken: Option<(T, Option<Unparker>)>) -> Option<T> {
    let (item, putter) = taken?;
    if let Some(putter) = putter {
        putter.unpark();
    }
    Some(item)
}

#[cfg(not(loom))]
impl<O: Order> Default for OrderedQueue<O> {
    /// Creates a queue without a limit.
    fn default() -> Self {
        Self::new(None)
    }
}

/// Ready when there is an item that nobody waits for, or the queue is closed.
impl<O: Order> Waitable for OrderedQueue<O> {
    fn is_ready(&self) -> bool {
        self.signal.load(Ordering::Acquire) & READY != 0 || self.signal.fetch_or(WATCHED, Ordering::AcqRel) & READY != 0
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.getters)
    }
}

// Nobody unwinds in the middle of a change, but in an item's own order, which can leave no more behind than a wrong
// order.
impl<O: Order> UnwindSafe for OrderedQueue<O> {}
impl<O: Order> RefUnwindSafe for OrderedQueue<O> {}

impl<O: Order> fmt::Debug for OrderedQueue<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("Queue")
            .field("len", &state.len())
            .field("capacity", &state.capacity())
            .field("closed", &state.is_closed())
            .finish_non_exhaustive()
    }
}

impl<'a, O: Order> IntoIterator for &'a OrderedQueue<O> {
    type Item = O::Item;
    type IntoIter = Iter<'a, O>;

    fn into_iter(self) -> Iter<'a, O> {
        self.iter()
    }
}

/// Takes the items of a queue until it is closed and empty. Made by [`OrderedQueue::iter`].
#[must_use = "an iterator does nothing unless it is asked for items"]
pub struct Iter<'a, O: Order> {
    queue: &'a OrderedQueue<O>,
}

impl<O: Order> Iterator for Iter<'_, O> {
    type Item = O::Item;

    fn next(&mut self) -> Option<O::Item> {
        self.queue.get().ok()
    }
}

// Once closed, a queue stays so, and nothing is added to it.
impl<O: Order> FusedIterator for Iter<'_, O> {}

impl<O: Order> fmt::Debug for Iter<'_, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").finish_non_exhaustive()
    }
}
