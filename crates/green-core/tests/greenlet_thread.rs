//! Greenlets and green threads: whose they are, and what their ends mean to each other. L8 to L10 of the features.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};

use green_core::greenlet::{self, Greenlet, ParentError, State, SwitchError};
use green_core::kill::Killed;
use green_core::park::{self, park, yield_now};
use green_core::spawn::{LocalJoiner, spawn, spawn_local};
use green_core::unpark::{Unparker, WaitReason};

fn local<T: 'static>(f: impl FnOnce() -> T + 'static) -> LocalJoiner<T> {
    spawn_local(Default::default(), f).expect("a green thread")
}

struct Counted(Rc<Cell<u32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// A greenlet that waits in its first switch, counting the drop of its frame.
fn waiting(drops: &Rc<Cell<u32>>) -> Greenlet {
    let (counted, back) = (Counted(Rc::clone(drops)), greenlet::current());
    let g = Greenlet::new(move |_| {
        let _counted = counted;
        back.switch(());
    });
    g.switch(());
    g
}

#[test]
fn every_green_thread_has_its_own_main() {
    let mine = greenlet::main();
    let other = local(greenlet::main).join().unwrap();
    assert_ne!(mine, other);
    assert_eq!(other.state(), State::Dead);
}

#[test]
fn a_park_in_a_greenlet_parks_its_green_thread() {
    let unparker: Rc<RefCell<Option<Unparker>>> = Rc::default();
    let slot = Rc::clone(&unparker);
    let thread = local(move || {
        let g = Greenlet::new(move |_| {
            *slot.borrow_mut() = Some(Unparker::current());
            while slot.borrow().is_some() {
                let _ = park(WaitReason::Other);
            }
            11
        });
        g.switch(()).take::<i32>().unwrap()
    });
    while unparker.borrow().is_none() {
        yield_now();
    }
    assert!(!thread.is_finished());
    unparker.take().unwrap().unpark();
    assert_eq!(thread.join().unwrap(), 11);
}

/// greenlet's `test_switch_to_another_thread`.
#[test]
fn another_green_threads_greenlet_is_refused() {
    let drops = Rc::new(Cell::new(0));
    let g = waiting(&drops);
    let theirs = g.clone();
    local(move || {
        assert!(matches!(theirs.try_switch(1), Err(SwitchError::OtherThread)));
        assert!(matches!(theirs.try_throw(Box::new(1)), Err(SwitchError::OtherThread)));
        assert!(catch_unwind(AssertUnwindSafe(|| theirs.switch(()))).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| theirs.kill())).is_err());
        assert_eq!(theirs.set_parent(&greenlet::current()), Err(ParentError::OtherThread));
        // The other way round too: ours cannot begin below theirs.
        let ours = Greenlet::builder().parent(&theirs).build(|_| ());
        assert!(matches!(ours.try_switch(()), Err(SwitchError::OtherThread)));
        assert_eq!(ours.state(), State::Unstarted);
        ours.set_parent(&greenlet::current()).unwrap();
        ours.switch(());
        assert!(ours.is_dead());
    })
    .join()
    .unwrap();
    assert_eq!(g.state(), State::Suspended);
    g.switch(());
    assert_eq!(drops.get(), 1);
}

#[test]
fn an_unstarted_greenlet_can_be_adopted() {
    let g = Greenlet::new(|_| greenlet::main());
    let started = local(move || {
        assert!(matches!(g.try_switch(()), Err(SwitchError::OtherThread)), "its parent is elsewhere");
        g.set_parent(&greenlet::current()).unwrap();
        g.switch(()).take::<Greenlet>().unwrap() == greenlet::main()
    });
    assert!(started.join().unwrap());
}

