//! TCP: ends of streams, half-closed ones, timeouts, errors, options, addresses.

use std::time::{Duration, Instant};

use super::subject::io::{self, IoSlice, IoSliceMut, Read, Write};
use super::subject::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use super::subject::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};
use super::subject::thread;

use crate::log::Log;

/// Returns the two ends of a connection.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let connecting = thread::spawn(move || TcpStream::connect(address));
    let (accepted, _) = listener.accept()?;
    Ok((connecting.join().expect("no panic")?, accepted))
}

pub(crate) fn an_echo_ends_with_its_writer(log: &Log) -> io::Result<()> {
    let (mut near, mut far) = pair()?;
    let echo = thread::spawn(move || io::copy(&mut far.try_clone()?, &mut far));
    let sent: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
    let mut writer = near.try_clone()?;
    let data = sent.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&data)?;
        writer.shutdown(Shutdown::Write)
    });
    let mut received = Vec::new();
    log.result("received", &near.read_to_end(&mut received));
    log.note("the same", received == sent);
    log.result("written", &writing.join().expect("no panic"));
    log.result("echoed", &echo.join().expect("no panic"));
    Ok(())
}

pub(crate) fn half_closed(log: &Log) -> io::Result<()> {
    let (mut near, mut far) = pair()?;
    near.write_all(b"last words")?;
    near.shutdown(Shutdown::Write)?;
    let mut text = String::new();
    log.result("read to the end", &far.read_to_string(&mut text));
    log.note("text", &text);
    let mut byte = [0];
    log.result("the end is there again", &far.read(&mut byte));
    log.result("write after our end", &near.write(b"x"));
    log.result("the other direction", &far.write(b"yz"));
    let mut two = [0; 2];
    near.read_exact(&mut two)?;
    log.note("it came", two);

    near.shutdown(Shutdown::Read)?;
    log.result("read after our shutdown", &near.read(&mut byte));
    log.result("shut down twice", &near.shutdown(Shutdown::Write));
    log.outcome("both at once", &near.shutdown(Shutdown::Both));
    drop(far);
    Ok(())
}

pub(crate) fn nothing_asked_nothing_read(log: &Log) -> io::Result<()> {
    let (mut near, mut far) = pair()?;
    log.result("write of nothing", &near.write(&[]));
    far.write_all(b"ab")?;
    // With nothing there, the kernel lets even a read of nothing wait.
    near.peek(&mut [0])?;
    log.result("read of nothing with data there", &near.read(&mut []));
    log.result("exactly nothing", &near.read_exact(&mut []));
    log.result("peek at nothing", &near.peek(&mut []));
    let mut buf = [0; 16];
    log.result("what is there", &near.read(&mut buf[..1]));
    log.result("no more than is there", &near.read(&mut buf));
    drop(far);
    log.result("too much", &near.read_exact(&mut buf));
    log.result("flush", &near.flush());
    Ok(())
}

pub(crate) fn refused(log: &Log) -> io::Result<()> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    log.outcome("nobody listens", &TcpStream::connect(address));
    log.outcome("with time", &TcpStream::connect_timeout(&address, Duration::from_secs(10)));
    log.outcome("with no time", &TcpStream::connect_timeout(&address, Duration::ZERO));
    log.outcome("to no address", &TcpStream::connect(&[][..] as &[SocketAddr]));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let both = [address, listener.local_addr()?];
    let stream = TcpStream::connect(&both[..])?;
    log.note("the second", stream.peer_addr()? == both[1]);
    log.outcome("a name without a port", &TcpStream::connect("127.0.0.1"));
    log.outcome("a port that is none", &TcpStream::connect("127.0.0.1:port"));
    log.outcome("a port too high", &TcpStream::connect("127.0.0.1:65536"));
    log.outcome("an empty text", &TcpStream::connect(""));
    log.outcome("port zero", &TcpStream::connect("127.0.0.1:0"));
    Ok(())
}

