//! A39: what QEMU asks of its coroutines, one test for each of its cases.
//!
//! There a lock's waiter is a coroutine, and the main loop goes on. Here it is the green thread that the coroutine runs
//! in, so each party below is a coroutine in a green thread of its own.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use green::coroutine::{self, Coroutine, CoroutineId, Step, Yielder, generator};
use green::sync::{Mutex, RwLock, RwLockWriteGuard};
use green::thread;

#[test]
fn a39_in_coroutine() {
    assert!(coroutine::current().is_none());
    let mut c = Coroutine::new(|_: &Yielder<(), ()>, ()| coroutine::current().is_some());
    assert_eq!(c.resume(()), Step::Done(true));
    assert!(coroutine::current().is_none());
}

#[test]
fn a39_self() {
    let mut c = Coroutine::new(|_: &Yielder<(), ()>, ()| coroutine::current());
    let id = c.id();
    assert_eq!(c.resume(()), Step::Done(Some(id)));
    assert_ne!(generator(|_: &Yielder<(), ()>| ()).id(), id);
}

#[test]
fn a39_entered() {
    fn enter(outer: Option<CoroutineId>) -> Coroutine<(), (), ()> {
        generator(move |out| {
            assert!(coroutine::current().unwrap().is_entered());
            assert!(outer.is_none_or(CoroutineId::is_entered));
            out.suspend(());
            assert!(coroutine::current().unwrap().is_entered());
        })
    }
    let mut first = generator(|out| {
        let mut second = enter(coroutine::current());
        let id = second.id();
        assert!(!id.is_entered());
        second.next();
        assert!(!id.is_entered());
        out.suspend(());
        assert_eq!(second.next(), None);
        assert!(!id.is_entered());
    });
    let id = first.id();
    assert!(!id.is_entered());
    first.next();
    assert!(!id.is_entered());
    assert_eq!(first.next(), None);
    assert!(!id.is_entered());
}

#[test]
fn a39_nesting_128() {
    const DEPTH: u32 = 128;
    fn nest(depth: u32, entered: Rc<Cell<u32>>, left: Rc<Cell<u32>>) -> Coroutine<(), (), ()> {
        generator(move |_| {
            entered.set(entered.get() + 1);
            if depth > 1 {
                nest(depth - 1, entered, Rc::clone(&left)).for_each(drop);
            }
            left.set(left.get() + 1);
        })
    }
    let (entered, left) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
    assert_eq!(nest(DEPTH, Rc::clone(&entered), Rc::clone(&left)).next(), None);
    assert_eq!((entered.get(), left.get()), (DEPTH, DEPTH));
}

#[test]
fn a39_yield_5_times() {
    let mut c = generator(|out| (0..5).for_each(|_| out.suspend(())));
    let mut resumes = 0;
    while !c.is_done() {
        c.next();
        resumes += 1;
    }
    // Five that come back by a yield, and the one that ends it.
    assert_eq!(resumes, 6);
}

#[test]
fn a39_order_of_execution() {
    let log: Rc<RefCell<Vec<(u8, u8)>>> = Rc::default();
    let inside = Rc::clone(&log);
    let mut c = generator(move |out| {
        for step in 1..=2 {
            inside.borrow_mut().push((2, step));
            out.suspend(());
        }
    });
    for step in 1..=3 {
        log.borrow_mut().push((1, step));
        c.next();
    }
    assert_eq!(*log.borrow(), [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3)]);
}

#[test]
fn a39_lifecycle() {
    let done = Rc::new(Cell::new(false));
    for _ in 0..2 {
        done.set(false);
        let flag = Rc::clone(&done);
        // The second one has the first one's stack.
        Coroutine::new(move |_: &Yielder<(), ()>, ()| flag.set(true)).resume(());
        assert!(done.get());
    }
}

