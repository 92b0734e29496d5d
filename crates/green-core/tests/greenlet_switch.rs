//! Switching, parents, the dead, and who gets what: L1 to L7 of the features.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use green_core::greenlet::{self, Greenlet, ParentError, State, Value};

/// Counts its drops.
struct Counted(Rc<Cell<u32>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

/// A log that greenlets share.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    fn take(&self) -> Vec<String> {
        self.0.take()
    }
}

fn int(value: Value) -> i32 {
    value.take().expect("an i32")
}

/// Runs `f` and returns the text that it panics with.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).err().expect("it panics");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast_ref::<&str>().expect("a text").to_string(),
    }
}

/// A1.
#[test]
fn the_golden_program_prints_exactly_its_three_lines() {
    let log = Log::default();
    let drops = Rc::new(Cell::new(0));
    let second: Rc<RefCell<Option<Greenlet>>> = Rc::default();

    let (lines, to) = (log.clone(), Rc::clone(&second));
    let gr1 = Greenlet::new(move |value| {
        lines.add(format!("test1: {}", int(value)));
        let gr2 = to.borrow().clone().expect("made before the first switch");
        gr2.switch(32);
        lines.add("test1: over");
    });
    let (lines, back, counted) = (log.clone(), gr1.clone(), Counted(Rc::clone(&drops)));
    let gr2 = Greenlet::new(move |value| {
        let _counted = counted;
        lines.add(format!("test2: {}", int(value)));
        back.switch(23);
        lines.add("test2: over");
    });
    *second.borrow_mut() = Some(gr2.clone());

    assert!(gr1.switch(2).is_unit());
    assert_eq!(log.take(), ["test1: 2", "test2: 32", "test1: over"]);
    assert_eq!((gr1.state(), gr2.state()), (State::Dead, State::Suspended));

    second.borrow_mut().take();
    assert_eq!(drops.get(), 0);
    drop(gr2);
    assert_eq!(drops.get(), 1);
    assert_eq!(log.take(), [""; 0]);
}

/// greenlet's `test_simple`.
#[test]
fn ping_pong_keeps_the_order() {
    let log = Log::default();
    let lines = log.clone();
    let main = greenlet::current();
    let g = Greenlet::new(move |_| {
        lines.add("1");
        main.switch(());
        lines.add("3");
    });
    log.add("0");
    g.switch(());
    log.add("2");
    g.switch(());
    log.add("4");
    assert_eq!(log.take(), ["0", "1", "2", "3", "4"]);
}

#[test]
fn what_switch_returns_is_what_is_sent_here_next() {
    let main = greenlet::current();
    let echo = Greenlet::new(move |first: Value| {
        let second = int(main.switch(int(first) * 10));
        assert_eq!(second, 2);
        let third = int(main.switch(()));
        third + 100
    });
    assert_eq!(int(echo.switch(1)), 10);
    assert!(echo.switch(2).is_unit());
    assert_eq!(int(echo.switch(3)), 103);
    assert!(echo.is_dead());
}

/// greenlet's `test_two_children`.
#[test]
fn two_children_return_to_their_parent() {
    let log = Log::default();
    let make = || {
        let lines = log.clone();
        let main = greenlet::current();
        Greenlet::new(move |_| {
            lines.add("in");
            main.switch(());
            lines.add("out");
        })
    };
    let (a, b) = (make(), make());
    a.switch(());
    b.switch(());
    assert_eq!(log.take(), ["in", "in"]);
    b.switch(());
    a.switch(());
    assert_eq!(log.take(), ["out", "out"]);
    assert!(a.is_dead() && b.is_dead());
}

/// greenlet's `test_two_recursive_children`.
#[test]
fn children_of_children_return_to_their_parents() {
    let log = Log::default();
    let lines = log.clone();
    let outer = Greenlet::new(move |_| {
        let inner_lines = lines.clone();
        let inner = Greenlet::new(move |_| {
            inner_lines.add("inner");
            7
        });
        assert_eq!(inner.parent(), Some(greenlet::current()));
        let seven = int(inner.switch(()));
        lines.add("outer");
        seven + 1
    });
    assert_eq!(int(outer.switch(())), 8);
    assert_eq!(log.take(), ["inner", "outer"]);
}

