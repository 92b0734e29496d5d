//! `LazyLock`: std's behaviour, from OS threads, green threads and both, and what kills do.

mod worlds;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use green_sync::LazyLock;
use green_thread::{self as green, Killed};
use worlds::{Count, assert_is, assert_not, in_every_world, linger, until};

assert_is!(LazyLock<u8>: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe);
assert_is!(LazyLock<u8, Cell<u8>>: Send + Sync);
assert_not!(LazyLock<Cell<u8>>: Sync);
assert_not!(LazyLock<u8, Rc<u8>>: Send);
assert_not!(LazyLock<u8, Rc<u8>>: Sync);
assert_not!(LazyLock<RefCell<u8>>: RefUnwindSafe);
assert_not!(LazyLock<u8, &mut u8>: UnwindSafe);

const POISONED: &str = "LazyLock instance has previously been poisoned";

/// Returns what a panic said.
fn message<R>(body: impl FnOnce() -> R) -> &'static str {
    let payload = catch_unwind(AssertUnwindSafe(body)).err().expect("it panics");
    payload.downcast_ref::<&str>().unwrap()
}

in_every_world! {
    fn it_is_computed_when_it_is_first_needed() {
        let count = Count::default();
        let mut lazy = sync::LazyLock::new(|| {
            count.add();
            92
        });
        assert_eq!(sync::LazyLock::get(&lazy), None);
        assert_eq!(sync::LazyLock::get_mut(&mut lazy), None);
        assert_eq!(count.get(), 0);
        assert_eq!((*lazy, *lazy, sync::LazyLock::force(&lazy)), (92, 92, &92));
        *lazy = 93;
        *sync::LazyLock::force_mut(&mut lazy) += 1;
        *sync::LazyLock::get_mut(&mut lazy).unwrap() += 1;
        assert_eq!(sync::LazyLock::get(&lazy), Some(&95));
        assert_eq!(count.get(), 1);
    }

    fn a_change_computes_it_first() {
        let mut lazy = sync::LazyLock::new(|| vec![1]);
        lazy.push(2);
        assert_eq!(*lazy, [1, 2]);
    }

    fn one_of_many_computes() {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        static LAZY: sync::LazyLock<u32> = sync::LazyLock::new(|| {
            linger();
            COUNT.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
        });
        let threads: Vec<_> = (0..20).map(|_| thread::spawn(|| *LAZY)).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 0);
        }
    }

    fn it_is_shown_with_its_value() {
        let lazy = sync::LazyLock::<u8>::default();
        assert_eq!(format!("{lazy:?}"), "LazyLock(<uninit>)");
        assert_eq!(*lazy, 0);
        assert_eq!(format!("{lazy:?}"), "LazyLock(0)");
    }

    fn a_panic_poisons_for_good() {
        let mut lazy = sync::LazyLock::<u8, _>::new(|| panic!("no luck"));
        assert_eq!(message(|| *lazy), "no luck");
        assert_eq!(message(|| *lazy), POISONED);
        assert_eq!(message(|| *sync::LazyLock::force_mut(&mut lazy)), POISONED);
        assert_eq!(sync::LazyLock::get(&lazy), None);
        assert_eq!(format!("{lazy:?}"), "LazyLock(<uninit>)");
        let mut lazy = sync::LazyLock::<u8, _>::new(|| panic!("no luck"));
        assert_eq!(message(|| *lazy = 1), "no luck");
        assert_eq!(message(|| *lazy), POISONED);
    }

    fn waiters_of_a_panicking_initialiser_panic() {
        let inside = Count::default();
        let within = inside.clone();
        let lazy = Arc::new(sync::LazyLock::<u8, _>::new(move || {
            within.add();
            linger();
            panic!("no luck")
        }));
        let first = Arc::clone(&lazy);
        let first = thread::spawn(move || message(|| **first));
        until(|| inside.get() == 1);
        let second = Arc::clone(&lazy);
        let second = thread::spawn(move || message(|| **second));
        assert_eq!(first.join().unwrap(), "no luck");
        assert_eq!(second.join().unwrap(), POISONED);
    }

    fn an_unused_initialiser_is_dropped() {
        let count = Count::default();
        let token = count.token();
        drop(sync::LazyLock::new(move || drop(token)));
        assert_eq!(count.get(), 1);
        let token = count.token();
        let lazy = sync::LazyLock::new(move || token);
        sync::LazyLock::force(&lazy);
        assert_eq!(count.get(), 1);
        drop(lazy);
        assert_eq!(count.get(), 2);
    }
}

#[test]
fn a_killed_initialiser_poisons() {
    let inside = Count::default();
    let within = inside.clone();
    let lazy = Arc::new(LazyLock::<u8, _>::new(move || {
        within.add();
        loop {
            green::park();
        }
    }));
    let victim = Arc::clone(&lazy);
    let victim = green::spawn(move || **victim);
    until(|| inside.get() == 1);
    victim.kill().unwrap();
    assert!(victim.join().unwrap_err().is::<Killed>());
    assert_eq!(message(|| **lazy), POISONED);
}

#[test]
fn an_initialiser_may_park() {
    static LAZY: LazyLock<u32> = LazyLock::new(|| green::spawn(|| 3).join().unwrap());
    let threads: Vec<_> = (0..3).map(|_| green::spawn(|| *LAZY)).collect();
    assert_eq!(*LAZY, 3);
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 3);
    }
}

/// I15: an initialiser that is lost with its OS thread cannot be called again.
#[test]
fn an_initialiser_that_is_lost_with_its_os_thread_poisons() {
    static LAZY: LazyLock<u32> = LazyLock::new(|| {
        loop {
            green::park();
        }
    });
    let os_thread = std::thread::spawn(|| {
        green::spawn_local(|| LazyLock::force(&LAZY));
        green::yield_now();
    });
    os_thread.join().unwrap();
    for _ in 0..2 {
        assert_eq!(message(|| *LAZY), POISONED);
    }
}
