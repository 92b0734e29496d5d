//! `JoinHandle::kill`: before the start, at every kind of park, during unwinding, caught, shielded.

mod modes;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_thread::{self as thread, Exit, Killed, Shield};
use modes::{Flag, Mode, OnDrop, mode, park_until, quiet_panic, until};

/// Kills a green thread that runs `body`, once it is about to park, and checks that it unwinds.
fn check(kind: &str, body: impl FnOnce() + Send + 'static) {
    let (reached, dropped) = (Flag::new(), Flag::new());
    let victim = thread::spawn({
        let reached = reached.clone();
        let guard = dropped.on_drop();
        move || {
            let _guard = guard;
            reached.raise();
            body();
            unreachable!("it was to be killed");
        }
    });
    reached.wait();
    // So that the victim has got into the park in most runs; kills are kept, so the outcome is the same if not.
    for _ in 0..20 {
        thread::yield_now();
    }
    victim.kill().unwrap();
    let payload = victim.join().expect_err(kind);
    assert!(payload.is::<Killed>(), "{kind}");
    assert!(dropped.is_up(), "{kind}: destructors have run");
}

/// eventlet: `test_kill` and `test_kill_meth`: killing is a method alone here.
#[test]
fn test_kill() {
    let never = thread::spawn_local(|| unreachable!("it was killed before it could start"));
    never.kill().unwrap();
    never.kill().unwrap();
    let remote = never.remote();
    assert!(never.join().unwrap_err().is::<Killed>());
    remote.kill().unwrap();
    assert!(remote.is_finished());
}

/// eventlet: `test_kill_n`: one that nobody will join is killed by what is left of its handle.
#[test]
fn test_kill_n() {
    let never = thread::spawn_local(|| unreachable!("it was killed before it could start"));
    let remote = never.remote();
    drop(never);
    remote.kill().unwrap();
    remote.kill().unwrap();
    remote.wait();
    assert_eq!(remote.exit(), Some(Exit::Killed));

    let dropped = Flag::new();
    let guard = dropped.on_drop();
    let remote = thread::spawn(move || {
        let _guard = guard;
        thread::sleep(Duration::MAX);
    })
    .remote();
    remote.kill().unwrap();
    remote.wait();
    assert!(dropped.is_up() && remote.exit() == Some(Exit::Killed));
}

#[test]
fn kill_at_once_is_before_or_after_the_start() {
    let starts = Arc::new(AtomicUsize::new(0));
    for _ in 0..500 {
        let child = thread::spawn({
            let starts = Arc::clone(&starts);
            move || {
                starts.fetch_add(1, Ordering::SeqCst);
            }
        });
        child.kill().unwrap();
        let before = starts.load(Ordering::SeqCst);
        match child.join() {
            Ok(()) => assert!(starts.load(Ordering::SeqCst) > 0),
            Err(payload) => {
                assert!(payload.is::<Killed>());
                assert_eq!(starts.load(Ordering::SeqCst), before, "it has not parked, so it never ran");
            }
        }
    }
    if mode() == Mode::OneHub {
        assert_eq!(starts.load(Ordering::SeqCst), 0, "nothing starts before this one parks");
    }
}

#[test]
fn kill_before_start_drops_the_closure() {
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    let never = thread::spawn_local(move || drop(guard));
    never.kill().unwrap();
    assert!(never.join().is_err());
    assert!(dropped.is_up());
}

#[test]
fn closure_of_one_killed_before_start_may_park_when_dropped() {
    let done = Flag::new();
    let parker = OnDrop({
        let done = done.clone();
        move || {
            thread::yield_now();
            // Two kinds of park, by turn and by timer.
            thread::sleep(Duration::from_millis(1));
            done.raise();
        }
    });
    let never = thread::spawn_local(move || drop(parker));
    never.kill().unwrap();
    assert!(never.join().is_err());
    assert!(done.is_up());
}

#[test]
fn test_kill_already_started() {
    check("sleep", || thread::sleep(Duration::from_secs(3_600)));
}

#[test]
fn kill_ends_every_kind_of_park() {
    check("park", || {
        loop {
            thread::park();
        }
    });
    check("park_timeout", || {
        loop {
            thread::park_timeout(Duration::from_secs(3_600));
        }
    });
    check("sleep for ever", || thread::sleep(Duration::MAX));
    check("yield_now", || {
        loop {
            thread::yield_now();
        }
    });
    check("zero sleep", || {
        loop {
            thread::sleep(Duration::ZERO);
        }
    });
    check("scope body", || {
        thread::scope(|_| {
            loop {
                thread::park();
            }
        })
    });
    check("nested scope body", || thread::scope(|_| thread::scope(|_| thread::sleep(Duration::MAX))));
    check("own queue", || {
        let queue = WaitQueue::new();
        loop {
            if queue.wait_until(None, WaitReason::Other, || true) == Outcome::Interrupted {
                green_core::kill::deliver();
            }
        }
    });
}

