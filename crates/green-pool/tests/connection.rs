//! `ConnectionPool`: what is reused, what is closed, and when.

mod lookers;

use std::io;
use std::panic::panic_any;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use green_pool::connection::{Builder, ConnectError, Connection, Connector, GetError};
use green_pool::{ConnectionPool, tpool};
use green_thread as thread;
use lookers::{AGE, MOMENT, everywhere, timeout, until};

/// What the connectors of a test did, and what they are to do.
#[derive(Default)]
struct Server {
    made: AtomicUsize,
    closed: Mutex<Vec<usize>>,
    resets: AtomicUsize,
    refuses: AtomicBool,
    hangs: AtomicBool,
    reset_fails: AtomicBool,
    reset_hangs: AtomicBool,
}

#[derive(Clone, Default)]
struct Client(Arc<Server>);

#[derive(Debug)]
struct Session {
    number: usize,
    broken: bool,
}

impl Connector for Client {
    type Connection = Session;
    type Error = io::Error;

    fn connect(&self) -> io::Result<Session> {
        if self.0.refuses.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        while self.0.hangs.load(Ordering::SeqCst) {
            thread::park();
        }
        Ok(Session { number: self.0.made.fetch_add(1, Ordering::SeqCst), broken: false })
    }

    fn reset(&self, _: &mut Session) -> io::Result<()> {
        while self.0.reset_hangs.load(Ordering::SeqCst) {
            thread::park();
        }
        self.0.resets.fetch_add(1, Ordering::SeqCst);
        if self.0.reset_fails.load(Ordering::SeqCst) { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn is_broken(&self, session: &mut Session) -> bool {
        session.broken
    }

    fn close(&self, session: Session) {
        self.0.closed.lock().unwrap().push(session.number);
    }
}

impl Client {
    fn made(&self) -> usize {
        self.0.made.load(Ordering::SeqCst)
    }

    fn closed(&self) -> Vec<usize> {
        self.0.closed.lock().unwrap().clone()
    }
}

fn plain(max: usize) -> (ConnectionPool<Client>, Client) {
    let client = Client::default();
    (ConnectionPool::new(max, client.clone()), client)
}

#[test]
fn the_connection_that_was_used_last_is_used_next() {
    everywhere(|| {
        let (pool, client) = plain(3);
        let (a, b) = (pool.get().unwrap(), pool.get().unwrap());
        assert_eq!((a.number, b.number, pool.free()), (0, 1, 1));
        drop(a);
        drop(b);
        assert_eq!(pool.get().unwrap().number, 1);
        assert_eq!((client.made(), pool.idle(), client.0.resets.load(Ordering::SeqCst)), (2, 2, 3));
    });
}

// zero_max_idle, zero_max_age

#[test]
fn with_a_limit_of_zero_each_is_closed_as_it_comes_back() {
    for builder in [Builder::new(2).max_idle(Duration::ZERO), Builder::new(2).max_age(Duration::ZERO)] {
        let client = Client::default();
        let pool = builder.build(client.clone());
        for turn in 0..3 {
            assert_eq!(pool.get().unwrap().number, turn);
            assert_eq!((pool.idle(), client.closed().len()), (0, turn + 1));
        }
    }
}

// waiters_get_woken

#[test]
fn those_who_wait_go_on_though_nothing_comes_back_to_them() {
    everywhere(|| {
        let client = Client::default();
        let pool = Builder::new(1).max_idle(Duration::ZERO).max_age(Duration::ZERO).build(client);
        let held = pool.get().unwrap();
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let own = pool.clone();
                thread::spawn(move || own.get().unwrap().number)
            })
            .collect();
        until(|| pool.waiting() == 3);
        drop(held);
        let mut numbers: Vec<_> = waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 2, 3]);
    });
}

#[test]
fn what_lies_idle_for_too_long_is_closed_in_time_and_by_nobody_s_request() {
    everywhere(|| {
        let client = Client::default();
        let pool = Builder::new(4).max_idle(Duration::from_millis(20)).build(client.clone());
        for _ in 0..2 {
            let sessions: Vec<_> = (0..3).map(|_| pool.get().unwrap()).collect();
            let before = client.closed().len();
            drop(sessions);
            let back = Instant::now();
            assert_eq!(pool.idle(), 3);
            until(|| client.closed().len() == before + 3);
            assert!(back.elapsed() >= Duration::from_millis(20));
            assert_eq!((pool.idle(), pool.free()), (0, 4));
        }
    });
}

#[test]
fn an_age_that_ends_sooner_than_what_is_slept_for_is_kept_too() {
    // What else runs on this machine may make both seem to end at once, but not each time.
    let apart = (0..20).any(|_| {
        let client = Client::default();
        let pool = Builder::new(2).max_idle(AGE).max_age(Duration::from_millis(30)).build(client.clone());
        let old = pool.get().unwrap();
        // Time is the subject: the one is to be older than the other.
        thread::sleep(Duration::from_millis(20));
        let young = pool.get().unwrap();
        // The younger one comes back first, and the thread sleeps for its end.
        drop(young);
        drop(old);
        until(|| !client.closed().is_empty());
        let first = client.closed();
        until(|| client.closed().len() == 2);
        first == [0]
    });
    assert!(apart);
}

