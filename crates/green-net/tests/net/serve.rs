//! Servers: their limit, their errors, their end.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use green_net::os::unix::{UnixListener, UnixStream};
use green_net::serve::{Builder, Listener, ServeError, Server};
use green_net::{SocketAddr, TcpListener, TcpStream, serve};
use green_thread as thread;

use crate::support::{Sign, abstract_addr, alone, give_way, listener};

const LONG: Duration = Duration::from_secs(30);

fn tcp() -> (TcpListener, SocketAddr) {
    let listener = listener();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Reads until the other end is closed.
fn rest(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Receives without blocking the hub.
fn receive<T>(receiver: &Receiver<T>) -> T {
    loop {
        match receiver.try_recv() {
            Ok(value) => return value,
            Err(_) => {
                thread::yield_now();
                std::thread::yield_now();
            }
        }
    }
}

/// Stops a server whose handlers need no killing.
fn stop(server: &Server) {
    assert!(server.stop_within(LONG).unwrap());
}

// Eventlet's `test_called_for_each_connection`, and `test_exiting_server`: each connection is closed as its handler returns.
#[test]
fn called_for_each_connection() {
    let (listener, addr) = tcp();
    let hits = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hits);
    let server = serve(listener, move |stream: TcpStream, peer| {
        assert_eq!(stream.peer_addr().unwrap(), peer);
        counted.fetch_add(1, Ordering::SeqCst);
    })
    .unwrap();
    let clients: Vec<_> = (0..100).map(|_| thread::spawn(move || rest(TcpStream::connect(addr).unwrap()))).collect();
    for client in clients {
        assert_eq!(client.join().unwrap(), "");
    }
    stop(&server);
    assert_eq!(hits.load(Ordering::SeqCst), 100);
}

#[test]
fn a_unix_listener_is_served_too() {
    let addr = abstract_addr();
    let listener = UnixListener::bind_addr(&addr).unwrap();
    let server = serve(listener, |mut stream, peer| {
        assert!(peer.is_unnamed());
        stream.write_all(b"hello")
    })
    .unwrap();
    assert_eq!(rest(UnixStream::connect_addr(&addr).unwrap()), "hello");
    stop(&server);
    // A child that another test starts may have a copy of the listener, until it is another program.
    while UnixStream::connect_addr(&addr).is_ok() {
        give_way();
    }
}

/// Reports what goes wrong in a server.
fn reporter(report: Sender<ServeError>) -> impl Fn(ServeError) + Send + Sync {
    let report = Mutex::new(report);
    move |error| report.lock().unwrap().send(error).unwrap()
}

// Eventlet's `test_excepting_server`.
#[test]
fn errors_and_panics_of_handlers_are_reported_and_close_the_connection() {
    let (listener, addr) = tcp();
    let (report, reports) = channel();
    let server = Builder::new()
        .on_error(reporter(report))
        .serve(listener, |mut stream, _| {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            match &byte {
                b"e" => Err(io::Error::other("an error")),
                b"p" => std::panic::panic_any("a panic that this test expects to see"),
                _ => stream.write_all(b"fine"),
            }
        })
        .unwrap();
    for (order, answer) in [("e", ""), ("p", ""), ("x", "fine"), ("p", ""), ("x", "fine")] {
        let mut client = TcpStream::connect(addr).unwrap();
        client.write_all(order.as_bytes()).unwrap();
        assert_eq!(rest(&client), answer);
        match order {
            "e" => assert!(matches!(receive(&reports), ServeError::Handler(e) if e.to_string() == "an error")),
            "p" => assert!(matches!(receive(&reports), ServeError::Panic(payload) if payload.is::<&str>())),
            _ => {}
        }
    }
    stop(&server);
    assert!(reports.try_recv().is_err());
}

// Eventlet's `test_excepting_server_already_closed`.
#[test]
fn a_handler_may_fail_after_it_has_closed_its_connection() {
    let (listener, addr) = tcp();
    let (report, reports) = channel();
    let server = Builder::new()
        .on_error(reporter(report))
        .serve(listener, |stream: TcpStream, _| -> io::Result<()> {
            drop(stream);
            Err(io::Error::other("too late for the connection"))
        })
        .unwrap();
    for _ in 0..3 {
        assert_eq!(rest(TcpStream::connect(addr).unwrap()), "");
        let report = receive(&reports);
        assert!(matches!(report, ServeError::Handler(e) if e.to_string() == "too late for the connection"));
    }
    stop(&server);
}

// Eventlet's `test_clean_exit` and `test_timeout_exit` (its `refcount_test`).
#[test]
fn nothing_is_left_of_connections_whose_handlers_ended_or_gave_up() {
    alone("serve::nothing_is_left_of_connections_whose_handlers_ended_or_gave_up", None, || {
        let open = || {
            let files = std::fs::read_dir("/proc/self/fd").unwrap();
            let is_socket = |file: &PathBuf| file.to_string_lossy().starts_with("socket:");
            files.filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok()).filter(is_socket).count()
        };
        let (listener, addr) = tcp();
        let held = Arc::new(());
        let holder = Arc::clone(&held);
        let server = serve(listener, move |mut stream: TcpStream, _| {
            let _held = Arc::clone(&holder);
            // The client says how it will go on, and is silent after a "t". It may take its time with the first letter.
            let mut word = [0; 2];
            stream.read_exact(&mut word[..1]).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
            match stream.read_exact(&mut word[1..]) {
                Ok(()) => stream.write_all(&word),
                Err(error) => stream.write_all(format!("{:?}", error.kind()).as_bytes()),
            }
        })
        .unwrap();
        let serve = |words: [&str; 4]| {
            for word in words {
                let mut client = TcpStream::connect(addr).unwrap();
                client.write_all(word.as_bytes()).unwrap();
                let expected = if word.len() == 2 { word } else { "WouldBlock" };
                assert_eq!(rest(&client), expected);
            }
            while server.connections() > 0 {
                give_way();
            }
        };
        let before = open();
        for _ in 0..5 {
            serve(["ok", "t", "t", "ok"]);
            assert_eq!((open(), Arc::strong_count(&held)), (before, 2));
        }
        stop(&server);
        assert_eq!(Arc::strong_count(&held), 1, "the handler is gone with its server");
        assert_eq!(open(), before - 1, "and the listener");
    });
}

