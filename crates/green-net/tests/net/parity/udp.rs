// What holds for std's UDP sockets and for ours alike; `rt` is the one or the other.

use std::fmt::Debug;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

use rt::net::{ToSocketAddrs, UdpSocket};
use rt::thread;

/// A call that may wait.
type Call = fn(&UdpSocket) -> io::Result<usize>;

/// Runs `check` on this OS thread and in a thread of `rt`'s.
fn everywhere(check: fn()) {
    check();
    thread::spawn(check).join().unwrap();
}

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

fn addr(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().unwrap()
}

/// Returns two sockets that are connected to each other.
fn pair() -> (UdpSocket, UdpSocket) {
    let (one, other) = (socket(), socket());
    one.connect(addr(&other)).unwrap();
    other.connect(addr(&one)).unwrap();
    (one, other)
}

#[test]
fn traits_are_implemented() {
    fn socket<T>()
    where
        T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + Debug,
        T: AsFd + AsRawFd + FromRawFd + IntoRawFd + From<OwnedFd> + Into<OwnedFd>,
    {
    }
    socket::<UdpSocket>();
}

#[test]
fn signatures_are_the_same() {
    type R<T> = io::Result<T>;
    type Received = R<(usize, SocketAddr)>;
    let _: fn(SocketAddr) -> R<UdpSocket> = UdpSocket::bind;
    let _: fn(&UdpSocket, &mut [u8]) -> Received = UdpSocket::recv_from;
    let _: fn(&UdpSocket, &mut [u8]) -> Received = UdpSocket::peek_from;
    let _: fn(&UdpSocket, &[u8], SocketAddr) -> R<usize> = UdpSocket::send_to;
    let _: fn(&UdpSocket) -> R<SocketAddr> = UdpSocket::peer_addr;
    let _: fn(&UdpSocket) -> R<SocketAddr> = UdpSocket::local_addr;
    let _: fn(&UdpSocket) -> R<UdpSocket> = UdpSocket::try_clone;
    let _: fn(&UdpSocket, Option<Duration>) -> R<()> = UdpSocket::set_read_timeout;
    let _: fn(&UdpSocket, Option<Duration>) -> R<()> = UdpSocket::set_write_timeout;
    let _: fn(&UdpSocket) -> R<Option<Duration>> = UdpSocket::read_timeout;
    let _: fn(&UdpSocket) -> R<Option<Duration>> = UdpSocket::write_timeout;
    let _: fn(&UdpSocket, bool) -> R<()> = UdpSocket::set_broadcast;
    let _: fn(&UdpSocket) -> R<bool> = UdpSocket::broadcast;
    let _: fn(&UdpSocket, bool) -> R<()> = UdpSocket::set_multicast_loop_v4;
    let _: fn(&UdpSocket) -> R<bool> = UdpSocket::multicast_loop_v4;
    let _: fn(&UdpSocket, u32) -> R<()> = UdpSocket::set_multicast_ttl_v4;
    let _: fn(&UdpSocket) -> R<u32> = UdpSocket::multicast_ttl_v4;
    let _: fn(&UdpSocket, bool) -> R<()> = UdpSocket::set_multicast_loop_v6;
    let _: fn(&UdpSocket) -> R<bool> = UdpSocket::multicast_loop_v6;
    let _: fn(&UdpSocket, u32) -> R<()> = UdpSocket::set_ttl;
    let _: fn(&UdpSocket) -> R<u32> = UdpSocket::ttl;
    let _: fn(&UdpSocket, &Ipv4Addr, &Ipv4Addr) -> R<()> = UdpSocket::join_multicast_v4;
    let _: fn(&UdpSocket, &Ipv6Addr, u32) -> R<()> = UdpSocket::join_multicast_v6;
    let _: fn(&UdpSocket, &Ipv4Addr, &Ipv4Addr) -> R<()> = UdpSocket::leave_multicast_v4;
    let _: fn(&UdpSocket, &Ipv6Addr, u32) -> R<()> = UdpSocket::leave_multicast_v6;
    let _: fn(&UdpSocket) -> R<Option<io::Error>> = UdpSocket::take_error;
    let _: fn(&UdpSocket, SocketAddr) -> R<()> = UdpSocket::connect;
    let _: fn(&UdpSocket, &[u8]) -> R<usize> = UdpSocket::send;
    let _: fn(&UdpSocket, &mut [u8]) -> R<usize> = UdpSocket::recv;
    let _: fn(&UdpSocket, &mut [u8]) -> R<usize> = UdpSocket::peek;
    let _: fn(&UdpSocket, bool) -> R<()> = UdpSocket::set_nonblocking;
}

