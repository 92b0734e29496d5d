//! Coroutines and greenlets in the wrong place at the wrong time: attacks that safe code can make, each of which must come
//! out as an error, a panic or a leak, and never take anything else with it.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use green_core::coroutine::{Coroutine, Step, Yielder, generator};
use green_core::greenlet::{self, Greenlet, State};
use green_core::kill::{Alarm, Killed};
use green_core::park::{no_switch, sleep_until, yield_now};
use green_core::spawn::{LocalJoiner, spawn, spawn_local};
use green_core::{clock, coroutine};

fn local<T: 'static>(f: impl FnOnce() -> T + 'static) -> LocalJoiner<T> {
    spawn_local(Default::default(), f).expect("a green thread")
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Starts a green thread that panics and calls `in_drop` while it unwinds, kills it in there, and returns what its join
/// says. `in_drop` sets the flag and then yields a few times.
fn killed_while_unwinding(in_drop: impl Fn(Rc<Cell<bool>>) + 'static) -> Box<dyn std::any::Any + Send> {
    let there = Rc::new(Cell::new(false));
    let flag = Rc::clone(&there);
    let thread = local(move || {
        let _drop = OnDrop(|| in_drop(Rc::clone(&flag)));
        panic!("the first");
    });
    while !there.get() {
        yield_now();
    }
    thread.kill().unwrap();
    thread.join().unwrap_err()
}

#[test]
fn a_kill_in_a_coroutine_that_a_destructor_resumes_waits() {
    // Delivered there it would come out in the destructor as a second panic, which ends the process.
    let payload = killed_while_unwinding(|there| {
        let items = generator(move |out| {
            there.set(true);
            for n in 0..3 {
                yield_now();
                out.suspend(n);
            }
        });
        assert_eq!(items.sum::<u32>(), 3);
    });
    assert!(payload.is::<&str>());
}

#[test]
fn a_kill_in_a_greenlet_that_a_destructor_switches_to_ends_that_one_alone() {
    let payload = killed_while_unwinding(|there| {
        let g = Greenlet::new(move |_| {
            there.set(true);
            for _ in 0..3 {
                yield_now();
            }
        });
        assert!(g.switch(()).is_exit());
    });
    assert!(payload.is::<&str>());
}

#[test]
fn an_alarm_in_a_coroutine_that_a_destructor_resumes_waits() {
    let outcome = local(|| {
        let alarm = Alarm::set(clock::now()).unwrap();
        let in_time = Rc::new(Cell::new(false));
        let flag = Rc::clone(&in_time);
        let panic = catch_unwind(AssertUnwindSafe(|| {
            let _drop = OnDrop(|| {
                let flag = Rc::clone(&flag);
                Coroutine::new(move |_: &Yielder<(), ()>, ()| {
                    sleep_until(clock::now() + Duration::from_millis(1));
                    flag.set(true);
                })
                .resume(());
            });
            panic!("the first");
        }));
        assert!(panic.unwrap_err().is::<&str>() && in_time.get());
        // Outside it is due.
        let late = catch_unwind(|| sleep_until(clock::now() + Duration::from_secs(60)));
        alarm.owns(&*late.unwrap_err())
    });
    assert!(outcome.join().unwrap());
}

#[test]
fn a_coroutine_does_not_carry_out_its_no_switch() {
    let mut c = generator(|out| no_switch(|| out.suspend(1)));
    let panic = catch_unwind(AssertUnwindSafe(|| c.next())).unwrap_err();
    assert!(panic.downcast::<&str>().unwrap().contains("no_switch"));
    assert!(c.next().is_none());
    // Around it, on the other hand, it is the caller's.
    let mut c = generator(|out| {
        out.suspend(1);
        yield_now();
        out.suspend(2);
    });
    assert_eq!(no_switch(|| (c.next(), c.next())), (Some(1), Some(2)));
    let ran = Rc::new(Cell::new(false));
    let flag = Rc::clone(&ran);
    let neighbour = local(move || flag.set(true));
    assert!(no_switch(|| c.next()).is_none());
    assert!(!ran.get());
    neighbour.join().unwrap();
}

#[test]
fn a_kill_that_arrives_while_a_coroutine_is_dropped_is_not_lost() {
    let reports = Rc::new(Cell::new(0));
    let (stage, seen) = (Rc::new(Cell::new("before")), Rc::clone(&reports));
    let progress = Rc::clone(&stage);
    let thread = local(move || {
        let inner = Rc::clone(&progress);
        let mut c = generator(move |out| {
            // Swallows the end, and waits with the kill pending: it is unwound once more.
            let _ = catch_unwind(AssertUnwindSafe(|| out.suspend(1)));
            inner.set("dropping");
            loop {
                yield_now();
            }
        });
        c.next();
        drop(c);
        progress.set("dropped");
        seen.set(seen.get() + 1);
        yield_now();
        progress.set("after");
    });
    while stage.get() != "dropping" {
        yield_now();
    }
    thread.kill().unwrap();
    assert!(thread.join().unwrap_err().is::<Killed>());
    assert_eq!((stage.get(), reports.get()), ("dropped", 1));
}

#[test]
fn frames_that_park_when_they_are_dropped_are_waited_for() {
    let log: Rc<RefCell<Vec<u32>>> = Rc::default();
    let lines = Rc::clone(&log);
    let mut c = generator(move |out| {
        let _outer = OnDrop(|| {
            yield_now();
            lines.borrow_mut().push(2);
        });
        let _inner = OnDrop(|| {
            yield_now();
            lines.borrow_mut().push(1);
        });
        out.suspend(());
    });
    c.next();
    let neighbour = {
        let lines = Rc::clone(&log);
        local(move || lines.borrow_mut().push(0))
    };
    drop(c);
    neighbour.join().unwrap();
    assert_eq!(*log.borrow(), [0, 1, 2]);
}

#[test]
fn a_coroutine_cannot_be_resumed_from_itself() {
    type Shared = Rc<RefCell<Option<Coroutine<(), u8, ()>>>>;
    let shared: Shared = Rc::default();
    let inside = Rc::clone(&shared);
    *shared.borrow_mut() = Some(generator(move |out| {
        assert!(inside.try_borrow_mut().is_err(), "whoever resumes it has it borrowed");
        out.suspend(1);
    }));
    assert_eq!(shared.borrow_mut().as_mut().unwrap().next(), Some(1));
    // A cycle by which it holds itself is broken by hand, as with any Rc.
    drop(shared.take());
}

#[test]
fn a_coroutine_that_is_dropped_by_its_own_input_is_unwound_later() {
    // The coroutine is owned by a value that it is suspended with: dropping the handle unwinds the frame once.
    let drops = Rc::new(Cell::new(0));
    let count = Rc::clone(&drops);
    let mut c = Coroutine::new(move |out: &Yielder<Option<Coroutine<(), (), ()>>, ()>, _| {
        let _counted = OnDrop(|| count.set(count.get() + 1));
        let _other = out.suspend(());
        out.suspend(());
    });
    let inner_count = Rc::clone(&drops);
    let mut inner = generator(move |out| {
        let _counted = OnDrop(|| inner_count.set(inner_count.get() + 1));
        out.suspend(());
    });
    inner.next();
    assert_eq!(c.resume(None), Step::Yield(()));
    assert_eq!(c.resume(Some(inner)), Step::Yield(()));
    drop(c);
    assert_eq!(drops.get(), 2);
}

#[test]
fn a_hook_may_drop_a_suspended_coroutine() {
    thread_local! {
        static KEPT: RefCell<Option<Coroutine<(), u8, ()>>> = const { RefCell::new(None) };
    }
    // The hook is the process's: only this OS thread has something for it to drop.
    let before = green_core::panic::take_hook();
    green_core::panic::set_hook(Box::new(move |info| {
        drop(KEPT.take());
        before(info);
    }));
    let drops = Rc::new(Cell::new(0));
    let count = Rc::clone(&drops);
    let mut c = generator(move |out| {
        let _counted = OnDrop(|| count.set(count.get() + 1));
        out.suspend(1);
    });
    c.next();
    KEPT.set(Some(c));
    let seen = Cell::new(false);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let _drop = OnDrop(|| seen.set(std::thread::panicking()));
        panic!("with a hook");
    }));
    drop(green_core::panic::take_hook());
    assert!(panic.unwrap_err().is::<&str>() && seen.get() && !std::thread::panicking());
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_kill_ends_a_green_thread_whose_greenlets_and_coroutines_are_suspended() {
    let drops = Rc::new(Cell::new(0));
    let count = Rc::clone(&drops);
    let ready = Rc::new(Cell::new(false));
    let flag = Rc::clone(&ready);
    let thread = local(move || {
        let make = || {
            let count = Rc::clone(&count);
            OnDrop(move || count.set(count.get() + 1))
        };
        let (held, main) = (make(), greenlet::current());
        let g = Greenlet::new(move |_| {
            let _held = held;
            main.switch(());
        });
        g.switch(());
        let held = make();
        let mut c = generator(move |out| {
            let _held = &held;
            out.suspend(());
        });
        c.next();
        // In the middle of a greenlet that is in the middle of a coroutine.
        let (held, main) = (make(), greenlet::current());
        let both = Greenlet::new(move |_| {
            Coroutine::new(move |_: &Yielder<(), ()>, ()| {
                let _held = held;
                main.switch(());
            })
            .resume(());
        });
        both.switch(());
        std::mem::forget((g.clone(), both.clone()));
        flag.set(true);
        loop {
            yield_now();
        }
    });
    while !ready.get() {
        yield_now();
    }
    thread.kill().unwrap();
    assert!(thread.join().unwrap_err().is::<Killed>());
    assert_eq!(drops.get(), 3);
}

