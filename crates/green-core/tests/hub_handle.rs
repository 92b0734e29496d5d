//! `HubHandle`: closures that other OS threads post to a hub (the ground under FEATURES A30, A31 and A34).

use std::io::{PipeReader, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use green_core::blocking::unblock;
use green_core::clock;
use green_core::hub::HubHandle;
use green_core::io::Pollable;
use green_core::park::{no_switch, park, sleep_until, yield_now};
use green_core::spawn::{Options, spawn_local};
use green_core::unpark::{Unparker, WaitReason};

/// Parks this green thread until `done`, which whoever changes it follows by an unpark.
fn park_until(done: impl Fn() -> bool) {
    while !done() {
        let _ = park(WaitReason::Other);
    }
}

/// Tells where and when it is dropped.
struct Tells(&'static str, mpsc::Sender<(&'static str, thread::ThreadId)>);

impl Drop for Tells {
    fn drop(&mut self) {
        self.1.send((self.0, thread::current().id())).unwrap();
    }
}

#[test]
fn calls_run_on_their_hub_in_order_and_one_at_a_time() {
    const COUNT: usize = 20;
    let (hub, me) = (HubHandle::current(), Unparker::current());
    let log = Arc::new(Mutex::new(Vec::new()));
    let running = Arc::new(AtomicUsize::new(0));
    let here = thread::current().id();
    let poster = thread::spawn({
        let log = Arc::clone(&log);
        move || {
            for i in 0..COUNT {
                let (log, running) = (Arc::clone(&log), Arc::clone(&running));
                let posted = hub.post(move || {
                    assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "one at a time");
                    assert_eq!(thread::current().id(), here);
                    // One that parks does not let the next one in.
                    yield_now();
                    sleep_until(clock::now() + Duration::from_micros(10));
                    running.fetch_sub(1, Ordering::SeqCst);
                    log.lock().unwrap().push(i);
                    me.unpark();
                });
                assert!(posted.is_ok());
            }
        }
    });
    park_until(|| log.lock().unwrap().len() == COUNT);
    assert_eq!(*log.lock().unwrap(), (0..COUNT).collect::<Vec<_>>());
    poster.join().unwrap();
}

#[test]
fn a_root_without_green_threads_runs_calls_while_it_parks() {
    let (hub, me) = (HubHandle::current(), Unparker::current());
    let ran = Arc::new(Mutex::new(None));
    let poster = thread::spawn({
        let ran = Arc::clone(&ran);
        move || {
            hub.post(move || {
                *ran.lock().unwrap() = Some(thread::current().id());
                me.unpark();
            })
            .unwrap_or_else(|_| panic!("the hub is there"));
        }
    });
    park_until(|| ran.lock().unwrap().is_some());
    assert_eq!(*ran.lock().unwrap(), Some(thread::current().id()));
    poster.join().unwrap();
}

#[test]
fn a_root_without_green_threads_runs_calls_while_it_reads() {
    let hub = HubHandle::current();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let poster = thread::spawn(move || {
        // The read waits for what the call writes, so nothing else could end it.
        assert!(hub.post(move || writer.write_all(b"!").unwrap()).is_ok());
    });
    let reader = Pollable::new(reader);
    assert!(reader.wait_readable(None, WaitReason::Read).unwrap());
    let mut byte = [0];
    let read = |mut reader: &PipeReader| reader.read(&mut byte);
    assert_eq!(reader.read_with(WaitReason::Read, read).unwrap(), 1);
    poster.join().unwrap();
}

#[test]
fn a_call_does_not_preempt() {
    let hub = HubHandle::current();
    let ran = Arc::new(AtomicUsize::new(0));
    let posted = Arc::clone(&ran);
    let posted = hub.post(move || posted.store(1, Ordering::SeqCst));
    assert!(posted.is_ok());
    // Not even where a wait attends to arrivals: switching is off.
    no_switch(|| {
        for _ in 0..10 {
            yield_now();
            sleep_until(clock::now() + Duration::from_micros(100));
        }
    });
    assert_eq!(ran.load(Ordering::SeqCst), 0);
    while ran.load(Ordering::SeqCst) == 0 {
        yield_now();
    }
}

#[test]
fn a_panic_ends_one_call_alone() {
    let hub = HubHandle::current();
    let ran = Arc::new(AtomicUsize::new(0));
    for i in 0..4 {
        let ran = Arc::clone(&ran);
        let posted = hub.post(move || {
            ran.fetch_add(1, Ordering::SeqCst);
            assert!(i % 2 == 0, "on purpose");
        });
        assert!(posted.is_ok());
    }
    while ran.load(Ordering::SeqCst) < 4 {
        yield_now();
    }
}

#[test]
fn a_call_may_post_and_spawn() {
    let hub = HubHandle::current();
    let log = Arc::new(Mutex::new(Vec::new()));
    let (inner, again) = (Arc::clone(&log), hub.clone());
    let posted = hub.post(move || {
        assert!(again.is_current());
        let (first, second) = (Arc::clone(&inner), Arc::clone(&inner));
        assert!(again.post(move || first.lock().unwrap().push("posted")).is_ok());
        let child = spawn_local(Options::default(), move || second.lock().unwrap().push("spawned")).unwrap();
        child.join().unwrap();
        inner.lock().unwrap().push("outer");
    });
    assert!(posted.is_ok());
    while log.lock().unwrap().len() < 3 {
        yield_now();
    }
    assert_eq!(*log.lock().unwrap(), ["spawned", "outer", "posted"]);
}

