//! What can be chosen for a pool.

use super::{GetError, Pool};

/// Which free item is used next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// The one that came back first: all get their share of the work.
    #[default]
    Fifo,
    /// The one that came back last: its caches are warm, and what is not needed lies idle.
    Lifo,
}

/// Chooses how a [`Pool`] is.
///
/// # Examples
///
/// ```
/// use std::io;
/// use green_pool::resource::{Builder, Order};
///
/// let pool = Builder::new(4).min(2).order(Order::Lifo).build(|| Ok::<_, io::Error>(String::new()))?;
/// assert_eq!((pool.idle(), pool.free()), (2, 4));
/// let item = pool.get()?;
/// assert_eq!((pool.idle(), pool.free()), (1, 3));
/// # drop(item);
/// # Ok::<(), io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    min: usize,
    max: usize,
    order: Order,
}

impl Builder {
    /// Starts with a pool of up to `max` items, of which none is made in advance.
    pub fn new(max: usize) -> Builder {
        Builder { min: 0, max, order: Order::default() }
    }

    /// Sets how many items are made in advance.
    pub fn min(mut self, min: usize) -> Builder {
        self.min = min;
        self
    }

    /// Sets which free item is used next.
    pub fn order(mut self, order: Order) -> Builder {
        self.order = order;
        self
    }

    /// Creates the pool, and the items that are made in advance. `create` may park.
    ///
    /// # Errors
    ///
    /// The first of making an item.
    ///
    /// # Panics
    ///
    /// If more are to be made in advance than there may be, or `max` is more than a quarter of what a `usize` can hold.
    pub fn build<T, E>(self, create: impl Fn() -> Result<T, E> + Send + Sync + 'static) -> Result<Pool<T, E>, E> {
        assert!(self.min <= self.max, "a pool of at most {} items cannot have {} at first", self.max, self.min);
        let pool = Pool::of(self.max, self.order, Box::new(create));
        let mut first = Vec::with_capacity(self.min);
        for _ in 0..self.min {
            // Held until all are there, lest the second be the first again.
            match pool.try_get() {
                Ok(item) => first.push(item),
                Err(GetError::Create(error)) => return Err(error),
                Err(_) => unreachable!("nobody else has the pool yet"),
            }
        }
        drop(first);
        Ok(pool)
    }
}