#[test]
fn a_reporter_that_panics_ends_nothing() {
    let (listener, addr) = tcp();
    let server = Builder::new()
        .on_error(|_| std::panic::panic_any("a panic that this test expects to see"))
        .serve(listener, |_, _| Err(io::Error::other("an error")))
        .unwrap();
    for _ in 0..3 {
        assert_eq!(rest(TcpStream::connect(addr).unwrap()), "");
    }
    stop(&server);
}

// Eventlet's `test_concurrency`.
#[test]
fn the_limit_counts_before_accept() {
    let (listener, addr) = tcp();
    let (enter, entered) = channel();
    let enter = Mutex::new(enter);
    let server = Builder::new()
        .concurrency(5)
        .serve(listener, move |mut stream, peer| {
            enter.lock().unwrap().send(peer).unwrap();
            stream.read_exact(&mut [0])
        })
        .unwrap();
    let mut clients: Vec<_> = (0..6).map(|_| TcpStream::connect(addr).unwrap()).collect();
    let mut peers: Vec<_> = (0..5).map(|_| receive(&entered)).collect();
    give_way();
    assert!(entered.try_recv().is_err(), "the sixth waits outside");
    assert_eq!(server.connections(), 5);
    // One leaves, and the sixth comes in.
    let sixth = clients.iter().position(|client| !peers.contains(&client.local_addr().unwrap())).unwrap();
    let leaving = clients.iter().position(|client| peers[0] == client.local_addr().unwrap()).unwrap();
    clients[leaving].write_all(b"x").unwrap();
    peers.push(receive(&entered));
    assert_eq!(peers[5], clients[sixth].local_addr().unwrap());
    drop(clients);
    stop(&server);
    assert_eq!(server.connections(), 0);
}

