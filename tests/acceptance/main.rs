//! The small programs that the idea comes from, as FEATURES §4 numbers them.

#[path = "../../crates/green/examples/l3agent/agent.rs"]
mod agent;
mod coroutines;
#[path = "../../crates/green/examples/dispatcher/dispatcher.rs"]
mod dispatcher;
mod drivers;
#[path = "../../crates/green/examples/l3agent/exclusive.rs"]
mod exclusive;
mod locks;
mod looping;
mod pools;
mod several;

use std::cell::{Cell, RefCell};
use std::io::{Read as _, Write as _};
use std::rc::Rc;

use green::greenlet::{self, Greenlet, Value};
use green::net::TcpListener;
use green::thread;

/// A1: two greenlets that switch to each other. The last line of the second never comes, and what it holds is dropped
/// exactly once.
#[test]
fn a1_two_greenlets_print_exactly_three_lines() {
    struct Held(Rc<Cell<u32>>);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }
    let lines = Rc::new(RefCell::new(Vec::<String>::new()));
    let drops = Rc::new(Cell::new(0));
    let second_slot: Rc<RefCell<Option<Greenlet>>> = Rc::default();

    let (log, other) = (Rc::clone(&lines), Rc::clone(&second_slot));
    let first = Greenlet::new(move |x: Value| {
        let x = x.take::<i32>().unwrap();
        log.borrow_mut().push(format!("test1: {x}"));
        let second = other.borrow().clone().unwrap();
        second.switch(x + 30);
        log.borrow_mut().push("test1: over".to_owned());
        Value::Unit
    });
    let (log, back, held) = (Rc::clone(&lines), first.clone(), Held(Rc::clone(&drops)));
    let second = Greenlet::new(move |u: Value| {
        let _held = held;
        let u = u.take::<i32>().unwrap();
        log.borrow_mut().push(format!("test2: {u}"));
        back.switch(());
        log.borrow_mut().push("test2: over".to_owned());
        Value::Unit
    });
    *second_slot.borrow_mut() = Some(second.clone());

    first.switch(2);
    assert_eq!(*lines.borrow(), ["test1: 2", "test2: 32", "test1: over"]);
    assert!(first.is_dead());
    assert!(!second.is_dead());
    assert_eq!(greenlet::current().id(), greenlet::main().id());
    assert_eq!(drops.get(), 0);
    second_slot.borrow_mut().take();
    drop(first);
    drop(second);
    assert_eq!(drops.get(), 1);
    assert_eq!(lines.borrow().len(), 3);
}

/// A2: `spawn` returns before the function runs, any wait lets it run, and several may wait for it.
#[test]
fn a2_spawn_comes_back_first_and_many_may_wait() {
    let ran = Rc::new(Cell::new(false));
    let seen = Rc::clone(&ran);
    let child = thread::spawn_local(move || {
        seen.set(true);
        22
    });
    assert!(!ran.get());
    let remote = child.remote();
    let waiters: Vec<_> = (0..3)
        .map(|_| {
            let remote = remote.clone();
            thread::spawn_local(move || remote.wait())
        })
        .collect();
    thread::yield_now();
    assert!(ran.get());
    assert_eq!(child.join().unwrap(), 22);
    for waiter in waiters {
        waiter.join().unwrap();
    }
}

/// A3: one that computes and yields at each step does not starve sockets or timers. Counted in yields, not in time:
/// the hub asks the kernel every 20 µs, which are some thousands of yields at the most.
#[test]
fn a3_a_spinner_that_yields_starves_nobody() {
    const PLENTY: u32 = 200_000;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_nodelay(true).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    let got = Rc::new(Cell::new(0u32));
    let seen = Rc::clone(&got);
    let reader = thread::spawn_local(move || {
        let mut byte = [0];
        while server.read(&mut byte).unwrap() == 1 {
            seen.set(seen.get() + 1);
        }
    });
    for round in 1..=50 {
        client.write_all(b"x").unwrap();
        let mut spins = 0;
        while got.get() < round {
            thread::yield_now();
            spins += 1;
            assert!(spins < PLENTY, "round {round}: not served after {spins} yields");
        }
    }
    let ticks = Rc::new(Cell::new(0u32));
    let seen = Rc::clone(&ticks);
    let ticker = thread::spawn_local(move || {
        for _ in 0..50 {
            // What is tested is that the sleep ends.
            thread::sleep(std::time::Duration::from_micros(200));
            seen.set(seen.get() + 1);
        }
    });
    while ticks.get() < 50 {
        thread::yield_now();
    }
    ticker.join().unwrap();
    drop(client);
    reader.join().unwrap();
}

/// Three green threads of one hub interleave; those of another OS thread have a hub of their own.
// Eventlet's `test_can_use_eventlet_in_os_threads`.
#[test]
fn hubs_of_two_os_threads_do_not_meet() {
    let order = || {
        let log = Rc::new(RefCell::new(Vec::new()));
        let handles: Vec<_> = (0..2)
            .map(|i| {
                let log = Rc::clone(&log);
                thread::spawn_local(move || {
                    for _ in 0..3 {
                        log.borrow_mut().push(i);
                        thread::yield_now();
                    }
                })
            })
            .collect();
        for handle in handles {
            handle.join().unwrap();
        }
        log.take()
    };
    let other = std::thread::spawn(order);
    assert_eq!(order(), [0, 1, 0, 1, 0, 1]);
    assert_eq!(other.join().unwrap(), [0, 1, 0, 1, 0, 1]);
}
