//! `Once`: std's behaviour, from OS threads, green threads and both, and what kills do.

mod worlds;

use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use green_sync::{Once, OnceState};
use green_thread::{self as green, Killed};
use worlds::{Count, assert_is, assert_not, in_every_world, linger, until};

assert_is!(Once: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(OnceState: Send + Unpin + UnwindSafe);
assert_not!(OnceState: Sync);
assert_not!(OnceState: RefUnwindSafe);

/// Returns what a panic said.
fn message(body: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(body)).expect_err("it panics");
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap()
}

in_every_world! {
    fn it_runs_once() {
        let once = sync::Once::new();
        let count = Count::default();
        assert!(!once.is_completed());
        for _ in 0..3 {
            once.call_once(|| count.add());
        }
        once.call_once_force(|_| count.add());
        assert!(once.is_completed());
        assert_eq!(count.get(), 1);
    }

    fn everybody_sees_what_the_first_did() {
        let shared = Arc::new((sync::Once::new(), Count::default()));
        let threads: Vec<_> = (0..20)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    shared.0.call_once(|| {
                        for _ in 0..5 {
                            thread::yield_now();
                        }
                        shared.1.add();
                    });
                    assert_eq!(shared.1.get(), 1);
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    }

    fn wait_returns_when_somebody_has_initialised() {
        let shared = Arc::new((sync::Once::new(), Count::default()));
        let threads: Vec<_> = (0..4)
            .map(|index| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    if index % 2 == 0 { shared.0.wait() } else { shared.0.wait_force() }
                    assert_eq!(shared.1.get(), 1);
                })
            })
            .collect();
        linger();
        shared.0.call_once(|| {
            linger();
            shared.1.add();
        });
        for thread in threads {
            thread.join().unwrap();
        }
        shared.0.wait();
        shared.0.wait_force();
    }

    fn a_panic_poisons() {
        let once = sync::Once::new();
        assert_eq!(message(|| once.call_once(|| panic!("first"))), "first");
        assert!(!once.is_completed());
        let poisoned = "Once instance has previously been poisoned";
        assert_eq!(message(|| once.call_once(|| unreachable!("it is poisoned"))), poisoned);
        assert_eq!(message(|| once.wait()), poisoned);
        assert_eq!(message(|| once.call_once_force(|state| {
            assert!(state.is_poisoned());
            assert_eq!(format!("{state:?}"), "OnceState { poisoned: true }");
            panic!("second");
        })), "second");
        once.call_once_force(|state| assert!(state.is_poisoned()));
        once.call_once_force(|_| unreachable!("it is complete"));
        assert!(once.is_completed());
        once.wait();
    }

    fn waiters_of_a_panicking_initialiser_panic_or_go_on() {
        let once = Arc::new(sync::Once::new());
        let inside = Count::default();
        let initialiser = {
            let (once, inside) = (Arc::clone(&once), inside.clone());
            thread::spawn(move || {
                message(|| once.call_once(|| {
                    inside.add();
                    linger();
                    panic!("no luck");
                }))
            })
        };
        until(|| inside.get() == 1);
        let (minds, ignores) = (Arc::clone(&once), Arc::clone(&once));
        let minds = thread::spawn(move || message(|| minds.wait()));
        let ignores = thread::spawn(move || ignores.wait_force());
        assert_eq!(initialiser.join().unwrap(), "no luck");
        assert_eq!(minds.join().unwrap(), "Once instance has previously been poisoned");
        linger();
        assert!(!ignores.is_finished());
        once.call_once_force(|state| assert!(state.is_poisoned()));
        ignores.join().unwrap();
    }

    fn it_is_shown_as_a_closed_book() {
        assert_eq!(format!("{:?}", sync::Once::new()), "Once { .. }");
    }

    #[expect(deprecated, reason = "std has it still")]
    fn the_old_constant_works_in_a_static() {
        static START: sync::Once = sync::ONCE_INIT;
        START.call_once(|| ());
        assert!(START.is_completed());
    }
}

#[test]
fn a_killed_initialiser_poisons() {
    let once = Arc::new(Once::new());
    let inside = Count::default();
    let victim = {
        let (once, inside) = (Arc::clone(&once), inside.clone());
        green::spawn(move || {
            once.call_once(|| {
                inside.add();
                loop {
                    green::park();
                }
            });
        })
    };
    until(|| inside.get() == 1);
    let waiter = Arc::clone(&once);
    let waiter = green::spawn(move || message(|| waiter.wait()));
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    assert_eq!(waiter.join().unwrap(), "Once instance has previously been poisoned");
    once.call_once_force(|state| assert!(state.is_poisoned()));
    assert!(once.is_completed());
}

