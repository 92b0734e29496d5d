//! Calls that the hub makes: eventlet's `hub_test` (timers, `schedule_call`, exceptions in the main loop) and the cases of
//! `api_test`, `event_test` and `queue_test` that act from a hub callback.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use green_core::blocking::unblock;
use green_core::hub::{Interest, census, schedule_call, schedule_call_local, wait};
use green_core::kill::Shield;
use green_core::park::{no_switch, park_until, sleep_until, yield_now};
use green_core::spawn::{LocalJoiner, Options, spawn, spawn_local};
use green_core::unpark::{Outcome, Unparker, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_core::{greenlet, identity};

const SOON: Duration = Duration::from_millis(1);
const LATE: Duration = Duration::from_secs(3600);

fn go<T: 'static>(f: impl FnOnce() -> T + 'static) -> LocalJoiner<T> {
    spawn_local(Options::default(), f).unwrap()
}

/// Runs `f` in a call of the hub's and returns what it returned, or the text of its panic.
fn in_call<T: 'static>(f: impl FnOnce() -> T + 'static) -> Result<T, String> {
    let slot = Rc::new(RefCell::new(None));
    let me = Unparker::current();
    schedule_call(Duration::ZERO, {
        let slot = Rc::clone(&slot);
        move || {
            let result = catch_unwind(AssertUnwindSafe(f))
                .map_err(|payload| payload.downcast::<String>().map_or_else(|_| "no text".to_owned(), |text| *text));
            *slot.borrow_mut() = Some(result);
            me.unpark();
        }
    });
    loop {
        if let Some(result) = slot.borrow_mut().take() {
            return result;
        }
        let _ = park_until(None, WaitReason::Other);
    }
}

/// Runs `check` on the root alone, on the root beside a green thread, and on a green thread: in place and on the loop.
fn everywhere(check: fn()) {
    check();
    let other = go(|| {
        loop {
            sleep_until(Instant::now() + LATE);
        }
    });
    check();
    go(check).join().unwrap();
    other.kill().unwrap();
    assert!(other.join().is_err());
    spawn(Options::default(), check).unwrap().join().unwrap();
    std::thread::spawn(check).join().unwrap();
}

/// `test_cancel_immediate`: a timer that is cancelled at once leaves nothing.
#[test]
fn a_cancelled_call_leaves_nothing() {
    everywhere(|| {
        let before = census();
        for _ in 0..2000 {
            assert!(schedule_call(LATE, || unreachable!()).cancel());
        }
        assert_eq!(census(), before);
    });
}

/// `test_cancel_accumulated`: of 2000 timers that were made first and cancelled then, at most half are kept.
#[test]
fn cancelled_calls_do_not_pile_up() {
    everywhere(|| {
        let before = census();
        for _ in 0..2000 {
            let first = schedule_call(LATE, || unreachable!());
            let second = schedule_call(LATE, || unreachable!());
            assert!(first.cancel() && second.cancel());
            assert!(!first.cancel());
        }
        let calls: Vec<_> = (0..2000).map(|_| schedule_call(LATE, || unreachable!())).collect();
        assert_eq!(census().timers, before.timers + 2000);
        calls.iter().for_each(|call| assert!(call.cancel()));
        let after = census();
        assert_eq!(after.timers, before.timers);
        assert!(after.cancelled <= 1000, "{after:?}");
    });
}

/// `test_cancel_proportion`: while fewer than half are cancelled, nothing is purged, and the counts are exact.
#[test]
fn a_minority_of_cancelled_calls_waits_for_the_purge() {
    std::thread::spawn(|| {
        let calls: Vec<_> = (0..1000).map(|_| schedule_call(LATE, || unreachable!())).collect();
        for (gone, call) in calls.iter().step_by(2).take(499).enumerate() {
            assert!(call.cancel());
            assert_eq!((census().timers, census().cancelled), (999 - gone, gone + 1));
        }
        calls.iter().for_each(|call| {
            call.cancel();
        });
        let after = census();
        assert_eq!(after.timers, 0);
        assert!(after.cancelled <= 64, "{after:?}");
    })
    .join()
    .unwrap();
}

