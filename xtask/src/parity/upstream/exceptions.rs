//! Which of std's tests and examples green does not pass, and why.
//!
//! As in the list of absent items, a reason is one that a maintainer of std would accept, and the list may only shrink: a
//! test that passes after all has to leave it.

/// Why some tests do not pass.
#[derive(Debug)]
pub(super) struct Exception {
    pub(super) reason: &'static str,
    /// `module::test`, or the place of an example.
    pub(super) names: &'static [&'static str],
}

/// All exceptions.
pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        reason: "there is no OS thread to name: a green thread keeps its name to itself, `pthread_getname_np` tells that of \
                 the hub",
        names: &["src_thread::test_named_thread_truncation"],
    },
    Exception {
        reason: "green threads are not preempted: ten that spin on `OnceLock::get` without a yield keep the writers, which \
                 started after them, from ever running",
        names: &["tests_sync_once_lock::sync_once_cell_does_not_leak_partially_constructed_boxes"],
    },
    Exception {
        reason: "`Read::read_buf`, by which std's types read into memory that nobody has set, is unstable, so no other crate \
                 can implement it; its default sets the memory first, and reads the same bytes",
        names: &["src_fs::file_test_read_buf", "src_net_tcp::read_buf", "src_process::child_stdout_read_buf"],
    },
    Exception {
        reason: "specialisation is std's alone: std's `copy` sees through `Take<BufReader<Take<File>>>` and leaves the \
                 reader's buffer empty; green's copies the same bytes and leaves there what had been read ahead",
        names: &["src_sys_io_kernel_copy_linux::copy_specialization"],
    },
];

/// Returns the reason why a test is excepted, if it is.
pub(super) fn reason(name: &str) -> Option<&'static str> {
    EXCEPTIONS.iter().find(|exception| exception.names.contains(&name)).map(|exception| exception.reason)
}
