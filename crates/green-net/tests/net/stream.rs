//! Reading and writing.

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::time::Duration;

use green_net::{Shutdown, TcpStream};
use green_thread as thread;
use socket2::SockRef;

use crate::support::{Sign, fill, give_way, narrow_pair, pair};

/// Returns `len` bytes that tell where they stand.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8).collect()
}

/// Writes until that fails. Room that turns up late can make a first write succeed in part.
fn first_error(mut stream: &TcpStream) -> ErrorKind {
    loop {
        if let Err(error) = stream.write(&[0; 100_000]) {
            return error.kind();
        }
    }
}

// Eventlet's `test_sendall`.
#[test]
fn a_write_sends_all_of_any_size() {
    for len in [1 << 10, 10_000, 1 << 16, 333_333, 1 << 20] {
        let (mut client, mut server) = pair();
        let writer = thread::spawn(move || client.write(&pattern(len)));
        let mut received = Vec::new();
        server.read_to_end(&mut received).unwrap();
        assert_eq!(writer.join().unwrap().unwrap(), len);
        assert!(received == pattern(len), "{len} bytes came out of order");
    }
}

#[test]
fn a_vectored_write_sends_all() {
    let (mut client, mut server) = narrow_pair();
    let data = pattern(300_000);
    let writer = thread::spawn(move || {
        let data = pattern(300_000);
        let bufs: Vec<_> = data.chunks(1000).map(IoSlice::new).collect();
        client.write_vectored(&bufs)
    });
    let mut received = Vec::new();
    server.read_to_end(&mut received).unwrap();
    assert_eq!(writer.join().unwrap().unwrap(), data.len());
    assert!(received == data);
}

#[test]
fn more_buffers_than_the_kernel_takes_at_once_are_no_error() {
    let (mut client, mut server) = pair();
    let bufs = vec![IoSlice::new(b"x"); 3000];
    let sent = client.write_vectored(&bufs).unwrap();
    assert!((1024..=3000).contains(&sent), "{sent}");
    drop(client);

    let mut storage = vec![[0]; 3000];
    let mut bufs: Vec<_> = storage.iter_mut().map(|byte| IoSliceMut::new(byte)).collect();
    let received = server.read_vectored(&mut bufs).unwrap();
    assert!((1..=sent).contains(&received));
    assert!(storage[..received].iter().all(|byte| byte == b"x"));
}

#[test]
fn a_vectored_read_fills_buffers_in_order() {
    let (mut client, mut server) = pair();
    let reader = thread::spawn(move || {
        let (mut head, mut tail) = ([0; 2], [0; 8]);
        let n = server.read_vectored(&mut [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)]).unwrap();
        (n, head, tail)
    });
    give_way();
    client.write_all(b"12345").unwrap();
    let (n, head, tail) = reader.join().unwrap();
    assert_eq!((n, &head, &tail[..3]), (5, b"12", &b"345"[..]));
}

#[test]
fn a_read_returns_what_is_there() {
    let (mut client, mut server) = pair();
    client.write_all(b"abc").unwrap();
    let mut buf = [0; 10];
    assert_eq!(server.read(&mut buf).unwrap(), 3);
    assert_eq!(&buf[..3], b"abc");
}

#[test]
fn a_peek_leaves_the_data() {
    let (mut client, server) = pair();
    let peeker = thread::spawn(move || {
        let mut buf = [0; 10];
        let n = server.peek(&mut buf).unwrap();
        assert_eq!(&buf[..n], b"abc");
        let n = (&server).read(&mut buf).unwrap();
        assert_eq!(&buf[..n], b"abc");
    });
    give_way();
    client.write_all(b"abc").unwrap();
    peeker.join().unwrap();
}

#[test]
fn the_end_of_the_stream_reads_as_nothing_for_ever() {
    let (client, mut server) = pair();
    drop(client);
    for _ in 0..3 {
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 0);
    }
}

