//! How green threads end and who learns of it: detached ones (eventlet's `test_n`), links with their outcome and `unlink`
//! (E9; gevent's `test__order`), `cancel` (E7) and kills with a payload (E6).

mod modes;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use green_thread::{self as thread, Exit, Killed};
use modes::{Flag, Mode, mode, quiet_panic, skip_in, until};

/// eventlet: `test_n`: it has not run before the first yield, and has ended after.
#[test]
fn test_n() {
    let done = Flag::new();
    thread::spawn_detached({
        let done = done.clone();
        move || done.raise()
    });
    if mode() == Mode::OneHub {
        assert!(!done.is_up(), "nobody has yielded");
        thread::yield_now();
        assert!(done.is_up());
    }
    done.wait();
}

#[test]
fn a_detached_panic_ends_its_own_thread_alone() {
    let done = Flag::new();
    let hub = thread::spawn_local({
        let done = done.clone();
        move || done.wait()
    });
    thread::spawn_detached(|| quiet_panic("in a detached one"));
    thread::spawn_detached(move || done.raise());
    hub.join().unwrap();
}

#[test]
fn a_detached_panic_is_reported() {
    let seen = Arc::new(AtomicUsize::new(0));
    let (count, name) = (Arc::clone(&seen), "reported on purpose");
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload().downcast_ref::<&str>() == Some(&name) {
            count.fetch_add(1, Ordering::SeqCst);
        } else {
            previous(info);
        }
    }));
    thread::spawn_detached(move || panic!("reported on purpose"));
    until(|| seen.load(Ordering::SeqCst) == 1);
}

#[test]
fn a_detached_thread_has_a_name_a_token_and_locals() {
    green_thread::thread_local! {
        static GUARD: std::cell::RefCell<Option<modes::RaiseOnDrop>> = const { std::cell::RefCell::new(None) };
    }
    let (dropped, named) = (Flag::new(), Arc::new(Mutex::new(None)));
    let (guard, slot) = (dropped.on_drop(), Arc::clone(&named));
    let body = move || {
        GUARD.with(|cell| cell.replace(Some(guard)));
        *slot.lock().unwrap() = Some(thread::current());
        thread::park();
    };
    thread::Builder::new().name("courier".into()).spawn_detached(body).unwrap();
    until(|| named.lock().unwrap().is_some());
    let courier = named.lock().unwrap().take().unwrap();
    assert_eq!(courier.name(), Some("courier"));
    courier.unpark();
    dropped.wait();
    // Its name outlives it, and does no harm.
    courier.unpark();
    assert_eq!(courier.name(), Some("courier"));
}

#[test]
fn a_detached_thread_of_an_os_thread_that_ends_is_dropped() {
    skip_in!(
        Mode::Workers | Mode::Plain,
        "a_detached_thread_of_an_os_thread_that_ends_is_dropped",
        "there it does not live on that OS thread"
    );
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    std::thread::spawn(move || thread::spawn_detached(move || drop(guard))).join().unwrap();
    assert!(dropped.is_up());
}

/// gevent: `test__order`: links run in the order in which they were added.
#[test]
fn order_of_links() {
    for count in [2, 3, 100] {
        let log = Arc::new(Mutex::new(Vec::new()));
        let child = thread::spawn_local({
            let log = Arc::clone(&log);
            move || log.lock().unwrap().push(0)
        });
        for n in 1..count {
            let log = Arc::clone(&log);
            child.link(move |_| log.lock().unwrap().push(n));
        }
        child.join().unwrap();
        assert_eq!(*log.lock().unwrap(), (0..count).collect::<Vec<_>>());
    }
}

