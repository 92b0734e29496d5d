//! Timeouts and deadlines: whose unwinding it is, and that nothing goes off later.

mod support;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Result as Caught;
use std::time::{Duration, Instant};
use std::{io, thread};

use green_core::kill::{self, Killed, Shield};
use green_core::park::{park, yield_now};
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_time::{Deadline, TimeoutError, sleep, timeout, timeout_at};
use support::{HOUR, MOMENT, everywhere, spawn};

fn after(duration: Duration) -> Deadline {
    Deadline::after(duration).expect("the tests can unwind")
}

/// Parks until something unwinds.
fn wait_for_ever() -> ! {
    loop {
        if park(WaitReason::Other) == Outcome::Interrupted {
            kill::deliver();
        }
    }
}

fn catch<T>(f: impl FnOnce() -> T) -> Caught<T> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Yields until the deadline is noticed, behind a shield, so that it is not delivered.
fn let_pass(deadline: &Deadline) {
    let _shield = Shield::new();
    while !deadline.has_passed() {
        yield_now();
    }
}

/// Waits in several ways, any of which would deliver what is left over.
fn nothing_is_left() {
    assert!(!kill::is_pending());
    yield_now();
    sleep(2 * MOMENT);
    assert!(!kill::is_pending());
}

// Eventlet's `test_raising_self`.
#[test]
fn a_deadline_unwinds_with_itself() {
    everywhere(|| {
        let deadline = after(MOMENT);
        let payload = catch(|| wait_for_ever()).expect_err("nothing else ends this wait");
        assert!(deadline.owns(&*payload));
        assert!(deadline.has_passed());
        assert!(!after(HOUR).owns(&*payload));
        assert!(!deadline.owns(&*catch(|| resume_unwind(Box::new(1))).expect_err("a panic")));
    });
}

#[test]
fn every_kind_of_wait_is_ended() {
    everywhere(|| {
        let elapsed = Err(TimeoutError::Elapsed);
        assert_eq!(timeout(MOMENT, || sleep(HOUR)), elapsed);
        assert_eq!(timeout(MOMENT, || sleep(Duration::MAX)), elapsed);
        assert_eq!(
            timeout(MOMENT, || loop {
                yield_now()
            }),
            elapsed
        );
        assert_eq!(timeout(MOMENT, || green_core::identity::park_current(None)), elapsed);
        assert_eq!(
            timeout(MOMENT, || {
                green_time::interval(HOUR).tick();
            }),
            elapsed
        );
        let queue = WaitQueue::new();
        let result = timeout(MOMENT, || {
            if queue.wait_until(None, WaitReason::Lock, || true) == Outcome::Interrupted {
                kill::deliver();
            }
        });
        assert_eq!(result, elapsed);
        assert!(queue.is_empty());
        nothing_is_left();
    });
}

#[test]
fn a_value_within_the_time_is_returned() {
    everywhere(|| {
        assert_eq!(timeout(HOUR, || 5), Ok(5));
        assert_eq!(timeout(Duration::MAX, || 6), Ok(6));
        assert_eq!(timeout_at(Instant::now() + HOUR, || 7), Ok(7));
        nothing_is_left();
    });
}

// Eventlet's `test_dummy_timer`.
#[test]
fn a_limit_longer_than_time_itself_never_ends_anything() {
    everywhere(|| {
        let result = timeout(Duration::MAX, || {
            nothing_is_left();
            8
        });
        assert_eq!(result, Ok(8));
        let inner = timeout(MOMENT, || timeout(Duration::MAX, || sleep(HOUR)));
        assert_eq!(inner, Err(TimeoutError::Elapsed));
        nothing_is_left();
    });
}

// Eventlet's `test_with_timeout` and `test_silent_block`.
#[test]
fn a_default_takes_the_value_s_place() {
    everywhere(|| {
        let value = timeout(MOMENT, || {
            sleep(HOUR);
            "value"
        });
        assert_eq!(value.unwrap_or("default"), "default");
    });
}

#[test]
fn code_that_does_not_wait_is_not_interrupted() {
    everywhere(|| {
        let past = Instant::now();
        assert_eq!(timeout_at(past, || 3), Ok(3));
        let value = timeout(Duration::ZERO, || {
            // Std's sleep: nothing that this thread's hub knows of.
            thread::sleep(MOMENT);
            4
        });
        assert_eq!(value, Ok(4));
        nothing_is_left();
    });
}

