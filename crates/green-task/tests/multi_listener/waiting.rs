//! A36: `wait_client`, alone and beside a handler.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use green_task::MultiListener;
use green_task::channel::Socket;
use green_tests::has_ipv6;

use crate::support::{LONG, client, give_way, listener, name_of, next, report};

#[test]
fn the_first_client_of_any_socket_ends_the_wait() {
    let (listener, v4) = listener();
    let mut addresses = vec![v4];
    if has_ipv6() {
        listener.open("[::1]:0", 8).unwrap();
        addresses = listener.addresses();
    }
    for address in addresses {
        let waiting = green_thread::spawn({
            let listener = Arc::clone(&listener);
            move || name_of(&listener.wait_client().unwrap())
        });
        give_way();
        let _a = client(&address, "a");
        assert_eq!(waiting.join().unwrap(), "a");
        // One who is there already.
        let _b = client(&address, "b");
        assert_eq!(name_of(&listener.wait_client().unwrap()), "b");
    }
}

#[test]
fn clients_who_come_to_several_sockets_at_once_are_all_given_out() {
    let (listener, _) = listener();
    listener.open("127.0.0.1:0", 64).unwrap();
    listener.open("127.0.0.1:0", 64).unwrap();
    let mut clients = Vec::new();
    let mut expected = BTreeSet::new();
    for round in 0..10 {
        for (n, address) in listener.addresses().iter().enumerate() {
            let name = format!("{round} {n}");
            clients.push(client(address, &name));
            expected.insert(name);
        }
    }
    // Each call finds three sockets ready, and takes one client.
    let found: BTreeSet<_> = clients.iter().map(|_| name_of(&listener.wait_client().unwrap())).collect();
    assert_eq!(found, expected);
}

#[test]
fn who_waits_goes_before_the_handler_and_each_client_goes_to_one_of_them() {
    const CLIENTS: usize = 100;
    let (listener, address) = listener();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = |seen: &Mutex<Vec<String>>, client: &Socket| {
        let name = name_of(client);
        seen.lock().unwrap().push(name);
    };
    let by_handler = Arc::clone(&seen);
    listener.set_handler(move |client| note(&by_handler, &client)).unwrap();
    let waiting: Vec<_> = (0..10)
        .map(|_| {
            let (listener, seen) = (Arc::clone(&listener), Arc::clone(&seen));
            green_thread::spawn(move || {
                for _ in 0..3 {
                    note(&seen, &listener.wait_client().unwrap());
                }
            })
        })
        .collect();
    // As many more as it takes: the handler gets them while those who are to wait do not wait yet.
    let mut clients = Vec::new();
    while clients.len() < CLIENTS || !waiting.iter().all(green_thread::JoinHandle::is_finished) {
        clients.push(client(&address, &clients.len().to_string()));
        green_thread::yield_now();
    }
    for waiter in waiting {
        waiter.join().unwrap();
    }
    crate::support::wait_for("every client", || seen.lock().unwrap().len() >= clients.len());
    give_way();
    let seen = seen.lock().unwrap();
    let different: BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), different.len()), (clients.len(), clients.len()));
}

#[test]
fn who_waited_first_is_served_first_though_a_handler_is_there() {
    let (listener, address) = listener();
    let names = report(&listener, "handler ");
    let waiter = green_thread::spawn({
        let listener = Arc::clone(&listener);
        move || name_of(&listener.wait_client_timeout(LONG).unwrap().unwrap())
    });
    // Until it waits, the handler gets them.
    let mut clients = Vec::new();
    while !waiter.is_finished() {
        clients.push(client(&address, &clients.len().to_string()));
        give_way();
    }
    let mut all = vec![waiter.join().unwrap()];
    all.extend((1..clients.len()).map(|_| next(&names).replace("handler ", "")));
    all.sort_by_key(|name| name.parse::<usize>().unwrap());
    assert_eq!(all, (0..clients.len()).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_wait_that_is_over_has_taken_nobody() {
    let (listener, address) = listener();
    assert!(listener.wait_client_timeout(Duration::from_millis(5)).unwrap().is_none());
    assert!(listener.wait_client_until(std::time::Instant::now()).unwrap().is_none());
    let _a = client(&address, "a");
    give_way();
    assert_eq!(name_of(&listener.wait_client().unwrap()), "a");
}

#[test]
fn clients_that_meet_killed_waiters_go_to_the_next() {
    let (listener, address) = listener();
    for round in 0..100 {
        let doomed = green_thread::spawn({
            let listener = Arc::clone(&listener);
            move || {
                let client = listener.wait_client().unwrap();
                // Whoever has got it keeps it.
                name_of(&client)
            }
        });
        if round % 3 == 0 {
            give_way();
        }
        let name = round.to_string();
        let _client = client(&address, &name);
        if round % 2 == 0 {
            give_way();
        }
        doomed.kill().unwrap();
        let got = match doomed.join() {
            Ok(got) => got,
            Err(_) => match listener.wait_client_timeout(Duration::from_millis(500)).unwrap() {
                Some(client) => name_of(&client),
                // It was killed with the client in its hands: reading the name is a wait too.
                None => continue,
            },
        };
        assert_eq!(got, name);
    }
}

#[test]
fn nowhere_to_come_to_is_an_error() {
    let listener = Arc::new(MultiListener::new());
    assert_eq!(listener.wait_client().unwrap_err().kind(), ErrorKind::NotConnected);
    listener.open("127.0.0.1:0", 8).unwrap();
    let waiting = green_thread::spawn({
        let listener = Arc::clone(&listener);
        move || listener.wait_client().map(drop)
    });
    give_way();
    listener.disconnect().unwrap();
    assert_eq!(waiting.join().unwrap().unwrap_err().kind(), ErrorKind::NotConnected);
}
