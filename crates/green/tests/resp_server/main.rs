//! The RESP example as its clients see it, compiled against std and against green and held to the same answers.
//!
//! The unit tests of the example's own files run here too, once for each build.

#![expect(clippy::duplicate_mod, reason = "one source compiled twice is what these tests are about")]

mod on_green;
mod on_std;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A server in this process.
struct Running {
    address: SocketAddr,
    stop: Box<dyn FnOnce()>,
    /// The OS thread whose root accepts.
    acceptor: JoinHandle<()>,
}

/// Defines `start` for a build: the same lines against another `rt`.
///
/// The server gets an OS thread of its own, because with `GREEN_HUBS=0` it shares one with all its connections, and the
/// tests block theirs in plain std.
macro_rules! define_start {
    () => {
        pub(crate) fn start() -> crate::Running {
            let (sender, bound) = std::sync::mpsc::channel();
            let acceptor = std::thread::spawn(move || {
                let server = server::Server::bind("127.0.0.1:0", server::STACK_SIZE).unwrap();
                sender.send(server.shared()).unwrap();
                server.run();
            });
            let shared = bound.recv().unwrap();
            crate::Running { address: shared.address(), stop: Box::new(move || shared.stop()), acceptor }
        }
    };
}
use define_start;

/// Runs `test` with a server of each build, and stops the server.
fn with_each_build(test: impl Fn(SocketAddr)) {
    for start in [on_std::start, on_green::start] {
        let running = start();
        test(running.address);
        (running.stop)();
        running.acceptor.join().unwrap();
    }
}

/// A client that fails rather than waits for ever.
fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

#[track_caller]
fn expect(stream: &mut TcpStream, expected: &[u8]) {
    let mut received = vec![0; expected.len()];
    stream.read_exact(&mut received).unwrap();
    assert!(received == expected, "received {}", received.escape_ascii());
}

#[track_caller]
fn expect_end(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(rest.is_empty(), "received {}", rest.escape_ascii());
}

#[test]
fn pipelined_requests_are_answered_in_order_however_they_are_cut() {
    with_each_build(|address| {
        let mut requests = Vec::new();
        let mut answers = Vec::new();
        for n in 0..150 {
            let n = n.to_string();
            write!(requests, "*2\r\n$4\r\nECHO\r\n${}\r\n{n}\r\nPING {n}\r\n", n.len()).unwrap();
            write!(answers, "${0}\r\n{n}\r\n${0}\r\n{n}\r\n", n.len()).unwrap();
        }
        for piece in [1, 7, 100, requests.len()] {
            let mut stream = connect(address);
            let mut writer = stream.try_clone().unwrap();
            thread::scope(|scope| {
                scope.spawn(|| requests.chunks(piece).for_each(|piece| writer.write_all(piece).unwrap()));
                expect(&mut stream, &answers);
            });
        }
    });
}

#[test]
fn a_broken_request_is_answered_and_the_connection_closed() {
    with_each_build(|address| {
        for (request, answer) in [
            (&b"*x\r\n"[..], &b"-ERR Protocol error: invalid multibulk length\r\n"[..]),
            (b"*1\r\n$-2\r\n", b"-ERR Protocol error: invalid bulk length\r\n"),
            (b"PING\r\n*1\r\n!\r\n", b"+PONG\r\n-ERR Protocol error: expected '$', got '!'\r\n"),
            (b"PING \"\r\nPING\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n"),
            (b"QUIT\r\nPING\r\n", b"+OK\r\n"),
        ] {
            let mut stream = connect(address);
            stream.write_all(request).unwrap();
            expect(&mut stream, answer);
            expect_end(&mut stream);
        }
    });
}

