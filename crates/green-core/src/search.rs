//! Who looks for work that waits in other workers' queues: one of those that sleep, and only one at a time.
//!
//! A worker queues what it spawns for itself, and *invites* a sleeper to look whether that is worth taking. What must not
//! happen is that the spawner then computes for ever, while another worker sleeps beside its queue.
//!
//! ```text
//!   spawner                                  worker that goes to sleep
//!   1. push                                  1. sleeping += 1
//!      fence                                    fence
//!   2. sleeping > 0, and state NOBODY?       2. all queues empty? otherwise sleep for a moment only
//!      state := RINGING, and ring one
//!
//!   spawner                                  searcher that found nothing, or took something
//!   1. push                                  1. state := NOBODY
//!      fence                                    fence
//!   2. state NOBODY? otherwise leave it      2. all queues empty? otherwise invite somebody
//!
//!   spawner that rings                       sleeper that wakes by itself
//!   1. state := RINGING                      1. flag := AWAKE
//!      fence (of `WakeFlag::rouse`)             fence
//!   2. flag AWAKE? then it is not rung       2. state RINGING? then it answers
//! ```
//!
//! Each is the race of two who do their first step at once, and in each the fences make one of them see the other.
//!
//! | state     | meaning                                         | set by                              |
//! |-----------|-------------------------------------------------|-------------------------------------|
//! | NOBODY    | no worker searches                              | the searcher, or a ring that woke nobody |
//! | RINGING   | one was rung and has not woken up yet           | who invites, from NOBODY            |
//! | SEARCHING | one searches, or naps before it searches again  | the rung one, or any awake one from NOBODY |
//!
//! A ring that finds all awake takes RINGING back: each of them looks at the queues before it sleeps. Whoever wakes, for
//! whatever reason, and finds RINGING, answers it: it need not be the one that was rung.

use crate::primitive::{AtomicU8, AtomicUsize, Ordering, fence};

const NOBODY: u8 = 0;
const RINGING: u8 = 1;
const SEARCHING: u8 = 2;

/// The state that workers share for this.
#[derive(Debug)]
pub(crate) struct Search {
    sleeping: AtomicUsize,
    state: AtomicU8,
}

impl Search {
    pub(crate) fn new() -> Self {
        Self { sleeping: AtomicUsize::new(0), state: AtomicU8::new(NOBODY) }
    }

    /// Has one sleeper search, if any sleeps and nobody searches. Called after a push; `ring` wakes one, and returns false
    /// if all were awake.
    #[inline]
    pub(crate) fn invite(&self, ring: impl FnOnce() -> bool) {
        fence(Ordering::SeqCst);
        if self.sleeping.load(Ordering::Relaxed) > 0 && self.state.load(Ordering::Relaxed) == NOBODY {
            self.ring_one(ring);
        }
    }

    #[cold]
    fn ring_one(&self, ring: impl FnOnce() -> bool) {
        if self.pass_on(NOBODY, RINGING) && !ring() {
            self.pass_on(RINGING, NOBODY);
        }
    }

    /// Counts the caller among those that sleep. It looks at all queues once more before it does.
    pub(crate) fn announce_sleep(&self) {
        self.sleeping.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    pub(crate) fn end_sleep(&self) {
        self.sleeping.fetch_sub(1, Ordering::Relaxed);
    }

    /// Makes the caller the searcher if one was rung: it may have been this one. Called after the flag of the sleep is down.
    pub(crate) fn answer(&self) -> bool {
        // Against `ring_one`, whose ring begins with a fence: it finds that flag down, or this finds RINGING.
        fence(Ordering::SeqCst);
        self.state.load(Ordering::Relaxed) == RINGING && self.pass_on(RINGING, SEARCHING)
    }

    /// Makes the caller the searcher if there is none.
    pub(crate) fn begin(&self) -> bool {
        self.pass_on(NOBODY, SEARCHING)
    }

    /// Ends the caller's search. It looks at all queues afterwards, and invites somebody if they are not empty: an
    /// invitation may have been left out because of this search.
    pub(crate) fn end(&self) {
        self.state.store(NOBODY, Ordering::Release);
        fence(Ordering::SeqCst);
    }

    fn pass_on(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use crate::primitive::AtomicBool;
    use crate::reactor::waker::{Bed, WakeFlag};
    use loom::sync::Arc;
    use loom::thread;

    /// A worker as others see it.
    struct Worker {
        flag: WakeFlag,
        searchable: AtomicBool,
    }

    /// A busy worker's queue, and the others.
    struct World {
        search: Search,
        queued: AtomicUsize,
        workers: Vec<Worker>,
    }

    impl World {
        fn new(workers: usize) -> Arc<World> {
            let worker = |_| Worker { flag: WakeFlag::new(), searchable: AtomicBool::new(false) };
            Arc::new(World {
                search: Search::new(),
                queued: AtomicUsize::new(0),
                workers: (0..workers).map(worker).collect(),
            })
        }

        fn is_work_waiting(&self) -> bool {
            self.queued.load(Ordering::Relaxed) > 0
        }

        fn push(&self) {
            self.queued.fetch_add(1, Ordering::Release);
            self.invite();
        }

        fn invite(&self) {
            self.search.invite(|| {
                self.workers
                    .iter()
                    .any(|worker| worker.searchable.load(Ordering::Relaxed) && worker.flag.rouse().is_some())
            });
        }

        fn take(&self) -> bool {
            let take = |queued: usize| queued.checked_sub(1);
            self.queued.fetch_update(Ordering::Acquire, Ordering::Relaxed, take).is_ok()
        }

        fn end_search(&self) {
            self.search.end();
            if self.is_work_waiting() {
                self.invite();
            }
        }

        /// What `workers.rs` and `sleep.rs` do, until this worker has got something, with which it is busy for ever.
        fn work(&self, number: usize) {
            let me = &self.workers[number];
            let mut searcher = false;
            loop {
                searcher |= self.search.answer();
                if searcher || self.search.begin() {
                    searcher = false;
                    let took = self.take();
                    self.end_search();
                    if took {
                        return;
                    }
                }
                me.searchable.store(true, Ordering::Relaxed);
                me.flag.announce(Bed::Futex);
                self.search.announce_sleep();
                // With work waiting it naps, and looks again; otherwise it sleeps until it is rung. A lost ring would spin
                // here for ever, which loom reports.
                if self.is_work_waiting() {
                    thread::yield_now();
                } else {
                    while me.flag.is_asleep() {
                        thread::yield_now();
                    }
                }
                self.search.end_sleep();
                me.flag.rise();
                me.searchable.store(false, Ordering::Relaxed);
                searcher |= self.search.answer();
            }
        }
    }

    #[test]
    fn loom_nobody_sleeps_beside_work() {
        loom::model(|| {
            let world = World::new(1);
            let worker = {
                let world = world.clone();
                thread::spawn(move || world.work(0))
            };
            world.push();
            worker.join().unwrap();
            assert!(!world.is_work_waiting());
        });
    }

    /// What was pushed during a search is searched for after it.
    #[test]
    fn loom_each_of_two_gets_something() {
        loom::model(|| {
            let world = World::new(2);
            let workers: Vec<_> = (0..2)
                .map(|number| {
                    let world = world.clone();
                    thread::spawn(move || world.work(number))
                })
                .collect();
            world.push();
            world.push();
            for worker in workers {
                worker.join().unwrap();
            }
            assert!(!world.is_work_waiting());
        });
    }
}
