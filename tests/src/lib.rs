//! Whole-system tests of `green`: what every suite shares, and the examples of the book.
//!
//! The suites are the folders beside `src` (`parity`, `isolated`, `stress`, `compat`), each a test target of
//! this package. The library has three duties: to say in which [`Mode`]s a test holds, to run a test in a process of its
//! own ([`alone`]), and to hand every chapter of the book to rustdoc, so that `cargo test --doc` compiles and runs the code in it.

use std::io::{self, Write as _};
use std::net::TcpListener;
use std::panic::Location;
use std::process::Command;
use std::{env, fmt, thread};

/// One of the three ways to run a program that uses `green`, chosen by its environment.
///
/// `cargo xtask test` runs every test in all of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// Green threads on worker hubs: no variable set.
    Default,
    /// Green threads on the hub of the OS thread that spawned them: `GREEN_HUBS=0`.
    Hubs0,
    /// Every spawned thread is an OS thread: `GREEN=off`.
    Off,
}

impl Mode {
    /// Returns the mode that this process runs in.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_tests::Mode;
    ///
    /// assert_eq!(Mode::current() == Mode::Off, std::env::var_os("GREEN").is_some_and(|v| v == "off"));
    /// ```
    #[must_use]
    pub fn current() -> Self {
        let is = |name, value| env::var_os(name).is_some_and(|found| found == value);
        if is("GREEN", "off") {
            Self::Off
        } else if is("GREEN_HUBS", "0") {
            Self::Hubs0
        } else {
            Self::Default
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "default",
            Self::Hubs0 => "hubs0",
            Self::Off => "off",
        })
    }
}

/// Returns whether the calling test holds in the mode that this process runs in, and announces the skip
/// when it does not.
///
/// `cargo xtask test` counts the announcements and fails when a mode has too many. They are lines
/// `green-skip: <test>: <reason>` on the process's real standard error, past libtest's capture, so that
/// they arrive from tests that pass. Call it on the test's own OS thread, whose name is the test's.
///
/// # Examples
///
/// ```
/// use green_tests::{Mode, holds_in};
///
/// fn worker_hubs_share_the_work() {
///     if !holds_in(&[Mode::Default]) {
///         return;
///     }
///     // What needs several hubs.
/// }
/// # worker_hubs_share_the_work();
/// ```
#[must_use = "a test that does not hold in this mode has to return"]
#[track_caller]
pub fn holds_in(modes: &[Mode]) -> bool {
    let mode = Mode::current();
    if modes.contains(&mode) {
        return true;
    }
    skip(format_args!("not in mode {mode}"));
    false
}

