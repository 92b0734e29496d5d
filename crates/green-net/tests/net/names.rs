//! Names, resolved off the hub.

use std::cell::Cell;
use std::rc::Rc;

use green_net::ToSocketAddrs;
use green_thread as thread;

#[test]
fn a_name_resolves_while_other_green_threads_of_the_hub_run() {
    let ran = Rc::new(Cell::new(0));
    let ticker = thread::spawn_local({
        let ran = Rc::clone(&ran);
        move || ran.set(ran.get() + 1)
    });
    // A lookup can be over before its asker gets to park, but not every time.
    let lookups = (0..1000).map(|_| ("localhost", 80).to_socket_addrs().unwrap().count());
    assert!(lookups.map(|count| assert!(count > 0)).any(|()| ran.get() == 1), "the lookups kept their hub busy");
    ticker.join().unwrap();
}

#[test]
fn a_name_resolves_on_a_plain_os_thread() {
    let outside = std::thread::spawn(|| "localhost:80".to_socket_addrs().unwrap().count());
    assert!(outside.join().unwrap() > 0);
}

#[test]
fn many_lookups_at_once_all_get_their_own_port() {
    let lookups: Vec<_> = (1..=200_u16)
        .map(|port| thread::spawn(move || (port, ("localhost", port).to_socket_addrs().unwrap())))
        .collect();
    for lookup in lookups {
        let (port, addrs) = lookup.join().unwrap();
        let addrs: Vec<_> = addrs.collect();
        assert!(!addrs.is_empty());
        assert!(addrs.iter().all(|addr| addr.port() == port && addr.ip().is_loopback()));
    }
}

#[test]
fn every_asker_gets_the_error() {
    let expected = std::net::ToSocketAddrs::to_socket_addrs(&("", 1)).err().unwrap();
    let lookups: Vec<_> = (0..20).map(|_| thread::spawn(|| ("", 1).to_socket_addrs().err())).collect();
    for lookup in lookups {
        let error = lookup.join().unwrap().expect("an empty name does not resolve");
        assert_eq!(error.kind(), expected.kind());
        assert_eq!(error.to_string(), expected.to_string());
    }
}
