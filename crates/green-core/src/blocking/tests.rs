use std::io;
use std::panic::catch_unwind;
use std::sync::mpsc::channel;
use std::thread;

use super::*;
use crate::spawn::{Options, spawn, spawn_local};

/// Runs `check` on a root alone, on a green thread of a worker, and on a local one of an OS thread that is not ours.
fn everywhere(check: fn()) {
    check();
    spawn(Options::default(), check).expect("a green thread").join().expect("no panic");
    thread::spawn(move || spawn_local(Options::default(), check).expect("a green thread").join().expect("no panic"))
        .join()
        .expect("no panic");
}

#[test]
fn a_root_with_nobody_beside_it_makes_the_call_itself() {
    assert_eq!(unblock(|| thread::current().id()), thread::current().id());
    let there = thread::spawn(|| {
        let here = thread::current().id();
        spawn_local(Options::default(), move || assert_ne!(unblock(|| thread::current().id()), here))
            .expect("a green thread")
            .join()
            .expect("no panic");
    });
    there.join().expect("no panic");
}

#[test]
fn a_buffer_is_filled_wherever_it_comes_from() {
    everywhere(|| {
        let mut buf = *b"........";
        let count = unblock_filling(&mut buf[2..], |buf| {
            buf[..3].copy_from_slice(b"abc");
            Ok(3)
        });
        assert_eq!((count.expect("no error"), &buf), (3, b"..abc..."));
        let error = unblock_filling(&mut buf, |_| Err(io::ErrorKind::NotFound.into()));
        assert_eq!(error.expect_err("it fails").kind(), io::ErrorKind::NotFound);
        assert_eq!(unblock_filling(&mut [], |buf| Ok(buf.len())).expect("no error"), 0);
    });
}

#[test]
fn bytes_are_seen_wherever_they_come_from() {
    everywhere(|| {
        let bytes = vec![7; 1000];
        let sum = unblock_with_bytes(&bytes[1..], |bytes| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>());
        assert_eq!(sum, 999 * 7);
    });
}

#[test]
fn a_panic_of_a_job_with_a_buffer_comes_back() {
    everywhere(|| {
        let result = catch_unwind(|| unblock_filling(&mut [0; 4], |_| std::panic::resume_unwind(Box::new(42_u8))));
        assert_eq!(result.expect_err("the job panics").downcast_ref(), Some(&42_u8));
    });
}

#[test]
fn a_kill_waits_for_the_job_and_the_buffer_is_the_job_s_until_then() {
    let (start, started) = channel();
    let (finish, may_finish) = channel::<()>();
    let victim = spawn(Options::default(), move || {
        let mut buf = [0; 64];
        let count = unblock_filling(&mut buf, move |buf| {
            start.send(()).expect("the test waits for this");
            may_finish.recv().expect("the test sends this");
            buf.fill(1);
            Ok(buf.len())
        });
        assert_eq!((count.expect("no error"), buf), (64, [1; 64]));
        // The kill is delivered after the wait; it may still be on its way.
        loop {
            crate::park::yield_now();
        }
    })
    .expect("a green thread");
    while started.try_recv().is_err() {
        crate::park::yield_now();
    }
    victim.kill().expect("it can be unwound");
    assert!(!victim.is_finished());
    finish.send(()).expect("the job is still there");
    let payload = victim.join().expect_err("it was killed");
    assert!(payload.is::<crate::kill::Killed>());
}
