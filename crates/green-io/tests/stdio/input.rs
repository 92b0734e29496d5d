//! Standard input: what it may be, and who reads it.

use std::fs::File;
use std::io::{self, BufRead, IoSliceMut, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use green_core::kill::Killed;
use green_io::{IsTerminal, println, stdin};
use green_thread as thread;

use crate::{Running, child, let_others_park, output_of, streams_block};

/// What the child does whose input comes slowly: it reads lines on a green thread beside a second one on the same hub.
fn echo_lines() {
    let reader = thread::spawn_local(|| {
        for line in stdin().lines() {
            println!("got {}", line.unwrap());
        }
    });
    // A reader that held up this hub would never let this be printed, and the parent would not send anything.
    let_others_park();
    assert!(!reader.is_finished());
    println!("waiting");
    reader.join().unwrap();
    assert!(streams_block());
    println!("end");
}

/// Talks with a child that does `echo_lines`.
fn talk(command: &mut Command, mut say: impl FnMut(Option<&[u8]>)) {
    let mut child = Running::start(command);
    assert_eq!(child.line(), "waiting");
    for word in ["one", "two", ""] {
        say(Some(format!("{word}\n").as_bytes()));
        assert_eq!(child.line(), format!("got {word}"));
    }
    say(Some(b"unfin"));
    say(Some(b"ished"));
    say(None);
    assert_eq!(child.line(), "got unfinished");
    assert_eq!(child.line(), "end");
    child.finish();
}

#[test]
fn a_pipe_does_not_hold_up_the_hub() {
    let mut command = child("input::a_pipe_does_not_hold_up_the_hub", echo_lines);
    let (reader, writer) = io::pipe().unwrap();
    let mut writer = Some(writer);
    talk(command.stdin(reader), move |word| match word {
        Some(word) => writer.as_mut().unwrap().write_all(word).unwrap(),
        None => drop(writer.take()),
    });
}

#[test]
fn a_socket_does_not_hold_up_the_hub() {
    let mut command = child("input::a_socket_does_not_hold_up_the_hub", echo_lines);
    let (reader, writer) = UnixStream::pair().unwrap();
    let mut writer = Some(writer);
    talk(command.stdin(Stdio::from(std::os::fd::OwnedFd::from(reader))), move |word| match word {
        Some(word) => writer.as_mut().unwrap().write_all(word).unwrap(),
        None => drop(writer.take()),
    });
}

#[test]
fn a_named_pipe_does_not_hold_up_the_hub() {
    let mut command = child("input::a_named_pipe_does_not_hold_up_the_hub", echo_lines);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let both = File::options().read(true).write(true).open(&path).unwrap();
    let reader = File::open(&path).unwrap();
    let mut writer = Some(File::options().write(true).open(&path).unwrap());
    drop(both);
    talk(command.stdin(reader), move |word| match word {
        Some(word) => writer.as_mut().unwrap().write_all(word).unwrap(),
        None => drop(writer.take()),
    });
}

/// Runs the calling test's child with `input` in a file, and expects it to print `expected`.
fn check_file(mut command: Command, input: &[u8], expected: &str) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(input).unwrap();
    assert_eq!(output_of(command.stdin(file.reopen().unwrap())), expected);
}

#[test]
fn a_file_is_read_to_its_end() {
    let large = "a line of a large file\n".repeat(50_000);
    let command = child("input::a_file_is_read_to_its_end", || {
        let text = thread::spawn(|| green_io::read_to_string(stdin()).unwrap()).join().unwrap();
        println!("{} {}", text.len(), text.lines().all(|line| line == "a line of a large file"));
        assert_eq!(stdin().read(&mut [0]).unwrap(), 0);
    });
    check_file(command, large.as_bytes(), &format!("{} true\n", large.len()));
}

#[test]
fn nothing_is_the_end_at_once() {
    let mut command = child("input::nothing_is_the_end_at_once", || {
        assert_eq!(stdin().read_line(&mut String::new()).unwrap(), 0);
        assert_eq!(stdin().read(&mut [0; 3]).unwrap(), 0);
        assert!(!stdin().is_terminal());
    });
    assert_eq!(output_of(&mut command), "");
}

#[test]
fn a_closed_stream_is_at_its_end() {
    let mut command = child("input::a_closed_stream_is_at_its_end", || {
        crate::terminal::close(crate::number(&stdin()));
        assert_eq!(stdin().read(&mut [0; 3]).unwrap(), 0);
        assert_eq!(stdin().read(&mut [0; 30_000]).unwrap(), 0);
        assert!(!stdin().is_terminal());
    });
    assert_eq!(output_of(&mut command), "");
    // Closed from the start: std opens something else in its place.
    let command = child("input::a_closed_stream_is_at_its_end", || {});
    let closed = format!("exec {:?} \"$@\" <&-", command.get_program());
    let mut shell = Command::new("sh");
    shell.args(["-c", &closed, "sh"]).args(command.get_args()).env("GREEN_TEST_CHILD", "1").stdout(Stdio::piped());
    assert_eq!(output_of(&mut shell), "");
}

