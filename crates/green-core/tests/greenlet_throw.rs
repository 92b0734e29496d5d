//! Throwing, killing and dropping greenlets: L5 and L10 of the features.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use green_core::greenlet::{self, Exit, Greenlet, State, Value};

struct Counted(Rc<Cell<u32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

fn int(value: Value) -> i32 {
    value.take().expect("an i32")
}

fn caught<R>(f: impl FnOnce() -> R) -> Box<dyn std::any::Any + Send> {
    catch_unwind(AssertUnwindSafe(f)).err().expect("it unwinds")
}

/// A greenlet that waits in its first switch, counting the drop of its frame.
fn waiting(drops: &Rc<Cell<u32>>) -> Greenlet {
    let (counted, main) = (Counted(Rc::clone(drops)), greenlet::current());
    let g = Greenlet::new(move |_| {
        let _counted = counted;
        main.switch(());
    });
    g.switch(());
    g
}

/// greenlet's `test_throw`: `test_class` and `test_val`.
#[test]
fn a_throw_arrives_at_the_switch_point() {
    let main = greenlet::current();
    let g = Greenlet::new(move |_| {
        let payload = caught(|| main.switch(()));
        *payload.downcast::<i32>().unwrap()
    });
    g.switch(());
    assert_eq!(int(g.throw(Box::new(17))), 17);
    assert!(g.is_dead());
}

/// greenlet's `test_send_exception`.
#[test]
fn an_uncaught_throw_comes_out_of_the_parent() {
    let drops = Rc::new(Cell::new(0));
    let g = waiting(&drops);
    assert_eq!(*caught(|| g.throw(Box::new("mine"))).downcast::<&str>().unwrap(), "mine");
    assert_eq!((g.state(), drops.get()), (State::Dead, 1));
}

/// greenlet's `test_throw`: `test_kill`.
#[test]
fn kill_ends_with_exit_as_a_value() {
    let drops = Rc::new(Cell::new(0));
    let g = waiting(&drops);
    assert!(g.kill().is_exit());
    assert_eq!((g.state(), drops.get()), (State::Dead, 1));
    // The dead eat it.
    assert!(g.kill().is_exit());
}

#[test]
fn a_kill_can_be_survived() {
    let main = greenlet::current();
    let g = Greenlet::new(move |_| {
        assert!(caught(|| main.switch(())).is::<Exit>());
        main.switch("still here");
        5
    });
    g.switch(());
    assert_eq!(g.kill().take::<&str>().unwrap(), "still here");
    assert_eq!(int(g.switch(())), 5);
}

#[test]
fn a_throw_kills_what_has_not_started() {
    let drops = Rc::new(Cell::new(0));
    let counted = Counted(Rc::clone(&drops));
    let g = Greenlet::new(move |_| drop(counted));
    assert!(g.kill().is_exit());
    assert_eq!((g.state(), drops.get()), (State::Dead, 1));

    let g = Greenlet::new(|_| ());
    assert_eq!(*caught(|| g.throw(Box::new(2))).downcast::<i32>().unwrap(), 2);
    assert!(g.is_dead());
}

/// greenlet's `test_throw_goes_to_original_parent`, in its three forms.
#[test]
fn a_throw_goes_to_the_original_parent() {
    let main = greenlet::current();
    let catcher = Greenlet::new(move |_| {
        assert_eq!(*caught(|| main.switch(())).downcast::<i32>().unwrap(), 3);
        "caught"
    });
    catcher.switch(());
    let g = Greenlet::builder().parent(&catcher).build(|_| ());
    assert_eq!(g.throw(Box::new(3)).take::<&str>().unwrap(), "caught");

    // With an unstarted one in between: that dies too.
    let between = Greenlet::new(|_| panic!("never runs"));
    let g = Greenlet::builder().parent(&between).build(|_| ());
    assert_eq!(*caught(|| g.throw(Box::new(4))).downcast::<i32>().unwrap(), 4);
    assert!(between.is_dead());
}

#[test]
fn exit_that_ends_an_unstarted_greenlet_starts_its_unstarted_parent() {
    let parent = Greenlet::new(|value| value.is_exit());
    let g = Greenlet::builder().parent(&parent).build(|_| ());
    assert!(g.kill().take::<bool>().unwrap());
}

#[test]
fn throwing_at_the_dead_comes_back() {
    let g = Greenlet::new(|_| ());
    g.switch(());
    assert_eq!(*caught(|| g.throw(Box::new(6))).downcast::<i32>().unwrap(), 6);
}

#[test]
fn throwing_at_oneself_unwinds() {
    assert!(caught(|| greenlet::current().kill()).is::<Exit>());
}

/// greenlet's `test_dealloc`.
#[test]
fn the_last_drop_unwinds_at_once() {
    let drops = Rc::new(Cell::new(0));
    let g = waiting(&drops);
    let copy = g.clone();
    drop(g);
    assert_eq!(drops.get(), 0);
    drop(copy);
    assert_eq!(drops.get(), 1);
}

#[test]
fn dropping_comes_back_to_the_dropper_and_not_to_the_parent() {
    let drops = Rc::new(Cell::new(0));
    let g = waiting(&drops);
    let dropper = Greenlet::new(move |_| {
        drop(g);
        "came back"
    });
    assert_eq!(dropper.switch(()).take::<&str>().unwrap(), "came back");
    assert_eq!(drops.get(), 1);
}

/// greenlet's `test_parent_restored_on_kill`.
#[test]
fn a_survivor_that_keeps_a_handle_lives_on_with_its_old_parent() {
    let saved: Rc<RefCell<Option<Greenlet>>> = Rc::default();
    let (save, main) = (Rc::clone(&saved), greenlet::current());
    let g = Greenlet::new(move |_| {
        assert!(caught(|| main.switch(())).is::<Exit>());
        *save.borrow_mut() = Some(greenlet::current());
        greenlet::current().parent().unwrap().switch(());
        "the end"
    });
    g.switch(());
    let main = greenlet::current();
    let dropper = Greenlet::new(move |_| {
        drop(g);
        "resurrected"
    });
    assert_eq!(dropper.switch(()).take::<&str>().unwrap(), "resurrected");
    let g = saved.take().unwrap();
    assert_eq!(g.state(), State::Suspended);
    assert_eq!(g.parent(), Some(main));
    assert_eq!(g.switch(()).take::<&str>().unwrap(), "the end");
}

/// greenlet's `test_dealloc_catches_GreenletExit_throws_other`.
#[test]
fn a_panic_while_dropped_stays_there() {
    let main = greenlet::current();
    let g = Greenlet::new(move |_| {
        let _ = caught(|| main.switch(()));
        panic!("instead of dying quietly");
    });
    g.switch(());
    drop(g);
}

#[test]
fn one_that_will_not_die_is_leaked() {
    let tries = Rc::new(Cell::new(0));
    let count = Rc::clone(&tries);
    let g = Greenlet::new(move |_| -> () {
        loop {
            let back = greenlet::current().parent().unwrap();
            if catch_unwind(AssertUnwindSafe(|| back.switch(()))).is_err() {
                count.set(count.get() + 1);
            }
        }
    });
    g.switch(());
    drop(g);
    assert!(tries.get() > 1);
}

#[test]
fn a_greenlet_left_by_its_only_holder_is_unwound_by_whom_it_switched_to() {
    let drops = Rc::new(Cell::new(0));
    let (counted, main) = (Counted(Rc::clone(&drops)), greenlet::current());
    // Its only handle is the temporary one here, which is gone when the switch returns.
    Greenlet::new(move |_| {
        let _counted = counted;
        main.switch(());
    })
    .switch(());
    assert_eq!(drops.get(), 1);
}

#[test]
fn dropping_a_greenlet_drops_what_its_stack_holds() {
    let drops = Rc::new(Cell::new(0));
    let inner = waiting(&drops);
    let main = greenlet::current();
    let outer = Greenlet::new(move |_| {
        let _inner = inner;
        main.switch(());
    });
    outer.switch(());
    drop(outer);
    assert_eq!(drops.get(), 1);
}

/// greenlet's `test_exc_state`, for one greenlet.
#[test]
fn a_destructor_that_switches_while_it_is_killed_completes() {
    struct Says(Greenlet, Rc<RefCell<Vec<&'static str>>>);
    impl Drop for Says {
        fn drop(&mut self) {
            self.1.borrow_mut().push("before");
            self.0.switch("from the destructor");
            self.1.borrow_mut().push("after");
        }
    }
    let (log, main) = (Rc::<RefCell<Vec<&'static str>>>::default(), greenlet::current());
    let says = Says(main.clone(), Rc::clone(&log));
    let g = Greenlet::new(move |_| {
        let _says = says;
        main.switch(());
    });
    g.switch(());
    assert_eq!(g.kill().take::<&str>().unwrap(), "from the destructor");
    assert!(!std::thread::panicking(), "the greenlet unwinds, and nobody else");
    assert_eq!(*log.borrow(), ["before"]);
    // Suspended in a destructor during an unwinding, it cannot be unwound once more, but told.
    assert!(g.kill().is_exit());
    assert_eq!(*log.borrow(), ["before", "after"]);
    assert!(g.is_dead());
}

#[test]
fn dropping_during_an_unwinding_works() {
    let drops = Rc::new(Cell::new(0));
    let g = waiting(&drops);
    assert_eq!(
        *caught(move || {
            let _g = g;
            panic!("with a greenlet in hand");
        })
        .downcast::<&str>()
        .unwrap(),
        "with a greenlet in hand"
    );
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_long_chain_of_parents_is_dropped_without_recursion() {
    let mut last = Greenlet::new(|_| ());
    for _ in 0..100_000 {
        last = Greenlet::builder().parent(&last).build(|_| ());
    }
    drop(last);
}
