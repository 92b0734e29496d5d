//! `OnceLock`: std's behaviour, from OS threads, green threads and both, and what kills do.

mod worlds;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, MutexGuard};

use green_sync::OnceLock;
use green_thread::{self as green, Killed};
use worlds::{Count, assert_is, assert_not, in_every_world, linger, until};

assert_is!(OnceLock<u8>: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(OnceLock<Cell<u8>>: Send);
assert_not!(OnceLock<Cell<u8>>: Sync);
assert_not!(OnceLock<MutexGuard<'static, u8>>: Send);
assert_not!(OnceLock<MutexGuard<'static, u8>>: Sync);
assert_not!(OnceLock<Rc<u8>>: Send);
assert_not!(OnceLock<&mut u8>: UnwindSafe);
assert_not!(OnceLock<RefCell<u8>>: RefUnwindSafe);

in_every_world! {
    fn the_first_value_stays() {
        let cell = sync::OnceLock::new();
        assert_eq!(cell.get(), None);
        assert_eq!(cell.set(1), Ok(()));
        assert_eq!(cell.set(2), Err(2));
        assert_eq!(cell.get_or_init(|| unreachable!("it is there")), &1);
        assert_eq!(cell.get(), Some(&1));
        assert_eq!(cell.wait(), &1);
        assert_eq!(cell.into_inner(), Some(1));
    }

    fn it_can_be_emptied_and_filled_again() {
        let mut cell = sync::OnceLock::from(1);
        *cell.get_mut().unwrap() = 2;
        assert_eq!(cell.take(), Some(2));
        assert_eq!(cell.take(), None);
        assert_eq!(cell.get_mut(), None);
        assert_eq!(cell.get_or_init(|| 3), &3);
        assert_eq!(sync::OnceLock::<u8>::new().into_inner(), None);
    }

    fn it_is_copied_compared_and_shown_with_its_value() {
        let (empty, full) = (sync::OnceLock::<u8>::default(), sync::OnceLock::from(3));
        assert_eq!(format!("{empty:?} {full:?} {full:#?}"), "OnceLock(<uninit>) OnceLock(3) OnceLock(\n    3,\n)");
        assert_eq!(full.clone(), full);
        assert_eq!(empty.clone(), empty);
        assert_ne!(empty, full);
        assert_ne!(full, sync::OnceLock::from(4));
    }

    fn one_of_many_computes() {
        let shared = Arc::new((sync::OnceLock::new(), Count::default()));
        let threads: Vec<_> = (0..20)
            .map(|index| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    *shared.0.get_or_init(|| {
                        shared.1.add();
                        linger();
                        index
                    })
                })
            })
            .collect();
        let value = *shared.0.wait();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), value);
        }
        assert_eq!(shared.1.get(), 1);
    }

    fn waiters_get_what_is_set_later() {
        let cell = Arc::new(sync::OnceLock::new());
        let threads: Vec<_> = (0..5)
            .map(|_| {
                let cell = Arc::clone(&cell);
                thread::spawn(move || *cell.wait())
            })
            .collect();
        linger();
        cell.set(7).unwrap();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 7);
        }
    }

    fn a_panic_leaves_it_empty() {
        let cell = sync::OnceLock::new();
        for _ in 0..2 {
            assert!(catch_unwind(AssertUnwindSafe(|| cell.get_or_init(|| panic!("no luck")))).is_err());
            assert_eq!(cell.get(), None);
        }
        assert_eq!(cell.set(1), Ok(()));
    }

    fn the_next_waiter_runs_its_own_initialiser() {
        let cell = Arc::new(sync::OnceLock::new());
        let inside = Count::default();
        let failing = {
            let (cell, inside) = (Arc::clone(&cell), inside.clone());
            thread::spawn(move || {
                let result = catch_unwind(AssertUnwindSafe(|| {
                    cell.get_or_init(|| {
                        inside.add();
                        linger();
                        panic!("no luck")
                    });
                }));
                assert!(result.is_err());
            })
        };
        until(|| inside.get() == 1);
        let other = Arc::clone(&cell);
        let other = thread::spawn(move || *other.get_or_init(|| 2));
        let waiter = Arc::clone(&cell);
        let waiter = thread::spawn(move || *waiter.wait());
        failing.join().unwrap();
        assert_eq!(other.join().unwrap(), 2);
        assert_eq!(waiter.join().unwrap(), 2);
    }

    fn values_are_dropped_once() {
        let count = Count::default();
        let cell = sync::OnceLock::new();
        assert!(cell.set(count.token()).is_ok());
        drop(cell.set(count.token()));
        assert_eq!(count.get(), 1);
        drop(cell);
        assert_eq!(count.get(), 2);
        drop(sync::OnceLock::from(count.token()).take());
        assert_eq!(count.get(), 3);
        drop(sync::OnceLock::from(count.token()).into_inner());
        assert_eq!(count.get(), 4);
    }

    /// The value may borrow what dies with the cell.
    fn it_is_lenient_about_drop_order() {
        let cell = sync::OnceLock::new();
        {
            let text = String::from("shorter");
            let borrower = sync::OnceLock::new();
            borrower.set(&text).unwrap();
            cell.set(borrower.get().unwrap().len()).unwrap();
        }
        assert_eq!(cell.get(), Some(&7));
    }

    fn it_works_in_a_static() {
        static CELL: sync::OnceLock<String> = sync::OnceLock::new();
        let thread = thread::spawn(|| CELL.get_or_init(|| "value".into()).as_str());
        assert_eq!(thread.join().unwrap(), CELL.wait());
    }
}