/// Announces that the calling test, or a part of it, cannot be made here; the test then returns.
///
/// What [`holds_in`] says of its announcement holds here too.
#[track_caller]
pub fn skip(reason: impl fmt::Display) {
    let thread = thread::current();
    let test = match thread.name() {
        Some(name) if name != "main" => name.to_owned(),
        // libtest runs on the main thread under `--test-threads=1`.
        _ => Location::caller().to_string(),
    };
    let line = format!("green-skip: {test}: {reason}\n");
    // A closed stderr loses the count, not the test.
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Returns whether this machine has a loopback of IPv6, and announces the skip if not.
#[track_caller]
pub fn has_ipv6() -> bool {
    let has = TcpListener::bind("[::1]:0").is_ok();
    if !has {
        skip("no IPv6 loopback");
    }
    has
}

/// Runs `test` in a process of its own: this test binary again, with only that test and, if `files` says so, at most so
/// many open files.
///
/// `name` is the test's own, with its modules. In the child this calls `test` and returns.
///
/// # Panics
///
/// Panics if the test fails over there, or if there is no test of that name.
pub fn alone(name: &str, files: impl Into<Option<u32>>, test: fn()) {
    alone_with(name, files, &[], test);
}

/// Runs `test` as [`alone`] does, with environment variables of its own.
///
/// # Panics
///
/// Panics as [`alone`] does.
pub fn alone_with(name: &str, files: impl Into<Option<u32>>, variables: &[(&str, &str)], test: fn()) {
    const CHILD: &str = "GREEN_TEST_ALONE";
    if env::var_os(CHILD).is_some_and(|value| value == name) {
        return test();
    }
    let limit = files.into().map_or_else(String::new, |files| format!("ulimit -n {files} && "));
    let output = Command::new("sh")
        .arg("-c")
        .arg(format!(r#"{limit}exec "$0" "$1" --exact --nocapture --test-threads=1"#))
        .arg(env::current_exe().expect("a running program has a path"))
        .arg(name)
        .env(CHILD, name)
        .envs(variables.iter().copied())
        .output()
        .expect("there is a shell");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    assert!(out.contains("1 passed"), "the child ran another test than {name}:\n{out}");
}

/// The book, chapter by chapter: rustdoc compiles and runs what is in its code blocks.
///
/// `cargo xtask tidy` fails when a chapter is missing here.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../docs/src/introduction.md")]
    mod introduction {}
    mod guide {
        #[doc = include_str!("../../docs/src/guide/getting-started.md")]
        mod getting_started {}
        #[doc = include_str!("../../docs/src/guide/threads.md")]
        mod threads {}
        #[doc = include_str!("../../docs/src/guide/async.md")]
        mod futures {}
        #[doc = include_str!("../../docs/src/guide/synchronisation.md")]
        mod synchronisation {}
        #[doc = include_str!("../../docs/src/guide/pools.md")]
        mod pools {}
        #[doc = include_str!("../../docs/src/guide/networking.md")]
        mod networking {}
        #[doc = include_str!("../../docs/src/guide/io.md")]
        mod io {}
        #[doc = include_str!("../../docs/src/guide/channels.md")]
        mod channels {}
        #[doc = include_str!("../../docs/src/guide/time.md")]
        mod time {}
        #[doc = include_str!("../../docs/src/guide/files.md")]
        mod files {}
        #[doc = include_str!("../../docs/src/guide/processes.md")]
        mod processes {}
        #[doc = include_str!("../../docs/src/guide/resources.md")]
        mod resources {}
        #[doc = include_str!("../../docs/src/guide/panics-and-kills.md")]
        mod panics_and_kills {}
        #[doc = include_str!("../../docs/src/guide/greenlets.md")]
        mod greenlets {}
        #[doc = include_str!("../../docs/src/guide/tasks.md")]
        mod tasks {}
        #[doc = include_str!("../../docs/src/guide/hub.md")]
        mod hub {}
        #[doc = include_str!("../../docs/src/guide/ports.md")]
        mod ports {}
    }
    mod porting {
        #[doc = include_str!("../../docs/src/porting/from-std.md")]
        mod from_std {}
        #[doc = include_str!("../../docs/src/porting/from-tokio.md")]
        mod from_tokio {}
        #[doc = include_str!("../../docs/src/porting/from-may.md")]
        mod from_may {}
        #[doc = include_str!("../../docs/src/porting/from-eventlet.md")]
        mod from_eventlet {}
        #[doc = include_str!("../../docs/src/porting/from-qemu.md")]
        mod from_qemu {}
        #[doc = include_str!("../../docs/src/porting/from-greenlet.md")]
        mod from_greenlet {}
    }
    mod reference {
        #[doc = include_str!("../../docs/src/reference/std-map.md")]
        mod std_map {}
        #[doc = include_str!("../../docs/src/reference/parity.md")]
        mod parity {}
        #[doc = include_str!("../../docs/src/reference/std-examples.md")]
        mod std_examples {}
        #[doc = include_str!("../../docs/src/reference/std-tests.md")]
        mod std_tests {}
        #[doc = include_str!("../../docs/src/reference/configuration.md")]
        mod configuration {}
        #[doc = include_str!("../../docs/src/reference/modes.md")]
        mod modes {}
        #[doc = include_str!("../../docs/src/reference/patch.md")]
        mod patch {}
        #[doc = include_str!("../../docs/src/reference/platforms.md")]
        mod platforms {}
        #[doc = include_str!("../../docs/src/reference/what-blocks.md")]
        mod what_blocks {}
        #[doc = include_str!("../../docs/src/reference/caveats.md")]
        mod caveats {}
    }
    mod internals {
        #[doc = include_str!("../../docs/src/internals/architecture.md")]
        mod architecture {}
        #[doc = include_str!("../../docs/src/internals/read-walk.md")]
        mod read_walk {}
        #[doc = include_str!("../../docs/src/internals/waking.md")]
        mod waking {}
        #[doc = include_str!("../../docs/src/internals/locks.md")]
        mod locks {}
        #[doc = include_str!("../../docs/src/internals/stacks.md")]
        mod stacks {}
        #[doc = include_str!("../../docs/src/internals/panic-count.md")]
        mod panic_count {}
        #[doc = include_str!("../../docs/src/internals/kill.md")]
        mod kill {}
        #[doc = include_str!("../../docs/src/internals/unsafe.md")]
        mod unsafe_code {}
        #[doc = include_str!("../../docs/src/internals/testing.md")]
        mod testing {}
    }
    #[doc = include_str!("../../docs/src/compare.md")]
    mod compare {}
    #[doc = include_str!("../../docs/src/contributing.md")]
    mod contributing {}
    #[doc = include_str!("../../docs/src/changelog.md")]
    mod changelog {}
}
