//! `JoinHandle`: results, panics, waiting with a limit, and what runs at the end.

mod modes;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use green_thread::{self as thread, JoinHandle};
use modes::{Flag, Mode, message, park_until, quiet_panic, skip_in, until};

#[test]
fn auto_traits_are_stds() {
    fn shared<T: Send + Sync + Unpin>() {}
    shared::<JoinHandle<()>>();
    shared::<JoinHandle<Cell<u8>>>();
    shared::<JoinHandle<std::rc::Rc<u8>>>();
}

#[test]
fn test_simple() {
    let child = thread::spawn(|| 7 + 5);
    assert_eq!(child.join().unwrap(), 12);
}

#[test]
fn large_and_zero_sized_results_arrive() {
    assert_eq!(thread::spawn(|| [7_u64; 512]).join().unwrap(), [7; 512]);
    thread::spawn(|| ()).join().unwrap();
    assert_eq!(thread::spawn(|| vec![String::from("x"); 3]).join().unwrap().len(), 3);
}

#[test]
fn closure_values_are_dropped_once() {
    let witness = Arc::new(());
    for _ in 0..10 {
        let held = Arc::clone(&witness);
        thread::spawn(move || drop(held)).join().unwrap();
        let held = Arc::clone(&witness);
        let returned = thread::spawn(move || held).join().unwrap();
        assert_eq!(Arc::strong_count(&witness), 2);
        drop(returned);
    }
    assert_eq!(Arc::strong_count(&witness), 1);
}

#[test]
fn panic_comes_back_from_join() {
    let payload = thread::spawn(|| quiet_panic("static")).join().unwrap_err();
    assert_eq!(message(&*payload), "static");
    let payload = thread::spawn(|| std::panic::resume_unwind(Box::new(17_u32))).join().unwrap_err();
    assert_eq!(payload.downcast_ref::<u32>(), Some(&17));
}

#[test]
fn real_panic_carries_its_message() {
    let payload = thread::Builder::new()
        .name("expected to panic".into())
        .spawn(|| panic!("number {}", 3))
        .unwrap()
        .join()
        .unwrap_err();
    assert_eq!(message(&*payload), "number 3");
}

#[test]
fn panic_ends_its_own_thread_alone() {
    let go = Flag::new();
    let steady = thread::spawn({
        let go = go.clone();
        move || {
            park_until(&go);
            1
        }
    });
    for _ in 0..10 {
        assert!(thread::spawn(|| quiet_panic("other")).join().is_err());
        assert!(thread::spawn_local(|| quiet_panic("other")).join().is_err());
    }
    go.raise();
    steady.thread().unpark();
    assert_eq!(steady.join().unwrap(), 1);
}

#[test]
fn result_that_nobody_takes_is_dropped() {
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    drop(thread::spawn(move || guard));
    dropped.wait();
}

#[test]
fn result_with_a_panicking_drop_harms_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            quiet_panic("in the destructor of a result");
        }
    }
    let bomb = thread::spawn(|| Bomb).join().unwrap();
    assert!(catch_unwind(AssertUnwindSafe(move || drop(bomb))).is_err());
}

#[test]
fn is_finished_tells_the_end() {
    let go = Flag::new();
    let child = thread::spawn({
        let go = go.clone();
        move || park_until(&go)
    });
    for _ in 0..100 {
        assert!(!child.is_finished());
        thread::yield_now();
    }
    go.raise();
    child.thread().unpark();
    until(|| child.is_finished());
    child.join().unwrap();
}

#[test]
fn join_makes_writes_visible() {
    for round in 0..200 {
        let cell = Arc::new(AtomicUsize::new(0));
        let child = thread::spawn({
            let cell = Arc::clone(&cell);
            move || cell.store(round, Ordering::Relaxed)
        });
        child.join().unwrap();
        assert_eq!(cell.load(Ordering::Relaxed), round);
    }
}

#[test]
fn join_from_a_plain_os_thread() {
    skip_in!(
        Mode::OneHub,
        "join_from_a_plain_os_thread",
        "the child is on this thread's hub, which std's join below blocks"
    );
    let child = thread::spawn(|| {
        thread::yield_now();
        9
    });
    let joiner = std::thread::spawn(move || child.join().unwrap());
    assert_eq!(joiner.join().unwrap(), 9);
}

