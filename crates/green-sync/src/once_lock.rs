//! `OnceLock`: a place for a value that is written once.
//!
//! The value lies in std's own `OnceLock`, which gives it its place, its one `Acquire` load per look and its drop
//! rules; ours is the `Once` before it. Every write goes through that `Once`, so std's never has two writers and never
//! blocks an OS thread: it is only written to from inside a turn, with a value that is already there.

use std::fmt;
use std::sync;

use green_core::park::asked_in_vain;

use crate::Once;

/// A value that is set once, by the first of any number of green threads and OS threads that come for it.
///
/// Whoever comes while it is being computed parks until it is there. Works in a `static`, before any hub exists.
///
/// Corresponds to [`std::sync::OnceLock`]. If the initialiser panics or is killed, the cell stays empty, and the next
/// that waits runs its own. An initialiser that asks its own cell for the value waits for itself for ever.
///
/// # Examples
///
/// ```
/// use green_sync::OnceLock;
///
/// static GREETING: OnceLock<String> = OnceLock::new();
///
/// let threads: Vec<_> = (0..3)
///     .map(|i| green_thread::spawn(move || GREETING.get_or_init(|| format!("hello from {i}"))))
///     .collect();
/// for thread in threads {
///     assert_eq!(thread.join().unwrap(), GREETING.get().unwrap());
/// }
/// ```
// In this order, as in `LazyLock`: with the value at the address of the whole, a look computes none of its own, which in a
// loop is a seventh of it.
#[repr(C)]
pub struct OnceLock<T> {
    value: sync::OnceLock<T>,
    once: Once,
}

impl<T> OnceLock<T> {
    /// Creates an empty cell.
    #[inline]
    #[must_use]
    pub const fn new() -> OnceLock<T> {
        OnceLock { value: sync::OnceLock::new(), once: Once::new() }
    }

    /// Returns the value if it is there. Never waits.
    #[inline]
    pub fn get(&self) -> Option<&T> {
        let value = self.peek();
        if value.is_none() {
            asked_in_vain();
        }
        value
    }

    /// As [`get`](Self::get), for what does not wait by looking.
    #[inline]
    pub(crate) fn peek(&self) -> Option<&T> {
        self.value.get()
    }

    /// Returns the value if it is there. Never waits.
    #[inline]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut()
    }

    /// Waits until the value is there. A kill point.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::OnceLock;
    ///
    /// let cell = OnceLock::new();
    /// green_thread::scope(|s| {
    ///     s.spawn(|| cell.set(2).unwrap());
    ///     assert_eq!(cell.wait(), &2);
    /// });
    /// ```
    #[inline]
    pub fn wait(&self) -> &T {
        match self.peek() {
            Some(value) => value,
            None => {
                self.once.wait_force();
                self.filled()
            }
        }
    }

    /// Sets the value. Waits if somebody is in the middle of computing one.
    ///
    /// # Errors
    ///
    /// Gives `value` back if there is one already.
    ///
    /// # Examples
    ///
    /// ```
    /// let cell = green_sync::OnceLock::new();
    /// assert_eq!(cell.set(1), Ok(()));
    /// assert_eq!(cell.set(2), Err(2));
    /// ```
    #[inline]
    pub fn set(&self, value: T) -> Result<(), T> {
        if self.peek().is_some() { Err(value) } else { self.store(value) }
    }

    /// Returns the value, computing it by `f` if there is none; waits if somebody else is in the middle of that.
    ///
    /// # Panics
    ///
    /// A panic of `f` goes to the caller, and the cell stays empty.
    ///
    /// # Examples
    ///
    /// ```
    /// let cell = green_sync::OnceLock::new();
    /// assert_eq!(cell.get_or_init(|| 92), &92);
    /// assert_eq!(cell.get_or_init(|| unreachable!("it is there")), &92);
    /// ```
    #[inline]
    pub fn get_or_init<F>(&self, f: F) -> &T
    where
        F: FnOnce() -> T,
    {
        match self.peek() {
            Some(value) => value,
            None => self.init(f),
        }
    }

    #[cold]
    fn init(&self, f: impl FnOnce() -> T) -> &T {
        self.once.call_once_force(|_| {
            let stored = self.value.set(f());
            debug_assert!(stored.is_ok(), "only a turn of the `Once` stores a value");
        });
        self.filled()
    }

    #[cold]
    fn store(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.init(|| value.take().expect("an initialiser is called once"));
        value.map_or(Ok(()), Err)
    }

    /// Returns the value of which the `Once` says that it is there.
    fn filled(&self) -> &T {
        self.peek().expect("a completed turn has stored a value")
    }

    /// Returns the value, if there is one.
    #[inline]
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }

    /// Takes the value out, if there is one, and leaves the cell empty.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut cell = green_sync::OnceLock::from("value");
    /// assert_eq!(cell.take(), Some("value"));
    /// assert_eq!(cell.get(), None);
    /// ```
    #[inline]
    pub fn take(&mut self) -> Option<T> {
        let value = self.value.take()?;
        self.once = Once::new();
        Some(value)
    }
}

impl<T> Default for OnceLock<T> {
    /// Creates an empty cell.
    #[inline]
    fn default() -> OnceLock<T> {
        OnceLock::new()
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    /// Returns a cell with a copy of the value, if there is one.
    fn clone(&self) -> OnceLock<T> {
        self.peek().cloned().map_or_else(OnceLock::new, OnceLock::from)
    }
}

impl<T> From<T> for OnceLock<T> {
    /// Returns a cell with `value` in it.
    fn from(value: T) -> Self {
        let cell = OnceLock::new();
        cell.init(|| value);
        cell
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    /// Returns true if both are empty or their values are equal.
    fn eq(&self, other: &OnceLock<T>) -> bool {
        self.peek() == other.peek()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}
