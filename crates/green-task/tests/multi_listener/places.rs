//! A36: where it listens.

use std::io::ErrorKind;
use std::net::SocketAddr;

use green_net::TcpListener;
use green_task::MultiListener;
use green_task::channel::{Address, Socket};
use green_tests::has_ipv6;

use crate::support::{client, listener, next, report};

#[test]
fn clients_of_three_families_reach_one_handler() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = MultiListener::new();
    let names = report(&listener, "");
    // Before and after the handler, at once and one by one.
    listener.open("127.0.0.1:0", 8).unwrap();
    if has_ipv6() {
        listener.open("[::1]:0", 8).unwrap();
    }
    listener.open(&path, 8).unwrap();
    for address in listener.addresses() {
        let _client = client(&address, &address.to_string());
        assert_eq!(next(&names), address.to_string());
    }
}

#[test]
fn one_bad_address_among_three_does_not_keep_the_others_closed() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let three = [free, taken.local_addr().unwrap(), free];
    let listener = MultiListener::new();
    listener.open(&three[..], 8).unwrap();
    assert_eq!(listener.addresses().len(), 2);
    let names = report(&listener, "");
    for address in listener.addresses() {
        let _client = client(&address, "good");
        assert_eq!(next(&names), "good");
    }
}

#[test]
fn nothing_but_bad_addresses_is_the_first_error_and_changes_nothing() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    // Nobody has this one.
    let foreign = SocketAddr::from(([192, 0, 2, 1], 0));
    for (addresses, kind) in [([taken, foreign], ErrorKind::AddrInUse), ([foreign, taken], ErrorKind::AddrNotAvailable)]
    {
        let _keep = Socket::listen(taken, 1);
        let listener = MultiListener::new();
        assert_eq!(listener.open(&addresses[..], 8).unwrap_err().kind(), kind);
        assert!(!listener.is_connected());
    }
    let (listener, _) = listener();
    assert!(listener.open("no port", 8).is_err());
    assert_eq!(listener.open(&[] as &[Address], 8).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(listener.addresses().len(), 1);
}

#[test]
fn both_families_may_have_the_same_port() {
    if !has_ipv6() {
        return;
    }
    // Another program may take the port in between.
    for _ in 0..10 {
        let port = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
        let both: [SocketAddr; 2] = [(std::net::Ipv6Addr::UNSPECIFIED, port).into(), ([0, 0, 0, 0], port).into()];
        let listener = MultiListener::new();
        if listener.open(&both[..], 8).is_err() || listener.addresses().len() < 2 {
            continue;
        }
        let names = report(&listener, "");
        for addr in [SocketAddr::from(([127, 0, 0, 1], port)), (std::net::Ipv6Addr::LOCALHOST, port).into()] {
            let _client = client(&addr.into(), &addr.to_string());
            assert_eq!(next(&names), addr.to_string());
        }
        return;
    }
    panic!("both families never had the same port");
}

#[test]
fn a_listener_from_elsewhere_is_added_and_nothing_else() {
    let listener = MultiListener::new();
    let ours = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::from(ours.local_addr().unwrap());
    // Whoever made it may not want it to wait.
    ours.set_nonblocking(true).unwrap();
    listener.add(ours).unwrap();
    let names = report(&listener, "");
    let near = client(&address, "added");
    assert_eq!(next(&names), "added");
    assert_eq!(listener.add(near).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(listener.addresses().len(), 1);
}
