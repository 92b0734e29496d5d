//! Which of std's tests and examples green does not pass, and why.
//!
//! As in the list of absent items, a reason is one that a maintainer of std would accept, and the list may only shrink: a
//! test that passes after all has to leave it.

use crate::suites::Mode;

/// Why some tests do not pass.
#[derive(Debug)]
pub(super) struct Exception {
    pub(super) reason: &'static str,
    /// `module::test`, or the place of an example.
    pub(super) names: &'static [&'static str],
    /// The one mode that they do not pass in; `None` for all.
    mode: Option<Mode>,
}

/// All exceptions.
pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        reason: "there is no OS thread to name: a green thread keeps its name to itself, and `pthread_getname_np` tells \
                 that of the hub",
        names: &["src_thread::test_named_thread_truncation"],
        mode: None,
    },
    Exception {
        reason: "`Read::read_buf`, by which std's types read into memory that nobody has set, is unstable, so no other crate \
                 can implement it; its default sets the memory first, and reads the same bytes",
        names: &["src_fs::file_test_read_buf", "src_net_tcp::read_buf", "src_process::child_stdout_read_buf"],
        mode: None,
    },
    Exception {
        reason: "specialisation is std's alone: std's `copy` sees whether its ends are a `BufReader` or a `BufWriter`, and \
                 copies through the buffer that is there; green's copies the same bytes through one of its own, and leaves \
                 in the reader's what had been read ahead",
        names: &[
            "src_io_copy::copy_specializes_bufreader",
            "src_io_copy::copy_specializes_bufwriter",
            "src_sys_io_kernel_copy_linux::copy_specialization",
        ],
        mode: None,
    },
    Exception {
        reason: "on a single hub, who sends for ever into a channel without a bound does not let the receiver run, whose end \
                 would end it: such a `send` never waits, so it may be called under a lock that is not green's, and must \
                 not switch there; with several hubs, the default, the receiver runs on another",
        names: &["tests_sync_mpsc::port_gone_concurrent", "tests_sync_mpsc::port_gone_concurrent_shared"],
        mode: Some(Mode::Hubs0),
    },
];

/// Returns whether a test is excepted in a mode.
pub(super) fn holds(name: &str, mode: Mode) -> bool {
    EXCEPTIONS.iter().any(|exception| exception.names.contains(&name) && exception.mode.is_none_or(|only| only == mode))
}

/// Returns every excepted test, with the modes that it does not pass in.
pub(super) fn all() -> impl Iterator<Item = (&'static str, Mode)> {
    let modes = |exception: &Exception| exception.mode.unwrap_or(Mode::Default);
    EXCEPTIONS.iter().flat_map(move |exception| exception.names.iter().map(move |name| (*name, modes(exception))))
}
