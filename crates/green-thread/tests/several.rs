//! Waiting for several green threads, and several waiting for one: shared handles (A2, E8), `join_all` and `finished`
//! (gevent's `test__joinall`, `test__iwait` and issue 467), groups (V4).

mod modes;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use green_core::kill::Alarm;
use green_core::unpark::WaitReason;
use green_core::waitable::wait_any;
use green_thread::{self as thread, Exit, Group, Killed};
use modes::{Flag, OnDrop, quiet_panic, until};

const SOON: Duration = Duration::from_millis(2);
const LONG: Duration = Duration::from_secs(60);

fn endless() {
    loop {
        thread::park();
    }
}

/// eventlet: `wait` may be called by many, and many times.
#[test]
fn any_number_of_waiters_any_number_of_times() {
    let shared = thread::spawn(|| vec![1, 2, 3]).share();
    let waiters: Vec<_> = (0..10)
        .map(|n| {
            let shared = shared.clone();
            let wait = move || shared.join().unwrap().len() + shared.join().unwrap()[0];
            // From green threads and from OS threads.
            let (green, os) =
                if n % 2 == 0 { (Some(thread::spawn(wait)), None) } else { (None, Some(std::thread::spawn(wait))) };
            move || green.map(|handle| handle.join().unwrap()).or(os.map(|handle| handle.join().unwrap()))
        })
        .collect();
    assert_eq!(shared.join().unwrap(), &[1, 2, 3]);
    assert!(waiters.into_iter().all(|waiter| waiter() == Some(4)));
    assert!(shared.try_join().is_some_and(|result| result.is_ok()));
}

#[test]
fn a_shared_failure_is_everybodys() {
    let unlucky = thread::spawn(|| -> u32 { panic_with("out of luck") }).share();
    for _ in 0..2 {
        let error = unlucky.join().unwrap_err();
        assert_eq!((error.exit(), error.message()), (Exit::Panicked, Some("out of luck")));
    }
    assert!(unlucky.join().unwrap_err().take_payload().is_some());
    assert!(unlucky.join().unwrap_err().take_payload().is_none());

    let endless = thread::spawn(endless).share();
    assert!(endless.join_timeout(SOON).is_none());
    endless.kill().unwrap();
    let error = endless.join_timeout(LONG).unwrap().unwrap_err();
    assert_eq!((error.exit(), error.message()), (Exit::Killed, None));
    assert!(error.take_payload().unwrap().is::<Killed>());
}

fn panic_with(message: &'static str) -> ! {
    quiet_panic(message)
}

#[test]
fn a_shared_result_is_dropped_with_the_last_handle() {
    let dropped = Flag::new();
    let guard = dropped.on_drop();
    let shared = thread::spawn(move || guard).share();
    let other = shared.clone();
    shared.join().unwrap();
    drop(shared);
    assert!(!dropped.is_up());
    drop(other);
    assert!(dropped.is_up());

    // The last goes before the end: the green thread goes on, and its result is dropped at its end.
    let (dropped, go) = (Flag::new(), Flag::new());
    let guard = dropped.on_drop();
    drop(
        thread::spawn({
            let go = go.clone();
            move || {
                go.wait();
                guard
            }
        })
        .share(),
    );
    go.raise();
    dropped.wait();
}

#[test]
fn a_killed_waiter_leaves_the_others_their_result() {
    let go = Flag::new();
    let shared = thread::spawn({
        let go = go.clone();
        move || {
            go.wait();
            5
        }
    })
    .share();
    let waiters: Vec<_> = (0..4)
        .map(|_| {
            let shared = shared.clone();
            thread::spawn(move || *shared.join().unwrap())
        })
        .collect();
    waiters[1].kill().unwrap();
    go.raise();
    for (n, waiter) in waiters.into_iter().enumerate() {
        match waiter.join() {
            Ok(five) => assert_eq!(five, 5),
            Err(payload) => assert!(n == 1 && payload.is::<Killed>()),
        }
    }
    assert_eq!(shared.join().unwrap(), &5);
}

/// A wait for oneself is an error and not a hang.
#[test]
fn nobody_waits_for_oneself() {
    let slot: Arc<Mutex<Option<thread::SharedJoinHandle<bool>>>> = Arc::default();
    let go = Flag::new();
    let child = thread::spawn({
        let (slot, go) = (Arc::clone(&slot), go.clone());
        move || {
            go.wait();
            let me = slot.lock().unwrap().take().unwrap();
            let remote = me.remote();
            let waits: [&dyn Fn() -> bool; 4] = [
                &|| me.join().is_ok(),
                &|| me.join_timeout(LONG).is_some(),
                &|| {
                    remote.wait();
                    true
                },
                &|| remote.wait_timeout(LONG),
            ];
            // Its message comes four times; it is the hook's affair.
            waits.iter().all(|wait| catch_unwind(AssertUnwindSafe(wait)).is_err())
        }
    })
    .share();
    *slot.lock().unwrap() = Some(child.clone());
    go.raise();
    assert_eq!(child.join().unwrap(), &true);
}

