//! The bare epoll loop: what the kernel alone costs, with no runtime at all.
//!
//! One OS thread, level-triggered, one `recv` and one `send` per request; with `workers`, as many OS threads that share the
//! connections evenly. With `pitch`, each connection has a buffer of its own, so many bytes from its neighbours': this is the
//! floor for whoever has a stack for each.

mod sleeping;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::epoll::Epoll;
use crate::report::Report;
use crate::runtime::{ROOM, announce};
use crate::settings::Settings;
use crate::sys;

pub(crate) fn start(settings: &'static Settings) -> Report {
    match settings.workload.as_str() {
        "echo" => {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
            listener.set_nonblocking(true).expect("a socket");
            announce(Some(listener.local_addr().expect("a bound socket")));
            serve(&listener, settings)
        }
        "unix" => {
            let listener = UnixListener::bind(sys::socket_of(std::process::id())).expect("nobody else's path");
            listener.set_nonblocking(true).expect("a socket");
            announce(None);
            serve(&listener, settings)
        }
        "udp" => datagrams(),
        "timers" => sleeping::many(settings),
        other => panic!("the floor has no {other}"),
    }
}

/// Where connections come from.
trait Listener: AsRawFd + Sync {
    type Stream: Read + Write + AsRawFd;

    fn accept(&self) -> io::Result<Self::Stream>;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn accept(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.accept()?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    fn accept(&self) -> io::Result<UnixStream> {
        self.accept().map(|(stream, _)| stream)
    }
}

/// A buffer for each connection, at a distance from each other; at none, one for all.
struct Buffers {
    bytes: Vec<u8>,
    pitch: usize,
}

impl Buffers {
    /// So many are told apart; more share.
    const MANY: usize = 1000;

    fn new(pitch: usize) -> Self {
        // The allocator maps what is that large, and nothing is there before it is touched.
        Self { bytes: vec![0; pitch * Self::MANY + ROOM], pitch }
    }

    fn of(&mut self, index: usize) -> &mut [u8] {
        &mut self.bytes[index % Self::MANY * self.pitch..][..ROOM]
    }
}

fn serve<L: Listener>(listener: &L, settings: &Settings) -> ! {
    thread::scope(|scope| {
        for worker in 1..settings.workers() {
            scope.spawn(move || work(listener, worker, settings));
        }
        work(listener, 0, settings)
    })
}

/// Serves the connections of one worker.
fn work<L: Listener>(listener: &L, worker: usize, settings: &Settings) -> ! {
    /// The workers take turns.
    static ACCEPTED: AtomicUsize = AtomicUsize::new(0);
    let mut epoll = Epoll::new();
    // By token less one: 0 is the listener.
    let mut streams: Vec<Option<L::Stream>> = Vec::new();
    let mut vacant = Vec::new();
    epoll.add(listener, 0);
    let mut buffers = Buffers::new(settings.get("pitch").unwrap_or(0));
    loop {
        for event in 0..epoll.wait(None) {
            let token = epoll.token(event);
            if token == 0 {
                if ACCEPTED.load(Ordering::Relaxed) % settings.workers() != worker {
                    // Level-triggered, so this one is told again until the other has accepted.
                    continue;
                }
                let stream = match listener.accept() {
                    Ok(stream) => stream,
                    // It was the other's turn when the event came, and is this one's now.
                    Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                    Err(error) => panic!("accept: {error}"),
                };
                ACCEPTED.fetch_add(1, Ordering::Relaxed);
                let index = vacant.pop().unwrap_or_else(|| {
                    streams.push(None);
                    streams.len() - 1
                });
                epoll.add(&stream, index + 1);
                streams[index] = Some(stream);
                continue;
            }
            let place = &mut streams[token - 1];
            let stream = place.as_mut().expect("an open connection");
            let buffer = buffers.of(token - 1);
            let served = match stream.read(buffer) {
                Ok(count @ 1..) => stream.write_all(&buffer[..count]).is_ok(),
                _ => false,
            };
            if !served {
                *place = None;
                vacant.push(token - 1);
            }
        }
    }
}

/// One socket for everybody: it is asked again until it has no more, for an event each would cost more than the answers.
fn datagrams() -> ! {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_nonblocking(true).expect("a socket");
    announce(Some(socket.local_addr().expect("a bound socket")));
    let mut epoll = Epoll::new();
    epoll.add(&socket, 0);
    let mut buffer = [0; 64];
    loop {
        epoll.wait(None);
        loop {
            match socket.recv_from(&mut buffer) {
                Ok((count, peer)) => assert_eq!(socket.send_to(&buffer[..count], peer).expect("an answer"), count),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("recv_from: {error}"),
            }
        }
    }
}
