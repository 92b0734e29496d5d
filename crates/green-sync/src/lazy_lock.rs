//! `LazyLock`: a value that is computed when it is first looked at.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};

use parking_lot::Mutex;

use crate::OnceLock;

/// A value that the first of any number of green threads and OS threads computes, and the others wait for.
///
/// Works in a `static`, before any hub exists.
///
/// Corresponds to [`std::sync::LazyLock`]. If the initialiser panics or is killed, every later access panics. An
/// initialiser that looks at its own value waits for itself for ever.
///
/// # Examples
///
/// ```
/// use green_sync::LazyLock;
///
/// static PRIMES: LazyLock<Vec<u32>> = LazyLock::new(|| vec![2, 3, 5, 7]);
///
/// assert_eq!(PRIMES.len(), 4);
/// ```
// In this order for the reason that `OnceLock` has.
#[repr(C)]
pub struct LazyLock<T, F = fn() -> T> {
    cell: OnceLock<T>,
    /// Taken by the turn that runs it, so an empty cell without it is a poisoned one. The lock is held for the
    /// taking only.
    init: Mutex<Option<F>>,
}

impl<T: RefUnwindSafe + UnwindSafe, F: UnwindSafe> RefUnwindSafe for LazyLock<T, F> {}
impl<T: UnwindSafe, F: UnwindSafe> UnwindSafe for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// Creates a value that `f` computes when it is first needed.
    #[inline]
    pub const fn new(f: F) -> LazyLock<T, F> {
        LazyLock { cell: OnceLock::new(), init: Mutex::new(Some(f)) }
    }

    /// Returns the value, computing it if that has not been done; waits if somebody is in the middle of it.
    ///
    /// # Panics
    ///
    /// A panic of the initialiser goes to the caller, and whoever comes later panics too.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::LazyLock;
    ///
    /// let lazy = LazyLock::new(|| 92);
    /// assert_eq!(LazyLock::force(&lazy), &92);
    /// ```
    #[inline]
    pub fn force(this: &LazyLock<T, F>) -> &T {
        match this.cell.peek() {
            Some(value) => value,
            None => this.init(),
        }
    }

    /// Returns the value for changing, computing it if that has not been done.
    ///
    /// # Panics
    ///
    /// As [`force`](Self::force).
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::LazyLock;
    ///
    /// let mut lazy = LazyLock::new(|| 92);
    /// *LazyLock::force_mut(&mut lazy) = 44;
    /// assert_eq!(*lazy, 44);
    /// ```
    #[inline]
    pub fn force_mut(this: &mut LazyLock<T, F>) -> &mut T {
        LazyLock::force(this);
        this.cell.get_mut().expect("it was computed just now")
    }

    #[cold]
    fn init(&self) -> &T {
        self.cell.get_or_init(|| {
            let f = self.init.lock().take();
            f.unwrap_or_else(|| poisoned())()
        })
    }
}

/// Says so, in the words of std.
#[cold]
fn poisoned() -> ! {
    panic!("LazyLock instance has previously been poisoned");
}

impl<T, F> LazyLock<T, F> {
    /// Returns the value if it has been computed. Never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::LazyLock;
    ///
    /// let lazy = LazyLock::new(|| 92);
    /// assert_eq!(LazyLock::get(&lazy), None);
    /// assert_eq!(*lazy, 92);
    /// assert_eq!(LazyLock::get(&lazy), Some(&92));
    /// ```
    #[inline]
    pub fn get(this: &LazyLock<T, F>) -> Option<&T> {
        this.cell.get()
    }

    /// Returns the value for changing, if it has been computed. Never waits.
    #[inline]
    pub fn get_mut(this: &mut LazyLock<T, F>) -> Option<&mut T> {
        this.cell.get_mut()
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    /// Returns the value as [`force`](LazyLock::force) does.
    #[inline]
    fn deref(&self) -> &T {
        LazyLock::force(self)
    }
}

impl<T, F: FnOnce() -> T> DerefMut for LazyLock<T, F> {
    /// Returns the value as [`force_mut`](LazyLock::force_mut) does.
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        LazyLock::force_mut(self)
    }
}

impl<T: Default> Default for LazyLock<T> {
    /// Creates a value that `T::default` computes when it is first needed.
    #[inline]
    fn default() -> LazyLock<T> {
        LazyLock::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple("LazyLock");
        match LazyLock::get(self) {
            Some(value) => tuple.field(value),
            None => tuple.field(&format_args!("<uninit>")),
        };
        tuple.finish()
    }
}