#[test]
fn nobody_waits_for_oneself_by_a_handle_that_kills() {
    let slot: Arc<Mutex<Option<thread::KillOnDrop<bool>>>> = Arc::default();
    let go = Flag::new();
    let body = {
        let (slot, go) = (Arc::clone(&slot), go.clone());
        move || {
            go.wait();
            let me = slot.lock().unwrap().take().unwrap();
            // The refusal unwinds through the handle, which kills the one who gave it up: this one, at its next park.
            catch_unwind(AssertUnwindSafe(|| me.join())).is_err() && catch_unwind(thread::yield_now).is_err()
        }
    };
    let child = thread::spawn(body);
    let remote = child.remote();
    *slot.lock().unwrap() = Some(child.kill_on_drop());
    go.raise();
    remote.wait();
    assert_eq!(remote.exit(), Some(Exit::Returned));
}

#[test]
fn every_handle_can_be_waited_for_among_others() {
    let shared = thread::spawn(|| 1).share();
    let parked = thread::spawn(thread::park);
    let remote = parked.remote();
    assert_eq!(wait_any(&[&remote, &shared], None, WaitReason::Select), Ok(1));
    parked.thread().unpark();
    assert_eq!(wait_any(&[&remote], None, WaitReason::Select), Ok(0));
    parked.join().unwrap();
}

/// gevent: `test__joinall`.
#[test]
fn joinall() {
    assert!(thread::join_all(Vec::<thread::JoinHandle<()>>::new()).is_empty());
    let results = thread::join_all((0..20).map(|n| {
        thread::spawn_after(Duration::from_micros(20 - n), move || if n == 3 { quiet_panic("three") } else { n })
    }));
    for (n, result) in (0..).zip(results) {
        match result {
            Ok(value) => assert_eq!(value, n),
            Err(payload) => assert!(n == 3 && payload.downcast_ref() == Some(&"three")),
        }
    }
}

/// gevent: issue 467: one that has ended already, one that fails, and a pause in the middle.
#[test]
fn issue_467_iwait_while_others_run() {
    let worker = |n: u64| {
        move || {
            if n == 2 {
                quiet_panic("two");
            }
            // They end one after the other, or not: each result is to come once.
            thread::sleep(Duration::from_millis(n));
            n
        }
    };
    let ended = thread::spawn(worker(0));
    until(|| ended.is_finished());
    let mut workers: Vec<_> = (0..3).map(|n| thread::spawn(worker(n))).collect();
    workers.push(ended);
    let mut indices = Vec::new();
    for (index, result) in thread::finished(workers) {
        assert_eq!(result.is_err(), index == 2);
        indices.push(index);
        // The others go on meanwhile.
        thread::sleep(Duration::from_millis(1));
    }
    indices.sort_unstable();
    assert_eq!(indices, [0, 1, 2, 3]);
}

/// gevent: `test__iwait`: the results come in the order of the ends.
#[test]
fn iwait_yields_in_the_order_of_the_ends() {
    let park = |n: usize| {
        thread::spawn(move || {
            thread::park();
            n
        })
    };
    let parked: Vec<_> = (0..5).map(park).collect();
    let threads: Vec<_> = parked.iter().map(|handle| handle.thread().clone()).collect();
    let mut finished = thread::finished(parked);
    for n in [3, 0, 4, 1, 2] {
        threads[n].unpark();
        let (index, result) = finished.next().unwrap();
        assert_eq!((index, result.unwrap()), (n, n));
    }
    assert!(finished.next().is_none() && finished.next().is_none());
}

/// gevent: `test_iwait_partial` and `test_iwait_nogarbage`: who stops early leaves nothing behind.
#[test]
fn iwait_partial_leaves_nothing_behind() {
    let endless = thread::spawn(|| {
        endless();
        0
    });
    let remote = endless.remote();
    let quick = thread::spawn(|| 1);
    let mut finished = thread::finished([endless, quick]);
    let count = finished.by_ref().take(1).map(|(index, _)| index).sum::<usize>();
    assert_eq!((count, finished.len()), (1, 1));
    assert!(finished.next_timeout(SOON).is_none());
    assert_eq!(finished.len(), 1);
    let mut left = finished.into_unfinished();
    let (index, endless) = left.pop().unwrap();
    assert_eq!((index, left.len()), (0, 0));
    endless.kill().unwrap();
    assert!(endless.join().is_err());
    remote.wait();

    // Dropped in the middle, it detaches the rest.
    let parked = thread::spawn(thread::park);
    let (thread, remote) = (parked.thread().clone(), parked.remote());
    drop(thread::finished([parked]));
    thread.unpark();
    remote.wait();
    assert_eq!(remote.exit(), Some(Exit::Returned));
}

