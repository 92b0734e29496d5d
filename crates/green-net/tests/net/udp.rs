//! UDP sockets among green threads; what they share with std's is in `parity/udp.rs`.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::kill::Alarm;
use green_net::UdpSocket;
use green_thread as thread;

use crate::kills::kill_in;
use crate::support::{Sign, alone, give_way, is_closed_on_exec, is_nonblocking};

fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").unwrap()
}

fn addr(socket: &UdpSocket) -> SocketAddr {
    socket.local_addr().unwrap()
}

/// Answers each datagram until an empty one comes.
fn echo(server: &UdpSocket) {
    let mut buf = [0; 64];
    loop {
        let (count, client) = server.recv_from(&mut buf).unwrap();
        if count == 0 {
            return;
        }
        server.send_to(&buf[..count], client).unwrap();
    }
}

/// Asks the server at `server` `rounds` times, one after the other.
fn ask(server: SocketAddr, rounds: u32) {
    let client = socket();
    client.connect(server).unwrap();
    for round in 0..rounds {
        client.send(&round.to_be_bytes()).unwrap();
        let mut answer = [0; 8];
        assert_eq!(client.recv(&mut answer).unwrap(), 4);
        assert_eq!(answer[..4], round.to_be_bytes());
    }
}

// Eventlet's `test_datagram_socket_operations_work`.
#[test]
fn many_peers_are_answered_wherever_they_run() {
    let server = socket();
    let addr = addr(&server);
    let server = thread::spawn(move || echo(&server));
    let green: Vec<_> = (0..32).map(|_| thread::spawn(move || ask(addr, 20))).collect();
    let plain: Vec<_> = (0..4).map(|_| std::thread::spawn(move || ask(addr, 20))).collect();
    ask(addr, 20);
    for peer in green {
        peer.join().unwrap();
    }
    for peer in plain {
        // The server may be on this hub, which must not be blocked.
        while !peer.is_finished() {
            give_way();
        }
        peer.join().unwrap();
    }
    socket().send_to(&[], addr).unwrap();
    server.join().unwrap();
}

#[test]
fn datagrams_arrive_in_order() {
    let (sender, receiver) = (socket(), socket());
    sender.connect(addr(&receiver)).unwrap();
    let from = addr(&sender);
    let order = thread::spawn(move || {
        let mut buf = [0; 8];
        for expected in 0..1000_u32 {
            assert_eq!(receiver.recv_from(&mut buf).unwrap(), (4, from));
            assert_eq!(buf[..4], expected.to_be_bytes());
            receiver.send_to(&[], from).unwrap();
        }
    });
    for number in 0..1000_u32 {
        sender.send(&number.to_be_bytes()).unwrap();
        // Some on their way at any time, but never more than fit.
        if number >= 16 {
            assert_eq!(sender.recv(&mut [0; 8]).unwrap(), 0);
        }
    }
    order.join().unwrap();
}

#[test]
fn a_receiver_can_be_killed_and_the_socket_used_on() {
    let receiver = Arc::new(socket());
    for wait in [
        (|socket| drop(socket.recv(&mut [0; 8]))) as fn(Arc<UdpSocket>),
        |socket| drop(socket.recv_from(&mut [0; 8])),
        |socket| drop(socket.peek(&mut [0; 8])),
        |socket| drop(socket.peek_from(&mut [0; 8])),
    ] {
        let theirs = Arc::clone(&receiver);
        kill_in(move || wait(theirs));
        socket().send_to(b"abc", addr(&receiver)).unwrap();
        assert_eq!(receiver.recv(&mut [0; 8]).unwrap(), 3);
    }
}

#[test]
fn a_killed_receiver_leaves_the_others_their_turn() {
    let socket = Arc::new(socket());
    let receiver = || {
        let socket = Arc::clone(&socket);
        thread::spawn(move || socket.recv(&mut [0; 8]).unwrap())
    };
    let (first, second, third) = (receiver(), receiver(), receiver());
    give_way();
    second.kill().unwrap();
    assert!(second.join().is_err());
    for _ in 0..2 {
        socket.send_to(b"x", addr(&socket)).unwrap();
    }
    assert_eq!((first.join().unwrap(), third.join().unwrap()), (1, 1));
}