#[test]
fn kill_ends_a_join_and_detaches_the_child() {
    type Join = fn(thread::JoinHandle<()>);
    let joins: [Join; 2] = [|child| drop(child.join()), |child| drop(child.join_timeout(Duration::from_secs(3_600)))];
    for join in joins {
        let (release, ended) = (Flag::new(), Flag::new());
        let child = thread::spawn({
            let (release, ended) = (release.clone(), ended.clone());
            move || {
                park_until(&release);
                ended.raise();
            }
        });
        let handle = child.thread().clone();
        check("join", move || join(child));
        assert!(!ended.is_up(), "the child goes on, detached");
        release.raise();
        handle.unpark();
        ended.wait();
    }
}

#[test]
fn kill_ends_a_remote_wait() {
    let local = thread::spawn_local(thread::park);
    let remote = local.remote();
    check("remote wait", move || remote.wait());
    let remote = local.remote();
    check("remote wait_timeout", move || {
        remote.wait_timeout(Duration::from_secs(3_600));
    });
    local.thread().unpark();
    local.join().unwrap();
}

#[test]
fn kill_of_a_thread_on_this_hub() {
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    let victim = thread::spawn_local(move || {
        let _guard = guard;
        loop {
            thread::park();
        }
    });
    thread::yield_now();
    victim.kill().unwrap();
    assert!(!dropped.is_up(), "kill does not switch");
    assert!(victim.join().unwrap_err().is::<Killed>());
    assert!(dropped.is_up());
}

#[test]
fn kill_of_oneself_is_delivered_at_the_next_park() {
    let slot: Arc<Mutex<Option<thread::JoinHandle<()>>>> = Arc::default();
    let (reached, outcome) = (Flag::new(), Arc::new(Mutex::new(None)));
    let child = thread::spawn({
        let (slot, reached, outcome) = (Arc::clone(&slot), reached.clone(), Arc::clone(&outcome));
        move || {
            until(|| slot.lock().unwrap().is_some());
            let me = slot.lock().unwrap().take().expect("put there before");
            me.on_exit(move || *outcome.lock().unwrap() = Some(thread::current().id()));
            me.kill().unwrap();
            reached.raise();
            thread::yield_now();
            unreachable!("yield_now is a kill point");
        }
    });
    let id = child.thread().id();
    *slot.lock().unwrap() = Some(child);
    until(|| outcome.lock().unwrap().is_some());
    assert!(reached.is_up(), "kill itself does not unwind");
    assert_eq!(*outcome.lock().unwrap(), Some(id));
}

#[test]
fn kill_after_the_end_changes_nothing() {
    let child = thread::spawn(|| 22);
    until(|| child.is_finished());
    child.kill().unwrap();
    assert_eq!(child.join().unwrap(), 22);
}

#[test]
fn kill_of_one_that_never_parks_again_is_lost() {
    let (reached, go) = (Flag::new(), Flag::new());
    let child = thread::spawn({
        let (reached, go) = (reached.clone(), go.clone());
        move || {
            let _shield = Shield::new();
            reached.raise();
            go.wait();
            22
        }
    });
    reached.wait();
    child.kill().unwrap();
    go.raise();
    assert_eq!(child.join().unwrap(), 22);
}

#[test]
fn shield_makes_a_kill_wait() {
    let (reached, go, left) = (Flag::new(), Flag::new(), Flag::new());
    let child = thread::spawn({
        let (reached, go, left) = (reached.clone(), go.clone(), left.clone());
        move || {
            let outer = Shield::new();
            let inner = Shield::new();
            reached.raise();
            go.wait();
            drop(outer);
            thread::yield_now();
            // A timed park is no kill point under the shield either.
            thread::sleep(Duration::from_millis(1));
            drop(inner);
            left.raise();
            thread::yield_now();
            unreachable!("the shields are gone");
        }
    });
    reached.wait();
    child.kill().unwrap();
    for _ in 0..50 {
        thread::yield_now();
    }
    assert!(!child.is_finished());
    go.raise();
    assert!(child.join().unwrap_err().is::<Killed>());
    assert!(left.is_up());
}