// Eventlet's `test_cancel_timer_inside_block`.
#[test]
fn a_cancelled_deadline_is_silent() {
    everywhere(|| {
        let deadline = after(MOMENT);
        assert!(!deadline.has_passed());
        drop(deadline);
        nothing_is_left();

        // Even if it has passed already, as long as nobody has waited.
        let deadline = after(Duration::ZERO);
        let_pass(&deadline);
        drop(deadline);
        nothing_is_left();
    });
}

// Eventlet's `test_cancellation`.
#[test]
fn nothing_goes_off_after_the_block() {
    everywhere(|| {
        for _ in 0..100 {
            assert_eq!(timeout(Duration::from_micros(300), || ()), Ok(()));
        }
        nothing_is_left();
    });
}

#[test]
fn the_inner_of_two_ends_only_itself() {
    everywhere(|| {
        let outer = timeout(HOUR, || {
            let inner = timeout(MOMENT, || sleep(HOUR));
            nothing_is_left();
            inner
        });
        assert_eq!(outer, Ok(Err(TimeoutError::Elapsed)));
    });
}

// Eventlet's `test_nested_with_timeout` and `test_with_outer_timer`.
#[test]
fn the_outer_of_two_passes_through_the_inner() {
    everywhere(|| {
        let reached = Cell::new(false);
        let outer = timeout(MOMENT, || {
            let _ = timeout(HOUR, || sleep(HOUR));
            reached.set(true);
        });
        assert_eq!(outer, Err(TimeoutError::Elapsed));
        assert!(!reached.get());
        nothing_is_left();
    });
}

#[test]
fn if_both_are_due_the_outer_one_ends() {
    everywhere(|| {
        let reached = Cell::new(false);
        let result = timeout(Duration::ZERO, || {
            let inner = after(Duration::ZERO);
            let_pass(&inner);
            let _ = inner.run(|| sleep(HOUR));
            reached.set(true);
        });
        assert_eq!(result, Err(TimeoutError::Elapsed));
        assert!(!reached.get());
        nothing_is_left();
    });
}

// Eventlet's `test_nested_timeout`.
#[test]
fn nested_deadlines_know_whose_turn_it_was_in_both_orders() {
    everywhere(|| {
        let check = |outer: Duration, inner: Duration, outer_ends: bool| {
            let outer = after(outer);
            let inner = after(inner);
            let payload = catch(|| sleep(HOUR)).expect_err("one of them ends this");
            assert_eq!(outer.owns(&*payload), outer_ends);
            assert_eq!(inner.owns(&*payload), !outer_ends);
            assert_eq!(outer.has_passed(), outer_ends);
            assert_eq!(inner.has_passed(), !outer_ends);
        };
        check(MOMENT, HOUR, true);
        check(HOUR, MOMENT, false);
        nothing_is_left();
    });
}

#[test]
fn deadlines_may_be_dropped_in_any_order() {
    everywhere(|| {
        let first = after(MOMENT);
        let second = after(HOUR);
        let third = after(MOMENT);
        drop(first);
        let payload = catch(|| sleep(HOUR)).expect_err("the third ends this");
        assert!(third.owns(&*payload));
        drop(third);
        nothing_is_left();
        drop(second);
        nothing_is_left();
    });
}

#[test]
fn a_caught_deadline_unwinds_again_at_the_next_wait() {
    everywhere(|| {
        let rounds = Cell::new(0);
        let result = timeout(MOMENT, || {
            for _ in 0..3 {
                assert!(catch(|| sleep(HOUR)).is_err());
                rounds.set(rounds.get() + 1);
            }
            sleep(HOUR);
        });
        assert_eq!(result, Err(TimeoutError::Elapsed));
        assert_eq!(rounds.get(), 3);
        nothing_is_left();
    });
}

#[test]
fn a_shield_holds_a_timeout_up() {
    everywhere(|| {
        let torn = Cell::new(true);
        let result = timeout(MOMENT, || {
            let shield = Shield::new();
            sleep(3 * MOMENT);
            torn.set(false);
            drop(shield);
            yield_now();
        });
        assert_eq!(result, Err(TimeoutError::Elapsed));
        assert!(!torn.get());
    });
}