#[test]
fn a_full_server_can_be_stopped() {
    let (listener, addr) = tcp();
    let (enter, entered) = channel();
    let enter = Mutex::new(enter);
    let server = Builder::new()
        .concurrency(1)
        .serve(listener, move |mut stream, _| {
            enter.lock().unwrap().send(()).unwrap();
            stream.read_exact(&mut [0])
        })
        .unwrap();
    let first = TcpStream::connect(addr).unwrap();
    receive(&entered);
    let second = TcpStream::connect(addr).unwrap();
    server.stop().unwrap();
    server.stop().unwrap();
    // The listener is closed, and with it the connection that was never accepted.
    assert!((&second).read(&mut [0]).is_err());
    assert!(!server.wait_timeout(Duration::from_millis(10)), "the first is still served");
    drop(first);
    server.wait();
    assert!(server.wait_timeout(Duration::ZERO));
}

#[test]
fn who_does_not_finish_in_time_is_killed() {
    let (listener, addr) = tcp();
    let unwound = Sign::default();
    let sign = unwound.clone();
    let started = Sign::default();
    let start = started.clone();
    let server = serve(listener, move |mut stream, _| {
        struct OnDrop(Sign);
        impl Drop for OnDrop {
            fn drop(&mut self) {
                self.0.give();
            }
        }
        let _guard = OnDrop(sign.clone());
        start.give();
        stream.read_exact(&mut [0])
    })
    .unwrap();
    let client = TcpStream::connect(addr).unwrap();
    started.wait();
    let begun = Instant::now();
    assert!(!server.stop_within(Duration::from_millis(30)).unwrap());
    assert!(begun.elapsed() >= Duration::from_millis(30));
    assert!(unwound.is_given());
    assert_eq!(rest(client), "", "its connection was closed");
}

// Eventlet's `test_raising_stopserve`.
#[test]
fn a_server_stops_from_its_own_handler() {
    let (listener, addr) = tcp();
    let (give, given) = channel::<Server>();
    let given = Mutex::new(given);
    let (report, reports) = channel();
    let server = Builder::new()
        .on_error(reporter(report))
        .serve(listener, move |_, _| {
            let server = receive(&given.lock().unwrap());
            server.stop().unwrap();
        })
        .unwrap();
    give.send(server.clone()).unwrap();
    assert_eq!(rest(TcpStream::connect(addr).unwrap()), "");
    server.wait();
    assert!(reports.try_recv().is_err(), "it stopped quietly");
}

#[test]
fn a_server_goes_on_without_its_handle() {
    let (listener, addr) = tcp();
    drop(serve(listener, |mut stream, _| stream.write_all(b"x")).unwrap());
    for _ in 0..3 {
        assert_eq!(rest(TcpStream::connect(addr).unwrap()), "x");
    }
}

#[test]
fn a_server_that_is_stopped_at_once_stops() {
    struct Holding(TcpListener, #[expect(dead_code, reason = "it is counted")] Arc<()>);
    impl Listener for Holding {
        type Stream = TcpStream;
        type Addr = SocketAddr;

        fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
            self.0.accept()
        }
    }
    let held = Arc::new(());
    for _ in 0..50 {
        let listener = Holding(listener(), Arc::clone(&held));
        let (handles, reports) = (Arc::clone(&held), Arc::clone(&held));
        let server = Builder::new()
            .on_error(move |_| drop(Arc::clone(&reports)))
            .serve(listener, move |_, _| drop(Arc::clone(&handles)))
            .unwrap();
        server.stop().unwrap();
        server.wait();
        assert_eq!(Arc::strong_count(&held), 1, "its listener and its closures are gone");
    }
}