#[test]
fn test_killing_dormant() {
    // The victim catches the kill, parks under a shield, and finishes later; the killer has gone on by then.
    let log = Arc::new(Mutex::new(Vec::new()));
    let resumed = Flag::new();
    let child = thread::spawn({
        let (log, resumed) = (Arc::clone(&log), resumed.clone());
        move || {
            log.lock().unwrap().push("start");
            let caught = catch_unwind(AssertUnwindSafe(|| thread::sleep(Duration::MAX)));
            assert!(caught.unwrap_err().is::<Killed>());
            let _shield = Shield::new();
            log.lock().unwrap().push("except");
            resumed.wait();
            log.lock().unwrap().push("finished");
            22
        }
    });
    until(|| log.lock().unwrap().len() == 1);
    child.kill().unwrap();
    until(|| log.lock().unwrap().len() == 2);
    assert!(!child.is_finished());
    resumed.raise();
    assert_eq!(child.join().unwrap(), 22);
    assert_eq!(*log.lock().unwrap(), ["start", "except", "finished"]);
}

#[test]
fn caught_kill_is_raised_again_at_the_next_park() {
    let rounds = Arc::new(AtomicUsize::new(0));
    let reached = Flag::new();
    let child = thread::spawn({
        let (rounds, reached) = (Arc::clone(&rounds), reached.clone());
        move || {
            reached.raise();
            for _ in 0..5 {
                let caught = catch_unwind(|| {
                    loop {
                        thread::park();
                    }
                });
                let payload: Box<dyn std::any::Any + Send> = match caught {
                    Ok(()) => unreachable!("the loop has no end"),
                    Err(payload) => payload,
                };
                assert!(payload.is::<Killed>());
                rounds.fetch_add(1, Ordering::SeqCst);
            }
            "survived"
        }
    });
    reached.wait();
    child.kill().unwrap();
    assert_eq!(child.join().unwrap(), "survived");
    assert_eq!(rounds.load(Ordering::SeqCst), 5);
}

#[test]
fn destructors_that_park_are_run_to_their_end() {
    struct Slow {
        log: Arc<Mutex<Vec<&'static str>>>,
        inside: Flag,
        go: Flag,
    }
    impl Drop for Slow {
        fn drop(&mut self) {
            self.log.lock().unwrap().push("in");
            self.inside.raise();
            self.go.wait();
            // One park of each kind, with the kill pending.
            thread::sleep(Duration::from_millis(1));
            thread::current().unpark();
            thread::park();
            thread::spawn(thread::yield_now).join().unwrap();
            self.log.lock().unwrap().push("out");
        }
    }
    let log = Arc::new(Mutex::new(Vec::new()));
    let (reached, inside, go) = (Flag::new(), Flag::new(), Flag::new());
    let child = thread::spawn({
        let slow = Slow { log: Arc::clone(&log), inside: inside.clone(), go: go.clone() };
        let outer = Slow { log: Arc::clone(&log), inside: Flag::new(), go: go.clone() };
        let reached = reached.clone();
        move || {
            let _outer = outer;
            let _slow = slow;
            reached.raise();
            loop {
                thread::park();
            }
        }
    });
    reached.wait();
    child.kill().unwrap();
    inside.wait();
    // Again, now that it unwinds: the second kill must not cut the destructors short.
    child.kill().unwrap();
    assert!(!child.is_finished());
    go.raise();
    let payload = child.join().unwrap_err();
    assert!(payload.is::<Killed>());
    assert_eq!(*log.lock().unwrap(), ["in", "out", "in", "out"]);
}

#[test]
fn kill_while_a_panic_unwinds_waits_for_its_destructors() {
    let (inside, go, done) = (Flag::new(), Flag::new(), Flag::new());
    let child = thread::spawn({
        let (inside, go, done) = (inside.clone(), go.clone(), done.clone());
        move || {
            let _guard = OnDrop(|| {
                inside.raise();
                go.wait();
                done.raise();
            });
            quiet_panic("before the kill")
        }
    });
    inside.wait();
    child.kill().unwrap();
    for _ in 0..20 {
        thread::yield_now();
    }
    go.raise();
    let payload = child.join().unwrap_err();
    assert_eq!(modes::message(&*payload), "before the kill");
    assert!(done.is_up());
}

#[test]
fn neighbours_do_not_see_the_unwinding() {
    let (inside, go) = (Flag::new(), Flag::new());
    let child = thread::spawn_local({
        let (inside, go) = (inside.clone(), go.clone());
        move || {
            let _guard = OnDrop(move || {
                assert!(thread::panicking());
                inside.raise();
                go.wait();
                assert!(thread::panicking());
            });
            loop {
                thread::park();
            }
        }
    });
    thread::yield_now();
    child.kill().unwrap();
    inside.wait();
    assert!(!thread::panicking());
    let mutex = Mutex::new(1);
    *mutex.lock().unwrap() += 1;
    assert!(!mutex.is_poisoned());
    assert_eq!(catch_unwind(|| 5).unwrap(), 5);
    assert!(catch_unwind(|| quiet_panic("of this one")).is_err());
    go.raise();
    assert!(child.join().unwrap_err().is::<Killed>());
}

