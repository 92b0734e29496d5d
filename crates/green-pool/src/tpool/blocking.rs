//! An object all of whose methods block, behind the pool.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LockResult, PoisonError};

use green_core::identity;
use green_core::kill::Shield;
use green_core::permits::Permits;
use green_core::primitive::Mutex;

use super::Pool;
use super::pool::Core;

/// An object whose methods block: they are called on an OS thread of the pool, one at a time.
///
/// Follows eventlet's `tpool.Proxy`. Where a proxy there has the object's own methods, [`with`](Self::with) gives the
/// object to a closure. `T` need not be `Sync`, and it may be used by many: they wait in the order in which they came,
/// without an OS thread for each.
///
/// # Kills and timeouts
///
/// A caller that is killed, or whose time is up, while it waits for its turn has done nothing. If its call has begun,
/// it goes on, and the object is free for the next only after that.
///
/// # Poisoning
///
/// A call that panics leaves the object in a state that nobody knows, so it is *poisoned*, as a
/// [`Mutex`](std::sync::Mutex) is: further calls panic, until [`clear_poison`](Self::clear_poison). The panic itself
/// comes back to the caller, unless that is gone.
///
/// # Drop
///
/// The object is dropped on an OS thread of the pool, since to close a connection may block; the drop waits for it. If
/// a call that was abandoned still has the object, it is dropped after that, and nobody waits.
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use green_pool::tpool::Blocking;
///
/// // Stands for a driver's connection.
/// let database = Blocking::new(HashMap::new());
/// database.with(|database| database.insert("carbon", 6));
/// assert_eq!(database.with(|database| database.get("carbon").copied()), Some(6));
/// ```
///
/// One whose items take long to come is an iterator that lets others run meanwhile:
///
/// ```
/// use green_pool::tpool::Blocking;
///
/// let rows = Blocking::new(["a", "b"].into_iter());
/// assert_eq!(rows.collect::<Vec<_>>(), ["a", "b"]);
/// ```
pub struct Blocking<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    core: Core,
}

struct Shared<T> {
    /// One permit: whose turn it is. Waiting for it takes no OS thread.
    turn: Permits,
    /// Taken out during a call, so that no lock is held meanwhile.
    object: Mutex<Option<Box<T>>>,
    poisoned: AtomicBool,
    /// Who makes the present call, 0 if nobody. A thread that reads its own number here wrote it itself, so no ordering
    /// is needed.
    user: AtomicU64,
}

impl<T: Send + 'static> Blocking<T> {
    /// Puts `object` behind the pool of the free functions.
    pub fn new(object: T) -> Blocking<T> {
        Self::behind(object, Core::Common)
    }

    /// Puts `object` behind `pool`, whose threads outlive the [`Pool`] as long as there is such an object.
    pub fn new_in(object: T, pool: &Pool) -> Blocking<T> {
        Self::behind(object, pool.core().clone())
    }

    fn behind(object: T, core: Core) -> Blocking<T> {
        let shared = Shared {
            turn: Permits::new(1),
            object: Mutex::new(Some(Box::new(object))),
            poisoned: AtomicBool::new(false),
            user: AtomicU64::new(0),
        };
        Blocking { shared: Arc::new(shared), core }
    }

    /// Calls `f` with the object on an OS thread of the pool, when those that came before are done. A kill point.
    ///
    /// What `f` returns may be another such object: `Blocking::new(connection.with(|c| c.cursor()))`.
    ///
    /// # Panics
    ///
    /// Panics with the payload of `f`'s panic; if the object is poisoned; and if `f` calls this for the same object,
    /// which would wait for itself.
    pub fn with<F, R>(&self, f: F) -> R
    where
        F: FnOnce(&mut T) -> R + Send + 'static,
        R: Send + 'static,
    {
        let turn = self.take_turn();
        assert!(!self.is_poisoned(), "a call to this object has panicked before");
        self.core.execute(move || turn.call(f))
    }

    /// Waits for the calls that came before, abandoned ones too, and returns the object. A kill point: the object is
    /// dropped then.
    ///
    /// # Errors
    ///
    /// The object too, if a call has panicked.
    pub fn into_inner(self) -> LockResult<T> {
        let turn = self.take_turn();
        let object = turn.shared.object.lock().take();
        let Some(object) = object else { unreachable!("the object is there between two calls") };
        if self.is_poisoned() { Err(PoisonError::new(*object)) } else { Ok(*object) }
    }

    /// Returns true if a call has panicked.
    pub fn is_poisoned(&self) -> bool {
        self.shared.poisoned.load(Ordering::Acquire)
    }

    /// Declares the object fit for use again.
    pub fn clear_poison(&self) {
        self.shared.poisoned.store(false, Ordering::Release);
    }

    fn take_turn(&self) -> Turn<T> {
        let user = self.shared.user.load(Ordering::Relaxed);
        assert!(
            user != identity::current_id().get(),
            "a call to this object from within another would wait for itself"
        );
        if self.shared.turn.acquire().is_err() {
            unreachable!("the permit is never withdrawn");
        }
        Turn { shared: Arc::clone(&self.shared) }
    }
}

/// The right to use the object; given back when it is dropped.
struct Turn<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Turn<T> {
    fn call<R>(self, f: impl FnOnce(&mut T) -> R) -> R {
        let object = self.shared.object.lock().take();
        let Some(object) = object else { unreachable!("the object is there between two calls") };
        let mut used = Used { object: Some(object), shared: &self.shared, returned: false };
        self.shared.user.store(identity::current_id().get(), Ordering::Relaxed);
        let Some(object) = used.object.as_deref_mut() else { unreachable!("it was put there just now") };
        let result = f(object);
        used.returned = true;
        result
    }
}

impl<T> Drop for Turn<T> {
    fn drop(&mut self) {
        self.shared.turn.release(1);
    }
}

/// The object during a call; put back when the call returns or unwinds.
struct Used<'a, T> {
    object: Option<Box<T>>,
    shared: &'a Shared<T>,
    returned: bool,
}

impl<T> Drop for Used<'_, T> {
    fn drop(&mut self) {
        self.shared.user.store(0, Ordering::Relaxed);
        if !self.returned {
            self.shared.poisoned.store(true, Ordering::Release);
        }
        *self.shared.object.lock() = self.object.take();
    }
}

impl<T: Send + 'static> Drop for Blocking<T> {
    fn drop(&mut self) {
        if !std::mem::needs_drop::<T>() {
            return;
        }
        // Whoever still uses it drops it.
        let Some(shared) = Arc::get_mut(&mut self.shared) else { return };
        let Some(object) = shared.object.get_mut().take() else { return };
        let _shield = Shield::new();
        if let Err(payload) = self.core.spawn(move || drop(object)).join() {
            resume_unwind(payload);
        }
    }
}

/// Each item is made on an OS thread of the pool.
impl<I> Iterator for Blocking<I>
where
    I: Iterator + Send + 'static,
    I::Item: Send + 'static,
{
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        self.with(I::next)
    }
}

impl<T: Send + 'static> fmt::Debug for Blocking<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").field("is_poisoned", &self.is_poisoned()).finish_non_exhaustive()
    }
}