#[test]
fn a_killed_initialiser_leaves_it_empty_for_the_next() {
    let cell = Arc::new(OnceLock::new());
    let inside = Count::default();
    let victim = {
        let (cell, inside) = (Arc::clone(&cell), inside.clone());
        green::spawn(move || {
            cell.get_or_init(|| {
                inside.add();
                loop {
                    green::park();
                }
            });
        })
    };
    until(|| inside.get() == 1);
    let others: Vec<_> = (0..5)
        .map(|index| {
            let cell = Arc::clone(&cell);
            green::spawn(move || *cell.get_or_init(|| index))
        })
        .collect();
    linger();
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    let value = *cell.wait();
    for other in others {
        assert_eq!(other.join().unwrap(), value);
    }
}

#[test]
fn cyclic_initialisation_waits_and_can_be_killed() {
    static ONE: OnceLock<u32> = OnceLock::new();
    static TWO: OnceLock<u32> = OnceLock::new();
    let inside = Count::default();
    let guard = inside.clone();
    let victim = green::spawn(move || {
        ONE.get_or_init(|| {
            *TWO.get_or_init(|| {
                guard.add();
                *ONE.get_or_init(|| unreachable!("it is under way"))
            })
        });
    });
    until(|| inside.get() == 1);
    linger();
    assert!(!victim.is_finished());
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    assert_eq!((ONE.get_or_init(|| 1), TWO.get_or_init(|| 2)), (&1, &2));
}

/// I15: the next one takes the place of an initialiser that is lost with its OS thread.
#[test]
fn an_initialiser_that_is_lost_with_its_os_thread_is_replaced() {
    static CELL: OnceLock<u32> = OnceLock::new();
    let (begun, go) = (Count::default(), Count::default());
    let (begin, end) = (begun.clone(), go.clone());
    let os_thread = std::thread::spawn(move || {
        green::spawn_local(move || {
            CELL.get_or_init(|| {
                begin.add();
                loop {
                    green::park();
                }
            });
        });
        green::yield_now();
        until(|| end.get() == 1);
    });
    until(|| begun.get() == 1);
    let waiters = [|| *CELL.wait(), || *CELL.get_or_init(|| 7)].map(green::spawn::<fn() -> u32, _>);
    linger();
    go.add();
    for waiter in waiters {
        assert_eq!(waiter.join().unwrap(), 7);
    }
    until(|| os_thread.is_finished());
}
