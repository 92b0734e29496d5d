//! Values that are handed down: greenlet's `test_contextvars` (shared, copied, empty), eventlet's `corolocal`, and gevent's
//! `spawn_tree_locals` (E25, L6, V1).

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use green_core::coroutine::{Coroutine, Step, Yielder, generator};
use green_core::greenlet::{self, Greenlet};
use green_core::inherited::{Bindings, Inherit, Inherited};
use green_core::park::yield_now;
use green_core::spawn::{spawn, spawn_local};

/// Runs the child as `inherit` says; returns what it saw, and what we see afterwards.
fn child_of_a_greenlet(inherit: Inherit) -> (Option<u32>, Option<u32>) {
    static VALUE: Inherited<u32> = Inherited::new();
    VALUE.set(1);
    let main = greenlet::current();
    let g = Greenlet::builder().inherit(inherit).build(move |_| {
        let seen = VALUE.get();
        VALUE.set(2);
        main.switch(());
        assert_eq!(VALUE.get(), if inherit == Inherit::Share { Some(3) } else { Some(2) });
        seen
    });
    g.switch(());
    let ours = VALUE.get();
    VALUE.set(3);
    (g.switch(()).take().unwrap(), ours)
}

fn child_of_a_green_thread(inherit: Inherit) -> (Option<u32>, Option<u32>) {
    static VALUE: Inherited<u32> = Inherited::new();
    VALUE.set(1);
    let child = inherit.wrap(|| {
        let seen = VALUE.get();
        VALUE.set(2);
        seen
    });
    let seen = spawn(Default::default(), child).unwrap().join().unwrap();
    (seen, VALUE.get())
}

/// greenlet's `test_contextvars`: `test_context_propagated_by_context_run`, `_copied`, `_shared`, and none.
#[test]
fn a_child_sees_nothing_a_copy_or_the_bindings_themselves() {
    for child in [child_of_a_greenlet, child_of_a_green_thread] {
        assert_eq!(child(Inherit::Empty), (None, Some(1)));
        assert_eq!(child(Inherit::Copy), (Some(1), Some(1)));
        assert_eq!(child(Inherit::Share), (Some(1), Some(2)));
    }
}

/// gevent's `spawn_tree_locals`.
#[test]
fn a_tree_of_green_threads_shares_what_its_root_has() {
    static FOUND: Inherited<Arc<AtomicU32>> = Inherited::new();
    static LATE: Inherited<&str> = Inherited::new();
    fn grow(depth: u32) {
        FOUND.get().expect("every one of the tree has it").fetch_add(1, Ordering::Relaxed);
        if depth == 0 {
            LATE.set("from a leaf");
            return;
        }
        let children: Vec<_> =
            (0..2).map(|_| spawn(Default::default(), Inherit::Share.wrap(move || grow(depth - 1))).unwrap()).collect();
        for child in children {
            child.join().unwrap();
        }
    }
    let count = Arc::new(AtomicU32::new(0));
    let tree = {
        let count = Arc::clone(&count);
        move || {
            FOUND.set(count);
            grow(4);
            LATE.get()
        }
    };
    assert_eq!(spawn_local(Default::default(), tree).unwrap().join().unwrap(), Some("from a leaf"));
    assert_eq!(count.load(Ordering::Relaxed), 31);
    assert!(FOUND.get().is_none() && LATE.get().is_none());
}

/// eventlet's `corolocal`: a value per green thread, dropped with it.
#[test]
fn values_are_dropped_with_the_last_that_has_them() {
    #[derive(Clone)]
    struct Held(#[expect(dead_code, reason = "it is counted")] Arc<()>);
    static HELD: Inherited<Held> = Inherited::new();
    let count = Arc::new(());
    let held = Held(Arc::clone(&count));
    let inner = spawn_local(Default::default(), move || {
        HELD.set(held);
        spawn_local(
            Default::default(),
            Inherit::Copy.wrap(|| {
                yield_now();
                HELD.get().is_some()
            }),
        )
        .unwrap()
    })
    .unwrap()
    .join()
    .unwrap();
    assert_eq!(Arc::strong_count(&count), 2);
    assert!(inner.join().unwrap());
    assert_eq!(Arc::strong_count(&count), 1);
}

#[test]
fn a_drop_that_binds_again_at_the_end_does_no_harm() {
    #[derive(Clone)]
    struct Binds;
    static FIRST: Inherited<Arc<Binds>> = Inherited::new();
    static SECOND: Inherited<Arc<()>> = Inherited::new();
    static COUNT: std::sync::Mutex<Option<Arc<()>>> = std::sync::Mutex::new(None);
    impl Drop for Binds {
        fn drop(&mut self) {
            SECOND.set(Arc::clone(COUNT.lock().unwrap().as_ref().unwrap()));
            Greenlet::new(|_| ()).switch(());
        }
    }
    let count = Arc::new(());
    *COUNT.lock().unwrap() = Some(Arc::clone(&count));
    spawn_local(Default::default(), || FIRST.set(Arc::new(Binds)).is_none()).unwrap().join().unwrap();
    // The record goes to the next one.
    assert!(spawn_local(Default::default(), || SECOND.get().is_none()).unwrap().join().unwrap());
    assert_eq!(Arc::strong_count(&count), 2);
}

#[test]
fn run_puts_back_what_was_there_even_after_a_panic() {
    static VALUE: Inherited<u8> = Inherited::new();
    VALUE.set(1);
    let copy = Bindings::inherit(Inherit::Copy);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        copy.run(|| {
            VALUE.set(2);
            panic!("inside")
        })
    }));
    assert!(panic.is_err());
    assert_eq!((VALUE.get(), copy.run(|| VALUE.take())), (Some(1), Some(2)));
    assert_eq!((VALUE.get(), copy.run(|| VALUE.get())), (Some(1), None));
}

