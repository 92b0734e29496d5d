//! `Builder`: names, stack sizes, and errors where std has them.

mod modes;

use std::panic::{AssertUnwindSafe, catch_unwind};

use green_thread::{self as thread, Builder};
use modes::{Mode, message, mode};

#[test]
fn name_is_seen_inside_and_outside() {
    let child = Builder::new().name("ping".into()).spawn(|| thread::current().name().map(str::to_owned)).unwrap();
    assert_eq!(child.thread().name(), Some("ping"));
    assert_eq!(child.join().unwrap().as_deref(), Some("ping"));
}

#[test]
fn without_a_name_there_is_none() {
    let child = Builder::new().spawn(|| thread::current().name().is_none()).unwrap();
    assert_eq!(child.thread().name(), None);
    assert!(child.join().unwrap());
}

#[test]
fn empty_and_odd_names_are_kept() {
    for name in ["", " ", "ünïcödé ☃", &"long".repeat(100)] {
        let child = Builder::new().name(name.to_owned()).spawn(|| ()).unwrap();
        assert_eq!(child.thread().name(), Some(name));
        child.join().unwrap();
    }
}

#[test]
fn nul_in_a_name_panics() {
    fn check(f: impl FnOnce(Builder)) {
        let builder = Builder::new().name("a\0b".into());
        let payload = catch_unwind(AssertUnwindSafe(|| f(builder))).expect_err("the name is bad");
        let text = message(&*payload);
        assert!(text.starts_with("thread name may not contain interior null bytes"), "{text}");
    }
    check(|builder| drop(builder.spawn(|| ())));
    check(|builder| drop(builder.spawn_local(|| ())));
    check(|builder| thread::scope(|s| drop(builder.spawn_scoped(s, || ()))));
}

#[test]
fn stack_size_is_enough_for_what_it_says() {
    fn deep(levels: usize) -> usize {
        let frame = std::hint::black_box([levels; 128]);
        if levels == 0 { 0 } else { frame[7] - frame[9] + 1 + deep(levels - 1) }
    }
    for (size, levels) in [(16 << 20, 4_000), (1 << 20, 250), (256 << 10, 60)] {
        let child = Builder::new().stack_size(size).spawn(move || deep(levels)).unwrap();
        assert_eq!(child.join().unwrap(), levels);
    }
}

#[test]
fn tiny_stack_is_rounded_up() {
    for size in [0, 1, 4096] {
        let child = Builder::new().stack_size(size).spawn(|| 1).unwrap();
        assert_eq!(child.join().unwrap(), 1);
    }
}

/// More than any address space has.
const IMPOSSIBLE: usize = 1 << 60;

#[test]
fn impossible_stack_is_an_error() {
    for size in [usize::MAX, usize::MAX / 2, IMPOSSIBLE] {
        assert!(Builder::new().stack_size(size).spawn_local(|| ()).is_err());
        // std itself panics where its rounding overflows.
        if mode() != Mode::Plain || size == IMPOSSIBLE {
            assert!(Builder::new().stack_size(size).spawn(|| ()).is_err());
        }
    }
}

#[test]
fn spawn_failure_drops_the_closure() {
    let witness = std::sync::Arc::new(());
    let held = std::sync::Arc::clone(&witness);
    let error = Builder::new().stack_size(IMPOSSIBLE).spawn(move || drop(held));
    assert!(error.is_err());
    assert_eq!(std::sync::Arc::strong_count(&witness), 1);
}

#[test]
fn spawn_unchecked_may_borrow() {
    let text = String::from("borrowed");
    // SAFETY: the thread is joined before `text` goes, and nobody kills this test.
    #[expect(unsafe_code, reason = "the method under test is unsafe")]
    let child = unsafe { Builder::new().name("u".into()).spawn_unchecked(|| text.len()) }.unwrap();
    assert_eq!(child.join().unwrap(), 8);
}

#[test]
fn debug_shows_the_settings() {
    let shown = format!("{:?}", Builder::new().name("n".into()).stack_size(5));
    assert!(shown.contains("\"n\"") && shown.contains('5'), "{shown}");
}
