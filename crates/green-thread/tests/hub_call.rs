//! What a call of the hub's may and may not do with threads.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

use green_core::hub::schedule_call;
use green_thread as thread;

/// Runs `f` in a call of the hub's, and returns the text of the panic to which it comes.
fn refused(f: impl FnOnce() + 'static) -> Option<String> {
    let slot = Rc::new(RefCell::new(None));
    let result = Rc::clone(&slot);
    schedule_call(Duration::ZERO, move || {
        let ended = catch_unwind(AssertUnwindSafe(f));
        *result.borrow_mut() = Some(ended.err().map(|payload| *payload.downcast::<String>().unwrap()));
    });
    while slot.borrow().is_none() {
        // The hub's turn comes in between.
        thread::sleep(Duration::from_micros(10));
    }
    slot.take().unwrap()
}

#[test]
fn a_scope_in_a_call_is_refused_before_it_begins() {
    let text = refused(|| thread::scope(|_| unreachable!())).unwrap();
    assert!(text.contains("must not wait") && text.contains("Scope"), "{text}");
}

#[test]
fn a_call_may_spawn_and_unpark_and_look() {
    let parked = thread::spawn(thread::park);
    let target = parked.thread().clone();
    let spawned = Rc::new(RefCell::new(None));
    let slot = Rc::clone(&spawned);
    let text = refused(move || {
        target.unpark();
        thread::yield_now();
        thread::sleep(Duration::ZERO);
        thread::park_timeout(Duration::ZERO);
        assert_eq!(thread::current().name(), Some("green hub"));
        *slot.borrow_mut() = Some(thread::spawn(|| 5));
    });
    assert_eq!(text, None);
    parked.join().unwrap();
    assert_eq!(spawned.take().unwrap().join().unwrap(), 5);
}

/// Its own park token is a call's as any green thread's is.
#[test]
fn a_token_that_is_there_is_taken() {
    let text = refused(|| {
        thread::current().unpark();
        thread::park();
    });
    assert_eq!(text, None);
    assert!(refused(thread::park).is_some());
}

/// A kill of the green thread that a call waits in place of is not the call's.
#[test]
fn calls_are_made_while_green_threads_come_and_go() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let begin = Instant::now();
    let threads: Vec<_> = (0_u64..20)
        .map(|i| {
            let log = Rc::clone(&log);
            thread::spawn_local(move || {
                schedule_call(Duration::from_micros(100 * i), move || log.borrow_mut().push(i));
                // Ends about when its own call or a neighbour's is due.
                // Some end before their call, and some after it.
                thread::sleep(Duration::from_micros(70 * i));
            })
        })
        .collect();
    threads.iter().step_by(3).for_each(|thread| thread.kill().unwrap());
    for (i, thread) in threads.into_iter().enumerate() {
        assert_eq!(thread.join().is_err(), i % 3 == 0);
    }
    while log.borrow().len() < 13 {
        // The hub's turn comes in between.
        thread::sleep(Duration::from_micros(100));
    }
    assert!(begin.elapsed() >= Duration::from_micros(1900));
    assert!(log.borrow().is_sorted(), "{:?}", log.borrow());
}
