//! Switches in the middle of switches, and greenlets that die there: greenlet's `test_reentrant_switch_*`,
//! `test_parent_return_failure`, `test_unexpected_reparenting`, `test_exc_state`, `test_cpp`.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Mutex;

use green_core::greenlet::{self, Greenlet, State, SwitchError, Tracer, Value, set_trace};

fn caught<R>(f: impl FnOnce() -> R) -> Box<dyn std::any::Any + Send> {
    catch_unwind(AssertUnwindSafe(f)).err().expect("it unwinds")
}

/// Runs something when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// greenlet's `test_reentrant_switch_two_greenlets`.
#[test]
fn a_value_whose_drop_switches_does_so_in_the_middle_of_a_switch() {
    let log: Rc<RefCell<Vec<&str>>> = Rc::default();
    let (lines, main) = (Rc::clone(&log), greenlet::current());
    let other = Greenlet::new(move |_| {
        lines.borrow_mut().push("other begins");
        main.switch(());
        lines.borrow_mut().push("other ends");
    });
    let (lines, g2) = (Rc::clone(&log), other.clone());
    // The only handle of `first` is dropped by the switch back to here, and unwinding it switches to `other` twice.
    let main = greenlet::current();
    Greenlet::new(move |_| {
        let _switches = OnDrop(|| {
            lines.borrow_mut().push("dropped");
            g2.switch(());
        });
        main.switch(());
    })
    .switch(());
    assert_eq!(*log.borrow(), ["dropped", "other begins"]);
    // `first` waits in its destructor, and nobody has a handle: the switch back unwinds it once more.
    other.switch(());
    assert!(other.is_dead());
    assert_eq!(log.borrow().last(), Some(&"other ends"));
}

/// greenlet's `test_reentrant_switch_three_greenlets`.
#[test]
fn a_tracer_that_switches_to_a_third_greenlet_comes_back() {
    let third_ran = Rc::new(Cell::new(0));
    let (count, first) = (Rc::clone(&third_ran), Rc::new(Cell::new(true)));
    set_trace(Some(Tracer::new(move |_, from, _| {
        if first.replace(false) {
            let (back, count) = (greenlet::current(), Rc::clone(&count));
            let from = from.clone();
            Greenlet::new(move |_| {
                count.set(count.get() + 1);
                // Past the one that waits in the tracer, and from there back to it.
                from.switch("early");
                back.switch(());
            })
            .switch(());
        }
    })));
    let second = Greenlet::new(|_| "late");
    assert_eq!(second.switch(()).take::<&str>().unwrap(), "early");
    set_trace(None);
    assert_eq!((third_ran.get(), second.state()), (1, State::Suspended));
}

/// greenlet's `test_reentrant_switch_run_callable_has_del`: the closure of an unstarted greenlet is dropped because a
/// child's panic kills it, and its destructor switches away. The child waits in there, comes back and dies as it was to.
#[test]
fn a_closure_that_is_dropped_on_the_way_to_a_parent_may_switch() {
    let (main, back) = (greenlet::current(), Rc::new(RefCell::new(None)));
    let place = Rc::clone(&back);
    let switches = OnDrop(move || {
        *place.borrow_mut() = Some(greenlet::current());
        main.switch("from the closure");
    });
    let between = Greenlet::new(move |_| drop(switches));
    let child = Greenlet::builder().parent(&between).build(|_| -> () { resume_unwind(Box::new("the child's")) });
    assert_eq!(child.switch(()).take::<&str>().unwrap(), "from the closure");
    assert!(between.is_dead());
    assert_eq!((back.take(), child.state()), (Some(child.clone()), State::Suspended));
    assert_eq!(*caught(|| child.switch(())).downcast::<&str>().unwrap(), "the child's");
    assert!(child.is_dead());
}

/// greenlet's `test_parent_return_failure`: the parent that is to start with the result cannot.
#[test]
fn a_parent_that_cannot_start_passes_the_error_on() {
    let parent = Greenlet::builder().stack_size(usize::MAX).build(|_| unreachable!("there is no such stack"));
    let child = Greenlet::builder().parent(&parent).build(|_| 1);
    let error = caught(|| child.switch(()));
    assert!(matches!(*error.downcast::<SwitchError>().unwrap(), SwitchError::Stack(_)));
    assert!(child.is_dead() && parent.is_dead());
}

