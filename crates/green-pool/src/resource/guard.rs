//! An item of a pool, in somebody's hands.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::Shared;

/// An item of a [`Pool`](super::Pool), which goes back when this is dropped.
///
/// It may be sent to another thread, and keeps the pool alive.
pub struct Guard<T, E = std::convert::Infallible> {
    slot: Slot<T, E>,
}

/// The right to have an item, and the item if it is there.
pub(crate) struct Slot<T, E> {
    shared: Arc<Shared<T, E>>,
    item: Option<T>,
}

impl<T, E> Slot<T, E> {
    /// Turns a permit into a slot; returns an item for it too if one is free.
    pub(super) fn new(shared: &Arc<Shared<T, E>>) -> (Slot<T, E>, Option<T>) {
        let item = shared.enter();
        (Slot { shared: Arc::clone(shared), item: None }, item)
    }

    /// Takes the item out, which is not to be used again. The slot is given back when this is dropped.
    pub(crate) fn empty(&mut self) -> Option<T> {
        self.item.take()
    }

    /// Returns another item that is free.
    pub(crate) fn next(&self) -> Option<T> {
        self.shared.next()
    }

    /// Makes a new item.
    pub(crate) fn create(&self) -> Result<T, E> {
        (self.shared.create)()
    }

    /// Puts an item into the empty slot.
    pub(crate) fn fill(mut self, item: T) -> Guard<T, E> {
        self.item = Some(item);
        Guard { slot: self }
    }
}

impl<T, E> Drop for Slot<T, E> {
    fn drop(&mut self) {
        self.shared.give_back(self.item.take());
    }
}

impl<T, E> Guard<T, E> {
    pub(super) fn new(slot: Slot<T, E>, item: T) -> Guard<T, E> {
        slot.fill(item)
    }

    /// Takes the item out of the pool for good; another may be made in its place.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_pool::Pool;
    /// use green_pool::resource::Guard;
    ///
    /// let pool = Pool::new(1, String::new);
    /// let Ok(mut item) = pool.get();
    /// item.push_str("worn out");
    /// assert_eq!(Guard::take(item), "worn out");
    /// let Ok(item) = pool.get();
    /// assert_eq!(*item, "");
    /// ```
    #[expect(clippy::missing_panics_doc, reason = "it cannot panic")]
    pub fn take(mut guard: Guard<T, E>) -> T {
        guard.slot.empty().expect("a guard has an item")
    }

    pub(crate) fn into_slot(self) -> Slot<T, E> {
        self.slot
    }
}

impl<T, E> Deref for Guard<T, E> {
    type Target = T;

    fn deref(&self) -> &T {
        self.slot.item.as_ref().expect("a guard has an item")
    }
}

impl<T, E> DerefMut for Guard<T, E> {
    fn deref_mut(&mut self) -> &mut T {
        self.slot.item.as_mut().expect("a guard has an item")
    }
}

impl<T: fmt::Debug, E> fmt::Debug for Guard<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
