//! Green-thread locals: `thread_local!` and `LocalKey`, with a value per green thread instead of per OS thread.
//!
//! Each key gets a number when it is first used, which is its place in a table that every record has. A value lives in a
//! `Node` of its own, so that it stays where it is while the table grows.
//!
//! | place       | meaning                                                        | left for                     |
//! |-------------|----------------------------------------------------------------|------------------------------|
//! | `UNUSED`    | no value yet; accesses initialise                              | alive                        |
//! | alive       | address of the node                                            | destroyed, if `T` needs drop |
//! | `DESTROYED` | the destructor runs or has run; accesses are an `AccessError`  | `UNUSED`, at the very end    |
//!
//! # Why a reference stays good
//!
//! `with` lends `&T` to a closure, and inside it the green thread may park, switch greenlets, initialise other keys. A node
//! is freed only by `destroy`, at the end of the green thread, when `with` has returned: on the green thread's
//! own stack because its function has, on those of its greenlets and coroutines because they were unwound before. If one
//! of these could not be unwound, `Slots::leak` was called and nothing is freed: a frame that never runs again may have
//! lent the value to another thread.
//!
//! An initialiser that uses its own key sets it twice, and the later value stays, as in std. But std drops the earlier
//! one at once, while here a greenlet may be in the middle of using it; so that is kept, and dropped
//! with the others.
//!
//! # Order
//!
//! Destructors run in the reverse order of initialisation, one that is initialised by a destructor next of all, as std's
//! do on Linux. They run on the green thread and may park. One that panics ends the process, as with std.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::error::Error;
use std::fmt;
use std::io::Write;
use std::mem;
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{current, greenlet};

/// A green-thread local: one value for each green thread, made on its first use there.
///
/// Declared by [`thread_local!`](crate::thread_local). Corresponds to [`std::thread::LocalKey`]; on a plain OS thread it
/// is the same thing.
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
///
/// green_core::thread_local! {
///     static DEPTH: Cell<u32> = const { Cell::new(0) };
/// }
///
/// DEPTH.set(DEPTH.get() + 1);
/// assert_eq!(DEPTH.get(), 1);
/// let other = green_core::spawn::spawn(Default::default(), || DEPTH.get())?;
/// assert_eq!(other.join().unwrap(), 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct LocalKey<T: 'static> {
    /// Its place in every table; 0 until it is first used.
    index: AtomicUsize,
    init: fn() -> T,
}

/// The error of [`LocalKey::try_with`]: the value was destroyed, because the green thread ends.
///
/// Corresponds to [`std::thread::AccessError`].
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccessError;

