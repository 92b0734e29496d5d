//! Waiting for any descriptor: eventlet's `api_test` (`trampoline`), `hub_test` (several listeners, bad descriptors) and
//! the lint of `greenio_test` (`test_raised_multiple_readers`, `test_multiple_readers`).

use std::cell::RefCell;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use green_core::debug::prevent_multiple_readers;
use green_core::hub::{Interest, Ready, census, schedule_call, wait};
use green_core::io::Pollable;
use green_core::kill::Alarm;
use green_core::park::{sleep_until, yield_now};
use green_core::spawn::{LocalJoiner, Options, spawn, spawn_local};
use green_core::unpark::WaitReason;

const SOON: Duration = Duration::from_millis(5);

fn go<T: 'static>(f: impl FnOnce() -> T + 'static) -> LocalJoiner<T> {
    spawn_local(Options::default(), f).unwrap()
}

fn in_a_while() -> Option<Instant> {
    Some(Instant::now() + SOON)
}

fn read_byte(mut reader: &PipeReader) -> u8 {
    let mut byte = [0];
    reader.read_exact(&mut byte).unwrap();
    byte[0]
}

/// Runs `check` on OS threads of its own, whose hubs no other test uses: as a root alone, as a root beside a green thread,
/// and as a green thread. In the end nothing is registered and no timer is left (test_001, test_timeout_cancel).
fn with_own_hub(check: fn()) {
    let clean = || {
        let census = census();
        assert_eq!((census.registered, census.waiting, census.in_wait, census.timers), (0, 0, 0, 0));
    };
    let root = move || {
        check();
        clean();
    };
    let beside = move || {
        let other = go(green_core::identity::current);
        let sleeper = go(|| {
            loop {
                green_core::identity::park_current(None);
            }
        });
        check();
        other.join().unwrap();
        sleeper.kill().unwrap();
        assert!(sleeper.join().is_err());
        clean();
    };
    let green = move || {
        go(check).join().unwrap();
        clean();
    };
    let runs: [Box<dyn FnOnce() + Send>; 3] = [Box::new(root), Box::new(beside), Box::new(green)];
    for run in runs {
        std::thread::spawn(run).join().unwrap();
    }
}

/// `test_001_trampoline_timeout`: the wait for a descriptor that stays silent ends in time.
#[test]
fn a_wait_times_out() {
    with_own_hub(|| {
        let (reader, _writer) = io::pipe().unwrap();
        for _ in 0..2 {
            let begin = Instant::now();
            let error = wait(&reader, Interest::Readable, in_a_while()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert!(begin.elapsed() >= SOON);
        }
    });
}

/// `test_timeout_cancel`: the other side closes in time, so that the deadline never comes due.
#[test]
fn a_close_of_the_other_side_ends_a_wait() {
    with_own_hub(|| {
        let (reader, writer) = io::pipe().unwrap();
        let closer = go(move || drop(writer));
        let ready = wait(&reader, Interest::Readable, Some(Instant::now() + Duration::from_secs(3600))).unwrap();
        assert!(ready.is_hung_up());
        closer.join().unwrap();
    });
}

/// `test_socketpair_select`: to look without waiting tells of room to write, however often one looks, and of nothing to
/// read.
#[test]
fn a_look_at_a_pair_of_sockets_tells_the_same_twice() {
    with_own_hub(|| {
        let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
        for _ in 0..2 {
            for socket in [&near, &far] {
                let ready = wait(socket, Interest::Writable, Some(Instant::now())).unwrap();
                assert!(ready.is_writable() && !ready.is_readable() && !ready.is_hung_up());
                let error = wait(socket, Interest::Readable, Some(Instant::now())).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TimedOut);
            }
        }
    });
}

#[test]
fn readiness_is_told_as_it_is() {
    with_own_hub(|| {
        let (reader, mut writer) = io::pipe().unwrap();
        let facts = |ready: Ready| (ready.is_readable(), ready.is_writable(), ready.is_hung_up(), ready.is_error());
        assert_eq!(facts(wait(&writer, Interest::Writable, None).unwrap()), (false, true, false, false));
        writer.write_all(b"x").unwrap();
        assert_eq!(facts(wait(&reader, Interest::Readable, None).unwrap()), (true, false, false, false));
        drop(reader);
        assert_eq!(facts(wait(&writer, Interest::Writable, None).unwrap()), (false, true, false, true));
        // A regular file is always ready.
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert!(wait(&file, Interest::Readable, None).unwrap().is_readable());
    });
}

/// A full pipe has room once somebody reads from it.
#[test]
fn a_wait_for_room_ends_when_there_is_some() {
    with_own_hub(|| {
        let (reader, mut writer) = io::pipe().unwrap();
        while wait(&writer, Interest::Writable, Some(Instant::now())).is_ok() {
            writer.write_all(&[0; 4096]).unwrap();
        }
        let drain = go(move || {
            let mut reader = reader;
            reader.read_exact(&mut [0; 8192]).unwrap();
            reader
        });
        assert!(wait(&writer, Interest::Writable, None).unwrap().is_writable());
        drain.join().unwrap();
    });
}

