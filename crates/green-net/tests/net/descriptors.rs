//! Flags, clones and descriptors: what std promises of them holds here too.

use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::Duration;

use green_net::{Shutdown, TcpListener, TcpStream};
use green_thread as thread;
use socket2::SockRef;

use crate::support::{Sign, alone, give_way, is_closed_on_exec, is_nonblocking, listener, pair};

fn connect(listener: &TcpListener) -> TcpStream {
    TcpStream::connect(listener.local_addr().unwrap()).unwrap()
}

/// Checks that std's accept on `listener` waits, as it does on a listener that was never here.
fn accepts_as_stds(listener: std::net::TcpListener) {
    assert!(!is_nonblocking(listener.as_raw_fd()));
    let addr = listener.local_addr().unwrap();
    let accept = std::thread::spawn(move || listener.accept().map(drop));
    give_way();
    std::net::TcpStream::connect(addr).unwrap();
    accept.join().unwrap().unwrap();
}

#[test]
fn streams_block_and_are_closed_on_exec() {
    let (client, server) = pair();
    for stream in [&client, &server, &client.try_clone().unwrap()] {
        assert!(!is_nonblocking(stream.as_raw_fd()));
        assert!(is_closed_on_exec(stream.as_raw_fd()));
    }
}

#[test]
fn waiting_leaves_no_trace_on_a_stream() {
    let (mut client, server) = pair();
    let fd = server.as_raw_fd();
    let clone = server.try_clone().unwrap();
    let reader = thread::spawn(move || (&clone).read(&mut [0; 1]).unwrap());
    give_way();
    assert!(!is_nonblocking(fd));
    client.write_all(b"x").unwrap();
    assert_eq!(reader.join().unwrap(), 1);
    assert!(!is_nonblocking(fd));
}

