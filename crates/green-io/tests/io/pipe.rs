//! `pipe`, `PipeReader`, `PipeWriter`. The tests named `test_…` carry names of eventlet's.

use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;

use green_core::kill::Killed;
use green_io::{PipeReader, PipeWriter, pipe};
use green_thread as thread;

use crate::support::{beside, is_nonblocking, let_others_park, pattern};

/// More than any pipe holds.
const LARGE: usize = 3 << 20;

#[test]
fn test_pipe() {
    let (mut reader, mut writer) = pipe().unwrap();
    let line = beside(
        move || {
            let mut buf = [0; 16];
            let count = reader.read(&mut buf).unwrap();
            buf[..count].to_vec()
        },
        || writer.write_all(b"some data").unwrap(),
    );
    assert_eq!(line, b"some data");
}

#[test]
fn test_pipe_read() {
    // Lines come whole although their parts come one by one.
    let (reader, mut writer) = pipe().unwrap();
    let lines = beside(
        move || BufReader::new(reader).lines().collect::<io::Result<Vec<_>>>().unwrap(),
        || {
            for part in ["li", "ne\n", "line", "\n\nla", "st"] {
                writer.write_all(part.as_bytes()).unwrap();
                let_others_park();
            }
            drop(writer);
        },
    );
    assert_eq!(lines, ["line", "line", "", "last"]);
}

#[test]
fn test_pipe_writes_large_messages() {
    let (mut reader, mut writer) = pipe().unwrap();
    let message = pattern(LARGE);
    let expected = message.clone();
    let sent = beside(
        move || writer.write(&message).unwrap(),
        || {
            let mut received = Vec::new();
            reader.read_to_end(&mut received).unwrap();
            assert!(received == expected);
        },
    );
    assert_eq!(sent, LARGE, "one write sends all");
}

#[test]
fn test_partial_write_295() {
    let (mut reader, mut writer) = pipe().unwrap();
    let parts: Vec<Vec<u8>> = (1..200).map(|i| pattern(i * 37)).collect();
    let expected = parts.concat();
    beside(
        move || {
            let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
            assert_eq!(writer.write_vectored(&slices).unwrap(), parts.concat().len());
        },
        || {
            let mut received = Vec::new();
            let mut piece = [0; 777];
            loop {
                match reader.read(&mut piece).unwrap() {
                    0 => break,
                    count => received.extend_from_slice(&piece[..count]),
                }
            }
            assert!(received == expected);
        },
    );
}

#[test]
fn the_end_comes_when_all_writers_are_gone() {
    let (mut reader, writer) = pipe().unwrap();
    let clone = writer.try_clone().unwrap();
    let got = beside(
        move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all
        },
        || {
            drop(writer);
            let_others_park();
            (&clone).write_all(b"x").unwrap();
            drop(clone);
        },
    );
    assert_eq!(got, b"x");
}

