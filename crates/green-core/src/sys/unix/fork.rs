//! Noticing that this process is the child of a `fork`.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// How many forks lie between the process that installed the guard and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// Returns a number that differs between a process and its forked children.
///
/// Whoever holds an epoll, eventfd or timer descriptor notes the number when making it and leaves the descriptor alone
/// once the number differs: the kernel object is the parent's.
///
/// Relaxed suffices: a forked child starts with one OS thread, and that one bumped the number itself.
pub(crate) fn fork_generation() -> u32 {
    GENERATION.load(Relaxed)
}

/// Makes [`fork_generation`] count from here on; calls after the first do nothing.
pub(crate) fn install_fork_guard() {
    static INSTALLED: Once = Once::new();
    extern "C" fn in_child() {
        GENERATION.fetch_add(1, Relaxed);
    }
    INSTALLED.call_once(|| {
        // SAFETY: the handler is a plain function that lives as long as the program and only changes an atomic, which
        // is all that a forked child may do.
        let result = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        // The only failure is lack of memory at start-up, where the process would not live long either.
        debug_assert_eq!(result, 0, "pthread_atfork has memory for one entry");
    });
}