#[test]
fn a_connection_that_is_too_old_is_not_given_out_though_nobody_has_closed_it_yet() {
    let client = Client::default();
    let pool = Builder::new(1).max_age(MOMENT).build(client.clone());
    drop(pool.get().unwrap());
    // Nothing else runs meanwhile, at least on one hub.
    std::thread::sleep(2 * MOMENT);
    assert_eq!(pool.get().unwrap().number, 1);
    assert_eq!(client.closed()[0], 0);
}

#[test]
fn a_pool_that_is_dropped_closes_what_lies_idle_and_what_comes_back() {
    let client = Client::default();
    let pool = Builder::new(2).max_idle(AGE).build(client.clone());
    let (a, b) = (pool.get().unwrap(), pool.get().unwrap());
    drop(a);
    drop(pool);
    assert_eq!(client.closed(), []);
    drop(b);
    assert_eq!(client.closed().len(), 2);
    // The connector, which only the expiry could still have, is gone.
    until(|| Arc::strong_count(&client.0) == 1);
}

// ConnectTimeout

#[test]
fn making_one_takes_no_longer_than_it_may() {
    everywhere(|| {
        let client = Client::default();
        let pool = Builder::new(1).connect_timeout(MOMENT).build(client.clone());
        client.0.hangs.store(true, Ordering::SeqCst);
        assert!(matches!(pool.get(), Err(ConnectError::TimedOut)));
        assert!(matches!(pool.get_timeout(AGE), Err(GetError::Create(ConnectError::TimedOut))));
        assert_eq!(io::Error::from(pool.get().unwrap_err()).kind(), io::ErrorKind::TimedOut);
        // Somebody else's time is none of its business.
        assert!(timeout(MOMENT / 5, || pool.get()).is_none());
        client.0.hangs.store(false, Ordering::SeqCst);
        assert_eq!((pool.get().unwrap().number, pool.free()), (0, 0));
    });
}

#[test]
fn a_blocking_driver_is_given_up_in_time_too() {
    struct Driver(Mutex<Option<std::sync::mpsc::Receiver<()>>>);
    impl Connector for Driver {
        type Connection = tpool::Blocking<u8>;
        type Error = io::Error;

        fn connect(&self) -> io::Result<tpool::Blocking<u8>> {
            let gate = self.0.lock().unwrap().take();
            Ok(tpool::Blocking::new(tpool::execute(move || {
                if let Some(gate) = gate {
                    let _ = gate.recv();
                }
                5
            })))
        }
    }
    let (open, gate) = std::sync::mpsc::channel();
    let pool = Builder::new(1).connect_timeout(MOMENT).build(Driver(Mutex::new(Some(gate))));
    assert!(matches!(pool.get(), Err(ConnectError::TimedOut)));
    // The next has an OS thread to start, which may take as long.
    let connection = loop {
        if let Ok(connection) = pool.get() {
            break connection;
        }
    };
    assert_eq!(connection.with(|n| *n), 5);
    drop(open);
}

#[test]
fn a_refusal_gives_the_place_to_the_next() {
    let (pool, client) = plain(1);
    let held = pool.get().unwrap();
    let own = pool.clone();
    let refused = thread::spawn(move || own.get().map(|session| session.number));
    until(|| pool.waiting() == 1);
    let own = pool.clone();
    let second = thread::spawn(move || own.get().map(|session| session.number));
    until(|| pool.waiting() == 2);
    client.0.refuses.store(true, Ordering::SeqCst);
    Connection::close(held);
    assert!(matches!(refused.join().unwrap(), Err(ConnectError::Failed(_))));
    assert!(matches!(second.join().unwrap(), Err(ConnectError::Failed(_))));
    assert!(matches!(pool.try_get(), Err(GetError::Create(ConnectError::Failed(_)))));
    assert_eq!(pool.free(), 1);
}

// Broken connections, and the cleanup hook.

#[test]
fn a_broken_connection_is_closed_and_replaced() {
    let (pool, client) = plain(1);
    pool.get().unwrap().broken = true;
    assert_eq!((client.closed(), client.0.resets.load(Ordering::SeqCst)), (vec![0], 0));
    assert_eq!(pool.get().unwrap().number, 1);
    let session = pool.get().unwrap();
    Connection::close(session);
    assert_eq!(client.closed(), [0, 1]);
    let detached = Connection::detach(pool.get().unwrap());
    assert_eq!((detached.number, client.closed().len(), pool.free()), (2, 2, 1));
}