#[test]
fn a_greenlet_and_a_coroutine_outlive_their_green_thread_as_dead() {
    let (g, mut c) = local(|| {
        let main = greenlet::current();
        let g = Greenlet::new(move |_| drop(main.switch(())));
        g.switch(());
        let mut c = generator(|out| out.suspend(1));
        c.next();
        (g, c)
    })
    .join()
    .unwrap();
    assert_eq!((g.state(), c.is_done()), (State::Dead, true));
    assert_eq!((g.backtrace().is_none(), c.next()), (true, None));
    assert!(!c.id().is_entered());
}

#[test]
fn a_spawned_green_threads_suspended_frames_go_before_its_locals() {
    // On whatever thread the mode puts it: a worker, this hub, or an OS thread of its own.
    static LOG: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    green_core::thread_local! {
        static LOCAL: OnDrop<fn()> = OnDrop(|| LOG.lock().unwrap().push("local"));
    }
    spawn(Default::default(), || {
        let mut c = generator(|out| {
            LOCAL.with(|_borrowed| {
                let _frame = OnDrop(|| LOG.lock().unwrap().push("frame"));
                out.suspend(());
            });
        });
        c.next();
        std::mem::forget(c);
    })
    .unwrap()
    .join()
    .unwrap();
    // The join may come before the last destructor.
    while LOG.lock().unwrap().len() < 2 {
        yield_now();
    }
    assert_eq!(*LOG.lock().unwrap(), ["frame", "local"]);
}

#[test]
fn who_runs_is_told_by_the_stack() {
    assert_eq!(coroutine::current(), None);
    let main = greenlet::current();
    let mut outer = Coroutine::new(move |out: &Yielder<(), ()>, ()| {
        let me = coroutine::current().unwrap();
        // A greenlet has a stack of its own, which is no coroutine's.
        let elsewhere = Greenlet::new(move |_| (coroutine::current(), me.is_entered()));
        assert_eq!(elsewhere.switch(()).take::<(Option<coroutine::CoroutineId>, bool)>().unwrap(), (None, true));
        out.suspend(());
        main.switch(me);
    });
    let id = outer.id();
    assert!(!id.is_entered());
    outer.resume(());
    assert!(!id.is_entered());
    let g = Greenlet::new(move |_| assert_eq!(outer.resume(()), Step::Done(())));
    assert_eq!(g.switch(()).take::<coroutine::CoroutineId>().unwrap(), id);
    // Left by its greenlet in the middle, it has not come back.
    assert!(id.is_entered());
    assert_eq!(coroutine::current(), None);
    assert!(local(move || !id.is_entered()).join().unwrap(), "another green thread's");
    g.switch(());
    assert!(!id.is_entered());
}
