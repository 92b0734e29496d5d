//! The servers of the network workloads: one thread per connection, or per datagram socket, which sends back what it gets.

use std::time::{Duration, Instant};

use super::rt::{self, Read as _, Write as _};
use crate::meter::Meter;
use crate::report::Report;
use crate::runtime::{ROOM, announce};
use crate::settings::Settings;
use crate::sys;

function! {
    /// Serves until the caller ends; with `hogs`, beside as many green threads that compute for `burn_us` and sleep for
    /// `rest_us`, over and over.
    pub(super) fn run(settings: &'static Settings) -> Report {
        for _ in 0..settings.get("hogs").unwrap_or(0) {
            let burn = Duration::from_micros(settings.need("burn_us"));
            let rest = Duration::from_micros(settings.need("rest_us"));
            rt::spawn(task!({
                loop {
                    let begin = Instant::now();
                    while begin.elapsed() < burn {
                        std::hint::spin_loop();
                    }
                    wait!(rt::sleep(rest));
                }
            }));
        }
        let listener = rt::listen();
        announce(Some(listener.local_addr().expect("a bound socket")));
        loop {
            let (stream, _) = wait!(listener.accept()).expect("a connection");
            stream.set_nodelay(true).expect("a socket");
            rt::spawn(task!({ wait!(serve(stream)) }));
        }
    }
}

function! {
    /// The same over Unix sockets, where the client looks for it ([`sys::socket_of`]).
    pub(super) fn unix(_settings: &'static Settings) -> Report {
        let path = sys::socket_of(std::process::id());
        let listener = rt::UnixListener::bind(path).expect("nobody else's path");
        announce(None);
        loop {
            let (stream, _) = wait!(listener.accept()).expect("a connection");
            rt::spawn(task!({ wait!(serve(stream)) }));
        }
    }
}

function! {
    /// One socket for everybody.
    pub(super) fn datagrams(_settings: &'static Settings) -> Report {
        let socket = rt::bind();
        announce(Some(socket.local_addr().expect("a bound socket")));
        let mut buffer = [0; 64];
        loop {
            let (count, peer) = wait!(socket.recv_from(&mut buffer)).expect("a request");
            wait!(socket.send_to(&buffer[..count], peer)).expect("an answer");
        }
    }
}

function! {
    fn serve<S: rt::Stream>(stream: S) {
        let mut stream = stream;
        let mut buffer = [0; ROOM];
        while let Ok(count @ 1..) = wait!(stream.read(&mut buffer)) {
            if wait!(stream.write_all(&buffer[..count])).is_err() {
                break;
            }
        }
    }
}

function! {
    /// Both ends on one hub, `total` sends and receives in all, half of them each: for counting instructions.
    pub(super) fn loopback(settings: &'static Settings) -> Report {
        let each = settings.need::<usize>("total") / 2;
        let listener = rt::listen();
        let address = listener.local_addr().expect("a bound socket");
        let server = rt::spawn(task!({
            let (stream, _) = wait!(listener.accept()).expect("a connection");
            wait!(serve(stream));
        }));
        let mut stream = wait!(rt::TcpStream::connect(address)).expect("a listener");
        let mut buffer = [0; 64];
        let meter = Meter::start();
        for _ in 0..each {
            wait!(stream.write_all(&buffer)).expect("a request");
            wait!(stream.read_exact(&mut buffer)).expect("an answer");
        }
        let measured = meter.stop();
        drop(stream);
        wait!(rt::join(server));
        measured.report_each(each * 2)
    }
}
