//! Loops that wait by looking: no wait, no yield, and std's threads come through them.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::time::Duration;

use super::subject::net::{TcpListener, TcpStream};
use super::subject::sync::mpsc::{TrySendError, channel, sync_channel};
use super::subject::sync::{Arc, Mutex, Once, OnceLock, RwLock};
use super::subject::thread;

use crate::log::Log;

pub(crate) fn for_a_message(log: &Log) -> io::Result<()> {
    let (sender, receiver) = channel();
    let child = thread::spawn(move || sender.send(7));
    let message = loop {
        if let Ok(message) = receiver.try_recv() {
            break message;
        }
    };
    log.note("a message", message);
    log.note("sent", child.join().unwrap());
    let left = receiver.try_iter().count();
    log.note("left", left);
    Ok(())
}

pub(crate) fn for_room(log: &Log) -> io::Result<()> {
    let (sender, receiver) = sync_channel(1);
    sender.send(1).unwrap();
    let child = thread::spawn(move || (receiver.recv(), receiver.recv()));
    while let Err(TrySendError::Full(_)) = sender.try_send(2) {}
    log.note("received", child.join().unwrap());
    Ok(())
}

pub(crate) fn for_a_lock(log: &Log) -> io::Result<()> {
    let mutex = Arc::new(Mutex::new(0));
    let lock = Arc::new(RwLock::new(0));
    let (held, is_held) = channel();
    let child = {
        let (mutex, lock) = (Arc::clone(&mutex), Arc::clone(&lock));
        thread::spawn(move || {
            let (mut first, mut second) = (mutex.lock().unwrap(), lock.write().unwrap());
            held.send(()).unwrap();
            // Long enough for the others to look many times.
            thread::sleep(Duration::from_millis(5));
            (*first, *second) = (1, 2);
        })
    };
    is_held.recv().unwrap();
    let value = loop {
        if let Ok(value) = mutex.try_lock() {
            break *value;
        }
    };
    log.note("the mutex", value);
    let value = loop {
        if let Ok(value) = lock.try_read() {
            break *value;
        }
    };
    log.note("the lock", value);
    while lock.try_write().is_err() {}
    child.join().unwrap();
    Ok(())
}

pub(crate) fn for_a_value(log: &Log) -> io::Result<()> {
    static VALUE: OnceLock<u8> = OnceLock::new();
    static ONCE: Once = Once::new();
    let readers: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(|| {
                while !ONCE.is_completed() {}
                loop {
                    if let Some(value) = VALUE.get() {
                        return *value;
                    }
                }
            })
        })
        .collect();
    let writer = thread::spawn(|| {
        ONCE.call_once(|| ());
        let _ = VALUE.set(7);
    });
    for reader in readers {
        log.note("read", reader.join().unwrap());
    }
    log.note("written", writer.join().unwrap());
    Ok(())
}

pub(crate) fn for_an_end(log: &Log) -> io::Result<()> {
    let child = thread::spawn(|| 7);
    while !child.is_finished() {}
    log.note("joined", child.join().unwrap());
    thread::scope(|scope| {
        let child = scope.spawn(|| 8);
        while !child.is_finished() {}
        log.note("in a scope", child.join().unwrap());
    });
    Ok(())
}

pub(crate) fn for_bytes_and_peers(log: &Log) -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let child = thread::spawn(move || TcpStream::connect(address)?.write_all(b"x"));
    let mut stream = loop {
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    };
    stream.set_nonblocking(true)?;
    let mut buf = [0; 8];
    let read = loop {
        match stream.read(&mut buf) {
            Ok(count) => break count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    };
    log.note("read", &buf[..read]);
    log.result("written", &child.join().unwrap());
    Ok(())
}
