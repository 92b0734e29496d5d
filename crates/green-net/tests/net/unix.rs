//! Unix sockets among green threads; what they share with std's is in `parity/unix.rs`.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::kill::Alarm;
use green_net::Shutdown;
use green_net::os::unix::{UnixDatagram, UnixListener, UnixStream};
use green_thread as thread;
use socket2::{Domain, MsgHdr, SockAddr, SockRef, Socket, Type};

use crate::kills::kill_in;
use crate::support::{Sign, TempPath, abstract_addr, alone, give_way, is_closed_on_exec, is_nonblocking};

fn listener() -> (UnixListener, SocketAddr) {
    let addr = abstract_addr();
    (UnixListener::bind_addr(&addr).unwrap(), addr)
}

/// Returns a pair between which hardly anything fits.
fn narrow_pair() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    for stream in [&near, &far] {
        SockRef::from(stream).set_send_buffer_size(2048).unwrap();
    }
    (near, far)
}

/// Returns bytes of which no short piece is like another.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n * 31 + n / 251) as u8).collect()
}

#[test]
fn everything_arrives_through_the_smallest_buffers() {
    for len in [0, 1, 1_000, 65_536, 1_000_003] {
        let (mut near, mut far) = narrow_pair();
        let data = pattern(len);
        let sender = thread::spawn({
            let data = data.clone();
            move || near.write_all(&data).unwrap()
        });
        let mut received = Vec::new();
        far.read_to_end(&mut received).unwrap();
        assert!(received == data, "{len}");
        sender.join().unwrap();
    }
}

#[test]
fn both_directions_of_one_stream_run_at_once() {
    let (near, far) = narrow_pair();
    let echo = thread::spawn(move || {
        std::io::copy(&mut &far, &mut &far).unwrap();
        far.shutdown(Shutdown::Write).unwrap();
    });
    let data = pattern(300_000);
    let near = Arc::new(near);
    let writer = thread::spawn({
        let (near, data) = (Arc::clone(&near), data.clone());
        move || {
            (&*near).write_all(&data).unwrap();
            near.shutdown(Shutdown::Write).unwrap();
        }
    });
    let mut received = Vec::new();
    (&*near).read_to_end(&mut received).unwrap();
    assert!(received == data);
    writer.join().unwrap();
    echo.join().unwrap();
}

#[test]
fn a_vectored_write_goes_on_until_all_is_sent() {
    let (mut near, mut far) = narrow_pair();
    let data = pattern(200_000);
    let reader = thread::spawn(move || {
        let mut received = Vec::new();
        far.read_to_end(&mut received).unwrap();
        received
    });
    let bufs: Vec<_> = data.chunks(7_777).map(IoSlice::new).collect();
    assert_eq!(near.write_vectored(&bufs).unwrap(), data.len());
    drop(near);
    assert!(reader.join().unwrap() == data);
}

#[test]
fn a_thousand_connections_are_served_at_once() {
    // Two descriptors for each; one more for each handler that is an OS thread; and some for everything else.
    alone("unix::a_thousand_connections_are_served_at_once", Some(4000), || {
        const COUNT: usize = 1000;
        let (listener, addr) = listener();
        let server = thread::spawn(move || {
            for stream in listener.incoming().take(COUNT) {
                let stream = stream.unwrap();
                thread::Builder::new()
                    .stack_size(64 << 10)
                    .spawn(move || std::io::copy(&mut &stream, &mut &stream).map(drop))
                    .unwrap();
            }
        });
        // All are open before the first one says anything.
        let mut clients: Vec<_> = (0..COUNT).map(|_| UnixStream::connect_addr(&addr).unwrap()).collect();
        server.join().unwrap();
        for round in 0..3_u8 {
            for (n, client) in clients.iter_mut().enumerate() {
                client.write_all(&[n as u8, round]).unwrap();
            }
            for (n, client) in clients.iter_mut().enumerate() {
                let mut answer = [0; 2];
                client.read_exact(&mut answer).unwrap();
                assert_eq!(answer, [n as u8, round]);
            }
        }
    });
}

