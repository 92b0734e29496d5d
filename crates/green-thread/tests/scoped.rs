//! `scope`: borrows, failures, kills, leaks, and the race of the last child.

mod modes;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, RefUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use green_thread::{self as thread, Builder, Killed, Scope, ScopedJoinHandle, Shield};
use modes::{Flag, Mode, OnDrop, message, park_until, quiet_panic, until};

/// Runs `f` and returns the message with which it panics.
fn panic_message(f: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(f)).expect_err("it panics");
    message(&*payload).to_owned()
}

#[test]
fn auto_traits_are_stds() {
    fn shared<T: Send + Sync + Unpin>() {}
    fn scope_like<T: Send + Sync + Unpin + RefUnwindSafe>() {}
    shared::<ScopedJoinHandle<'static, Cell<u8>>>();
    scope_like::<Scope<'static, 'static>>();
}

#[test]
fn children_borrow_and_mutate() {
    let words = vec!["a", "bb", "ccc"];
    let mut sums = [0; 3];
    let total = thread::scope(|s| {
        for (sum, word) in sums.iter_mut().zip(&words) {
            s.spawn(move || {
                thread::yield_now();
                *sum = word.len();
            });
        }
        words.len()
    });
    assert_eq!((sums, total), ([1, 2, 3], 3));
}

#[test]
fn results_may_borrow() {
    let text = String::from("left right");
    let (left, right) = thread::scope(|s| {
        let left = s.spawn(|| text.split(' ').next().unwrap());
        let right = s.spawn(|| text.split(' ').nth(1).unwrap());
        (left.join().unwrap(), right.join().unwrap())
    });
    assert_eq!((left, right), ("left", "right"));
}