/// `test_ordering`: by deadline, and in the order of creation on ties.
#[test]
fn calls_come_by_deadline_and_then_in_order() {
    everywhere(|| {
        let log = Rc::new(RefCell::new(Vec::new()));
        for (name, after) in [("c", 3), ("a1", 0), ("a2", 0), ("b", 2), ("a3", 0)] {
            let log = Rc::clone(&log);
            schedule_call(Duration::from_millis(after), move || log.borrow_mut().push(name));
        }
        assert!(log.borrow().is_empty(), "nothing is called before somebody waits");
        while log.borrow().len() < 5 {
            sleep_until(Instant::now() + SOON);
        }
        assert_eq!(*log.borrow(), ["a1", "a2", "a3", "b", "c"]);
    });
}

/// `test_local`: the call of a green thread that has ended is not made; its closure is dropped.
/// (`test_timer_cancelled_upon_greenlet_exit`, and `test_timer_fired` for one that lives.)
#[test]
fn a_local_call_is_for_a_living_green_thread() {
    everywhere(|| {
        let called = Rc::new(RefCell::new(Vec::new()));
        let ended = go({
            let called = Rc::clone(&called);
            move || {
                schedule_call_local(SOON, move || called.borrow_mut().push("ended"));
            }
        });
        ended.join().unwrap();
        let lives = go({
            let called = Rc::clone(&called);
            move || {
                schedule_call_local(SOON, move || called.borrow_mut().push("lives"));
                sleep_until(Instant::now() + 4 * SOON);
            }
        });
        lives.join().unwrap();
        assert_eq!(*called.borrow(), ["lives"]);
        assert_eq!(Rc::strong_count(&called), 1, "the closures are gone");
    });
}

/// `test_global`: the call is made although the green thread that scheduled it has ended.
#[test]
fn a_global_call_outlives_its_green_thread() {
    everywhere(|| {
        let called = Rc::new(Cell::new(false));
        let flag = Rc::clone(&called);
        go(move || {
            schedule_call(SOON, move || flag.set(true));
        })
        .join()
        .unwrap();
        while !called.get() {
            sleep_until(Instant::now() + SOON);
        }
    });
}

/// `TestExceptionInMainloop.test_sleep`: after a callback has raised, a sleep still takes its time.
#[test]
fn a_panic_ends_its_call_alone() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("the payload's destructor");
        }
    }
    everywhere(|| {
        let delay = Duration::from_millis(10);
        let begin = Instant::now();
        sleep_until(begin + delay);
        assert!(begin.elapsed() >= delay);

        let after = Rc::new(Cell::new(0));
        schedule_call(Duration::ZERO, || panic!("in a call"));
        schedule_call(Duration::ZERO, || std::panic::panic_any(Bomb));
        schedule_call(Duration::ZERO, {
            let after = Rc::clone(&after);
            move || after.set(after.get() + 1)
        });
        let begin = Instant::now();
        sleep_until(begin + delay);
        assert!(begin.elapsed() >= delay);
        assert_eq!(after.get(), 1);
        assert!(!std::thread::panicking());
    });
}

/// `TestDeadRunLoop.test_kill` and `test_parent`: the panic of a call is not the end of the loop, so those who were there
/// before are its own still, a kill reaches them, and nobody is woken by anything but what they wait for.
#[test]
fn a_panic_in_a_call_leaves_the_loop_its_green_threads() {
    everywhere(|| {
        let queue = Arc::new(WaitQueue::new());
        let waiter = go({
            let queue = Arc::clone(&queue);
            move || queue.wait_until(None, WaitReason::Other, || true)
        });
        let victim = go(|| sleep_until(Instant::now() + LATE));
        yield_now();
        assert!(!queue.is_empty());
        let kills = Rc::new(RefCell::new(Some(victim)));
        schedule_call(Duration::ZERO, || panic!("in the loop"));
        schedule_call(Duration::ZERO, {
            let kills = Rc::clone(&kills);
            move || kills.borrow().as_ref().unwrap().kill().unwrap()
        });
        // Neither the panic nor the kill ends a wait of the one that looks on.
        let other = WaitQueue::new();
        let deadline = Instant::now() + 2 * SOON;
        assert_eq!(other.wait_until(Some(deadline), WaitReason::Other, || true), Outcome::TimedOut);
        assert!(Instant::now() >= deadline);
        assert!(kills.take().unwrap().join().is_err());
        assert!(!waiter.is_finished());
        assert!(queue.notify_one());
        assert_eq!(waiter.join().unwrap(), Outcome::Unparked);
    });
}

/// `test_zero_second_sleep`: a sleep of nothing in a callback is harmless, and so is a yield.
#[test]
fn a_yield_in_a_call_is_harmless() {
    everywhere(|| {
        let result = in_call(|| {
            yield_now();
            park_until(Some(Instant::now()), WaitReason::Sleep)
        });
        assert_eq!(result, Ok(Outcome::TimedOut));
    });
}

