//! OS threads that are not ours: their hubs open on first use, and close when they end.

mod modes;

use std::cell::RefCell;
use std::future::{Future, IntoFuture};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use green_thread::{self as thread, Exit};
use modes::{Flag, Mode, OnDrop, mode};

/// Runs `f` on a fresh OS thread and waits for its end, thread-local destructors included.
fn on_an_os_thread<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::spawn(f).join().unwrap()
}

#[test]
fn unstarted_closures_are_dropped() {
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    let remote = on_an_os_thread(move || thread::spawn_local(move || drop(guard)).remote());
    assert!(dropped.is_up());
    remote.wait();
}

#[test]
fn started_ones_are_leaked_and_their_joiners_told() {
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    let remote = on_an_os_thread(move || {
        let child = thread::spawn_local(move || {
            let _guard = guard;
            thread::park();
        });
        thread::yield_now();
        child.remote()
    });
    remote.wait();
    assert!(remote.is_finished());
    assert!(!dropped.is_up(), "a suspended stack cannot be unwound from outside");
}

#[test]
fn spawned_thread_is_abandoned_only_where_it_is_on_the_hub_that_closed() {
    let child = on_an_os_thread(|| thread::spawn(|| 5));
    match child.join() {
        Ok(value) => assert_eq!((value, mode() == Mode::OneHub), (5, false)),
        Err(payload) => {
            assert!(payload.is::<thread::Abandoned>());
            assert_eq!(mode(), Mode::OneHub);
        }
    }
}

/// A waker that says that it was called, and then parks for ever.
struct ParksForEver(Flag);

impl Wake for ParksForEver {
    fn wake(self: Arc<Self>) {
        self.0.raise();
        loop {
            thread::park();
        }
    }
}

/// A waker that raises a flag.
struct Raises(Flag);

impl Wake for Raises {
    fn wake(self: Arc<Self>) {
        self.0.raise();
    }
}

#[test]
fn one_that_is_leaked_after_its_end_keeps_its_result() {
    let woken = Flag::new();
    let (child, remote) = on_an_os_thread({
        let raises = Waker::from(Arc::new(Raises(woken.clone())));
        move || {
            let (awaited, parks) = (Flag::new(), Flag::new());
            let shared = thread::spawn({
                let awaited = awaited.clone();
                move || {
                    awaited.wait();
                    String::from("the result")
                }
            });
            let shared = shared.share();
            for waker in [Waker::from(Arc::new(ParksForEver(parks.clone()))), raises] {
                let mut join = Box::pin((&shared).into_future());
                assert!(join.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                // It stays among those who wait.
                std::mem::forget(join);
            }
            awaited.raise();
            parks.wait();
            (shared.clone(), shared.remote())
        }
    });
    assert_eq!(remote.exit(), Some(Exit::Returned));
    assert_eq!(child.join().unwrap(), "the result");
    if mode() == Mode::OneHub {
        assert!(woken.is_up(), "a waker that does not return keeps no other from being called");
    }
}

#[test]
fn waiters_on_other_hubs_are_woken_by_the_end() {
    let (waiting, ended) = (Flag::new(), Flag::new());
    let waiter = on_an_os_thread({
        let ended = ended.clone();
        move || {
            let child = thread::spawn_local(thread::park);
            thread::yield_now();
            let remote = child.remote();
            let waiter = std::thread::spawn({
                let waiting = waiting.clone();
                move || {
                    waiting.raise();
                    remote.wait();
                    ended.raise();
                }
            });
            waiting.wait();
            assert!(!child.is_finished());
            waiter
        }
    });
    waiter.join().unwrap();
    assert!(ended.is_up());
}

#[test]
fn green_calls_work_in_std_destructors() {
    struct Late(RefCell<Option<Flag>>);
    impl Drop for Late {
        fn drop(&mut self) {
            let Some(done) = self.0.take() else { return };
            thread::yield_now();
            // Every kind of park is to work here.
            thread::sleep(Duration::from_micros(100));
            thread::current().unpark();
            thread::park();
            assert_eq!(thread::spawn_local(|| 3).join().unwrap(), 3);
            let borrowed = 4;
            let sum = thread::scope(|s| s.spawn(|| borrowed + 1).join().unwrap());
            assert_eq!(sum, 5);
            done.raise();
        }
    }
    std::thread_local! {
        static EARLY: Late = const { Late(RefCell::new(None)) };
        static LATER: Late = const { Late(RefCell::new(None)) };
    }
    let flags = [Flag::new(), Flag::new()];
    let copies = flags.clone();
    on_an_os_thread(move || {
        let [early, later] = copies;
        // One is registered before the hub, so its destructor runs after the hub was closed; the other the other way.
        EARLY.with(|late| *late.0.borrow_mut() = Some(early));
        thread::yield_now();
        LATER.with(|late| *late.0.borrow_mut() = Some(later));
    });
    assert!(flags.iter().all(Flag::is_up));
}

#[test]
fn green_locals_of_the_root_are_destroyed_while_the_hub_works() {
    struct Late(RefCell<Option<Flag>>);
    impl Drop for Late {
        fn drop(&mut self) {
            if let Some(done) = self.0.take() {
                assert_eq!(thread::spawn_local(|| Rc::new(1)).join().map(|one| *one).unwrap(), 1);
                assert_eq!(thread::spawn(|| 2).join().unwrap(), 2);
                done.raise();
            }
        }
    }
    thread::thread_local!(static LATE: Late = const { Late(RefCell::new(None)) });
    let done = Flag::new();
    on_an_os_thread({
        let done = done.clone();
        move || LATE.with(|late| *late.0.borrow_mut() = Some(done))
    });
    assert!(done.is_up());
}

#[test]
fn closed_hubs_serve_again() {
    for round in 0..200_u32 {
        let sum = on_an_os_thread(move || {
            let parked = thread::spawn_local(thread::park);
            let adders: Vec<_> = (0..5)
                .map(|n| {
                    thread::spawn_local(move || {
                        // A timed park, so that timers of a hub that was used before are exercised.
                        thread::sleep(Duration::from_micros(20));
                        round + n
                    })
                })
                .collect();
            let far = thread::spawn(move || round);
            let sum: u32 = adders.into_iter().map(|adder| adder.join().unwrap()).sum();
            // Both are left behind: one suspended, one not started.
            drop(parked);
            let _unstarted = thread::spawn_local(|| ());
            sum + far.join().unwrap()
        });
        assert_eq!(sum, 6 * round + 10);
    }
}

#[test]
fn panic_of_the_os_thread_closes_its_hub_too() {
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    let result = std::thread::spawn(move || {
        let _local = thread::spawn_local(move || drop(guard));
        modes::quiet_panic("of the root")
    })
    .join();
    assert_eq!(modes::message(&*result.unwrap_err()), "of the root");
    assert!(dropped.is_up());
}

#[test]
fn root_that_unwinds_may_wait_for_its_children() {
    let done = Flag::new();
    let result = std::thread::spawn({
        let done = done.clone();
        move || {
            let child = RefCell::new(Some(thread::spawn_local(|| {
                // A timed park, so that the root unwinds while it is parked itself.
                thread::sleep(Duration::from_micros(100));
                thread::panicking()
            })));
            let _guard = OnDrop(|| {
                let child = child.take().expect("dropped once");
                assert!(!child.join().unwrap(), "the root's unwinding is not the child's");
                assert!(thread::panicking());
                done.raise();
            });
            modes::quiet_panic("of the root")
        }
    })
    .join();
    assert!(result.is_err());
    assert!(done.is_up());
}