#[test]
fn destructors_run_and_may_wait() {
    struct Farewell(Rc<Cell<u32>>);
    impl Drop for Farewell {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
            // The deadline is still pending, but does not unwind what unwinds already.
            sleep(MOMENT);
            self.0.set(self.0.get() + 1);
        }
    }
    everywhere(|| {
        let steps = Rc::new(Cell::new(0));
        let farewell = Farewell(Rc::clone(&steps));
        let result = timeout(MOMENT, move || {
            let _farewell = farewell;
            sleep(HOUR);
        });
        assert_eq!(result, Err(TimeoutError::Elapsed));
        assert_eq!(steps.get(), 2);
        assert_eq!(Rc::strong_count(&steps), 1);
        nothing_is_left();
    });
}

// Eventlet's `test_ref`.
#[test]
fn what_a_block_held_is_freed_when_it_ends_in_time_or_not() {
    everywhere(|| {
        let held = Rc::new(());
        let block = |limit: Duration, duration: Duration| {
            let held = Rc::clone(&held);
            timeout(limit, move || {
                sleep(duration);
                drop(held);
            })
        };
        assert_eq!((block(MOMENT, HOUR), Rc::strong_count(&held)), (Err(TimeoutError::Elapsed), 1));
        assert_eq!((block(HOUR, Duration::ZERO), Rc::strong_count(&held)), (Ok(()), 1));

        // The payload is the deadline's own: who has caught it may keep it, and holds nothing else by that.
        let deadline = after(MOMENT);
        let payload = catch(|| {
            let _held = Rc::clone(&held);
            wait_for_ever();
        });
        assert_eq!(Rc::strong_count(&held), 1);
        assert!(deadline.owns(&*payload.expect_err("nothing else ends this wait")));
        drop(deadline);
        nothing_is_left();
    });
}

// Eventlet's `test_raising_custom_exception`.
#[test]
fn a_panic_passes_through_with_its_payload() {
    everywhere(|| {
        let payload = catch(|| timeout(HOUR, || resume_unwind(Box::new(11_u8)))).expect_err("a panic");
        assert_eq!(payload.downcast_ref(), Some(&11_u8));
        nothing_is_left();
    });
}

#[test]
fn a_kill_passes_through() {
    let started = Arc::new(WaitQueue::new());
    let count = Arc::new(AtomicUsize::new(0));
    let (notify, counted) = (Arc::clone(&started), Arc::clone(&count));
    let sleeper = spawn(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        notify.notify_all();
        let _ = timeout(HOUR, || sleep(HOUR));
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let _ = started.wait_until(None, WaitReason::Other, || count.load(Ordering::SeqCst) == 0);
    sleeper.kill().expect("kills are possible");
    let payload = sleeper.join().expect_err("it was killed");
    assert!(payload.is::<Killed>());
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[test]
fn a_timeout_is_of_one_green_thread() {
    everywhere(|| {
        let other = spawn(|| timeout(2 * MOMENT, || sleep(MOMENT / 2)));
        assert_eq!(timeout(MOMENT, || sleep(HOUR)), Err(TimeoutError::Elapsed));
        // Late perhaps, but never ended by the other's timeout.
        assert!(matches!(other.join().expect("no panic"), Ok(()) | Err(TimeoutError::Elapsed)));
    });
}

#[test]
fn many_timeouts_at_once() {
    let sleepers: Vec<_> = (0..if thread_count_is_small() { 20 } else { 500 })
        .map(|n| {
            spawn(move || {
                let limit = if n % 2 == 0 { MOMENT } else { HOUR };
                timeout(limit, || sleep(if n % 2 == 0 { HOUR } else { MOMENT })).is_err()
            })
        })
        .collect();
    for (n, sleeper) in sleepers.into_iter().enumerate() {
        assert_eq!(sleeper.join().expect("no panic"), n % 2 == 0);
    }
}

fn thread_count_is_small() -> bool {
    std::env::var_os("GREEN").is_some()
}

#[test]
fn an_error_is_an_io_error_of_its_kind() {
    assert_eq!(io::Error::from(TimeoutError::Elapsed).kind(), io::ErrorKind::TimedOut);
    assert_eq!(io::Error::from(TimeoutError::Unsupported).kind(), io::ErrorKind::Unsupported);
}