pub(crate) fn bad_binds(log: &Log) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    log.outcome("in use", &TcpListener::bind(listener.local_addr()?));
    log.outcome("not ours", &TcpListener::bind("192.0.2.1:0"));
    log.outcome("to no address", &TcpListener::bind(&[][..] as &[SocketAddr]));
    let several = [listener.local_addr()?, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))];
    log.outcome("the second", &TcpListener::bind(&several[..]));
    log.outcome("with a NUL in the name", &TcpListener::bind("a\0b:1"));
    Ok(())
}

pub(crate) fn timeouts(log: &Log) -> io::Result<()> {
    let (mut near, mut far) = pair()?;
    let limit = Duration::from_millis(30);
    near.set_read_timeout(Some(limit))?;
    let mut buf = [0; 4];
    for what in ["read", "read again"] {
        let started = Instant::now();
        log.result(what, &near.read(&mut buf));
        // A socket's own clock counts in ticks.
        log.note("it took its time", started.elapsed() + Duration::from_millis(5) >= limit);
    }
    log.result("peek", &near.peek(&mut buf));
    log.result("exactly", &near.read_exact(&mut buf));
    far.write_all(b"abcd")?;
    log.result("in time", &near.read(&mut buf));
    far.write_all(b"ab")?;
    log.result("half in time", &near.read_exact(&mut buf));
    near.set_read_timeout(None)?;
    far.write_all(b"c")?;
    log.result("without a limit", &near.read(&mut buf));
    Ok(())
}

pub(crate) fn write_timeouts(log: &Log) -> io::Result<()> {
    let (mut near, far) = pair()?;
    near.set_write_timeout(Some(Duration::from_millis(30)))?;
    let chunk = vec![0; 1 << 20];
    // Buffers fill; then a write is short, and the next one fails.
    let end = loop {
        if let Err(error) = near.write(&chunk) {
            break Err::<(), _>(error);
        }
    };
    log.result("full", &end);
    log.outcome("all of it", &near.write_all(&chunk));
    drop(far);
    Ok(())
}

pub(crate) fn timeouts_are_rounded_and_checked(log: &Log) -> io::Result<()> {
    let (near, _far) = pair()?;
    log.result("at first", &near.read_timeout());
    log.result("zero", &near.set_read_timeout(Some(Duration::ZERO)));
    log.result("zero", &near.set_write_timeout(Some(Duration::ZERO)));
    for limit in [Duration::from_nanos(1), Duration::from_micros(1_500), Duration::from_secs(3), Duration::MAX] {
        log.result("set", &near.set_read_timeout(Some(limit)));
        log.result("get", &near.read_timeout());
        log.result("set", &near.set_write_timeout(Some(limit)));
        log.result("get", &near.write_timeout());
    }
    log.result("a clone's", &near.try_clone()?.read_timeout());
    log.result("none", &near.set_read_timeout(None));
    log.result("get", &near.read_timeout());
    Ok(())
}

pub(crate) fn peeks(log: &Log) -> io::Result<()> {
    let (mut near, mut far) = pair()?;
    let writing = thread::spawn(move || far.write_all(b"peek").map(|()| far));
    let mut buf = [0; 2];
    log.result("peek waits", &near.peek(&mut buf));
    let far = writing.join().expect("no panic")?;
    log.result("peek again", &near.peek(&mut buf));
    log.note("the same", buf);
    let mut all = [0; 4];
    near.read_exact(&mut all)?;
    log.note("and read", all);
    drop(far);
    log.result("peek at the end", &near.peek(&mut buf));
    log.result("peek at nothing", &near.peek(&mut []));
    Ok(())
}

