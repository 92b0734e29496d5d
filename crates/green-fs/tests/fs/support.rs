//! What several of the tests need.

use std::env;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use green_thread as thread;
use tempfile::TempDir;

/// Returns a folder on a disk, which is empty and removed at the end.
pub(crate) fn folder() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Returns a new folder of each kind that there is: on a disk, and in memory.
pub(crate) fn folders() -> Vec<TempDir> {
    let mut folders = vec![folder()];
    folders.extend(TempDir::new_in("/dev/shm"));
    folders
}

/// Runs `f` on an OS thread's root, on a green thread, and on a local one, which may not lend its buffers.
pub(crate) fn everywhere(f: impl Fn() + Send + Sync + 'static) {
    f();
    let f = Arc::new(f);
    let green = Arc::clone(&f);
    thread::spawn(move || green()).join().unwrap_or_else(|payload| resume_unwind(payload));
    on_one_hub(move || f());
}

/// Runs `f` on a green thread of an OS thread of its own: what it spawns locally shares its hub in every mode.
pub(crate) fn on_one_hub(f: impl FnOnce() + Send + 'static) {
    let result = std::thread::spawn(|| thread::spawn_local(f).join()).join();
    result.unwrap_or_else(|payload| resume_unwind(payload)).unwrap_or_else(|payload| resume_unwind(payload));
}

/// Lets others run for a while, so that what is about to park has probably parked. No test depends on it: it only makes
/// the case that the test is named for the usual one.
pub(crate) fn give_way() {
    for _ in 0..50 {
        thread::yield_now();
        std::thread::yield_now();
    }
}

/// A sign that one thread gives another, whatever kinds of thread they are.
#[derive(Clone, Default)]
pub(crate) struct Sign(Arc<AtomicBool>);

impl Sign {
    pub(crate) fn give(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_given(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Waits by yielding, so that the hub of whoever gives the sign goes on even if it is this one.
    pub(crate) fn wait(&self) {
        while !self.is_given() {
            thread::yield_now();
            std::thread::yield_now();
        }
    }
}

/// Runs `test` in a process of its own, with at most `files` open files and at most four threads for files.
pub(crate) fn alone(name: &str, files: u32, test: fn()) {
    green_tests::alone_with(name, files, &[("GREEN_BLOCKING_THREADS", "4")], test);
}