#[test]
fn a_write_without_readers_fails_even_if_it_had_begun() {
    let (reader, mut writer) = pipe().unwrap();
    let error = beside(
        move || {
            let sent = writer.write(&[0; LARGE]).unwrap();
            assert!(sent > 0 && sent < LARGE, "{sent} bytes were sent before the reader went");
            writer.write(&[0]).unwrap_err()
        },
        || drop(reader),
    );
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn several_readers_share_what_comes() {
    let (reader, mut writer) = pipe().unwrap();
    let reader = Arc::new(reader);
    let readers: Vec<_> = (0..4)
        .map(|i| {
            let (reader, clone) = (Arc::clone(&reader), reader.try_clone().unwrap());
            thread::spawn(move || {
                let mut all = Vec::new();
                if i % 2 == 0 { (&*reader).read_to_end(&mut all) } else { (&clone).read_to_end(&mut all) }.unwrap();
                all.len()
            })
        })
        .collect();
    for _ in 0..1000 {
        writer.write_all(&[7; 100]).unwrap();
        thread::yield_now();
    }
    drop(writer);
    assert_eq!(readers.into_iter().map(|reader| reader.join().unwrap()).sum::<usize>(), 100_000);
}

#[test]
fn small_writes_of_many_are_not_mixed() {
    let (reader, writer) = pipe().unwrap();
    let writers: Vec<_> = (b'a'..=b'h')
        .map(|letter| {
            let mut writer = writer.try_clone().unwrap();
            thread::spawn(move || {
                let mut line = vec![letter; 999];
                line.push(b'\n');
                for _ in 0..100 {
                    assert_eq!(writer.write(&line).unwrap(), 1000);
                }
            })
        })
        .collect();
    drop(writer);
    let mut lines = 0;
    for line in BufReader::new(reader).lines() {
        let line = line.unwrap();
        assert!(line.len() == 999 && line.bytes().all(|byte| byte == line.as_bytes()[0]), "{line}");
        lines += 1;
    }
    assert_eq!(lines, 800);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
}

#[test]
fn a_killed_reader_takes_nothing_and_leaves_no_trace() {
    let (reader, mut writer) = pipe().unwrap();
    let reader = Arc::new(reader);
    let victim = thread::spawn({
        let reader = Arc::clone(&reader);
        move || (&*reader).read(&mut [0; 8]).unwrap()
    });
    let_others_park();
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    writer.write_all(b"for the next").unwrap();
    drop(writer);
    assert_eq!(io::read_to_string(&*reader).unwrap(), "for the next");
}

#[test]
fn a_killed_writer_has_written_a_beginning() {
    let (mut reader, mut writer) = pipe().unwrap();
    let data = pattern(LARGE);
    let expected = data.clone();
    let victim = thread::spawn(move || writer.write(&data));
    let mut first = [0];
    reader.read_exact(&mut first).unwrap();
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    let mut received = first.to_vec();
    reader.read_to_end(&mut received).unwrap();
    assert!(received.len() < LARGE && expected.starts_with(&received));
}

#[test]
fn nobody_ever_sees_a_flag_of_ours() {
    let (mut reader, mut writer) = pipe().unwrap();
    let clones = (reader.try_clone().unwrap(), writer.try_clone().unwrap());
    let child = Command::new("sh")
        .args(["-c", "grep -q 'flags:.*4...$' /proc/self/fdinfo/0 && exit 1; exec wc -c"])
        .stdin(Stdio::from(clones.0))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let reader_fd = reader.try_clone().unwrap();
    let blocked = thread::spawn(move || reader.read(&mut [0; 1 << 16]));
    let_others_park();
    assert!(!is_nonblocking(&reader_fd));
    assert!(!is_nonblocking(&writer));
    writer.write_all(&vec![b'x'; LARGE]).unwrap();
    assert!(!is_nonblocking(&clones.1));
    drop((writer, clones.1));
    let from_child = child.wait_with_output().unwrap();
    assert!(from_child.status.success());
    let to_child: usize = String::from_utf8(from_child.stdout).unwrap().trim().parse().unwrap();
    assert_eq!(blocked.join().unwrap().unwrap() + to_child, LARGE);
}

#[test]
fn the_users_flag_is_obeyed() {
    let (reader, writer) = pipe().unwrap();
    let set = |fd: OwnedFd| {
        let fd = std::os::unix::net::UnixStream::from(fd);
        fd.set_nonblocking(true).unwrap();
        OwnedFd::from(fd)
    };
    let mut reader = PipeReader::from(set(reader.into()));
    let mut writer = PipeWriter::from(set(writer.into()));
    let error = reader.read(&mut [0]).unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::WouldBlock, Some(libc::EAGAIN)));
    let sent = writer.write(&[0; LARGE]).unwrap();
    assert!(sent < LARGE);
    assert_eq!(writer.write(&[0; 4096]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn vectored_reads_fill_the_buffers_in_their_order() {
    let (mut reader, mut writer) = pipe().unwrap();
    writer.write_all(b"hello world").unwrap();
    let (mut first, mut empty, mut second) = ([0; 5], [], [0; 8]);
    let mut bufs = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut empty), IoSliceMut::new(&mut second)];
    assert_eq!(reader.read_vectored(&mut bufs).unwrap(), 11);
    assert_eq!((&first, &second[..6]), (b"hello", &b" world"[..]));
}

#[test]
fn a_pipe_goes_to_a_child_and_back() {
    let (input, mut to_child) = pipe().unwrap();
    let (mut from_child, output) = pipe().unwrap();
    let mut child = Command::new("tr").args(["a-z", "A-Z"]).stdin(input).stdout(output).spawn().unwrap();
    let sender = thread::spawn(move || {
        for _ in 0..10_000 {
            to_child.write_all(b"a line for the child\n").unwrap();
        }
    });
    let mut all = String::new();
    from_child.read_to_string(&mut all).unwrap();
    sender.join().unwrap();
    assert_eq!(all, "A LINE FOR THE CHILD\n".repeat(10_000));
    assert!(child.wait().unwrap().success());
}