/// Declares [`LocalKey`]s, in the syntax of std's macro.
///
/// # Examples
///
/// ```
/// use std::cell::{Cell, RefCell};
///
/// green_core::thread_local! {
///     /// What was done so far.
///     pub static LOG: RefCell<Vec<&'static str>> = RefCell::new(vec!["start"]);
///     static COUNT: Cell<u8> = const { Cell::new(1) };
/// }
///
/// LOG.with_borrow_mut(|log| log.push("more"));
/// assert_eq!(LOG.take(), ["start", "more"]);
/// assert_eq!(COUNT.get(), 1);
/// ```
#[macro_export]
macro_rules! thread_local {
    () => {};
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = const $init:block $(; $($rest:tt)*)?) => {
        $(#[$attr])*
        $vis static $name: $crate::local::LocalKey<$t> = {
            #[allow(clippy::declare_interior_mutable_const, reason = "it is read once for each green thread, and never as a place")]
            const __GREEN_LOCAL_INIT: $t = $init;
            fn __green_local_init() -> $t {
                __GREEN_LOCAL_INIT
            }
            $crate::local::LocalKey::new(__green_local_init)
        };
        $($crate::thread_local!($($rest)*);)?
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr $(; $($rest:tt)*)?) => {
        $(#[$attr])*
        $vis static $name: $crate::local::LocalKey<$t> = {
            fn __green_local_init() -> $t {
                $init
            }
            $crate::local::LocalKey::new(__green_local_init)
        };
        $($crate::thread_local!($($rest)*);)?
    };
}

impl<T: 'static> LocalKey<T> {
    /// Makes a key; only for the macro.
    #[doc(hidden)]
    pub const fn new(init: fn() -> T) -> Self {
        Self { index: AtomicUsize::new(0), init }
    }

    /// Calls `f` with the value, made first if need be.
    ///
    /// # Panics
    ///
    /// Panics if the value was destroyed, or if its initialiser panics.
    #[track_caller]
    #[inline]
    pub fn with<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => refuse(error),
        }
    }

    /// Calls `f` with the value, made first if need be.
    ///
    /// # Errors
    ///
    /// The value was destroyed.
    ///
    /// # Panics
    ///
    /// Panics if the value's initialiser panics.
    #[inline]
    pub fn try_with<F, R>(&'static self, f: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        let node = self.node(None).ok_or(AccessError)?;
        // SAFETY: an alive node stays so until `f` has returned (see the module's text), and only shared references to its value are
        // made till then. `f` cannot keep this one, as it must be good for any lifetime.
        let value = unsafe { &(*node).value };
        Ok(f(value))
    }

    /// Calls `f` with the value, made of `init` if there is none yet, or else with `init` too.
    #[track_caller]
    fn with_init<R>(&'static self, init: T, f: impl FnOnce(Option<T>, &T) -> R) -> R {
        let mut init = Some(init);
        let Some(node) = self.node(Some(&mut init)) else { refuse(AccessError) };
        // SAFETY: as in `try_with`.
        let value = unsafe { &(*node).value };
        f(init, value)
    }

    /// Returns the value's node: none if it was destroyed.
    #[inline]
    fn node(&'static self, init: Option<&mut Option<T>>) -> Option<*const Node<T>> {
        self.node_in(&current::hub().current().locals, init)
    }

    #[inline]
    fn node_in(&'static self, slots: &Slots, init: Option<&mut Option<T>>) -> Option<*const Node<T>> {
        let place = slots.place(self.index.load(Ordering::Relaxed));
        if place.addr() > DESTROYED.addr() {
            // What this key's place leads to was put there by this key, so it is a `Node<T>`.
            return Some(place.cast());
        }
        self.initialise(slots, place, init)
    }

    #[cold]
    fn initialise(
        &'static self,
        slots: &Slots,
        place: *mut Header,
        init: Option<&mut Option<T>>,
    ) -> Option<*const Node<T>> {
        if place == DESTROYED {
            return None;
        }
        // May panic, park, switch or come here again; nothing is borrowed.
        let value = init.and_then(Option::take).unwrap_or_else(self.init);
        let header = Header { free: free::<T> };
        let node = Box::into_raw(Box::new(Node { header, value }));
        if slots.put(self.index(), node.cast(), mem::needs_drop::<T>()) {
            return Some(node);
        }
        // SAFETY: the node was made just now, and nobody else knows of it.
        unsafe { free::<T>(node.cast()) };
        None
    }

    /// Returns the key's number, given out at its first use.
    fn index(&self) -> usize {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let index = self.index.load(Ordering::Relaxed);
        if index != 0 {
            return index;
        }
        let new = LAST.fetch_add(1, Ordering::Relaxed) + 1;
        match self.index.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => new,
            // Another OS thread was faster; this number stays unused.
            Err(index) => index,
        }
    }
}

impl<T: 'static> LocalKey<Cell<T>> {
    /// Sets the value; one that was not made yet is not made by its initialiser.
    ///
    /// # Panics
    ///
    /// Panics if the value was destroyed.
    #[track_caller]
    pub fn set(&'static self, value: T) {
        self.with_init(Cell::new(value), |init, cell| {
            if let Some(init) = init {
                cell.set(init.into_inner());
            }
        });
    }

    /// Returns a copy of the value.
    ///
    /// # Panics
    ///
    /// As for [`with`](Self::with).
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.with(Cell::get)
    }

    /// Takes the value and leaves the default in its place.
    ///
    /// # Panics
    ///
    /// As for [`with`](Self::with).
    #[track_caller]
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(Cell::take)
    }

    /// Replaces the value and returns the old one.
    ///
    /// # Panics
    ///
    /// As for [`with`](Self::with).
    #[track_caller]
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> LocalKey<RefCell<T>> {
    /// Calls `f` with a reference to the value.
    ///
    /// Other greenlets and coroutines of the green thread meet the borrow if `f` switches to them.
    ///
    /// # Panics
    ///
    /// Panics if the value is mutably borrowed, and as [`with`](Self::with).
    #[track_caller]
    pub fn with_borrow<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        self.with(|cell| f(&cell.borrow()))
    }

    /// Calls `f` with a mutable reference to the value.
    ///
    /// # Panics
    ///
    /// Panics if the value is borrowed, and as [`with`](Self::with).
    #[track_caller]
    pub fn with_borrow_mut<F, R>(&'static self, f: F) -> R
    where
        F: FnOnce(&mut T) -> R,
    {
        self.with(|cell| f(&mut cell.borrow_mut()))
    }

    /// Sets the value; one that was not made yet is not made by its initialiser.
    ///
    /// # Panics
    ///
    /// Panics if the value is borrowed or was destroyed.
    #[track_caller]
    pub fn set(&'static self, value: T) {
        self.with_init(RefCell::new(value), |init, cell| {
            if let Some(init) = init {
                *cell.borrow_mut() = init.into_inner();
            }
        });
    }

    /// Takes the value and leaves the default in its place.
    ///
    /// # Panics
    ///
    /// Panics if the value is borrowed, and as [`with`](Self::with).
    #[track_caller]
    pub fn take(&'static self) -> T
    where
        T: Default,
    {
        self.with(RefCell::take)
    }

    /// Replaces the value and returns the old one.
    ///
    /// # Panics
    ///
    /// Panics if the value is borrowed, and as [`with`](Self::with).
    #[track_caller]
    pub fn replace(&'static self, value: T) -> T {
        self.with(|cell| cell.replace(value))
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalKey").finish_non_exhaustive()
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn refuse(error: AccessError) -> ! {
    panic!("cannot access a thread-local value during or after its destruction: {error:?}")
}

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("already destroyed")
    }
}

impl Error for AccessError {}

/// A place without a value.
const UNUSED: *mut Header = ptr::null_mut();

/// A place whose value is gone for good. No node is here, as nodes are aligned.
const DESTROYED: *mut Header = ptr::without_provenance_mut(1);

/// A value of any type, with what is needed to free it.
#[repr(C)]
struct Node<T> {
    header: Header,
    value: T,
}

/// The beginning of every node.
struct Header {
    /// Drops the value and frees the node.
    free: unsafe fn(*mut Header),
}

/// Drops and frees a `Node<T>`.
///
/// # Safety
///
/// `node` came from a `Box<Node<T>>` and is not used afterwards.
unsafe fn free<T>(node: *mut Header) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(node.cast::<Node<T>>()) });
}