#[test]
fn a_greenlet_can_switch_past_its_parent() {
    let main = greenlet::current();
    let handle: Rc<RefCell<Option<Greenlet>>> = Rc::default();
    let inner_handle = Rc::clone(&handle);
    let outer = Greenlet::new(move |_| {
        let inner = Greenlet::new(move |_| int(main.switch("from inner")));
        *inner_handle.borrow_mut() = Some(inner.clone());
        int(inner.switch(())) + 1
    });
    assert_eq!(outer.switch(()).take::<&str>().unwrap(), "from inner");
    let inner = handle.take().unwrap();
    // The inner one returns to the outer one, which returns to us.
    assert_eq!(int(inner.switch(40)), 41);
    assert!(inner.is_dead() && outer.is_dead());
}

#[test]
fn a_panic_goes_on_in_the_parent() {
    let g = Greenlet::new(|_| -> () { panic!("out of {}", "hand") });
    assert_eq!(panic_of(|| g.switch(())), "out of hand");
    assert!(g.is_dead());
}

/// greenlet's `test_exception`.
#[test]
fn a_panic_goes_on_in_the_parent_of_the_moment() {
    let main = greenlet::current();
    let keeper = Greenlet::new(move |_| panic_of(|| main.switch(())));
    keeper.switch(());
    let failing = Greenlet::new(|_| -> () { panic!("caught by the keeper") });
    failing.set_parent(&keeper).unwrap();
    // The keeper catches it, and its result comes to us.
    assert_eq!(failing.switch(()).take::<String>().unwrap(), "caught by the keeper");
    // Both are dead, so what is sent to them comes back.
    assert_eq!(int(failing.switch(5)), 5);
    assert_eq!(int(keeper.switch(6)), 6);
}

#[test]
fn a_panic_passes_through_several_generations() {
    let drops = Rc::new(Cell::new(0));
    let counted = Counted(Rc::clone(&drops));
    let outer = Greenlet::new(move |_| {
        let _counted = counted;
        Greenlet::new(|_| Greenlet::new(|_| -> () { panic!("deep down") }).switch(())).switch(());
    });
    assert_eq!(panic_of(|| outer.switch(())), "deep down");
    assert_eq!(drops.get(), 1);
}

/// greenlet's `test_exception`, whose last line sends to the dead.
#[test]
fn what_is_sent_to_the_dead_goes_to_the_nearest_living_ancestor() {
    let dead = Greenlet::new(|_| ());
    dead.switch(());
    assert!(dead.switch(()).is_unit());
    assert_eq!(int(dead.switch(1)), 1);
    assert_eq!(dead.switch((1, 2)).take::<(i32, i32)>().unwrap(), (1, 2));

    // A dead chain ends at a living greenlet that is not ourselves.
    let main = greenlet::current();
    let living = Greenlet::new(move |_| int(main.switch("ready")) + 1);
    living.switch(());
    dead.set_parent(&living).unwrap();
    let child = Greenlet::builder().parent(&dead).build(|_| ());
    child.set_parent(&main_of(&dead)).unwrap();
    child.switch(());
    child.set_parent(&dead).unwrap();
    assert_eq!(int(child.switch(9)), 10);
    assert!(living.is_dead());
}

/// Returns the end of a chain of parents.
fn main_of(greenlet: &Greenlet) -> Greenlet {
    greenlet.parent().map_or_else(|| greenlet.clone(), |parent| main_of(&parent))
}

#[test]
fn switching_to_oneself_returns_the_value() {
    assert_eq!(int(greenlet::current().switch(3)), 3);
    let g = Greenlet::new(|value| greenlet::current().switch(value));
    assert_eq!(int(g.switch(4)), 4);
}

/// greenlet's `test_falling_off_end_switches_to_unstarted_parent_works`.
#[test]
fn the_end_of_a_greenlet_starts_an_unstarted_parent_with_its_result() {
    let parent = Greenlet::new(|value| int(value) * 2);
    let child = Greenlet::builder().parent(&parent).build(|value| int(value) + 1);
    assert_eq!(int(child.switch(20)), 42);
    assert!(parent.is_dead() && child.is_dead());
}

/// greenlet's `test_falling_off_end_switches_to_unstarted_parent_raises_error`, where the child panics.
#[test]
fn a_panic_kills_an_unstarted_parent_on_its_way() {
    let ran = Rc::new(Cell::new(false));
    let mark = Rc::clone(&ran);
    let parent = Greenlet::new(move |_| mark.set(true));
    let child = Greenlet::builder().parent(&parent).build(|_| -> () { panic!("through both") });
    assert_eq!(panic_of(|| child.switch(())), "through both");
    assert!(parent.is_dead() && !ran.get());
}

