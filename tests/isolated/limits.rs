//! What happens when the machine has no more to give.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use green::hub::HubHandle;
use green::thread;
use green_tests::{Mode, holds_in};

use crate::{expect_success, is_child, run_child};

#[test]
fn a_spawn_without_memory_is_an_error_and_nothing_is_lost() {
    if !holds_in(&[Mode::Default, Mode::Hubs0]) {
        return;
    }
    if is_child() {
        let limit = 4 << 30;
        rlimit::setrlimit(rlimit::Resource::AS, limit, limit).unwrap();
        let mut handles = Vec::new();
        let error = loop {
            // Far more than fits, so that the loop ends.
            assert!(handles.len() < 100_000);
            match thread::Builder::new().stack_size(8 << 20).spawn(thread::park) {
                Ok(handle) => handles.push(handle),
                Err(error) => break error,
            }
        };
        assert!(handles.len() > 50, "{} fitted", handles.len());
        assert!(error.kind() == std::io::ErrorKind::OutOfMemory || error.raw_os_error().is_some(), "{error:?}");
        for handle in &handles {
            handle.thread().unpark();
        }
        for handle in handles {
            handle.join().unwrap();
        }
        // What was given back can be had again.
        thread::Builder::new().stack_size(8 << 20).spawn(|| ()).unwrap().join().unwrap();
        return;
    }
    expect_success(&run_child("limits::a_spawn_without_memory_is_an_error_and_nothing_is_lost"));
}

#[test]
fn a_stack_size_beyond_all_bounds_is_an_error() {
    assert!(thread::Builder::new().stack_size(usize::MAX / 2).spawn(|| ()).is_err());
}

#[test]
fn without_guard_regions_the_mapping_limit_is_a_clear_error() {
    if !holds_in(&[Mode::Default]) {
        return;
    }
    if is_child() {
        let mut handles = Vec::new();
        let error = loop {
            assert!(handles.len() < 200_000);
            match thread::Builder::new().stack_size(16 << 10).spawn(thread::park) {
                Ok(handle) => handles.push(handle),
                Err(error) => break error,
            }
        };
        assert!(error.to_string().contains("max_map_count"), "{error}");
        assert!(handles.len() > 1_000, "{} fitted", handles.len());
        // There is head room left: the program goes on.
        let boxes: Vec<_> = (0..100).map(|i| vec![i; 300_000]).collect();
        assert_eq!(boxes.len(), 100);
        for handle in &handles {
            handle.thread().unpark();
        }
        for handle in handles {
            handle.join().unwrap();
        }
        return;
    }
    let name = "limits::without_guard_regions_the_mapping_limit_is_a_clear_error";
    expect_success(&crate::run_child_with(name, &[("GREEN_STACK_GUARD", "mprotect")]));
}

/// Closures that are posted to a hub while no stack is to be had (QIO's completions) run when there is one, in their order.
#[test]
fn posts_for_which_there_is_no_stack_wait_for_one() {
    if !holds_in(&[Mode::Default, Mode::Hubs0]) {
        return;
    }
    if !is_child() {
        let name = "limits::posts_for_which_there_is_no_stack_wait_for_one";
        // Stacks so large that there is room for a few, and for everything else beside them.
        return expect_success(&crate::run_child_with(name, &[("GREEN_STACK_SIZE", "536870912")]));
    }
    let here = HubHandle::current();
    let limit = 8 << 30;
    rlimit::setrlimit(rlimit::Resource::AS, limit, limit).unwrap();
    let mut parked = Vec::new();
    while let Ok(handle) = thread::Builder::new().spawn(thread::park) {
        assert!(parked.len() < 100);
        parked.push(handle);
    }
    assert!(!parked.is_empty());
    let order = Rc::new(RefCell::new(Vec::new()));
    ORDER.set(Some(Rc::clone(&order)));
    std::thread::spawn(move || {
        for number in 0..3 {
            assert!(
                here.post(move || ORDER.with_borrow(|order| order.as_ref().unwrap().borrow_mut().push(number))).is_ok()
            );
        }
    })
    .join()
    .unwrap();
    // Some attempts are made in vain.
    let _ = green::time::timeout(Duration::from_millis(20), thread::park);
    assert!(order.borrow().is_empty());
    for handle in &parked {
        handle.thread().unpark();
    }
    parked.into_iter().for_each(|handle| handle.join().unwrap());
    while order.borrow().len() < 3 {
        // The hub tries again at a time of its own.
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(*order.borrow(), [0, 1, 2]);
}

std::thread_local! {
    /// Where the posts of the test above leave their numbers: they run on the OS thread of the test.
    static ORDER: RefCell<Option<Rc<RefCell<Vec<u32>>>>> = const { RefCell::new(None) };
}