pub(crate) fn clones(log: &Log) -> io::Result<()> {
    let (near, mut far) = pair()?;
    let mut clone = near.try_clone()?;
    log.note("another descriptor", clone.as_raw_fd() == near.as_raw_fd());
    drop(near);
    far.write_all(b"x")?;
    log.result("a clone outlives", &clone.read(&mut [0; 4]));
    let mut reader = clone.try_clone()?;
    let reading = thread::spawn(move || reader.read(&mut [0; 4]));
    thread::yield_now();
    clone.shutdown(Shutdown::Both)?;
    log.result("a shutdown ends a clone's read", &reading.join().expect("no panic"));

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let other = listener.try_clone()?;
    let address = listener.local_addr()?;
    drop(listener);
    let accepting = thread::spawn(move || other.accept().map(|_| ()));
    log.outcome("connect", &TcpStream::connect(address));
    log.result("a clone accepts", &accepting.join().expect("no panic"));
    Ok(())
}

pub(crate) fn options(log: &Log) -> io::Result<()> {
    let (near, _far) = pair()?;
    log.result("nodelay", &near.nodelay());
    near.set_nodelay(true)?;
    log.result("nodelay", &near.nodelay());
    log.result("ttl", &near.ttl());
    near.set_ttl(9)?;
    log.result("ttl", &near.ttl());
    log.result("a ttl of zero", &near.set_ttl(0));
    log.result("a ttl too high", &near.set_ttl(256));
    log.result("error", &near.take_error().map(|error| error.is_none()));
    let listener = TcpListener::bind("127.0.0.1:0")?;
    log.result("ttl", &listener.ttl());
    listener.set_ttl(7)?;
    log.result("ttl", &listener.ttl());
    log.result("error", &listener.take_error().map(|error| error.is_none()));
    Ok(())
}

pub(crate) fn nonblocking(log: &Log) -> io::Result<()> {
    let (mut near, mut far) = pair()?;
    near.set_nonblocking(true)?;
    let mut buf = [0; 4];
    log.result("read", &near.read(&mut buf));
    log.result("peek", &near.peek(&mut buf));
    log.result("exactly", &near.read_exact(&mut buf));
    far.write_all(b"ab")?;
    while near.peek(&mut buf).is_err() {
        thread::yield_now();
    }
    log.result("something", &near.read(&mut buf));
    let chunk = vec![0; 1 << 20];
    let full = loop {
        if let Err(error) = near.write(&chunk) {
            break Err::<(), _>(error);
        }
    };
    log.result("full", &full);
    near.set_nonblocking(false)?;
    near.set_read_timeout(Some(Duration::from_millis(5)))?;
    log.result("blocking again", &near.read(&mut buf));

    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    log.outcome("accept", &listener.accept());
    log.outcome("incoming", &listener.incoming().next().expect("it never ends"));
    let clone = listener.try_clone()?;
    log.outcome("a clone's accept", &clone.accept());
    Ok(())
}

pub(crate) fn several_buffers(log: &Log) -> io::Result<()> {
    let (mut near, mut far) = pair()?;
    log.result("write", &near.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")]));
    log.result("write of nothing", &near.write_vectored(&[]));
    let (mut one, mut two) = ([0; 3], [0; 9]);
    far.peek(&mut [0; 5])?;
    log.result("read", &far.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)]));
    log.note("buffers", (one, two));
    log.result("read of nothing", &far.read_vectored(&mut []));
    Ok(())
}

pub(crate) fn a_reset(log: &Log) -> io::Result<()> {
    let (near, mut far) = pair()?;
    far.write_all(b"never read")?;
    near.peek(&mut [0; 1])?;
    // What is unread when a socket closes makes the kernel reset the connection.
    drop(near);
    let mut buf = [0; 1];
    log.result("read", &far.read(&mut buf));
    log.result("then", &far.read(&mut buf));
    log.outcome("write", &far.write(b"x"));
    log.outcome("its peer", &far.peer_addr());
    Ok(())
}

pub(crate) fn a_broken_pipe(log: &Log) -> io::Result<()> {
    let (mut near, far) = pair()?;
    drop(far);
    log.result("the end", &near.read(&mut [0; 1]));
    // The first write is answered by a reset; one after that finds the pipe broken.
    let broken = loop {
        if let Err(error) = near.write_all(b"x") {
            break Err::<(), _>(error);
        }
        thread::yield_now();
    };
    log.result("broken", &broken);
    log.result("and stays so", &near.write(b"x"));
    log.result("nothing is too much", &near.write(b""));
    Ok(())
}