/// A panic in a link is its own affair, its payload's destructor included; in the caller it is the caller's.
#[test]
fn a_panic_of_a_link_goes_as_far_as_is_said() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            resume_unwind(Box::new("a payload's destructor"));
        }
    }
    let log = Arc::new(Mutex::new(Vec::new()));
    let note = |name| {
        let log = Arc::clone(&log);
        move |exit| log.lock().unwrap().push((name, exit))
    };
    let child = thread::spawn(|| {
        thread::park();
        5
    });
    child.link(note("first"));
    child.link(|_| quiet_panic("a link"));
    child.link(note("second"));
    child.on_exit(|| resume_unwind(Box::new(Bomb)));
    child.link(note("third"));
    child.thread().unpark();
    until(|| child.is_finished());
    assert_eq!(*log.lock().unwrap(), ["first", "second", "third"].map(|name| (name, Exit::Returned)));
    let late = [
        catch_unwind(AssertUnwindSafe(|| _ = child.link(|_| quiet_panic("late")))),
        catch_unwind(AssertUnwindSafe(|| child.on_exit(|| quiet_panic("late")))),
    ];
    assert!(late.iter().all(|late| late.as_ref().is_err_and(|payload| payload.downcast_ref() == Some(&"late"))));
    assert_eq!(child.remote().exit(), Some(Exit::Returned));
    assert_eq!(child.join().unwrap(), 5);
}

/// Kills reach a link in the caller, and none in the green thread that ends.
#[test]
fn a_kill_reaches_a_link_in_the_caller_alone() {
    let ended = Arc::new(thread::spawn(|| {}));
    until(|| ended.is_finished());
    let caller = thread::spawn(move || {
        ended.link(|_| thread::park());
    });
    caller.kill().unwrap();
    assert!(caller.join().unwrap_err().is::<Killed>());

    let (begun, go) = (Flag::new(), Flag::new());
    let (begin, wait) = (begun.clone(), go.clone());
    let linked = thread::spawn_local(thread::park);
    linked.link(move |_| {
        begin.raise();
        wait.wait();
        thread::yield_now();
    });
    linked.thread().unpark();
    begun.wait();
    linked.kill().unwrap();
    go.raise();
    linked.join().unwrap();
}

/// What a link is told, whether it is there before the end or comes after.
fn check_exit(expected: Exit, body: impl FnOnce() + Send + 'static, meddle: impl FnOnce(&thread::JoinHandle<()>)) {
    let child = thread::spawn(body);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let link = || {
        let seen = Arc::clone(&seen);
        move |exit| seen.lock().unwrap().push(exit)
    };
    child.link(link());
    meddle(&child);
    until(|| child.is_finished());
    child.link(link());
    assert_eq!(*seen.lock().unwrap(), [expected, expected]);
    assert_eq!(child.remote().exit(), Some(expected));
    assert_eq!(child.join().is_ok(), expected == Exit::Returned);
}

#[test]
fn links_are_told_how_it_ended() {
    check_exit(Exit::Returned, || {}, |_| {});
    check_exit(Exit::Panicked, || quiet_panic("on purpose"), |_| {});
    check_exit(Exit::Killed, thread::park, |child| child.kill().unwrap());
    check_exit(Exit::Killed, thread::park, |child| child.kill_with(Box::new("payload")).unwrap());
    let started = Flag::new();
    let swallow = {
        let started = started.clone();
        move || {
            started.raise();
            let _ = catch_unwind(thread::park);
        }
    };
    check_exit(Exit::Returned, swallow, |child| {
        started.wait();
        child.kill().unwrap();
    });
}