/// A deadline that unwinds the wait loses no result.
#[test]
fn iwait_survives_an_interrupt() {
    let go = Flag::new();
    let child = thread::spawn({
        let go = go.clone();
        move || {
            go.wait();
            9
        }
    });
    // A link that parks.
    child.on_exit(|| thread::sleep(Duration::from_millis(3)));
    let mut finished = thread::finished([child]);
    for wait in 0..2 {
        let alarm = Alarm::set(std::time::Instant::now() + Duration::from_millis(1)).unwrap();
        let result = catch_unwind(AssertUnwindSafe(|| finished.next()));
        drop(alarm);
        if wait == 0 {
            assert!(result.is_err(), "nobody lets it go");
            go.raise();
        } else if let Ok(Some((_, value))) = result {
            assert_eq!(value.unwrap(), 9);
            return;
        }
    }
    assert_eq!(finished.next().unwrap().1.unwrap(), 9);
}

/// Those that have ended do not wait behind one that is about to.
#[test]
fn iwait_passes_those_whose_end_takes_long() {
    type Slow = OnDrop<Box<dyn FnMut()>>;
    green_thread::thread_local! {
        static SLOW: RefCell<Option<Slow>> = const { RefCell::new(None) };
    }
    let (ending, go) = (Flag::new(), Flag::new());
    let slow = thread::spawn({
        let (ending, go) = (ending.clone(), go.clone());
        move || {
            let slow = move || {
                ending.raise();
                go.wait();
            };
            SLOW.set(Some(OnDrop(Box::new(slow))));
            1
        }
    });
    let quick = thread::spawn(|| {
        thread::park();
        2
    });
    let parked = quick.thread().clone();
    let mut finished = thread::finished([slow, quick]);
    ending.wait();
    parked.unpark();
    let (index, result) = finished.next_timeout(LONG).unwrap();
    assert_eq!((index, result.unwrap()), (1, 2));
    assert!(finished.next_timeout(SOON).is_none());
    assert_eq!(finished.len(), 1, "the time is up, and one is left");
    go.raise();
    assert_eq!(finished.next().unwrap().1.unwrap(), 1);
    assert!(finished.next_timeout(LONG).is_none());
    assert_eq!(finished.len(), 0);
}

/// A result that is there is returned whatever the timeout is; one is there when the end can be seen.
#[test]
fn iwait_without_time_returns_what_is_there() {
    let count = 20;
    let handles: Vec<_> = (0..count).map(|n| thread::spawn(move || n)).collect();
    until(|| handles.iter().all(thread::JoinHandle::is_finished));
    let mut finished = thread::finished(handles);
    let past = std::time::Instant::now() - Duration::from_millis(1);
    for left in (0..count).rev() {
        let next = if left % 2 == 0 { finished.next_timeout(Duration::ZERO) } else { finished.next_deadline(past) };
        assert_eq!(next.map(|(index, result)| (index, result.unwrap())), Some((count - 1 - left, count - 1 - left)));
        assert_eq!(finished.len(), left);
    }
    assert!(finished.next_timeout(Duration::ZERO).is_none() && finished.next_deadline(past).is_none());
}

#[test]
fn iwait_of_many() {
    let count = 5_000;
    let handles: Vec<_> = (0..count).map(|n| thread::spawn(move || n)).collect();
    let sum: usize = thread::finished(handles)
        .map(|(index, result)| {
            assert_eq!(index, *result.as_ref().unwrap());
            index
        })
        .sum();
    assert_eq!(sum, count * (count - 1) / 2);
}

/// gevent: `Group`: members are tracked until they end.
#[test]
fn a_group_knows_its_members() {
    let group = Group::new();
    assert!(group.is_empty() && group.join_timeout(Duration::ZERO));
    let parked = group.spawn(thread::park);
    let local = thread::spawn_local(thread::park);
    group.add(local.remote());
    group.add(local.remote());
    let outsider = thread::current();
    assert_eq!(group.len(), 2);
    assert!(group.contains(parked.thread()) && group.contains(local.thread()) && !group.contains(&outsider));
    let ids: Vec<_> = group.threads().iter().map(|thread| thread.id()).collect();
    assert!(ids.contains(&parked.thread().id()) && ids.contains(&local.thread().id()));
    assert!(!group.join_timeout(SOON));
    parked.thread().unpark();
    parked.join().unwrap();
    assert_eq!(group.len(), 1);
    assert!(group.remove(local.thread()) && !group.remove(local.thread()));
    group.join();
    local.thread().unpark();
    local.join().unwrap();
    let ended = thread::spawn(|| ());
    until(|| ended.is_finished());
    group.add(ended.remote());
    assert!(group.is_empty());
}

