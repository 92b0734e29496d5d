//! Values that are handed down: who starts a green thread or a greenlet says whether it sees the starter's.
//!
//! An [`Inherited`] is a variable with a value, or none, in each set of [`Bindings`]; and every greenlet, the main one of
//! a green thread included, has its own set, which is empty at first. What is started with [`Inherit::Copy`] gets a copy of
//! the set that is the starter's at that moment; with [`Inherit::Share`] both have one set, and each sees what the other
//! binds. That is how a request's number reaches whatever works on the request, without being a parameter of everything.
//!
//! ```
//! use green_core::inherited::{Inherit, Inherited};
//! use green_core::spawn::spawn;
//!
//! static REQUEST: Inherited<u64> = Inherited::new();
//!
//! REQUEST.set(7);
//! let with = spawn(Default::default(), Inherit::Copy.wrap(|| REQUEST.get()))?;
//! let without = spawn(Default::default(), || REQUEST.get())?;
//! assert_eq!(with.join().unwrap(), Some(7));
//! assert_eq!(without.join().unwrap(), None);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! A set is a bound of its own on the closure, so a spawn that inherits nothing costs nothing more, and it works with
//! whatever runs a closure: spawns of every kind, pools, scopes, plain OS threads.
//!
//! Follows Python's `contextvars` as greenlet keeps them for each greenlet, and gevent's `spawn_tree_locals`.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::greenlet::{self, RawCoroutine};

/// What something that is started sees of its starter's bindings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Inherit {
    /// Nothing.
    #[default]
    Empty,
    /// The values of this moment. What either binds later is its own.
    Copy,
    /// The bindings themselves. What either binds the other sees.
    Share,
}

impl Inherit {
    /// Returns a closure that runs `f` with what it inherits from the caller of *this* function.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_core::inherited::{Inherit, Inherited};
    /// use green_core::spawn::spawn;
    ///
    /// static FOUND: Inherited<&str> = Inherited::new();
    ///
    /// let search = Inherit::Share.wrap(|| drop(FOUND.set("it")));
    /// spawn(Default::default(), search)?.join().unwrap();
    /// assert_eq!(FOUND.get(), Some("it"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn wrap<F, R>(self, f: F) -> impl FnOnce() -> R + use<F, R>
    where
        F: FnOnce() -> R,
    {
        let bindings = Bindings::inherit(self);
        move || bindings.run(f)
    }
}

/// A variable that is inherited; declared as a `static`.
///
/// # Examples
///
/// ```
/// use green_core::inherited::Inherited;
///
/// static USER: Inherited<String> = Inherited::new();
///
/// assert_eq!(USER.get(), None);
/// assert_eq!(USER.set("ann".into()), None);
/// assert_eq!(USER.set("bob".into()).as_deref(), Some("ann"));
/// assert_eq!(USER.take().as_deref(), Some("bob"));
/// ```
pub struct Inherited<T> {
    /// By what bindings know it; 0 until it is first bound.
    number: AtomicUsize,
    _values: PhantomData<fn(T) -> T>,
}

impl<T: Clone + Send + Sync + 'static> Inherited<T> {
    /// Makes a variable without a value.
    pub const fn new() -> Self {
        Self { number: AtomicUsize::new(0), _values: PhantomData }
    }

    /// Returns a copy of the running greenlet's value.
    pub fn get(&'static self) -> Option<T> {
        let number = self.number.load(Ordering::Relaxed);
        let value = greenlet::bindings()?.get(number)?;
        // Cloned with no lock held: `clone` is foreign code.
        value.downcast_ref::<T>().cloned()
    }

    /// Binds a value for the running greenlet, and for all that share its bindings; returns the one before.
    pub fn set(&'static self, value: T) -> Option<T> {
        let bindings = greenlet::bindings().unwrap_or_else(|| {
            let fresh = Bindings::new();
            greenlet::replace_bindings(Some(fresh.clone()));
            fresh
        });
        Self::open(bindings.put(self.number(), Arc::new(value)))
    }

    /// Removes the value for the running greenlet, and for all that share its bindings; returns it.
    pub fn take(&'static self) -> Option<T> {
        let number = self.number.load(Ordering::Relaxed);
        Self::open(greenlet::bindings()?.remove(number))
    }

    /// Returns what was bound: the value itself if nobody else has it.
    fn open(value: Option<Arc<Bound>>) -> Option<T> {
        let value = value?.downcast::<T>().ok()?;
        Some(Arc::unwrap_or_clone(value))
    }

    /// Returns the variable's number, given out when it is first bound.
    fn number(&self) -> usize {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let number = self.number.load(Ordering::Relaxed);
        if number != 0 {
            return number;
        }
        let new = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        match self.number.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => new,
            // Another OS thread was faster; this number stays unused.
            Err(number) => number,
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Default for Inherited<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Inherited<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inherited").finish_non_exhaustive()
    }
}