/// greenlet's `test_unexpected_reparenting`: the parent changes while the greenlet is on its way.
#[test]
fn a_parent_that_is_set_at_the_last_moment_counts() {
    // Before it runs, by the tracer of its very start; and while it runs, by itself.
    for by_tracer in [true, false] {
        let main = greenlet::current();
        let stepfather = Greenlet::new(move |_| main.switch(()).take::<i32>().unwrap() + 1);
        stepfather.switch(());
        let chosen = stepfather.clone();
        let g = Greenlet::new(move |_| {
            if !by_tracer {
                greenlet::current().set_parent(&chosen).unwrap();
            }
            20
        });
        let (target, chosen) = (g.clone(), stepfather.clone());
        set_trace(by_tracer.then(|| {
            Tracer::new(move |_, _, to| {
                if *to == target && !target.is_dead() {
                    target.set_parent(&chosen).unwrap();
                }
            })
        }));
        assert_eq!(g.switch(()).take::<i32>().unwrap(), 21);
        set_trace(None);
        assert!(g.is_dead() && stepfather.is_dead());
    }
}

/// greenlet's `test_exc_state`: whether a greenlet unwinds is its own affair, however they are interleaved.
#[test]
fn unwindings_of_several_greenlets_do_not_mix() {
    let log: Rc<RefCell<Vec<(u32, bool)>>> = Rc::default();
    let clean = Rc::new(Mutex::new(()));
    let main = greenlet::current();
    let make = |n: u32| {
        let (log, main) = (Rc::clone(&log), main.clone());
        Greenlet::new(move |_| {
            let _waits = OnDrop(move || {
                for _ in 0..2 {
                    log.borrow_mut().push((n, std::thread::panicking()));
                    main.switch(());
                }
            });
            resume_unwind(Box::new(n))
        })
    };
    let greenlets = [make(0), make(1), make(2)];
    for _ in 0..2 {
        for greenlet in &greenlets {
            greenlet.switch(());
            assert!(!std::thread::panicking());
            // Unlocked by somebody who unwinds, it would be poisoned.
            drop(clean.lock().unwrap());
        }
    }
    assert_eq!(*log.borrow(), [(0, true), (1, true), (2, true), (0, true), (1, true), (2, true)]);
    for (n, greenlet) in (0_u32..3).zip(&greenlets).rev() {
        assert_eq!(*caught(|| greenlet.switch(())).downcast::<u32>().unwrap(), n);
        assert!(!std::thread::panicking());
    }
}

/// greenlet's `test_cpp`: unwindings that are caught on one stack while others are under way on others.
#[test]
fn panics_are_caught_on_the_stack_that_they_began_on() {
    fn level(n: u32) -> Value {
        let next = Greenlet::new(move |_| {
            let inner = (n > 0).then(|| caught(|| drop(level(n - 1))));
            assert_eq!(inner.map(|payload| *payload.downcast::<u32>().unwrap()), n.checked_sub(1));
            resume_unwind(Box::new(n));
            #[expect(unreachable_code, reason = "gives the closure a type")]
            ()
        });
        next.switch(())
    }
    assert_eq!(*caught(|| drop(level(20))).downcast::<u32>().unwrap(), 20);
}

/// L6: `gr_frame`.
#[test]
fn a_suspended_greenlet_shows_where_it_waits() {
    #[inline(never)]
    fn a_place_with_a_name(main: &Greenlet) {
        main.switch(1);
    }
    let main = greenlet::current();
    let events = Rc::new(Cell::new(0));
    let g = Greenlet::new(move |_| {
        a_place_with_a_name(&main);
        2
    });
    assert!(g.backtrace().is_none(), "it has no stack yet");
    assert_eq!(g.switch(()).take::<i32>().unwrap(), 1);
    let seen = Rc::clone(&events);
    set_trace(Some(Tracer::new(move |_, _, _| seen.set(seen.get() + 1))));
    for _ in 0..2 {
        let frames = g.backtrace().expect("it is suspended").to_string();
        assert!(frames.contains("a_place_with_a_name"), "{frames}");
    }
    assert_eq!(events.get(), 0, "a look is no switch");
    set_trace(None);
    assert!(greenlet::current().backtrace().is_none());
    assert_eq!(g.switch(()).take::<i32>().unwrap(), 2);
    assert!(g.backtrace().is_none());
}