#[test]
fn scope_waits_for_all() {
    let ended = AtomicUsize::new(0);
    thread::scope(|s| {
        for n in 0..20 {
            let ended = &ended;
            s.spawn(move || {
                for _ in 0..n {
                    thread::yield_now();
                }
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(ended.load(Ordering::Relaxed), 20);
}

#[test]
fn children_spawn_in_the_same_scope() {
    fn grow<'scope>(s: &'scope Scope<'scope, '_>, count: &'scope AtomicUsize, depth: usize) {
        count.fetch_add(1, Ordering::Relaxed);
        if depth > 0 {
            for _ in 0..2 {
                s.spawn(move || grow(s, count, depth - 1));
            }
        }
    }
    let count = AtomicUsize::new(0);
    thread::scope(|s| grow(s, &count, 6));
    assert_eq!(count.load(Ordering::Relaxed), 127);
}

#[test]
fn scopes_nest_and_may_be_empty() {
    assert_eq!(thread::scope(|_| 5), 5);
    let value = 3;
    let doubled =
        thread::scope(|s| s.spawn(|| thread::scope(|inner| inner.spawn(|| value * 2).join().unwrap())).join().unwrap());
    assert_eq!(doubled, 6);
}

#[test]
fn builder_names_scoped_threads() {
    thread::scope(|s| {
        let named = Builder::new()
            .name("scoped".into())
            .stack_size(128 << 10)
            .spawn_scoped(s, || thread::current().name().map(str::to_owned))
            .unwrap();
        assert_eq!(named.thread().name(), Some("scoped"));
        assert_eq!(named.join().unwrap().as_deref(), Some("scoped"));
    });
}

#[test]
fn failed_spawn_is_no_failed_child() {
    let witness = Arc::new(());
    let held = Arc::clone(&witness);
    thread::scope(|s| {
        let refused = Builder::new().stack_size(1 << 60).spawn_scoped(s, move || drop(held));
        assert!(refused.is_err());
        s.spawn(|| ());
    });
    assert_eq!(Arc::strong_count(&witness), 1);
}

#[test]
fn unjoined_panic_makes_the_scope_panic() {
    let ended = Flag::new();
    let text = panic_message(|| {
        thread::scope(|s| {
            s.spawn(|| quiet_panic("child"));
            s.spawn(|| {
                thread::yield_now();
                ended.raise();
            });
        })
    });
    assert_eq!(text, "a scoped thread panicked");
    assert!(ended.is_up(), "after all children have ended");
}

#[test]
fn joined_panic_does_not() {
    thread::scope(|s| {
        let failing = s.spawn(|| quiet_panic("child"));
        assert_eq!(message(&*failing.join().unwrap_err()), "child");
        let failing = s.spawn(|| quiet_panic("another"));
        let result: thread::Result<()> = failing.join_timeout(Duration::from_secs(3_600)).expect("it ends");
        assert!(result.is_err());
    });
}

#[test]
fn one_joined_and_one_not() {
    let text = panic_message(|| {
        thread::scope(|s| {
            let joined = s.spawn(|| quiet_panic("told"));
            s.spawn(|| quiet_panic("not told"));
            assert!(joined.join().is_err());
        })
    });
    assert_eq!(text, "a scoped thread panicked");
}

#[test]
fn panic_of_the_body_waits_and_wins() {
    let ended = Flag::new();
    let text = panic_message(|| {
        thread::scope(|s| {
            s.spawn(|| quiet_panic("child"));
            s.spawn(|| {
                for _ in 0..10 {
                    thread::yield_now();
                }
                ended.raise();
            });
            quiet_panic("body")
        })
    });
    assert_eq!(text, "body");
    assert!(ended.is_up());
}

#[test]
fn killed_child_counts_as_panicked() {
    let text = panic_message(|| {
        thread::scope(|s| {
            let child = s.spawn(|| {
                loop {
                    thread::park();
                }
            });
            child.kill().unwrap();
        })
    });
    assert_eq!(text, "a scoped thread panicked");
    thread::scope(|s| {
        let child = s.spawn(|| {
            loop {
                thread::park();
            }
        });
        child.kill().unwrap();
        assert!(child.join().unwrap_err().is::<Killed>());
    });
}

#[test]
fn kill_before_start_counts_down_too() {
    // At once after the spawn: some are killed before their start, some after, and with one hub all before.
    let value = 5;
    for join in [true, false] {
        for _ in 0..100 {
            let result = catch_unwind(AssertUnwindSafe(|| {
                thread::scope(|s| {
                    let child = s.spawn(|| {
                        thread::yield_now();
                        value
                    });
                    child.kill().unwrap();
                    if join {
                        match child.join() {
                            Ok(n) => assert_eq!(n, 5),
                            Err(payload) => assert!(payload.is::<Killed>()),
                        }
                    }
                })
            }));
            if join {
                result.unwrap();
            } else if let Err(payload) = result {
                assert_eq!(message(&*payload), "a scoped thread panicked");
            }
        }
    }
}

#[test]
fn closure_dropped_unstarted_is_dropped_within_the_scope() {
    struct Writes<'a>(&'a Mutex<Vec<&'static str>>);
    impl Drop for Writes<'_> {
        fn drop(&mut self) {
            thread::yield_now();
            self.0.lock().unwrap().push("dropped");
        }
    }
    let log = Mutex::new(Vec::new());
    let _ = catch_unwind(AssertUnwindSafe(|| {
        thread::scope(|s| {
            let writes = Writes(&log);
            let child = s.spawn(move || drop(writes));
            child.kill().unwrap();
        })
    }));
    assert_eq!(*log.lock().unwrap(), ["dropped"]);
}

#[test]
fn leaked_handle_does_not_hold_the_scope() {
    let ended = Flag::new();
    thread::scope(|s| {
        std::mem::forget(s.spawn(|| {
            thread::yield_now();
            ended.raise();
            7
        }));
    });
    assert!(ended.is_up());
    let text = panic_message(|| {
        thread::scope(|s| std::mem::forget(s.spawn(|| quiet_panic("leaked"))));
    });
    assert_eq!(text, "a scoped thread panicked");
}

/// Uses a borrow when it is dropped, after a few parks.
struct LateUse<'a>(&'a AtomicUsize);

impl Drop for LateUse<'_> {
    fn drop(&mut self) {
        for _ in 0..5 {
            thread::yield_now();
        }
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn results_are_dropped_within_the_scope() {
    for _ in 0..100 {
        let drops = AtomicUsize::new(0);
        thread::scope(|s| {
            // Nobody holds the handle when it ends.
            s.spawn(|| LateUse(&drops));
            // The handle is dropped while it may be running.
            let held = s.spawn(|| LateUse(&drops));
            thread::yield_now();
            drop(held);
            // The handle of one goes into another's closure, and into another's result.
            let moved = s.spawn(|| LateUse(&drops));
            s.spawn(move || drop(moved));
            let moved = s.spawn(|| LateUse(&drops));
            s.spawn(move || moved);
            let joined = s.spawn(|| LateUse(&drops));
            drop(joined.join().unwrap());
        });
        assert_eq!(drops.load(Ordering::Relaxed), 5);
    }
}

#[test]
fn result_whose_destructor_panics_fails_the_scope() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            quiet_panic("destructor of a result");
        }
    }
    let go = Flag::new();
    let text = panic_message(|| {
        thread::scope(|s| {
            drop(s.spawn(|| {
                go.wait();
                Bomb
            }));
            // The handle is gone, so the child itself drops its result.
            go.raise();
        })
    });
    assert_eq!(text, "a scoped thread panicked");
}

