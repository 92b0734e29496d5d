//! `copy` and the rest that is generic.

use std::io::{self, ErrorKind, Read, Write};

use green_io::{IsTerminal, pipe};
use green_thread as thread;

use crate::support::pattern;

#[test]
fn everything_is_copied_from_pipe_to_pipe() {
    let (mut from, mut source) = pipe().unwrap();
    let (mut sink, mut to) = pipe().unwrap();
    let data = pattern(5 << 20);
    let expected = data.clone();
    let feeder = thread::spawn(move || source.write_all(&data).unwrap());
    let copier = thread::spawn(move || green_io::copy(&mut from, &mut to).unwrap());
    let mut all = Vec::new();
    sink.read_to_end(&mut all).unwrap();
    assert!(all == expected);
    assert_eq!(copier.join().unwrap(), 5 << 20);
    feeder.join().unwrap();
}

#[test]
fn what_was_read_is_written_before_more_is_read() {
    // An echo, whose peer waits for the answer to each word.
    let (mut from, mut ask) = pipe().unwrap();
    let (mut answer, mut to) = pipe().unwrap();
    let echo = thread::spawn(move || green_io::copy(&mut from, &mut to).unwrap());
    for word in [&b"one"[..], b"two", b"three"] {
        ask.write_all(word).unwrap();
        let mut back = vec![0; word.len()];
        answer.read_exact(&mut back).unwrap();
        assert_eq!(back, word);
    }
    drop(ask);
    assert_eq!(echo.join().unwrap(), 11);
}

#[test]
fn trait_objects_and_interruptions_are_fine_and_errors_are_returned() {
    struct Stutter(u8);
    impl Read for Stutter {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 | 3 => Err(ErrorKind::Interrupted.into()),
                2 => {
                    buf[0] = b'x';
                    Ok(1)
                }
                4 => Ok(0),
                _ => Err(ErrorKind::InvalidData.into()),
            }
        }
    }
    let mut stutter = Stutter(0);
    let mut out = Vec::new();
    let reader: &mut dyn Read = &mut stutter;
    let writer: &mut dyn Write = &mut out;
    assert_eq!(green_io::copy(reader, writer).unwrap(), 1);
    assert_eq!(green_io::copy(&mut stutter, &mut out).unwrap_err().kind(), ErrorKind::InvalidData);
    assert_eq!(out, b"x");
}

#[test]
fn whatever_has_a_descriptor_may_be_a_terminal() {
    let (reader, writer) = pipe().unwrap();
    assert!(!reader.is_terminal() && !writer.is_terminal());
    assert!(!std::fs::File::open("/dev/null").unwrap().is_terminal());
    let objects: [&dyn IsTerminal; 2] = [&reader, &green_io::stdin()];
    assert!(!objects[0].is_terminal());
}
