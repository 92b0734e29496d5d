//! The bare epoll loop: what the kernel alone costs, with no runtime at all.
//!
//! One OS thread, level-triggered, one `recv` and one `send` per request.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use crate::epoll::Epoll;
use crate::report::Report;
use crate::runtime::announce;
use crate::settings::Settings;

pub(crate) fn start(settings: &'static Settings) -> Report {
    assert_eq!(settings.workload, "echo", "the floor has only the echo");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    announce(listener.local_addr().expect("a bound socket"));

    let mut epoll = Epoll::new();
    // By token less one: 0 is the listener.
    let mut streams: Vec<Option<TcpStream>> = Vec::new();
    let mut vacant = Vec::new();
    epoll.add(&listener, 0);
    let mut buffer = [0; 64];
    loop {
        for event in 0..epoll.wait(None) {
            let token = epoll.token(event);
            if token == 0 {
                let (stream, _) = listener.accept().expect("a connection");
                stream.set_nodelay(true).expect("a socket");
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
            let served = match stream.read(&mut buffer) {
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
