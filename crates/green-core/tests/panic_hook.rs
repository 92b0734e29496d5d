//! What a panic hook does and sees; one test, because a process has one hook.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use green_core::blocking::unblock;
use green_core::identity;
use green_core::panic::{catch_unwind, set_hook, take_hook};
use green_core::park::{sleep_until, yield_now};
use green_core::spawn::{Options, spawn, spawn_local};

fn named(name: &str) -> Options {
    Options { name: Some(name.to_owned()), ..Options::default() }
}

#[test]
fn hooks_see_the_green_thread_and_do_not_switch() {
    // Who panicked, as the hook saw it.
    let seen = Arc::new(Mutex::new(Vec::new()));
    let seen_by_hook = Arc::clone(&seen);
    set_hook(Box::new(move |info| {
        let message = info.payload().downcast_ref::<&str>().copied().unwrap_or_default();
        let name = identity::current().name().map(str::to_owned);
        seen_by_hook.lock().expect("not poisoned").push((name, message.to_owned()));
        // All of these would switch elsewhere.
        yield_now();
        sleep_until(Instant::now() + Duration::from_millis(1));
        assert!(unblock(|| std::fs::read_to_string("/proc/self/stat")).is_ok());
    }));

    // A neighbour that is runnable all the time does not run while the hook does.
    let steps = Rc::new(Cell::new(0));
    let stop = Rc::new(Cell::new(false));
    let neighbour = {
        let (steps, stop) = (Rc::clone(&steps), Rc::clone(&stop));
        spawn_local(Options::default(), move || {
            while !stop.get() {
                steps.set(steps.get() + 1);
                yield_now();
            }
        })
        .expect("a local green thread")
    };
    let panics = {
        let steps = Rc::clone(&steps);
        spawn_local(named("the one that panics"), move || {
            let before = steps.get();
            assert!(catch_unwind(|| panic!("local")).is_err());
            assert_eq!(steps.get(), before, "the neighbour ran while the hook did");
            yield_now();
        })
        .expect("a local green thread")
    };
    panics.join().expect("no assertion fails");
    stop.set(true);
    neighbour.join().expect("it only counts");
    assert!(steps.get() > 0);

    let remote = spawn(named("on a worker"), || panic!("remote")).expect("one green thread more");
    assert!(remote.join().is_err());

    // A kill calls no hook.
    let killed = spawn(named("killed"), || {
        loop {
            yield_now()
        }
    })
    .expect("one green thread more");
    killed.kill().expect("kills are possible");
    assert!(killed.join().map(|never: ()| never).is_err());

    let expected = [("the one that panics", "local"), ("on a worker", "remote")];
    let expected = expected.map(|(name, message)| (Some(name.to_owned()), message.to_owned()));
    assert_eq!(*seen.lock().expect("not poisoned"), expected);

    // The hook that was set is given back, and no longer called.
    let hook = take_hook();
    assert_eq!(Arc::strong_count(&seen), 2);
    drop(hook);
    assert_eq!(Arc::strong_count(&seen), 1);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let initial = take_hook();
    set_hook(Box::new(move |info| {
        counted.fetch_add(1, Ordering::SeqCst);
        initial(info);
    }));
    let chained = spawn(named("seen twice"), || panic!("a panic that this test expects to see"));
    assert!(chained.expect("one green thread more").join().is_err());
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}
