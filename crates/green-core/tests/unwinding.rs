//! Green threads that park while they unwind, and their neighbours on the same hub (I13).

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::panicking;

use green_core::kill::Killed;
use green_core::park::yield_now;
use green_core::spawn::{LocalJoiner, Options, spawn, spawn_local};

fn local<T: 'static>(f: impl FnOnce() -> T + 'static) -> LocalJoiner<T> {
    spawn_local(Options::default(), f).expect("a local green thread")
}

/// Runs its closure when it is dropped.
struct Finally<F: FnMut()>(F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Lets the others run until `done`, from the middle of an unwinding.
fn park_while_unwinding(done: Rc<Cell<bool>>) {
    let _finally = Finally(|| {
        while !done.get() {
            assert!(panicking());
            yield_now();
            assert!(panicking());
        }
    });
    resume_unwind(Box::new("the unwinding's own payload"));
}

/// eventlet's `test_exceptionleaks`: what one unwinds with is nobody else's, whether they were there before or are
/// spawned by a destructor.
#[test]
fn a_neighbour_of_one_that_unwinds_is_not_panicking() {
    let done = Rc::new(Cell::new(false));
    let unwinding = {
        let done = Rc::clone(&done);
        local(move || park_while_unwinding(done))
    };
    let neighbour = local(move || {
        let mutex = Mutex::new(0);
        for _ in 0..10 {
            assert!(!panicking());
            *mutex.lock().expect("nobody panics while it is locked") += 1;
            yield_now();
            assert!(!mutex.is_poisoned());
        }
        // A guard across a park, too: the other is resumed in between and unwinds.
        let guard = mutex.lock().expect("as above");
        yield_now();
        drop(guard);
        assert!(!mutex.is_poisoned());
        // Its own panic is its own.
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let _guard = mutex.lock();
            resume_unwind(Box::new(()));
        }));
        assert!(caught.is_err() && mutex.is_poisoned() && !panicking());
        done.set(true);
    });
    neighbour.join().expect("no assertion fails");
    let payload = unwinding.join().expect_err("it unwound");
    assert_eq!(payload.downcast_ref(), Some(&"the unwinding's own payload"));
    assert!(!panicking());
}

#[test]
fn what_a_destructor_spawns_is_not_panicking() {
    fn child() {
        let mutex = Mutex::new(());
        for _ in 0..3 {
            let guard = mutex.lock();
            assert!(!panicking() && guard.is_ok());
            yield_now();
        }
        assert!(catch_unwind(|| resume_unwind(Box::new("the child's"))).is_err());
        assert!(!panicking() && !mutex.is_poisoned());
    }
    fn family() {
        let caught = catch_unwind(|| {
            let _finally = Finally(|| {
                local(child).join().expect("no assertion fails");
                spawn(Options::default(), child).expect("a green thread").join().expect("no assertion fails");
                assert!(panicking());
            });
            resume_unwind(Box::new("the parent's"));
        });
        let payload: Box<dyn std::any::Any + Send> = caught.map(|never: ()| never).expect_err("it unwound");
        assert_eq!(payload.downcast_ref(), Some(&"the parent's"));
        assert!(!panicking());
    }
    family();
    local(family).join().expect("no assertion fails");
    spawn(Options::default(), family).expect("a green thread").join().expect("no assertion fails");
}

/// eventlet's `test_exceptionpreservation`: while one waits in the middle of its unwinding another panics and catches
/// that; each goes on with what is its own.
#[test]
fn a_panic_elsewhere_takes_the_place_of_none() {
    let (unwinds, caught) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let first = {
        let (unwinds, caught) = (Rc::clone(&unwinds), Rc::clone(&caught));
        local(move || {
            let _finally = Finally(|| {
                unwinds.set(true);
                while !caught.get() {
                    assert!(panicking());
                    yield_now();
                }
                assert!(panicking());
            });
            resume_unwind(Box::new("the first"));
        })
    };
    let second = local(move || {
        while !unwinds.get() {
            yield_now();
        }
        let payload = catch_unwind(|| {
            let _finally = Finally(|| {
                // The first is resumed while both unwind.
                assert!(panicking());
                yield_now();
                assert!(panicking());
            });
            panic!("the second, which this test expects to see");
        })
        .map(|never: ()| never)
        .expect_err("it panicked");
        assert!(!panicking());
        caught.set(true);
        yield_now();
        payload
    });
    let payload = first.join().map(|never: ()| never).expect_err("it unwound");
    assert_eq!(payload.downcast_ref(), Some(&"the first"));
    let payload = second.join().expect("it caught its panic");
    assert_eq!(payload.downcast_ref(), Some(&"the second, which this test expects to see"));
    assert!(!panicking());
}

#[test]
fn many_unwind_at_once_in_any_order() {
    let order = Rc::new(RefCell::new(Vec::new()));
    let threads: Vec<_> = (0..20_usize)
        .map(|n| {
            let order = Rc::clone(&order);
            local(move || {
                let _finally = Finally(|| {
                    // They end in another order than they began.
                    for _ in 0..(7 * n) % 20 {
                        assert!(panicking());
                        yield_now();
                    }
                    assert!(panicking());
                    order.borrow_mut().push(n);
                });
                resume_unwind(Box::new(n));
            })
        })
        .collect();
    for (n, thread) in threads.into_iter().enumerate() {
        assert!(!panicking());
        let payload: Box<dyn std::any::Any + Send> = thread.join().expect_err("it unwound");
        assert_eq!(payload.downcast_ref(), Some(&n));
    }
    let mut order = order.borrow().clone();
    assert!(!order.is_sorted());
    order.sort_unstable();
    assert_eq!(order, (0..20).collect::<Vec<_>>());
}

#[test]
fn panics_in_destructors_of_an_unwinding_nest() {
    let done = Rc::new(Cell::new(false));
    let unwinding = {
        let done = Rc::clone(&done);
        local(move || {
            let _outer = Finally(move || {
                let done = Rc::clone(&done);
                assert!(catch_unwind(AssertUnwindSafe(|| park_while_unwinding(done))).is_err());
                assert!(panicking());
                yield_now();
                assert!(panicking());
            });
            resume_unwind(Box::new(()));
        })
    };
    let neighbour = local(move || {
        for _ in 0..5 {
            assert!(!panicking());
            yield_now();
        }
        done.set(true);
    });
    neighbour.join().expect("no assertion fails");
    assert!(unwinding.join().is_err());
    assert!(!panicking());
}

#[test]
fn killed_ones_park_in_destructors_on_worker_hubs() {
    let poisoned = Arc::new(Mutex::new(0_u32));
    let threads: Vec<_> = (0..50)
        .map(|_| {
            let counter = Arc::clone(&poisoned);
            let thread = spawn(Options::default(), move || {
                let _finally = Finally(|| {
                    for _ in 0..3 {
                        yield_now();
                    }
                    assert!(panicking());
                });
                loop {
                    // Locked and unlocked by many that are not unwinding, among many that are.
                    *counter.lock().expect("no guard is held while unwinding") += 1;
                    assert!(!panicking());
                    yield_now();
                }
            });
            thread.expect("one green thread more")
        })
        .collect();
    for thread in &threads {
        yield_now();
        thread.kill().expect("kills are possible");
    }
    for thread in threads {
        let payload = thread.join().map(|never: ()| never).expect_err("killed");
        assert!(payload.is::<Killed>());
    }
    assert!(!poisoned.is_poisoned());
}
