//! Kills and deadlines that come while a child is waited for.

use std::fs;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use green_core::kill::{Alarm, Killed};
use green_process::{Child, Command, Stdio};
use green_thread as thread;

use crate::support::{Sign, exists, give_way, until};

/// Kills a green thread that runs `wait`, which would wait for ever, and returns when it has unwound.
fn kill_in<T: Send>(wait: impl FnOnce() -> T + Send) {
    let started = Sign::default();
    let result = thread::scope(|scope| {
        let victim = scope.spawn(|| {
            started.give();
            wait()
        });
        started.wait();
        give_way();
        victim.kill().unwrap();
        victim.join().map(drop)
    });
    assert!(result.expect_err("it was killed").is::<Killed>());
}

fn cat() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_child_can_be_waited_for_after_a_waiter_was_killed() {
    let (input, hold) = io::pipe().unwrap();
    let mut child = Command::new("cat").stdin(input).spawn().unwrap();
    for _ in 0..3 {
        kill_in(|| child.wait());
    }
    assert_eq!(child.try_wait().unwrap(), None);
    drop(hold);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_child_can_be_waited_for_after_a_deadline() {
    let (input, hold) = io::pipe().unwrap();
    let mut child = Command::new("cat").stdin(input).spawn().unwrap();
    let alarm = Alarm::set(Instant::now() + Duration::from_millis(5)).unwrap();
    let payload = catch_unwind(AssertUnwindSafe(|| child.wait())).unwrap_err();
    assert!(alarm.owns(&*payload));
    drop(alarm);
    drop(hold);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reader_and_a_writer_can_be_killed_and_the_pipes_used_on() {
    let mut child = cat();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    kill_in(|| stdout.read(&mut [0; 1]));
    stdin.write_all(b"abc").unwrap();
    let mut three = [0; 3];
    stdout.read_exact(&mut three).unwrap();
    assert_eq!(&three, b"abc");
    kill_in(|| (&stdin).write_all(&[0; 1 << 20]));
    drop((stdin, stdout));
    child.wait().unwrap();
}

/// Checks that a child whose only waiter is killed in `run` is reaped once it ends.
fn check_reaped(run: impl FnOnce(&mut Command) + Send) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let (input, hold) = io::pipe().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$ > \"$0.new\" && mv \"$0.new\" \"$0\" && exec cat"]).arg(&file).stdin(input);
    let started = || fs::exists(&file).unwrap();
    let result = thread::scope(|scope| {
        let victim = scope.spawn(|| run(&mut command));
        until("the child's start", started);
        give_way();
        victim.kill().unwrap();
        victim.join()
    });
    assert!(result.expect_err("it was killed").is::<Killed>());
    let pid = fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    assert!(exists(pid), "the child is left alone");
    drop(hold);
    until("the reaping", || !exists(pid));
}

#[test]
fn a_child_is_reaped_after_its_output_is_no_longer_wanted() {
    check_reaped(|command| drop(command.output()));
}

#[test]
fn a_child_is_reaped_after_its_status_is_no_longer_wanted() {
    check_reaped(|command| drop(command.status()));
}

#[test]
fn a_child_is_reaped_after_a_wait_that_consumed_it() {
    check_reaped(|command| drop(command.spawn().unwrap().wait_with_output()));
}