#[test]
fn a_coroutine_sees_what_its_resumer_sees() {
    static VALUE: Inherited<u8> = Inherited::new();
    VALUE.set(1);
    let mut values = generator(|out| {
        loop {
            out.suspend(VALUE.get());
        }
    });
    assert_eq!(values.next().unwrap(), Some(1));
    VALUE.set(2);
    assert_eq!(values.next().unwrap(), Some(2));
    assert_eq!(Bindings::new().run(|| values.next()).unwrap(), None);
}

/// What a coroutine runs with goes with it, whoever resumes it, and whoever does has its own back.
#[test]
fn a_coroutine_takes_what_it_runs_with_along() {
    static VALUE: Inherited<u8> = Inherited::new();
    let greenlet = |value: u8, coroutine: &Rc<RefCell<_>>| {
        let coroutine: Rc<RefCell<Coroutine<(), Option<u8>, ()>>> = Rc::clone(coroutine);
        move |_| {
            VALUE.set(value);
            let step = coroutine.borrow_mut().resume(());
            (step, VALUE.get())
        }
    };
    VALUE.set(1);
    let coroutine = Rc::new(RefCell::new(Coroutine::new(|out: &Yielder<(), Option<u8>>, ()| {
        out.suspend(VALUE.get());
        let (outer, inner) = (Bindings::new(), Bindings::new());
        outer.run(|| {
            VALUE.set(10);
            out.suspend(VALUE.get());
            inner.run(|| {
                out.suspend(VALUE.get());
                VALUE.set(20);
                out.suspend(VALUE.get());
            });
            out.suspend(VALUE.get());
        });
        out.suspend(VALUE.get());
    })));
    // Each step by another greenlet, with bindings of its own.
    let mut came = Vec::new();
    for value in 2..9 {
        let step = Greenlet::new(greenlet(value, &coroutine)).switch(());
        let (step, own) = step.take::<(Step<Option<u8>, ()>, Option<u8>)>().unwrap();
        assert_eq!(own, Some(value), "what the coroutine runs with is not its resumer's");
        came.push(step);
        assert_eq!(VALUE.get(), Some(1));
    }
    let values = [Some(2), Some(10), None, Some(20), Some(10), Some(7)].map(Step::Yield);
    assert_eq!(came[..6], values);
    assert_eq!(came[6], Step::Done(()));
}

/// It is taken off when the coroutine is unwound where it was suspended, by whichever greenlet.
#[test]
fn a_coroutine_that_is_dropped_inside_leaves_nothing() {
    static VALUE: Inherited<u8> = Inherited::new();
    VALUE.set(1);
    let seen = Rc::new(Cell::new(None));
    struct Look(Rc<Cell<Option<u8>>>);
    impl Drop for Look {
        fn drop(&mut self) {
            self.0.set(VALUE.get());
        }
    }
    let look = Look(Rc::clone(&seen));
    let mut inside = generator(move |out| {
        let mut nested = generator(|out| Bindings::new().run(|| out.suspend(VALUE.set(3))));
        let _look = look;
        Bindings::new().run(|| {
            VALUE.set(2);
            nested.next();
            assert_eq!(VALUE.get(), Some(2));
            out.suspend(());
        });
    });
    inside.next().unwrap();
    assert_eq!(VALUE.get(), Some(1));
    let other = Greenlet::new(move |_| {
        VALUE.set(5);
        drop(inside);
        VALUE.get()
    });
    assert_eq!(other.switch(()).take::<Option<u8>>().unwrap(), Some(5));
    // The set of the run was put away before the body's own values went.
    assert_eq!((seen.get(), VALUE.get()), (Some(5), Some(1)));
}

#[test]
fn plain_os_threads_inherit_as_well() {
    static VALUE: Inherited<String> = Inherited::new();
    VALUE.set("kept".into());
    let child = std::thread::spawn(Inherit::Copy.wrap(|| VALUE.get()));
    assert_eq!(child.join().unwrap().as_deref(), Some("kept"));
    assert_eq!(std::thread::spawn(|| VALUE.get()).join().unwrap(), None);
}

/// What a destructor binds anew when its green thread ends is dropped there too, and its panic is reported.
#[test]
fn what_destructors_bind_at_the_end_is_dropped_as_well() {
    static AGAIN: Inherited<Arc<Again>> = Inherited::new();
    static DROPS: AtomicUsize = AtomicUsize::new(0);
    struct Again(usize);
    impl Drop for Again {
        fn drop(&mut self) {
            DROPS.fetch_add(1, Ordering::Relaxed);
            assert!(self.0 > 0, "a destructor's panic, which this test expects to see");
            assert!(AGAIN.set(Arc::new(Again(self.0 - 1))).is_none());
        }
    }
    let begin = || drop(AGAIN.set(Arc::new(Again(5))));
    spawn(Default::default(), begin).unwrap().join().unwrap();
    let local = spawn_local(Default::default(), begin).unwrap();
    local.join().unwrap();
    std::thread::spawn(begin).join().unwrap();
    while DROPS.load(Ordering::Relaxed) < 18 {
        yield_now();
    }
}