pub(crate) fn addresses(log: &Log) -> io::Result<()> {
    let (near, far) = pair()?;
    log.note("they match", near.local_addr()? == far.peer_addr()? && near.peer_addr()? == far.local_addr()?);
    drop(far);
    let all = |result: io::Result<Vec<SocketAddr>>| result;
    log.result("text", &all("127.0.0.1:80".to_socket_addrs().map(Iterator::collect)));
    log.result("text of six", &all("[::1]:80".to_socket_addrs().map(Iterator::collect)));
    log.result("pair", &all(("127.0.0.1", 80).to_socket_addrs().map(Iterator::collect)));
    log.result("string pair", &all((String::from("::1"), 80).to_socket_addrs().map(Iterator::collect)));
    log.result("ip", &all((Ipv4Addr::LOCALHOST, 1).to_socket_addrs().map(Iterator::collect)));
    log.result("name", &all("localhost:80".to_socket_addrs().map(Iterator::collect)));
    log.outcome("no such name", &"no-such-name.invalid:80".to_socket_addrs().map_err(kind_alone));
    log.outcome("no port", &"localhost".to_socket_addrs());
    log.outcome("only a port", &":80".to_socket_addrs().map_err(kind_alone));
    log.outcome("brackets", &"[::1".to_socket_addrs());
    Ok(())
}

/// The C library's words for a name that it cannot find depend on what it tried.
fn kind_alone(error: io::Error) -> io::Error {
    error.kind().into()
}

pub(crate) fn that_are_none_of_ours(log: &Log) -> io::Result<()> {
    // A descriptor that is no socket says so at each use.
    let (reader, _writer) = std::io::pipe()?;
    let mut stream = TcpStream::from(OwnedFd::from(reader));
    log.outcome("peer", &stream.peer_addr());
    log.outcome("local", &stream.local_addr());
    log.result("read", &stream.read(&mut [0; 1]));
    log.result("write", &stream.write(b"x"));
    log.result("nodelay", &stream.nodelay());
    log.result("shutdown", &stream.shutdown(Shutdown::Both));
    let listener = TcpListener::from(OwnedFd::from(stream));
    log.outcome("accept", &listener.accept());
    Ok(())
}

pub(crate) fn shown(log: &Log) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    log.shown("listener", &listener);
    let (near, far) = pair()?;
    log.shown("stream", &near);
    drop(far);
    near.shutdown(Shutdown::Both).ok();
    log.shown("incoming", &listener.incoming());
    Ok(())
}

pub(crate) fn incoming_never_ends(log: &Log) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let connecting = thread::spawn(move || -> io::Result<()> {
        for byte in *b"abc" {
            TcpStream::connect(address)?.write_all(&[byte])?;
        }
        Ok(())
    });
    for stream in listener.incoming().take(3) {
        let mut text = String::new();
        log.result("length", &stream?.read_to_string(&mut text));
        log.note("text", text);
    }
    log.note("a hint", listener.incoming().size_hint());
    connecting.join().expect("no panic")
}

pub(crate) fn given_away(log: &Log) -> io::Result<()> {
    let (near, mut far) = pair()?;
    let number = near.as_raw_fd();
    log.note("borrowed", near.as_fd().as_raw_fd() == number);
    let owned = OwnedFd::from(near);
    log.note("owned", owned.as_raw_fd() == number);
    let mut near = TcpStream::from(owned);
    far.write_all(b"a")?;
    log.result("read", &near.read(&mut [0; 1]));
    let raw = near.into_raw_fd();
    log.note("raw", raw == number);
    // SAFETY: the descriptor was given away just above, and nobody else has it.
    let mut near = unsafe { TcpStream::from_raw_fd(raw) };
    far.write_all(b"b")?;
    log.result("read", &near.read(&mut [0; 1]));
    drop(near);
    log.result("closed", &far.read(&mut [0; 1]));
    Ok(())
}