/// `TestMultipleListenersCleanup.test_cleanup`: of two readers of one pipe the second is killed; the first gets the byte.
#[test]
fn the_end_of_one_waiter_leaves_the_other() {
    with_own_hub(|| {
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = Rc::new(reader);
        let waiter = || {
            let reader = Rc::clone(&reader);
            go(move || {
                wait(reader.as_fd(), Interest::Readable, None).unwrap();
                read_byte(&reader)
            })
        };
        let (first, second) = (waiter(), waiter());
        yield_now();
        assert_eq!((census().registered, census().waiting, census().in_wait), (1, 2, 2));
        second.kill().unwrap();
        assert!(second.join().is_err());
        assert_eq!((census().registered, census().waiting, census().in_wait), (1, 1, 1));
        writer.write_all(b"a").unwrap();
        assert_eq!(first.join().unwrap(), b'a');
    });
}

/// X11: any number of waiters per descriptor and direction, first come, first served.
#[test]
fn waiters_have_their_turns_in_order() {
    with_own_hub(|| {
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = Rc::new(reader);
        let log = Rc::new(RefCell::new(Vec::new()));
        let waiters: Vec<_> = (0..5)
            .map(|i| {
                let (reader, log) = (Rc::clone(&reader), Rc::clone(&log));
                go(move || {
                    wait(reader.as_fd(), Interest::Readable, None).unwrap();
                    log.borrow_mut().push((i, read_byte(&reader)));
                })
            })
            .collect();
        yield_now();
        for byte in *b"abcde" {
            let before = log.borrow().len();
            writer.write_all(&[byte]).unwrap();
            while log.borrow().len() == before {
                yield_now();
            }
        }
        assert_eq!(*log.borrow(), [(0, b'a'), (1, b'b'), (2, b'c'), (3, b'd'), (4, b'e')]);
        waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
    });
}

/// A descriptor that its owner has registered with the same hub can be waited for beside that.
#[test]
fn a_wait_beside_the_owners_registration() {
    with_own_hub(|| {
        let (reader, mut writer) = io::pipe().unwrap();
        let owner = Rc::new(Pollable::new(reader));
        let waits: Vec<LocalJoiner<bool>> = vec![
            go({
                let owner = Rc::clone(&owner);
                move || owner.wait_readable(None, WaitReason::Read).unwrap()
            }),
            go({
                let owner = Rc::clone(&owner);
                move || wait(owner.get_ref(), Interest::Readable, None).unwrap().is_readable()
            }),
        ];
        yield_now();
        assert_eq!((census().registered, census().waiting), (2, 2));
        writer.write_all(b"x").unwrap();
        waits.into_iter().for_each(|wait| assert!(wait.join().unwrap()));
        assert_eq!((census().registered, census().waiting), (1, 0));
    });
}

#[test]
fn an_alarm_ends_a_wait_and_leaves_nothing() {
    with_own_hub(|| {
        let (reader, _writer) = io::pipe().unwrap();
        let waited = go(move || {
            let alarm = Alarm::set(Instant::now() + SOON).unwrap();
            let payload = std::panic::catch_unwind(|| wait(&reader, Interest::Readable, None)).unwrap_err();
            alarm.owns(&*payload)
        });
        assert!(waited.join().unwrap());
    });
}

/// A plain OS thread that ends leaks the green threads that wait; the next one's waits for the same number are its own.
#[test]
fn the_end_of_an_os_thread_ends_its_waits() {
    for byte in *b"abc" {
        std::thread::spawn(move || {
            let (reader, mut writer) = io::pipe().unwrap();
            let reader = Arc::new(reader);
            let leaked = go({
                let reader = Arc::clone(&reader);
                move || {
                    let fd = reader.as_fd().try_clone_to_owned().unwrap();
                    drop(reader);
                    drop(wait(&fd, Interest::Readable, None));
                }
            });
            yield_now();
            drop(leaked);
            let waiter = go(move || {
                wait(reader.as_fd(), Interest::Readable, None).unwrap();
                read_byte(&reader)
            });
            yield_now();
            writer.write_all(&[byte]).unwrap();
            assert_eq!(waiter.join().unwrap(), byte);
            assert!(census().in_wait <= 1);
        })
        .join()
        .unwrap();
        std::thread::spawn(|| assert_eq!(census().in_wait, 0)).join().unwrap();
    }
}