#[test]
fn a_kill_of_all_misses_no_one() {
    let held = Arc::new(());
    for _ in 0..20 {
        let (listener, addr) = tcp();
        let handles = Arc::clone(&held);
        let server = serve(listener, move |mut stream: TcpStream, _| {
            let _held = Arc::clone(&handles);
            stream.read_exact(&mut [0])
        })
        .unwrap();
        let clients: Vec<_> = (0..10).map(|_| TcpStream::connect(addr).unwrap()).collect();
        server.kill().unwrap();
        server.wait();
        assert_eq!(Arc::strong_count(&held), 1, "nobody handles anything, nor will");
        for client in clients {
            // Closed by its handler, or never accepted.
            assert!(matches!((&client).read(&mut [0]), Ok(0) | Err(_)));
        }
    }
}

/// A listener that fails some times before each connection.
struct Faulty {
    listener: TcpListener,
    failures: AtomicUsize,
}

impl Listener for Faulty {
    type Stream = TcpStream;
    type Addr = SocketAddr;

    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        if self.failures.fetch_add(1, Ordering::SeqCst) % 4 < 3 {
            return Err(io::Error::other("a failure"));
        }
        self.listener.accept()
    }
}

#[test]
fn failures_of_accept_are_reported_and_not_the_end() {
    let (listener, addr) = tcp();
    let (report, reports) = channel();
    let faulty = Faulty { listener, failures: AtomicUsize::new(0) };
    let server = Builder::new().on_error(reporter(report)).serve(faulty, |mut s, _| s.write_all(b"x")).unwrap();
    for _ in 0..3 {
        assert_eq!(rest(TcpStream::connect(addr).unwrap()), "x");
    }
    for _ in 0..9 {
        assert!(matches!(receive(&reports), ServeError::Accept(error) if error.to_string() == "a failure"));
    }
    stop(&server);
}

#[test]
fn a_server_without_descriptors_does_not_spin_and_recovers() {
    alone("serve::a_server_without_descriptors_does_not_spin_and_recovers", Some(64), || {
        const EMFILE: i32 = 24;
        let (listener, addr) = tcp();
        let errors = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&errors);
        let server = Builder::new()
            .on_error(move |error| match error {
                ServeError::Accept(error) if error.raw_os_error() == Some(EMFILE) => {
                    counted.fetch_add(1, Ordering::SeqCst);
                }
                error => panic!("{error}"),
            })
            .serve(listener, |mut stream, _| stream.write_all(b"x"))
            .unwrap();
        // Everything that waiting needs is there once a connection was served.
        assert_eq!(rest(TcpStream::connect(addr).unwrap()), "x");
        let client = TcpStream::connect(addr).unwrap();
        assert_eq!(rest(&client), "x");
        let mut taken: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
        // Room for the client's end and not for the server's.
        taken.pop();
        let client = TcpStream::connect(addr).unwrap();
        let started = Instant::now();
        while started.elapsed() < Duration::from_millis(100) {
            give_way();
        }
        let seen = errors.load(Ordering::SeqCst);
        assert!((2..20).contains(&seen), "{seen}");
        drop(taken);
        assert_eq!(rest(client), "x");
        stop(&server);
    });
}

#[test]
fn a_handler_that_gets_no_stack_loses_its_connection_only() {
    let (listener, addr) = tcp();
    let (report, reports) = channel();
    let server =
        Builder::new().stack_size(usize::MAX).on_error(reporter(report)).serve(listener, |_: TcpStream, _| {}).unwrap();
    let client = TcpStream::connect(addr).unwrap();
    assert!(matches!(receive(&reports), ServeError::Spawn(_)));
    assert!(matches!((&client).read(&mut [0]), Ok(0) | Err(_)));
    stop(&server);
}