/// gevent: `Group.kill`; one that has not started never does.
#[test]
fn a_group_is_killed_as_one() {
    let group = Group::new();
    let handles: Vec<_> = (0..5).map(|_| group.spawn(endless)).collect();
    let never = thread::spawn_after(LONG, || unreachable!("it was killed"));
    group.add(never.remote());
    group.kill().unwrap();
    group.join();
    assert!(group.is_empty());
    for handle in handles.into_iter().chain([never]) {
        assert!(handle.join().unwrap_err().is::<Killed>());
    }
}

/// oslo.service: `ThreadGroup.stop` by a member ends the others and not the caller.
#[test]
fn a_member_stops_the_others() {
    let group = Group::new();
    let others: Vec<_> = (0..3).map(|_| group.spawn(endless)).collect();
    let caller = group.spawn({
        let group = group.clone();
        move || {
            group.stop().unwrap();
            group.len()
        }
    });
    // It may have been stopped before it was a member, or counted as one.
    assert!(caller.join().unwrap() <= 1);
    for other in others {
        assert!(other.join().unwrap_err().is::<Killed>());
    }
    group.join();
}

/// A member that kills its group is killed with it, and one that joins it does not wait for itself.
#[test]
fn a_member_may_kill_and_join_its_group() {
    let group = Group::new();
    let added = Flag::new();
    let killer = group.spawn({
        let (group, added) = (group.clone(), added.clone());
        move || {
            added.wait();
            group.join();
            group.kill().unwrap();
            thread::yield_now();
            unreachable!("the kill was for itself, too");
        }
    });
    added.raise();
    assert!(killer.join().unwrap_err().is::<Killed>());
}

#[test]
fn a_group_forgets_those_that_have_ended() {
    let group = Group::new();
    let started = Arc::new(AtomicUsize::new(0));
    for _ in 0..200 {
        let started = Arc::clone(&started);
        group.spawn(move || started.fetch_add(1, Ordering::Relaxed)).join().unwrap();
    }
    assert!(group.is_empty());
    assert_eq!(started.load(Ordering::Relaxed), 200);
}

/// Members that spawn members: `join` waits for those, too.
#[test]
fn join_waits_for_those_that_are_added_meanwhile() {
    fn grow(group: &Group, depth: u32, ends: &Arc<AtomicUsize>) {
        for _ in 0..2 {
            let (inner, ends) = (group.clone(), Arc::clone(ends));
            group.spawn(move || {
                if depth > 0 {
                    grow(&inner, depth - 1, &ends);
                }
                ends.fetch_add(1, Ordering::SeqCst);
            });
        }
    }
    let (group, ends) = (Group::new(), Arc::default());
    grow(&group, 4, &ends);
    group.join();
    assert_eq!(ends.load(Ordering::SeqCst), 62);
}

#[test]
fn kill_on_drop_kills_on_drop_alone() {
    let child = thread::spawn(endless).kill_on_drop();
    let remote = child.remote();
    drop(child);
    remote.wait();
    assert_eq!(remote.exit(), Some(Exit::Killed));

    assert_eq!(thread::spawn(|| 3).kill_on_drop().join().unwrap(), 3);

    // The kill of the one who joins goes on to the one who is joined.
    let (inner, started) = (Arc::new(Mutex::new(None)), Flag::new());
    let outer = thread::spawn({
        let (inner, started) = (Arc::clone(&inner), started.clone());
        move || {
            let child = thread::spawn(endless).kill_on_drop();
            *inner.lock().unwrap() = Some(child.remote());
            started.raise();
            child.join()
        }
    });
    started.wait();
    outer.kill().unwrap();
    assert!(outer.join().unwrap_err().is::<Killed>());
    let remote = inner.lock().unwrap().take().unwrap();
    remote.wait();
    assert_eq!(remote.exit(), Some(Exit::Killed));
}

/// gevent: `Group.kill` goes on until nobody is left.
#[test]
fn a_group_is_stopped_with_those_who_are_added_meanwhile() {
    let group = Group::new();
    let successor = OnDrop({
        let group = group.clone();
        move || drop(group.spawn(endless))
    });
    let begun = Flag::new();
    group.spawn({
        let begun = begun.clone();
        move || {
            let _successor = successor;
            begun.raise();
            endless();
        }
    });
    begun.wait();
    group.stop().unwrap();
    assert!(group.is_empty());
}
