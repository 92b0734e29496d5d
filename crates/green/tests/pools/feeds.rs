//! The feed dispatcher.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use super::program::Server;

/// A feed for so many readers; returns its address.
fn feed(title: &'static str, readers: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().take(readers) {
            stream.unwrap().write_all(format!("{title}\nand more\n").as_bytes()).unwrap();
        }
    });
    address
}

/// Returns the address of a feed that accepts and says nothing, while the listener lives.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

#[test]
fn titles_come_in_the_order_of_the_request() {
    const CLIENTS: usize = 10;
    let mut server = Server::start("feeds", &["1000"]);
    let address = server.line();
    let feeds = ["alpha", "beta", "gamma"].map(|title| feed(title, 2 * CLIENTS));
    // Nobody listens there any more.
    let (listener, gone) = silent();
    drop(listener);
    let (_listener, mute) = silent();
    let request = format!("{} {gone} {} {mute} {}\n", feeds[2], feeds[0], feeds[1]);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (address, request) = (address.clone(), request.clone());
            thread::spawn(move || {
                let stream = TcpStream::connect(address).unwrap();
                let mut lines = BufReader::new(&stream).lines();
                (&stream).write_all(request.as_bytes()).unwrap();
                let titles: Vec<_> = lines.by_ref().take(5).map(Result::unwrap).collect();
                assert_eq!((&*titles[0], &*titles[2], &*titles[4]), ("gamma", "alpha", "beta"));
                assert!(titles[1].starts_with("error: ") && titles[3] == "error: the time is up", "{titles:?}");
                (&stream).write_all(request.split_once(' ').unwrap().0.as_bytes()).unwrap();
                (&stream).write_all(b"\n").unwrap();
                assert_eq!(lines.next().unwrap().unwrap(), "gamma");
                stream.shutdown(Shutdown::Write).unwrap();
                assert_eq!((&stream).read(&mut [0]).unwrap(), 0);
            })
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
    let (rest, status) = server.stop();
    assert_eq!((rest.trim_end(), status.success()), ("stopped", true));
}
