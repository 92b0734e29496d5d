// What holds for std's Unix sockets and for ours alike; `rt` is the one or the other.

use std::fmt::Debug;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rt::os::linux::net::SocketAddrExt;
use rt::os::unix::net::{Incoming, SocketAddr, UnixDatagram, UnixListener, UnixStream};
use rt::thread;

use crate::support::{TempPath, abstract_addr};

/// Runs `check` on this OS thread and in a thread of `rt`'s.
fn everywhere(check: fn()) {
    check();
    thread::spawn(check).join().unwrap();
}

#[test]
fn traits_are_implemented() {
    fn socket<T>()
    where
        T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + Debug,
        T: AsFd + AsRawFd + FromRawFd + IntoRawFd + From<OwnedFd> + Into<OwnedFd>,
    {
    }
    fn stream<T: Read + Write>() {}
    fn iterator<'a, T>()
    where
        T: Iterator<Item = io::Result<UnixStream>> + Debug,
        T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'a,
    {
    }
    fn listener<'a, T>()
    where
        T: IntoIterator<Item = io::Result<UnixStream>, IntoIter = Incoming<'a>>,
    {
    }
    socket::<UnixStream>();
    socket::<UnixListener>();
    socket::<UnixDatagram>();
    stream::<UnixStream>();
    stream::<&UnixStream>();
    iterator::<Incoming<'_>>();
    listener::<&UnixListener>();
}

#[test]
fn signatures_are_the_same() {
    type R<T> = io::Result<T>;
    type Received = R<(usize, SocketAddr)>;
    let _: fn(PathBuf) -> R<UnixStream> = UnixStream::connect;
    let _: fn(&SocketAddr) -> R<UnixStream> = UnixStream::connect_addr;
    let _: fn() -> R<(UnixStream, UnixStream)> = UnixStream::pair;
    let _: fn(&UnixStream) -> R<UnixStream> = UnixStream::try_clone;
    let _: fn(&UnixStream) -> R<SocketAddr> = UnixStream::local_addr;
    let _: fn(&UnixStream) -> R<SocketAddr> = UnixStream::peer_addr;
    let _: fn(&UnixStream, Option<Duration>) -> R<()> = UnixStream::set_read_timeout;
    let _: fn(&UnixStream, Option<Duration>) -> R<()> = UnixStream::set_write_timeout;
    let _: fn(&UnixStream) -> R<Option<Duration>> = UnixStream::read_timeout;
    let _: fn(&UnixStream) -> R<Option<Duration>> = UnixStream::write_timeout;
    let _: fn(&UnixStream, bool) -> R<()> = UnixStream::set_nonblocking;
    let _: fn(&UnixStream) -> R<Option<io::Error>> = UnixStream::take_error;
    let _: fn(&UnixStream, Shutdown) -> R<()> = UnixStream::shutdown;

    let _: fn(PathBuf) -> R<UnixListener> = UnixListener::bind;
    let _: fn(&SocketAddr) -> R<UnixListener> = UnixListener::bind_addr;
    let _: fn(&UnixListener) -> R<(UnixStream, SocketAddr)> = UnixListener::accept;
    let _: fn(&UnixListener) -> R<UnixListener> = UnixListener::try_clone;
    let _: fn(&UnixListener) -> R<SocketAddr> = UnixListener::local_addr;
    let _: fn(&UnixListener, bool) -> R<()> = UnixListener::set_nonblocking;
    let _: fn(&UnixListener) -> R<Option<io::Error>> = UnixListener::take_error;
    let _: for<'a> fn(&'a UnixListener) -> Incoming<'a> = UnixListener::incoming;

    let _: fn(PathBuf) -> R<UnixDatagram> = UnixDatagram::bind;
    let _: fn(&SocketAddr) -> R<UnixDatagram> = UnixDatagram::bind_addr;
    let _: fn() -> R<UnixDatagram> = UnixDatagram::unbound;
    let _: fn() -> R<(UnixDatagram, UnixDatagram)> = UnixDatagram::pair;
    let _: fn(&UnixDatagram, PathBuf) -> R<()> = UnixDatagram::connect;
    let _: fn(&UnixDatagram, &SocketAddr) -> R<()> = UnixDatagram::connect_addr;
    let _: fn(&UnixDatagram) -> R<UnixDatagram> = UnixDatagram::try_clone;
    let _: fn(&UnixDatagram) -> R<SocketAddr> = UnixDatagram::local_addr;
    let _: fn(&UnixDatagram) -> R<SocketAddr> = UnixDatagram::peer_addr;
    let _: fn(&UnixDatagram, &mut [u8]) -> Received = UnixDatagram::recv_from;
    let _: fn(&UnixDatagram, &mut [u8]) -> R<usize> = UnixDatagram::recv;
    let _: fn(&UnixDatagram, &[u8], PathBuf) -> R<usize> = UnixDatagram::send_to;
    let _: fn(&UnixDatagram, &[u8], &SocketAddr) -> R<usize> = UnixDatagram::send_to_addr;
    let _: fn(&UnixDatagram, &[u8]) -> R<usize> = UnixDatagram::send;
    let _: fn(&UnixDatagram, Option<Duration>) -> R<()> = UnixDatagram::set_read_timeout;
    let _: fn(&UnixDatagram, Option<Duration>) -> R<()> = UnixDatagram::set_write_timeout;
    let _: fn(&UnixDatagram) -> R<Option<Duration>> = UnixDatagram::read_timeout;
    let _: fn(&UnixDatagram) -> R<Option<Duration>> = UnixDatagram::write_timeout;
    let _: fn(&UnixDatagram, bool) -> R<()> = UnixDatagram::set_nonblocking;
    let _: fn(&UnixDatagram) -> R<Option<io::Error>> = UnixDatagram::take_error;
    let _: fn(&UnixDatagram, Shutdown) -> R<()> = UnixDatagram::shutdown;
}

