//! The port forwarder.

use crate::program::{Server, command};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// A forwarder, and where it forwards to.
struct Forwarder {
    server: Server,
    address: String,
    target: TcpListener,
}

impl Forwarder {
    fn start() -> Forwarder {
        let target = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut server = Server::start("forwarder", &["127.0.0.1:0", &target.local_addr().unwrap().to_string()]);
        let address = server.line().strip_prefix("forwarding ").unwrap().to_owned();
        Forwarder { server, address, target }
    }

    /// Connects through the forwarder, and returns both ends.
    fn pair(&self) -> (TcpStream, TcpStream) {
        let near = TcpStream::connect(&self.address).unwrap();
        let (far, _) = self.target.accept().unwrap();
        for stream in [&near, &far] {
            stream.set_read_timeout(Some(LIMIT)).unwrap();
        }
        (near, far)
    }

    fn stop(self) {
        let (rest, status) = self.server.stop();
        assert!(status.success(), "{status}");
        assert_eq!(rest, "stopped\n");
    }
}

fn read_all(mut stream: &TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    all
}

#[test]
fn either_side_may_have_no_more_to_say_while_the_other_goes_on() {
    let forwarder = Forwarder::start();
    for turned in [false, true] {
        let (near, far) = forwarder.pair();
        let (mut first, mut second) = if turned { (&far, &near) } else { (&near, &far) };
        first.write_all(b"question").unwrap();
        first.shutdown(Shutdown::Write).unwrap();
        // The end has come through.
        assert_eq!(read_all(second), b"question");
        second.write_all(b"a long ").unwrap();
        let mut part = [0; 7];
        first.read_exact(&mut part).unwrap();
        second.write_all(b"answer").unwrap();
        second.shutdown(Shutdown::Write).unwrap();
        assert_eq!([&part[..], &read_all(first)].concat(), b"a long answer");
    }
    forwarder.stop();
}

#[test]
fn much_goes_both_ways_at_once_over_many_connections() {
    let forwarder = Forwarder::start();
    let pattern = |seed: usize| (0..1 << 20).map(|i: usize| (i * 31 + i / 257 + seed) as u8).collect::<Vec<_>>();
    thread::scope(|scope| {
        for n in 0..8 {
            let (near, far) = forwarder.pair();
            for (stream, seed, other) in [(near, n, n + 100), (far, n + 100, n)] {
                let reader = stream.try_clone().unwrap();
                scope.spawn(move || assert!(read_all(&reader) == pattern(other)));
                scope.spawn(move || {
                    (&stream).write_all(&pattern(seed)).unwrap();
                    stream.shutdown(Shutdown::Write).unwrap();
                });
            }
        }
    });
    forwarder.stop();
}

#[test]
fn who_goes_away_altogether_is_missed_on_the_other_side() {
    let forwarder = Forwarder::start();
    let (near, far) = forwarder.pair();
    drop(near);
    assert_eq!(read_all(&far), b"");
    drop(far);
    // Nobody serves at the target: the client is let go.
    let Forwarder { server, address, target } = forwarder;
    drop(target);
    let mut lost = TcpStream::connect(&address).unwrap();
    lost.set_read_timeout(Some(LIMIT)).unwrap();
    assert!(matches!(lost.read(&mut [0]), Ok(0) | Err(_)));
    // Somebody else may serve at that port by now, or the connection be one to itself: then it is for the client to go.
    drop(lost);
    let (rest, status) = server.stop();
    assert!(status.success() && rest == "stopped\n");
}

#[test]
fn those_who_still_talk_may_finish_after_the_stop() {
    let forwarder = Forwarder::start();
    let (mut near, far) = forwarder.pair();
    let Forwarder { server, .. } = forwarder;
    thread::scope(|scope| {
        let stopping = scope.spawn(|| server.stop());
        near.write_all(b"last words").unwrap();
        near.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&far), b"last words");
        far.shutdown(Shutdown::Write).unwrap();
        assert!(stopping.join().unwrap().1.success());
    });
}

#[test]
fn what_cannot_be_understood_is_said_so() {
    for args in [&[][..], &["127.0.0.1:0"], &["a", "b", "c"]] {
        let output = command("forwarder").args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("usage: "));
    }
    let output = command("forwarder").args(["nowhere", "127.0.0.1:1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
}