#[test]
fn a_deadline_ends_a_receive() {
    let socket = socket();
    let deadline = Instant::now() + Duration::from_millis(20);
    let alarm = Alarm::set(deadline).unwrap();
    let payload = catch_unwind(AssertUnwindSafe(|| socket.recv_from(&mut [0; 8]))).unwrap_err();
    assert!(alarm.owns(&*payload) && Instant::now() >= deadline);
    drop(alarm);
    socket.send_to(b"x", addr(&socket)).unwrap();
    assert_eq!(socket.recv(&mut [0; 8]).unwrap(), 1);
}

#[test]
fn waiting_leaves_no_trace_on_a_socket() {
    let socket = socket();
    let fd = socket.as_raw_fd();
    let clone = socket.try_clone().unwrap();
    let receiver = thread::spawn(move || clone.recv(&mut [0; 8]).unwrap());
    give_way();
    assert!(!is_nonblocking(fd) && is_closed_on_exec(fd));
    socket.send_to(b"x", addr(&socket)).unwrap();
    assert_eq!(receiver.join().unwrap(), 1);
    assert!(!is_nonblocking(fd));
    socket.set_nonblocking(true).unwrap();
    assert!(is_nonblocking(fd) && is_nonblocking(socket.try_clone().unwrap().as_raw_fd()));
}

#[test]
fn a_socket_survives_the_way_to_std_and_back() {
    let ours = socket();
    let waiting = thread::spawn(move || {
        ours.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        assert_eq!(ours.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
        ours.set_read_timeout(None).unwrap();
        ours
    });
    let stds = std::net::UdpSocket::from(waiting.join().unwrap());
    let to = stds.local_addr().unwrap();
    let outside = std::thread::spawn(move || {
        assert_eq!(stds.recv(&mut [0; 8]).unwrap(), 1);
        stds
    });
    give_way();
    socket().send_to(b"x", to).unwrap();
    let raw = UdpSocket::from(OwnedFd::from(outside.join().unwrap())).into_raw_fd();
    // SAFETY: the descriptor was given up just now, so it is open and nobody else's.
    #[expect(unsafe_code, reason = "this is what the test is about")]
    let ours = unsafe { UdpSocket::from_raw_fd(raw) };
    socket().send_to(b"abc", to).unwrap();
    assert_eq!(ours.recv(&mut [0; 8]).unwrap(), 3);
}

#[test]
fn a_socket_goes_from_hub_to_hub() {
    let mut receiver = socket();
    let to = addr(&receiver);
    for round in 0..10_u8 {
        receiver = std::thread::scope(|scope| {
            let outside = scope.spawn(move || {
                let waiting = thread::spawn_local(move || {
                    assert_eq!(receiver.recv(&mut [0; 16]).unwrap(), usize::from(round));
                    receiver
                });
                waiting.join().unwrap()
            });
            give_way();
            socket().send_to(&vec![0; round.into()], to).unwrap();
            outside.join().unwrap()
        });
    }
}

#[test]
fn a_number_used_again_does_not_meet_its_past() {
    alone("udp::a_number_used_again_does_not_meet_its_past", None, || {
        let sender = socket();
        for _ in 0..30 {
            let old = socket();
            old.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            assert_eq!(old.recv(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
            // What is left of it after it is closed: the open file, which sees datagrams come.
            let open_file = old.as_fd().try_clone_to_owned().unwrap();
            let (number, old_addr) = (old.as_raw_fd(), addr(&old));
            sender.send_to(b"old", old_addr).unwrap();
            drop(old);
            let new = socket();
            assert_eq!(new.as_raw_fd(), number);
            let to = addr(&new);
            let sign = Sign::default();
            let done = sign.clone();
            let receiver = thread::spawn(move || {
                let count = new.recv(&mut [0; 8]).unwrap();
                done.give();
                count
            });
            give_way();
            sender.send_to(b"older", old_addr).unwrap();
            give_way();
            assert!(!sign.is_given());
            sender.send_to(b"x", to).unwrap();
            assert_eq!(receiver.join().unwrap(), 1);
            drop(open_file);
        }
    });
}