/// The locals of one green thread; a single pointer for the many that use none.
pub(crate) struct Slots(UnsafeCell<Option<Box<Table>>>);

#[derive(Default)]
struct Table {
    /// A place for each key that was used here, by the key's number.
    places: Vec<*mut Header>,
    /// Nodes to be dropped, the next one last, with their key's number: 0 if the key has another value by now.
    doomed: Vec<(usize, *mut Header)>,
}

impl Slots {
    pub(crate) const fn new() -> Self {
        Self(UnsafeCell::new(None))
    }

    /// Returns what is at a place.
    #[inline]
    fn place(&self, index: usize) -> *mut Header {
        // SAFETY: a record's locals are used on its hub's OS thread only, and each reference to the table is for a single
        // access, within which no foreign code runs.
        let table = unsafe { &*self.0.get() };
        table.as_ref().and_then(|table| table.places.get(index).copied()).unwrap_or(UNUSED)
    }

    /// Takes all values of `other`, in place of its own, of which there are none yet. They stay where they are in memory.
    pub(crate) fn take_over(&self, other: &Self) {
        let table = other.with_table(Option::take);
        self.with_table(|own| *own = table);
    }

    /// Calls `f`, which must not run foreign code, with the table.
    fn with_table<R>(&self, f: impl FnOnce(&mut Option<Box<Table>>) -> R) -> R {
        // SAFETY: as in `place`.
        f(unsafe { &mut *self.0.get() })
    }

    /// Puts a new value's node to its place, unless the value was destroyed meanwhile.
    fn put(&self, index: usize, node: *mut Header, needs_drop: bool) -> bool {
        self.with_table(|table| {
            let table = table.get_or_insert_default();
            if table.places.len() <= index {
                table.places.resize(index + 1, UNUSED);
            }
            let old = table.places[index];
            if old == DESTROYED {
                return false;
            }
            table.places[index] = node;
            if old != UNUSED {
                // The initialiser used its own key; see the module's text.
                match table.doomed.iter_mut().find(|entry| entry.1 == old) {
                    Some(entry) => entry.0 = 0,
                    None => table.doomed.push((0, old)),
                }
            }
            if needs_drop {
                table.doomed.push((index, node));
            }
            true
        })
    }

    /// Takes the next value that is to be dropped out of its place.
    fn next_doomed(&self) -> Option<*mut Header> {
        self.with_table(|table| {
            let table = table.as_mut()?;
            let (index, node) = table.doomed.pop()?;
            if index != 0 {
                table.places[index] = DESTROYED;
            }
            Some(node)
        })
    }

    /// Forgets every value without freeing any: somebody may use them for ever.
    pub(crate) fn leak(&self) {
        mem::forget(self.with_table(Option::take));
    }

