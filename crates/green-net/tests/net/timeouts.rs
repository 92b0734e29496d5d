//! Timeouts of streams, and what connecting can come to.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_net::{TcpListener, TcpStream};
use green_tests::has_ipv6;
use green_thread as thread;
use socket2::{Domain, Socket, Type};

use crate::support::{Sign, fill, give_way, listener, narrow_pair, pair};

const SHORT: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(30);

// Eventlet's `test_recv_timeout` and `test_recv_into_timeout`.
#[test]
fn a_read_waits_no_longer_than_its_timeout() {
    let (_client, mut server) = pair();
    server.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!(server.read_timeout().unwrap(), Some(SHORT));
    for _ in 0..2 {
        let started = Instant::now();
        assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(started.elapsed() >= SHORT);
        assert_eq!(server.peek(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

// Eventlet's `test_timeout_and_final_write`.
#[test]
fn a_write_after_the_readers_timeout_wakes_it_from_nothing_else() {
    let (mut client, mut server) = pair();
    let (gave_up, written) = (Sign::default(), Sign::default());
    let writer = thread::spawn_local({
        let (gave_up, written) = (gave_up.clone(), written.clone());
        move || {
            gave_up.wait();
            client.write_all(b"late").unwrap();
            written.give();
            client
        }
    });
    server.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!(server.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    gave_up.give();
    // Waits that know nothing of the stream; the data comes meanwhile.
    let queue = WaitQueue::new();
    for _ in 0..3 {
        let deadline = Instant::now() + SHORT;
        assert_eq!(queue.wait_until(Some(deadline), WaitReason::Other, || true), Outcome::TimedOut);
        assert!(Instant::now() >= deadline);
    }
    written.wait();
    let mut word = [0; 8];
    assert_eq!(server.read(&mut word).unwrap(), 4);
    assert_eq!(&word[..4], b"late");
    drop(writer.join().unwrap());
    assert_eq!(server.read(&mut word).unwrap(), 0);
}

#[test]
fn data_in_time_ends_the_wait() {
    let (mut client, mut server) = pair();
    server.set_read_timeout(Some(LONG)).unwrap();
    let reader = thread::spawn(move || server.read(&mut [0; 8]));
    give_way();
    client.write_all(b"x").unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 1);
}

#[test]
fn a_timeout_is_shared_by_clones_and_can_be_taken_off() {
    let (mut client, server) = pair();
    let mut clone = server.try_clone().unwrap();
    server.set_read_timeout(Some(SHORT)).unwrap();
    assert_eq!(clone.read_timeout().unwrap(), Some(SHORT));
    assert_eq!(clone.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
    clone.set_read_timeout(None).unwrap();
    assert_eq!(server.read_timeout().unwrap(), None);
    let reader = thread::spawn(move || (&server).read(&mut [0; 8]));
    give_way();
    client.write_all(b"x").unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 1);
}

// Eventlet's `test_send_timeout`.
#[test]
fn a_write_waits_no_longer_than_its_timeout() {
    let (_client, mut server) = narrow_pair();
    fill(&server);
    server.set_write_timeout(Some(SHORT)).unwrap();
    assert_eq!(server.write_timeout().unwrap(), Some(SHORT));
    let started = Instant::now();
    // Room that turns up late can make a first write succeed in part.
    let error = std::iter::repeat_with(|| server.write(&[0; 100_000])).find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    assert!(started.elapsed() >= SHORT);
}

// Eventlet's `test_sendall_timeout`.
#[test]
fn a_write_that_times_out_halfway_says_how_far_it_came() {
    let (_client, mut server) = narrow_pair();
    server.set_write_timeout(Some(SHORT)).unwrap();
    let sent = server.write(&vec![0; 4 << 20]).unwrap();
    assert!((1..4 << 20).contains(&sent), "{sent}");
}

#[test]
fn a_timeout_of_nothing_is_refused() {
    let (client, _server) = pair();
    let addr = client.peer_addr().unwrap();
    for error in [
        client.set_read_timeout(Some(Duration::ZERO)).unwrap_err(),
        client.set_write_timeout(Some(Duration::ZERO)).unwrap_err(),
        TcpStream::connect_timeout(&addr, Duration::ZERO).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "cannot set a 0 duration timeout");
    }
}

#[test]
fn a_timeout_longer_than_time_itself_is_none() {
    let listener = listener();
    TcpStream::connect_timeout(&listener.local_addr().unwrap(), Duration::MAX).unwrap();
}

/// Returns an address where attempts to connect hang, with what keeps it so.
pub(crate) fn deaf_address() -> (SocketAddr, Vec<TcpStream>, TcpListener) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    // A queue of one, which nobody empties: once it is full, the kernel ignores further connections.
    socket.listen(0).unwrap();
    let listener = TcpListener::from(std::net::TcpListener::from(socket));
    let addr = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(100)) {
        queued.push(stream);
        assert!(queued.len() < 10, "the queue does not fill");
    }
    (addr, queued, listener)
}

// Eventlet's `test_connect_timeout`, and `test_connect_ex_timeout`: the error is a value in any case.
#[test]
fn a_connect_waits_no_longer_than_its_timeout() {
    let (addr, _queued, _listener) = deaf_address();
    let started = Instant::now();
    let error = TcpStream::connect_timeout(&addr, SHORT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert_eq!(error.to_string(), "connection timed out");
    assert!(started.elapsed() >= SHORT);
}

// Eventlet's `test_connection_refused` and `test_invalid_connection`.
#[test]
fn a_refused_connection_is_an_error() {
    let addr = listener().local_addr().unwrap();
    assert_eq!(TcpStream::connect(addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(TcpStream::connect_timeout(&addr, LONG).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn the_unspecified_address_connects_to_this_machine() {
    let listener = listener();
    let addr = SocketAddr::from((Ipv4Addr::UNSPECIFIED, listener.local_addr().unwrap().port()));
    let client = TcpStream::connect(addr).unwrap();
    let (_, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
}

#[test]
fn ipv6_works_where_there_is_any() {
    if !has_ipv6() {
        return;
    }
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, peer) = listener.accept().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    assert!(peer.is_ipv6());
    let reader = thread::spawn(move || server.read(&mut [0; 8]));
    client.write_all(b"abc").unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 3);
}