#[test]
fn join_timeout_gives_the_handle_back() {
    let go = Flag::new();
    let child = thread::spawn({
        let go = go.clone();
        move || {
            park_until(&go);
            "late"
        }
    });
    let span = Duration::from_millis(3);
    let before = Instant::now();
    let child = child.join_timeout(span).expect_err("not released yet");
    assert!(before.elapsed() >= span);
    let child = child.join_timeout(Duration::ZERO).expect_err("not released yet");
    go.raise();
    child.thread().unpark();
    let result = child.join_timeout(Duration::from_secs(3_600)).expect("released");
    assert_eq!(result.unwrap(), "late");
}

#[test]
fn join_timeout_takes_a_finished_one_at_once() {
    let child = thread::spawn(|| 4);
    until(|| child.is_finished());
    assert_eq!(child.join_timeout(Duration::ZERO).expect("finished").unwrap(), 4);
    let child = thread::spawn(|| quiet_panic("no"));
    let result: thread::Result<()> = child.join_timeout(Duration::MAX).expect("it ends");
    assert!(result.is_err());
}

#[test]
fn join_of_oneself_panics() {
    let slot: Arc<Mutex<Option<JoinHandle<()>>>> = Arc::default();
    let (ended, told) = (Flag::new(), Flag::new());
    let child = thread::spawn({
        let (slot, told) = (Arc::clone(&slot), told.clone());
        move || {
            until(|| slot.lock().unwrap().is_some());
            let me = slot.lock().unwrap().take().expect("it was put there");
            let payload = catch_unwind(AssertUnwindSafe(|| me.join())).unwrap_err();
            assert!(message(&*payload).starts_with("failed to join thread"));
            told.raise();
        }
    });
    child.on_exit({
        let ended = ended.clone();
        move || ended.raise()
    });
    *slot.lock().unwrap() = Some(child);
    ended.wait();
    assert!(told.is_up());
}

#[test]
fn test_spawn_is_not_cancelled() {
    let done = Flag::new();
    let parent = thread::spawn({
        let done = done.clone();
        move || {
            drop(thread::spawn(move || {
                thread::yield_now();
                done.raise();
            }));
        }
    });
    parent.join().unwrap();
    done.wait();
}

#[test]
fn detached_thread_outlives_its_os_thread() {
    skip_in!(
        Mode::OneHub,
        "detached_thread_outlives_its_os_thread",
        "there a spawned thread ends with the OS thread whose hub it is on"
    );
    let (done, go) = (Flag::new(), Flag::new());
    std::thread::spawn({
        let (done, go) = (done.clone(), go.clone());
        move || {
            drop(thread::spawn(move || {
                go.wait();
                done.raise();
            }));
        }
    })
    .join()
    .unwrap();
    go.raise();
    done.wait();
}

#[test]
fn test_link() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let go = Flag::new();
    let child = thread::spawn({
        let (log, go) = (Arc::clone(&log), go.clone());
        move || {
            go.wait();
            log.lock().unwrap().push("body");
        }
    });
    for name in ["first", "second"] {
        let log = Arc::clone(&log);
        child.on_exit(move || log.lock().unwrap().push(name));
    }
    go.raise();
    child.join().unwrap();
    log.lock().unwrap().push("joined");
    assert_eq!(*log.lock().unwrap(), ["body", "first", "second", "joined"]);
}

#[test]
fn test_link_runs_in_the_finishing_thread() {
    let seen = Arc::new(Mutex::new(None));
    let go = Flag::new();
    let child = thread::spawn({
        let go = go.clone();
        move || go.wait()
    });
    child.on_exit({
        let seen = Arc::clone(&seen);
        move || *seen.lock().unwrap() = Some(thread::current().id())
    });
    go.raise();
    let id = child.thread().id();
    child.join().unwrap();
    assert_eq!(*seen.lock().unwrap(), Some(id));
}

#[test]
fn test_link_after_exited() {
    let child = thread::spawn(|| ());
    until(|| child.is_finished());
    let seen = Arc::new(Mutex::new(None));
    child.on_exit({
        let seen = Arc::clone(&seen);
        move || *seen.lock().unwrap() = Some(thread::current().id())
    });
    assert_eq!(*seen.lock().unwrap(), Some(thread::current().id()));
    child.join().unwrap();
}

