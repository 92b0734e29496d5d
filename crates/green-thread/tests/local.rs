//! `thread_local!`: one value per green thread, with std's life cycle.

mod modes;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use green_thread::{self as thread, LocalKey, thread_local};
use modes::{Flag, OnDrop};

thread_local! {
    static NUMBER: Cell<u32> = const { Cell::new(7) };
    static NAMES: RefCell<Vec<String>> = RefCell::new(vec!["initial".to_owned()]);
    static FORBIDDEN: Cell<u32> = panic!("the initializer must not run");
}

/// eventlet: `Locals.test_assignment`.
#[test]
fn every_green_thread_has_its_own() {
    NUMBER.set(1);
    let children: Vec<_> = (0..50)
        .map(|n| {
            thread::spawn(move || {
                assert_eq!(NUMBER.get(), 7);
                NUMBER.set(n);
                for _ in 0..5 {
                    thread::yield_now();
                    assert_eq!(NUMBER.get(), n);
                }
                NUMBER.get()
            })
        })
        .collect();
    let locals: Vec<_> = (0..50)
        .map(|n| {
            thread::spawn_local(move || {
                assert_eq!(NUMBER.replace(n), 7);
                thread::yield_now();
                NUMBER.get()
            })
        })
        .collect();
    for (n, child) in (0..).zip(children) {
        assert_eq!(child.join().unwrap(), n);
    }
    for (n, child) in (0..).zip(locals) {
        assert_eq!(child.join().unwrap(), n);
    }
    assert_eq!(NUMBER.get(), 1);
}

#[test]
fn cell_and_ref_cell_methods() {
    assert_eq!(NUMBER.get(), 7);
    NUMBER.set(8);
    assert_eq!(NUMBER.replace(9), 8);
    assert_eq!(NUMBER.take(), 9);
    assert_eq!(NUMBER.with(Cell::get), 0);
    assert_eq!(NUMBER.try_with(Cell::get), Ok(0));

    NAMES.with_borrow(|names| assert_eq!(*names, ["initial"]));
    NAMES.with_borrow_mut(|names| names.push("second".to_owned()));
    assert_eq!(NAMES.replace(vec![]), ["initial", "second"]);
    NAMES.set(vec!["third".to_owned()]);
    assert_eq!(NAMES.take(), ["third"]);
    NAMES.with_borrow(|names| assert!(names.is_empty()));
}

#[test]
fn set_skips_the_initializer() {
    thread::spawn(|| {
        FORBIDDEN.set(5);
        assert_eq!(FORBIDDEN.get(), 5);
    })
    .join()
    .unwrap();
    assert!(thread::spawn(|| FORBIDDEN.get()).join().is_err());
}

/// eventlet: `Locals.test_calls_init`.
#[test]
fn initializer_runs_once_per_thread_and_lazily() {
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static LAZY: u8 = { RUNS.fetch_add(1, Ordering::SeqCst); 4 });
    thread::spawn(|| ()).join().unwrap();
    assert_eq!(RUNS.load(Ordering::SeqCst), 0);
    for _ in 0..3 {
        thread::spawn(|| {
            assert_eq!(LAZY.with(|n| *n), 4);
            assert_eq!(LAZY.with(|n| *n), 4);
        })
        .join()
        .unwrap();
    }
    assert_eq!(RUNS.load(Ordering::SeqCst), 3);
}

#[test]
fn initializer_may_use_other_keys_and_park() {
    thread_local!(static DERIVED: u32 = { thread::yield_now(); NUMBER.get() + 1 });
    for child in [(); 4].map(|()| thread::spawn(|| DERIVED.with(|n| *n))) {
        assert_eq!(child.join().unwrap(), 8);
    }
}

struct Tell(&'static str, RefCell<Option<Arc<Mutex<Vec<&'static str>>>>>);

impl Tell {
    const fn new(name: &'static str) -> Tell {
        Tell(name, RefCell::new(None))
    }

    fn start(&self, log: &Arc<Mutex<Vec<&'static str>>>) {
        *self.1.borrow_mut() = Some(Arc::clone(log));
    }
}

impl Drop for Tell {
    fn drop(&mut self) {
        if let Some(log) = self.1.take() {
            log.lock().unwrap().push(self.0);
        }
    }
}

#[test]
fn destructors_run_at_the_end_before_join_returns() {
    thread_local!(static TELL: Tell = const { Tell::new("local") });
    let log: Arc<Mutex<Vec<_>>> = Arc::default();
    for spawn_in in [true, false] {
        log.lock().unwrap().clear();
        let body = {
            let log = Arc::clone(&log);
            move || {
                TELL.with(|tell| tell.start(&log));
                thread::yield_now();
                log.lock().unwrap().push("body");
            }
        };
        if spawn_in {
            thread::spawn(body).join().unwrap();
        } else {
            thread::spawn_local(body).join().unwrap();
        }
        assert_eq!(*log.lock().unwrap(), ["body", "local"]);
    }
}

#[test]
fn destructors_run_after_panic_and_kill() {
    thread_local!(static TELL: Tell = const { Tell::new("local") });
    let log: Arc<Mutex<Vec<_>>> = Arc::default();
    let failing = thread::spawn({
        let log = Arc::clone(&log);
        move || {
            TELL.with(|tell| tell.start(&log));
            modes::quiet_panic("with a local")
        }
    });
    assert!(failing.join().is_err());
    assert_eq!(*log.lock().unwrap(), ["local"]);
    let reached = Flag::new();
    let killed = thread::spawn({
        let (log, reached) = (Arc::clone(&log), reached.clone());
        move || {
            TELL.with(|tell| tell.start(&log));
            reached.raise();
            loop {
                thread::park();
            }
        }
    });
    reached.wait();
    killed.kill().unwrap();
    assert!(killed.join().is_err());
    assert_eq!(*log.lock().unwrap(), ["local", "local"]);
}