#[test]
fn kill_poisons_as_a_panic_does() {
    let mutex = Arc::new(Mutex::new(()));
    let child = thread::spawn({
        let mutex = Arc::clone(&mutex);
        move || {
            let _held = mutex.lock();
            loop {
                thread::park();
            }
        }
    });
    until(|| mutex.try_lock().is_err());
    child.kill().unwrap();
    assert!(child.join().is_err());
    assert!(mutex.is_poisoned());
}

#[test]
fn kill_takes_no_wake_up_along() {
    // Of two waiters one is killed at the very moment when one is notified: the other must get the wake-up.
    for _ in 0..300 {
        let queue = Arc::new(WaitQueue::new());
        let woken = Arc::new(AtomicUsize::new(0));
        let waiter = || {
            let (queue, woken) = (Arc::clone(&queue), Arc::clone(&woken));
            thread::spawn(move || match queue.wait_until(None, WaitReason::Other, || true) {
                Outcome::Interrupted => {
                    green_core::kill::deliver();
                    unreachable!("a kill is pending and may unwind");
                }
                _ => woken.fetch_add(1, Ordering::SeqCst),
            })
        };
        let (first, second) = (waiter(), waiter());
        let killer = thread::spawn(move || {
            first.kill().unwrap();
            first.join().is_ok()
        });
        until(|| queue.notify_one());
        let survived = killer.join().unwrap();
        if survived {
            // The notification was the first's, or the kill came when it had ended.
            until(|| second.is_finished() || queue.notify_one());
        } else {
            until(|| second.is_finished() || queue.notify_one());
        }
        second.join().unwrap();
        assert_eq!(woken.load(Ordering::SeqCst), 1 + usize::from(survived));
    }
}

#[test]
fn many_kills_at_once() {
    const VICTIMS: usize = 200;
    let ended = Arc::new(AtomicUsize::new(0));
    let victims: Vec<_> = (0..VICTIMS)
        .map(|_| {
            let ended = Arc::clone(&ended);
            thread::spawn(move || {
                let _guard = OnDrop(|| {
                    ended.fetch_add(1, Ordering::SeqCst);
                });
                thread::scope(|s| {
                    s.spawn(thread::yield_now);
                    loop {
                        thread::yield_now();
                    }
                })
            })
        })
        .collect();
    let started = victims.iter().map(|victim| victim.kill().unwrap()).count();
    assert_eq!(started, VICTIMS);
    let mut unstarted = 0;
    for victim in victims {
        let payload = victim.join().unwrap_err();
        assert!(payload.is::<Killed>());
        unstarted += 1;
    }
    // Those that were killed before their start dropped no guard.
    assert!(ended.load(Ordering::SeqCst) <= unstarted);
}

/// What runs at the end runs to its end: a kill does not cut it short, whenever it comes.
#[test]
fn on_exit_is_not_cut_short() {
    let steps = Arc::new(AtomicUsize::new(0));
    let handle = thread::spawn(thread::park);
    let seen = Arc::clone(&steps);
    handle.on_exit(move || {
        seen.fetch_add(1, Ordering::SeqCst);
        thread::yield_now();
        thread::park_timeout(std::time::Duration::from_millis(1));
        seen.fetch_add(1, Ordering::SeqCst);
    });
    handle.kill().unwrap();
    assert!(handle.join().unwrap_err().is::<thread::Killed>());
    assert_eq!(steps.load(Ordering::SeqCst), 2);
}

/// Who drops the handle of one that has ended drops the result, and a panic there ends the process. A kill is none.
#[test]
fn a_kill_waits_for_the_drop_of_a_result_that_parks() {
    let (begun, go_on, dropped) = (Flag::new(), Flag::new(), Flag::new());
    let result = {
        let (begun, go_on, dropped) = (begun.clone(), go_on.clone(), dropped.clone());
        OnDrop(move || {
            begun.raise();
            while !go_on.is_up() {
                thread::park_timeout(Duration::from_millis(1));
            }
            dropped.raise();
        })
    };
    let child = thread::spawn(move || result);
    until(|| child.is_finished());
    let dropper = thread::spawn(move || {
        drop(child);
        thread::park();
    });
    begun.wait();
    dropper.kill().unwrap();
    for _ in 0..20 {
        thread::yield_now();
    }
    go_on.raise();
    assert!(dropper.join().unwrap_err().is::<Killed>());
    assert!(dropped.is_up());
}