#[test]
fn a_path_connects() {
    everywhere(|| {
        let path = TempPath::new();
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_pathname(), Some(path.as_ref()));
        let mut client = UnixStream::connect(&path).unwrap();
        let (mut server, peer) = listener.accept().unwrap();
        assert!(peer.is_unnamed() && client.local_addr().unwrap().is_unnamed());
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(path.as_ref()));
        assert_eq!(server.local_addr().unwrap().as_pathname(), Some(path.as_ref()));
        client.write_all(b"hello").unwrap();
        drop(client);
        let mut text = String::new();
        server.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(listener);
        assert_eq!(UnixStream::connect(&path).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn an_abstract_name_connects() {
    everywhere(|| {
        let addr = abstract_addr();
        let listener = UnixListener::bind_addr(&addr).unwrap();
        assert_eq!(listener.local_addr().unwrap().as_abstract_name(), addr.as_abstract_name());
        let client = UnixStream::connect_addr(&addr).unwrap();
        assert_eq!(client.peer_addr().unwrap().as_abstract_name(), addr.as_abstract_name());
        let (server, _) = listener.accept().unwrap();
        assert_eq!(server.local_addr().unwrap().as_abstract_name(), addr.as_abstract_name());
        drop(listener);
        assert_eq!(UnixStream::connect_addr(&addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn addresses_that_are_none_are_the_same_errors() {
    let long = "p".repeat(108);
    for (path, kind, message) in [
        (long.as_str(), ErrorKind::InvalidInput, "path must be shorter than SUN_LEN"),
        ("nul\0byte", ErrorKind::InvalidInput, "paths must not contain interior null bytes"),
    ] {
        let sender = UnixDatagram::unbound().unwrap();
        for error in [
            UnixStream::connect(path).unwrap_err(),
            UnixListener::bind(path).unwrap_err(),
            UnixDatagram::bind(path).unwrap_err(),
            sender.connect(path).unwrap_err(),
            sender.send_to(b"x", path).unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
        }
    }
    let nowhere = TempPath::new();
    assert_eq!(UnixStream::connect(&nowhere).unwrap_err().kind(), ErrorKind::NotFound);
    let sender = UnixDatagram::unbound().unwrap();
    assert_eq!(sender.send_to(b"x", &nowhere).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(sender.connect(&nowhere).unwrap_err().kind(), ErrorKind::NotFound);

    let unnamed = sender.local_addr().unwrap();
    assert_eq!(UnixStream::connect_addr(&unnamed).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(UnixStream::connect("").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(sender.send_to_addr(b"x", &unnamed).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(sender.send_to(b"x", "").unwrap_err().kind(), ErrorKind::InvalidInput);
    // A socket of the other type.
    let path = TempPath::new();
    let _listener = UnixListener::bind(&path).unwrap();
    // EPROTOTYPE, for which there is no kind.
    assert_eq!(sender.send_to(b"x", &path).unwrap_err().raw_os_error(), Some(91));
    assert_eq!(sender.connect(&path).unwrap_err().raw_os_error(), Some(91));
    let path = TempPath::new();
    let _datagram = UnixDatagram::bind(&path).unwrap();
    assert_eq!(UnixStream::connect(&path).unwrap_err().raw_os_error(), Some(91));
    // No socket at all.
    let path = TempPath::new();
    std::fs::write(&path, "file").unwrap();
    assert_eq!(UnixStream::connect(&path).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn nothing_to_read_into_waits_for_data_all_the_same() {
    let (mut near, mut far) = UnixStream::pair().unwrap();
    far.set_nonblocking(true).unwrap();
    assert_eq!(far.read(&mut []).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(far.read_vectored(&mut []).unwrap(), 0);
    assert_eq!(far.read_vectored(&mut [IoSliceMut::new(&mut [])]).unwrap(), 0);
    far.set_nonblocking(false).unwrap();
    near.write_all(b"x").unwrap();
    assert_eq!(far.read(&mut []).unwrap(), 0);
    assert_eq!(far.read(&mut [0; 8]).unwrap(), 1);
}

#[test]
fn nothing_to_write_is_written_at_once() {
    let (mut near, far) = UnixStream::pair().unwrap();
    assert_eq!(near.write(&[]).unwrap(), 0);
    assert_eq!(near.write_vectored(&[]).unwrap(), 0);
    assert_eq!(near.write_vectored(&[IoSlice::new(&[])]).unwrap(), 0);
    drop(far);
    assert_eq!(near.write_vectored(&[IoSlice::new(&[])]).unwrap(), 0);
    assert_eq!(near.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert_eq!(near.write_vectored(&[IoSlice::new(b"x")]).unwrap_err().kind(), ErrorKind::BrokenPipe);
    near.flush().unwrap();
}

#[test]
fn of_more_buffers_than_the_kernel_takes_the_first_ones_count() {
    let (mut near, mut far) = UnixStream::pair().unwrap();
    assert_eq!(near.write_vectored(&[IoSlice::new(b"x"); 1500]).unwrap(), 1024);
    near.write_all(&[b'x'; 476]).unwrap();
    let mut bytes = [0; 1500];
    let mut count = 0;
    while count < bytes.len() {
        let mut bufs: Vec<_> = bytes[count..].chunks_mut(1).map(IoSliceMut::new).collect();
        let more = far.read_vectored(&mut bufs).unwrap();
        assert!((1..=1024).contains(&more));
        count += more;
    }
    assert_eq!(bytes, [b'x'; 1500]);
    // If there is nothing in those, none of the others is looked at, nor is the socket.
    let (mut empty, mut one) = ([[0_u8; 0]; 1024], [0]);
    let mut bufs: Vec<_> = empty.iter_mut().map(|buf| IoSliceMut::new(buf)).chain([IoSliceMut::new(&mut one)]).collect();
    assert_eq!(far.read_vectored(&mut bufs).unwrap(), 0);
    let mut bufs = vec![IoSlice::new(b""); 1024];
    bufs.push(IoSlice::new(b"x"));
    assert_eq!(near.write_vectored(&bufs).unwrap(), 0);
    drop(near);
    assert_eq!(far.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn several_buffers_are_one_message() {
    everywhere(|| {
        let (mut near, mut far) = UnixStream::pair().unwrap();
        let bufs = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        assert_eq!(near.write_vectored(&bufs).unwrap(), 5);
        let (mut one, mut two) = ([0; 3], [0; 9]);
        let count = far.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)]).unwrap();
        assert_eq!((count, &one, &two[..2]), (5, b"abc", &b"de"[..]));
    });
}

#[test]
fn the_end_of_a_stream_is_the_end() {
    everywhere(|| {
        let (mut near, mut far) = UnixStream::pair().unwrap();
        near.write_all(b"last").unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        assert_eq!(near.write(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut buf = [0; 8];
        assert_eq!(far.read(&mut buf).unwrap(), 4);
        assert_eq!((far.read(&mut buf).unwrap(), far.read(&mut buf).unwrap()), (0, 0));
        far.write_all(b"the other way").unwrap();
        drop(far);
        assert_eq!(near.read(&mut buf).unwrap(), 8);
        assert_eq!(near.read(&mut buf).unwrap(), 5);
        assert_eq!(near.read(&mut buf).unwrap(), 0);
    });
}

#[test]
fn unread_data_at_the_end_is_a_reset() {
    everywhere(|| {
        let (mut near, far) = UnixStream::pair().unwrap();
        near.write_all(b"never read").unwrap();
        drop(far);
        assert_eq!(near.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_shutdown_wakes_who_reads() {
    everywhere(|| {
        let (near, _far) = UnixStream::pair().unwrap();
        let mut clone = near.try_clone().unwrap();
        let reader = thread::spawn(move || clone.read(&mut [0; 8]).unwrap());
        thread::yield_now();
        near.shutdown(Shutdown::Both).unwrap();
        assert_eq!(reader.join().unwrap(), 0);
        near.shutdown(Shutdown::Both).unwrap();
    });
}

#[test]
fn a_write_that_waits_ends_with_the_reader() {
    everywhere(|| {
        let (near, mut far) = UnixStream::pair().unwrap();
        let writer = thread::spawn(move || far.write_all(&vec![0; 64 << 20]).unwrap_err().kind());
        thread::yield_now();
        (&near).read_exact(&mut [0; 1]).unwrap();
        drop(near);
        assert_eq!(writer.join().unwrap(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_nonblocking_write_says_how_much_it_took() {
    let (_near, mut far) = UnixStream::pair().unwrap();
    far.set_nonblocking(true).unwrap();
    let data = vec![0; 64 << 20];
    let count = far.write(&data).unwrap();
    assert!((1..data.len()).contains(&count));
    let error = std::iter::repeat_with(|| far.write(&data)).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
}

#[test]
fn waits_are_limited_by_timeouts() {
    const SHORT: Duration = Duration::from_millis(20);
    /// The kernel counts its timeouts in ticks, the first of which is not a whole one.
    const TICK: Duration = Duration::from_millis(10);

    /// Checks that `wait` fails after its time.
    fn check(wait: impl FnOnce() -> io::Result<usize>) {
        let started = Instant::now();
        assert_eq!(wait().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(started.elapsed() + TICK >= SHORT);
    }

    everywhere(|| {
        let (near, mut far) = UnixStream::pair().unwrap();
        near.set_read_timeout(Some(SHORT)).unwrap();
        assert!(near.try_clone().unwrap().read_timeout().unwrap().is_some_and(|timeout| timeout >= SHORT));
        check(|| (&near).read(&mut [0; 8]));
        far.set_write_timeout(Some(SHORT)).unwrap();
        assert!(far.write_timeout().unwrap().is_some());
        let sent = far.write(&vec![0; 16 << 20]).unwrap();
        assert!((1..16 << 20).contains(&sent), "{sent}");
        check(|| far.write(b"x"));

        let (near, far) = UnixDatagram::pair().unwrap();
        near.set_read_timeout(Some(SHORT)).unwrap();
        assert!(near.read_timeout().unwrap().is_some());
        check(|| near.recv(&mut [0; 8]));
        check(|| near.recv_from(&mut [0; 8]).map(|received| received.0));
        far.set_write_timeout(Some(SHORT)).unwrap();
        assert!(far.write_timeout().unwrap().is_some());
        check(|| std::iter::repeat_with(|| far.send(b"x")).find(Result::is_err).unwrap());

        for error in [
            far.set_read_timeout(Some(Duration::ZERO)).unwrap_err(),
            far.set_write_timeout(Some(Duration::ZERO)).unwrap_err(),
        ] {
            assert_eq!(error.to_string(), "cannot set a 0 duration timeout");
        }
    });
}

#[test]
fn a_listener_is_an_iterator() {
    everywhere(|| {
        let addr = abstract_addr();
        let listener = UnixListener::bind_addr(&addr).unwrap();
        assert_eq!(listener.incoming().size_hint(), (usize::MAX, None));
        let clients: Vec<_> = (0..3).map(|_| UnixStream::connect_addr(&addr).unwrap()).collect();
        assert_eq!((&listener).into_iter().take(2).map(Result::unwrap).count(), 2);
        let clone = listener.try_clone().unwrap();
        drop(listener);
        clone.accept().unwrap();
        clone.set_nonblocking(true).unwrap();
        assert_eq!(clone.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(clone.incoming().next().unwrap().unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(clone.take_error().unwrap().is_none());
        drop(clients);
    });
}

#[test]
fn debug_output_names_descriptor_and_addresses() {
    /// Checks the debug output of a socket, whose descriptor std shows in its own way.
    fn check(socket: &(impl Debug + AsRawFd), name: &str, addresses: &str) {
        let text = format!("{socket:?}");
        let rest = text.strip_prefix(&format!("{name} {{ fd: ")).expect(&text);
        assert!(rest.strip_suffix(&format!(", {addresses} }}")).is_some(), "{text}");
        assert!(rest.contains(&socket.as_raw_fd().to_string()), "{text}");
    }

    let path = TempPath::new();
    let listener = UnixListener::bind(&path).unwrap();
    let name = format!("{:?} (pathname)", path.as_ref() as &Path);
    check(&listener, "UnixListener", &format!("local: {name}"));
    assert_eq!(format!("{:?}", listener.incoming()), format!("Incoming {{ listener: {listener:?} }}"));
    let client = UnixStream::connect(&path).unwrap();
    check(&client, "UnixStream", &format!("local: (unnamed), peer: {name}"));
    let path = TempPath::new();
    let name = format!("{:?} (pathname)", path.as_ref() as &Path);
    check(&UnixDatagram::bind(&path).unwrap(), "UnixDatagram", &format!("local: {name}"));
}

#[test]
fn datagrams_keep_their_bounds_their_order_and_their_sender() {
    everywhere(|| {
        let (path, addr) = (TempPath::new(), abstract_addr());
        let receiver = UnixDatagram::bind(&path).unwrap();
        let named = UnixDatagram::bind_addr(&addr).unwrap();
        assert_eq!(named.send_to(b"abc", &path).unwrap(), 3);
        assert_eq!(named.send_to_addr(b"", &receiver.local_addr().unwrap()).unwrap(), 0);
        assert_eq!(UnixDatagram::unbound().unwrap().send_to(b"de", &path).unwrap(), 2);
        let pathname = TempPath::new();
        UnixDatagram::bind(&pathname).unwrap().send_to(b"too long", &path).unwrap();

        let mut buf = [0; 3];
        let (count, sender) = receiver.recv_from(&mut buf).unwrap();
        assert_eq!((count, &buf), (3, b"abc"));
        assert_eq!(sender.as_abstract_name(), addr.as_abstract_name());
        let (count, sender) = receiver.recv_from(&mut buf).unwrap();
        assert_eq!((count, sender.as_abstract_name()), (0, addr.as_abstract_name()));
        let (count, sender) = receiver.recv_from(&mut buf).unwrap();
        assert!(count == 2 && sender.is_unnamed());
        let (count, sender) = receiver.recv_from(&mut buf).unwrap();
        assert_eq!((count, &buf, sender.as_pathname()), (3, b"too", Some(pathname.as_ref())));
    });
}

#[test]
fn a_connected_datagram_socket_has_one_peer() {
    everywhere(|| {
        let path = TempPath::new();
        let server = UnixDatagram::bind(&path).unwrap();
        let client = UnixDatagram::bind_addr(&abstract_addr()).unwrap();
        assert_eq!(client.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        assert_eq!(client.send(b"x").unwrap_err().kind(), ErrorKind::NotConnected);
        client.connect(&path).unwrap();
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(path.as_ref()));
        server.connect_addr(&client.local_addr().unwrap()).unwrap();
        let stranger = UnixDatagram::unbound().unwrap();
        assert_eq!(stranger.send_to(b"x", &path).unwrap_err().kind(), ErrorKind::PermissionDenied);
        client.send(b"abc").unwrap();
        assert_eq!(server.recv(&mut [0; 8]).unwrap(), 3);
        assert!(client.take_error().unwrap().is_none());
        drop(server);
        assert_eq!(client.send(b"x").unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(client.send_to(b"x", &path).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_full_queue_is_waited_for() {
    everywhere(|| {
        const COUNT: usize = 100;
        for send in
            [(|client, _| client.send(b"x")) as fn(&UnixDatagram, &SocketAddr) -> io::Result<usize>, |client, addr| {
                client.send_to_addr(b"x", addr)
            }]
        {
            let addr = abstract_addr();
            let server = UnixDatagram::bind_addr(&addr).unwrap();
            let client = UnixDatagram::unbound().unwrap();
            client.connect_addr(&addr).unwrap();
            let sender = thread::spawn(move || (0..COUNT).map(|_| send(&client, &addr).unwrap()).sum::<usize>());
            let received: usize = (0..COUNT).map(|_| server.recv(&mut [0; 8]).unwrap()).sum();
            assert_eq!((received, sender.join().unwrap()), (COUNT, COUNT));
        }
    });
}

#[test]
fn a_queue_that_others_have_filled_is_waited_for() {
    everywhere(|| {
        let addr = abstract_addr();
        let server = UnixDatagram::bind_addr(&addr).unwrap();
        let others = UnixDatagram::unbound().unwrap();
        others.set_nonblocking(true).unwrap();
        let filled = std::iter::repeat_with(|| others.send_to_addr(b"x", &addr)).take_while(Result::is_ok).count();
        let sender = thread::spawn(move || {
            let own = UnixDatagram::unbound().unwrap();
            own.send_to_addr(b"mine", &addr).unwrap()
        });
        thread::yield_now();
        for _ in 0..filled {
            assert_eq!(server.recv(&mut [0; 8]).unwrap(), 1);
        }
        assert_eq!(server.recv(&mut [0; 8]).unwrap(), 4);
        assert_eq!(sender.join().unwrap(), 4);
    });
}

#[test]
fn a_reading_that_was_shut_down_is_over() {
    everywhere(|| {
        let (near, far) = UnixDatagram::pair().unwrap();
        near.send(b"abc").unwrap();
        far.shutdown(Shutdown::Read).unwrap();
        assert_eq!(far.recv(&mut [0; 8]).unwrap(), 3, "what was there comes first");
        for _ in 0..2 {
            assert_eq!(far.recv(&mut [0; 8]).unwrap(), 0);
            let (count, sender) = far.recv_from(&mut [0; 8]).unwrap();
            assert!(count == 0 && sender.is_unnamed());
        }
        assert_eq!(near.send(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
        far.set_nonblocking(true).unwrap();
        assert_eq!(far.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn a_shutdown_wakes_who_receives() {
    everywhere(|| {
        let (near, _far) = UnixDatagram::pair().unwrap();
        let clone = near.try_clone().unwrap();
        let waiting = thread::spawn(move || clone.recv(&mut [0; 8]).unwrap());
        thread::yield_now();
        near.shutdown(Shutdown::Both).unwrap();
        assert_eq!(waiting.join().unwrap(), 0);
        assert_eq!(near.send(b"x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}
