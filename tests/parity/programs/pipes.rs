//! Pipes: ends, zero lengths, clones, full ones, and `copy` over them.

use super::subject::io::{self, BufRead, BufReader, IoSlice, IoSliceMut, Read, Write};
use super::subject::os::fd::OwnedFd;
use super::subject::thread;

use crate::log::Log;

pub(crate) fn ends(log: &Log) -> io::Result<()> {
    let (mut reader, mut writer) = io::pipe()?;
    log.result("write", &writer.write(b"abc"));
    log.result("nothing asked", &reader.read(&mut []));
    log.result("nothing written", &writer.write(b""));
    log.result("read", &reader.read(&mut [0; 2]));
    let clone = writer.try_clone()?;
    drop(writer);
    log.result("the rest", &reader.read(&mut [0; 9]));
    drop(clone);
    log.result("the end", &reader.read(&mut [0; 9]));
    log.result("exactly", &reader.read_exact(&mut [0; 1]));
    let (reader, mut writer) = io::pipe()?;
    let other = reader.try_clone()?;
    drop(reader);
    log.result("a clone reads", &writer.write(b"x"));
    drop(other);
    log.result("nobody reads", &writer.write(b"x"));
    log.result("nothing for nobody", &writer.write(b""));
    log.result("flush", &writer.flush());
    Ok(())
}

pub(crate) fn waits(log: &Log) -> io::Result<()> {
    let (mut reader, mut writer) = io::pipe()?;
    let reading = thread::spawn(move || {
        let mut buf = [0; 4];
        reader.read_exact(&mut buf).map(|()| (buf, reader))
    });
    for byte in b"abcd" {
        thread::yield_now();
        writer.write_all(&[*byte])?;
    }
    let (buf, mut reader) = reading.join().expect("no panic")?;
    log.note("read", buf);
    let data: Vec<u8> = (0..400_000_u32).map(|n| (n / 5) as u8).collect();
    let sent = data.clone();
    let writing = thread::spawn(move || writer.write_all(&sent));
    let mut received = Vec::new();
    log.result("all", &reader.read_to_end(&mut received));
    log.note("the same", received == data);
    log.result("written", &writing.join().expect("no panic"));

    let (reader, mut writer) = io::pipe()?;
    let writing = thread::spawn(move || writer.write_all(&[0; 1 << 20]));
    thread::yield_now();
    drop(reader);
    log.result("the reader went", &writing.join().expect("no panic"));
    Ok(())
}

pub(crate) fn lines_and_copies(log: &Log) -> io::Result<()> {
    let (reader, mut writer) = io::pipe()?;
    let writing = thread::spawn(move || writer.write_all(b"one\ntwo\nthree"));
    log.result("lines", &BufReader::new(reader).lines().collect::<io::Result<Vec<_>>>());
    writing.join().expect("no panic")?;
    let (mut from, mut writer) = io::pipe()?;
    let (mut reader, mut to) = io::pipe()?;
    let copying = thread::spawn(move || io::copy(&mut from, &mut to));
    log.result("several", &writer.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cd")]));
    drop(writer);
    log.result("copied", &copying.join().expect("no panic"));
    let (mut one, mut two) = ([0; 1], [0; 8]);
    log.result("several", &reader.read_vectored(&mut [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)]));
    log.note("bytes", (one, two));
    let (reader, writer) = io::pipe()?;
    log.result("by reference", &(&writer).write(b"r"));
    log.result("by reference", &(&reader).read(&mut [0; 2]));
    log.shown("shown", &(&reader, &writer));
    // The wrong end says so.
    let mut wrong = io::PipeWriter::from(OwnedFd::from(reader));
    log.result("write to a reader", &wrong.write(b"x"));
    let mut wrong = io::PipeReader::from(OwnedFd::from(writer));
    log.result("read from a writer", &wrong.read(&mut [0; 1]));
    Ok(())
}
