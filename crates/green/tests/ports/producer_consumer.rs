//! Producers and consumers around a priority queue.

use crate::program::command;
use std::io::Write;
use std::process::{Output, Stdio};

fn run(args: &[&str], input: &str) -> Output {
    let mut command = command("producer_consumer");
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One who reads nothing has closed it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn every_job_is_done_once() {
    for (producers, consumers, jobs) in [(1, 1, 1), (3, 2, 10), (20, 7, 100), (5, 1, 0), (0, 3, 9)] {
        let output = run(&[&producers.to_string(), &consumers.to_string(), &jobs.to_string()], "");
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), consumers + 1);
        let done = |line: &str| line.rsplit(' ').next().and_then(|number| number.parse::<usize>().ok()).unwrap();
        assert_eq!(lines[..consumers].iter().map(|line| done(line)).sum::<usize>(), producers * jobs);
        assert_eq!(lines[consumers], format!("{} jobs are done", producers * jobs));
    }
}

#[test]
fn the_most_urgent_comes_first_and_of_equals_the_oldest() {
    let input = "2 mop\n0 put out the fire\n1 sweep\n0 call for help\n2 air\n";
    let output = run(&["0", "1", "-"], input);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text, "0: put out the fire\n0: call for help\n1: sweep\n2: mop\n2: air\n");
}

#[test]
fn several_consumers_leave_nothing_undone() {
    let input: String = (0..200).map(|n| format!("{} job {n}\n", n % 7)).collect();
    let output = run(&["0", "5", "-"], &input);
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<_> = text.lines().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect();
    lines.sort_unstable();
    let mut expected: Vec<_> = (0..200).map(|n| format!("job {n}")).collect();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn what_cannot_be_understood_is_said_so() {
    for args in [&[][..], &["1", "0", "1"], &["1", "1", "x"], &["1", "-1", "1"]] {
        assert_eq!(run(args, "").status.code(), Some(2), "{args:?}");
    }
    let output = run(&["0", "1", "-"], "urgent\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("not a priority and a job: urgent"));
}
