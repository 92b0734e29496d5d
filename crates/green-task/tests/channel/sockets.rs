//! Sockets: addresses, paths, datagrams, looking ahead, and the end of a direction.

use std::fs;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use green_task::channel::{Address, Channel, Shutdown, Socket};

use crate::support::{pair, shared, unix_pair, wait_for};

#[test]
fn a_unix_path_is_removed_when_its_listener_is_closed_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = Socket::listen(&path, 8).unwrap();
    let near = Socket::connect(&path).unwrap();
    let far = listener.accept().unwrap();
    // It has the listener's address.
    assert_eq!(far.local_addr().unwrap().as_path(), Some(&*path));
    assert_eq!(near.peer_addr().unwrap().as_path(), Some(&*path));
    drop(far);
    assert!(path.exists());
    Box::new(near).close().unwrap();
    assert!(path.exists());
    let near = Socket::connect(&path).unwrap();
    let far = listener.accept().unwrap();
    Box::new(listener).close().unwrap();
    assert!(!path.exists());
    // The connection goes on.
    (&near).write_all(b"a").unwrap();
    (&far).read_exact(&mut [0]).unwrap();
    assert_eq!(Socket::connect(&path).unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_path_that_is_somebody_elses_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    // A listener that came from elsewhere has a path that came from elsewhere.
    drop(Socket::from(green_net::os::unix::UnixListener::bind(&path).unwrap()));
    assert!(path.exists());
    // What is there already is not overwritten.
    assert_eq!(Socket::listen(&path, 8).unwrap_err().kind(), ErrorKind::AddrInUse);
    fs::remove_file(&path).unwrap();
    // What is there by the time of the close is not removed: a server that was started anew.
    let listener = Socket::listen(&path, 8).unwrap();
    let moved = folder.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    let successor = UnixListener::bind(&path).unwrap();
    drop(listener);
    assert!(path.exists());
    drop(successor);
}

#[test]
fn a_path_is_removed_by_a_killed_listener_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = Socket::listen(&path, 8).unwrap();
    let accepting = green_thread::spawn(move || listener.accept().map(drop));
    accepting.kill().unwrap();
    assert!(accepting.join().is_err());
    assert!(!path.exists());
}

#[test]
fn names_in_the_abstract_namespace_leave_nothing_behind() {
    let addr = format!("unix:@green-task-{}", std::process::id());
    let listener = Socket::listen(&addr, 8).unwrap();
    assert_eq!(listener.local_addr().unwrap().to_string(), addr);
    let near = Socket::connect(&addr).unwrap();
    assert_eq!(listener.accept().unwrap().peer_addr().unwrap().to_string(), "unix:");
    assert_eq!(near.peer_addr().unwrap().to_string(), addr);
    drop(listener);
    // Not at once, if a child that another test starts has a copy.
    wait_for("the end of the listener", || {
        Socket::connect(&addr).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
}

#[test]
fn the_first_address_that_does_is_taken() {
    let listener = Socket::listen("127.0.0.1:0", 8).unwrap();
    let taken = listener.local_addr().unwrap();
    let free = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 0)));
    // One port is taken, the other is not.
    let other = Socket::listen(&[taken.clone(), free.clone()][..], 8).unwrap();
    assert_ne!(other.local_addr().unwrap().as_inet(), taken.as_inet());
    // Nobody listens at port 0.
    let near = Socket::connect(&[free, taken.clone()][..]).unwrap();
    assert_eq!(near.peer_addr().unwrap().as_inet(), taken.as_inet());
    assert_eq!(Socket::listen(&taken, 8).unwrap_err().kind(), ErrorKind::AddrInUse);
    assert_eq!(Socket::connect("127.0.0.1:x").unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(Socket::connect(&[] as &[Address]).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn shutdown_wakes_who_waits_and_ends_one_direction_only() {
    let (tcp, _tcp_peer) = pair("127.0.0.1:0");
    let (unix, _unix_peer) = unix_pair();
    for near in [shared(tcp), shared(unix)] {
        let channel = Arc::clone(&near);
        let reader = green_thread::spawn(move || channel.readv(&mut [IoSliceMut::new(&mut [0])]));
        near.shutdown(Shutdown::Read).unwrap();
        assert_eq!(reader.join().unwrap().unwrap(), 0);
        near.writev_all(&mut [IoSlice::new(b"still there")]).unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        assert_eq!(near.writev(&[IoSlice::new(b"a")]).unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
}

#[test]
fn what_was_peeked_at_is_read_again() {
    let (tcp, tcp_peer) = pair("127.0.0.1:0");
    let (unix, unix_peer) = unix_pair();
    for (near, far) in [(tcp, tcp_peer), (unix, unix_peer)] {
        (&near).write_all(b"ab").unwrap();
        let mut word = [0; 8];
        far.wait_readable(None).unwrap();
        assert_eq!(far.peek(&mut word[..1]).unwrap(), 1);
        far.readv_all(&mut [IoSliceMut::new(&mut word[..2])]).unwrap();
        assert_eq!(&word[..2], b"ab");
    }
}

#[test]
fn datagrams_keep_their_bounds_and_go_through_several_buffers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let inet = Socket::datagram("127.0.0.1:0").unwrap();
    let unix = Socket::datagram(&path).unwrap();
    for far in [inet, unix] {
        let near = Socket::connect_datagram(far.local_addr().unwrap()).unwrap();
        assert_eq!(near.writev(&[IoSlice::new(b"ab"), IoSlice::new(b"cde")]).unwrap(), 5);
        near.writev(&[IoSlice::new(b"f")]).unwrap();
        let (mut one, mut other) = ([0; 3], [0; 3]);
        assert_eq!(far.readv(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut other)]).unwrap(), 5);
        assert_eq!((&one, &other[..2]), (b"abc", &b"de"[..]));
        assert_eq!(far.readv(&mut [IoSliceMut::new(&mut one)]).unwrap(), 1);
    }
    let stream = unix_pair().0;
    let to = Address::from(std::net::SocketAddr::from(([127, 0, 0, 1], 1)));
    assert_eq!(stream.direct(&to).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn small_writes_may_leave_at_once() {
    let (near, _far) = pair("127.0.0.1:0");
    near.set_nodelay(true).unwrap();
    let fd = std::os::fd::OwnedFd::from(near);
    assert!(std::net::TcpStream::from(fd).nodelay().unwrap());
}

#[test]
fn the_backlog_is_as_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = Socket::listen(&path, 0).unwrap();
    // Room for one more than the number, says the kernel.
    let first = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let second = green_thread::spawn({
        let path = path.clone();
        move || Socket::connect(&path).map(drop)
    });
    for _ in 0..100 {
        green_thread::yield_now();
    }
    assert!(!second.is_finished());
    drop((first, listener.accept().unwrap()));
    second.join().unwrap().unwrap();
}
