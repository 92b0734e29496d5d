//! Noticing that this process is the child of a `fork`, and being asked before.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Once, OnceLock};

/// How many forks lie between the process that installed the guard and this one.
static GENERATION: AtomicU32 = AtomicU32::new(0);

/// The generation in which green threads may be used.
static USABLE: AtomicU32 = AtomicU32::new(0);

static WATCHER: OnceLock<Watcher> = OnceLock::new();

/// What is called around each fork, on the OS thread that forks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watcher {
    /// Before it.
    pub(crate) before: fn(),
    /// After it, in the parent.
    pub(crate) in_parent: fn(),
    /// After it, in the child, whose generation has changed.
    pub(crate) in_child: fn(),
}

/// Returns a number that differs between a process and its forked children.
///
/// Whoever holds an epoll, eventfd or timer descriptor notes the number when making it and leaves the descriptor alone
/// once the number differs: the kernel object is the parent's.
///
/// Relaxed suffices: a forked child starts with one OS thread, and that one bumped the number itself.
#[inline]
pub(crate) fn fork_generation() -> u32 {
    GENERATION.load(Relaxed)
}

/// Returns the generation in which green threads may be used: this one, unless this is a forked child that has not called
/// [`make_usable`].
pub(crate) fn usable_generation() -> u32 {
    USABLE.load(Relaxed)
}

/// Lets green threads be used in this child of a fork.
pub(crate) fn make_usable() {
    USABLE.store(fork_generation(), Relaxed);
}

/// Makes [`fork_generation`] count from here on, and `watcher` be called; calls after the first do nothing.
pub(crate) fn install_fork_guard(watcher: Watcher) {
    static INSTALLED: Once = Once::new();
    if cfg!(miri) {
        // It knows no fork.
        return;
    }
    extern "C" fn before() {
        call(|watcher| watcher.before);
    }
    extern "C" fn in_parent() {
        call(|watcher| watcher.in_parent);
    }
    extern "C" fn in_child() {
        GENERATION.fetch_add(1, Relaxed);
        call(|watcher| watcher.in_child);
    }
    fn call(which: fn(&Watcher) -> fn()) {
        // It does not wait. There is one, for it is set before the handlers are installed.
        if let Some(watcher) = WATCHER.get() {
            which(watcher)();
        }
    }
    INSTALLED.call_once(|| {
        let _ = WATCHER.set(watcher);
        // SAFETY: the handlers are plain functions that live as long as the program. What they call in the child uses
        // nothing that other OS threads of the parent could have left half done: this OS thread's own cells, and the locks
        // that the first of them has taken.
        let result = unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
        // The only failure is lack of memory at start-up, where the process would not live long either.
        debug_assert_eq!(result, 0, "pthread_atfork has memory for one entry");
    });
}
