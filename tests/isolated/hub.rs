//! The hub against the world: signals, stops, forks, bad descriptors; eventlet's `hub_test` (`test_suspend_doesnt_crash`,
//! `test_repeated_select_bad_fd`, `test_fork`, `test_fork_simple`), and the facility whose waits only a process has.

use std::cell::Cell;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::fd::BorrowedFd;
use std::os::unix::thread::JoinHandleExt as _;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use green::hub::{Interest, wait};
use green::net::{TcpListener, TcpStream};
use green::{thread, time};

use crate::{expect_success, is_child, run_child, run_child_with};

/// `test_repeated_select_bad_fd`: a bad descriptor errs at every wait, in the same way: nothing of the first is left behind.
#[test]
fn a_bad_descriptor_errs_twice_identically() {
    let check = || {
        // SAFETY: nothing owns this number; it is only asked about.
        let bad = unsafe { BorrowedFd::borrow_raw(987_654) };
        for interest in [Interest::Readable, Interest::Writable, Interest::Readable] {
            let error = wait(bad, interest, None).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EBADF));
        }
    };
    check();
    let other = thread::spawn_local(thread::park);
    check();
    thread::spawn_local(check).join().unwrap();
    thread::spawn(check).join().unwrap();
    other.thread().unpark();
    other.join().unwrap();
}

/// Signals that interrupt every system call shorten no wait and end none.
#[test]
fn signals_interrupt_no_wait() {
    extern "C" fn nothing(_signal: libc::c_int) {}

    if !is_child() {
        return expect_success(&run_child("hub::signals_interrupt_no_wait"));
    }
    // SAFETY: all bytes zero is a valid sigaction: no flags (so no SA_RESTART) and an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
    // SAFETY: the action is valid and its handler does nothing.
    let installed = unsafe { libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()) };
    assert_eq!(installed, 0);

    let waits = || {
        const SPAN: Duration = Duration::from_millis(20);
        let begin = Instant::now();
        // The sleep is what is tested.
        thread::sleep(SPAN);
        assert!(begin.elapsed() >= SPAN, "a sleep");

        let (reader, mut writer) = io::pipe().unwrap();
        let begin = Instant::now();
        let error = wait(&reader, Interest::Readable, Some(begin + SPAN)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(begin.elapsed() >= SPAN, "a wait");
        writer.write_all(b"x").unwrap();
        wait(&reader, Interest::Readable, None).unwrap();

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let begin = Instant::now();
        assert!(time::timeout(SPAN, || listener.accept().map(drop)).is_err());
        assert!(begin.elapsed() >= SPAN, "an accept");
    };
    let victim = std::thread::spawn(move || {
        // On a futex, in ppoll, and in epoll_wait.
        waits();
        let other = thread::spawn_local(thread::park);
        waits();
        thread::spawn_local(waits).join().unwrap();
        other.thread().unpark();
        other.join().unwrap();
    });
    let target = victim.as_pthread_t();
    while !victim.is_finished() {
        // SAFETY: the thread has not been joined, so the handle is valid.
        unsafe { libc::pthread_kill(target, libc::SIGUSR1) };
        // As often as can be, and yet so that the victim gets on.
        std::thread::sleep(Duration::from_micros(200));
    }
    victim.join().unwrap();
}

/// `test_suspend_doesnt_crash`: a process that is stopped and continued while it accepts goes on, and its timeouts fire.
#[test]
fn a_stop_and_a_continue_change_nothing() {
    if is_child() {
        let listener = Arc::new(TcpListener::bind("127.0.0.1:0").unwrap());
        let address = listener.local_addr().unwrap();
        let same = Arc::clone(&listener);
        let accepts = thread::spawn(move || same.accept().map(drop));
        let waiting = thread::spawn_local(move || time::timeout(Duration::from_millis(300), thread::park).is_err());
        thread::yield_now();
        io::stdout().write_all(b"ready\n").unwrap();
        assert!(waiting.join().unwrap(), "the timeout fires");
        let _client = TcpStream::connect(address).unwrap();
        accepts.join().unwrap().unwrap();
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "hub::a_stop_and_a_continue_change_nothing", "--nocapture", "--test-threads=1"])
        .env("GREEN_TEST_CHILD", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("ready")));
    let pid = libc::pid_t::try_from(child.id()).unwrap();
    for _ in 0..3 {
        // SAFETY: a signal to a child that was not waited for.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGSTOP) }, 0);
        let mut status = 0;
        // SAFETY: the child is ours, and `status` a valid place.
        let waited = unsafe { libc::waitpid(pid, &raw mut status, libc::WUNTRACED) };
        assert_eq!(waited, pid);
        assert!(libc::WIFSTOPPED(status));
        // SAFETY: as above.
        assert_eq!(unsafe { libc::kill(pid, libc::SIGCONT) }, 0);
    }
    // Keeps the pipe open to the end.
    lines.for_each(drop);
    assert!(child.wait().unwrap().success());
}

