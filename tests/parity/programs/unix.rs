//! Unix sockets: names, pairs, datagrams, ends, errors.

use std::path::PathBuf;
use std::time::Duration;

use super::subject::fs;
use super::subject::io::{self, BufRead, BufReader, Read, Write};
use super::subject::net::Shutdown;
use super::subject::os::linux::net::SocketAddrExt;
use super::subject::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use super::subject::thread;

use crate::log::Log;

/// Returns a path that nobody else uses.
fn path() -> PathBuf {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let side = if module_path!().contains("std") { "s" } else { "g" };
    std::env::temp_dir().join(format!("parity-{side}-{}-{number}", std::process::id()))
}

pub(crate) fn by_path(log: &Log) -> io::Result<()> {
    let path = path();
    log.outcome("nobody", &UnixStream::connect(&path));
    let listener = UnixListener::bind(&path)?;
    log.outcome("in use", &UnixListener::bind(&path));
    log.note("its name", listener.local_addr()?.as_pathname() == Some(&path));
    let serving = thread::spawn(move || -> io::Result<String> {
        let (stream, address) = listener.accept()?;
        let mut answer = format!("{} ", address.is_unnamed());
        let mut reader = BufReader::new(&stream);
        reader.read_line(&mut answer)?;
        (&stream).write_all(b"bye")?;
        Ok(answer)
    });
    let mut stream = UnixStream::connect(&path)?;
    log.note("peer", stream.peer_addr()?.as_pathname() == Some(&path));
    log.note("own", stream.local_addr()?.is_unnamed());
    stream.write_all(b"hello\n")?;
    let mut text = String::new();
    log.result("read", &stream.read_to_string(&mut text));
    log.note("text", text);
    log.result("heard", &serving.join().expect("no panic"));
    log.outcome("nobody any more", &UnixStream::connect(&path));
    log.outcome("the name stays", &UnixListener::bind(&path));
    fs::remove_file(&path)?;
    fs::write(&path, "")?;
    log.outcome("a file", &UnixStream::connect(&path));
    fs::remove_file(&path)?;
    log.outcome("a long path", &UnixListener::bind("x".repeat(200)));
    log.outcome("with a NUL", &UnixListener::bind("a\0b"));
    log.outcome("in no folder", &UnixListener::bind("/nowhere/at/all"));
    Ok(())
}

pub(crate) fn pairs(log: &Log) -> io::Result<()> {
    let (mut one, mut two) = UnixStream::pair()?;
    log.note("unnamed", one.local_addr()?.is_unnamed() && two.peer_addr()?.is_unnamed());
    log.result("write", &one.write(b"abc"));
    log.result("read", &two.read(&mut [0; 9]));
    one.set_read_timeout(Some(Duration::from_millis(20)))?;
    log.result("timeout", &one.read_timeout());
    log.result("read", &one.read(&mut [0; 9]));
    log.result("zero", &one.set_read_timeout(Some(Duration::ZERO)));
    one.set_read_timeout(None)?;
    two.set_nonblocking(true)?;
    log.result("nonblocking", &two.read(&mut [0; 9]));
    two.set_nonblocking(false)?;
    log.result("shutdown", &one.shutdown(Shutdown::Write));
    log.result("end", &two.read(&mut [0; 9]));
    log.result("write after it", &one.write(b"x"));
    log.result("the other way", &two.write(b"xy"));
    let mut clone = one.try_clone()?;
    drop(one);
    log.result("a clone reads", &clone.read(&mut [0; 9]));
    drop(two);
    log.result("all gone", &clone.read(&mut [0; 9]));
    log.result("broken", &clone.write(b"x"));
    log.result("error", &clone.take_error().map(|error| error.is_none()));
    log.shown("shown", &clone);
    Ok(())
}

pub(crate) fn unread_data(log: &Log) -> io::Result<()> {
    let (mut one, two) = UnixStream::pair()?;
    one.write_all(b"never read")?;
    drop(two);
    log.result("reset", &one.read(&mut [0; 9]));
    log.result("then", &one.read(&mut [0; 9]));

    let (mut one, mut two) = UnixStream::pair()?;
    let data: Vec<u8> = (0..2_000_000_u32).map(|n| (n / 3) as u8).collect();
    let sent = data.clone();
    let writing = thread::spawn(move || one.write_all(&sent));
    let mut received = Vec::new();
    log.result("received", &two.read_to_end(&mut received));
    log.note("the same", received == data);
    log.result("written", &writing.join().expect("no panic"));
    Ok(())
}

