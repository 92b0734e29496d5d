//! A38: 250 buffers of 4194 bytes from a writer to a reader, over every kind of channel, by parking and by would-block, on
//! green threads and on OS threads. TLS is a channel of somebody else's, who has no more than the trait.

use std::io::{IoSlice, IoSliceMut, SeekFrom};
use std::sync::Arc;

use green_task::channel::{Access, Buffer, Channel, Command, File, Pipe};
use green_tests::has_ipv6;

use crate::support::{pair, shared, unix_pair};
use crate::tls::Tls;

const BUFFERS: usize = 250;
const LEN: usize = 4194;

/// Returns what is sent: no two buffers are the same.
fn pattern() -> Vec<Vec<u8>> {
    (0..BUFFERS).map(|n| (0..LEN).map(|i| (n * 7 + i * 13 + i / 251) as u8).collect()).collect()
}

fn write(channel: &dyn Channel) {
    let pattern = pattern();
    let mut bufs: Vec<_> = pattern.iter().map(|buf| IoSlice::new(buf)).collect();
    channel.writev_all(&mut bufs).unwrap();
}

fn read(channel: &dyn Channel) {
    let mut found = vec![vec![0; LEN]; BUFFERS];
    let mut bufs: Vec<_> = found.iter_mut().map(|buf| IoSliceMut::new(buf)).collect();
    channel.readv_all(&mut bufs).unwrap();
    assert!(found == pattern(), "what was read is not what was written");
}

type Ends = (Arc<dyn Channel>, Arc<dyn Channel>);

/// Runs writer and reader at once over what `make` makes; the ends may be the same channel.
fn check(make: impl Fn() -> Ends) {
    for nonblocking in [false, true] {
        let ends = || {
            let (writer, reader) = make();
            for channel in [&writer, &reader] {
                channel.set_nonblocking(nonblocking).unwrap();
                assert_eq!(channel.is_nonblocking().unwrap(), nonblocking);
            }
            (writer, reader)
        };
        let (writer, reader) = ends();
        let writing = green_thread::spawn(move || write(&*writer));
        let reading = green_thread::spawn(move || read(&*reader));
        writing.join().unwrap();
        reading.join().unwrap();

        let (writer, reader) = ends();
        let writing = std::thread::spawn(move || write(&*writer));
        read(&*reader);
        writing.join().unwrap();
    }
}

#[test]
fn tcp4() {
    check(|| {
        let (near, far) = pair("127.0.0.1:0");
        (shared(near), shared(far))
    });
}

#[test]
fn tcp6() {
    if has_ipv6() {
        check(|| {
            let (near, far) = pair("[::1]:0");
            (shared(far), shared(near))
        });
    }
}

#[test]
fn tls() {
    check(|| {
        let (near, far) = pair("127.0.0.1:0");
        (shared(Tls::client(near)), shared(Tls::server(far)))
    });
    check(|| {
        let (near, far) = unix_pair();
        (shared(Tls::server(near)), shared(Tls::client(far)))
    });
}

#[test]
fn unix_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = format!("unix:{}", folder.path().join("socket").display());
    check(|| {
        let (near, far) = pair(&path);
        (shared(near), shared(far))
    });
}

#[test]
fn unix_by_pair() {
    check(|| {
        let (near, far) = unix_pair();
        (shared(near), shared(far))
    });
}

#[test]
fn pipe() {
    check(|| {
        let (near, far) = Pipe::pair().unwrap();
        (shared(near), shared(far))
    });
    check(|| {
        let (reader, writer) = green_io::pipe().unwrap();
        (shared(Pipe::writer(writer)), shared(Pipe::reader(reader)))
    });
}

#[test]
fn file_that_is_a_pipe() {
    check(|| {
        let (reader, writer) = std::io::pipe().unwrap();
        let file = |fd: std::os::fd::OwnedFd| shared(File::from(fd));
        (file(writer.into()), file(reader.into()))
    });
}

#[test]
fn command_that_echoes() {
    check(|| {
        let cat = shared(Command::spawn(["cat"], Access::Both).unwrap());
        (Arc::clone(&cat), cat)
    });
}

/// What has a position is written first and then read, as in QEMU's own test.
fn check_in_turn(channel: &dyn Channel) {
    for nonblocking in [false, true] {
        channel.set_nonblocking(nonblocking).unwrap();
        channel.seek(SeekFrom::Start(0)).unwrap();
        write(channel);
        channel.seek(SeekFrom::Start(0)).unwrap();
        read(channel);
        assert_eq!(channel.readv(&mut [IoSliceMut::new(&mut [0])]).unwrap(), 0);
    }
}

#[test]
fn buffer() {
    let buffer = Buffer::new();
    check_in_turn(&buffer);
    assert_eq!(buffer.into_inner(), pattern().concat());
}

#[test]
fn file() {
    let file = std::os::fd::OwnedFd::from(tempfile::tempfile().unwrap());
    let file = File::from(file);
    check_in_turn(&file);
    green_thread::spawn(move || check_in_turn(&file)).join().unwrap();
}