#[test]
fn test_link_relinks() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let go = Flag::new();
    let child = Arc::new(thread::spawn({
        let go = go.clone();
        move || go.wait()
    }));
    child.on_exit({
        let (log, child) = (Arc::clone(&log), Arc::clone(&child));
        move || {
            log.lock().unwrap().push("outer");
            let inner = Arc::clone(&log);
            child.on_exit(move || inner.lock().unwrap().push("inner"));
            log.lock().unwrap().push("outer again");
        }
    });
    go.raise();
    until(|| child.is_finished());
    let child = Arc::into_inner(child).expect("the closure that held the other one has run");
    child.join().unwrap();
    let log = log.lock().unwrap();
    assert_eq!(log[0], "outer");
    assert!(log.contains(&"inner") && log.contains(&"outer again"));
    assert_eq!(log.len(), 3);
}

#[test]
fn links_may_park() {
    let done = Flag::new();
    let go = Flag::new();
    let child = thread::spawn({
        let go = go.clone();
        move || go.wait()
    });
    child.on_exit({
        let done = done.clone();
        move || {
            // Two kinds of park, by timer and by turn.
            thread::sleep(Duration::from_millis(1));
            thread::yield_now();
            done.raise();
        }
    });
    go.raise();
    child.join().unwrap();
    assert!(done.is_up());
}

#[test]
fn links_run_after_panic_and_kill() {
    let count = Arc::new(AtomicUsize::new(0));
    let add = || {
        let count = Arc::clone(&count);
        move || {
            count.fetch_add(1, Ordering::SeqCst);
        }
    };
    let go = Flag::new();
    let failing = thread::spawn({
        let go = go.clone();
        move || {
            go.wait();
            quiet_panic("failing")
        }
    });
    failing.on_exit(add());
    go.raise();
    assert!(failing.join().is_err());
    let endless = thread::spawn(|| {
        loop {
            thread::park();
        }
    });
    endless.on_exit(add());
    endless.kill().unwrap();
    assert!(endless.join().is_err());
    let never = thread::spawn_local(|| ());
    never.on_exit(add());
    never.kill().unwrap();
    assert!(never.join().is_err());
    assert_eq!(count.load(Ordering::SeqCst), 3);
}

#[test]
fn links_of_a_detached_thread_run() {
    let done = Flag::new();
    let child = thread::spawn(thread::yield_now);
    child.on_exit({
        let done = done.clone();
        move || done.raise()
    });
    drop(child);
    done.wait();
}

#[test]
fn panic_in_a_link_keeps_the_others_and_the_result() {
    let done = Flag::new();
    let go = Flag::new();
    let child = thread::spawn({
        let go = go.clone();
        move || {
            go.wait();
            5
        }
    });
    child.on_exit(|| quiet_panic("in a link"));
    child.on_exit({
        let done = done.clone();
        move || done.raise()
    });
    go.raise();
    assert_eq!(child.join().unwrap(), 5);
    assert!(done.is_up());
}

#[test]
fn debug_says_nothing_of_the_result() {
    let child = thread::spawn(|| ());
    assert_eq!(format!("{child:?}"), "JoinHandle { .. }");
    child.join().unwrap();
}

/// Counts how often it is dropped.
struct Counted(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn a_result_that_nobody_takes_is_dropped_though_the_name_lives_on() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    for detach_first in [true, false] {
        let drops = std::sync::Arc::new(AtomicUsize::new(0));
        let counted = Counted(drops.clone());
        let handle = green_thread::spawn(move || {
            green_thread::park();
            counted
        });
        let name = handle.thread().clone();
        if detach_first {
            drop(handle);
            assert_eq!(drops.load(Ordering::SeqCst), 0);
            name.unpark();
        } else {
            name.unpark();
            while !handle.is_finished() {
                green_thread::yield_now();
            }
            assert_eq!(drops.load(Ordering::SeqCst), 0, "somebody might still join");
            drop(handle);
        }
        while drops.load(Ordering::SeqCst) == 0 {
            green_thread::yield_now();
        }
        assert_eq!(name.id(), name.clone().id());
        drop(name);
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    }
}

#[test]
fn a_result_that_was_taken_is_dropped_once() {
    use std::sync::atomic::{AtomicUsize, Ordering};

    let drops = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = Counted(drops.clone());
    let result = green_thread::spawn(move || counted).join();
    assert_eq!(drops.load(Ordering::SeqCst), 0);
    drop(result);
    assert_eq!(drops.load(Ordering::SeqCst), 1);
}