#[test]
fn kill_while_the_result_is_dropped_waits() {
    let (inside, go, done) = (Flag::new(), Flag::new(), Flag::new());
    let (shielded, alone) = (Flag::new(), Flag::new());
    thread::scope(|s| {
        let child = s.spawn(|| {
            let _shield = Shield::new();
            shielded.raise();
            alone.wait();
            OnDrop(|| {
                inside.raise();
                go.wait();
                done.raise();
            })
        });
        shielded.wait();
        child.kill().unwrap();
        // The handle goes first, so the result dies on the child's own stack, with the kill pending.
        drop(child);
        alone.raise();
        inside.wait();
        go.raise();
    });
    assert!(done.is_up());
}

#[test]
fn killed_parent_waits_for_its_children() {
    let (waiting, release, ended) = (Flag::new(), Flag::new(), Flag::new());
    let child_handle = Arc::new(Mutex::new(None));
    let parent = thread::spawn({
        let (waiting, release, ended) = (waiting.clone(), release.clone(), ended.clone());
        let child_handle = Arc::clone(&child_handle);
        move || {
            let borrowed = 17;
            thread::scope(|s| {
                s.spawn(|| {
                    *child_handle.lock().unwrap() = Some(thread::current());
                    park_until(&release);
                    assert_eq!(borrowed, 17);
                    ended.raise();
                });
                waiting.raise();
            });
            unreachable!("the end of a scope is a kill point");
        }
    });
    waiting.wait();
    until(|| child_handle.lock().unwrap().is_some());
    parent.kill().unwrap();
    for _ in 0..50 {
        thread::yield_now();
    }
    assert!(!parent.is_finished(), "a child is alive");
    assert!(!ended.is_up());
    release.raise();
    child_handle.lock().unwrap().take().unwrap().unpark();
    assert!(parent.join().unwrap_err().is::<Killed>());
    assert!(ended.is_up());
}

#[test]
fn parent_killed_in_the_body_waits_for_its_children() {
    let (parked, release, ended) = (Flag::new(), Flag::new(), Flag::new());
    let child_handle = Arc::new(Mutex::new(None));
    let parent = thread::spawn({
        let (parked, release, ended) = (parked.clone(), release.clone(), ended.clone());
        let child_handle = Arc::clone(&child_handle);
        move || {
            thread::scope(|s| {
                let child = s.spawn(|| {
                    *child_handle.lock().unwrap() = Some(thread::current());
                    park_until(&release);
                    ended.raise();
                });
                parked.raise();
                drop(child.join());
            });
        }
    });
    parked.wait();
    until(|| child_handle.lock().unwrap().is_some());
    parent.kill().unwrap();
    for _ in 0..50 {
        thread::yield_now();
    }
    assert!(!parent.is_finished() && !ended.is_up());
    release.raise();
    child_handle.lock().unwrap().take().unwrap().unpark();
    assert!(parent.join().unwrap_err().is::<Killed>());
    assert!(ended.is_up());
}

#[test]
fn scope_in_a_destructor_during_unwinding() {
    let done = Flag::new();
    let guard = OnDrop({
        let done = done.clone();
        move || {
            let local = 3;
            thread::scope(|s| {
                let child = s.spawn(|| {
                    thread::yield_now();
                    local + 1
                });
                s.spawn(thread::yield_now);
                assert_eq!(child.join().unwrap(), 4);
            });
            done.raise();
        }
    });
    let child = thread::spawn(move || {
        let _guard = guard;
        quiet_panic("outer")
    });
    assert_eq!(message(&*child.join().unwrap_err()), "outer");
    assert!(done.is_up());
}

