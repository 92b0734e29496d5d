//! `LocalJoinHandle` and `Remote`: results that are not `Send`.

mod modes;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use green_thread::{self as thread, LocalJoinHandle, Remote};
use modes::{Flag, park_until, quiet_panic, until};

#[test]
fn remote_may_be_shared() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Remote>();
}

#[test]
fn closures_and_results_need_no_send() {
    let shared = Rc::new(Cell::new(1));
    let child = thread::spawn_local({
        let shared = Rc::clone(&shared);
        move || {
            shared.set(2);
            shared
        }
    });
    let returned = child.join().unwrap();
    assert!(Rc::ptr_eq(&shared, &returned));
    assert_eq!(returned.get(), 2);
}

#[test]
fn runs_on_this_os_thread() {
    let here = std::thread::current().id();
    for _ in 0..10 {
        let there = thread::spawn_local(move || {
            thread::yield_now();
            let nested = thread::spawn_local(|| std::thread::current().id());
            (std::thread::current().id(), nested.join().unwrap())
        });
        assert_eq!(there.join().unwrap(), (here, here));
    }
    // From a green thread that `spawn` put somewhere, it is that one's OS thread.
    thread::spawn(|| {
        let here = std::thread::current().id();
        let there = thread::spawn_local(|| std::thread::current().id());
        assert_eq!(there.join().unwrap(), here);
    })
    .join()
    .unwrap();
}

#[test]
fn panics_and_timeouts_as_the_other_handle() {
    let failing = thread::spawn_local(|| quiet_panic("local"));
    let payload = failing.join().unwrap_err();
    assert_eq!(modes::message(&*payload), "local");

    let go = Flag::new();
    let child: LocalJoinHandle<Rc<u8>> = thread::spawn_local({
        let go = go.clone();
        move || {
            park_until(&go);
            Rc::new(3)
        }
    });
    assert!(!child.is_finished());
    let span = Duration::from_millis(2);
    let before = Instant::now();
    let child = child.join_timeout(span).expect_err("it parks");
    assert!(before.elapsed() >= span);
    go.raise();
    child.thread().unpark();
    assert_eq!(*child.join_timeout(Duration::MAX).expect("released").unwrap(), 3);
}

#[test]
fn result_is_dropped_here_even_if_detached() {
    struct Confined(std::thread::ThreadId, Rc<Cell<u32>>);
    impl Drop for Confined {
        fn drop(&mut self) {
            assert_eq!(self.0, std::thread::current().id());
            self.1.set(self.1.get() + 1);
        }
    }
    let count = Rc::new(Cell::new(0));
    let make = |count: &Rc<Cell<u32>>| Confined(std::thread::current().id(), Rc::clone(count));
    let value = make(&count);
    let child = thread::spawn_local(move || value);
    let remote = child.remote();
    drop(child);
    // A remote on another OS thread outlives handle and green thread, and has no part of the result.
    let waiter = thread::spawn(move || remote.wait());
    while count.get() == 0 {
        thread::yield_now();
    }
    waiter.join().unwrap();
    assert_eq!(count.get(), 1);
}

#[test]
fn on_exit_needs_no_send() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let child = thread::spawn_local({
        let log = Rc::clone(&log);
        move || log.borrow_mut().push("body")
    });
    child.on_exit({
        let log = Rc::clone(&log);
        move || log.borrow_mut().push("link")
    });
    until(|| child.is_finished());
    child.on_exit({
        let log = Rc::clone(&log);
        move || log.borrow_mut().push("late link")
    });
    child.join().unwrap();
    assert_eq!(*log.borrow(), ["body", "link", "late link"]);
}

#[test]
fn remote_waits_and_kills_from_elsewhere() {
    let child = thread::spawn_local(|| {
        let _keeps_it_local = Rc::new(());
        loop {
            thread::park();
        }
    });
    let remote = child.remote();
    assert_eq!(remote.thread().id(), child.thread().id());
    let killer = thread::spawn({
        let remote = remote.clone();
        move || {
            assert!(!remote.is_finished());
            assert!(!remote.wait_timeout(Duration::from_millis(1)));
            remote.kill().unwrap();
            remote.wait();
            assert!(remote.wait_timeout(Duration::ZERO));
            assert!(remote.is_finished());
        }
    });
    killer.join().unwrap();
    assert!(child.join().unwrap_err().is::<thread::Killed>());
    assert!(remote.wait_timeout(Duration::MAX));
}

#[test]
fn remote_from_a_plain_os_thread() {
    let child = thread::spawn_local(thread::park);
    let remote = child.remote();
    let waker = std::thread::spawn(move || {
        remote.thread().unpark();
        remote.wait();
    });
    child.join().unwrap();
    waker.join().unwrap();
}

#[test]
fn joiner_elsewhere_learns_that_the_os_thread_ended() {
    let remote = std::thread::spawn(|| {
        let child = thread::spawn_local(|| {
            loop {
                thread::park();
            }
        });
        thread::yield_now();
        let remote = child.remote();
        assert!(!remote.is_finished());
        remote
    })
    .join()
    .unwrap();
    remote.wait();
    assert!(remote.is_finished());
    remote.kill().unwrap();
    remote.thread().unpark();
}

#[test]
fn debug_says_nothing_of_the_result() {
    let child = thread::spawn_local(|| ());
    assert_eq!(format!("{child:?} {:?}", child.remote()), "LocalJoinHandle { .. } Remote { .. }");
    child.join().unwrap();
}
