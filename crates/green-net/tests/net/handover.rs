//! Sockets that move between hubs.
//!
//! The OS threads here are plain ones, each the root of a hub of its own. After a socket has been waited for on the
//! first, that thread blocks where its hub knows nothing of it, or ends; the socket must work on the next all the same.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::sync::mpsc;
use std::time::Duration;

use green_net::{TcpListener, TcpStream};
use green_thread as thread;
use socket2::SockRef;

use crate::support::{alone, give_way, listener, pair};

/// What becomes of the OS thread that had the socket first.
#[derive(Clone, Copy, Debug)]
enum First {
    Ends,
    Blocks,
}

/// Runs `first` on an OS thread of its own, hands what it returns to `second`, and keeps the former as `fate` says
/// meanwhile.
fn hand_over<T: Send + 'static, R>(
    fate: First,
    first: impl FnOnce() -> T + Send + 'static,
    second: impl FnOnce(T) -> R,
) -> R {
    let (hand, take) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        hand.send(first()).unwrap();
        if let First::Blocks = fate {
            // Plain std: the hub of this OS thread does nothing from here on.
            released.recv().unwrap_err();
        }
    });
    let value = take.recv().unwrap();
    match fate {
        First::Ends => {
            thread.join().unwrap();
            second(value)
        }
        First::Blocks => {
            let result = second(value);
            drop(release);
            thread.join().unwrap();
            result
        }
    }
}

/// Reads one byte in a local green thread, so that the hub's reactor is in use and not only a poll of its root.
fn read_locally(mut stream: TcpStream) -> TcpStream {
    let reader = thread::spawn_local(move || {
        stream.read_exact(&mut [0; 1]).unwrap();
        stream
    });
    reader.join().unwrap()
}

/// Waits in vain for a while in a local green thread, and so makes the hub's reactor know the stream.
fn wait_locally(mut stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let reader = thread::spawn_local(move || {
        stream.read(&mut [0; 1]).unwrap_err();
        stream
    });
    reader.join().unwrap()
}

#[test]
fn a_stream_is_read_on_another_hub() {
    for fate in [First::Ends, First::Blocks] {
        let (mut client, server) = pair();
        let mut peer = client.try_clone().unwrap();
        let feeder = std::thread::spawn(move || {
            give_way();
            peer.write_all(b"1").unwrap();
        });
        hand_over(
            fate,
            move || read_locally(server),
            |mut server| {
                feeder.join().unwrap();
                let reader = thread::spawn(move || server.read(&mut [0; 8]).unwrap());
                give_way();
                client.write_all(b"23").unwrap();
                assert_eq!(reader.join().unwrap(), 2, "{fate:?}");
            },
        );
    }
}

#[test]
fn a_stream_goes_from_hub_to_hub() {
    let (mut client, mut server) = pair();
    for round in 0..10_u8 {
        server = std::thread::scope(|scope| {
            let reader = scope.spawn(move || read_locally(server));
            give_way();
            client.write_all(&[round]).unwrap();
            reader.join().unwrap()
        });
    }
}

#[test]
fn a_listener_accepts_on_another_hub() {
    for fate in [First::Ends, First::Blocks] {
        for listener in [listener(), std::net::TcpListener::bind("127.0.0.1:0").unwrap().into()] {
            let addr = listener.local_addr().unwrap();
            let feeder = std::thread::spawn(move || {
                give_way();
                TcpStream::connect(addr).unwrap()
            });
            let accept_locally = move || {
                thread::spawn_local(move || {
                    listener.accept().unwrap();
                    listener
                })
                .join()
                .unwrap()
            };
            hand_over(fate, accept_locally, |listener: TcpListener| {
                let first = feeder.join().unwrap();
                let server = thread::spawn(move || listener.accept().unwrap().1);
                give_way();
                let second = TcpStream::connect(addr).unwrap();
                assert_eq!(server.join().unwrap(), second.local_addr().unwrap(), "{fate:?}");
                drop(first);
            });
        }
    }
}

/// The first hub still has to give up the stream when the stream is closed elsewhere, and its number used by a socket
/// that this very hub registers (hubs outlive their OS threads). Giving up by number would then hit the newcomer.
#[test]
fn a_stream_that_left_a_hub_takes_no_newcomer_along() {
    alone("handover::a_stream_that_left_a_hub_takes_no_newcomer_along", None, || {
        let (_client, server) = pair();
        let number = server.as_raw_fd();
        let server = std::thread::spawn(move || wait_locally(server)).join().unwrap();
        drop(wait_locally(server));
        std::thread::spawn(move || {
            let mut others = Vec::new();
            let listener = loop {
                let listener = listener();
                if listener.as_raw_fd() == number {
                    break listener;
                }
                others.push(listener);
                assert!(others.len() < 100, "{number} is still in use");
            };
            let addr = listener.local_addr().unwrap();
            SockRef::from(&listener).set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let server = thread::spawn_local(move || listener.accept().map(drop));
            let client = thread::spawn_local(move || TcpStream::connect(addr).map(drop));
            client.join().unwrap().unwrap();
            server.join().unwrap().expect("the hub forgot the listener");
        })
        .join()
        .unwrap();
    });
}

#[test]
fn an_os_thread_that_ends_with_a_parked_reader_harms_nobody() {
    let (mut client, server) = pair();
    let server = std::sync::Arc::new(server);
    let theirs = std::sync::Arc::clone(&server);
    std::thread::spawn(move || {
        let _reader = thread::spawn_local(move || (&*theirs).read(&mut [0; 1]));
        give_way();
    })
    .join()
    .unwrap();
    // The reader is gone for ever; another one on another hub gets the data.
    let reader = thread::spawn(move || (&*server).read(&mut [0; 8]).unwrap());
    give_way();
    client.write_all(b"x").unwrap();
    assert_eq!(reader.join().unwrap(), 1);
}

#[test]
fn one_hub_reads_while_another_writes() {
    const LEN: usize = 300_000;
    let (client, server) = pair();
    let echo = std::thread::spawn(move || std::io::copy(&mut &server, &mut &server).unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (&client).write_all(&[7; LEN]).unwrap();
            client.shutdown(green_net::Shutdown::Write).unwrap();
        });
        scope.spawn(|| {
            let mut received = Vec::new();
            (&client).read_to_end(&mut received).unwrap();
            assert!(received == [7; LEN]);
        });
    });
    assert_eq!(echo.join().unwrap(), LEN as u64);
}

#[test]
fn readers_on_several_hubs_wait_for_one_stream() {
    let (mut client, server) = pair();
    let count: usize = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0;
                    while (&server).read(&mut [0; 1]).unwrap() == 1 {
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        for _ in 0..200 {
            client.write_all(b"x").unwrap();
            std::thread::yield_now();
        }
        client.shutdown(green_net::Shutdown::Write).unwrap();
        readers.into_iter().map(|reader| reader.join().unwrap()).sum()
    });
    assert_eq!(count, 200);
}
