//! What acts from a call of the hub's, which must not wait: eventlet's `queue_test` (`test_put_nowait_unlock`,
//! `test_get_nowait_unlock`) and its like for the others; and that what would wait there is refused without a trace.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use green_core::hub::schedule_call;
use green_core::park::park;
use green_core::spawn::{LocalJoiner, Options, spawn_local};
use green_core::unpark::{Unparker, WaitReason};
use green_sync::{Condvar, Event, Mutex, Queue, RwLock, Semaphore, mpmc, mpsc};

fn go<T: 'static>(f: impl FnOnce() -> T + 'static) -> LocalJoiner<T> {
    spawn_local(Options::default(), f).unwrap()
}

fn in_hub(f: impl FnOnce() + 'static) {
    schedule_call(Duration::ZERO, f);
}

/// Returns the text of the panic to which `f` comes in a call of the hub's.
fn refused(f: impl FnOnce() + 'static) -> String {
    let slot = Rc::new(RefCell::new(None));
    let me = Unparker::current();
    let result = Rc::clone(&slot);
    in_hub(move || {
        let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("a wait is refused");
        *result.borrow_mut() = Some(*payload.downcast::<String>().unwrap());
        me.unpark();
    });
    loop {
        if let Some(text) = slot.take() {
            return text;
        }
        let _ = park(WaitReason::Other);
    }
}

#[test]
fn a_call_that_puts_completes_a_getter() {
    for capacity in [0, 1] {
        let queue = Arc::new(Queue::new(Some(capacity)));
        let getter = go({
            let queue = Arc::clone(&queue);
            move || queue.get().unwrap()
        });
        // Once the getter waits: calls come after whoever is runnable.
        let same = Arc::clone(&queue);
        let putter = go(move || in_hub(move || same.try_put("item").unwrap()));
        assert_eq!(getter.join().unwrap(), "item");
        putter.join().unwrap();
        assert!(queue.is_empty());
    }
}

#[test]
fn a_call_that_gets_completes_a_putter() {
    for capacity in [0, 1] {
        let queue = Arc::new(Queue::new(Some(capacity)));
        let got = Rc::new(RefCell::new(Vec::new()));
        for item in 0..capacity {
            queue.try_put(item).unwrap();
        }
        let putter = go({
            let queue = Arc::clone(&queue);
            move || queue.put(9).unwrap()
        });
        let (same, log) = (Arc::clone(&queue), Rc::clone(&got));
        let getter = go(move || in_hub(move || log.borrow_mut().push(same.try_get().unwrap())));
        putter.join().unwrap();
        getter.join().unwrap();
        got.borrow_mut().extend(queue.try_get());
        assert_eq!(got.borrow().last(), Some(&9));
    }
}

#[test]
fn a_call_may_do_whatever_does_not_wait() {
    let event = Arc::new(Event::<u32, ()>::new());
    let permits = Arc::new(Semaphore::new(0));
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let (sender, receiver) = mpsc::channel();
    let (bounded, other_end) = mpmc::sync_channel(1);
    let waiters = [
        go({
            let event = Arc::clone(&event);
            move || assert_eq!(event.wait(), Ok(&5))
        }),
        go({
            let permits = Arc::clone(&permits);
            move || drop(permits.acquire())
        }),
        go({
            let pair = Arc::clone(&pair);
            move || {
                let set = pair.0.lock().unwrap();
                assert!(*pair.1.wait_while(set, |set| !*set).unwrap());
            }
        }),
        go(move || assert_eq!(receiver.recv(), Ok(6))),
        go(move || assert_eq!(other_end.recv(), Ok(7))),
    ];
    in_hub(move || {
        event.send(5).unwrap();
        permits.add_permits(1);
        *pair.0.try_lock().unwrap() = true;
        pair.1.notify_all();
        sender.send(6).unwrap();
        bounded.try_send(7).unwrap();
        // Free, so nobody waits.
        drop(Mutex::new(()).lock().unwrap());
        drop(RwLock::new(()).write().unwrap());
    });
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap());
}

#[test]
fn a_call_that_would_wait_leaves_everything_as_it_was() {
    let check = |text: String| assert!(text.contains("a call made by the hub must not wait"), "{text}");

    let lock = Arc::new(Mutex::new(1));
    let held = lock.lock().unwrap();
    let same = Arc::clone(&lock);
    check(refused(move || drop(same.lock())));
    drop(held);
    assert_eq!(*lock.lock().unwrap(), 1, "nobody has poisoned it");

    let queue = Arc::new(Queue::<u32>::new(Some(1)));
    let same = Arc::clone(&queue);
    check(refused(move || {
        let _ = same.get();
    }));
    assert_eq!(queue.waiting_getters(), 0);
    queue.put(1).unwrap();
    let same = Arc::clone(&queue);
    check(refused(move || {
        let _ = same.put(2);
    }));
    assert_eq!((queue.waiting_putters(), queue.try_get().unwrap()), (0, 1));
    assert!(queue.is_empty());

    let pair = Arc::new((Mutex::new(()), Condvar::new()));
    let same = Arc::clone(&pair);
    check(refused(move || drop(same.1.wait(same.0.lock().unwrap()))));
    drop(pair.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));

    let (_sender, receiver) = mpsc::channel::<()>();
    check(refused(move || {
        let _ = receiver.recv();
    }));
    let permits = Arc::new(Semaphore::new(0));
    let same = Arc::clone(&permits);
    check(refused(move || drop(same.acquire())));
    permits.add_permits(1);
    assert!(permits.try_acquire().is_ok());
}
