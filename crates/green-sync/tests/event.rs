//! `Event`: once, for everybody, in order.

mod extras;

use std::cell::Cell;
use std::panic::{RefUnwindSafe, UnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use extras::{Log, Runner, assert_is, assert_not, everywhere, until};
use green_sync::Event;
use green_sync::event::AlreadySent;
use green_thread as thread;

assert_is!(Event<u8, u8>: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(Event<Cell<u8>>: Send);
assert_not!(Event<Cell<u8>>: Sync);
assert_not!(Event<std::rc::Rc<u8>>: Send);
assert_not!(Event<u8, Cell<u8>>: Sync);
assert_is!(AlreadySent<Cell<u8>>: std::error::Error + Send);

/// A static works before any hub exists.
static STARTED: Event<u32, &str> = Event::new();

#[test]
fn a_static_works() {
    let waiter = thread::spawn(|| *STARTED.wait().unwrap());
    STARTED.send(5).unwrap();
    assert_eq!(waiter.join().unwrap(), 5);
}

#[test]
fn test_waiting_for_event() {
    everywhere(|| {
        let event = Arc::new(Event::<&str>::new());
        let sender = Arc::clone(&event);
        let other = thread::spawn_local(move || sender.send("some stuff").unwrap());
        assert_eq!(event.wait(), Ok(&"some stuff"));
        other.join().unwrap();
        // Who comes later sees it too.
        assert_eq!((event.wait(), event.poll()), (Ok(&"some stuff"), Some(Ok(&"some stuff"))));
    });
}

/// Starts five waiters of which each ends in its own way, and checks that all wake, in order.
fn check_multiple_waiters(raise: bool) {
    let event = Arc::new(Event::<()>::new());
    let (log, waiting) = (Log::default(), Arc::new(AtomicUsize::new(0)));
    let waiters: Vec<_> = (0..5)
        .map(|i| {
            let (event, log, waiting) = (Arc::clone(&event), log.clone(), Arc::clone(&waiting));
            thread::spawn_local(move || {
                waiting.fetch_add(1, Ordering::SeqCst);
                event.wait().unwrap();
                log.add(i);
                if raise {
                    std::panic::resume_unwind(Box::new(i));
                }
            })
        })
        .collect();
    until(|| waiting.load(Ordering::SeqCst) == 5);
    event.send(()).unwrap();
    assert_eq!(log.len(), 0, "sending does not switch");
    for waiter in waiters {
        assert_eq!(waiter.join().is_err(), raise);
    }
    assert_eq!(log.take(), ["0", "1", "2", "3", "4"]);
}

#[test]
fn test_multiple_waiters() {
    everywhere(|| check_multiple_waiters(false));
}

#[test]
fn test_multiple_waiters_with_exception() {
    everywhere(|| check_multiple_waiters(true));
}

/// eventlet's `reset` is a misfeature: there is none, so the first result stays.
#[test]
fn test_reset() {
    everywhere(|| {
        let event = Event::<&str, &str>::new();
        event.send("v1").unwrap();
        assert_eq!(event.send("v2"), Err(AlreadySent("v2")));
        assert_eq!(event.send_error("e"), Err(AlreadySent("e")));
        assert_eq!(event.wait(), Ok(&"v1"));
        assert_eq!(event.into_inner(), Some(Ok("v1")));
    });
}

#[test]
fn test_double_exception() {
    everywhere(|| {
        let event = Event::<&str, &str>::new();
        event.send_error("first").unwrap();
        assert_eq!(event.send_error("second").unwrap_err().0, "second");
        assert_eq!(event.send("third").unwrap_err().0, "third");
        assert_eq!(event.wait(), Err(&"first"));
    });
}

#[test]
fn test_wait_timeout_ok() {
    everywhere(|| {
        let event = Arc::new(Event::<u32>::new());
        let sender = Arc::clone(&event);
        let other = thread::spawn(move || sender.send(7));
        assert_eq!(event.wait_timeout(Duration::from_secs(60)), Some(Ok(&7)));
        assert_eq!(event.wait_timeout(Duration::MAX), Some(Ok(&7)));
        other.join().unwrap().unwrap();
    });
}

#[test]
fn test_wait_timeout_exceed() {
    everywhere(|| {
        let event = Event::<u32>::new();
        let start = Instant::now();
        assert_eq!(event.wait_timeout(Duration::from_millis(10)), None);
        assert!(start.elapsed() >= Duration::from_millis(10));
        assert_eq!(event.wait_timeout(Duration::ZERO), None);
        assert!(!event.is_set());
    });
}

#[test]
fn of_many_senders_one_wins() {
    for round in 0..20 {
        let event = Arc::new(Event::<usize, usize>::new());
        let senders: Vec<_> = (0..6)
            .map(|i| {
                let event = Arc::clone(&event);
                Runner::start(i, move || if i % 2 == 0 { event.send(i).is_ok() } else { event.send_error(i).is_ok() })
            })
            .collect();
        let waiters: Vec<_> = (0..6)
            .map(|i| {
                let event = Arc::clone(&event);
                Runner::start(i, move || match event.wait() {
                    Ok(&winner) | Err(&winner) => winner,
                })
            })
            .collect();
        let won: Vec<bool> = senders.into_iter().map(Runner::join).collect();
        let winner = won.iter().position(|&won| won).unwrap();
        assert_eq!(won.iter().filter(|&&won| won).count(), 1, "round {round}");
        for waiter in waiters {
            assert_eq!(waiter.join(), winner);
        }
    }
}

#[test]
fn a_killed_waiter_takes_nothing_along() {
    everywhere(|| {
        let event = Arc::new(Event::<u32>::new());
        let spawn = || {
            let event = Arc::clone(&event);
            thread::spawn(move || *event.wait().unwrap())
        };
        let (victim, survivor) = (spawn(), spawn());
        victim.kill().unwrap();
        assert!(victim.join().is_err() || green_off());
        event.send(3).unwrap();
        assert_eq!(survivor.join().unwrap(), 3);
    });
}

fn green_off() -> bool {
    std::env::var_os("GREEN").is_some_and(|value| value == "off")
}

#[test]
fn a_value_that_panics_in_debug_leaves_the_event_alone() {
    let event = Event::<u8, String>::new();
    assert_eq!(format!("{event:?}"), "Event(None)");
    event.send_error("no".to_owned()).unwrap();
    assert_eq!(format!("{event:?}"), "Event(Some(Err(\"no\")))");
    assert_eq!(AlreadySent(()).to_string(), "the event has already happened");
    assert_eq!(format!("{:?}", AlreadySent(1)), "AlreadySent { .. }");
    // Waiting in an unwinding green thread works as anywhere.
    struct Waits(Arc<Event<u8, String>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            self.0.wait().unwrap();
        }
    }
    let event = Arc::new(Event::new());
    let sender = Arc::clone(&event);
    let other = thread::spawn(move || sender.send(1));
    let payload = catch_unwind(|| {
        let _waits = Waits(event);
        std::panic::resume_unwind(Box::new("outer"));
    });
    assert_eq!(payload.unwrap_err().downcast_ref(), Some(&"outer"));
    other.join().unwrap().unwrap();
}