// Eventlet's `test_full_duplex`.
#[test]
fn both_directions_work_at_once_through_tiny_buffers() {
    const LEN: usize = 200_000;
    let (client, server) = narrow_pair();
    thread::scope(|scope| {
        for stream in [&client, &server] {
            scope.spawn(move || {
                let mut stream = stream;
                stream.write_all(&pattern(LEN)).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
            });
            scope.spawn(move || {
                let mut stream = stream;
                let mut received = Vec::new();
                stream.read_to_end(&mut received).unwrap();
                assert!(received == pattern(LEN));
            });
        }
    });
}

#[test]
fn an_echo_of_many_small_messages_comes_back_in_order() {
    let (mut client, server) = pair();
    let echo = thread::spawn(move || io::copy(&mut &server, &mut &server));
    let mut buf = [0; 4];
    for i in 0..2000_u32 {
        client.write_all(&i.to_le_bytes()).unwrap();
        client.read_exact(&mut buf).unwrap();
        assert_eq!(u32::from_le_bytes(buf), i);
    }
    drop(client);
    assert_eq!(echo.join().unwrap().unwrap(), 8000);
}

#[test]
fn many_readers_of_one_stream_share_its_bytes() {
    let (mut client, server) = pair();
    let total: usize = thread::scope(|scope| {
        let readers: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn(|| {
                    let (mut server, mut byte, mut count) = (&server, [0], 0);
                    while server.read(&mut byte).unwrap() == 1 {
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        give_way();
        for _ in 0..1000 {
            client.write_all(b"x").unwrap();
        }
        client.shutdown(Shutdown::Write).unwrap();
        readers.into_iter().map(|reader| reader.join().unwrap()).sum()
    });
    assert_eq!(total, 1000);
}

#[test]
fn several_writers_wait_for_one_reader() {
    let (client, mut server) = narrow_pair();
    let filled = fill(&client);
    let received = thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| assert_eq!((&client).write(&[1; 20_000]).unwrap(), 20_000));
        }
        scope
            .spawn(|| {
                let mut received = vec![0; filled + 100_000];
                server.read_exact(&mut received).unwrap();
                received
            })
            .join()
            .unwrap()
    });
    assert_eq!(received.iter().filter(|byte| **byte == 1).count(), 100_000);
}