/// `test_fork_simple`: a listener from before the fork accepts in the child, if green was not in use before. (What
/// happens if it was, is in `fork.rs`.)
#[test]
fn an_inherited_listener_accepts_in_the_child() {
    if !is_child() {
        return expect_success(&run_child("hub::an_inherited_listener_accepts_in_the_child"));
    }
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // SAFETY: the child goes on as a program with one OS thread; nothing of green is in use yet.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let served = std::panic::catch_unwind(move || {
            let listener = TcpListener::from(listener);
            // Beside a green thread, and on a green thread: the child has hubs, a poll and workers of its own.
            let sleeper = thread::spawn_local(|| thread::sleep(Duration::from_millis(1)));
            listener.accept().unwrap().0.write_all(b"a").unwrap();
            thread::spawn(move || {
                listener.accept().unwrap().0.write_all(b"b").unwrap();
            })
            .join()
            .unwrap();
            sleeper.join().unwrap();
        });
        // SAFETY: ends the child without running the parent's destructors.
        unsafe { libc::_exit(if served.is_ok() { 0 } else { 1 }) };
    }
    let mut got = String::new();
    for _ in 0..2 {
        std::net::TcpStream::connect(address).unwrap().read_to_string(&mut got).unwrap();
    }
    assert_eq!(got, "ab");
    let mut status = 0;
    // SAFETY: waits for the child made above.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!((waited, status), (pid, 0));
}

/// A14 for the facility that is not core's: while a child process is waited for, others run, or not.
#[test]
fn a_wait_for_a_process_is_as_green_as_it_is_said_to_be() {
    const NAME: &str = "hub::a_wait_for_a_process_is_as_green_as_it_is_said_to_be";
    if !is_child() {
        for plain in ["", "process", "time,net,fs"] {
            expect_success(&run_child_with(NAME, &[("GREEN_PLAIN", plain), ("GREEN", "on")]));
        }
        return;
    }
    let process = "process".parse().unwrap();
    let ran = Rc::new(Cell::new(false));
    let flag = Rc::clone(&ran);
    let mut child = green::process::Command::new("sleep").arg("0.01").spawn().unwrap();
    let other = thread::spawn_local(move || flag.set(true));
    assert!(child.wait().unwrap().success());
    assert_eq!(ran.get(), green::patch::is_patched(process));
    assert_eq!(ran.get(), std::env::var("GREEN_PLAIN").unwrap() != "process");
    other.join().unwrap();
}

/// A call of the hub's that panics is told by the hook, under the hub's name, and the program goes on.
#[test]
fn a_panic_in_a_call_is_reported_and_no_more() {
    if !is_child() {
        let output = run_child("hub::a_panic_in_a_call_is_reported_and_no_more");
        expect_success(&output);
        let text = crate::stderr(&output);
        assert!(text.contains("green thread 'green hub'") && text.contains("the fault of a call"), "{text}");
        return;
    }
    let done = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&done);
    thread::spawn(move || {
        green::hub::schedule_call(Duration::ZERO, || panic!("the fault of a call"));
        green::hub::schedule_call(Duration::ZERO, move || flag.store(true, Ordering::Release));
        // Gives the hub its turn.
        thread::sleep(Duration::from_millis(1));
    })
    .join()
    .unwrap();
    assert!(done.load(Ordering::Acquire));
}