#[test]
fn a_killed_waiter_leaves_cleanly() {
    let once = Arc::new(Once::new());
    let waiters: Vec<_> = (0..10)
        .map(|_| {
            let once = Arc::clone(&once);
            green::spawn(move || once.wait())
        })
        .collect();
    linger();
    for waiter in waiters.iter().step_by(2) {
        waiter.kill().unwrap();
    }
    linger();
    once.call_once(|| ());
    for (index, waiter) in waiters.into_iter().enumerate() {
        // A kill that came before the waiter could park finds it done.
        let end = waiter.join();
        assert!(index % 2 == 0 || end.is_ok());
        assert!(end.is_ok() || end.unwrap_err().is::<Killed>());
    }
}

/// It deadlocks as std's does, and the green thread can still be killed.
#[test]
fn a_reentrant_call_waits_and_can_be_killed() {
    let once = Arc::new(Once::new());
    let inside = Count::default();
    let victim = {
        let (once, inside) = (Arc::clone(&once), inside.clone());
        green::spawn(move || {
            once.call_once(|| {
                inside.add();
                once.call_once(|| unreachable!("it is under way"));
            });
        })
    };
    until(|| inside.get() == 1);
    linger();
    assert!(!victim.is_finished());
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    assert!(!once.is_completed());
}

/// I15: an initialiser that is lost with its OS thread has failed, for those who wait for it and for those who come later.
#[test]
fn an_initialiser_that_is_lost_with_its_os_thread_poisons() {
    let once = Arc::new(Once::new());
    let (theirs, begun, lost) = (Arc::clone(&once), Count::default(), Count::default());
    let (begin, waiting) = (begun.clone(), lost.clone());
    let os_thread = std::thread::spawn(move || {
        let once = Arc::clone(&theirs);
        let initialiser = move || {
            once.call_once(|| {
                begin.add();
                loop {
                    green::park();
                }
            });
        };
        green::spawn_local(initialiser);
        // One of the same OS thread that waits, and is lost with it.
        green::spawn_local(move || theirs.call_once(|| ()));
        green::yield_now();
        until(|| waiting.get() == 2);
        linger();
    });
    until(|| begun.get() == 1);
    let waiters: [fn(&Once); 2] = [|once| once.call_once(|| ()), Once::wait];
    let waiters = waiters.map(|wait| {
        let (once, lost) = (Arc::clone(&once), lost.clone());
        green::spawn(move || {
            lost.add();
            message(|| wait(&once))
        })
    });
    let patient = green::spawn({
        let once = Arc::clone(&once);
        move || once.wait_force()
    });
    until(|| os_thread.is_finished());
    os_thread.join().unwrap();
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap(), "Once instance has previously been poisoned");
    }
    assert!(!once.is_completed());
    assert_eq!(message(|| once.call_once(|| ())), "Once instance has previously been poisoned");
    once.call_once_force(|state| assert!(state.is_poisoned()));
    patient.join().unwrap();
}

/// I15: whoever has ended its turn before the OS thread ends owes nothing, nor does one on a root.
#[test]
fn initialisers_that_have_ended_are_not_touched_by_the_end_of_their_os_thread() {
    let onces = Arc::new([const { Once::new() }; 5]);
    let theirs = Arc::clone(&onces);
    let os_thread = std::thread::spawn(move || {
        theirs[0].call_once(green::yield_now);
        let own = Arc::clone(&theirs);
        let failing = green::spawn_local(move || {
            // Nested, and left in another order than begun.
            own[1].call_once(|| own[2].call_once(green::yield_now));
            own[3].call_once(|| resume_unwind(Box::new("on purpose")));
        });
        assert!(failing.join().is_err());
        theirs[3].call_once_force(|_| ());
        let own = Arc::clone(&theirs);
        green::spawn_local(move || own[4].call_once(green::park));
        green::yield_now();
    });
    os_thread.join().unwrap();
    assert_eq!(onces.each_ref().map(Once::is_completed), [true, true, true, true, false]);
    onces[4].call_once_force(|state| assert!(state.is_poisoned()));
}