/// What one coroutine does: it suspends itself, and logs.
type Party = Box<dyn FnOnce(&Yielder<(), ()>, &dyn Fn(&'static str))>;

/// Runs parties, each a coroutine in a green thread, in the order given; each goes on where it suspended itself when all
/// others had a turn. Returns what they logged.
fn run(parties: Vec<Party>) -> Vec<&'static str> {
    let log: Rc<RefCell<Vec<&'static str>>> = Rc::default();
    let threads: Vec<_> = parties
        .into_iter()
        .map(|party| {
            let log = Rc::clone(&log);
            thread::spawn_local(move || {
                let body = generator(move |out| party(out, &|line| log.borrow_mut().push(line)));
                body.for_each(|()| thread::yield_now());
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    log.take()
}

#[test]
fn a39_co_mutex_is_handed_on() {
    let lock = Rc::new(Mutex::new(0));
    let party = |name: &'static str, again: &'static str| -> Party {
        let lock = Rc::clone(&lock);
        Box::new(move |out, log| {
            let mut held = lock.lock().unwrap();
            *held += 1;
            log(name);
            // The lock is kept while others want it.
            out.suspend(());
            *held += 1;
            log(again);
        })
    };
    let lines = run(vec![party("a1", "a2"), party("b1", "b2"), party("c1", "c2")]);
    assert_eq!(lines, ["a1", "a2", "b1", "b2", "c1", "c2"]);
    assert_eq!(*lock.lock().unwrap(), 6);
}

/// std's lock has no upgrade in place: it is to stop reading and to write. The one that runs may be first, once; but one
/// that does so over and over does not starve a writer that waits.
#[test]
fn a39_rwlock_upgrade_does_not_starve_a_writer() {
    let lock = Rc::new(RwLock::new(false));
    let (first, second) = (Rc::clone(&lock), lock);
    let lines = run(vec![
        Box::new(move |out, log| {
            log("1 begins");
            for _ in 0..10 {
                let reads = first.read().unwrap();
                if *reads {
                    log("1 reads what 2 wrote");
                    return;
                }
                out.suspend(());
                drop(reads);
                let _writes = first.write().unwrap();
                // Held whenever the other has its turn.
                out.suspend(());
            }
            panic!("the other has waited for ten upgrades");
        }),
        Box::new(move |_, log| {
            *second.write().unwrap() = true;
            log("2 writes");
        }),
    ]);
    assert_eq!(lines, ["1 begins", "2 writes", "1 reads what 2 wrote"]);
}

/// | 1       | 2         | 3       | 4        |
/// |---------|-----------|---------|----------|
/// | reads   |           |         |          |
/// |         | waits     |         |          |
/// |         |           | waits   |          |
/// |         |           |         | waits    |
/// | unlocks | writes    |         |          |
/// |         | downgrades| reads   |          |
/// |         | unlocks   | unlocks | writes   |
#[test]
fn a39_rwlock_downgrade_lets_readers_in_and_then_the_writer() {
    let lock = Rc::new(RwLock::new(()));
    let [one, two, three, four] = std::array::from_fn(|_| Rc::clone(&lock));
    let lines = run(vec![
        Box::new(move |out, log| {
            let _reads = one.read().unwrap();
            log("1 reads");
            out.suspend(());
            log("1 unlocks");
        }),
        Box::new(move |out, log| {
            let writes = two.write().unwrap();
            log("2 writes");
            let _reads = RwLockWriteGuard::downgrade(writes);
            log("2 reads");
            out.suspend(());
            out.suspend(());
            log("2 unlocks");
        }),
        Box::new(move |_, log| {
            let _reads = three.read().unwrap();
            log("3 reads");
        }),
        Box::new(move |_, log| {
            let _writes = four.write().unwrap();
            log("4 writes");
        }),
    ]);
    // What counts is that 3 gets in beside 2, and that 4 gets in at last.
    assert_eq!(lines[..4], ["1 reads", "1 unlocks", "2 writes", "2 reads"]);
    assert_eq!(lines[4..], ["3 reads", "2 unlocks", "4 writes"]);
}