// Eventlet's `test_zero_timeout_and_back`.
#[test]
fn set_nonblocking_is_real_and_shared_by_clones() {
    let (_client, mut server) = pair();
    let mut clone = server.try_clone().unwrap();
    server.set_nonblocking(true).unwrap();
    assert!(is_nonblocking(clone.as_raw_fd()));
    assert_eq!(clone.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
    clone.set_nonblocking(false).unwrap();
    assert!(!is_nonblocking(server.as_raw_fd()));
    server.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    assert_eq!(server.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_reader_that_waits_already_goes_on_when_the_stream_becomes_nonblocking() {
    let (mut client, mut server) = pair();
    let clone = server.try_clone().unwrap();
    let reader = thread::spawn_local(move || server.read(&mut [0; 1]));
    give_way();
    clone.set_nonblocking(true).unwrap();
    client.write_all(b"x").unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 1);
}

#[test]
fn accepting_leaves_no_trace_on_a_listener() {
    let listener = listener();
    assert!(!is_nonblocking(listener.as_raw_fd()));
    let _client = connect(&listener);
    listener.accept().unwrap();
    assert!(!is_nonblocking(listener.as_raw_fd()));
}

#[test]
fn a_listener_given_away_waits_as_stds() {
    let listener = listener();
    let clone = listener.try_clone().unwrap();
    let _client = connect(&listener);
    listener.accept().unwrap();

    let given = OwnedFd::from(listener);
    assert!(!is_nonblocking(given.as_raw_fd()));
    accepts_as_stds(given.into());
    // The clone that stayed works on, and leaves the flags alone.
    let _client = connect(&clone);
    clone.accept().unwrap();
    accepts_as_stds(clone.into());
}

#[test]
fn a_listener_given_away_while_its_clone_accepts_waits_as_stds() {
    let listener = listener();
    let addr = listener.local_addr().unwrap();
    let clone = listener.try_clone().unwrap();
    let server = thread::spawn(move || clone.accept().map(drop));
    give_way();
    let given = std::net::TcpListener::from(listener);
    assert!(!is_nonblocking(given.as_raw_fd()));
    std::net::TcpStream::connect(addr).unwrap();
    server.join().unwrap().unwrap();
    accepts_as_stds(given);
}

#[test]
fn a_borrowed_descriptor_can_be_used_like_stds() {
    let listener = listener();
    let _client = connect(&listener);
    listener.accept().unwrap();
    accepts_as_stds(listener.as_fd().try_clone_to_owned().unwrap().into());
}

#[test]
fn a_nonblocking_listener_says_so_at_once_and_so_do_its_clones() {
    let would_block = |listener: &TcpListener| listener.accept().unwrap_err().kind() == ErrorKind::WouldBlock;
    let listener = listener();
    let clone = listener.try_clone().unwrap();
    clone.set_nonblocking(true).unwrap();
    assert!(would_block(&listener) && would_block(&clone));
    let _client = connect(&listener);
    let (stream, _) = listener.accept().unwrap();
    assert!(!is_nonblocking(stream.as_raw_fd()), "an accepted stream does not inherit the flag");
    assert!(is_nonblocking(listener.as_raw_fd()));
    assert!(would_block(&listener) && would_block(&clone));
    listener.set_nonblocking(false).unwrap();
    assert!(!is_nonblocking(clone.as_raw_fd()));
    accepts_as_stds(clone.into());
}

#[test]
fn a_nonblocking_listener_given_away_stays_nonblocking() {
    let listener = listener();
    let _client = connect(&listener);
    listener.accept().unwrap();
    listener.set_nonblocking(true).unwrap();
    let given = std::net::TcpListener::from(listener);
    assert_eq!(given.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let back = TcpListener::from(given);
    assert_eq!(back.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_listener_from_elsewhere_is_never_made_nonblocking() {
    let stds = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let clone = stds.try_clone().unwrap();
    let listener = TcpListener::from(stds);
    let addr = listener.local_addr().unwrap();
    let server = thread::spawn(move || listener.accept().map(drop));
    give_way();
    assert!(!is_nonblocking(clone.as_raw_fd()));
    TcpStream::connect(addr).unwrap();
    server.join().unwrap().unwrap();
    assert!(!is_nonblocking(clone.as_raw_fd()));
}

#[test]
fn sockets_survive_the_way_to_std_and_back() {
    let (client, server) = pair();
    let mut client = TcpStream::from(OwnedFd::from(std::net::TcpStream::from(client)));
    let raw = server.into_raw_fd();
    // SAFETY: the descriptor was given up just now, so it is open and nobody else's.
    #[expect(unsafe_code, reason = "this is what the test is about")]
    let mut server = unsafe { TcpStream::from_raw_fd(raw) };
    client.write_all(b"abc").unwrap();
    drop(client);
    let mut text = String::new();
    server.read_to_string(&mut text).unwrap();
    assert_eq!(text, "abc");

    let raw = listener().into_raw_fd();
    // SAFETY: as above.
    #[expect(unsafe_code, reason = "this is what the test is about")]
    let listener = unsafe { TcpListener::from_raw_fd(raw) };
    let _client = connect(&listener);
    listener.accept().unwrap();
}

#[test]
fn a_stream_that_waited_here_works_in_std() {
    let (mut client, mut server) = pair();
    let reader = thread::spawn(move || {
        server.read_exact(&mut [0; 1]).unwrap();
        server
    });
    give_way();
    client.write_all(b"x").unwrap();
    let mut server = std::net::TcpStream::from(reader.join().unwrap());
    let outside = std::thread::spawn(move || server.read(&mut [0; 8]));
    give_way();
    client.write_all(b"abc").unwrap();
    assert_eq!(outside.join().unwrap().unwrap(), 3);
}

#[test]
fn a_number_used_again_does_not_meet_its_past() {
    alone("descriptors::a_number_used_again_does_not_meet_its_past", None, || {
        for _ in 0..30 {
            // A stream that has waited, hence is registered, and for which an event is on its way.
            let (mut peer, mut old) = pair();
            old.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            assert_eq!(old.read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
            // What is left of it after it is closed: the open file, which sees data come.
            let open_file = old.as_fd().try_clone_to_owned().unwrap();
            let number = old.as_raw_fd();
            peer.write_all(b"old").unwrap();
            drop(old);

            let (mut new_peer, new) = pair();
            let mut new = match new_peer.as_raw_fd() == number {
                true => std::mem::replace(&mut new_peer, new),
                false => new,
            };
            if new.as_raw_fd() != number {
                // `pair` took the number for its listener; then the next socket has it.
                let fd = new.as_fd().try_clone_to_owned().unwrap();
                new = TcpStream::from(fd);
            }
            assert_eq!(new.as_raw_fd(), number);
            new.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            peer.write_all(b"older").unwrap();
            assert_eq!(new.read(&mut [0; 8]).unwrap_err().kind(), ErrorKind::WouldBlock);
            new.set_read_timeout(None).unwrap();
            let reader = thread::spawn(move || new.read(&mut [0; 8]).unwrap());
            give_way();
            peer.write_all(b"oldest").unwrap();
            new_peer.write_all(b"x").unwrap();
            assert_eq!(reader.join().unwrap(), 1);
            drop(open_file);
        }
    });
}

/// Checks that who accepts at a number does not hear of the listener that had it before.
fn check_reopened(nonblocking: bool) {
    for _ in 0..20 {
        let old = listener();
        let addr = old.local_addr().unwrap();
        old.set_nonblocking(nonblocking).unwrap();
        SockRef::from(&old).set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        // It has waited, or only asked.
        assert_eq!(old.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        // What is left of it after it is closed: the open file, to which clients still come.
        let open_file = old.as_fd().try_clone_to_owned().unwrap();
        let number = old.as_raw_fd();
        drop(old);

        let new = listener();
        assert_eq!(new.as_raw_fd(), number);
        let new_addr = new.local_addr().unwrap();
        let accepted = Sign::default();
        let acceptor = thread::spawn({
            let accepted = accepted.clone();
            move || {
                let (_, peer) = new.accept().unwrap();
                accepted.give();
                peer
            }
        });
        give_way();
        let _to_the_old = TcpStream::connect(addr).unwrap();
        give_way();
        assert!(!accepted.is_given());
        let client = TcpStream::connect(new_addr).unwrap();
        assert_eq!(acceptor.join().unwrap(), client.local_addr().unwrap());
        drop(open_file);
    }
}

// Eventlet's `test_blocking_accept_mark_as_reopened`.
#[test]
fn a_listeners_number_used_again_does_not_meet_its_past() {
    alone("descriptors::a_listeners_number_used_again_does_not_meet_its_past", None, || check_reopened(false));
}

// Eventlet's `test_nonblocking_accept_mark_as_reopened`.
#[test]
fn a_nonblocking_listeners_number_used_again_does_not_meet_its_past() {
    alone("descriptors::a_nonblocking_listeners_number_used_again_does_not_meet_its_past", None, || {
        check_reopened(true);
    });
}

// Eventlet's `test_double_close_219`.
#[test]
fn a_number_is_closed_once() {
    alone("descriptors::a_number_is_closed_once", None, || {
        for give_away in [false, true] {
            let (mut peer, stream) = pair();
            let clone = stream.try_clone().unwrap();
            let is_there = Sign::default();
            let reader = thread::spawn({
                let is_there = is_there.clone();
                move || {
                    // After a wait its hub has all numbers that it will ever take: it takes none of those below.
                    clone.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
                    assert!((&clone).read(&mut [0; 1]).is_err());
                    clone.set_read_timeout(None).unwrap();
                    is_there.give();
                    (&clone).read(&mut [0; 1]).unwrap()
                }
            });
            is_there.wait();
            give_way();
            let number = stream.as_raw_fd();
            if give_away {
                drop(OwnedFd::from(stream));
            } else {
                stream.shutdown(Shutdown::Write).unwrap();
                drop(stream);
            }
            // Its number goes to another file, which nothing that is left of the stream closes.
            let mut pipes: Vec<_> = (0..8).map(|_| std::io::pipe().unwrap()).collect();
            let numbers = pipes.iter().flat_map(|(output, input)| [output.as_raw_fd(), input.as_raw_fd()]);
            assert!(numbers.collect::<Vec<_>>().contains(&number));
            peer.write_all(b"x").unwrap();
            assert_eq!(reader.join().unwrap(), 1);
            drop(peer);
            let _others = (pair(), listener());
            give_way();
            for (output, input) in &mut pipes {
                input.write_all(b"alive").unwrap();
                output.read_exact(&mut [0; 5]).unwrap();
            }
        }
    });
}