#[test]
fn one_that_broke_while_it_was_idle_is_replaced_by_another_idle_one_first() {
    struct Flaky(Client, Arc<Mutex<Vec<usize>>>);
    impl Connector for Flaky {
        type Connection = Session;
        type Error = io::Error;

        fn connect(&self) -> io::Result<Session> {
            self.0.connect()
        }

        fn is_broken(&self, session: &mut Session) -> bool {
            self.1.lock().unwrap().contains(&session.number)
        }

        fn close(&self, session: Session) {
            self.0.close(session);
        }
    }
    let (client, broken) = (Client::default(), Arc::new(Mutex::new(Vec::new())));
    let pool = ConnectionPool::new(3, Flaky(client.clone(), Arc::clone(&broken)));
    drop([pool.get().unwrap(), pool.get().unwrap(), pool.get().unwrap()]);
    broken.lock().unwrap().extend([2, 1]);
    assert_eq!(pool.get().unwrap().number, 0);
    assert_eq!((client.closed(), client.made()), (vec![2, 1], 3));
    broken.lock().unwrap().push(0);
    assert_eq!(pool.get().unwrap().number, 3);
}

#[test]
fn a_kill_while_an_idle_one_is_looked_at_closes_it() {
    #[derive(Clone, Default)]
    struct Slow(Client, Arc<AtomicBool>);
    impl Connector for Slow {
        type Connection = Session;
        type Error = io::Error;

        fn connect(&self) -> io::Result<Session> {
            self.0.connect()
        }

        fn is_broken(&self, _: &mut Session) -> bool {
            while self.1.load(Ordering::SeqCst) {
                thread::park();
            }
            false
        }

        fn close(&self, session: Session) {
            self.0.close(session);
        }
    }
    let slow = Slow::default();
    let pool = ConnectionPool::new(1, slow.clone());
    drop(pool.get().unwrap());
    slow.1.store(true, Ordering::SeqCst);
    let own = pool.clone();
    let victim = thread::spawn(move || drop(own.get()));
    until(|| pool.free() == 0);
    victim.kill().unwrap();
    assert!(victim.join().is_err());
    assert_eq!((slow.0.closed(), pool.free(), pool.idle()), (vec![0], 1, 0));
}

#[test]
fn one_that_cannot_be_reset_is_closed() {
    let (pool, client) = plain(1);
    client.0.reset_fails.store(true, Ordering::SeqCst);
    drop(pool.get().unwrap());
    let error = Connection::put(pool.get().unwrap()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    assert_eq!((client.closed(), pool.free(), pool.idle()), (vec![0, 1], 1, 0));
    client.0.reset_fails.store(false, Ordering::SeqCst);
    Connection::put(pool.get().unwrap()).unwrap();
    assert_eq!(pool.idle(), 1);
}

#[test]
fn a_kill_during_the_reset_closes_it() {
    let (pool, client) = plain(1);
    let own = pool.clone();
    client.0.reset_hangs.store(true, Ordering::SeqCst);
    let victim = thread::spawn(move || drop(own.get().unwrap()));
    until(|| client.made() == 1);
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<thread::Killed>());
    assert_eq!((client.closed(), pool.free(), pool.idle()), (vec![0], 1, 0));
}

#[test]
fn one_whose_user_panicked_or_was_killed_is_closed_and_not_reset() {
    let (pool, client) = plain(1);
    let own = pool.clone();
    let panicked = thread::spawn(move || {
        let _session = own.get().unwrap();
        panic_any(1)
    });
    assert!(panicked.join().is_err());
    let own = pool.clone();
    let killed = thread::spawn(move || {
        let _session = own.get().unwrap();
        loop {
            thread::park();
        }
    });
    until(|| client.made() == 2);
    killed.kill().unwrap();
    assert!(killed.join().is_err());
    assert_eq!((client.closed(), client.0.resets.load(Ordering::SeqCst), pool.free()), (vec![0, 1], 0, 1));
}

#[test]
fn what_is_cleared_or_too_much_is_closed() {
    let (pool, client) = plain(3);
    let held = pool.get().unwrap();
    drop([pool.get().unwrap(), pool.get().unwrap()]);
    pool.clear();
    assert_eq!((client.closed(), pool.idle(), pool.free()), (vec![1, 2], 0, 2));
    pool.resize(0);
    drop(held);
    assert_eq!((client.closed(), pool.free()), (vec![1, 2, 0], 0));
    assert!(matches!(pool.try_get(), Err(GetError::Exhausted)));
    assert!(matches!(pool.get_timeout(MOMENT), Err(GetError::TimedOut)));
}

#[test]
fn many_users_of_few_connections_come_out_even() {
    let client = Client::default();
    let pool =
        Builder::new(3).max_idle(Duration::from_millis(1)).max_age(Duration::from_millis(3)).build(client.clone());
    let users: Vec<_> = (0..20)
        .map(|n| {
            let pool = pool.clone();
            thread::spawn(move || {
                for turn in 0..30 {
                    let session = pool.get().unwrap();
                    match (n + turn) % 5 {
                        0 => thread::yield_now(),
                        // Long enough for some to expire.
                        1 => thread::sleep(Duration::from_micros(300)),
                        _ => {}
                    }
                    drop(session);
                }
            })
        })
        .collect();
    users.into_iter().for_each(|user| user.join().unwrap());
    until(|| pool.idle() == 0);
    assert_eq!((pool.free(), pool.waiting()), (3, 0));
    until(|| client.closed().len() == client.made());
}
