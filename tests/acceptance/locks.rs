//! A13, its green half: a green lock that is held across a yield holds up who wants it, and not the hub.

use std::rc::Rc;

use green::sync::{Condvar, LazyLock, Mutex, RwLock};
use green::thread;

/// A13: with `std::sync::Mutex` the second locker would block the only OS thread that could let the first one unlock.
#[test]
fn a13_a_green_mutex_held_across_a_yield_does_not_deadlock_its_hub() {
    let mutex = Rc::new(Mutex::new(Vec::new()));
    let lockers: Vec<_> = (0..2)
        .map(|me| {
            let mutex = Rc::clone(&mutex);
            thread::spawn_local(move || {
                for _ in 0..3 {
                    let mut order = mutex.lock().unwrap();
                    order.push(me);
                    thread::yield_now();
                    order.push(me);
                }
            })
        })
        .collect();
    for locker in lockers {
        locker.join().unwrap();
    }
    let order = Rc::into_inner(mutex).unwrap().into_inner().unwrap();
    assert_eq!(order.len(), 12);
    assert!(order.chunks(2).all(|turn| turn[0] == turn[1]), "a yield let the other one in: {order:?}");
}

/// The same for whatever else of `green::sync` a green thread can hold, or be in the middle of, while others run.
#[test]
fn a13_nor_do_the_other_locks_and_initialisers() {
    static LAZY: LazyLock<u32> = LazyLock::new(|| {
        thread::yield_now();
        7
    });
    let shared = Rc::new((RwLock::new(0), Mutex::new(0), Condvar::new()));
    let writer = |shared: &(RwLock<u32>, Mutex<u32>, Condvar)| {
        let mut value = shared.0.write().unwrap();
        thread::yield_now();
        *value += *LAZY;
        drop(value);
        let mut count = shared.1.lock().unwrap();
        thread::yield_now();
        *count += 1;
        shared.2.notify_all();
    };
    let writers: Vec<_> = (0..2)
        .map(|_| {
            let shared = Rc::clone(&shared);
            thread::spawn_local(move || writer(&shared))
        })
        .collect();
    let count = shared.2.wait_while(shared.1.lock().unwrap(), |count| *count < 2).unwrap();
    assert_eq!(*count, 2);
    drop(count);
    assert_eq!(*shared.0.read().unwrap(), 14);
    for writer in writers {
        writer.join().unwrap();
    }
}
