//! Greenlets whose end is asked for from elsewhere: the `Send` handle of FEATURES §2.3, and greenlet's
//! `test_threads` and `test_throw_to_dead_thread_doesnt_crash`.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use green_core::greenlet::{self, Exit, Greenlet, Remote, State, SwitchError};
use green_core::park::{no_switch, yield_now};
use green_core::spawn::{LocalJoiner, spawn, spawn_local};

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

/// Uses greenlets, as anything would.
fn use_greenlets() {
    Greenlet::new(|_| ()).switch(());
}

fn kill_from_elsewhere(greenlet: &Greenlet) -> bool {
    let remote = greenlet.remote().expect("it is no main greenlet");
    std::thread::spawn(move || remote.kill()).join().unwrap()
}

#[test]
fn a_remote_is_for_every_thread() {
    fn check<T: Send + Sync + Clone + 'static>() {}
    check::<Remote>();
    assert!(greenlet::main().remote().is_none(), "a main greenlet ends with its green thread");
}

#[test]
fn a_request_is_served_by_the_next_switch() {
    let drops = Rc::new(Cell::new(0));
    let g = waiting(&drops);
    assert!(kill_from_elsewhere(&g));
    assert_eq!((drops.get(), g.state()), (0, State::Suspended), "another OS thread has no say here");
    use_greenlets();
    assert_eq!((drops.get(), g.state()), (1, State::Dead));
    assert!(kill_from_elsewhere(&g), "its green thread is still there");
    use_greenlets();
}

#[test]
fn its_end_comes_back_to_who_serves_the_request() {
    let main = greenlet::current();
    let parent = Greenlet::new(move |_| -> () {
        main.switch(());
        unreachable!("the child's end goes elsewhere");
    });
    parent.switch(());
    let drops = Rc::new(Cell::new(0));
    let g = waiting(&drops);
    g.set_parent(&parent).unwrap();
    assert!(kill_from_elsewhere(&g));
    use_greenlets();
    assert_eq!((drops.get(), parent.state()), (1, State::Suspended));
}

#[test]
fn what_has_not_started_never_runs() {
    let drops = Rc::new(Cell::new(0));
    let counted = Counted(Rc::clone(&drops));
    let g = Greenlet::new(move |_| drop(counted));
    assert!(kill_from_elsewhere(&g));
    use_greenlets();
    assert_eq!((drops.get(), g.state()), (1, State::Dead));
}

#[test]
fn the_running_greenlet_has_its_turn_first() {
    let main = greenlet::current();
    let steps = Rc::new(Cell::new(0));
    let count = Rc::clone(&steps);
    let g = Greenlet::new(move |_| {
        assert!(kill_from_elsewhere(&greenlet::current()));
        use_greenlets();
        count.set(1);
        main.switch(());
        count.set(2);
    });
    g.switch(());
    assert_eq!((steps.get(), g.state()), (1, State::Suspended));
    use_greenlets();
    assert_eq!((steps.get(), g.state()), (1, State::Dead));
}

#[test]
fn it_may_survive_by_catching_exit() {
    let main = greenlet::current();
    let g = Greenlet::new(move |_| {
        assert!(catch_unwind(AssertUnwindSafe(|| main.switch(()))).unwrap_err().is::<Exit>());
        main.switch(());
        "at last"
    });
    g.switch(());
    assert!(kill_from_elsewhere(&g));
    use_greenlets();
    assert_eq!(g.state(), State::Suspended);
    assert_eq!(g.switch(()).take::<&str>().unwrap(), "at last");
}

