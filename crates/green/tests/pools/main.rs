//! The examples of pools, driven from outside (FEATURES A25, A4 to A7).
//!
//! They run in the mode of this process: its environment is theirs.

mod crawler;
mod dispatcher;
mod feeds;
mod l3agent;
#[path = "../ports/program.rs"]
mod program;

use std::io::Write;
use std::process::{Command, Stdio};

/// Runs a program that reads `input`, and returns what it prints.
fn run(mut command: Command, input: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
