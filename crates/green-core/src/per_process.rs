//! A value that each process has for itself: the child of a fork gets a fresh one.
//!
//! What lies in a `static` and belongs to OS threads, or may be locked by one, is of no use in the child of a fork: the
//! threads are not there, and a lock that one of them held is never released. So such a value is made anew at its first use
//! in the child, and the parent's is left as it is: not looked at, but for what the child's may be made of, and not dropped, since
//! what it owns is the parent's to tidy up.
//!
//! It is made without a lock, because a fork could come in the middle of that too: whoever is first publishes its value, and
//! one that comes second drops its own.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::{fork, sys};

/// Returns a number that differs between a process and the children that are forked from it from now on.
#[inline]
pub fn process_number() -> u32 {
    // There may be no hub yet.
    sys::install_fork_guard(fork::WATCHER);
    sys::fork_generation()
}

/// A value that is made at its first use in this process, and once more in the child of a fork.
///
/// Two OS threads that are first at the same time may both make one; the same one is seen by all.
///
/// # Examples
///
/// ```
/// use std::sync::Mutex;
///
/// use green_core::per_process::PerProcess;
///
/// static NAMES: PerProcess<Mutex<Vec<String>>> = PerProcess::new(Mutex::default);
///
/// NAMES.lock().unwrap().push("green".to_owned());
/// assert_eq!(*NAMES.lock().unwrap(), ["green"]);
/// ```
pub struct PerProcess<T> {
    make: Make<T>,
    /// The value of this process, or that of a parent.
    newest: AtomicPtr<Node<T>>,
    /// Shared and sent under the same conditions as one of these.
    _like: PhantomData<OnceLock<T>>,
}

/// Where a process has its value from.
enum Make<T> {
    Nothing(fn() -> T),
    Parents(fn(Option<&T>) -> T),
}

struct Node<T> {
    /// The process that it was made in.
    generation: u32,
    value: T,
}

impl<T> PerProcess<T> {
    /// Creates one whose value is what `make` returns.
    pub const fn new(make: fn() -> T) -> Self {
        Self::with(Make::Nothing(make))
    }

    /// Creates one whose value is what `make` returns, which is given the parent's, if that had one. Another OS thread of the
    /// parent may have been in the middle of changing it: what locks it must not be waited for.
    pub const fn inheriting(make: fn(Option<&T>) -> T) -> Self {
        Self::with(Make::Parents(make))
    }

    const fn with(make: Make<T>) -> Self {
        Self { make, newest: AtomicPtr::new(ptr::null_mut()), _like: PhantomData }
    }

    /// Returns this process's value, made on first use.
    #[inline]
    fn own(&self) -> &T {
        let newest = self.newest.load(Ordering::Acquire);
        // SAFETY: the pointer is null or leads to a node that is freed by `drop` alone, which has `self` to itself.
        if let Some(node) = unsafe { newest.as_ref() }
            && node.generation == sys::fork_generation()
        {
            return &node.value;
        }
        self.make(newest)
    }

    #[cold]
    fn make(&self, before: *mut Node<T>) -> &T {
        let generation = process_number();
        // SAFETY: as in `own`.
        let parents = unsafe { before.as_ref() }.map(|node| &node.value);
        let value = match self.make {
            Make::Nothing(make) => make(),
            Make::Parents(make) => make(parents),
        };
        let own = Box::into_raw(Box::new(Node { generation, value }));
        let published = match self.newest.compare_exchange(before, own, Ordering::AcqRel, Ordering::Acquire) {
            // What was there is a parent's, and stays.
            Ok(_) => own,
            Err(other) => {
                // SAFETY: it was made just now, and nobody else knows of it.
                drop(unsafe { Box::from_raw(own) });
                // Of this process, because only OS threads of this process were there to publish it.
                other
            }
        };
        // SAFETY: as in `own`; what was published is not null.
        let node = unsafe { &*published };
        &node.value
    }
}

impl<T> Deref for PerProcess<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.own()
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let newest = *self.newest.get_mut();
        // SAFETY: as in `own`.
        let is_own = unsafe { newest.as_ref() }.is_some_and(|node| node.generation == sys::fork_generation());
        if is_own {
            // SAFETY: it came from a box, and `self`, which alone leads to it, is going.
            drop(unsafe { Box::from_raw(newest) });
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PerProcess").field(self.own()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn one_value_is_seen_by_all_and_dropped_once() {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        static DROPPED: AtomicUsize = AtomicUsize::new(0);
        struct Counted(usize);
        impl Drop for Counted {
            fn drop(&mut self) {
                DROPPED.fetch_add(1, Ordering::Relaxed);
            }
        }
        let value = Arc::new(PerProcess::new(|| Counted(MADE.fetch_add(1, Ordering::Relaxed))));
        let seen: Vec<_> = (0..4)
            .map(|_| {
                let value = Arc::clone(&value);
                std::thread::spawn(move || value.0)
            })
            .map(|thread| thread.join().unwrap())
            .collect();
        assert!(seen.iter().all(|number| *number == value.0));
        drop(value);
        assert_eq!(MADE.load(Ordering::Relaxed), DROPPED.load(Ordering::Relaxed));
    }

    #[test]
    fn one_that_was_never_used_is_never_made() {
        drop(PerProcess::<()>::new(|| unreachable!()));
    }
}
