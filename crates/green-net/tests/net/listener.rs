//! Accepting.

use std::collections::HashSet;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use green_net::{TcpListener, TcpStream};
use green_thread as thread;
use socket2::SockRef;

use crate::support::{give_way, listener};

fn connect(listener: &TcpListener) -> TcpStream {
    TcpStream::connect(listener.local_addr().unwrap()).unwrap()
}

#[test]
fn accept_waits_for_a_connection() {
    let listener = listener();
    let addr = listener.local_addr().unwrap();
    let server = thread::spawn(move || listener.accept().unwrap());
    give_way();
    let client = TcpStream::connect(addr).unwrap();
    let (stream, peer) = server.join().unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    assert_eq!(stream.peer_addr().unwrap(), peer);
    assert_eq!(stream.local_addr().unwrap(), addr);
}

#[test]
fn incoming_goes_on_for_ever() {
    let listener = listener();
    let clients: Vec<_> = (0..10).map(|_| connect(&listener)).collect();
    let served: HashSet<_> = listener.incoming().take(10).map(|stream| stream.unwrap().peer_addr().unwrap()).collect();
    assert_eq!(served, clients.iter().map(|client| client.local_addr().unwrap()).collect());
}

/// Lets `acceptors` share `count` connections and checks that each is taken once.
fn share(acceptors: Vec<TcpListener>, count: usize) {
    let addr = acceptors[0].local_addr().unwrap();
    let servers: Vec<_> = acceptors
        .into_iter()
        .map(|listener| {
            thread::spawn(move || -> Vec<SocketAddr> {
                let mut served = Vec::new();
                loop {
                    let (mut stream, peer) = listener.accept().unwrap();
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    if byte == *b"q" {
                        return served;
                    }
                    served.push(peer);
                }
            })
        })
        .collect();
    give_way();
    let mut sent: Vec<_> = (0..count)
        .map(|_| {
            let mut client = TcpStream::connect(addr).unwrap();
            client.write_all(b"x").unwrap();
            client.local_addr().unwrap()
        })
        .collect();
    for _ in &servers {
        TcpStream::connect(addr).unwrap().write_all(b"q").unwrap();
    }
    let mut served: Vec<_> = servers.into_iter().flat_map(|server| server.join().unwrap()).collect();
    sent.sort();
    served.sort();
    assert_eq!(served, sent);
}

#[test]
fn clones_share_the_connections() {
    let listener = listener();
    let mut acceptors: Vec<_> = (0..4).map(|_| listener.try_clone().unwrap()).collect();
    acceptors.push(listener);
    share(acceptors, 100);
}

#[test]
fn clones_of_a_listener_from_elsewhere_share_the_connections() {
    let listener = TcpListener::from(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let acceptors: Vec<_> = (0..4).map(|_| listener.try_clone().unwrap()).collect();
    share(acceptors, 100);
}

#[test]
fn many_green_threads_accept_on_one_listener() {
    let listener = listener();
    let addr = listener.local_addr().unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (&listener.accept().unwrap().0).write_all(b"x"));
        }
        give_way();
        for _ in 0..8 {
            scope.spawn(move || TcpStream::connect(addr).unwrap().read_exact(&mut [0]).unwrap());
        }
    });
}

#[test]
fn a_listener_that_is_shut_down_wakes_its_accept() {
    let listener = listener();
    let clone = listener.try_clone().unwrap();
    let server = thread::spawn(move || listener.accept().map(drop));
    give_way();
    SockRef::from(&clone).shutdown(Shutdown::Both).unwrap();
    assert_eq!(server.join().unwrap().unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_listener_outlives_its_clone_that_is_closed_under_accept() {
    let listener = listener();
    let clone = listener.try_clone().unwrap();
    let server = thread::spawn(move || listener.accept().map(drop));
    give_way();
    let addr = clone.local_addr().unwrap();
    drop(clone);
    TcpStream::connect(addr).unwrap();
    server.join().unwrap().unwrap();
}

// Eventlet's `test_accept_timeout`.
#[test]
fn accept_waits_no_longer_than_the_receive_timeout() {
    let listener = listener();
    let timeout = Duration::from_millis(20);
    SockRef::from(&listener).set_read_timeout(Some(timeout)).unwrap();
    let started = Instant::now();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(started.elapsed() >= timeout);
}

#[test]
fn two_thousand_connections_are_served_at_once() {
    const COUNT: usize = 2000;
    let listener = listener();
    let addr = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let handlers: Vec<_> = listener
            .incoming()
            .take(COUNT)
            .map(|stream| {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let mut byte = [0];
                    while stream.read(&mut byte).unwrap() == 1 {
                        stream.write_all(&byte).unwrap();
                    }
                })
            })
            .collect();
        handlers.into_iter().for_each(|handler| handler.join().unwrap());
    });
    let exchange = |clients: &mut [TcpStream], round| {
        for client in &mut *clients {
            client.write_all(&[round]).unwrap();
        }
        for client in clients {
            let mut byte = [0xff];
            client.read_exact(&mut byte).unwrap();
            assert_eq!(byte, [round]);
        }
    };
    let mut clients = Vec::new();
    while clients.len() < COUNT {
        // No more at once than the listener's queue holds, or the kernel makes some of them wait for a second.
        let old = clients.len();
        clients.extend((0..100).map(|_| TcpStream::connect(addr).unwrap()));
        exchange(&mut clients[old..], 0);
    }
    for round in 1..4 {
        exchange(&mut clients, round);
    }
    drop(clients);
    server.join().unwrap();
}