pub(crate) fn abstract_names(log: &Log) -> io::Result<()> {
    let name = path().to_string_lossy().into_owned();
    let address = SocketAddr::from_abstract_name(&name)?;
    let listener = UnixListener::bind_addr(&address)?;
    log.note("name", listener.local_addr()?.as_abstract_name() == Some(name.as_bytes()));
    log.note("no path", address.as_pathname());
    log.outcome("in use", &UnixListener::bind_addr(&address));
    let stream = UnixStream::connect_addr(&address)?;
    log.note("peer", stream.peer_addr()?.as_abstract_name() == Some(name.as_bytes()));
    log.outcome("accept", &listener.accept());
    listener.set_nonblocking(true)?;
    log.outcome("nobody else", &listener.accept());
    drop(listener);
    log.outcome("gone with it", &UnixStream::connect_addr(&address));
    log.outcome("unnamed", &SocketAddr::from_pathname("").and_then(|address| UnixStream::connect_addr(&address)));
    Ok(())
}

pub(crate) fn datagrams(log: &Log) -> io::Result<()> {
    let (one, two) = UnixDatagram::pair()?;
    log.result("send", &one.send(b"hello"));
    let mut buf = [0; 3];
    log.result("cut", &two.recv(&mut buf));
    log.note("bytes", buf);
    log.result("nothing", &one.send(b"").and_then(|_| two.recv(&mut buf)));
    two.set_read_timeout(Some(Duration::from_millis(20)))?;
    log.result("timeout", &two.recv(&mut buf));
    log.outcome("timeout", &two.recv_from(&mut buf));
    drop(one);
    log.result("gone", &two.send(b"x"));

    let (path, other) = (path(), path());
    let (named, unnamed) = (UnixDatagram::bind(&path)?, UnixDatagram::unbound()?);
    log.outcome("in use", &UnixDatagram::bind(&path));
    log.result("send to", &unnamed.send_to(b"abc", &path));
    let (count, from) = named.recv_from(&mut buf)?;
    log.note("from", (count, from.is_unnamed()));
    log.result("not connected", &unnamed.send(b"x"));
    log.outcome("no peer", &unnamed.peer_addr());
    log.result("to none", &unnamed.send_to(b"x", &other));
    log.result("connect to none", &unnamed.connect(&other));
    log.result("connect", &unnamed.connect(&path));
    log.note("peer", unnamed.peer_addr()?.as_pathname() == Some(&path));
    log.result("send", &unnamed.send(b"xyz"));
    log.result("receive", &named.try_clone()?.recv(&mut buf));
    let answering = UnixDatagram::bind(&other)?;
    answering.send_to(b"?", &path)?;
    let (_, from) = named.recv_from(&mut buf)?;
    log.note("from", from.as_pathname() == Some(&other));
    log.result("answer", &named.send_to_addr(b"!", &from));
    log.result("answered", &answering.recv(&mut buf));
    log.result("shutdown", &answering.shutdown(Shutdown::Both));
    log.result("after it", &answering.recv(&mut buf));
    named.set_nonblocking(true)?;
    log.result("nonblocking", &named.recv(&mut buf));
    log.shown("shown", &UnixDatagram::unbound()?);
    fs::remove_file(path)?;
    fs::remove_file(other)
}

pub(crate) fn incoming(log: &Log) -> io::Result<()> {
    let path = path();
    let listener = UnixListener::bind(&path)?;
    let connecting = {
        let path = path.clone();
        thread::spawn(move || (0..3).try_for_each(|n| write!(UnixStream::connect(&path)?, "{n}")))
    };
    for stream in listener.incoming().take(3) {
        log.result("text", &io::read_to_string(stream?));
    }
    log.result("connected", &connecting.join().expect("no panic"));
    log.note("hint", listener.incoming().size_hint());
    log.result("error", &listener.take_error().map(|error| error.is_none()));
    fs::remove_file(path)
}
