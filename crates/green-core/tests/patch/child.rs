//! Processes to choose a mode in: fresh ones, with one OS thread, the main one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::{env, process};

/// Set in the child, to the name of its test.
const ROLE: &str = "GREEN_TEST_ROLE";

/// Returns true in the child of some test.
pub(crate) fn is_child() -> bool {
    env::var(ROLE).is_ok()
}

/// Runs `check` on the main thread of a child process with just these of our variables set.
pub(crate) fn in_child(test: &str, variables: &[(&str, &str)], check: fn()) {
    if env::var(ROLE).is_ok_and(|role| role == test) {
        return on_main_thread(check);
    }
    let mut child = Command::new(env::current_exe().unwrap());
    child.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("GREEN") {
            child.env_remove(name);
        }
    }
    child.env(ROLE, test).env("RUST_BACKTRACE", "0").envs(variables.iter().copied());
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

/// Runs `check` in a fork of this process, in which the OS thread that forks is the main one, and the only one: libtest runs
/// tests beside its own.
fn on_main_thread(check: fn()) {
    // SAFETY: nothing of green was used yet, the test's OS thread holds no lock, and glibc makes its own usable in the child.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // The time limit is for a check that hangs: its process would be nobody's to kill.
        // SAFETY: alarm takes a number.
        unsafe { libc::alarm(30) };
        let ended = catch_unwind(AssertUnwindSafe(check));
        process::exit(if ended.is_ok() { 0 } else { 1 });
    }
    assert!(pid > 0, "no fork");
    let mut status = 0;
    // SAFETY: `status` is a valid place, and the child is the one that was just made.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(waited, pid);
    assert_eq!(status, 0, "the check failed");
}
