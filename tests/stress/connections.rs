//! Connections in great numbers.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use green::net::{TcpListener, TcpStream};
use green::thread;
use green_tests::Mode;

use crate::{is_below, memory_kb, size};

const STACK: usize = 64 * 1024;

fn spawn<F: FnOnce() + Send + 'static>(f: F) -> thread::JoinHandle<()> {
    thread::Builder::new().stack_size(STACK).spawn(f).unwrap()
}

/// Serves echoes until `connections` have come and gone.
fn serve(listener: TcpListener, connections: usize) {
    let served = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming().take(connections) {
        let mut stream = stream.unwrap();
        let served = Arc::clone(&served);
        // Detached: a hundred thousand handles would be what the test measures.
        drop(spawn(move || {
            let mut buffer = [0; 64];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                stream.write_all(&buffer[..count]).unwrap();
            }
            served.fetch_add(1, Ordering::SeqCst);
        }));
    }
    while served.load(Ordering::SeqCst) < connections {
        thread::sleep(Duration::from_millis(1)); // A poll, not an order.
    }
}

fn start_server(connections: usize) -> (SocketAddr, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, spawn(move || serve(listener, connections)))
}

fn echo_once(stream: &mut (impl Read + Write), i: usize) -> io::Result<()> {
    let message = i.to_le_bytes();
    stream.write_all(&message)?;
    let mut answer = [0; 8];
    stream.read_exact(&mut answer)?;
    assert_eq!(answer, message);
    Ok(())
}

#[test]
fn ten_thousand_connections_are_served_at_once() {
    let _alone = crate::alone();
    // Both ends are in this process.
    let limit = rlimit::increase_nofile_limit(30_000).unwrap() as usize;
    let wanted = if Mode::current() == Mode::Off { 200 } else { size(1_000, 10_000) };
    let count = wanted.min(limit.saturating_sub(200) / 2);
    let (address, server) = start_server(count);
    let barrier = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..count)
        .map(|i| {
            let barrier = Arc::clone(&barrier);
            // One after the other: all at once would overrun the listener's backlog, and wait for the kernel to try again.
            let mut stream = TcpStream::connect(address).unwrap();
            spawn(move || {
                echo_once(&mut stream, i).unwrap();
                barrier.fetch_add(1, Ordering::SeqCst);
                // Everybody stays until everybody is there.
                while barrier.load(Ordering::SeqCst) < count {
                    thread::sleep(Duration::from_millis(2)); // A poll, not an order.
                }
                for round in 0..5 {
                    echo_once(&mut stream, i + round).unwrap();
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    server.join().unwrap();
    crate::tell(&format!("{count} connections at once"));
}

#[test]
fn connections_that_come_and_go_leave_memory_flat() {
    let _alone = crate::alone();
    let total = if Mode::current() == Mode::Off { size(300, 3_000) } else { size(3_000, 100_000) };
    let run = |count: usize| {
        let (address, server) = start_server(count);
        for batch in 0..count / 50 {
            let clients: Vec<_> = (0..50)
                .map(|i| {
                    spawn(move || {
                        let mut stream = TcpStream::connect(address).unwrap();
                        // An abortive close, so that the ports do not run out.
                        let socket = socket2::SockRef::from(&stream);
                        socket.set_linger(Some(Duration::ZERO)).unwrap();
                        echo_once(&mut stream, batch * 50 + i).unwrap();
                    })
                })
                .collect();
            for client in clients {
                client.join().unwrap();
            }
        }
        server.join().unwrap();
    };
    run((total / 10).max(100));
    let before = memory_kb();
    run(total);
    let growth = memory_kb().saturating_sub(before);
    crate::tell(&format!("{total} connections opened and closed: {growth} kB more than before"));
    assert!(is_below(growth, 12 * 1024), "{total} connections left {growth} kB");
}
