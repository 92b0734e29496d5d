//! §5.2 and A38: descriptors beside the data, three at once, and none of them left over when something goes wrong.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, PipeReader, Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use green_task::channel::{Channel, Socket};

use crate::support::{LONG, alone, unix_pair};

/// Returns a descriptor, and a pipe that comes to its end when that and all its copies are closed.
fn witness() -> (OwnedFd, PipeReader) {
    let (reader, writer) = io::pipe().unwrap();
    (writer.into(), reader)
}

/// Waits until all copies of a witness's descriptor are closed.
fn expect_closed(witness: PipeReader) {
    let witness = green_io::Pollable::new(witness);
    assert!(witness.wait_readable(Some(std::time::Instant::now() + LONG)).unwrap(), "a descriptor is left open");
    assert_eq!((&witness).read(&mut [0]).unwrap(), 0);
}

#[test]
fn three_descriptors_arrive_as_three_others_of_the_same_file() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"text").unwrap();
    let (near, far) = unix_pair();
    let sent = [file.as_fd(); 3];
    near.writev_with_fds(&[IoSlice::new(b"he"), IoSlice::new(b"llo")], &sent).unwrap();
    drop(near);

    let (mut word, mut fds) = ([0; 5], Vec::new());
    far.readv_all_with_fds(&mut [IoSliceMut::new(&mut word)], &mut fds).unwrap();
    assert_eq!(&word, b"hello");
    let mut numbers: Vec<_> = fds.iter().map(AsRawFd::as_raw_fd).chain([file.as_raw_fd()]).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 4);
    for fd in fds {
        let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).unwrap();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
        assert_ne!(u32::from_str_radix(flags.trim(), 8).unwrap() & 0o2_000_000, 0, "not closed on exec");
        let mut copy = File::from(fd);
        assert_eq!(copy.metadata().unwrap().ino(), file.metadata().unwrap().ino());
        copy.rewind().unwrap();
        assert_eq!(io::read_to_string(copy).unwrap(), "text");
    }
    assert!(!far.readv_all_eof_with_fds(&mut [IoSliceMut::new(&mut word)], &mut Vec::new()).unwrap());
}

#[test]
fn a_receiver_that_waits_gets_them() {
    let (near, far) = unix_pair();
    let receiver = green_thread::spawn(move || {
        let mut fds = Vec::new();
        far.readv_all_with_fds(&mut [IoSliceMut::new(&mut [0; 2])], &mut fds).map(|()| fds)
    });
    let (fd, witness) = witness();
    // A read never brings the descriptors of two writes, so this takes two of them.
    near.writev_all_with_fds(&mut [IoSlice::new(b"a")], &[fd.as_fd()]).unwrap();
    near.writev_all_with_fds(&mut [IoSlice::new(b"b")], &[fd.as_fd(), fd.as_fd()]).unwrap();
    drop(fd);
    let fds = receiver.join().unwrap().unwrap();
    assert_eq!(fds.len(), 3);
    drop(fds);
    expect_closed(witness);
}

#[test]
fn many_bytes_carry_them_once() {
    let (near, far) = unix_pair();
    let (fd, witness) = witness();
    let writer = green_thread::spawn(move || {
        let data = vec![7; 1 << 20];
        near.writev_all_with_fds(&mut [IoSlice::new(&data)], &[fd.as_fd()])
    });
    let (mut data, mut fds) = (vec![0; 1 << 20], Vec::new());
    far.readv_all_with_fds(&mut [IoSliceMut::new(&mut data)], &mut fds).unwrap();
    writer.join().unwrap().unwrap();
    assert!(data.iter().all(|byte| *byte == 7));
    assert_eq!(fds.len(), 1);
    drop(fds);
    expect_closed(witness);
}

#[test]
fn datagrams_carry_them_too() {
    let (near, far) = green_net::os::unix::UnixDatagram::pair().unwrap();
    let (near, far) = (Socket::from(near), Socket::from(far));
    let (fd, witness) = witness();
    near.writev_with_fds(&[IoSlice::new(b"ab")], &[fd.as_fd(), fd.as_fd()]).unwrap();
    drop(fd);
    let (mut word, mut fds) = ([0; 8], Vec::new());
    assert_eq!(far.readv_with_fds(&mut [IoSliceMut::new(&mut word)], &mut fds).unwrap(), 2);
    assert_eq!(fds.len(), 2);
    drop(fds);
    expect_closed(witness);
}

#[test]
fn those_that_nobody_asked_for_are_closed() {
    let (near, far) = unix_pair();
    let (fd, witness) = witness();
    near.writev_with_fds(&[IoSlice::new(b"a")], &[fd.as_fd()]).unwrap();
    drop(fd);
    far.readv_all(&mut [IoSliceMut::new(&mut [0])]).unwrap();
    expect_closed(witness);
}

