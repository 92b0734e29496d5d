//! A36: the end of it, twice, and a new beginning.

use std::io::{ErrorKind, Read};

use green_task::MultiListener;
use green_task::channel::Socket;

use crate::support::{alone, client, listener, next, report, wait_for};

#[test]
fn disconnecting_twice_is_disconnecting() {
    // Alone: a child that another test starts would have a copy of the socket for a moment.
    alone("ends::disconnecting_twice_is_disconnecting", 256, || {
        let (listener, address) = listener();
        assert!(listener.is_connected());
        let _names = report(&listener, "");
        for _ in 0..2 {
            listener.disconnect().unwrap();
            assert!(!listener.is_connected());
            assert!(listener.addresses().is_empty());
            // At once, not some time later.
            assert_eq!(Socket::connect(&address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
        }
        MultiListener::new().disconnect().unwrap();
    });
}

#[test]
fn it_may_be_opened_again() {
    let (listener, address) = listener();
    let names = report(&listener, "");
    for _ in 0..3 {
        listener.disconnect().unwrap();
        assert!(names.recv().is_err());
        listener.open(&address, 8).unwrap();
        let names = report(&listener, "");
        let _a = client(&address, "a");
        assert_eq!(next(&names), "a");
    }
}

#[test]
fn a_path_is_gone_after_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = MultiListener::new();
    for _ in 0..2 {
        listener.open(&path, 8).unwrap();
        let names = report(&listener, "");
        let _a = client(&listener.addresses()[0], "a");
        assert_eq!(next(&names), "a");
        assert!(path.exists());
        listener.disconnect().unwrap();
        assert!(!path.exists());
    }
    listener.open(&path, 8).unwrap();
    let _names = report(&listener, "");
    drop(listener);
    wait_for("the end of the socket", || !path.exists());
}

#[test]
fn clients_who_were_given_to_a_handler_stay_with_it() {
    let (listener, address) = listener();
    let (give, given) = green_sync::mpsc::channel();
    listener.set_handler(move |client| drop(give.send(client))).unwrap();
    let near = Socket::connect(&address).unwrap();
    let far = given.recv().unwrap();
    listener.disconnect().unwrap();
    std::io::Write::write_all(&mut &far, b"a").unwrap();
    (&near).read_exact(&mut [0]).unwrap();
}

#[test]
fn dropping_it_ends_it() {
    let (listener, address) = listener();
    let names = report(&listener, "");
    drop(listener);
    assert!(names.recv().is_err());
    wait_for("the end of the socket", || Socket::connect(&address).is_err());
}

#[test]
fn a_handler_may_disconnect_its_own_listener() {
    let (listener, address) = listener();
    let own = std::sync::Arc::clone(&listener);
    let (tell, told) = green_sync::mpsc::channel();
    listener.set_handler(move |_| tell.send(own.disconnect().is_ok()).unwrap()).unwrap();
    let _a = Socket::connect(&address).unwrap();
    assert_eq!(told.recv(), Ok(true));
    assert!(!listener.is_connected());
}
