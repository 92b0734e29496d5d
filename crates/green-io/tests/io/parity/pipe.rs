// Included twice; see `parity.rs`.

use io::{BufRead, BufReader, ErrorKind, IoSlice, IoSliceMut, PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

fn check(writes: &[&[u8]], expected: &[u8]) {
    let (mut reader, mut writer) = pipe().unwrap();
    let sender = {
        let writes: Vec<Vec<u8>> = writes.iter().map(|write| write.to_vec()).collect();
        thread::spawn(move || {
            for write in writes {
                assert_eq!(writer.write(&write).unwrap(), write.len());
            }
        })
    };
    let mut all = Vec::new();
    assert_eq!(reader.read_to_end(&mut all).unwrap(), expected.len());
    assert!(all == expected);
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    sender.join().unwrap();
}

#[test]
fn what_goes_in_comes_out() {
    check(&[], b"");
    check(&[b""], b"");
    check(&[b"a", b"", b"bc"], b"abc");
    check(&[&[9; 65536], &[9; 65536], &[9; 1]], &[9; 131_073]);
    check(&[&[1; 1 << 20]], &[1; 1 << 20]);
}

#[test]
fn empty_calls_return_at_once() {
    let (mut reader, mut writer) = pipe().unwrap();
    assert_eq!(reader.read(&mut []).unwrap(), 0);
    assert_eq!(reader.read_vectored(&mut []).unwrap(), 0);
    assert_eq!(writer.write(&[]).unwrap(), 0);
    assert_eq!(writer.write_vectored(&[]).unwrap(), 0);
    assert_eq!(writer.write_vectored(&[IoSlice::new(&[])]).unwrap(), 0);
    writer.flush().unwrap();
}

#[test]
fn a_read_takes_what_is_there() {
    let (mut reader, mut writer) = pipe().unwrap();
    writer.write_all(b"abcdef").unwrap();
    let mut buf = [0; 4];
    assert_eq!(reader.read(&mut buf).unwrap(), 4);
    assert_eq!(reader.read(&mut buf).unwrap(), 2);
    assert_eq!(&buf, b"efcd");
    writer.write_all(b"123456").unwrap();
    let (mut one, mut two) = ([0; 1], [0; 9]);
    assert_eq!(reader.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)]).unwrap(), 6);
    assert_eq!((&one, &two[..5]), (b"1", &b"23456"[..]));
}

#[test]
fn errors_have_the_kinds_they_have() {
    let (reader, mut writer) = pipe().unwrap();
    drop(reader);
    let error = writer.write(b"x").unwrap_err();
    assert_eq!((error.kind(), error.raw_os_error()), (ErrorKind::BrokenPipe, Some(libc::EPIPE)));
    assert_eq!(writer.write_all(&[0; 1 << 20]).unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(writer.write_vectored(&[IoSlice::new(b"x")]).unwrap_err().kind(), ErrorKind::BrokenPipe);
    let (mut reader, writer) = pipe().unwrap();
    drop(writer);
    assert_eq!(reader.read_exact(&mut [0]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    // The wrong end.
    let (reader, writer) = pipe().unwrap();
    let mut wrong = PipeWriter::from(OwnedFd::from(reader));
    assert_eq!(wrong.write(b"x").unwrap_err().raw_os_error(), Some(libc::EBADF));
    let mut wrong = PipeReader::from(OwnedFd::from(writer));
    assert_eq!(wrong.read(&mut [0]).unwrap_err().raw_os_error(), Some(libc::EBADF));
}

#[test]
fn more_slices_than_the_kernel_takes_are_a_short_write() {
    let (mut reader, mut writer) = pipe().unwrap();
    let byte = [IoSlice::new(b"x"); 1500];
    assert_eq!(writer.write_vectored(&byte).unwrap(), 1024);
    drop(writer);
    let mut all = Vec::new();
    assert_eq!(reader.read_to_end(&mut all).unwrap(), 1024);
}

#[test]
fn more_slices_than_the_kernel_takes_are_a_short_read() {
    let (mut reader, mut writer) = pipe().unwrap();
    writer.write_all(&[b'x'; 1500]).unwrap();
    let mut bytes = [0; 1500];
    let mut bufs: Vec<_> = bytes.chunks_mut(1).map(IoSliceMut::new).collect();
    assert_eq!(reader.read_vectored(&mut bufs).unwrap(), 1024);
    // Nothing in those that are taken.
    let mut empty = [[0_u8; 0]; 1024];
    let mut bufs: Vec<_> = empty.iter_mut().map(|buf| IoSliceMut::new(buf)).collect();
    let mut one = [0];
    bufs.push(IoSliceMut::new(&mut one));
    assert_eq!(reader.read_vectored(&mut bufs).unwrap(), 0);
    let mut bufs = vec![IoSlice::new(b""); 1024];
    bufs.push(IoSlice::new(b"y"));
    assert_eq!(writer.write_vectored(&bufs).unwrap(), 0);
    drop(writer);
    let mut rest = Vec::new();
    assert_eq!(reader.read_to_end(&mut rest).unwrap(), 476);
}

#[test]
fn lines_are_read_from_a_pipe() {
    let (reader, mut writer) = pipe().unwrap();
    let lines = thread::spawn(move || BufReader::new(reader).lines().map(|line| line.unwrap()).collect::<Vec<_>>());
    for part in ["a\nb", "c", "\r\n", "d"] {
        write!(writer, "{part}").unwrap();
    }
    drop(writer);
    assert_eq!(lines.join().unwrap(), ["a", "bc", "d"]);
}

#[test]
fn ends_turn_into_descriptors_and_back() {
    let (reader, writer) = pipe().unwrap();
    assert_eq!(reader.as_raw_fd(), reader.as_fd().as_raw_fd());
    let number = writer.as_raw_fd();
    let raw = writer.into_raw_fd();
    assert_eq!(raw, number);
    // SAFETY: the descriptor was given up just now.
    let mut writer = unsafe { PipeWriter::from_raw_fd(raw) };
    // SAFETY: as above.
    let mut reader = unsafe { PipeReader::from_raw_fd(reader.into_raw_fd()) };
    writer.write_all(b"still a pipe").unwrap();
    drop(writer);
    assert_eq!(io::read_to_string(&mut reader).unwrap(), "still a pipe");
    assert!(format!("{reader:?}").starts_with("PipeReader("), "{reader:?}");
}

#[test]
fn both_ends_are_closed_in_children() {
    let (reader, writer) = pipe().unwrap();
    for number in [reader.as_raw_fd(), writer.as_raw_fd()] {
        let mut child = std::process::Command::new("test");
        assert!(!child.arg("-e").arg(format!("/proc/self/fd/{number}")).status().unwrap().success());
    }
}
