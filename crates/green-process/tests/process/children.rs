//! Starting children and waiting for them.

use std::io::{self, PipeReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::panic::catch_unwind;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use green_core::kill::Alarm;
use green_process::os::unix::CommandExt;
use green_process::signal::{SIGCONT, Signal};
use green_process::{Child, Command, Stdio};
use green_thread as thread;

use crate::support::{exists, give_way, send};

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Starts a child that ends when the writer of its input has gone.
fn child_at(input: &PipeReader) -> Child {
    Command::new("cat").stdin(input.try_clone().unwrap()).stdout(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_wait_lets_other_green_threads_run() {
    let (input, hold) = io::pipe().unwrap();
    let mut child = child_at(&input);
    let waiter = thread::spawn(move || child.wait().unwrap());
    // With one hub for all, this one has its turn only if the waiter has parked.
    let releaser = thread::spawn(move || drop(hold));
    assert!(waiter.join().unwrap().success());
    releaser.join().unwrap();
}

#[test]
fn a_child_that_has_ended_already_is_found() {
    let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
    child.stdout.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
    give_way();
    assert!(child.wait().unwrap().success());
}

/// eventlet's case of this name: a timeout is as long as it says, however long the child runs.
#[test]
fn test_subprocess_wait() {
    let before = Instant::now();
    let mut child = Command::new("sleep").arg("0.5").spawn().unwrap();
    let start = Instant::now();
    assert_eq!(child.wait_timeout(Duration::from_millis(100)).unwrap(), None);
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_millis(100) && elapsed < Duration::from_millis(450), "{elapsed:?}");
    assert!(child.wait().unwrap().success());
    assert!(before.elapsed() >= Duration::from_millis(500));
}

/// eventlet's case of this name: so is a deadline for all that a child writes.
#[test]
fn test_communicate_with_poll() {
    let start = Instant::now();
    let alarm = Alarm::set(start + Duration::from_millis(100)).unwrap();
    let payload = catch_unwind(|| sh("echo early; sleep 0.5").output()).unwrap_err();
    let elapsed = start.elapsed();
    assert!(alarm.owns(&*payload));
    assert!(elapsed >= Duration::from_millis(100) && elapsed < Duration::from_millis(450), "{elapsed:?}");
}

#[test]
fn what_a_child_writes_is_collected_until_it_ends() {
    let output = sh("echo early; sleep 0.05; echo late >&2").output().unwrap();
    assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"early\n"[..], &b"late\n"[..]));
}

#[test]
fn a_timeout_of_zero_only_looks() {
    let (input, hold) = io::pipe().unwrap();
    let mut child = child_at(&input);
    assert_eq!(child.wait_timeout(Duration::ZERO).unwrap(), None);
    assert_eq!(child.wait_until(Instant::now()).unwrap(), None);
    drop(hold);
    assert!(child.wait_timeout(Duration::MAX).unwrap().unwrap().success());
    assert!(child.wait_timeout(Duration::ZERO).unwrap().unwrap().success(), "the answer stays");
}

#[test]
fn a_timed_wait_can_be_repeated_and_ends_with_the_child() {
    let (input, hold) = io::pipe().unwrap();
    let mut child = child_at(&input);
    for _ in 0..20 {
        assert_eq!(child.wait_timeout(Duration::from_micros(300)).unwrap(), None);
    }
    drop(hold);
    assert!(child.wait_timeout(Duration::from_secs(60)).unwrap().unwrap().success());
}

#[test]
fn a_child_can_be_waited_for_on_one_thread_after_another() {
    let (input, hold) = io::pipe().unwrap();
    let mut child = child_at(&input);
    for _ in 0..4 {
        child = thread::spawn(move || {
            assert_eq!(child.wait_timeout(Duration::from_micros(200)).unwrap(), None);
            child
        })
        .join()
        .unwrap();
        child = std::thread::spawn(move || {
            assert_eq!(child.wait_timeout(Duration::from_micros(200)).unwrap(), None);
            child
        })
        .join()
        .unwrap();
    }
    drop(hold);
    assert!(child.wait().unwrap().success());
}

/// A stop is not an end.
#[test]
fn a_stopped_child_is_waited_for_until_it_ends() {
    let (input, hold) = io::pipe().unwrap();
    let mut child = child_at(&input);
    let stop = Signal::from_raw(libc::SIGSTOP).unwrap();
    send(stop, child.id());
    drop(hold);
    assert_eq!(child.wait_timeout(Duration::from_millis(20)).unwrap(), None, "it cannot end while it is stopped");
    send(SIGCONT, child.id());
    assert!(child.wait().unwrap().success());
}

/// FEATURES A21: fifty children with pipes both ways, all alive at once.
#[test]
fn fifty_children_at_once() {
    let (ready, all_ready) = mpsc::channel();
    let threads: Vec<_> = (0..50_u32)
        .map(|n| {
            let ready = ready.clone();
            let (go, may_go) = mpsc::channel::<()>();
            let script = format!("read line; echo \"$line {n}\"; exit {n}");
            let thread = thread::spawn(move || {
                let child = sh(&script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
                let pid = child.id();
                ready.send(()).unwrap();
                while may_go.try_recv() == Err(mpsc::TryRecvError::Empty) {
                    thread::yield_now();
                }
                writeln!(child.stdin.as_ref().unwrap(), "child").unwrap();
                let output = child.wait_with_output().unwrap();
                assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("child {n}\n"));
                assert_eq!(output.status.code(), Some(n as i32));
                assert!(!exists(pid), "a zombie is left");
            });
            (thread, go)
        })
        .collect();
    drop(ready);
    for _ in 0..threads.len() {
        while all_ready.try_recv().is_err() {
            thread::yield_now();
        }
    }
    let (threads, go): (Vec<_>, Vec<_>) = threads.into_iter().unzip();
    drop(go);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn killed_children_are_noticed() {
    let (input, _hold) = io::pipe().unwrap();
    let mut children: Vec<Child> = (0..8).map(|_| child_at(&input)).collect();
    for child in &mut children {
        child.kill().unwrap();
    }
    for child in &mut children {
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGKILL));
        assert!(!exists(child.id()));
        child.kill().unwrap();
    }
}

#[test]
fn children_convert_into_std_s_and_back() {
    let child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.as_ref().unwrap().write_all(b"there ").unwrap();
    let child: std::process::Child = child.into();
    child.stdin.as_ref().unwrap().write_all(b"and back").unwrap();
    let child: Child = child.into();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.stdout, b"there and back");
}

/// With a function to run before the program, std forks; otherwise it does something cheaper.
#[test]
fn children_start_from_green_stacks_either_way() {
    let threads: Vec<_> = (0..8)
        .map(|n| {
            thread::spawn(move || {
                let mut command = sh("exit 5");
                if n % 2 == 0 {
                    // SAFETY: nothing is done.
                    unsafe { command.pre_exec(|| Ok(())) };
                }
                let mut child = command.spawn().unwrap();
                thread::yield_now();
                child.wait().unwrap().code()
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), Some(5));
    }
}