#[test]
fn a_call_that_would_wait_panics_and_says_what_to_do() {
    everywhere(|| {
        let check = |result: Result<(), String>, reason: &str| {
            let text = result.unwrap_err();
            assert!(text.contains("must not wait") && text.contains("spawn") && text.contains(reason), "{text}");
        };
        check(in_call(|| sleep_until(Instant::now() + LATE)), "Sleep");
        check(in_call(|| identity::park_current(None)), "Park");
        check(in_call(|| go(|| ()).join().unwrap()), "Join");
        check(in_call(|| unblock(|| ())), "Unblock");
        let (reader, _writer) = std::io::pipe().unwrap();
        check(in_call(move || drop(wait(&reader, Interest::Readable, None))), "Read");

        // Nothing is left of the attempts.
        let queue = Arc::new(WaitQueue::new());
        let same = Arc::clone(&queue);
        let refused = in_call(move || same.wait_until(None, WaitReason::Other, || true));
        assert_eq!(refused, Ok(Outcome::Interrupted));
        assert!(queue.is_empty());
    });
}

#[test]
fn a_shielded_wait_in_a_call_waits_in_place() {
    everywhere(|| {
        let deadline = Instant::now() + Duration::from_millis(5);
        let late = Rc::new(Cell::new(false));
        let flag = Rc::clone(&late);
        let result = in_call(move || {
            // Due in the middle of the wait, which it must not interrupt.
            schedule_call(Duration::ZERO, {
                let flag = Rc::clone(&flag);
                move || flag.set(true)
            });
            let _shield = Shield::new();
            let outcome = loop {
                match park_until(Some(deadline), WaitReason::Other) {
                    Outcome::Unparked => {}
                    outcome => break outcome,
                }
            };
            (outcome, flag.get())
        });
        assert_eq!(result, Ok((Outcome::TimedOut, false)));
        while !late.get() {
            sleep_until(Instant::now() + SOON);
        }
    });
}

#[test]
fn a_destructor_in_an_unwinding_call_may_wait() {
    struct Sleeper(Rc<Cell<bool>>);
    impl Drop for Sleeper {
        fn drop(&mut self) {
            sleep_until(Instant::now() + SOON);
            self.0.set(std::thread::panicking());
        }
    }
    everywhere(|| {
        let done = Rc::new(Cell::new(false));
        let sleeper = Sleeper(Rc::clone(&done));
        let result: Result<(), String> = in_call(move || {
            let _sleeper = sleeper;
            panic!("{}", "on purpose");
        });
        assert_eq!(result, Err("on purpose".to_owned()));
        assert!(done.get());
    });
}

/// A root that waits in a destructor while it unwinds makes calls, which see no panic and may panic themselves.
#[test]
fn calls_know_nothing_of_the_roots_panic() {
    struct Waits(Rc<Cell<Option<bool>>>);
    impl Drop for Waits {
        fn drop(&mut self) {
            let seen = Rc::clone(&self.0);
            schedule_call(Duration::ZERO, || panic!("a second panic"));
            schedule_call(Duration::ZERO, move || seen.set(Some(std::thread::panicking())));
            while self.0.get().is_none() {
                sleep_until(Instant::now() + SOON);
            }
        }
    }
    everywhere(|| {
        let seen = Rc::new(Cell::new(None));
        let waits = Waits(Rc::clone(&seen));
        let result = catch_unwind(AssertUnwindSafe(move || {
            let _waits = waits;
            panic!("the first");
        }));
        assert!(result.is_err());
        assert_eq!(seen.get(), Some(false));
    });
}

/// A call may spawn what the root, alone until then, waits for.
#[test]
fn a_call_may_spawn_what_the_root_waits_for() {
    std::thread::spawn(|| {
        let me = Unparker::current();
        let done = Rc::new(Cell::new(false));
        let flag = Rc::clone(&done);
        schedule_call(SOON, move || {
            drop(go(move || {
                yield_now();
                flag.set(true);
                me.unpark();
            }));
        });
        while !done.get() {
            let _ = park_until(None, WaitReason::Other);
        }

        // The same while it waits for a descriptor.
        let (reader, writer) = std::io::pipe().unwrap();
        schedule_call(SOON, move || drop(go(move || drop(writer))));
        assert!(wait(&reader, Interest::Readable, None).unwrap().is_hung_up());
    })
    .join()
    .unwrap();
}