type Bound = dyn Any + Send + Sync;

/// Few enough that a search is faster than a hash.
type Values = Vec<(usize, Arc<Bound>)>;

/// A set of values of [`Inherited`] variables. Clones are handles to the same set, which may go to other OS threads.
///
/// # Examples
///
/// ```
/// use green_core::inherited::{Bindings, Inherited};
///
/// static DEPTH: Inherited<u32> = Inherited::new();
///
/// let inner = Bindings::new();
/// DEPTH.set(1);
/// inner.run(|| DEPTH.set(2));
/// assert_eq!(DEPTH.get(), Some(1));
/// assert_eq!(inner.run(|| DEPTH.get()), Some(2));
/// ```
#[derive(Clone, Default)]
pub struct Bindings(Arc<Mutex<Values>>);

impl Bindings {
    /// Makes an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns what something that the running greenlet starts would inherit from it.
    pub fn inherit(inherit: Inherit) -> Self {
        match inherit {
            Inherit::Empty => Self::new(),
            Inherit::Copy => greenlet::bindings().map(|own| own.copy()).unwrap_or_default(),
            Inherit::Share => greenlet::bindings().unwrap_or_else(|| {
                let fresh = Self::new();
                greenlet::replace_bindings(Some(fresh.clone()));
                fresh
            }),
        }
    }

    /// Returns another set with the same values.
    pub fn copy(&self) -> Self {
        let values = self.0.lock().clone();
        Self(Arc::new(Mutex::new(values)))
    }

    /// Runs `f` with these as the running greenlet's bindings, and puts back its own afterwards.
    ///
    /// A coroutine may be suspended inside, and resumed from another greenlet. It takes these bindings along: whoever resumes
    /// it has its own again when it comes back. To that end the coroutines of the running green thread are searched.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        /// Puts back what was there, even if `f` unwinds.
        struct Restore(Option<Bindings>);

        impl Drop for Restore {
            fn drop(&mut self) {
                drop(greenlet::replace_bindings(RawCoroutine::end_run(self.0.take())));
            }
        }

        let before = greenlet::replace_bindings(Some(self.clone()));
        let _restore = Restore(RawCoroutine::begin_run(before));
        f()
    }

    fn get(&self, number: usize) -> Option<Arc<Bound>> {
        let values = self.0.lock();
        values.iter().find(|(other, _)| *other == number).map(|(_, value)| Arc::clone(value))
    }

    /// Binds a value and returns the one before, so that whatever is dropped is dropped with no lock held.
    fn put(&self, number: usize, value: Arc<Bound>) -> Option<Arc<Bound>> {
        let mut values = self.0.lock();
        if let Some((_, old)) = values.iter_mut().find(|(other, _)| *other == number) {
            return Some(std::mem::replace(old, value));
        }
        values.push((number, value));
        None
    }

    fn remove(&self, number: usize) -> Option<Arc<Bound>> {
        let mut values = self.0.lock();
        let place = values.iter().position(|(other, _)| *other == number)?;
        Some(values.swap_remove(place).1)
    }
}

impl fmt::Debug for Bindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bindings").field("len", &self.0.lock().len()).finish_non_exhaustive()
    }
}