#[test]
fn datagrams_keep_their_bounds_and_their_order() {
    everywhere(|| {
        let (sender, receiver) = (socket(), socket());
        for len in [3, 0, 1, 1000] {
            assert_eq!(sender.send_to(&vec![len as u8; len], addr(&receiver)).unwrap(), len);
        }
        let mut buf = [0; 2000];
        for len in [3, 0, 1, 1000] {
            assert_eq!(receiver.recv_from(&mut buf).unwrap(), (len, addr(&sender)));
            assert!(buf[..len].iter().all(|byte| *byte == len as u8));
        }
    });
}

#[test]
fn what_does_not_fit_is_lost() {
    everywhere(|| {
        let (one, other) = pair();
        let mut buf = [0; 2];
        for datagram in [&b"abc"[..], b"def", b"ghi", b"j"] {
            one.send(datagram).unwrap();
        }
        assert_eq!(other.recv_from(&mut buf).unwrap(), (2, addr(&one)));
        assert_eq!(&buf, b"ab");
        assert_eq!(other.recv(&mut buf).unwrap(), 2);
        assert_eq!(&buf, b"de");
        assert_eq!(other.recv(&mut []).unwrap(), 0, "not even one byte fits");
        assert_eq!(other.recv(&mut buf).unwrap(), 1);
    });
}

#[test]
fn a_peek_leaves_the_datagram_there() {
    everywhere(|| {
        let (one, other) = pair();
        one.send(b"abc").unwrap();
        let mut buf = [0; 8];
        assert_eq!(other.peek(&mut buf[..1]).unwrap(), 1);
        assert_eq!(other.peek_from(&mut buf).unwrap(), (3, addr(&one)));
        assert_eq!(other.peek(&mut buf).unwrap(), 3);
        assert_eq!(other.recv_from(&mut buf).unwrap(), (3, addr(&one)));
        assert_eq!(&buf[..3], b"abc");
    });
}

#[test]
fn every_address_is_bound_and_connected_and_the_first_is_sent_to() {
    everywhere(|| {
        let (taken, receiver) = (socket(), socket());
        // A port in use, an address that is not this machine's (TEST-NET-1), and a good one.
        let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
        let addrs = [addr(&taken), foreign, SocketAddr::from(([127, 0, 0, 1], 0))];
        assert_ne!(addr(&UdpSocket::bind(&addrs[..]).unwrap()), addr(&taken));
        assert_eq!(UdpSocket::bind(&addrs[..2]).unwrap_err().kind(), ErrorKind::AddrNotAvailable);
        assert_eq!(UdpSocket::bind(&[foreign, addr(&taken)][..]).unwrap_err().kind(), ErrorKind::AddrInUse);

        let sender = socket();
        // A socket of one family cannot be connected to an address of the other.
        let addrs = [SocketAddr::from((Ipv6Addr::LOCALHOST, 1)), addr(&receiver)];
        sender.connect(&addrs[..]).unwrap();
        assert_eq!(sender.peer_addr().unwrap(), addr(&receiver));
        assert!(sender.connect(&addrs[..1]).is_err());
        assert!(sender.send_to(b"x", &addrs[..]).is_err(), "the first address counts, the second does not");

        let none: &[SocketAddr] = &[];
        for (error, message) in [
            (UdpSocket::bind(none).unwrap_err(), "could not resolve to any addresses"),
            (sender.connect(none).unwrap_err(), "could not resolve to any addresses"),
            (sender.send_to(b"x", none).unwrap_err(), "no addresses to send data to"),
        ] {
            assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidInput, message));
        }
    });
}

#[test]
fn a_name_is_an_address() {
    let receiver = UdpSocket::bind("localhost:0").unwrap();
    let port = addr(&receiver).port();
    let first = ("localhost", port).to_socket_addrs().unwrap().next().unwrap();
    if first.ip() == addr(&receiver).ip() {
        let sender = UdpSocket::bind(("localhost", 0)).unwrap();
        sender.send_to(b"x", ("localhost", port)).unwrap();
        assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 1);
    }
    assert_eq!(UdpSocket::bind("localhost").unwrap_err().to_string(), "invalid socket address");
}

