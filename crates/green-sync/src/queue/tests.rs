//! loom's models of the queue: getters, putters and selects against each other, with timeouts at any moment.

use std::time::Instant;

use green_core::unpark::WaitReason;
use green_core::waitable::wait_any;
use loom::sync::Arc;
use loom::thread;

use super::{Fifo, GetError, OrderedQueue, PutError};

type Queue = OrderedQueue<Fifo<u8>>;

fn queue(capacity: Option<usize>) -> Arc<Queue> {
    Arc::new(Queue::holding(super::order::Held::NOTHING, capacity))
}

fn soon() -> Option<Instant> {
    // The stub times out at any moment, whatever the deadline is.
    Some(Instant::now())
}

/// Takes an item as a select does.
fn select(queue: &Queue) -> Result<u8, GetError> {
    loop {
        assert_eq!(wait_any(&[queue], None, WaitReason::Select), Ok(0));
        match queue.claim() {
            Err(GetError::Empty) => {}
            decided => return decided,
        }
    }
}

fn check_empty(queue: &Queue) {
    assert_eq!(queue.try_get(), Err(GetError::Empty));
    assert_eq!((queue.waiting_getters(), queue.waiting_putters(), queue.state.lock().getters), (0, 0, 0));
    assert!(queue.getters.is_empty() && queue.ahead.is_empty());
}

/// Whether the impatient getter takes the item, in which case it puts it back, or not: the patient one gets it.
#[test]
fn loom_queue_a_timed_getter_never_swallows_an_item() {
    loom::model(|| {
        let queue = queue(None);
        let (timed, patient) = (queue.clone(), queue.clone());
        let impatient = thread::spawn(move || {
            if let Ok(item) = timed.get_until(soon()) {
                timed.try_put(item).unwrap();
            }
        });
        let waiter = thread::spawn(move || patient.get());
        queue.try_put(1).unwrap();
        impatient.join().unwrap();
        assert_eq!(waiter.join().unwrap(), Ok(1));
        check_empty(&queue);
    });
}

/// Two that meet, both impatient: either both succeed or neither.
#[test]
fn loom_queue_a_rendezvous_is_of_two() {
    loom::model(|| {
        let queue = queue(Some(0));
        let other = queue.clone();
        let putter = thread::spawn(move || other.put_until(1, soon()));
        let got = queue.get_until(soon());
        match putter.join().unwrap() {
            Ok(()) => assert_eq!(got, Ok(1)),
            Err(error) => assert_eq!((error, got), (PutError::TimedOut(1), Err(GetError::TimedOut))),
        }
        check_empty(&queue);
    });
}

/// An item that `try_put` gave to somebody who waits is taken, even if they give up.
#[test]
fn loom_queue_what_was_accepted_is_delivered() {
    loom::model(|| {
        let queue = queue(Some(0));
        let other = queue.clone();
        let getter = thread::spawn(move || other.get_until(soon()));
        let put = queue.try_put(1);
        assert_eq!(getter.join().unwrap().is_ok(), put.is_ok());
        check_empty(&queue);
    });
}

/// One item for a select and one for a getter, whoever comes first.
#[test]
fn loom_queue_a_select_and_a_getter_get_one_each() {
    loom::model(|| {
        let queue = queue(None);
        let (selecting, getting) = (queue.clone(), queue.clone());
        let selecting = thread::spawn(move || select(&selecting).unwrap());
        let getting = thread::spawn(move || getting.get().unwrap());
        queue.try_put(1).unwrap();
        queue.try_put(2).unwrap();
        assert_eq!(selecting.join().unwrap() + getting.join().unwrap(), 3);
        check_empty(&queue);
    });
}

/// A producer with a full queue goes on when there is room, and a select meets one that waits.
#[test]
fn loom_queue_putters_get_room() {
    for capacity in [0, 1] {
        loom::model(move || {
            let queue = queue(Some(capacity));
            let other = queue.clone();
            let putter = thread::spawn(move || {
                other.put_until(1, None).unwrap();
                other.put_until(2, None).unwrap();
            });
            assert_eq!((select(&queue), queue.get()), (Ok(1), Ok(2)));
            putter.join().unwrap();
            check_empty(&queue);
        });
    }
}

/// Closing reaches everybody; a putter has its item either back or delivered.
#[test]
fn loom_queue_close_reaches_who_waits() {
    loom::model(|| {
        let queue = queue(Some(0));
        let (getting, putting) = (queue.clone(), queue.clone());
        let getting = thread::spawn(move || getting.get());
        let putting = thread::spawn(move || putting.put_until(1, None));
        queue.close();
        assert_eq!(getting.join().unwrap().is_ok(), putting.join().unwrap().is_ok());
    });
}