/// greenlet's `test_switching_many_threads`.
#[test]
fn many_green_threads_switch_and_never_cross() {
    let greenlets: Rc<RefCell<Vec<Greenlet>>> = Rc::default();
    let done = Rc::new(Cell::new(0));
    let threads: Vec<_> = (0..20)
        .map(|_| {
            let (greenlets, done) = (Rc::clone(&greenlets), Rc::clone(&done));
            local(move || {
                let main = greenlet::current();
                let mine = Greenlet::new(move |_| -> () {
                    loop {
                        main.switch(1);
                    }
                });
                mine.switch(());
                greenlets.borrow_mut().push(mine.clone());
                while greenlets.borrow().len() < 20 {
                    yield_now();
                }
                for other in greenlets.borrow().clone() {
                    let crossed = other.try_switch(()).is_ok();
                    assert_eq!(crossed, other == mine);
                    yield_now();
                }
                done.set(done.get() + 1);
                // Nobody's may end while others still try.
                while done.get() < 20 {
                    yield_now();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(greenlets.borrow().iter().all(Greenlet::is_dead), "the ends of their green threads ended them");
}

/// greenlet's `test_dealloc_other_thread`.
#[test]
fn dropped_by_another_green_thread_it_is_unwound_at_home() {
    let drops = Rc::new(Cell::new(0));
    let g = waiting(&drops);
    local(move || drop(g)).join().unwrap();
    assert_eq!(drops.get(), 0);
    // Any use of greenlets will do.
    Greenlet::new(|_| ()).switch(());
    assert_eq!(drops.get(), 1);
}

#[test]
fn dropped_inside_no_switch_it_is_unwound_later() {
    let drops = Rc::new(Cell::new(0));
    let g = waiting(&drops);
    park::no_switch(|| drop(g));
    assert_eq!(drops.get(), 0);
    Greenlet::new(|_| ()).switch(());
    assert_eq!(drops.get(), 1);
}

#[test]
fn the_end_of_a_green_thread_unwinds_its_greenlets() {
    let drops = Rc::new(Cell::new(0));
    let count = Rc::clone(&drops);
    let (kept, suspended) = local(move || {
        let kept = waiting(&count);
        let forgotten = waiting(&count);
        std::mem::forget(forgotten);
        // Holds itself: nobody will ever drop the last handle.
        let (counted, main) = (Counted(count), greenlet::current());
        Greenlet::new(move |_| {
            let _counted = counted;
            let _me = greenlet::current();
            main.switch(());
        })
        .switch(());
        let unstarted = Greenlet::new(|_| ());
        (kept, unstarted)
    })
    .join()
    .unwrap();
    assert_eq!(drops.get(), 3);
    assert_eq!((kept.state(), suspended.state()), (State::Dead, State::Unstarted));
    assert!(matches!(kept.try_switch(()), Err(SwitchError::OtherThread)));
    assert!(matches!(suspended.try_switch(()), Err(SwitchError::OtherThread)));
}

#[test]
fn destructors_at_the_end_may_park_and_start_greenlets() {
    struct Busy(Rc<Cell<u32>>);
    impl Drop for Busy {
        fn drop(&mut self) {
            yield_now();
            let more = waiting(&self.0);
            yield_now();
            std::mem::forget(more);
        }
    }
    let drops = Rc::new(Cell::new(0));
    let count = Rc::clone(&drops);
    local(move || {
        let (busy, main) = (Busy(count), greenlet::current());
        let g = Greenlet::new(move |_| {
            let _busy = busy;
            main.switch(());
        });
        g.switch(());
        std::mem::forget(g);
    })
    .join()
    .unwrap();
    assert_eq!(drops.get(), 1);
}

#[test]
fn one_that_will_not_die_does_not_hold_up_its_green_thread() {
    green_core::thread_local! {
        static LENT: String = String::from("lent for ever");
    }
    let seen = local(|| {
        let main = greenlet::current();
        let g = Greenlet::new(move |_| -> () {
            LENT.with(|_lent| {
                loop {
                    let _ = catch_unwind(AssertUnwindSafe(|| main.switch(())));
                }
            })
        });
        g.switch(());
        g
    })
    .join()
    .unwrap();
    assert_eq!(seen.state(), State::Suspended);
    assert!(matches!(seen.try_switch(()), Err(SwitchError::OtherThread)));
}

#[test]
fn a_kill_of_the_green_thread_unwinds_the_greenlet_and_its_parents() {
    let drops = Rc::new(Cell::new(0));
    let count = Rc::clone(&drops);
    let parked = Rc::new(Cell::new(false));
    let mark = Rc::clone(&parked);
    let thread = local(move || {
        let _outer = Counted(Rc::clone(&count));
        Greenlet::new(move |_| {
            let _middle = Counted(Rc::clone(&count));
            Greenlet::new(move |_| -> () {
                let _inner = Counted(count);
                mark.set(true);
                loop {
                    yield_now();
                }
            })
            .switch(());
        })
        .switch(());
    });
    while !parked.get() {
        yield_now();
    }
    thread.kill().unwrap();
    assert!(thread.join().unwrap_err().is::<Killed>());
    assert_eq!(drops.get(), 3);
}

#[test]
fn greenlets_work_in_green_threads_of_workers() {
    let ends = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..16_u32)
        .map(|n| {
            let ends = Arc::clone(&ends);
            spawn(Default::default(), move || {
                let main = greenlet::current();
                let adder = Greenlet::new(move |value| {
                    let mut sum: u32 = value.take().unwrap();
                    loop {
                        sum += main.switch(sum).take::<u32>().unwrap();
                        yield_now();
                    }
                    #[expect(unreachable_code, reason = "gives the closure a type")]
                    ()
                });
                let mut last = 0;
                for _ in 0..100 {
                    last = adder.switch(n).take::<u32>().unwrap();
                    yield_now();
                }
                ends.fetch_add(1, Ordering::Relaxed);
                last
            })
            .unwrap()
        })
        .collect();
    for (n, thread) in (0..).zip(threads) {
        assert_eq!(thread.join().unwrap(), 100 * n);
    }
    assert_eq!(ends.load(Ordering::Relaxed), 16);
}

#[test]
fn the_end_of_an_os_thread_unwinds_its_roots_greenlets() {
    struct Tells(mpsc::Sender<&'static str>, &'static str);
    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.send(self.1).unwrap();
        }
    }
    green_core::thread_local! {
        static TOLD: RefCell<Option<Tells>> = const { RefCell::new(None) };
        static HELD: RefCell<Option<Greenlet>> = const { RefCell::new(None) };
    }
    fn check(suspend: bool) -> Vec<&'static str> {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            TOLD.set(Some(Tells(sender.clone(), "local")));
            let (tells, main) = (Tells(sender, "greenlet"), greenlet::current());
            let g = Greenlet::new(move |_| {
                TOLD.with_borrow(|_borrowed| {
                    let _tells = tells;
                    if suspend {
                        main.switch(());
                    }
                });
            });
            g.switch(());
            HELD.set(Some(g));
        })
        .join()
        .unwrap();
        receiver.try_iter().collect()
    }
    assert_eq!(check(false), ["greenlet", "local"]);
    // Before what it borrows goes.
    assert_eq!(check(true), ["greenlet", "local"]);
}