#[test]
fn destructor_may_park_and_is_not_killed() {
    struct Slow(RefCell<Option<(Flag, Flag, Flag)>>);
    impl Drop for Slow {
        fn drop(&mut self) {
            if let Some((inside, go, done)) = self.0.take() {
                inside.raise();
                go.wait();
                // A timed park, which the kill must not end.
                thread::sleep(std::time::Duration::from_millis(1));
                done.raise();
            }
        }
    }
    thread_local!(static SLOW: Slow = const { Slow(RefCell::new(None)) });
    let (inside, go, done) = (Flag::new(), Flag::new(), Flag::new());
    let child = thread::spawn({
        let flags = (inside.clone(), go.clone(), done.clone());
        move || SLOW.with(|slow| *slow.0.borrow_mut() = Some(flags))
    });
    inside.wait();
    child.kill().unwrap();
    go.raise();
    child.join().unwrap();
    assert!(done.is_up());
}

#[test]
fn key_under_destruction_gives_access_error() {
    struct Probe(Cell<bool>, RefCell<Option<Arc<Mutex<Vec<bool>>>>>);
    impl Drop for Probe {
        fn drop(&mut self) {
            if let Some(seen) = self.1.take() {
                seen.lock().unwrap().push(PROBE.try_with(|_| ()).is_err());
            }
        }
    }
    thread_local!(static PROBE: Probe = const { Probe(Cell::new(false), RefCell::new(None)) });
    let seen: Arc<Mutex<Vec<bool>>> = Arc::default();
    thread::spawn({
        let seen = Arc::clone(&seen);
        move || {
            PROBE.with(|probe| {
                probe.0.set(true);
                *probe.1.borrow_mut() = Some(seen);
            });
        }
    })
    .join()
    .unwrap();
    assert_eq!(*seen.lock().unwrap(), [true]);
}

#[test]
fn access_error_is_an_error() {
    fn check<E: std::error::Error + Copy + Eq + Send + Sync + 'static>() {}
    check::<thread::AccessError>();
}

#[test]
fn values_need_no_send_and_live_across_parks() {
    thread_local!(static SHARED: Rc<Cell<u32>> = Rc::new(Cell::new(0)));
    let children: Vec<_> = (0..20)
        .map(|_| {
            thread::spawn(|| {
                let held = SHARED.with(Rc::clone);
                SHARED.with(|shared| {
                    for _ in 0..20 {
                        shared.set(shared.get() + 1);
                        thread::yield_now();
                    }
                });
                assert_eq!(Rc::strong_count(&held), 2);
                held.get()
            })
        })
        .collect();
    for child in children {
        assert_eq!(child.join().unwrap(), 20);
    }
}

#[test]
fn scoped_children_have_their_own() {
    NUMBER.set(100);
    thread::scope(|s| {
        for _ in 0..4 {
            s.spawn(|| {
                assert_eq!(NUMBER.get(), 7);
                NUMBER.set(8);
            });
        }
    });
    assert_eq!(NUMBER.get(), 100);
}

#[test]
fn plain_os_threads_have_their_own() {
    let dropped = Flag::new();
    thread_local!(static HELD: RefCell<Option<modes::RaiseOnDrop>> = const { RefCell::new(None) });
    NUMBER.set(55);
    std::thread::spawn({
        let dropped = dropped.clone();
        move || {
            assert_eq!(NUMBER.get(), 7);
            HELD.with_borrow_mut(|held| *held = Some(dropped.on_drop()));
        }
    })
    .join()
    .unwrap();
    assert!(dropped.is_up());
    assert_eq!(NUMBER.get(), 55);
}

#[test]
fn many_keys_and_a_key_behind_a_reference() {
    thread_local! {
        static A: u8 = const { 1 };
        static B: String = String::from("b");
        pub static C: Cell<Option<Box<u8>>> = const { Cell::new(None) };
    }
    fn read(key: &'static LocalKey<u8>) -> u8 {
        key.with(|n| *n)
    }
    assert_eq!(read(&A), 1);
    assert_eq!(B.with(String::len), 1);
    C.set(Some(Box::new(3)));
    assert_eq!(C.take(), Some(Box::new(3)));
    assert!(format!("{A:?}").contains("LocalKey"));
}

#[test]
fn destructor_of_one_key_may_use_another() {
    thread_local!(static LAST: Cell<u32> = const { Cell::new(0) });
    struct UseLast(RefCell<Option<Arc<AtomicUsize>>>);
    impl Drop for UseLast {
        fn drop(&mut self) {
            if let Some(count) = self.0.take() {
                // The other key has no destructor, so it stays usable as with std.
                LAST.set(LAST.get() + 1);
                count.fetch_add(LAST.get() as usize, Ordering::SeqCst);
            }
        }
    }
    thread_local!(static USER: UseLast = const { UseLast(RefCell::new(None)) });
    let count = Arc::new(AtomicUsize::new(0));
    thread::spawn({
        let count = Arc::clone(&count);
        move || USER.with(|user| *user.0.borrow_mut() = Some(count))
    })
    .join()
    .unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

/// eventlet: `Locals.test_no_leaking`.
#[test]
fn locals_are_gone_when_a_joiner_goes_on() {
    thread_local!(static HELD: RefCell<Vec<Arc<()>>> = const { RefCell::new(Vec::new()) });
    let witness = Arc::new(());
    for _ in 0..100 {
        let held = Arc::clone(&witness);
        thread::spawn(move || HELD.with_borrow_mut(|list| list.push(held))).join().unwrap();
        assert_eq!(Arc::strong_count(&witness), 1);
    }
    let _unused = OnDrop(|| ());
}