#[test]
fn another_direction_is_an_error() {
    let mut command = child("input::another_direction_is_an_error", || {
        // Open, but not for reading: the kernel says EBADF, which std takes for a closed stream.
        assert_eq!(stdin().read(&mut [0; 3]).unwrap(), 0);
    });
    output_of(command.stdin(File::options().write(true).open("/dev/null").unwrap()));
}

#[test]
fn a_folder_is_an_error() {
    let mut command = child("input::a_folder_is_an_error", || {
        assert_eq!(stdin().read(&mut [0; 3]).unwrap_err().kind(), io::ErrorKind::IsADirectory);
    });
    output_of(command.stdin(File::open("/").unwrap()));
}

#[test]
fn all_handles_share_one_buffer_and_one_lock() {
    let command = child("input::all_handles_share_one_buffer_and_one_lock", || {
        let mut first = String::new();
        stdin().read_line(&mut first).unwrap();
        assert_eq!(first, "first\n");
        let mut byte = [0];
        (&stdin()).read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"s");
        let mut locked = stdin().lock();
        assert_eq!(locked.fill_buf().unwrap(), b"econd\nthird\nrest\nof it");
        locked.consume(6);
        // Others wait for the lock.
        let other = thread::spawn_local(|| stdin().lines().next().unwrap().unwrap());
        let_others_park();
        assert!(!other.is_finished());
        let (mut a, mut b) = ([0; 2], [0; 4]);
        assert_eq!(locked.read_vectored(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)]).unwrap(), 6);
        assert_eq!((&a, &b), (b"th", b"ird\n"));
        drop(locked);
        assert_eq!(other.join().unwrap(), "rest");
        let mut rest = String::new();
        stdin().read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "of it");
    });
    check_file(command, b"first\nsecond\nthird\nrest\nof it", "");
}

#[test]
fn many_threads_get_every_line_once() {
    let lines: String = (0..10_000).map(|i| format!("line {i}\n")).collect();
    let mut command = child("input::many_threads_get_every_line_once", || {
        let readers: Vec<_> = (0..8)
            .map(|_| {
                thread::spawn(|| {
                    let mut sum = 0;
                    let mut line = String::new();
                    while stdin().read_line(&mut line).unwrap() > 0 {
                        sum += line.trim_end().strip_prefix("line ").unwrap().parse::<u64>().unwrap();
                        line.clear();
                    }
                    sum
                })
            })
            .collect();
        let sum: u64 = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        assert_eq!(sum, 9_999 * 5_000);
    });
    let mut child = Running::start(command.stdin(Stdio::piped()));
    child.stdin().write_all(lines.as_bytes()).unwrap();
    child.finish();
}

#[test]
fn a_killed_reader_leaves_the_stream_to_others() {
    let mut command = child("input::a_killed_reader_leaves_the_stream_to_others", || {
        let reading = thread::spawn(|| stdin().lines().count());
        let waiting = thread::spawn(|| stdin().lock().lines().count());
        let_others_park();
        for victim in [reading, waiting] {
            victim.kill().unwrap();
            assert!(victim.join().unwrap_err().is::<Killed>());
        }
        println!("killed");
        let lines = thread::spawn(|| stdin().lines().collect::<io::Result<Vec<_>>>().unwrap());
        assert_eq!(lines.join().unwrap(), ["for", "the", "survivor"]);
    });
    let mut child = Running::start(command.stdin(Stdio::piped()));
    assert_eq!(child.line(), "killed");
    child.stdin().write_all(b"for\nthe\nsurvivor").unwrap();
    child.finish();
}

#[test]
fn a_child_inherits_what_was_not_read_ahead() {
    let mut command = child("input::a_child_inherits_what_was_not_read_ahead", || {
        let mut line = String::new();
        stdin().read_line(&mut line).unwrap();
        println!("{line}next");
        assert!(Command::new("cat").status().unwrap().success());
    });
    let mut child = Running::start(command.stdin(Stdio::piped()));
    child.stdin().write_all(b"ours\n").unwrap();
    assert_eq!((child.line(), child.line()), ("ours".to_owned(), "next".to_owned()));
    child.stdin().write_all(b"the child's\n").unwrap();
    assert_eq!(child.line(), "the child's");
    child.finish();
}

#[test]
fn text_that_is_none_is_an_error() {
    let command = child("input::text_that_is_none_is_an_error", || {
        let error = stdin().read_line(&mut String::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    });
    check_file(command, b"\xff\xfe\n", "");
}