#[test]
fn an_end_in_between_closes_them() {
    let (near, far) = unix_pair();
    let (fd, witness) = witness();
    near.writev_with_fds(&[IoSlice::new(b"a")], &[fd.as_fd()]).unwrap();
    drop((near, fd));
    let mut fds = Vec::new();
    let error = far.readv_all_eof_with_fds(&mut [IoSliceMut::new(&mut [0; 2])], &mut fds).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert!(fds.is_empty());
    expect_closed(witness);
}

#[test]
fn a_kill_in_between_closes_them() {
    let (near, far) = unix_pair();
    let (fd, witness) = witness();
    let receiver = green_thread::spawn(move || {
        let mut fds = Vec::new();
        let _ = far.readv_all_with_fds(&mut [IoSliceMut::new(&mut [0; 2])], &mut fds);
    });
    near.writev_with_fds(&[IoSlice::new(b"a")], &[fd.as_fd()]).unwrap();
    drop(fd);
    receiver.kill().unwrap();
    assert!(receiver.join().is_err());
    drop(near);
    expect_closed(witness);
}

#[test]
fn what_cannot_be_passed_is_refused() {
    let (near, far) = unix_pair();
    let (fd, _witness) = witness();
    // A byte has to go with them, or the kernel would drop them without a word.
    assert_eq!(near.writev_with_fds(&[], &[fd.as_fd()]).unwrap_err().kind(), ErrorKind::InvalidInput);
    let error = near.writev_all_with_fds(&mut [IoSlice::new(b"")], &[fd.as_fd()]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let error = near.writev_with_fds(&[IoSlice::new(b"a")], &vec![fd.as_fd(); 254]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    near.writev_all_with_fds(&mut [IoSlice::new(b"a")], &vec![fd.as_fd(); 253]).unwrap();
    let mut fds = Vec::new();
    far.readv_all_with_fds(&mut [IoSliceMut::new(&mut [0])], &mut fds).unwrap();
    assert_eq!(fds.len(), 253);
}

#[test]
fn if_not_all_can_be_taken_none_is() {
    alone("fd_passing::if_not_all_can_be_taken_none_is", 64, || {
        let (near, far) = unix_pair();
        let (fd, witness) = witness();
        // This process already has some.
        near.writev_with_fds(&[IoSlice::new(b"a")], &vec![fd.as_fd(); 64]).unwrap();
        near.writev_with_fds(&[IoSlice::new(b"b")], &[fd.as_fd()]).unwrap();
        drop(fd);
        let mut fds = Vec::new();
        let error = far.readv_with_fds(&mut [IoSliceMut::new(&mut [0])], &mut fds).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(24), "EMFILE");
        assert!(fds.is_empty());
        // What comes behind is not lost.
        let mut word = [0];
        far.readv_all_with_fds(&mut [IoSliceMut::new(&mut word)], &mut fds).unwrap();
        assert_eq!((&word, fds.len()), (b"b", 1));
        drop(fds);
        expect_closed(witness);
    });
}

/// Kills receivers at every stage, and counts what is open afterwards.
#[test]
fn kills_at_any_moment_leave_no_descriptor_open() {
    alone("fd_passing::kills_at_any_moment_leave_no_descriptor_open", 1024, || {
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let round = |n: u64| {
            let (near, far) = unix_pair();
            let (fd, witness) = witness();
            let receiver = green_thread::spawn(move || {
                let mut fds = Vec::new();
                while far.readv_all_with_fds(&mut [IoSliceMut::new(&mut [0; 3])], &mut fds).is_ok() {
                    fds.clear();
                    // A kill point, for one who is never kept waiting.
                    green_thread::yield_now();
                }
            });
            let sender = green_thread::spawn(move || {
                while near.writev_with_fds(&[IoSlice::new(b"ab")], &[fd.as_fd(), fd.as_fd()]).is_ok() {
                    green_thread::yield_now();
                }
            });
            // Not to order anything: to come at another moment each time.
            green_thread::sleep(Duration::from_micros(n * 37 % 500));
            let (first, last) = if n.is_multiple_of(2) { (receiver, sender) } else { (sender, receiver) };
            first.kill().unwrap();
            let _ = first.join();
            last.kill().unwrap();
            let _ = last.join();
            expect_closed(witness);
        };
        // What is made once.
        (0..20).for_each(round);
        let before = open();
        (20..300).for_each(round);
        // One in each round would be 280. A hub may have come to its descriptors between the counts, or, where every thread
        // has a hub, a few, while others had not quite ended.
        assert!(open() < before + 40, "{before} descriptors have become {}", open());
    });
}