#[test]
fn nothing_is_served_inside_no_switch() {
    let drops = Rc::new(Cell::new(0));
    let g = waiting(&drops);
    assert!(kill_from_elsewhere(&g));
    no_switch(|| assert!(matches!(g.try_switch(()), Err(SwitchError::NoSwitch))));
    assert_eq!(drops.get(), 0);
    use_greenlets();
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_request_follows_a_greenlet_that_another_green_thread_started() {
    let drops = Rc::new(Cell::new(0));
    let counted = Counted(Rc::clone(&drops));
    let back: Rc<RefCell<Option<Greenlet>>> = Rc::default();
    let place = Rc::clone(&back);
    let g = Greenlet::new(move |_| {
        let _counted = counted;
        place.take().expect("its main").switch(());
    });
    let remote = g.remote().unwrap();
    let asked = Rc::new(Cell::new(false));
    let wait = Rc::clone(&asked);
    let thread = local(move || {
        *back.borrow_mut() = Some(greenlet::current());
        g.set_parent(&greenlet::current()).unwrap();
        g.switch(());
        while !wait.get() {
            yield_now();
        }
        use_greenlets();
        g.state()
    });
    yield_now();
    assert!(std::thread::spawn(move || remote.kill()).join().unwrap());
    use_greenlets();
    assert_eq!(drops.get(), 0, "it is not ours");
    asked.set(true);
    assert_eq!(thread.join().unwrap(), State::Dead);
    assert_eq!(drops.get(), 1);
}

#[test]
fn the_end_of_the_green_thread_refuses_further_requests() {
    let (g, remote) = local(|| {
        let g = waiting(&Rc::default());
        let remote = g.remote().unwrap();
        (g, remote)
    })
    .join()
    .unwrap();
    assert!(g.is_dead());
    assert!(!remote.kill());
}

#[test]
fn requests_from_many_threads_are_all_served() {
    const EACH: u32 = 100;
    let drops = Rc::new(Cell::new(0));
    let mut greenlets = Vec::new();
    let killers: Vec<_> = (0..4)
        .map(|_| {
            let mine: Vec<_> = (0..EACH).map(|_| waiting(&drops)).collect();
            let remotes: Vec<_> = mine.iter().map(|g| g.remote().unwrap()).collect();
            greenlets.extend(mine);
            std::thread::spawn(move || remotes.iter().all(Remote::kill))
        })
        .collect();
    // Some are served while others are put in.
    while killers.iter().any(|killer| !killer.is_finished()) {
        use_greenlets();
    }
    for killer in killers {
        assert!(killer.join().unwrap());
    }
    use_greenlets();
    assert_eq!(drops.get(), 4 * EACH);
    assert!(greenlets.iter().all(Greenlet::is_dead));
}

/// greenlet's `test_throw_to_dead_thread_doesnt_crash`.
#[test]
fn throwing_at_a_greenlet_of_an_ended_green_thread_is_an_error() {
    let (started, unstarted) = local(|| (waiting(&Rc::default()), Greenlet::new(|_| ()))).join().unwrap();
    assert!(matches!(started.try_throw(Box::new(1)), Err(SwitchError::OtherThread)));
    assert!(catch_unwind(AssertUnwindSafe(|| started.kill())).is_err());
    assert!(matches!(unstarted.try_throw(Box::new(1)), Err(SwitchError::OtherThread)));
    assert!(unstarted.is_dead(), "it died on the way to its parent");
}

/// greenlet's `test_threads`: the same work in ten OS threads, and in ten green threads on whatever hubs.
#[test]
fn ten_threads_of_either_kind_have_greenlets_of_their_own() {
    fn work() -> Vec<u32> {
        let main = greenlet::current();
        let seen: Rc<RefCell<Vec<u32>>> = Rc::default();
        let log = Rc::clone(&seen);
        let g = Greenlet::new(move |_| {
            for n in [1, 3] {
                log.borrow_mut().push(n);
                yield_now();
                main.switch(());
            }
        });
        for n in [0, 2, 4] {
            seen.borrow_mut().push(n);
            yield_now();
            g.switch(());
        }
        assert!(g.is_dead());
        seen.take()
    }
    let os: Vec<_> = (0..10).map(|_| std::thread::spawn(work)).collect();
    let green: Vec<_> = (0..10).map(|_| spawn(Default::default(), work).unwrap()).collect();
    for thread in os {
        assert_eq!(thread.join().unwrap(), [0, 1, 2, 3, 4]);
    }
    for thread in green {
        assert_eq!(thread.join().unwrap(), [0, 1, 2, 3, 4]);
    }
}
