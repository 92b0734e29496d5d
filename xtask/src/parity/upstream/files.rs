//! Which of std's files are run.

/// A file with tests.
#[derive(Debug)]
pub(super) struct TestFile {
    /// Its path in `library/std`.
    pub(super) path: &'static str,
    /// What `super` has for its tests: the public module that stands in for the private one they lie in, and what that
    /// one imports.
    pub(super) parent: &'static str,
}

/// Std's tests of what green mirrors. Files of other systems, and of modules that green passes through as a whole, are not
/// here; a file with nothing but unstable items in it is, so that the numbers tell.
pub(super) const TESTS: &[TestFile] = &[
    file("src/fs/tests.rs", "fs::*"),
    file("src/io/buffered/tests.rs", "io::*"),
    file("src/io/copy/tests.rs", "io::*"),
    file("src/io/cursor/tests.rs", "io::*"),
    file("src/io/error/tests.rs", "io::*"),
    file("src/io/impls/tests.rs", "io::*"),
    file("src/io/pipe/tests.rs", "io::*"),
    file("src/io/stdio/tests.rs", "{io::*, sync::{Arc, Mutex}}"),
    file("src/io/tests.rs", "io::*"),
    file("src/io/util/tests.rs", "io::*"),
    file("src/net/socket_addr/tests.rs", "net::*"),
    file("src/net/tcp/tests.rs", "net::*"),
    file("src/net/udp/tests.rs", "net::*"),
    file("src/os/fd/tests.rs", "os::fd::*"),
    file("src/os/net/linux_ext/tests.rs", "os::linux::net::*"),
    file("src/os/unix/fs/tests.rs", "{fs, io::{self, prelude::*}, os::unix::fs::*, path::Path}"),
    file("src/os/unix/io/tests.rs", "os::unix::io::*"),
    file("src/os/unix/net/tests.rs", "os::unix::net::*"),
    file("src/os/unix/net/ucred/tests.rs", "os::unix::net::*"),
    file("src/process/tests.rs", "process::*"),
    file("src/sync/mpmc/tests.rs", "sync::*"),
    file("src/sys/io/kernel_copy/linux/tests.rs", "{io::*, fs::*, os::unix::net::*}"),
    file("src/sys/pal/unix/linux/pidfd/tests.rs", "{}"),
    file("src/sys/process/unix/common/tests.rs", "{process::*, ffi::*}"),
    file("src/thread/tests.rs", "thread::*"),
    file("tests/create_dir_all_bare.rs", "{}"),
    file("tests/env.rs", "{}"),
    file("tests/env_modify.rs", "{}"),
    file("tests/panic.rs", "{}"),
    file("tests/process_spawning.rs", "{}"),
    file("tests/switch-stdout.rs", "{}"),
    file("tests/sync/barrier.rs", "{}"),
    file("tests/sync/condvar.rs", "{}"),
    file("tests/sync/lazy_lock.rs", "{}"),
    file("tests/sync/mpmc.rs", "{}"),
    file("tests/sync/mpsc.rs", "{}"),
    file("tests/sync/mpsc_sync.rs", "{}"),
    file("tests/sync/mutex.rs", "{}"),
    file("tests/sync/once.rs", "{}"),
    file("tests/sync/once_lock.rs", "{}"),
    file("tests/sync/oneshot.rs", "{}"),
    file("tests/sync/reentrant_lock.rs", "{}"),
    file("tests/sync/rwlock.rs", "{}"),
    file("tests/thread.rs", "{}"),
    file("tests/thread_local/dynamic_tests.rs", "{}"),
    file("tests/thread_local/tests.rs", "{}"),
    file("tests/time.rs", "{}"),
];

const fn file(path: &'static str, parent: &'static str) -> TestFile {
    TestFile { path, parent }
}

impl TestFile {
    /// Returns the name of the module that the file becomes: `src_net_tcp`, `tests_sync_mutex`.
    pub(super) fn module(&self) -> String {
        let path = self.path.trim_end_matches(".rs");
        path.strip_suffix("/tests").filter(|_| path.starts_with("src/")).unwrap_or(path).replace(['/', '-'], "_")
    }
}

/// Where the examples are: files and folders of `library/std/src`, with all that lies in them.
pub(super) const EXAMPLES: &[&str] = &[
    "fs.rs",
    "io",
    "macros.rs",
    "net",
    "os/fd",
    "os/linux",
    "os/net",
    "os/unix",
    "process.rs",
    "sync",
    "thread",
    "time.rs",
];
