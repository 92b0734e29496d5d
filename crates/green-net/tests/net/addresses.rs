//! Several addresses for one call.

use std::io::ErrorKind;
use std::net::SocketAddr;

use green_net::{TcpListener, TcpStream};

use crate::support::listener;

#[test]
fn connect_tries_every_address() {
    let listener = listener();
    let gone = crate::support::listener().local_addr().unwrap();
    let addrs = [gone, gone, listener.local_addr().unwrap()];
    assert_eq!(TcpStream::connect(&addrs[..]).unwrap().peer_addr().unwrap(), addrs[2]);
}

#[test]
fn bind_tries_every_address() {
    let taken = listener();
    // An address that is in use, one that is not this machine's (TEST-NET-1), and a good one.
    let addrs =
        [taken.local_addr().unwrap(), SocketAddr::from(([192, 0, 2, 1], 0)), SocketAddr::from(([127, 0, 0, 1], 0))];
    let bound = TcpListener::bind(&addrs[..]).unwrap();
    assert_ne!(bound.local_addr().unwrap(), taken.local_addr().unwrap());
}

#[test]
fn the_last_error_is_the_one_that_counts() {
    let taken = listener().local_addr().unwrap();
    let hold = TcpListener::bind(taken).unwrap();
    let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
    let error = TcpListener::bind(&[foreign, taken][..]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let error = TcpListener::bind(&[taken, foreign][..]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    drop(hold);
}

#[test]
fn no_address_is_an_error() {
    let none: &[SocketAddr] = &[];
    for error in [TcpStream::connect(none).unwrap_err(), TcpListener::bind(none).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "could not resolve to any addresses");
    }
}

#[test]
fn a_name_connects() {
    let listener = TcpListener::bind("localhost:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    TcpStream::connect(("localhost", port)).unwrap();
    TcpStream::connect(format!("localhost:{port}")).unwrap();
    assert_eq!(TcpStream::connect("localhost").unwrap_err().kind(), ErrorKind::InvalidInput);
}
