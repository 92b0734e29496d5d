//! What the hub's own loop runs of a program: destructors of green threads that there is no stack for.
//!
//! In a process of its own, because it uses up the address space.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use green_core::hub::schedule_call;
use green_core::identity;
use green_core::park::yield_now;
use green_core::spawn::{Options, spawn_local, spawn_local_at};
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;

#[derive(Default)]
struct Gate {
    is_open: AtomicBool,
    queue: WaitQueue,
}

/// Waits for a gate when it is dropped; a call is due by then that waits for something else.
struct Waits {
    gate: Arc<Gate>,
    other: Arc<WaitQueue>,
    refused: Rc<Cell<Option<Outcome>>>,
}

impl Drop for Waits {
    fn drop(&mut self) {
        let (other, refused) = (Arc::clone(&self.other), Rc::clone(&self.refused));
        schedule_call(Duration::ZERO, move || {
            refused.set(Some(other.wait_until(None, WaitReason::Other, || true)));
        });
        while !self.gate.is_open.load(Ordering::Acquire) {
            let is_closed = || !self.gate.is_open.load(Ordering::Acquire);
            let _ = self.gate.queue.wait_until(None, WaitReason::Other, is_closed);
        }
    }
}

/// Both would wait by the loop's one node.
#[test]
fn a_call_waits_for_its_turn_while_the_loop_waits_in_a_destructor() {
    let vast = || Options { stack_size: Some(64 << 30), ..Options::default() };
    let (gate, other, refused) = (Arc::new(Gate::default()), Arc::new(WaitQueue::new()), Rc::new(Cell::new(None)));
    let queue = Arc::clone(&other);
    let waiter = spawn_local(Options::default(), move || queue.wait_until(None, WaitReason::Other, || true)).unwrap();
    yield_now();
    let waits = Waits { gate: Arc::clone(&gate), other: Arc::clone(&other), refused: Rc::clone(&refused) };
    let delayed = spawn_local_at(vast(), Instant::now(), move || drop(waits)).unwrap();
    let mut all = Vec::new();
    // They keep what they have, started or not.
    while let Ok(one) = spawn_local(vast(), || identity::park_current(None)) {
        all.push(one);
    }
    let theirs = Arc::clone(&gate);
    let opener = thread::spawn(move || {
        while theirs.queue.is_empty() {
            thread::yield_now();
        }
        theirs.is_open.store(true, Ordering::Release);
        theirs.queue.notify_one();
    });
    let payload = delayed.join().unwrap_err();
    assert!(payload.is::<io::Error>(), "there was a stack for it");
    opener.join().unwrap();
    while refused.get().is_none() {
        yield_now();
    }
    assert_eq!(refused.get(), Some(Outcome::Interrupted));
    assert!(gate.queue.is_empty());
    assert!(other.notify_one(), "the first to wait there still does");
    assert_eq!(waiter.join().unwrap(), Outcome::Unparked);
    assert!(other.is_empty());
    all.iter().for_each(|one| one.identity().unpark());
    all.into_iter().for_each(|one| one.join().unwrap());
}