#[test]
fn calls_wait_for_the_end_of_a_no_switch_region() {
    everywhere(|| {
        let called = Rc::new(Cell::new(false));
        let flag = Rc::clone(&called);
        no_switch(|| {
            schedule_call(Duration::ZERO, move || flag.set(true));
            sleep_until(Instant::now() + 2 * SOON);
            yield_now();
            assert!(!called.get());
        });
        while !called.get() {
            sleep_until(Instant::now() + SOON);
        }
    });
}

#[test]
fn a_call_can_cancel_another_that_is_due_as_well() {
    everywhere(|| {
        let second = Rc::new(RefCell::new(None));
        let result = Rc::new(Cell::new(None));
        schedule_call(Duration::ZERO, {
            let (second, result) = (Rc::clone(&second), Rc::clone(&result));
            move || {
                let call: Option<green_core::hub::Call> = second.borrow_mut().take();
                result.set(call.map(|call| (call.cancel(), call.cancel())));
            }
        });
        *second.borrow_mut() = Some(schedule_call(Duration::ZERO, || unreachable!()));
        // Both are due before the hub looks.
        no_switch(|| sleep_until(Instant::now() + SOON));
        while result.get().is_none() {
            sleep_until(Instant::now() + SOON);
        }
        assert_eq!(result.get(), Some((true, false)));
    });
}

/// E27: what is scheduled by a call waits for the next pass, in which the others have their turn.
#[test]
fn a_call_that_schedules_itself_starves_nobody() {
    fn again(count: &Rc<Cell<u64>>, stop: &Rc<Cell<bool>>) {
        count.set(count.get() + 1);
        if !stop.get() {
            let (count, stop) = (Rc::clone(count), Rc::clone(stop));
            schedule_call(Duration::ZERO, move || again(&count, &stop));
        }
    }
    everywhere(|| {
        let (count, stop) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
        again(&count, &stop);
        let begin = Instant::now();
        sleep_until(begin + 2 * SOON);
        let (reader, writer) = std::io::pipe().unwrap();
        let closer = go(move || drop(writer));
        assert!(wait(&reader, Interest::Readable, None).unwrap().is_hung_up());
        closer.join().unwrap();
        assert!(count.get() > 2);
        stop.set(true);
        let seen = count.get();
        while count.get() == seen {
            sleep_until(Instant::now() + SOON);
        }
    });
}

#[test]
fn a_call_is_the_hubs_and_not_its_schedulers() {
    everywhere(|| {
        let me = identity::current_id();
        let seen = in_call(|| (identity::current_id(), identity::current().name().map(str::to_owned))).unwrap();
        assert_ne!(seen.0, me);
        assert_eq!(seen.1.as_deref(), Some("green hub"));
        assert_eq!(identity::current_id(), me);
        // The loop's stack is nobody's to switch from.
        let error = in_call(|| greenlet::Greenlet::new(|value| value).try_switch(greenlet::Value::new(())).is_err());
        assert!(matches!(error, Ok(true)));
    });
}

/// Counts how often it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

green_core::thread_local! {
    static LOCAL: RefCell<Option<Counted>> = const { RefCell::new(None) };
}

/// A plain OS thread's hub drops what it has not called, and what its calls have stored, and the next OS thread finds
/// nothing of it.
#[test]
fn the_end_of_an_os_thread_drops_its_calls() {
    let dropped = Arc::new(AtomicUsize::new(0));
    for round in 0..3 {
        let counter = Arc::clone(&dropped);
        std::thread::spawn(move || {
            assert_eq!(census().timers, 0);
            let first = Counted(Arc::clone(&counter));
            let before = in_call(|| LOCAL.with_borrow_mut(|slot| slot.replace(first).is_some()));
            assert_eq!(before, Ok(false));
            let second = Counted(counter);
            let third = Schedules(Arc::clone(&second.0));
            schedule_call(LATE, move || drop(second));
            schedule_call(LATE, move || drop(third));
        })
        .join()
        .unwrap();
        assert_eq!(dropped.load(Ordering::Relaxed), 3 * (round + 1));
    }
}

/// Schedules a call when it is dropped.
struct Schedules(Arc<AtomicUsize>);

impl Drop for Schedules {
    fn drop(&mut self) {
        let counted = Counted(Arc::clone(&self.0));
        schedule_call(Duration::ZERO, move || drop(counted));
    }
}
