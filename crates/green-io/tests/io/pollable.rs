//! `Pollable`: any descriptor, one or several of it, ready or not.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::kill::Killed;
use green_io::Pollable;
use green_thread as thread;

use crate::support::{beside, is_nonblocking, let_others_park, named_pipe, pattern};

fn soon() -> Option<Instant> {
    Some(Instant::now() + Duration::from_millis(20))
}

#[test]
fn regular_file_readall() {
    let mut file = tempfile::tempfile().unwrap();
    let data = pattern(1_000_000);
    file.write_all(&data).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    let mut file = Pollable::new(file);
    let mut all = Vec::new();
    file.read_to_end(&mut all).unwrap();
    assert!(all == data);
    assert_eq!(file.read(&mut [0]).unwrap(), 0);
}

#[test]
fn regular_files_are_written_and_always_ready() {
    let file = Pollable::new(tempfile::tempfile().unwrap());
    let data = pattern(1_000_000);
    (&file).write_all(b"small, then large\n").unwrap();
    (&file).write_all(&data).unwrap();
    assert!(file.wait_readable(None).unwrap());
    assert!(file.wait_writable(soon()).unwrap());
    let mut file = file.into_inner();
    file.seek(SeekFrom::Start(18)).unwrap();
    let mut all = Vec::new();
    file.read_to_end(&mut all).unwrap();
    assert!(all == data);
}

#[test]
fn devices_that_cannot_be_polled_are_read_and_written() {
    let zero = Pollable::new(File::open("/dev/zero").unwrap());
    let mut buf = [1; 100];
    thread::spawn(move || {
        assert!(zero.wait_readable(None).unwrap());
        (&zero).read_exact(&mut buf).unwrap();
        assert_eq!(buf, [0; 100]);
    })
    .join()
    .unwrap();
    let null = File::options().read(true).write(true).open("/dev/null").unwrap();
    let mut null = Pollable::new(null);
    assert_eq!(null.read(&mut [0]).unwrap(), 0);
    assert_eq!(null.write(&[0; 9]).unwrap(), 9);
    let full = Pollable::new(File::options().write(true).open("/dev/full").unwrap());
    assert_eq!((&full).write(&[0]).unwrap_err().kind(), ErrorKind::StorageFull);
}

#[test]
fn a_folder_is_an_error() {
    let mut folder = Pollable::new(File::open("/").unwrap());
    assert_eq!(folder.read(&mut [0]).unwrap_err().kind(), ErrorKind::IsADirectory);
}

/// eventlet's `test_os_read_nonblocking` and `test_os_write_nonblocking`: a pipe that blocks does not block the hub.
#[test]
fn test_os_read_write_nonblocking() {
    let (reader, writer) = io::pipe().unwrap();
    let (mut reader, mut writer) = (Pollable::new(reader), Pollable::new(writer));
    let data = pattern(1 << 20);
    let expected = data.clone();
    beside(
        move || writer.write_all(&data).unwrap(),
        || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            assert!(all == expected);
            assert!(!is_nonblocking(reader.get_ref()));
        },
    );
}

#[test]
fn named_pipes_park_too() {
    // They refuse to be read or written without waiting.
    let (reader, writer, _folder) = named_pipe().unwrap();
    let (mut reader, mut writer) = (Pollable::new(reader), Pollable::new(writer));
    let data = pattern(1 << 20);
    let expected = data.clone();
    let reader = beside(
        move || {
            let mut buf = [0; 3];
            reader.read_exact(&mut buf).unwrap();
            assert_eq!(&buf, b"abc");
            reader
        },
        || writer.write_all(b"abc").unwrap(),
    );
    let writer = beside(
        move || {
            assert_eq!(writer.write(&data).unwrap(), data.len());
            writer
        },
        || {
            let mut all = vec![0; 1 << 20];
            (&reader).read_exact(&mut all).unwrap();
            assert!(all == expected);
        },
    );
    assert!(!is_nonblocking(reader.get_ref()) && !is_nonblocking(writer.get_ref()));
    drop(writer);
    assert_eq!((&reader).read(&mut [0]).unwrap(), 0);
}

#[test]
fn readers_of_one_named_pipe_take_turns() {
    let (reader, mut writer, _folder) = named_pipe().unwrap();
    let reader = Arc::new(Pollable::new(reader));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let reader = Arc::clone(&reader);
            thread::spawn(move || {
                let mut all = Vec::new();
                (&*reader).read_to_end(&mut all).unwrap();
                all.len()
            })
        })
        .collect();
    for _ in 0..500 {
        writer.write_all(&[7; 20]).unwrap();
        thread::yield_now();
    }
    drop(writer);
    assert_eq!(readers.into_iter().map(|reader| reader.join().unwrap()).sum::<usize>(), 10_000);
}

#[test]
fn waits_end_at_their_deadline_or_at_readiness() {
    let (here, there) = UnixStream::pair().unwrap();
    let here = Pollable::new(here);
    let deadline = soon();
    assert!(!here.wait_readable(deadline).unwrap());
    assert!(Instant::now() >= deadline.unwrap());
    assert!(here.wait_writable(None).unwrap());
    let here = beside(
        move || {
            assert!(here.wait_readable(None).unwrap());
            here
        },
        || (&there).write_all(b"x").unwrap(),
    );
    // Readiness is a state: it stays until the data is taken.
    assert!(here.wait_readable(None).unwrap());
    assert!(here.wait_readable(Some(Instant::now())).unwrap());
    (&here).read_exact(&mut [0]).unwrap();
    assert!(!here.wait_readable(soon()).unwrap());
    drop(there);
    assert!(here.wait_readable(None).unwrap(), "the end can be read");
}

