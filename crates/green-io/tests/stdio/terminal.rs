//! Standard streams that are a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::process::Stdio;
use std::ptr;

use green_io::{IsTerminal, println, stderr, stdin, stdout};
use green_thread as thread;

use crate::{Running, child, let_others_park, streams_block};

/// Closes a descriptor under the feet of whoever uses it.
pub(crate) fn close(number: RawFd) {
    // SAFETY: a standard stream belongs to nobody, and the child that calls this expects it to be gone.
    assert_eq!(unsafe { libc::close(number) }, 0);
}

/// Puts another file under a descriptor's number.
pub(crate) fn replace(number: RawFd, by: BorrowedFd<'_>) {
    // SAFETY: as above: the number stays open, with another file.
    assert_eq!(unsafe { libc::dup2(by.as_raw_fd(), number) }, number);
}

/// Opens a pair of terminal ends: the one of the emulator and the one of the program.
fn open() -> (File, OwnedFd) {
    let (mut master, mut slave) = (0, 0);
    // SAFETY: the call writes two numbers; the other pointers may be null.
    let result = unsafe { libc::openpty(&raw mut master, &raw mut slave, ptr::null_mut(), ptr::null(), ptr::null()) };
    assert_eq!(result, 0);
    // Children must not keep the emulator's end open.
    // SAFETY: the call takes numbers only.
    assert_eq!(unsafe { libc::fcntl(master, libc::F_SETFD, libc::FD_CLOEXEC) }, 0);
    // SAFETY: the kernel has just made these descriptors, and nobody else owns them.
    let master = unsafe { File::from_raw_fd(master) };
    // SAFETY: as above.
    (master, unsafe { OwnedFd::from_raw_fd(slave) })
}

/// Reads from the emulator's end until `mark` was shown.
fn read_until(emulator: &mut File, mark: &str) -> String {
    let mut shown = Vec::new();
    while !shown.ends_with(mark.as_bytes()) {
        let mut byte = [0];
        emulator.read_exact(&mut byte).unwrap();
        shown.extend_from_slice(&byte);
    }
    String::from_utf8(shown).unwrap()
}

#[test]
fn a_terminal_is_read_line_by_line_beside_other_green_threads() {
    let mut command = child("terminal::a_terminal_is_read_line_by_line_beside_other_green_threads", || {
        assert!(stdin().is_terminal() && stdout().is_terminal() && stderr().is_terminal());
        let reader = thread::spawn_local(|| {
            for line in stdin().lines() {
                println!("[{}]", line.unwrap());
            }
            println!("end");
        });
        let_others_park();
        assert!(!reader.is_finished());
        println!("ready");
        reader.join().unwrap();
        assert!(streams_block());
        println!("done");
    });
    let (mut emulator, slave) = open();
    let stream = || Stdio::from(slave.try_clone().unwrap());
    command.stdin(stream()).stdout(stream()).stderr(stream());
    let child = Running::start(&mut command);
    drop(slave);
    read_until(&mut emulator, "<begin>\r\nready\r\n");
    emulator.write_all(b"one\n").unwrap();
    assert_eq!(read_until(&mut emulator, "]\r\n"), "one\r\n[one]\r\n");
    emulator.write_all(b"two\nthree\n").unwrap();
    assert!(read_until(&mut emulator, "[three]\r\n").contains("[two]\r\n"));
    // Control-D, the end.
    emulator.write_all(b"\x04").unwrap();
    read_until(&mut emulator, "end\r\ndone\r\n");
    child.finish();
}

#[test]
fn a_terminal_that_shows_nothing_does_not_hold_up_the_hub() {
    let mut command = child("terminal::a_terminal_that_shows_nothing_does_not_hold_up_the_hub", || {
        let writer = thread::spawn_local(|| {
            for i in 0..10_000 {
                writeln!(stdout(), "line {i} of the output").unwrap();
            }
        });
        // The terminal takes a few thousand lines before it is full.
        while !writer.is_finished()
            && green_io::Pollable::new(stdout()).wait_writable(Some(std::time::Instant::now())).unwrap()
        {
            thread::yield_now();
        }
        assert!(!writer.is_finished());
        stderr().write_all(b"still here\n").unwrap();
        writer.join().unwrap();
    });
    let (mut emulator, slave) = open();
    let mut child = Running::start(command.stdout(slave).stderr(Stdio::piped()));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.child.stderr.take().unwrap()), &mut line).unwrap();
    assert_eq!(line, "still here\n");
    let shown = read_until(&mut emulator, "line 9999 of the output\r\n");
    let (_, shown) = shown.split_once("<begin>\r\n").unwrap();
    let expected: String = (0..10_000).map(|i| format!("line {i} of the output\r\n")).collect();
    assert!(shown == expected);
    child.finish();
}
