//! Pools of things that are dear or of which there are only so many: buffers, connections, licences.
//!
//! Follows eventlet's `pools`. Whoever needs one takes it with [`Pool::get`], waiting until one is free, and gives it
//! back by dropping the [`Guard`]. Those who wait are served in the order in which they came.
//!
//! # How many there are
//!
//! A permit stands for the right to have an item. There are as many as the pool's maximum, so whoever has a permit
//! finds an item that is free, or may make one. What goes wrong with making one (an error, a panic, a kill in the
//! middle) gives the permit back, and the next in line tries for itself. When the maximum is lowered, permits that are
//! in use are owed: as they come back, they are taken out of the world with their items.

mod builder;
mod error;
mod guard;
mod token;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::mem;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::permits::{AcquireError, Permits};
use green_core::primitive::Mutex;

pub use builder::{Builder, Order};
pub use error::GetError;
pub use guard::Guard;
pub use token::{Token, TokenPool};

use guard::Slot;

/// A pool of items that are made as they are needed, up to a maximum, and used again.
///
/// A clone is a handle to the same pool. An item that was in the hands of a thread which panicked, or was killed, comes
/// back as any other; [`Guard::take`] is for those that are not to be used again.
///
/// # Examples
///
/// ```
/// use green_pool::Pool;
/// use green_thread as thread;
///
/// let buffers = Pool::new(2, || Vec::with_capacity(4096));
/// let users: Vec<_> = (0..10_u8)
///     .map(|n| {
///         let buffers = buffers.clone();
///         thread::spawn(move || {
///             let Ok(mut buffer) = buffers.get();
///             buffer.clear();
///             buffer.extend([n; 100]);
///             buffer.len()
///         })
///     })
///     .collect();
/// for user in users {
///     assert_eq!(user.join().unwrap(), 100);
/// }
/// assert_eq!(buffers.free(), 2);
/// ```
pub struct Pool<T, E = Infallible> {
    shared: Arc<Shared<T, E>>,
}

pub(crate) struct Shared<T, E> {
    permits: Permits,
    state: Mutex<State<T>>,
    order: Order,
    create: Box<dyn Fn() -> Result<T, E> + Send + Sync>,
}

struct State<T> {
    /// Items that nobody has, in the order in which they came.
    free: VecDeque<T>,
    max: usize,
    /// Permits that are in use: with an item, or to make one.
    in_use: usize,
    /// How many of those are beyond the maximum.
    owed: usize,
}

impl<T> State<T> {
    fn pop(&mut self, order: Order) -> Option<T> {
        match order {
            Order::Fifo => self.free.pop_front(),
            Order::Lifo => self.free.pop_back(),
        }
    }
}

impl<T> Pool<T> {
    /// Creates a pool of up to `max` items that `create` makes and that are used in turn. None is made before it is
    /// needed.
    ///
    /// `create` may park. For one that may fail, and for other choices, there is [`Builder`].
    ///
    /// # Panics
    ///
    /// If `max` is more than a quarter of what a `usize` can hold.
    pub fn new(max: usize, create: impl Fn() -> T + Send + Sync + 'static) -> Pool<T> {
        Pool::of(max, Order::Fifo, Box::new(move || Ok(create())))
    }
}

impl<T, E> Pool<T, E> {
    fn of(max: usize, order: Order, create: Box<dyn Fn() -> Result<T, E> + Send + Sync>) -> Pool<T, E> {
        let state = State { free: VecDeque::new(), max, in_use: 0, owed: 0 };
        Pool { shared: Arc::new(Shared { permits: Permits::new(max), state: Mutex::new(state), order, create }) }
    }

    /// Returns a free item, or makes one; waits if there are as many as there may be. A kill point if it waits.
    ///
    /// # Errors
    ///
    /// That of making one.
    ///
    /// # Panics
    ///
    /// As making one does.
    pub fn get(&self) -> Result<Guard<T, E>, E> {
        match self.get_until(None) {
            Ok(guard) => Ok(guard),
            Err(GetError::Create(error)) => Err(error),
            Err(_) => unreachable!("there is no deadline to miss"),
        }
    }

    /// Returns an item as [`get`](Self::get) does, but waits for `timeout` at the longest. Making one may take longer.
    ///
    /// # Errors
    ///
    /// [`GetError::TimedOut`], and [`GetError::Create`] with the error of making one.
    ///
    /// # Panics
    ///
    /// As making one does.
    pub fn get_timeout(&self, timeout: Duration) -> Result<Guard<T, E>, GetError<E>> {
        self.get_until(clock::after(timeout))
    }

    /// Returns an item if one is free, or may be made, and nobody waits for it. Does not wait for others, but it makes
    /// one.
    ///
    /// # Errors
    ///
    /// [`GetError::Exhausted`], and [`GetError::Create`] with the error of making one.
    ///
    /// # Panics
    ///
    /// As making one does.
    pub fn try_get(&self) -> Result<Guard<T, E>, GetError<E>> {
        self.shared.permits.try_acquire().map_err(refused)?;
        self.fill_permit()
    }

