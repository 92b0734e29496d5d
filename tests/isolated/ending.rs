//! How a process ends: overflow, panic messages, main that returns.

use std::os::unix::process::ExitStatusExt as _;

use green::thread;
use green_tests::{Mode, holds_in};

use crate::{expect_success, is_child, run_child, run_child_with, stderr};

/// Recurses until the stack is full; the buffer keeps the compiler from making it a loop.
fn recurse(depth: u64) -> u64 {
    let buffer = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { recurse(depth + 1) + buffer[(depth % 64) as usize] }
}

#[test]
fn an_overflow_aborts_and_names_the_green_thread() {
    if is_child() {
        let thread = thread::Builder::new().name("deep one".into()).stack_size(128 * 1024);
        let _ = thread.spawn(|| recurse(0)).unwrap().join();
        unreachable!("the overflow aborts");
    }
    let output = run_child("ending::an_overflow_aborts_and_names_the_green_thread");
    let message = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{message}");
    assert!(message.contains("thread 'deep one'"), "{message}");
    assert!(message.contains("has overflowed its stack"), "{message}");
    if Mode::current() != Mode::Off {
        assert!(message.contains("131072"), "{message}");
    }
}

#[test]
fn an_overflow_of_an_os_thread_is_still_stds() {
    if is_child() {
        // A hub on this OS thread, so that our handler is in front of std's.
        thread::spawn(|| ()).join().unwrap();
        let thread = std::thread::Builder::new().name("plain one".into()).stack_size(256 * 1024);
        let _ = thread.spawn(|| recurse(0)).unwrap().join();
        unreachable!("the overflow aborts");
    }
    let output = run_child("ending::an_overflow_of_an_os_thread_is_still_stds");
    let message = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{message}");
    assert!(message.contains("thread 'plain one'"), "{message}");
}

#[test]
fn a_fault_that_is_no_overflow_is_a_plain_fault() {
    if is_child() {
        thread::spawn(|| {
            // SAFETY: none. The test is that this faults and is not taken for an overflow.
            unsafe { std::ptr::null_mut::<u8>().wrapping_add(8).write_volatile(1) };
        })
        .join()
        .unwrap();
        unreachable!("the write faults");
    }
    let output = run_child("ending::a_fault_that_is_no_overflow_is_a_plain_fault");
    let message = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGSEGV), "{message}");
    assert!(!message.contains("overflowed"), "{message}");
}

#[test]
fn a_panic_message_names_the_green_thread() {
    if is_child() {
        let thread = thread::Builder::new().name("the unlucky".into());
        let _ = thread.spawn(|| panic!("out of luck")).unwrap().join();
        return;
    }
    let output = run_child("ending::a_panic_message_names_the_green_thread");
    expect_success(&output);
    let message = stderr(&output);
    assert!(message.contains("the unlucky"), "{message}");
    assert!(message.contains("out of luck"), "{message}");
}

#[test]
fn a_main_that_returns_abandons_the_others() {
    if is_child() {
        for _ in 0..10 {
            thread::spawn(thread::park);
        }
        thread::yield_now();
        std::process::exit(7);
    }
    let output = run_child("ending::a_main_that_returns_abandons_the_others");
    assert_eq!(output.status.code(), Some(7), "{}", stderr(&output));
}

#[test]
fn a_wrong_variable_is_a_clear_error() {
    if is_child() {
        let error = thread::Builder::new().spawn(|| ()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        // The parent reads it from the panic message.
        panic!("error: {error}");
    }
    for (name, value) in [("GREEN_HUBS", "many"), ("GREEN_HUBS", "-1"), ("GREEN", "maybe"), ("GREEN_STACK_SIZE", "x")] {
        let output = run_child_with("ending::a_wrong_variable_is_a_clear_error", &[(name, value)]);
        assert!(!output.status.success());
        let message = stderr(&output);
        assert!(message.contains(name) && message.contains(value), "{message}");
    }
}

#[test]
fn an_idle_program_makes_no_wakeups() {
    if !holds_in(&[Mode::Default, Mode::Hubs0]) {
        return;
    }
    if is_child() {
        use std::io::Read as _;
        let listener = green::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let clients: Vec<_> = (0..50).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let servers: Vec<_> = clients
            .iter()
            .map(|_| {
                let (mut stream, _) = listener.accept().unwrap();
                thread::spawn(move || stream.read(&mut [0]))
            })
            .collect();
        for _ in 0..50 {
            thread::spawn(thread::park);
        }
        let watcher = std::thread::spawn(move || {
            // The length of the look, not an order of events.
            std::thread::sleep(std::time::Duration::from_millis(300));
            let before = switches_of_others();
            std::thread::sleep(std::time::Duration::from_millis(500));
            let after = switches_of_others();
            drop(clients);
            after - before
        });
        for server in servers {
            let _ = server.join().unwrap();
        }
        assert_eq!(watcher.join().unwrap(), 0, "somebody woke although nothing happened");
        return;
    }
    expect_success(&run_child("ending::an_idle_program_makes_no_wakeups"));
}

/// Returns how often the other OS threads of this process went to sleep so far.
fn switches_of_others() -> u64 {
    let own = std::fs::read_link("/proc/thread-self").unwrap();
    let own = own.file_name().unwrap();
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_name() != own)
        .map(|entry| {
            let status = std::fs::read_to_string(entry.path().join("status")).unwrap();
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
            line.split_whitespace().last().unwrap().parse::<u64>().unwrap()
        })
        .sum()
}
