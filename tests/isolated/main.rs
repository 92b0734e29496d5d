//! Tests that need a process of their own: what ends it, what changes its limits, what forks it.
//!
//! A test runs itself again as a child, with `GREEN_TEST_CHILD` set, and looks at what came of it.

#[expect(unsafe_code, reason = "one test faults on purpose")]
mod ending;
#[expect(unsafe_code, reason = "forks")]
mod fork;
mod greenlets;
#[expect(unsafe_code, reason = "signals, forks, and a descriptor that is none")]
mod hub;
mod limits;
mod os_threads;

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Returns true in the child.
fn is_child() -> bool {
    std::env::var_os("GREEN_TEST_CHILD").is_some()
}

/// Runs the test called `name` in a child and returns what it wrote and how it ended.
fn run_child(name: &str) -> Output {
    run_child_with(name, &[])
}

fn run_child_with(name: &str, variables: &[(&str, &str)]) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env("GREEN_TEST_CHILD", "1")
        .env("RUST_BACKTRACE", "0")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A child that hangs must not hang the suite; its output is small enough for the pipes.
    let patience = Instant::now() + Duration::from_secs(60);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > patience {
            let _ = child.kill();
            panic!("the child of {name} hangs: {:?}", child.wait_with_output());
        }
        // Not to order events: only to poll for the child's end.
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Fails with the child's output unless it succeeded.
#[track_caller]
fn expect_success(output: &Output) {
    assert!(output.status.success(), "{:?}\n{}", output.status, stderr(output));
}