    fn get_until(&self, deadline: Option<Instant>) -> Result<Guard<T, E>, GetError<E>> {
        self.shared.permits.acquire_until(deadline).map_err(refused)?;
        self.fill_permit()
    }

    /// Finds an item for a permit that was taken.
    fn fill_permit(&self) -> Result<Guard<T, E>, GetError<E>> {
        let (slot, item) = Slot::new(&self.shared);
        match item {
            Some(item) => Ok(Guard::new(slot, item)),
            // The slot is given back if this fails, in whatever way.
            None => self.create().map(|item| Guard::new(slot, item)).map_err(GetError::Create),
        }
    }

    fn create(&self) -> Result<T, E> {
        (self.shared.create)()
    }

    /// Sets how many items there may be.
    ///
    /// Free items beyond that are dropped at once, others when they come back. With more room, those who wait go on.
    ///
    /// # Panics
    ///
    /// If `max` is more than a quarter of what a `usize` can hold.
    pub fn resize(&self, max: usize) {
        assert!(max <= Permits::MAX, "more items than a pool can count");
        let mut dropped = Vec::new();
        {
            let mut state = self.shared.state.lock();
            let old = mem::replace(&mut state.max, max);
            let less = old.saturating_sub(max);
            state.owed += less - self.shared.permits.withdraw(less);
            let more = max.saturating_sub(old);
            let paid = more.min(state.owed);
            state.owed -= paid;
            let room = max.saturating_sub(state.in_use);
            while state.free.len() > room {
                // The next that would be used stays.
                dropped.extend(match self.shared.order {
                    Order::Fifo => state.free.pop_back(),
                    Order::Lifo => state.free.pop_front(),
                });
            }
            // Under the lock, as every release: see `give_back`.
            self.shared.permits.release(more - paid);
        }
        drop(dropped);
    }

    /// Drops the free items. New ones are made as they are needed.
    pub fn clear(&self) {
        drop(self.remove_if(|_| true));
    }

    /// Removes the free items that `unwanted` says, and returns them; it is called under the pool's lock.
    pub(crate) fn remove_if(&self, mut unwanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut state = self.shared.state.lock();
        let (removed, kept) = mem::take(&mut state.free).into_iter().partition(|item| unwanted(item));
        state.free = kept;
        VecDeque::into(removed)
    }

    pub(crate) fn downgrade(&self) -> WeakPool<T, E> {
        WeakPool(Arc::downgrade(&self.shared))
    }

    /// Returns how many items there may be.
    pub fn max(&self) -> usize {
        self.shared.state.lock().max
    }

    /// Returns how many items could be taken without waiting: those that are free, and those that may still be made. It
    /// is less than zero by the number of those in use beyond a maximum that was lowered.
    pub fn free(&self) -> isize {
        let state = self.shared.state.lock();
        // Both count things in memory, but for a maximum that was chosen beyond all reason.
        isize::try_from(state.max).unwrap_or(isize::MAX).saturating_sub_unsigned(state.in_use)
    }

    /// Returns how many items have been made and lie idle.
    pub fn idle(&self) -> usize {
        self.shared.state.lock().free.len()
    }

    /// Returns how many wait for an item.
    pub fn waiting(&self) -> usize {
        self.shared.permits.waiting()
    }
}

fn refused<E>(error: AcquireError) -> GetError<E> {
    match error {
        AcquireError::TimedOut => GetError::TimedOut,
        _ => GetError::Exhausted,
    }
}

impl<T, E> Shared<T, E> {
    /// Takes a slot back, with its item if that is to be used again.
    fn give_back(&self, item: Option<T>) {
        let mut state = self.state.lock();
        state.in_use -= 1;
        if state.owed > 0 {
            state.owed -= 1;
            drop(state);
            // Without the lock: its destructor may do anything.
            drop(item);
            return;
        }
        state.free.extend(item);
        // Under the lock: a `resize` in between would find the permit neither free nor in use, and count it as owed, by
        // nobody.
        self.permits.release(1);
    }

    /// Counts a permit as in use, and returns the item that is next, if one is free.
    fn enter(&self) -> Option<T> {
        let mut state = self.state.lock();
        state.in_use += 1;
        state.pop(self.order)
    }

    /// Returns the item that is next, if one is free, for a permit that is in use.
    fn next(&self) -> Option<T> {
        self.state.lock().pop(self.order)
    }
}

/// A pool that may be gone.
pub(crate) struct WeakPool<T, E>(Weak<Shared<T, E>>);

impl<T, E> WeakPool<T, E> {
    pub(crate) fn upgrade(&self) -> Option<Pool<T, E>> {
        Some(Pool { shared: self.0.upgrade()? })
    }
}

impl<T, E> Clone for Pool<T, E> {
    fn clone(&self) -> Self {
        Pool { shared: Arc::clone(&self.shared) }
    }
}

impl<T, E> fmt::Debug for Pool<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("max", &self.max())
            .field("free", &self.free())
            .field("idle", &self.idle())
            .field("waiting", &self.waiting())
            .finish()
    }
}
