//! Which addresses are guards of green stacks, for the overflow handler to look up.
//!
//! A signal handler may take no lock and free nothing, so the table is a list that only grows, of entries that are
//! reused. Each entry is a sequence lock: its version is odd while a writer changes it.
//!
//! A green thread that overflows its stack always finds its entry: it was written before the stack was first used and
//! is erased only after the stack was given back (I8), so its version stands still. A reader that meets a version in
//! motion therefore looks at somebody else's entry and may pass over it.
//!
//! Rejected: freeing entries (a reader has no way to say that it is done), and never reusing them (a program whose
//! number of threads swings would lengthen the list for ever).

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering, fence};

use crate::process_lock::ProcessLock;

/// A run of equal stacks, each with its guard at the low end, as the overflow handler sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stacks {
    /// The address of the lowest guard.
    pub(crate) start: usize,
    /// The number of bytes that all stacks and guards take.
    pub(crate) len: usize,
    /// The number of bytes from one guard to the next.
    pub(crate) stride: usize,
    /// The number of bytes of a guard.
    pub(crate) guard: usize,
}

/// Says that faults in the guards of some [`Stacks`] are stack overflows, until it is dropped.
pub(crate) struct GuardedRegion {
    entry: &'static Entry,
}

#[derive(Default)]
struct Entry {
    /// Odd while the fields below change.
    version: AtomicUsize,
    start: AtomicUsize,
    /// Zero in an entry that is not used.
    len: AtomicUsize,
    stride: AtomicUsize,
    guard: AtomicUsize,
    /// The entry that was published before this one; set once.
    next: Option<&'static Entry>,
}

/// The entry published last.
static NEWEST: AtomicPtr<Entry> = AtomicPtr::new(ptr::null_mut());

/// Entries not in use. Whoever holds the lock is the one writer of them and of `NEWEST`.
static UNUSED: ProcessLock<Vec<&'static Entry>> = ProcessLock::new(Vec::new());

/// Takes the lock of the entries, until the value is dropped: for a fork.
pub(super) fn hold() -> impl Sized {
    UNUSED.lock()
}

impl GuardedRegion {
    /// Registers `stacks`.
    pub(crate) fn new(stacks: Stacks) -> Self {
        let mut unused = UNUSED.lock();
        let entry = unused.pop().unwrap_or_else(publish);
        entry.write(stacks);
        GuardedRegion { entry }
    }
}

impl Drop for GuardedRegion {
    fn drop(&mut self) {
        let mut unused = UNUSED.lock();
        self.entry.write(Stacks { start: 0, len: 0, stride: 0, guard: 0 });
        unused.push(self.entry);
    }
}

/// Adds an empty entry to the list. Only for the holder of the lock on `UNUSED`.
fn publish() -> &'static Entry {
    let entry: &'static Entry = Box::leak(Box::new(Entry { next: newest(), ..Entry::default() }));
    NEWEST.store(ptr::from_ref(entry).cast_mut(), Ordering::Release);
    entry
}

fn newest() -> Option<&'static Entry> {
    // SAFETY: the pointer is null or comes from `publish`, whose entries are leaked and only shared.
    unsafe { NEWEST.load(Ordering::Acquire).as_ref() }
}

/// Returns the usable size of the stack whose guard contains `addr`, if there is one; safe in a signal handler.
pub(super) fn overflowed_stack(addr: usize) -> Option<usize> {
    let mut next = newest();
    while let Some(entry) = next {
        if let Some(stacks) = entry.read()
            && let Some(offset) = addr.checked_sub(stacks.start)
            && offset < stacks.len
            && offset % stacks.stride < stacks.guard
        {
            return Some(stacks.stride - stacks.guard);
        }
        next = entry.next;
    }
    None
}

impl Entry {
    fn write(&self, stacks: Stacks) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        // Pairs with the fence in `read`: who sees a field of the new value also sees the odd version.
        fence(Ordering::Release);
        self.start.store(stacks.start, Ordering::Relaxed);
        self.len.store(stacks.len, Ordering::Relaxed);
        self.stride.store(stacks.stride, Ordering::Relaxed);
        self.guard.store(stacks.guard, Ordering::Relaxed);
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }

    /// Returns the stacks, unless there are none or a writer is at work.
    fn read(&self) -> Option<Stacks> {
        let version = self.version.load(Ordering::Acquire);
        let stacks = Stacks {
            start: self.start.load(Ordering::Relaxed),
            len: self.len.load(Ordering::Relaxed),
            stride: self.stride.load(Ordering::Relaxed),
            guard: self.guard.load(Ordering::Relaxed),
        };
        fence(Ordering::Acquire);
        let unchanged = self.version.load(Ordering::Relaxed) == version && version.is_multiple_of(2);
        (unchanged && stacks.len != 0).then_some(stacks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_guards_of_registered_stacks_are_found() {
        // Addresses that no mapping can have.
        let start = usize::MAX / 2;
        let region = GuardedRegion::new(Stacks { start, len: 3 * 5, stride: 5, guard: 2 });
        let found = |offset: usize| overflowed_stack(start + offset);
        assert_eq!(overflowed_stack(start - 1), None);
        for offset in 0..15 {
            let expected = (offset % 5 < 2).then_some(3);
            assert_eq!(found(offset), expected, "at {offset}");
        }
        assert_eq!(found(15), None);
        drop(region);
        assert_eq!(found(0), None);
    }

    #[test]
    fn entries_are_reused() {
        let before = entries();
        for _ in 0..1000 {
            drop(GuardedRegion::new(Stacks { start: 8, len: 2, stride: 2, guard: 1 }));
        }
        // Other tests may hold some regions meanwhile.
        assert!(entries() < before + 500);
    }

    fn entries() -> usize {
        std::iter::successors(newest(), |entry| entry.next).count()
    }
}
