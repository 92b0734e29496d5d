//! A36: who is called, and what becomes of a handler.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use green_sync::mpsc::channel;
use green_task::channel::Socket;

use crate::support::{LONG, alone, client, give_way, listener, name_of, next, report, wait_for};

/// Counts how often it was dropped.
struct Dropped(Arc<AtomicUsize>);

impl Dropped {
    /// Makes a closure keep it.
    fn touch(&self) {}
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn the_handler_is_swapped_while_clients_come() {
    let (listener, address) = listener();
    let first = report(&listener, "first ");
    let _a = client(&address, "a");
    assert_eq!(next(&first), "first a");
    let second = report(&listener, "second ");
    // The old handler is gone, and its end of the channel with it.
    assert!(first.recv().is_err());
    let _b = client(&address, "b");
    assert_eq!(next(&second), "second b");
    listener.clear_handler();
    assert!(second.recv().is_err());
}

#[test]
fn what_a_handler_holds_is_dropped_once_and_before_the_next_one_is_called() {
    let (listener, address) = listener();
    let count = Arc::new(AtomicUsize::new(0));
    let held = Dropped(Arc::clone(&count));
    listener.set_handler(move |_| held.touch()).unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 0);
    let names = report(&listener, "");
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let _a = client(&address, "a");
    assert_eq!(next(&names), "a");

    let held = Dropped(Arc::clone(&count));
    listener.set_handler(move |_| held.touch()).unwrap();
    listener.disconnect().unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2);

    let held = Dropped(Arc::clone(&count));
    listener.set_handler(move |_| held.touch()).unwrap();
    drop(listener);
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn a_handler_that_serves_keeps_what_it_holds_until_the_end() {
    let (listener, address) = listener();
    let count = Arc::new(AtomicUsize::new(0));
    let held = Dropped(Arc::clone(&count));
    let (began, begins) = channel();
    listener
        .set_handler(move |client| {
            held.touch();
            began.send(()).unwrap();
            name_of(&client);
        })
        .unwrap();
    let slow = Socket::connect(&address).unwrap();
    begins.recv_timeout(LONG).unwrap();
    let names = report(&listener, "");
    assert_eq!(count.load(Ordering::SeqCst), 0);
    let _b = client(&address, "b");
    assert_eq!(next(&names), "b");
    std::io::Write::write_all(&mut &slow, b"a\n").unwrap();
    wait_for("the end of the old handler", || count.load(Ordering::SeqCst) == 1);
}

#[test]
fn without_a_handler_nobody_is_accepted_and_nobody_is_lost() {
    let (listener, address) = listener();
    // The same socket, as somebody else has it.
    let clone = green_net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.add(clone.try_clone().unwrap()).unwrap();
    let shared = clone.local_addr().unwrap().into();
    let names = report(&listener, "");
    let _a = client(&shared, "a");
    assert_eq!(next(&names), "a");
    listener.clear_handler();
    let _b = client(&shared, "b");
    let _c = client(&address, "c");
    give_way();
    assert_eq!(name_of(&clone.accept().unwrap().0.into()), "b");
    let names = report(&listener, "");
    assert_eq!(next(&names), "c");
}

#[test]
fn a_panic_in_the_handler_harms_nobody_but_its_client() {
    let (listener, address) = listener();
    let (sender, names) = channel();
    listener
        .set_handler(move |client| match name_of(&client).as_str() {
            "bad" => panic!("a bad client"),
            name => drop(sender.send(name.to_owned())),
        })
        .unwrap();
    for _ in 0..3 {
        let bad = client(&address, "bad");
        assert_eq!(std::io::read_to_string(bad).unwrap(), "");
    }
    let _good = client(&address, "good");
    assert_eq!(next(&names), "good");
}

#[test]
fn a_slow_handler_delays_nobody() {
    let (listener, address) = listener();
    let names = report(&listener, "");
    let _mute = Socket::connect(&address).unwrap();
    let _a = client(&address, "a");
    assert_eq!(next(&names), "a");
}

#[test]
fn the_green_threads_have_the_listeners_name() {
    let (listener, address) = listener();
    listener.set_name("front");
    let (sender, names) = channel();
    listener
        .set_handler(move |_| drop(sender.send(green_thread::current().name().unwrap_or("none").to_owned())))
        .unwrap();
    let _a = Socket::connect(&address).unwrap();
    assert_eq!(next(&names), "front-client");
}

#[test]
fn no_descriptor_left_is_a_pause_and_not_the_end() {
    alone("handlers::no_descriptor_left_is_a_pause_and_not_the_end", 64, || {
        let (listener, address) = listener();
        let names = report(&listener, "");
        let refused = (0..20).any(|_| {
            let mut files: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
            // One for the client, and none for who accepts it.
            files.pop();
            let near = Socket::connect(&address).unwrap();
            std::io::Write::write_all(&mut &near, b"late\n").unwrap();
            // That nothing comes takes its time.
            green_thread::sleep(std::time::Duration::from_millis(30));
            let early = names.try_recv();
            drop(files);
            let is_early = early.is_ok();
            assert_eq!(early.unwrap_or_else(|_| next(&names)), "late");
            // Another OS thread, which had one for a moment, has given it back since.
            !is_early
        });
        assert!(refused);
        let _b = client(&address, "b");
        assert_eq!(next(&names), "b");
    });
}
