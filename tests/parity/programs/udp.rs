//! UDP: boundaries of datagrams, peers, timeouts, options, errors.

use std::time::{Duration, Instant};

use super::subject::io;
use super::subject::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use super::subject::thread;

use crate::log::Log;

fn socket() -> io::Result<UdpSocket> {
    UdpSocket::bind("127.0.0.1:0")
}

pub(crate) fn boundaries(log: &Log) -> io::Result<()> {
    let (one, two) = (socket()?, socket()?);
    let address = two.local_addr()?;
    log.result("send", &one.send_to(b"hello", address));
    log.result("send nothing", &one.send_to(b"", address));
    log.result("send more", &one.send_to(b"more", address));
    let mut buf = [0; 3];
    log.result("peek", &two.peek_from(&mut buf).map(|(count, _)| count));
    let (count, from) = two.recv_from(&mut buf)?;
    log.note("what does not fit is lost", (count, buf, from == one.local_addr()?));
    log.result("nothing is something", &two.recv_from(&mut buf).map(|(count, _)| count));
    log.result("into nothing", &two.recv_from(&mut []).map(|(count, _)| count));
    let waiting = thread::spawn(move || two.recv_from(&mut [0; 9]).map(|(count, _)| count));
    thread::yield_now();
    log.result("late", &one.send_to(b"late", address));
    log.result("waited for", &waiting.join().expect("no panic"));
    log.result("too much", &one.send_to(&[0; 70_000], address));
    log.result("as much as there is", &one.send_to(&[0; 65_507], one.local_addr()?));
    log.result("it comes", &one.recv(&mut vec![0; 70_000]));
    Ok(())
}

pub(crate) fn peers(log: &Log) -> io::Result<()> {
    let (one, two, third) = (socket()?, socket()?, socket()?);
    log.result("not connected", &one.send(b"x"));
    log.outcome("no peer", &one.peer_addr());
    log.result("connect", &one.connect(two.local_addr()?));
    log.note("peer", one.peer_addr()? == two.local_addr()?);
    log.result("send", &one.send(b"abc"));
    log.result("receive", &two.recv(&mut [0; 8]));
    third.send_to(b"stranger", one.local_addr()?)?;
    two.send_to(b"peer", one.local_addr()?)?;
    let mut buf = [0; 8];
    log.result("peek", &one.peek(&mut buf));
    log.result("only the peer's", &one.recv(&mut buf));
    log.note("bytes", buf);
    log.result("to another", &one.send_to(b"other", third.local_addr()?));
    let clone = one.try_clone()?;
    drop(one);
    log.result("a clone is connected", &clone.send(b"x"));
    let gone = two.local_addr()?;
    drop(two);
    clone.send(b"x")?;
    log.result("refused", &clone.recv(&mut buf));
    clone.send(b"x")?;
    let error = loop {
        if let Some(error) = clone.take_error()? {
            break Err::<(), _>(error);
        }
        thread::yield_now();
    };
    log.result("asked for", &error);
    log.outcome("connect to no address", &clone.connect(&[][..] as &[SocketAddr]));
    log.outcome("send to no address", &third.send_to(b"x", &[][..] as &[SocketAddr]));
    log.outcome("send to a text", &third.send_to(b"x", "nonsense"));
    log.outcome("to port zero", &third.send_to(b"x", "127.0.0.1:0"));
    log.outcome("send to six", &third.send_to(b"x", "[::1]:9"));
    log.outcome("bound", &UdpSocket::bind(clone.local_addr()?));
    log.outcome("bound elsewhere", &UdpSocket::bind("192.0.2.1:0"));
    log.outcome("bound again", &UdpSocket::bind(gone));
    Ok(())
}

pub(crate) fn timeouts(log: &Log) -> io::Result<()> {
    let socket = socket()?;
    log.result("none", &socket.read_timeout());
    log.result("zero", &socket.set_read_timeout(Some(Duration::ZERO)));
    log.result("zero", &socket.set_write_timeout(Some(Duration::ZERO)));
    for limit in [Duration::from_nanos(1), Duration::from_micros(2_500), Duration::from_millis(30)] {
        socket.set_read_timeout(Some(limit))?;
        socket.set_write_timeout(Some(limit))?;
        log.result("limits", &socket.read_timeout().and_then(|read| Ok((read, socket.write_timeout()?))));
    }
    let started = Instant::now();
    log.outcome("receive from", &socket.recv_from(&mut [0; 1]));
    log.result("receive", &socket.recv(&mut [0; 1]));
    log.outcome("peek from", &socket.peek_from(&mut [0; 1]));
    log.result("peek", &socket.peek(&mut [0; 1]));
    log.note("it took its time", started.elapsed() >= Duration::from_millis(100));
    socket.set_nonblocking(true)?;
    log.result("nonblocking", &socket.recv(&mut [0; 1]));
    log.outcome("nonblocking", &socket.peek_from(&mut [0; 1]));
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(None)?;
    socket.send_to(b"x", socket.local_addr()?)?;
    log.result("from itself", &socket.recv(&mut [0; 4]));
    Ok(())
}

pub(crate) fn options(log: &Log) -> io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    log.result("broadcast", &socket.broadcast());
    log.result("not allowed", &socket.send_to(b"x", "255.255.255.255:9"));
    socket.set_broadcast(true)?;
    log.result("broadcast", &socket.broadcast());
    log.result("ttl", &socket.ttl());
    socket.set_ttl(5)?;
    log.result("ttl", &socket.ttl());
    log.result("loop", &socket.multicast_loop_v4());
    socket.set_multicast_loop_v4(false)?;
    log.result("loop", &socket.multicast_loop_v4());
    log.result("ttl", &socket.multicast_ttl_v4());
    socket.set_multicast_ttl_v4(9)?;
    log.result("ttl", &socket.multicast_ttl_v4());
    let group = Ipv4Addr::new(224, 0, 0, 123);
    log.result("no group", &socket.join_multicast_v4(&Ipv4Addr::LOCALHOST, &Ipv4Addr::UNSPECIFIED));
    log.result("not joined", &socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST));
    log.result("join", &socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST));
    log.result("join again", &socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST));
    log.result("leave", &socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST));
    log.outcome("six of four", &socket.multicast_loop_v6());
    log.outcome("join six", &socket.join_multicast_v6(&Ipv6Addr::LOCALHOST, 0));
    log.shown("shown", &socket);
    log.note("unspecified", socket.local_addr()?.ip());
    if let Ok(six) = UdpSocket::bind("[::1]:0") {
        log.result("loop", &six.multicast_loop_v6());
        log.result("loop", &six.set_multicast_loop_v6(false).and_then(|()| six.multicast_loop_v6()));
        log.shown("shown", &six);
    }
    Ok(())
}