#[test]
fn a_peer_that_resets_is_an_error_for_a_parked_reader() {
    let (client, mut server) = pair();
    let reader = thread::spawn(move || server.read(&mut [0; 8]));
    give_way();
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    assert_eq!(reader.join().unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_peer_that_resets_is_an_error_for_a_parked_writer() {
    let (client, server) = narrow_pair();
    fill(&server);
    let writer = thread::spawn(move || first_error(&server));
    give_way();
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    let error = writer.join().unwrap();
    assert!(matches!(error, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error}");
}

// Eventlet's `test_closure`.
#[test]
fn a_shutdown_elsewhere_wakes_a_parked_reader() {
    let (_client, server) = pair();
    let clone = server.try_clone().unwrap();
    let reader = thread::spawn(move || (&server).read(&mut [0; 8]));
    give_way();
    clone.shutdown(Shutdown::Read).unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 0);
}

#[test]
fn a_shutdown_elsewhere_wakes_a_parked_writer() {
    let (_client, server) = narrow_pair();
    fill(&server);
    let clone = server.try_clone().unwrap();
    let writer = thread::spawn(move || first_error(&server));
    give_way();
    clone.shutdown(Shutdown::Both).unwrap();
    assert_eq!(writer.join().unwrap(), ErrorKind::BrokenPipe);
}

#[test]
fn a_write_after_the_peer_has_gone_is_an_error_and_no_signal() {
    let (client, server) = pair();
    drop(client);
    let error = first_error(&server);
    assert!(matches!(error, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
}

#[test]
fn other_green_threads_of_the_hub_run_while_one_waits() {
    let (mut client, mut server) = pair();
    let (parked, ran) = (Sign::default(), Sign::default());
    let reader = thread::spawn_local({
        let parked = parked.clone();
        move || {
            parked.give();
            server.read(&mut [0; 1])
        }
    });
    let neighbour = thread::spawn_local({
        let ran = ran.clone();
        move || {
            parked.wait();
            ran.give();
            client.write_all(b"x")
        }
    });
    assert_eq!(reader.join().unwrap().unwrap(), 1);
    neighbour.join().unwrap().unwrap();
    assert!(ran.is_given());
}

#[test]
fn a_plain_os_thread_can_read_and_write() {
    let (mut client, mut server) = pair();
    let outside = std::thread::spawn(move || {
        let mut buf = [0; 3];
        server.read_exact(&mut buf).unwrap();
        server.write_all(&buf)
    });
    client.write_all(b"abc").unwrap();
    let mut buf = [0; 3];
    client.read_exact(&mut buf).unwrap();
    assert_eq!(&buf, b"abc");
    outside.join().unwrap().unwrap();
}

// Eventlet's `test_close_with_makefile`.
#[test]
fn a_view_of_a_stream_is_closed_alone() {
    let view = |stream: &TcpStream| stream.try_clone().unwrap();
    let (mut client, server) = pair();
    for _ in 0..2 {
        // A buffered writer and a reader, dropped while the stream goes on.
        let mut writer = BufWriter::new(view(&server));
        writer.write_all(b"view").unwrap();
        drop(writer);
        let mut word = [0; 4];
        client.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"view");
        client.write_all(b"line\n").unwrap();
        let mut line = String::new();
        BufReader::new(view(&server)).read_line(&mut line).unwrap();
        assert_eq!(line, "line\n");
    }
    // The stream, dropped while a view goes on; the peer sees the end after the last of them.
    let mut last = view(&server);
    let reader = thread::spawn(move || {
        let mut text = String::new();
        client.read_to_string(&mut text).map(|_| text)
    });
    drop(server);
    give_way();
    assert!(!reader.is_finished());
    last.write_all(b"the last").unwrap();
    drop(last);
    assert_eq!(reader.join().unwrap().unwrap(), "the last");
}

// Eventlet's `test_del_closes_socket`.
#[test]
fn a_stream_is_closed_when_dropped_whoever_waits_elsewhere() {
    let (client, mut server) = pair();
    let clone = client.try_clone().unwrap();
    let reader = thread::spawn(move || (&clone).read(&mut [0; 1]));
    give_way();
    // The clone keeps the connection; the dropped handle takes only its own registration along.
    drop(client);
    server.write_all(b"x").unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), 1);
}

#[test]
fn ends_that_read_and_write_from_two_os_threads_at_once_lose_nothing() {
    const LEN: usize = 500_000;
    let (client, server) = pair();
    let work = |stream: &TcpStream, writes: bool| {
        let mut stream = stream;
        if writes {
            stream.write_all(&pattern(LEN)).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
        } else {
            let mut received = Vec::new();
            stream.read_to_end(&mut received).unwrap();
            assert!(received == pattern(LEN));
        }
    };
    std::thread::scope(|scope| {
        for stream in [&client, &server] {
            for writes in [false, true] {
                scope.spawn(move || work(stream, writes));
            }
        }
    });
}

#[test]
fn data_behind_an_urgent_byte_is_not_forgotten() {
    let (client, mut server) = pair();
    let (tell, told) = std::sync::mpsc::channel();
    let reader = thread::spawn(move || {
        let mut total = 0;
        while total < 9 {
            total += server.read(&mut [0; 100]).unwrap();
            tell.send(total).unwrap();
        }
    });
    // Two reads that empty the socket: from here on the reader may know that nothing is there.
    for byte in [b"1", b"2"] {
        (&client).write_all(byte).unwrap();
        while told.try_recv().is_err() {
            give_way();
        }
    }
    // A read stops at the urgent byte, however much follows.
    let socket = SockRef::from(&client);
    socket.send(b"abc").unwrap();
    socket.send_out_of_band(b"!").unwrap();
    socket.send(b"defg").unwrap();
    reader.join().unwrap();
}
