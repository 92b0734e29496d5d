//! The child of a fork does not come to the allocator by itself: another OS thread of the parent may have been in the middle of it,
//! and whoever forks only to exec (`Command::pre_exec`) stays clear of that.

#![expect(unsafe_code, reason = "an allocator that counts, and forks")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use green_core::spawn::{Options, spawn};

/// Counts the calls of the system's allocator.
struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);
/// How many there had been at the first moment of the child.
static BEFORE: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: it passes everything on to an allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(ptr, layout) }
    }
}

extern "C" fn in_child() {
    BEFORE.store(CALLS.load(Relaxed), Relaxed);
}

#[test]
fn the_child_of_a_fork_does_not_call_the_allocator() {
    // Handlers are called in the child in the order in which they were installed, so this one before green's.
    // SAFETY: the handler only touches atomics.
    assert_eq!(unsafe { libc::pthread_atfork(None, None, Some(in_child)) }, 0);
    spawn(Options::default(), || ()).unwrap().join().unwrap();
    // SAFETY: the child compares two numbers and ends.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let calls = CALLS.load(Relaxed) - BEFORE.load(Relaxed);
        // SAFETY: ends the child without running the parent's destructors.
        unsafe { libc::_exit(calls.min(100) as i32) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above, and writes to a local.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert!(libc::WIFEXITED(status));
    assert_eq!(libc::WEXITSTATUS(status), 0, "calls of the allocator in the child");
    spawn(Options::default(), || ()).unwrap().join().unwrap();
}