#[test]
fn an_ended_hub_gives_the_closure_back() {
    let hub = thread::spawn(HubHandle::current).join().unwrap();
    assert!(!hub.is_current());
    // The next OS thread may have the same hub; it is another life of it.
    let next = thread::spawn(move || {
        let own = HubHandle::current();
        assert!(own.is_current() && !hub.is_current());
        let back = hub.post(|| unreachable!("its hub has ended"));
        yield_now();
        back.is_err()
    });
    assert!(next.join().unwrap());
}

#[test]
fn calls_that_have_not_begun_are_dropped_by_the_ending_os_thread() {
    let (sender, dropped) = mpsc::channel();
    let ended = thread::spawn(move || {
        let hub = HubHandle::current();
        for name in ["first", "second", "third"] {
            let tells = Tells(name, sender.clone());
            let posted = hub.post(move || {
                let _tells = tells;
                unreachable!("nobody lets it run");
            });
            assert!(posted.is_ok());
        }
        thread::current().id()
    });
    let id = ended.join().unwrap();
    assert_eq!(dropped.iter().collect::<Vec<_>>(), [("first", id), ("second", id), ("third", id)]);
}

#[test]
fn a_panic_in_a_destructor_at_the_end_of_an_os_thread_ends_there() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("a destructor's panic, which this test expects to see");
        }
    }
    let (sender, dropped) = mpsc::channel();
    let os_thread = thread::spawn(move || {
        let (hub, bomb, tells) = (HubHandle::current(), Bomb, Tells("behind it", sender));
        assert!(hub.post(|| ()).is_ok(), "it is under way when the OS thread ends");
        assert!(hub.post(move || drop(bomb)).is_ok());
        assert!(hub.post(move || drop(tells)).is_ok());
    });
    os_thread.join().unwrap();
    assert_eq!(dropped.recv().unwrap().0, "behind it");
}

#[test]
fn an_os_thread_is_alone_again_when_the_last_handle_is_gone() {
    let on = || unblock(|| thread::current().id());
    let here = thread::current().id();
    assert_eq!(on(), here, "nobody else could run meanwhile");
    let hub = HubHandle::current();
    assert_ne!(on(), here, "a call could come");
    drop(hub);
    assert_eq!(on(), here);
}

#[test]
fn posters_of_many_os_threads_lose_nothing() {
    const POSTERS: usize = 8;
    const EACH: usize = 200;
    let (hub, me) = (HubHandle::current(), Unparker::current());
    let seen = Arc::new(Mutex::new(vec![0; POSTERS]));
    let posters: Vec<_> = (0..POSTERS)
        .map(|poster| {
            let (hub, seen) = (hub.clone(), Arc::clone(&seen));
            thread::spawn(move || {
                for i in 0..EACH {
                    let seen = Arc::clone(&seen);
                    let posted = hub.post(move || {
                        let mut seen = seen.lock().unwrap();
                        assert_eq!(seen[poster], i, "each poster's calls come in order");
                        seen[poster] += 1;
                        me.unpark();
                    });
                    assert!(posted.is_ok());
                }
            })
        })
        .collect();
    drop(hub);
    park_until(|| seen.lock().unwrap().iter().sum::<usize>() == POSTERS * EACH);
    posters.into_iter().for_each(|poster| poster.join().unwrap());
}

/// Whatever the moment at which its OS thread ends: a closure runs there, is dropped there, or comes back.
#[test]
fn a_post_to_an_ending_hub_has_one_of_three_ends() {
    const ROUNDS: usize = 50;
    const POSTERS: usize = 3;
    const EACH: usize = 20;
    for round in 0..ROUNDS {
        let (handles, hubs) = mpsc::channel();
        let ending = thread::spawn(move || {
            handles.send(HubHandle::current()).unwrap();
            (0..round).for_each(|_| yield_now());
            thread::current().id()
        });
        let hub = hubs.recv().unwrap();
        let (sender, ends) = mpsc::channel();
        let posters: Vec<_> = (0..POSTERS)
            .map(|_| {
                let (hub, sender) = (hub.clone(), sender.clone());
                thread::spawn(move || {
                    for _ in 0..EACH {
                        let tells = Tells("dropped", sender.clone());
                        let ran = sender.clone();
                        let posted = hub.post(move || {
                            ran.send(("ran", thread::current().id())).unwrap();
                            drop(tells);
                        });
                        if let Err(f) = posted {
                            sender.send(("came back", thread::current().id())).unwrap();
                            drop(f);
                        }
                    }
                })
            })
            .collect();
        drop((sender, hub));
        let id = ending.join().unwrap();
        posters.into_iter().for_each(|poster| poster.join().unwrap());
        let log: Vec<_> = ends.iter().collect();
        let count = |name, on_hub| log.iter().filter(|(end, on)| *end == name && (*on == id) == on_hub).count();
        assert_eq!(count("dropped", true) + count("dropped", false), POSTERS * EACH, "each is dropped in the end");
        // Those that came back were dropped by their posters, all others by the hub's OS thread.
        assert_eq!(count("dropped", false), count("came back", false));
        assert_eq!((count("ran", false), count("came back", true)), (0, 0));
        assert!(count("ran", true) <= count("dropped", true));
    }
}
