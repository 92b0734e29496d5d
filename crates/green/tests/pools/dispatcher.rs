//! The message dispatcher.

use std::fmt::Write;

use super::{program, run};

/// Runs the dispatcher on green threads and on OS threads, which is the same program.
fn both(input: &str, check: impl Fn(Vec<&str>)) {
    check(run(program::command("dispatcher"), input).lines().collect());
    let mut plain = program::command("dispatcher");
    plain.env("GREEN", "off");
    check(run(plain, input).lines().collect());
}

#[test]
fn a7_every_message_is_handled_before_the_end() {
    let mut input = String::new();
    for n in 0..500 {
        writeln!(input, "{n:03}").unwrap();
        if n % 100 == 0 {
            input.push_str("fail\n");
        }
    }
    both(&input, |mut lines| {
        assert_eq!(lines.pop(), Some("stopped, 0 not taken in"));
        lines.sort_unstable();
        assert_eq!(lines, (0..500).map(|n| format!("handled {n:03}")).collect::<Vec<_>>());
    });
}

#[test]
fn a7_stop_ends_the_intake_and_wait_the_rest() {
    let mut input: String = (0..300).map(|n| format!("{n}\n")).collect();
    input.push_str("stop\nnever\n");
    both(&input, |mut lines| {
        let last = lines.pop().unwrap();
        let rest: usize = last.strip_prefix("stopped, ").unwrap().split_once(' ').unwrap().0.parse().unwrap();
        assert_eq!(lines.len() + rest, 300, "{last}");
        assert!(lines.iter().all(|line| *line != "handled never"));
    });
}