#[test]
fn a_socket_without_a_peer_says_so() {
    let alone = socket();
    assert_eq!(alone.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
    // EDESTADDRREQ, for which there is no kind.
    assert_eq!(alone.send(b"x").unwrap_err().raw_os_error(), Some(89));
    // EMSGSIZE, likewise.
    assert_eq!(alone.send_to(&[0; 70_000], addr(&alone)).unwrap_err().raw_os_error(), Some(90));
}

#[test]
fn a_connected_socket_hears_its_peer_alone() {
    everywhere(|| {
        let (one, other) = pair();
        socket().send_to(b"stranger", addr(&other)).unwrap();
        one.send(b"peer").unwrap();
        assert_eq!(other.recv_from(&mut [0; 16]).unwrap(), (4, addr(&one)));
        other.set_nonblocking(true).unwrap();
        assert_eq!(other.recv(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn nobody_there_is_an_error_of_the_next_call() {
    everywhere(|| {
        for next in [
            (|socket| socket.recv(&mut [0; 8])) as Call,
            |socket| socket.recv_from(&mut [0; 8]).map(|received| received.0),
            |socket| socket.peek(&mut [0; 8]),
            |socket| socket.send(b"x"),
            |socket| socket.take_error().and_then(|error| error.map_or(Ok(0), Err)),
        ] {
            let gone = addr(&socket());
            let sender = socket();
            sender.connect(gone).unwrap();
            sender.send(b"x").unwrap();
            assert_eq!(next(&sender).unwrap_err().kind(), ErrorKind::ConnectionRefused);
            // The error was taken, the socket is as good as before.
            sender.set_nonblocking(true).unwrap();
            assert_eq!(sender.recv(&mut [0; 8]).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        }
    });
}

#[test]
fn a_receive_that_waits_hears_that_nobody_is_there() {
    everywhere(|| {
        let gone = addr(&socket());
        let receiver = socket();
        receiver.connect(gone).unwrap();
        let sender = receiver.try_clone().unwrap();
        let waiting = thread::spawn(move || receiver.recv(&mut [0; 8]).unwrap_err().kind());
        while !waiting.is_finished() {
            // Each second one is told of the refusal itself.
            let _ = sender.send(b"x");
            thread::yield_now();
        }
        assert_eq!(waiting.join().unwrap(), ErrorKind::ConnectionRefused);
    });
}

// Eventlet's `test_recvfrom_timeout`; here a buffer without room waits as well.
#[test]
fn a_receive_waits_no_longer_than_its_timeout() {
    everywhere(|| {
        const SHORT: Duration = Duration::from_millis(20);
    /// The kernel counts its timeouts in ticks, the first of which is not a whole one.
    const TICK: Duration = Duration::from_millis(10);
        let socket = socket();
        assert_eq!((socket.read_timeout().unwrap(), socket.write_timeout().unwrap()), (None, None));
        socket.set_read_timeout(Some(SHORT)).unwrap();
        assert!(socket.read_timeout().unwrap().is_some_and(|timeout| timeout >= SHORT));
        for receive in [
            (|socket| socket.recv(&mut [0; 8])) as Call,
            |socket| socket.recv_from(&mut []).map(|received| received.0),
            |socket| socket.peek(&mut [0; 8]),
            |socket| socket.peek_from(&mut [0; 8]).map(|received| received.0),
        ] {
            let started = Instant::now();
            assert_eq!(receive(&socket).unwrap_err().kind(), ErrorKind::WouldBlock);
            assert!(started.elapsed() + TICK >= SHORT);
        }
        let sender = self::socket();
        sender.send_to(b"x", addr(&socket)).unwrap();
        assert_eq!(socket.recv(&mut [0; 8]).unwrap(), 1);
        for set in [UdpSocket::set_read_timeout, UdpSocket::set_write_timeout] {
            let error = set(&socket, Some(Duration::ZERO)).unwrap_err();
            assert_eq!(error.to_string(), "cannot set a 0 duration timeout");
            set(&socket, None).unwrap();
        }
    });
}

#[test]
fn zero_timeout_and_back() {
    everywhere(|| {
        let socket = socket();
        socket.set_nonblocking(true).unwrap();
        assert_eq!(socket.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(socket.try_clone().unwrap().peek_from(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        socket.set_nonblocking(false).unwrap();
        let clone = socket.try_clone().unwrap();
        let waiting = thread::spawn(move || clone.recv(&mut [0; 8]).unwrap());
        socket.send_to(b"abc", addr(&socket)).unwrap();
        assert_eq!(waiting.join().unwrap(), 3);
    });
}

#[test]
fn clones_share_one_queue() {
    everywhere(|| {
        let socket = socket();
        let clones: Vec<_> = (0..4).map(|_| socket.try_clone().unwrap()).collect();
        let receivers: Vec<_> =
            clones.into_iter().map(|clone| thread::spawn(move || clone.recv_from(&mut [0; 8]).unwrap())).collect();
        for _ in 0..4 {
            socket.send_to(b"x", addr(&socket)).unwrap();
        }
        for receiver in receivers {
            assert_eq!(receiver.join().unwrap(), (1, addr(&socket)));
        }
    });
}

#[test]
fn options_are_the_sockets_own() {
    let socket = socket();
    let clone = socket.try_clone().unwrap();
    socket.set_ttl(77).unwrap();
    assert_eq!(clone.ttl().unwrap(), 77);
    assert!(!clone.broadcast().unwrap());
    let everybody = SocketAddr::from((Ipv4Addr::BROADCAST, 9));
    assert_eq!(socket.send_to(b"x", everybody).unwrap_err().kind(), ErrorKind::PermissionDenied);
    socket.set_broadcast(true).unwrap();
    assert!(clone.broadcast().unwrap());
    for on in [false, true] {
        socket.set_multicast_loop_v4(on).unwrap();
        assert_eq!(clone.multicast_loop_v4().unwrap(), on);
    }
    socket.set_multicast_ttl_v4(5).unwrap();
    assert_eq!(clone.multicast_ttl_v4().unwrap(), 5);
    assert!(socket.set_ttl(0).is_err());
    assert!(socket.take_error().unwrap().is_none());
}

#[test]
fn groups_are_joined_and_left() {
    let group = Ipv4Addr::new(224, 0, 0, 251);
    let receiver = UdpSocket::bind("0.0.0.0:0").unwrap();
    receiver.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
    let again = receiver.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AddrInUse);
    receiver.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap();
    let gone = receiver.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST).unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::AddrNotAvailable);
    let no_group = receiver.join_multicast_v4(&Ipv4Addr::LOCALHOST, &Ipv4Addr::LOCALHOST).unwrap_err();
    assert_eq!(no_group.kind(), ErrorKind::InvalidInput);
}

#[test]
fn ipv6_is_the_same_where_there_is_any() {
    let Ok(receiver) = UdpSocket::bind("[::1]:0") else { return };
    let sender = UdpSocket::bind("[::1]:0").unwrap();
    sender.send_to(b"abc", addr(&receiver)).unwrap();
    assert_eq!(receiver.recv_from(&mut [0; 8]).unwrap(), (3, addr(&sender)));
    for on in [false, true] {
        receiver.set_multicast_loop_v6(on).unwrap();
        assert_eq!(receiver.multicast_loop_v6().unwrap(), on);
    }
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
    if receiver.join_multicast_v6(&group, 1).is_ok() {
        receiver.leave_multicast_v6(&group, 1).unwrap();
    }
    assert!(receiver.leave_multicast_v6(&group, 1).is_err());
    assert!(receiver.join_multicast_v6(&Ipv6Addr::LOCALHOST, 1).is_err());
}

#[test]
fn debug_output_names_address_and_descriptor() {
    let socket = socket();
    let text = format!("UdpSocket {{ addr: {}, fd: {} }}", addr(&socket), socket.as_raw_fd());
    assert_eq!(format!("{socket:?}"), text);
}

#[test]
fn a_reading_that_was_shut_down_is_over() {
    everywhere(|| {
        let (one, other) = pair();
        one.send(b"abc").unwrap();
        let clone = other.try_clone().unwrap();
        socket2::SockRef::from(&clone).shutdown(std::net::Shutdown::Read).unwrap();
        assert_eq!(other.recv(&mut [0; 8]).unwrap(), 3, "what was there comes first");
        assert_eq!(other.recv(&mut [0; 8]).unwrap(), 0);
        assert_eq!(other.peek(&mut [0; 8]).unwrap(), 0);
        assert_eq!(other.recv_from(&mut [0; 8]).unwrap_err().kind(), ErrorKind::InvalidInput);
        one.send(b"more").unwrap();
        assert_eq!(other.recv(&mut [0; 8]).unwrap(), 4, "the kernel goes on queueing");
        other.set_nonblocking(true).unwrap();
        assert_eq!(other.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn a_shutdown_wakes_who_receives() {
    everywhere(|| {
        let (one, _other) = pair();
        let clone = one.try_clone().unwrap();
        let waiting = thread::spawn(move || clone.recv(&mut [0; 8]).unwrap());
        thread::yield_now();
        socket2::SockRef::from(&one).shutdown(std::net::Shutdown::Both).unwrap();
        assert_eq!(waiting.join().unwrap(), 0);
    });
}
