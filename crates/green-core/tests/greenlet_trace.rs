//! The switch hook: L11 of the features.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use green_core::greenlet::{self, Greenlet, TraceEvent, Tracer, set_trace, trace};

type Events = Rc<RefCell<Vec<(TraceEvent, Greenlet, Greenlet)>>>;

fn record() -> (Events, Tracer) {
    let events = Events::default();
    let log = Rc::clone(&events);
    let tracer = Tracer::new(move |event, from, to| {
        assert_eq!(*to, greenlet::current(), "the tracer runs in the target");
        log.borrow_mut().push((event, from.clone(), to.clone()));
    });
    (events, tracer)
}

/// greenlet's `test_tracing`: `test_trace_events_trivial` and its kin.
#[test]
fn every_switch_and_throw_is_seen_in_order() {
    let main = greenlet::current();
    let back = main.clone();
    let g = Greenlet::new(move |_| back.switch(()));
    let (events, tracer) = record();
    assert!(set_trace(Some(tracer)).is_none());
    g.switch(());
    g.kill();
    // Nothing is switched by these.
    g.switch(());
    main.switch(());
    let failing = Greenlet::new(|_| -> () { panic!("traced") });
    assert!(catch_unwind(AssertUnwindSafe(|| failing.switch(()))).is_err());
    assert!(set_trace(None).is_some());
    g.switch(());

    use TraceEvent::{Switch, Throw};
    let expected = vec![
        (Switch, main.clone(), g.clone()),
        (Switch, g.clone(), main.clone()),
        (Throw, main.clone(), g.clone()),
        (Switch, g.clone(), main.clone()),
        (Switch, main.clone(), failing.clone()),
        (Throw, failing, main),
    ];
    assert_eq!(events.take(), expected);
}

/// greenlet's `test_tracing`: `test_exception_disables_tracing`.
#[test]
fn a_tracer_that_panics_is_removed_and_its_panic_takes_the_place_of_the_switch() {
    set_trace(Some(Tracer::new(|_, _, _| panic!("tired of watching"))));
    let g = Greenlet::new(|_| -> () { unreachable!("the tracer's panic comes first") });
    let payload = catch_unwind(AssertUnwindSafe(|| g.switch(()))).unwrap_err();
    assert_eq!(*payload.downcast::<&str>().unwrap(), "tired of watching");
    assert!(g.is_dead() && trace().is_none());
}

#[test]
fn a_tracer_may_switch_and_is_not_told() {
    let extra_runs = Rc::new(RefCell::new(0));
    let runs = Rc::clone(&extra_runs);
    set_trace(Some(Tracer::new(move |_, _, _| {
        let runs = Rc::clone(&runs);
        Greenlet::new(move |_| *runs.borrow_mut() += 1).switch(());
    })));
    Greenlet::new(|_| ()).switch(());
    set_trace(None);
    assert_eq!(*extra_runs.borrow(), 2);
}

#[test]
fn a_tracer_belongs_to_its_green_thread() {
    let (events, tracer) = record();
    set_trace(Some(tracer));
    green_core::spawn::spawn_local(Default::default(), || {
        assert!(trace().is_none());
        Greenlet::new(|_| ()).switch(());
    })
    .unwrap()
    .join()
    .unwrap();
    set_trace(None);
    assert!(events.borrow().is_empty());
}