    /// Drops and frees all values, and calls `between` after each destructor.
    fn destroy(&self, between: impl Fn()) {
        while let Some(node) = self.next_doomed() {
            abort_on_unwind(|| {
                // SAFETY: `put` made one entry for this node, which was taken out; no place leads to it any more, and
                // no reference to the value is left (see the module's text).
                unsafe { free_node(node) };
            });
            between();
        }
        // What is left needs no drop, so that freeing it runs no foreign code.
        let table = self.with_table(Option::take);
        for node in table.into_iter().flat_map(|table| table.places) {
            if node.addr() > DESTROYED.addr() {
                // SAFETY: as above; nodes that need a drop were replaced by `DESTROYED`.
                unsafe { free_node(node) };
            }
        }
    }

    /// Returns true if there is nothing to destroy.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.with_table(|table| table.is_none())
    }
}

/// Runs the destructors of the locals of the running green thread, which these are, and leaves them as new.
///
/// To be called after `greenlet::on_thread_exit`, and again if foreign code has run since: it may have made new values.
/// Costs next to nothing if there are none.
pub(crate) fn destroy(slots: &Slots) {
    if slots.is_empty() {
        return;
    }
    let record = current::hub().current();
    debug_assert!(ptr::eq(slots, &raw const record.locals), "a green thread destroys its own locals");
    // A destructor may leave greenlets behind that use what is destroyed next.
    slots.destroy(|| greenlet::on_thread_exit(record));
}

/// Frees a node of whatever type.
///
/// # Safety
///
/// As for the `free` in its header.
unsafe fn free_node(node: *mut Header) {
    // SAFETY: the node is alive by the caller's promise.
    let free = unsafe { (*node).free };
    // SAFETY: the header names the function for its own type.
    unsafe { free(node) };
}

/// Calls `f`; a panic in it ends the process, as a panic in the destructor of a std thread-local does.
fn abort_on_unwind(f: impl FnOnce()) {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            let _ = std::io::stderr().write_all(b"fatal runtime error: thread local panicked on drop, aborting\n");
            process::abort();
        }
    }
    let bomb = Bomb;
    f();
    mem::forget(bomb);
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    //! What can be told without a hub, and so under Miri. The rest is in `tests/local.rs`.

    use super::*;
    use std::rc::Rc;

    impl<T> LocalKey<T> {
        fn get_in(&'static self, slots: &Slots) -> Option<&'static T> {
            // SAFETY: the tests do not use the reference once the value is destroyed.
            self.node_in(slots, None).map(|node| unsafe { &(*node).value })
        }
    }

    crate::thread_local! {
        static TEXT: RefCell<String> = RefCell::new("a".into());
        static NUMBER: Cell<u8> = const { Cell::new(1) };
        static SHARED: Cell<Option<Rc<()>>> = const { Cell::new(None) };
        static NOTHING: () = ();
    }

    #[test]
    fn values_stay_in_place_while_the_table_grows() {
        let slots = Slots::new();
        let text = TEXT.get_in(&slots).expect("alive");
        assert_eq!(NUMBER.get_in(&slots).expect("alive").replace(2), 1);
        NOTHING.get_in(&slots).expect("alive");
        text.borrow_mut().push('b');
        assert!(ptr::eq(text, TEXT.get_in(&slots).expect("alive")));
        assert_eq!((text.borrow().as_str(), NUMBER.get_in(&slots).expect("alive").get()), ("ab", 2));
        slots.destroy(|| ());
        assert!(slots.is_empty());
        assert_eq!(NUMBER.get_in(&slots).expect("as new").get(), 1);
        slots.destroy(|| ());
    }

    #[test]
    fn a_destroyed_value_stays_away_until_all_are() {
        let (slots, shared) = (Slots::new(), Rc::new(()));
        SHARED.get_in(&slots).expect("alive").set(Some(Rc::clone(&shared)));
        TEXT.get_in(&slots).expect("alive");
        let order = RefCell::new(Vec::new());
        slots.destroy(|| {
            let text = TEXT.get_in(&slots).is_some();
            order.borrow_mut().push((text, Rc::strong_count(&shared)));
        });
        assert_eq!(order.take(), [(false, 2), (false, 1)]);
    }

    #[test]
    fn the_later_initialisation_stays_and_the_earlier_is_kept() {
        let slots = Slots::new();
        let early = TEXT.get_in(&slots).expect("alive");
        let header = Header { free: free::<RefCell<String>> };
        let node = Box::into_raw(Box::new(Node { header, value: RefCell::new(String::from("later")) }));
        assert!(slots.put(TEXT.index(), node.cast(), true));
        assert_eq!(TEXT.get_in(&slots).expect("alive").borrow().as_str(), "later");
        assert_eq!(early.borrow().as_str(), "a");
        slots.destroy(|| ());
    }
}