#[test]
fn an_answer_arrives_although_the_client_goes_on_sending() {
    with_each_build(|address| {
        let mut stream = connect(address);
        let mut writer = stream.try_clone().unwrap();
        thread::scope(|scope| {
            // More than a line may hold, and more behind it. Once the server has closed, writing fails.
            scope.spawn(move || (0..100).all(|_| writer.write_all(&[b'a'; 4096]).is_ok()));
            expect(&mut stream, b"-ERR Protocol error: too big inline request\r\n");
        });
    });
}

#[test]
fn a_request_without_an_error_keeps_the_connection() {
    with_each_build(|address| {
        let mut stream = connect(address);
        stream.write_all(b"nonsense a b\r\n").unwrap();
        expect(&mut stream, b"-ERR unknown command 'nonsense', with args beginning with: 'a' 'b' \r\n");
        stream.write_all(b"SET key \"a value\"\r\nGET key\r\n").unwrap();
        expect(&mut stream, b"+OK\r\n$7\r\na value\r\n");
        stream.shutdown(Shutdown::Write).unwrap();
        expect_end(&mut stream);
    });
}

#[test]
fn values_larger_than_any_buffer_go_both_ways() {
    with_each_build(|address| {
        let value = vec![b'x'; 3 << 20];
        let mut stream = connect(address);
        write!(stream, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", value.len()).unwrap();
        stream.write_all(&value).unwrap();
        stream.write_all(b"\r\nGET k\r\n").unwrap();
        expect(&mut stream, b"+OK\r\n$3145728\r\n");
        expect(&mut stream, &value);
        expect(&mut stream, b"\r\n");
    });
}

#[test]
fn many_clients_at_once_count_together() {
    const CLIENTS: usize = 100;
    const ROUNDS: usize = 5;
    with_each_build(|address| {
        let mut streams: Vec<TcpStream> = (0..CLIENTS).map(|_| connect(address)).collect();
        for _ in 0..ROUNDS {
            for stream in &mut streams {
                stream.write_all(b"INCR counter\r\nECHO x\r\n").unwrap();
            }
            for stream in &mut streams {
                let mut received = Vec::new();
                while !received.ends_with(b"$1\r\nx\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    received.push(byte[0]);
                }
                assert!(received.starts_with(b":"), "received {}", received.escape_ascii());
            }
        }
        let total = (CLIENTS * ROUNDS).to_string();
        streams[0].write_all(b"GET counter\r\n").unwrap();
        expect(&mut streams[0], format!("${}\r\n{total}\r\n", total.len()).as_bytes());
    });
}

#[test]
fn clients_that_vanish_harm_nobody() {
    with_each_build(|address| {
        let mut witness = connect(address);
        for _ in 0..50 {
            // In the middle of a request.
            connect(address).write_all(b"*2\r\n$4\r\nECHO\r\n$100\r\nabc").unwrap();
            // With answers unread, which resets the connection.
            let mut stream = connect(address);
            stream.write_all(&b"PING\r\n".repeat(100)).unwrap();
            stream.peek(&mut [0]).unwrap();
            drop(stream);
            // Without a word.
            drop(connect(address));
        }
        witness.write_all(b"PING\r\n").unwrap();
        expect(&mut witness, b"+PONG\r\n");
    });
}

#[test]
fn a_connection_at_rest_is_served_when_it_wakes() {
    with_each_build(|address| {
        let mut resting = connect(address);
        resting.write_all(b"*1\r\n$4\r\nPI").unwrap();
        let mut busy = connect(address);
        for _ in 0..1000 {
            busy.write_all(b"PING\r\n").unwrap();
            expect(&mut busy, b"+PONG\r\n");
        }
        resting.write_all(b"NG\r\n").unwrap();
        expect(&mut resting, b"+PONG\r\n");
    });
}

#[test]
fn a_client_can_shut_the_server_down() {
    for start in [on_std::start, on_green::start] {
        let running = start();
        connect(running.address).write_all(b"SHUTDOWN NOSAVE\r\n").unwrap();
        running.acceptor.join().unwrap();
    }
}
