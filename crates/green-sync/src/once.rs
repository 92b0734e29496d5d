//! `Once`: a routine that runs once, and everybody else waits for it.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};

use green_core::park::asked_in_vain;

use crate::raw::once::{Begun, Poison, RawOnce};

/// Runs an initialisation once, however many green threads and OS threads come for it.
///
/// Whoever comes while it runs parks until it is done. Works in a `static`, before any hub exists.
///
/// Corresponds to [`std::sync::Once`]. A green thread that is killed while it initialises poisons the `Once`, as a panic
/// does, and so does one that is lost in the middle because its OS thread has ended. An initialiser that calls back into its own `Once` waits for itself for ever.
///
/// # Examples
///
/// ```
/// use green_sync::Once;
///
/// static START: Once = Once::new();
///
/// START.call_once(|| { /* Runs. */ });
/// START.call_once(|| unreachable!("it has run"));
/// assert!(START.is_completed());
/// ```
pub struct Once {
    raw: RawOnce,
}

/// A `Once` that nothing has been done with; the old way to write [`Once::new`].
///
/// Corresponds to [`std::sync::ONCE_INIT`].
#[deprecated(since = "0.1.0", note = "use `Once::new()`")]
#[expect(clippy::declare_interior_mutable_const, reason = "it is std's name for an initial value")]
pub const ONCE_INIT: Once = Once::new();

impl UnwindSafe for Once {}
impl RefUnwindSafe for Once {}

impl Once {
    /// Creates a `Once` that nobody has initialised.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(!green_sync::Once::new().is_completed());
    /// ```
    #[inline]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "std's has no `Default`")]
    pub const fn new() -> Once {
        Once { raw: RawOnce::new() }
    }

    /// Calls `f` if nobody has initialised yet, and waits if somebody is in the middle of it.
    ///
    /// When it returns, an initialisation has completed, and what it wrote is visible here. A kill point if it waits.
    ///
    /// # Panics
    ///
    /// Panics if an earlier initialisation panicked or was killed. A panic of `f` goes to the caller and poisons the
    /// `Once`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    /// use green_sync::Once;
    ///
    /// let (once, count) = (Once::new(), AtomicU32::new(0));
    /// for _ in 0..3 {
    ///     once.call_once(|| { count.fetch_add(1, Ordering::Relaxed); });
    /// }
    /// assert_eq!(count.into_inner(), 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn call_once<F>(&self, f: F)
    where
        F: FnOnce(),
    {
        if !self.raw.is_complete() {
            self.call(Poison::Minds, |_| f());
        }
    }

    /// Calls `f` as [`call_once`](Self::call_once) does, also if an earlier initialisation panicked or was killed; the
    /// [`OnceState`] tells.
    ///
    /// When `f` returns, the `Once` is no longer poisoned.
    ///
    /// # Panics
    ///
    /// A panic of `f` goes to the caller and poisons the `Once`.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Once;
    ///
    /// let once = Once::new();
    /// let failed = std::panic::catch_unwind(|| once.call_once(|| panic!("no luck")));
    /// assert!(failed.is_err());
    /// once.call_once_force(|state| assert!(state.is_poisoned()));
    /// assert!(once.is_completed());
    /// ```
    #[inline]
    #[track_caller]
    pub fn call_once_force<F>(&self, f: F)
    where
        F: FnOnce(&OnceState),
    {
        if !self.raw.is_complete() {
            self.call(Poison::Ignores, f);
        }
    }

    /// Returns true if an initialisation has completed.
    #[inline]
    pub fn is_completed(&self) -> bool {
        let completed = self.raw.is_complete();
        if !completed {
            asked_in_vain();
        }
        completed
    }

    /// Waits until somebody has initialised. A kill point.
    ///
    /// # Panics
    ///
    /// Panics if an initialisation panicked or was killed, now or while it waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use green_sync::Once;
    ///
    /// let ready = Arc::new(Once::new());
    /// let other = Arc::clone(&ready);
    /// let waiter = green_thread::spawn(move || other.wait());
    /// ready.call_once(|| ());
    /// waiter.join().unwrap();
    /// ```
    #[track_caller]
    pub fn wait(&self) {
        if !self.raw.is_complete() && !self.raw.wait(Poison::Minds) {
            poisoned();
        }
    }

    /// Waits until somebody has initialised, through any number of failures. A kill point.
    pub fn wait_force(&self) {
        if !self.raw.is_complete() {
            self.raw.wait(Poison::Ignores);
        }
    }

    #[cold]
    #[track_caller]
    fn call(&self, poison: Poison, f: impl FnOnce(&OnceState)) {
        match self.raw.begin(poison) {
            Begun::Complete => {}
            Begun::Poisoned => poisoned(),
            Begun::Turn(turn) => {
                f(&OnceState { poisoned: turn.was_poisoned(), _not_sync: PhantomData });
                turn.complete();
            }
        }
    }
}

/// Says so, in the words of std.
#[cold]
#[track_caller]
fn poisoned() -> ! {
    panic!("Once instance has previously been poisoned");
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

/// What [`Once::call_once_force`] tells its closure.
///
/// Corresponds to [`std::sync::OnceState`].
pub struct OnceState {
    poisoned: bool,
    /// As std's, it is not for sharing.
    _not_sync: PhantomData<Cell<bool>>,
}

impl OnceState {
    /// Returns true if an earlier initialisation panicked or was killed.
    #[inline]
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }
}

impl fmt::Debug for OnceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceState").field("poisoned", &self.is_poisoned()).finish()
    }
}