/// eventlet: `test_link`'s curried arguments are what the closure holds; `unlink` says whether it came in time (E9).
#[test]
fn unlink_is_exact() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let child = Arc::new(thread::spawn(thread::park));
    let add = |name: &'static str| {
        let log = Arc::clone(&log);
        move |_| log.lock().unwrap().push(name)
    };
    let first = child.link(add("first"));
    let second = child.link(add("second"));
    assert!(child.unlink(second));
    assert!(!child.unlink(second));
    // A link takes a later one back, and cannot take back itself.
    let third = Arc::new(Mutex::new(None));
    let itself = Arc::new(Mutex::new(None));
    let fourth = child.link({
        let (child, third, itself, log) =
            (Arc::clone(&child), Arc::clone(&third), Arc::clone(&itself), Arc::clone(&log));
        move |_| {
            assert!(child.unlink(third.lock().unwrap().unwrap()));
            assert!(!child.unlink(itself.lock().unwrap().unwrap()));
            log.lock().unwrap().push("fourth");
        }
    });
    *itself.lock().unwrap() = Some(fourth);
    *third.lock().unwrap() = Some(child.link(|_| unreachable!("taken back")));
    assert!(!thread::spawn_local(|| ()).unlink(first), "a link of another");
    child.thread().unpark();
    until(|| child.is_finished());
    assert!(!child.unlink(first) && !child.unlink(fourth));
    let late = child.link(add("late"));
    assert!(!child.unlink(late));
    assert_eq!(*log.lock().unwrap(), ["first", "fourth", "late"]);
}

#[test]
fn what_a_link_holds_is_dropped_when_it_is_taken_back() {
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    let child = thread::spawn(thread::park);
    let id = child.link(move |_| drop(guard));
    assert!(child.unlink(id));
    assert!(dropped.is_up());
    child.thread().unpark();
    child.join().unwrap();
}

/// eventlet: `test_cancel`.
#[test]
fn test_cancel() {
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    let never = thread::spawn_local(move || {
        let _guard = guard;
        unreachable!("it was cancelled")
    });
    assert!(never.cancel());
    let remote = never.remote();
    assert!(never.join().unwrap_err().is::<Killed>());
    assert!(dropped.is_up());
    assert_eq!(remote.exit(), Some(Exit::Killed));
}

/// eventlet: `test_cancel_already_started`.
#[test]
fn test_cancel_already_started() {
    let started = Flag::new();
    let child = thread::spawn({
        let started = started.clone();
        move || {
            started.raise();
            // A park, of whatever kind.
            thread::sleep(Duration::from_millis(1));
            22
        }
    });
    started.wait();
    assert!(!child.cancel());
    assert_eq!(child.join().unwrap(), 22);
    let ended = thread::spawn(|| 23);
    until(|| ended.is_finished());
    assert!(!ended.cancel());
    assert_eq!(ended.join().unwrap(), 23);
}

/// Exactly one of the start and the cancel wins.
#[test]
fn cancels_race_with_the_start() {
    let runs = Arc::new(AtomicUsize::new(0));
    let mut cancelled = 0;
    for _ in 0..500 {
        let child = thread::spawn({
            let runs = Arc::clone(&runs);
            move || runs.fetch_add(1, Ordering::SeqCst)
        });
        let is_cancelled = child.cancel();
        cancelled += usize::from(is_cancelled);
        assert_eq!(child.join().is_err(), is_cancelled);
    }
    assert_eq!(runs.load(Ordering::SeqCst) + cancelled, 500);
}

#[test]
fn a_kill_brings_its_payload() {
    let payload = || -> Box<dyn Any + Send> { Box::new(7_u8) };
    // Before the start, at a park, and of several kills the first payload counts.
    let never = thread::spawn_local(|| ());
    never.kill_with(payload()).unwrap();
    assert_eq!(never.join().unwrap_err().downcast_ref(), Some(&7_u8));

    let parked = thread::spawn(thread::park);
    parked.kill_with(payload()).unwrap();
    parked.kill_with(Box::new("too late")).unwrap();
    parked.kill().unwrap();
    assert_eq!(parked.join().unwrap_err().downcast_ref(), Some(&7_u8));

    let later = thread::spawn_after(Duration::from_secs(3600), || ());
    later.kill_with(payload()).unwrap();
    assert_eq!(later.join().unwrap_err().downcast_ref(), Some(&7_u8));
}