/// Returns a listener whose queue takes one connection, or two.
fn short_queue() -> (UnixListener, SocketAddr) {
    let addr = abstract_addr();
    let name = [b"\0", std::os::linux::net::SocketAddrExt::as_abstract_name(&addr).unwrap()].concat();
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::unix(std::str::from_utf8(&name).unwrap()).unwrap()).unwrap();
    socket.listen(0).unwrap();
    (OwnedFd::from(socket).into(), addr)
}

#[test]
fn a_connect_waits_while_the_queue_is_full() {
    let (listener, addr) = short_queue();
    let clients: Vec<_> = (0..20_u8)
        .map(|n| {
            let addr = addr.clone();
            thread::spawn(move || UnixStream::connect_addr(&addr).unwrap().write_all(&[n]).unwrap())
        })
        .collect();
    give_way();
    let mut seen = HashSet::new();
    for stream in listener.incoming().take(clients.len()) {
        let mut byte = [0];
        stream.unwrap().read_exact(&mut byte).unwrap();
        assert!(seen.insert(byte[0]));
    }
    for client in clients {
        client.join().unwrap();
    }
}

#[test]
fn a_connect_that_waits_can_be_killed_and_meets_deadlines() {
    let (listener, addr) = short_queue();
    let mut queued = Vec::new();
    let full = loop {
        let alarm = Alarm::set(Instant::now() + Duration::from_millis(20)).unwrap();
        match catch_unwind(AssertUnwindSafe(|| UnixStream::connect_addr(&addr).unwrap())) {
            Ok(stream) => queued.push(stream),
            Err(payload) => break alarm.owns(&*payload),
        }
        assert!(queued.len() < 10, "the queue does not fill");
    };
    assert!(full);
    kill_in({
        let addr = addr.clone();
        move || UnixStream::connect_addr(&addr)
    });
    // Those who gave up have left nothing in the queue.
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.incoming().take_while(Result::is_ok).count(), queued.len());
    UnixStream::connect_addr(&addr).unwrap();
}

#[test]
fn a_connect_that_waits_ends_with_the_listener() {
    let (listener, addr) = short_queue();
    let connect = |addr: &SocketAddr| {
        let addr = addr.clone();
        thread::spawn(move || UnixStream::connect_addr(&addr).err().map(|error| error.kind()))
    };
    let clients: Vec<_> = (0..5).map(|_| connect(&addr)).collect();
    give_way();
    drop(listener);
    let ends: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    assert!(ends.iter().all(|end| matches!(end, None | Some(ErrorKind::ConnectionRefused))), "{ends:?}");
    assert!(ends.contains(&Some(ErrorKind::ConnectionRefused)));
}

#[test]
fn readers_writers_and_acceptors_can_be_killed() {
    let (near, far) = narrow_pair();
    let near = Arc::new(near);
    let theirs = Arc::clone(&near);
    kill_in(move || (&*theirs).read(&mut [0; 1]));
    (&far).write_all(b"x").unwrap();
    assert_eq!((&*near).read(&mut [0; 8]).unwrap(), 1);
    kill_in(move || (&far).write_all(&[0; 1_000_000]));

    let (listener, addr) = listener();
    let listener = Arc::new(listener);
    let theirs = Arc::clone(&listener);
    kill_in(move || theirs.accept());
    let _client = UnixStream::connect_addr(&addr).unwrap();
    listener.accept().unwrap();

    let (near, _far) = UnixDatagram::pair().unwrap();
    let near = Arc::new(near);
    let theirs = Arc::clone(&near);
    kill_in(move || theirs.recv(&mut [0; 8]));
    let theirs = Arc::clone(&near);
    kill_in(move || theirs.recv_from(&mut [0; 8]));
    kill_in(move || while near.send(b"x").is_ok() {});
}

