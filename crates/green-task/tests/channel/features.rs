//! §5.2: who has which feature, and what asking for another comes to.

use std::io::{ErrorKind, IoSlice, IoSliceMut, SeekFrom};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use green_net::UdpSocket;
use green_net::os::unix::UnixDatagram;
use green_task::channel::Feature::{FdPass, Listen, Peek, Seek, Shutdown};
use green_task::channel::{
    Access, Buffer, Channel, ChannelError, Command, Feature, File, Null, Pipe, Shutdown as How, Socket,
};

use crate::support::{pair, unix_pair};

const ALL: [Feature; 5] = [FdPass, Shutdown, Listen, Peek, Seek];

/// Asks for what `channel` should not have.
fn ask(channel: &dyn Channel, feature: Feature) -> std::io::Error {
    match feature {
        FdPass => {
            let mut fds = Vec::new();
            let error = channel.readv_with_fds(&mut [IoSliceMut::new(&mut [0])], &mut fds).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            channel.writev_with_fds(&[IoSlice::new(b"a")], &[]).unwrap_err()
        }
        Shutdown => channel.shutdown(How::Write).unwrap_err(),
        Peek => channel.peek(&mut [0]).unwrap_err(),
        Seek => channel.seek(SeekFrom::Start(0)).unwrap_err(),
        other => unreachable!("{other:?}"),
    }
}

fn check(channel: &dyn Channel, features: &[Feature]) {
    for feature in ALL {
        assert_eq!(channel.has_feature(feature), features.contains(&feature), "{channel:?} {feature:?}");
        if !features.contains(&feature) && feature != Listen {
            let error = ask(channel, feature);
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{channel:?} {feature:?}");
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ChannelError>());
            assert_eq!(inner, Some(&ChannelError::Lacks(feature)));
        }
    }
}

#[test]
fn every_channel_says_what_it_can_and_refuses_the_rest() {
    let (tcp, _peer) = pair("127.0.0.1:0");
    check(&tcp, &[Shutdown, Peek]);
    check(&unix_pair().0, &[FdPass, Shutdown, Peek]);
    check(&Socket::listen("127.0.0.1:0", 1).unwrap(), &[Listen]);
    check(&Socket::from(UdpSocket::bind("127.0.0.1:0").unwrap()), &[Peek]);
    check(&Socket::from(UnixDatagram::unbound().unwrap()), &[FdPass, Shutdown, Peek]);
    check(&File::from(OwnedFd::from(tempfile::tempfile().unwrap())), &[Seek]);
    let (reader, _writer) = std::io::pipe().unwrap();
    check(&File::from(OwnedFd::from(reader)), &[]);
    check(&Pipe::pair().unwrap().0, &[]);
    check(&Command::spawn(["true"], Access::Read).unwrap(), &[]);
    check(&Buffer::new(), &[Seek]);
    check(&Null, &[]);
}

#[test]
fn only_a_listener_accepts_and_a_listener_has_no_data() {
    let (tcp, _peer) = pair("127.0.0.1:0");
    assert_eq!(tcp.accept().unwrap_err().kind(), ErrorKind::InvalidInput);
    let listener = Socket::listen("127.0.0.1:0", 1).unwrap();
    assert_eq!(listener.readv(&mut [IoSliceMut::new(&mut [0])]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(listener.writev(&[IoSlice::new(&[0])]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(listener.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
}

#[test]
fn a_channel_of_one_direction_refuses_the_other() {
    let (reader, writer) = green_io::pipe().unwrap();
    let (reader, writer) = (Pipe::reader(reader), Pipe::writer(writer));
    assert_eq!(reader.writev(&[IoSlice::new(b"a")]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(reader.wait_writable(None).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(writer.readv(&mut [IoSliceMut::new(&mut [0])]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(writer.wait_readable(None).unwrap_err().kind(), ErrorKind::InvalidInput);
    writer.close_writer();
    writer.close_writer();
    assert_eq!(writer.writev(&[IoSlice::new(b"a")]).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(reader.readv(&mut [IoSliceMut::new(&mut [0])]).unwrap(), 0);
}

#[test]
fn what_is_never_waited_for_is_always_ready() {
    for channel in [&Buffer::new() as &dyn Channel, &Null] {
        channel.set_nonblocking(true).unwrap();
        assert!(channel.wait_readable(None).unwrap() && channel.wait_writable(None).unwrap());
        assert_eq!(channel.readv(&mut [IoSliceMut::new(&mut [0])]).unwrap(), 0);
        channel.set_nodelay(true).unwrap();
    }
    let file = File::from(OwnedFd::from(tempfile::tempfile().unwrap()));
    assert!(file.wait_readable(None).unwrap() && file.wait_writable(None).unwrap());
}

/// One of the descriptors may be shared with somebody who makes it so.
#[test]
fn a_pipe_does_not_block_if_either_of_its_descriptors_does_not() {
    let (near, _far) = Pipe::pair().unwrap();
    assert!(!near.is_nonblocking().unwrap());
    let (reader, writer) = std::io::pipe().unwrap();
    let (reads, writes) = (reader.try_clone().unwrap(), writer.try_clone().unwrap());
    let pipe = Pipe::new(reader, writer);
    let set = |pipe: Pipe| pipe.set_nonblocking(true).unwrap();
    set(Pipe::writer(writes));
    assert!(pipe.is_nonblocking().unwrap(), "the writer");
    pipe.close_writer();
    assert!(!pipe.is_nonblocking().unwrap(), "the reader is as it was");
    set(Pipe::reader(reads));
    assert!(pipe.is_nonblocking().unwrap(), "the reader");
    drop(pipe);
    let closed = Pipe::writer(std::io::pipe().unwrap().1);
    closed.close_writer();
    assert!(!closed.is_nonblocking().unwrap(), "nothing is left that could");
}

/// What takes any channel takes one that is borrowed, boxed or shared, too, and finds the same abilities.
#[test]
fn what_refers_to_a_channel_is_one() {
    fn check<C: Channel>(channel: C) {
        assert!(channel.has_feature(Seek));
        channel.writev_all(&mut [IoSlice::new(b"text")]).unwrap();
        channel.seek(SeekFrom::Start(0)).unwrap();
        let mut text = [0; 4];
        channel.readv_all(&mut [IoSliceMut::new(&mut text)]).unwrap();
        assert_eq!(&text, b"text");
        Box::new(channel).close().unwrap();
    }
    let buffer = Buffer::new();
    check(&buffer);
    check(&buffer as &dyn Channel);
    check(Box::new(Buffer::new()));
    check(Box::new(Buffer::new()) as Box<dyn Channel>);
    let shared: Arc<dyn Channel> = Arc::new(Buffer::new());
    check(Arc::clone(&shared));
    check(&shared);
    check(shared);
    // To close a box is to close what is in it: this waits for the child's end.
    let child = Command::spawn(["cat"], Access::Write).unwrap();
    let pid = child.id();
    let boxed: Box<dyn Channel> = Box::new(child);
    Box::new(boxed).close().unwrap();
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}