#[test]
fn join_timeout_gives_the_handle_back() {
    let go = Flag::new();
    thread::scope(|s| {
        let child = s.spawn(|| {
            park_until(&go);
            8
        });
        let child = child.join_timeout(Duration::from_millis(1)).expect_err("it parks");
        assert!(!child.is_finished());
        go.raise();
        child.thread().unpark();
        assert_eq!(child.join_timeout(Duration::MAX).expect("released").unwrap(), 8);
    });
}

#[test]
fn scope_on_a_plain_os_thread() {
    // std's thread-locals of an OS thread that is not ours may be lent as long as the scope lives.
    std::thread_local!(static LENT: AtomicUsize = const { AtomicUsize::new(0) });
    let sum = std::thread::spawn(|| {
        LENT.with(|lent| {
            thread::scope(|s| {
                for _ in 0..8 {
                    s.spawn(|| {
                        thread::yield_now();
                        lent.fetch_add(1, Ordering::Relaxed);
                    });
                }
            });
            lent.load(Ordering::Relaxed)
        })
    })
    .join()
    .unwrap();
    assert_eq!(sum, 8);
}

#[test]
fn local_green_thread_of_a_foreign_os_thread_lends_to_this_hub_only() {
    std::thread::spawn(|| {
        let here = std::thread::current().id();
        let parent = thread::spawn_local(move || {
            thread::scope(|s| s.spawn(|| std::thread::current().id()).join().unwrap()) == here
        });
        let stays = parent.join().unwrap();
        assert!(stays || modes::mode() == Mode::Plain);
    })
    .join()
    .unwrap();
}

#[test]
fn debug_counts() {
    thread::scope(|s| {
        let shown = format!("{s:?}");
        assert!(shown.starts_with("Scope { num_running_threads: 0"), "{shown}");
        let child = s.spawn(|| ());
        assert_eq!(format!("{child:?}"), "ScopedJoinHandle { .. }");
        child.join().unwrap();
    });
}

/// The last child may be between its count-down and its notification when the scope has returned already.
#[test]
fn stress_last_departure() {
    let mut total = 0;
    for round in 0..3_000_usize {
        let slots = [const { AtomicUsize::new(0) }; 3];
        thread::scope(|s| {
            for slot in &slots {
                s.spawn(move || slot.store(round, Ordering::Relaxed));
            }
            if round % 3 == 0 {
                thread::yield_now();
            }
        });
        // The stack is used again at once by other frames.
        total += slots.into_iter().map(AtomicUsize::into_inner).sum::<usize>();
    }
    assert_eq!(total, 3 * (0..3_000).sum::<usize>());
}

/// Parents that run scopes are killed at random moments; no child may see its borrow go.
#[test]
fn stress_kill_of_parents() {
    const CANARY: usize = 0x5afe_c0de;
    let (alive, bad) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for round in 0..200 {
        let parents: Vec<_> = (0..4)
            .map(|_| {
                let (alive, bad) = (Arc::clone(&alive), Arc::clone(&bad));
                thread::spawn(move || {
                    loop {
                        let canary = OnDrop2(AtomicUsize::new(CANARY));
                        thread::scope(|s| {
                            for parks in 0..3 {
                                let (canary, alive, bad) = (&canary, &alive, &bad);
                                s.spawn(move || {
                                    alive.fetch_add(1, Ordering::Relaxed);
                                    let _guard = OnDrop(|| {
                                        alive.fetch_sub(1, Ordering::Relaxed);
                                    });
                                    for _ in 0..parks {
                                        thread::yield_now();
                                    }
                                    if canary.0.load(Ordering::Relaxed) != CANARY {
                                        bad.fetch_add(1, Ordering::Relaxed);
                                    }
                                });
                            }
                            if round % 2 == 0 {
                                thread::yield_now();
                            }
                        });
                    }
                })
            })
            .collect();
        for _ in 0..round % 7 {
            thread::yield_now();
        }
        for parent in &parents {
            parent.kill().unwrap();
        }
        for parent in parents {
            let payload = parent.join().unwrap_err();
            assert!(payload.is::<Killed>());
        }
        assert_eq!(alive.load(Ordering::Relaxed), 0, "no child outlives its parent");
    }
    assert_eq!(bad.load(Ordering::Relaxed), 0);
}

/// Overwrites its value when it is dropped.
struct OnDrop2(AtomicUsize);

impl Drop for OnDrop2 {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Relaxed);
    }
}
