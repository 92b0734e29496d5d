//! What several of the tests need.

use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use green_process::signal::Signal;
use green_thread as thread;

pub(crate) use green_tests::alone;

/// Sends a signal to a process.
pub(crate) fn send(signal: Signal, pid: u32) {
    // SAFETY: the call takes numbers only.
    let result = unsafe { libc::kill(pid as libc::pid_t, signal.as_raw()) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// Sends a signal to the calling OS thread; it has been handled when this returns.
pub(crate) fn raise(signal: Signal) {
    // SAFETY: the call takes a number only.
    assert_eq!(unsafe { libc::raise(signal.as_raw()) }, 0);
}

/// Returns a signal that no other test uses.
pub(crate) fn own_signal(n: i32) -> Signal {
    Signal::from_raw(libc::SIGRTMIN() + n).expect("there are thirty of them")
}

/// Waits for a condition by yielding, so that this hub goes on.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30), "it never came: {what}");
        thread::yield_now();
        std::thread::yield_now();
    }
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

    pub(crate) fn wait(&self) {
        until("a sign", || self.is_given());
    }
}

/// Returns whether there is such a process, be it a zombie.
pub(crate) fn exists(pid: u32) -> bool {
    fs::exists(format!("/proc/{pid}")).unwrap()
}

/// Returns the flags of an open file of a process, as `fcntl` would.
pub(crate) fn flags(process: &str, fd: RawFd) -> u32 {
    parse_flags(&fs::read_to_string(format!("/proc/{process}/fdinfo/{fd}")).unwrap())
}

/// Returns the flags that a file of `/proc/…/fdinfo` tells of.
pub(crate) fn parse_flags(info: &str) -> u32 {
    let line = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    u32::from_str_radix(line.trim(), 8).unwrap()
}
