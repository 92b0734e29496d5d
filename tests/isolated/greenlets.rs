//! How greenlets and coroutines end a process, and are ended by it.

use std::os::unix::process::ExitStatusExt as _;

use green::coroutine::{Coroutine, Yielder, generator};
use green::greenlet::{self, Greenlet};
use green::thread;

use crate::{is_child, run_child, stderr};

fn recurse(depth: u64) -> u64 {
    let buffer = std::hint::black_box([depth; 64]);
    if depth == u64::MAX { 0 } else { recurse(depth + 1) + buffer[(depth % 64) as usize] }
}

/// Checks that the child, which is the test of that name, was ended by an overflow in a green thread called "climber".
fn check_overflow(test: &str) {
    let output = run_child(test);
    let message = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{message}");
    assert!(message.contains("thread 'climber'") && message.contains("has overflowed its stack"), "{message}");
}

fn climb(f: impl FnOnce() + Send + 'static) {
    let _ = thread::Builder::new().name("climber".into()).spawn(f).unwrap().join();
    unreachable!("the overflow aborts");
}

/// greenlet's tests have none; FEATURES §2.2 asks for it.
#[test]
fn an_overflow_in_a_greenlet_names_its_green_thread() {
    if is_child() {
        climb(|| drop(Greenlet::builder().stack_size(64 * 1024).build(|_| recurse(0)).switch(())));
    }
    check_overflow("greenlets::an_overflow_in_a_greenlet_names_its_green_thread");
}

#[test]
fn an_overflow_in_a_coroutine_names_its_green_thread() {
    if is_child() {
        climb(|| {
            let mut c = Coroutine::with_stack_size(64 * 1024, |_: &Yielder<(), ()>, ()| recurse(0));
            let _ = c.resume(());
        });
    }
    check_overflow("greenlets::an_overflow_in_a_coroutine_names_its_green_thread");
}

struct Reports(&'static str);

impl Drop for Reports {
    fn drop(&mut self) {
        std::fs::write("/dev/stderr", self.0).unwrap();
    }
}

/// A greenlet that is suspended for good.
fn suspended() -> Greenlet {
    let main = greenlet::current();
    let g = Greenlet::new(move |_| {
        let _reports = Reports("unwound\n");
        main.switch(());
    });
    g.switch(());
    g
}

#[test]
fn exit_on_any_stack_just_ends_the_process() {
    if is_child() {
        let on = std::env::var("GREEN_TESTS_EXIT_ON").unwrap();
        std::mem::forget(suspended());
        match on.as_str() {
            "greenlet" => drop(Greenlet::new(|_| std::process::exit(7)).switch(())),
            "coroutine" => drop(generator(|_: &Yielder<(), ()>| std::process::exit(7)).next()),
            "both" => {
                let inner = || Coroutine::new(|_: &Yielder<(), ()>, ()| std::process::exit(7)).resume(());
                drop(Greenlet::new(move |_| inner()).switch(()));
            }
            "green thread" => drop(thread::spawn_local(|| std::process::exit(7)).join()),
            _ => std::process::exit(7),
        }
        unreachable!("it has exited");
    }
    for on in ["greenlet", "coroutine", "both", "green thread", "the test's own"] {
        let output =
            crate::run_child_with("greenlets::exit_on_any_stack_just_ends_the_process", &[("GREEN_TESTS_EXIT_ON", on)]);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(7), "{on}: {message}");
        assert!(!message.contains("panicked"), "{on}: {message}");
    }
}