/// greenlet's `test_switch_to_dead_greenlet_reparent`.
#[test]
fn the_dead_pass_on_by_the_parent_they_have_now() {
    let main = greenlet::current();
    let dead = Greenlet::new(|_| ());
    dead.switch(());
    let other = Greenlet::new(move |value| int(main.switch(int(value) + 1)));
    assert_eq!(int(other.switch(0)), 1);
    dead.set_parent(&other).unwrap();
    assert_eq!(int(dead.switch(7)), 7);
    assert!(other.is_dead());
}

/// greenlet's `test_trivial_cycle` and `test_deeper_cycle`.
#[test]
fn parents_make_no_cycles() {
    let a = Greenlet::new(|_| ());
    assert_eq!(a.set_parent(&a), Err(ParentError::Cycle));
    let b = Greenlet::builder().parent(&a).build(|_| ());
    let c = Greenlet::builder().parent(&b).build(|_| ());
    assert_eq!(a.set_parent(&c), Err(ParentError::Cycle));
    assert_eq!(a.parent(), Some(greenlet::current()));
    c.set_parent(&a).unwrap();
    b.set_parent(&c).unwrap();
    assert_eq!(a.set_parent(&b), Err(ParentError::Cycle));
}

/// greenlet's `test_main_greenlet_parent` and `test_cannot_delete_parent`: there is no call that would take one away.
#[test]
fn main_has_no_parent_and_gets_none() {
    let main = greenlet::main();
    assert!(main.is_main());
    assert_eq!(main, greenlet::current());
    assert_eq!(main.parent(), None);
    assert_eq!(main.set_parent(&Greenlet::new(|_| ())), Err(ParentError::IsMain));
    assert_eq!(main.state(), State::Running);
    let inside = Greenlet::new(|_| greenlet::main());
    assert_eq!(inside.switch(()).take::<Greenlet>().unwrap(), main);
}

#[test]
fn states_are_told_from_outside_and_inside() {
    let main = greenlet::current();
    let g = Greenlet::builder().name("stateful").build(move |_| {
        assert_eq!(greenlet::current().state(), State::Running);
        assert_eq!(main.state(), State::Suspended);
        main.switch(());
    });
    assert_eq!(g.state(), State::Unstarted);
    assert!(format!("{g:?}").contains("stateful"));
    g.switch(());
    assert_eq!(g.state(), State::Suspended);
    g.switch(());
    assert_eq!(g.state(), State::Dead);
    assert_ne!(g.id(), greenlet::current().id());
    assert_eq!((g.name(), greenlet::current().name()), (Some("stateful"), None));
}

#[test]
fn a_result_nobody_takes_is_dropped_once() {
    let drops = Rc::new(Cell::new(0));
    let counted = Counted(Rc::clone(&drops));
    let g = Greenlet::new(move |_| counted);
    drop(g.switch(()));
    assert_eq!(drops.get(), 1);
    // One that never starts drops its closure.
    let counted = Counted(Rc::clone(&drops));
    drop(Greenlet::new(move |_| drop(counted)));
    assert_eq!(drops.get(), 2);
}

#[test]
fn too_large_a_stack_is_an_error_of_the_first_switch() {
    let g = Greenlet::builder().stack_size(usize::MAX).build(|_| ());
    let error = g.try_switch(()).unwrap_err();
    assert!(error.to_string().starts_with("no stack for the greenlet"), "{error}");
    assert_eq!(g.state(), State::Unstarted);
    assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::InvalidInput);

    // The result of a child that would start it goes on to its own parent as that error.
    let child = Greenlet::builder().parent(&g).build(|_| 1);
    let payload = catch_unwind(AssertUnwindSafe(|| child.switch(()))).unwrap_err();
    assert!(payload.is::<greenlet::SwitchError>());
    assert!(g.is_dead());
}

#[test]
fn nothing_switches_inside_no_switch() {
    let g = Greenlet::new(|_| 1);
    let error = green_core::park::no_switch(|| g.try_switch(()).unwrap_err());
    assert!(matches!(error, greenlet::SwitchError::NoSwitch));
    assert_eq!(int(g.switch(())), 1);
}