/// From several OS threads and hubs at once, each of which gets a byte of its own.
#[test]
fn waiters_on_several_hubs_all_get_something() {
    let (reader, mut writer) = io::pipe().unwrap();
    let line = Arc::new((reader, Mutex::new(())));
    let waiters: Vec<_> = (0..8)
        .map(|_| {
            let line = Arc::clone(&line);
            spawn(Options::default(), move || {
                loop {
                    wait(&line.0, Interest::Readable, None).unwrap();
                    let _turn = line.1.lock().unwrap();
                    if wait(&line.0, Interest::Readable, Some(Instant::now())).is_ok() {
                        return read_byte(&line.0);
                    }
                }
            })
            .unwrap()
        })
        .collect();
    writer.write_all(b"abcdefgh").unwrap();
    let mut got: Vec<u8> = waiters.into_iter().map(|waiter| waiter.join().unwrap()).collect();
    got.sort_unstable();
    assert_eq!(got, b"abcdefgh");
}

/// E27, V9: descriptors are looked at between yields, however many are made and by whomever.
#[test]
fn a_spinner_does_not_keep_a_waiter_waiting() {
    with_own_hub(|| {
        let (reader, mut writer) = io::pipe().unwrap();
        let waiter = go(move || wait(&reader, Interest::Readable, None).unwrap());
        yield_now();
        writer.write_all(b"x").unwrap();
        let mut spins = 0_u32;
        while !waiter.is_finished() {
            yield_now();
            spins += 1;
        }
        // At most every 64 hand-offs the hub looks, and at most every 20 µs it asks the kernel.
        assert!(spins < 100_000, "{spins}");
        waiter.join().unwrap();
    });
}

/// The same for calls of the hub's, whose deadlines come while others yield.
#[test]
fn a_spinner_does_not_keep_a_call_waiting() {
    with_own_hub(|| {
        let other = go(|| sleep_until(Instant::now() + SOON));
        let called = Rc::new(RefCell::new(false));
        let flag = Rc::clone(&called);
        schedule_call(SOON / 2, move || *flag.borrow_mut() = true);
        while !*called.borrow() || !other.is_finished() {
            yield_now();
        }
        other.join().unwrap();
    });
}

fn two_readers() -> (Result<u8, io::Error>, Result<u8, io::Error>) {
    let (reader, mut writer): (PipeReader, PipeWriter) = io::pipe().unwrap();
    let reader = Rc::new(Pollable::new(reader));
    let read = |name: &str| {
        let reader = Rc::clone(&reader);
        let options = Options { name: Some(name.to_owned()), stack_size: None };
        let read = move || {
            reader.wait_readable(None, WaitReason::Read)?;
            Ok(read_byte(reader.get_ref()))
        };
        spawn_local(options, read).unwrap()
    };
    let (first, second) = (read("first"), read("second"));
    yield_now();
    yield_now();
    writer.write_all(b"ab").unwrap();
    (first.join().unwrap(), second.join().unwrap())
}

/// `test_multiple_readers` with the lint off, `test_raised_multiple_readers` with the lint on. One test, since the lint is
/// the process's.
#[test]
fn the_lint_names_both_readers() {
    if std::env::var_os("GREEN_TEST_LINT").is_none() {
        // In a process of its own: other tests let several wait on purpose.
        let child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_lint_names_both_readers", "--nocapture"])
            .env("GREEN_TEST_LINT", "1")
            .output()
            .unwrap();
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
        return;
    }
    let (first, second) = two_readers();
    assert_eq!((first.unwrap(), second.unwrap()), (b'a', b'b'));

    prevent_multiple_readers(true);
    let (first, second) = two_readers();
    assert_eq!(first.unwrap(), b'a');
    let error = second.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceBusy);
    let text = error.to_string();
    assert!(text.starts_with("second simultaneous read on fd "), "{text}");
    assert!(text.contains("'first'") && text.contains("'second'"), "{text}");

    // A reader and a writer of one socket are not two readers, and a wait that was given up is forgotten.
    let (here, _there) = std::os::unix::net::UnixStream::pair().unwrap();
    for _ in 0..2 {
        let error = wait(&here, Interest::Readable, in_a_while()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
    let here = Rc::new(here);
    let same = Rc::clone(&here);
    let reader = go(move || wait(same.as_fd(), Interest::Readable, None).map(drop));
    yield_now();
    assert!(wait(here.as_fd(), Interest::Writable, None).unwrap().is_writable());
    reader.kill().unwrap();
    assert!(reader.join().is_err());
    assert_eq!(wait(here.as_fd(), Interest::Readable, in_a_while()).unwrap_err().kind(), ErrorKind::TimedOut);

    // So is one that ended with its OS thread (I15).
    let here = Arc::new(std::os::unix::net::UnixStream::pair().unwrap());
    let theirs = Arc::clone(&here);
    let ended = std::thread::spawn(move || {
        drop(go(move || wait(theirs.0.as_fd(), Interest::Readable, None).map(drop)));
        yield_now();
    });
    ended.join().unwrap();
    assert_eq!(wait(here.0.as_fd(), Interest::Readable, in_a_while()).unwrap_err().kind(), ErrorKind::TimedOut);

    prevent_multiple_readers(false);
    let (first, second) = two_readers();
    assert_eq!((first.unwrap(), second.unwrap()), (b'a', b'b'));
}