#[test]
fn a_sender_to_a_full_queue_can_be_killed_and_meets_deadlines() {
    let addr = abstract_addr();
    let receiver = UnixDatagram::bind_addr(&addr).unwrap();
    let theirs = addr.clone();
    kill_in(move || {
        let sender = UnixDatagram::unbound().unwrap();
        while sender.send_to_addr(b"x", &theirs).is_ok() {}
    });
    let sender = UnixDatagram::unbound().unwrap();
    let alarm = Alarm::set(Instant::now() + Duration::from_millis(20)).unwrap();
    let payload = catch_unwind(AssertUnwindSafe(|| sender.send_to_addr(b"x", &addr))).unwrap_err();
    assert!(alarm.owns(&*payload));
    drop(alarm);
    sender.set_write_timeout(Some(Duration::from_millis(20))).unwrap();
    let started = Instant::now();
    assert_eq!(sender.send_to_addr(b"x", &addr).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(started.elapsed() >= Duration::from_millis(20));
    receiver.recv(&mut [0; 8]).unwrap();
    sender.send_to_addr(b"x", &addr).unwrap();
}

#[test]
fn many_senders_get_through_a_queue_of_few() {
    let path = TempPath::new();
    let receiver = UnixDatagram::bind(&path).unwrap();
    let senders: Vec<_> = (0..40_u8)
        .map(|n| {
            let path = path.as_ref().to_owned();
            thread::spawn(move || {
                let socket = UnixDatagram::unbound().unwrap();
                for round in 0..10 {
                    socket.send_to(&[n, round], &path).unwrap();
                }
            })
        })
        .collect();
    let mut next = [0_u8; 40];
    let mut buf = [0; 8];
    for _ in 0..400 {
        assert_eq!(receiver.recv(&mut buf).unwrap(), 2);
        let expected = &mut next[usize::from(buf[0])];
        assert_eq!(buf[1], *expected, "each sender's datagrams stay in order");
        *expected += 1;
    }
    for sender in senders {
        sender.join().unwrap();
    }
}

#[test]
fn a_waiting_sender_costs_its_hub_no_time() {
    let addr = abstract_addr();
    let receiver = UnixDatagram::bind_addr(&addr).unwrap();
    // On this OS thread alone, where a wait for the level of its own socket would spin.
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    while sender.send_to_addr(b"x", &addr).is_ok() {}
    sender.set_nonblocking(false).unwrap();
    sender.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let before = cpu_time();
    assert_eq!(sender.send_to_addr(b"x", &addr).unwrap_err().kind(), ErrorKind::WouldBlock);
    let spent = cpu_time() - before;
    assert!(spent < Duration::from_millis(100), "{spent:?}");
    drop(receiver);
}

#[test]
fn a_loop_that_never_has_to_wait_can_be_killed() {
    let (mut near, mut far) = UnixStream::pair().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let busy = thread::spawn(move || {
        loop {
            near.write_all(&[1]).unwrap();
            far.read_exact(&mut [0]).unwrap();
            let _ = tell.send(());
        }
    });
    while told.try_recv().is_err() {
        give_way();
    }
    busy.kill().unwrap();
    assert!(busy.join().unwrap_err().is::<thread::Killed>());
}

/// Returns how long this OS thread has run on a processor.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

#[test]
fn data_behind_a_passed_descriptor_is_not_forgotten() {
    // Two reads that empty the socket: from here on the reader may know that nothing is there.
    check_data_behind_a_descriptor(&[&[1], &[2]]);
    // A read that fills its buffer: the next one is made differently.
    check_data_behind_a_descriptor(&[&[1], &[2; 100]]);
}

/// Sends `before`, waiting for each to be read, and then something with a descriptor and more behind it.
fn check_data_behind_a_descriptor(before: &[&[u8]]) {
    let all = before.concat().len() + "withbehind".len();
    let (near, mut far) = UnixStream::pair().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let reader = thread::spawn(move || {
        let mut buf = [0; 100];
        let mut total = 0;
        while total < all {
            total += far.read(&mut buf).unwrap();
            tell.send(total).unwrap();
        }
    });
    let mut sent = 0;
    let mut give_and_wait = |bytes: &[u8]| {
        (&near).write_all(bytes).unwrap();
        sent += bytes.len();
        while told.try_recv() != Ok(sent) {
            give_way();
        }
    };
    for bytes in before {
        give_and_wait(bytes);
    }
    send_with_descriptor_and_more(&near);
    reader.join().unwrap();
}

/// Sends `with` and a descriptor, and `behind`: a read stops behind the data that came with the descriptor, however much
/// follows.
fn send_with_descriptor_and_more(near: &UnixStream) {
    let mut control = Vec::new();
    control.extend_from_slice(&20_usize.to_ne_bytes());
    // SOL_SOCKET and SCM_RIGHTS.
    control.extend_from_slice(&1_i32.to_ne_bytes());
    control.extend_from_slice(&1_i32.to_ne_bytes());
    control.extend_from_slice(&near.as_raw_fd().to_ne_bytes());
    control.extend_from_slice(&[0; 4]);
    let message = [IoSlice::new(b"with")];
    SockRef::from(near).sendmsg(&MsgHdr::new().with_buffers(&message).with_control(&control), 0).unwrap();
    (&*near).write_all(b"behind").unwrap();
}

#[test]
fn a_busy_hub_does_not_forget_data_behind_a_passed_descriptor() {
    // The neighbour goes on, or stops as soon as what came with the descriptor was read, so that the hub sleeps, or finds events
    // each time that it would.
    for (stays_busy, chatting) in [(true, 0), (false, 0), (false, 3)] {
        // All on one hub: nobody reads between the two pieces.
        let test = move || {
            let (near, mut far) = UnixStream::pair().unwrap();
            let total = Rc::new(Cell::new(0));
            let neighbour = thread::spawn_local({
                let total = Rc::clone(&total);
                move || {
                    while total.get() < if stays_busy { 12 } else { 6 } {
                        thread::yield_now();
                    }
                }
            });
            let reader = thread::spawn_local({
                let total = Rc::clone(&total);
                move || {
                    let mut buf = [0; 100];
                    while total.get() < 12 {
                        total.set(total.get() + far.read(&mut buf).unwrap());
                    }
                }
            });
            let chats: Vec<_> = (0..chatting).flat_map(|_| chat(&total)).collect();
            for byte in 1..=2 {
                (&near).write_all(&[byte]).unwrap();
                while total.get() < usize::from(byte) {
                    thread::yield_now();
                }
            }
            send_with_descriptor_and_more(&near);
            reader.join().unwrap();
            neighbour.join().unwrap();
            chats.into_iter().for_each(|end| end.join().unwrap());
        };
        thread::spawn(test).join().unwrap();
    }
}

/// Starts two who answer each other until the total is 12.
fn chat(total: &Rc<Cell<usize>>) -> [thread::LocalJoinHandle<()>; 2] {
    let (ping, pong) = UnixStream::pair().unwrap();
    (&ping).write_all(&[0]).unwrap();
    [ping, pong].map(|mut end| {
        let total = Rc::clone(total);
        thread::spawn_local(move || {
            let mut bytes = [0; 2];
            while total.get() < 12 && end.read(&mut bytes).unwrap() == 1 {
                let _ = end.write_all(&bytes[..1]);
            }
        })
    })
}

#[test]
fn waiting_leaves_no_trace() {
    let (near, far) = UnixStream::pair().unwrap();
    let (one, other) = UnixDatagram::pair().unwrap();
    let (listener, addr) = listener();
    let listener_fd = listener.as_raw_fd();
    let fds = [near.as_raw_fd(), one.as_raw_fd()];
    let readers = [
        thread::spawn(move || (&near).read(&mut [0; 8]).unwrap()),
        thread::spawn(move || one.recv(&mut [0; 8]).unwrap()),
    ];
    let acceptor = thread::spawn(move || listener.accept().unwrap());
    give_way();
    for fd in fds {
        assert!(!is_nonblocking(fd) && is_closed_on_exec(fd));
    }
    // Its number was asked for, so it is never changed.
    assert!(!is_nonblocking(listener_fd));
    let client = UnixStream::connect_addr(&addr).unwrap();
    let (server, _) = acceptor.join().unwrap();
    for stream in [&client, &server] {
        assert!(!is_nonblocking(stream.as_raw_fd()) && is_closed_on_exec(stream.as_raw_fd()));
    }
    (&far).write_all(b"x").unwrap();
    other.send(b"x").unwrap();
    for reader in readers {
        assert_eq!(reader.join().unwrap(), 1);
    }
}

#[test]
fn a_listener_given_away_waits_as_stds() {
    let (listener, addr) = listener();
    let clone = listener.try_clone().unwrap();
    let _client = UnixStream::connect_addr(&addr).unwrap();
    listener.accept().unwrap();
    let given = std::os::unix::net::UnixListener::from(listener);
    assert!(!is_nonblocking(given.as_raw_fd()) && !is_nonblocking(clone.as_raw_fd()));
    let outside = std::thread::spawn(move || given.accept().map(drop));
    give_way();
    let _client = UnixStream::connect_addr(&addr).unwrap();
    outside.join().unwrap().unwrap();
    let _client = UnixStream::connect_addr(&addr).unwrap();
    clone.accept().unwrap();
}

#[test]
fn sockets_survive_the_way_to_std_and_back() {
    let (near, far) = UnixStream::pair().unwrap();
    let near = UnixStream::from(OwnedFd::from(std::os::unix::net::UnixStream::from(near)));
    let raw = far.into_raw_fd();
    // SAFETY: the descriptor was given up just now, so it is open and nobody else's.
    #[expect(unsafe_code, reason = "this is what the test is about")]
    let mut far = unsafe { UnixStream::from_raw_fd(raw) };
    (&near).write_all(b"abc").unwrap();
    drop(near);
    let mut text = String::new();
    far.read_to_string(&mut text).unwrap();
    assert_eq!(text, "abc");

    let (one, other) = UnixDatagram::pair().unwrap();
    let one = UnixDatagram::from(OwnedFd::from(std::os::unix::net::UnixDatagram::from(one)));
    one.send(b"abc").unwrap();
    let other = UnixDatagram::from(other.as_fd().try_clone_to_owned().unwrap());
    assert_eq!(other.recv(&mut [0; 8]).unwrap(), 3);
}

#[test]
fn a_stream_goes_from_hub_to_hub() {
    let (mut near, mut far) = UnixStream::pair().unwrap();
    for round in 0..10_u8 {
        far = std::thread::scope(|scope| {
            let outside = scope.spawn(move || {
                let reader = thread::spawn_local(move || {
                    let mut byte = [0];
                    far.read_exact(&mut byte).unwrap();
                    assert_eq!(byte, [round]);
                    far
                });
                reader.join().unwrap()
            });
            give_way();
            near.write_all(&[round]).unwrap();
            outside.join().unwrap()
        });
    }
}

#[test]
fn a_number_used_again_does_not_meet_its_past() {
    alone("unix::a_number_used_again_does_not_meet_its_past", None, || {
        for _ in 0..30 {
            let (peer, old) = UnixStream::pair().unwrap();
            old.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
            assert_eq!((&old).read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
            let open_file = old.as_fd().try_clone_to_owned().unwrap();
            let number = old.as_raw_fd();
            (&peer).write_all(b"old").unwrap();
            drop(old);
            let (new, new_peer) = UnixStream::pair().unwrap();
            assert_eq!(new.as_raw_fd(), number);
            let reader = thread::spawn(move || (&new).read(&mut [0; 8]).unwrap());
            give_way();
            (&peer).write_all(b"older").unwrap();
            (&new_peer).write_all(b"x").unwrap();
            assert_eq!(reader.join().unwrap(), 1);
            drop(open_file);
        }
    });
}

/// Descriptors may come behind a read that has emptied the socket, and between reads that throw them away.
#[test]
fn descriptors_come_with_the_data_that_they_were_sent_with() {
    let (near, far) = UnixStream::pair().unwrap();
    let (reader, writer) = io::pipe().unwrap();
    let read = Sign::default();
    let sign = read.clone();
    let receiver = thread::spawn(move || {
        let mut fds = Vec::new();
        let mut word = [0; 8];
        // Less than there was room for: the next read would wait without a look.
        assert_eq!((&far).read(&mut word).unwrap(), 3);
        sign.give();
        assert_eq!(far.recv_with_fds(&mut [IoSliceMut::new(&mut word)], &mut fds).unwrap(), 2);
        assert_eq!((&word[..2], fds.len()), (&b"de"[..], 1));
        assert_eq!(far.peek(&mut word).unwrap(), 1);
        assert_eq!((&far).read(&mut word).unwrap(), 1);
        assert_eq!(far.recv_with_fds(&mut [IoSliceMut::new(&mut word)], &mut fds).unwrap(), 1);
        fds
    });
    (&near).write_all(b"abc").unwrap();
    read.wait();
    near.send_with_fds(&[IoSlice::new(b"d"), IoSlice::new(b"e")], &[writer.as_fd()]).unwrap();
    // Thrown away by a plain read.
    near.send_with_fds(&[IoSlice::new(b"f")], &[writer.as_fd()]).unwrap();
    near.send_with_fds(&[IoSlice::new(b"g")], &[]).unwrap();
    drop(writer);
    let fds = receiver.join().unwrap();
    assert_eq!(fds.len(), 1);
    drop(fds);
    assert_eq!(io::read_to_string(reader).unwrap(), "");
}

#[test]
fn descriptors_without_data_are_refused_where_they_would_be_lost() {
    let (near, _far) = UnixStream::pair().unwrap();
    let (reader, _writer) = io::pipe().unwrap();
    for bufs in [&[][..], &[IoSlice::new(b"")]] {
        assert_eq!(near.send_with_fds(bufs, &[reader.as_fd()]).unwrap_err().kind(), ErrorKind::InvalidInput);
        assert_eq!(near.send_with_fds(bufs, &[]).unwrap(), 0);
    }
    // A datagram may be empty.
    let (near, far) = UnixDatagram::pair().unwrap();
    near.send_with_fds(&[], &[reader.as_fd()]).unwrap();
    let mut fds = Vec::new();
    assert_eq!(far.recv_with_fds(&mut [], &mut fds).unwrap(), 0);
    assert_eq!(fds.len(), 1);
}

/// More than the kernel takes at once.
#[test]
fn a_datagram_of_very_many_buffers_is_one_datagram() {
    let (near, far) = UnixDatagram::pair().unwrap();
    let bytes: Vec<u8> = (0..2000).map(|n| n as u8).collect();
    let bufs: Vec<_> = bytes.chunks(1).map(IoSlice::new).collect();
    assert_eq!(near.send_with_fds(&bufs, &[]).unwrap(), 2000);
    let mut room = [0; 4000];
    assert_eq!(far.recv(&mut room).unwrap(), 2000);
    assert_eq!(room[..2000], bytes);
}

/// So it is at the receiver's, where the descriptors come with it.
#[test]
fn a_datagram_comes_whole_into_very_many_buffers() {
    let (near, far) = UnixDatagram::pair().unwrap();
    let bytes: Vec<u8> = (0..3000).map(|n| n as u8).collect();
    let (reader, writer) = io::pipe().unwrap();
    for (count, size) in [(1024, 3), (1025, 3), (1500, 2), (3000, 1), (1025, 1)] {
        near.send_with_fds(&[IoSlice::new(&bytes)], &[reader.as_fd()]).unwrap();
        let (mut room, mut fds) = (vec![0; count * size], Vec::new());
        // An empty one at the end, and one where the kernel's limit is.
        let mut bufs: Vec<_> = room.chunks_mut(size).map(IoSliceMut::new).collect();
        let mut nothing: [[u8; 0]; 2] = [[]; 2];
        for (place, empty) in [1023, count + 1].into_iter().zip(&mut nothing) {
            bufs.insert(place, IoSliceMut::new(empty));
        }
        let fits = bytes.len().min(count * size);
        assert_eq!(far.recv_with_fds(&mut bufs, &mut fds).unwrap(), fits);
        assert_eq!((&room[..fits], fds.len()), (&bytes[..fits], 1));
    }
    // A short one leaves the rest of the room alone.
    near.send(b"abc").unwrap();
    let mut room = [7; 2000];
    let mut bufs: Vec<_> = room.chunks_mut(1).map(IoSliceMut::new).collect();
    assert_eq!(far.recv_with_fds(&mut bufs, &mut Vec::new()).unwrap(), 3);
    assert_eq!((&room[..3], &room[3..]), (&b"abc"[..], &[7; 1997][..]));
    drop(writer);
}