#[test]
fn deadlines_hold_on_a_busy_hub() {
    let (reader, _writer) = io::pipe().unwrap();
    let timed = thread::spawn_local(move || Pollable::new(reader).wait_readable(soon()).unwrap());
    while !timed.is_finished() {
        thread::yield_now();
    }
    assert!(!timed.join().unwrap());
}

#[test]
fn a_descriptor_may_be_in_several_pollables_at_once() {
    let (reader, mut writer) = io::pipe().unwrap();
    let reader: &'static io::PipeReader = Box::leak(Box::new(reader));
    let waiters: Vec<_> = (0..5)
        .map(|i| {
            let wait = move || Pollable::new(reader.as_fd()).wait_readable(None).unwrap();
            if i % 2 == 0 { Err(thread::spawn_local(wait)) } else { Ok(thread::spawn(wait)) }
        })
        .collect();
    let_others_park();
    let early = Pollable::new(reader.as_fd());
    assert!(!early.wait_readable(soon()).unwrap());
    writer.write_all(b"x").unwrap();
    for waiter in waiters {
        assert!(
            match waiter {
                Ok(waiter) => waiter.join(),
                Err(waiter) => waiter.join(),
            }
            .unwrap()
        );
    }
    assert!(early.wait_readable(None).unwrap());
}

#[test]
fn a_pollable_beside_a_pipe_of_ours_disturbs_it_not() {
    let (mut reader, mut writer) = green_io::pipe().unwrap();
    let copy = reader.try_clone().unwrap();
    for _ in 0..3 {
        let both = beside(
            {
                let copy = copy.try_clone().unwrap();
                move || Pollable::new(copy.as_fd()).wait_readable(None).unwrap()
            },
            || writer.write_all(b"x").unwrap(),
        );
        assert!(both);
        reader.read_exact(&mut [0]).unwrap();
    }
    let reader = Arc::new(reader);
    let other = Arc::clone(&reader);
    let parked = thread::spawn_local(move || Pollable::new(other.as_fd()).wait_readable(None).unwrap());
    let_others_park();
    let other = Arc::clone(&reader);
    let reading = thread::spawn_local(move || (&*other).read(&mut [0; 4]).unwrap());
    let_others_park();
    writer.write_all(b"1234").unwrap();
    assert_eq!(reading.join().unwrap(), 4);
    writer.write_all(b"5").unwrap();
    assert!(parked.join().unwrap());
}

#[test]
fn many_wait_for_one_pollable_and_all_are_served() {
    let (here, there) = UnixStream::pair().unwrap();
    let here = Arc::new(Pollable::new(here));
    let waiters: Vec<_> = (0..10)
        .map(|_| {
            let here = Arc::clone(&here);
            thread::spawn(move || {
                let mut byte = [0];
                (&*here).read_exact(&mut byte).unwrap();
                byte[0]
            })
        })
        .collect();
    let_others_park();
    (&there).write_all(&[1; 10]).unwrap();
    assert_eq!(waiters.into_iter().map(|waiter| waiter.join().unwrap()).sum::<u8>(), 10);
}

#[test]
fn calls_of_another_library_park_whatever_the_flag_is() {
    let (here, there) = UnixDatagram::pair().unwrap();
    here.set_nonblocking(true).unwrap();
    let here = Pollable::new(here);
    assert_eq!((&here).read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let here = beside(
        move || {
            let mut calls = 0;
            let count = here.read_with(|socket| {
                calls += 1;
                socket.recv(&mut [0; 16])
            });
            assert_eq!(count.unwrap(), 5);
            assert!(calls >= 2);
            here
        },
        || assert_eq!(there.send(b"hello").unwrap(), 5),
    );
    there.set_nonblocking(true).unwrap();
    let there = Pollable::new(there);
    let here = beside(
        move || {
            // Until the queue is full, and beyond.
            for _ in 0..2000 {
                here.write_with(|socket| socket.send(b"x")).unwrap();
            }
            here
        },
        || (0..2000).for_each(|_| assert_eq!(there.read_with(|socket| socket.recv(&mut [0; 2])).unwrap(), 1)),
    );
    assert!(is_nonblocking(here.get_ref()), "the user's flag is as it was");
    let error = here.read_with(|_| io::Result::<()>::Err(ErrorKind::InvalidData.into())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[test]
fn a_kill_ends_a_wait_and_the_pollable_goes_on() {
    let (here, there) = UnixStream::pair().unwrap();
    let here = Arc::new(Pollable::new(here));
    let victim = thread::spawn({
        let here = Arc::clone(&here);
        move || here.wait_readable(None)
    });
    let_others_park();
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    (&there).write_all(b"x").unwrap();
    assert!(here.wait_readable(None).unwrap());
}

#[test]
fn socket_timeouts_count() {
    let (here, _there) = UnixStream::pair().unwrap();
    here.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    assert_eq!(Pollable::new(here).read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn the_object_comes_back_as_it_was() {
    let (here, mut there) = UnixStream::pair().unwrap();
    let here = Pollable::new(here);
    assert!(!here.wait_readable(soon()).unwrap());
    let mut here = here.into_inner();
    there.write_all(b"x").unwrap();
    here.read_exact(&mut [0]).unwrap();
    assert!(!is_nonblocking(&here));
}

/// A descriptor's number may come back as another file while an old wait is remembered.
#[test]
fn a_recycled_number_wakes_nobody_else() {
    for _ in 0..50 {
        let (reader, writer) = io::pipe().unwrap();
        let waiting = thread::spawn(move || Pollable::new(reader).wait_readable(None).unwrap());
        let_others_park();
        drop(writer);
        assert!(waiting.join().unwrap());
        let (reader, _writer) = io::pipe().unwrap();
        assert!(!Pollable::new(reader).wait_readable(Some(Instant::now())).unwrap());
    }
}
