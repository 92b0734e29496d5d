//! Commands: both directions, and no zombies.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Write};
use std::path::Path;

use green_process::Stdio;
use green_task::channel::{Access, Channel, Command};

use crate::support::wait_for;

fn exists(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn a_command_is_read() {
    let echo = Command::spawn(["echo", "a word"], Access::Read).unwrap();
    assert_eq!(io::read_to_string(&echo).unwrap(), "a word\n");
    assert_eq!(echo.writev(&[IoSlice::new(b"a")]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(echo.close().unwrap().success());
}

#[test]
fn a_command_is_written() {
    let read = Command::spawn(["sh", "-c", "read x; exit $x"], Access::Write).unwrap();
    assert_eq!(read.readv(&mut [IoSliceMut::new(&mut [0])]).unwrap_err().kind(), ErrorKind::InvalidInput);
    (&read).write_all(b"7\n").unwrap();
    assert_eq!(read.close().unwrap().code(), Some(7));
}

#[test]
fn a_command_is_written_and_read() {
    let sort = Command::spawn(["sort"], Access::Both).unwrap();
    (&sort).write_all(b"b\nc\na\n").unwrap();
    sort.close_writer();
    assert_eq!(io::read_to_string(&sort).unwrap(), "a\nb\nc\n");
    assert!(sort.close().unwrap().success());
}

#[test]
fn closing_reaps_the_child_however_it_ends() {
    let cat = Command::spawn(["cat"], Access::Both).unwrap();
    let pid = cat.id();
    assert!(exists(pid));
    // Its input comes to the end.
    Box::<dyn Channel>::from(Box::new(cat)).close().unwrap();
    assert!(!exists(pid));

    let mut sleep = Command::spawn(["sleep", "1000"], Access::Read).unwrap();
    let pid = sleep.id();
    sleep.kill().unwrap();
    assert!(!sleep.close().unwrap().success());
    assert!(!exists(pid));
}

#[test]
fn a_command_that_is_dropped_is_reaped_when_it_ends() {
    let cat = Command::spawn(["cat"], Access::Both).unwrap();
    let pid = cat.id();
    drop(cat);
    wait_for("the end of the child", || !exists(pid));
}

#[test]
fn a_killed_close_leaves_no_zombie() {
    let (hold, gate) = std::io::pipe().unwrap();
    let child = green_process::Command::new("cat").stdin(hold).stdout(Stdio::null()).spawn().unwrap();
    let command = Command::from(child);
    let pid = command.id();
    let closing = green_thread::spawn(move || command.close());
    closing.kill().unwrap();
    assert!(closing.join().is_err());
    assert!(exists(pid));
    drop(gate);
    wait_for("the end of the child", || !exists(pid));
}

#[test]
fn what_cannot_be_started_is_an_error() {
    assert_eq!(Command::spawn([""; 0], Access::Read).unwrap_err().kind(), ErrorKind::InvalidInput);
    let error = Command::spawn(["/there/is/nothing"], Access::Read).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_child_of_ones_own_making_is_a_channel_too() {
    let child = green_process::Command::new("sh")
        .args(["-c", "echo $WORD"])
        .env("WORD", "beside")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(io::read_to_string(Command::from(child)).unwrap(), "beside\n");
}