#[test]
fn a_payload_that_was_caught_comes_back_as_killed() {
    let started = Flag::new();
    let child = thread::spawn({
        let started = started.clone();
        move || {
            started.raise();
            let first = catch_unwind(thread::park).unwrap_err();
            let second = catch_unwind(AssertUnwindSafe(thread::yield_now)).unwrap_err();
            (first.downcast_ref() == Some(&7_u8), second.is::<Killed>())
        }
    });
    started.wait();
    child.kill_with(Box::new(7_u8)).unwrap();
    child.kill_with(Box::new(8_u8)).unwrap();
    assert_eq!(child.join().unwrap(), (true, true));
}

/// Catches a kill with `payload`, and ends by `then`; returns what its links and its joiner are told.
fn caught<T: Send + 'static>(
    payload: Box<dyn Any + Send>,
    then: impl FnOnce(Box<dyn Any + Send>) -> T + Send + 'static,
) -> (Exit, thread::Result<T>) {
    let (started, told) = (Flag::new(), Arc::new(Mutex::new(None)));
    let child = thread::spawn({
        let started = started.clone();
        move || {
            started.raise();
            then(catch_unwind(thread::park).unwrap_err())
        }
    });
    child.link({
        let told = Arc::clone(&told);
        move |exit| *told.lock().unwrap() = Some(exit)
    });
    started.wait();
    child.kill_with(payload).unwrap();
    let remote = child.remote();
    let result = child.join();
    let exit = told.lock().unwrap().take().unwrap();
    assert_eq!(remote.exit(), Some(exit));
    (exit, result)
}

#[test]
fn whoever_catches_a_payload_ends_as_it_will() {
    // It returns.
    let (exit, result) = caught(Box::new("the kill's"), |_| 5);
    assert_eq!((exit, result.unwrap()), (Exit::Returned, 5));
    // It passes it on, whatever it is.
    for payload in
        [Box::new("the kill's") as Box<dyn Any + Send>, Box::new(7_u8), Box::new(()), Box::new(String::new())]
    {
        let kind = (*payload).type_id();
        let (exit, result) = caught::<()>(payload, |payload| resume_unwind(payload));
        assert_eq!((exit, (*result.unwrap_err()).type_id()), (Exit::Killed, kind));
    }
    // It panics with its own, while it has the other or after it: in the same place then, perhaps.
    let (exit, result) = caught::<()>(Box::new("the kill's"), |_payload| quiet_panic("its own"));
    assert_eq!((exit, result.unwrap_err().downcast_ref()), (Exit::Panicked, Some(&"its own")));
    for _ in 0..10 {
        let (exit, result) = caught::<()>(Box::new("the kill's"), |payload| {
            drop(payload);
            quiet_panic("its own")
        });
        assert_eq!((exit, result.unwrap_err().downcast_ref()), (Exit::Panicked, Some(&"its own")));
        let (exit, result) = caught::<()>(Box::new("the kill's".to_owned()), |payload| {
            drop(payload);
            resume_unwind(Box::new("its own".to_owned()))
        });
        assert_eq!((exit, result.unwrap_err().downcast_ref()), (Exit::Panicked, Some(&"its own".to_owned())));
    }
    let (exit, result) = caught::<()>(Box::new(7_u8), |_payload| resume_unwind(Box::new(7_u8)));
    assert_eq!((exit, result.unwrap_err().downcast_ref()), (Exit::Panicked, Some(&7_u8)));
}

#[test]
fn a_payload_that_comes_too_late_is_dropped() {
    let dropped = Flag::new();
    let child = thread::spawn(|| 1);
    until(|| child.is_finished());
    child.kill_with(Box::new(dropped.on_drop())).unwrap();
    assert!(dropped.is_up());
    assert_eq!(child.join().unwrap(), 1);

    // One that is not used goes with its green thread's end.
    let (unused, started) = (Flag::new(), Flag::new());
    let deaf = thread::spawn({
        let started = started.clone();
        move || {
            started.raise();
            let _shield = thread::Shield::new();
            // A park in which the kill has to wait.
            thread::sleep(Duration::from_millis(1));
        }
    });
    started.wait();
    deaf.kill_with(Box::new(unused.on_drop())).unwrap();
    drop(deaf.join());
    assert!(unused.is_up());
}
