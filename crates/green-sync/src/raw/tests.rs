//! Models of the raw locks, and of what a condition variable does with one.
//!
//! A thread that hangs is a deadlock, which loom reports: that is how a lost wake-up shows. In a model a lost race always
//! demands a hand-off, and a wait with a deadline may end at any moment.

use std::time::Instant;

use green_core::unpark::WaitReason;
use green_core::wait_queue::WaitQueue;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread::{self, JoinHandle};

use super::rwlock::Access;
use super::{RawMutex, RawRwLock};

/// A lock and something that loom watches for accesses that do not exclude each other.
struct Guarded<L> {
    lock: L,
    value: UnsafeCell<()>,
}

impl<L: Default> Guarded<L> {
    fn shared() -> Arc<Self> {
        Arc::new(Self { lock: L::default(), value: UnsafeCell::new(()) })
    }

    fn write(&self) {
        self.value.with_mut(|_| ());
    }

    fn read(&self) {
        self.value.with(|_| ());
    }
}

/// Explores more preemptions than the other models: for races of which one side must be stopped twice.
fn deep_model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.map(|bound| bound.max(3));
    builder.check(f);
}

/// Explores for a while only: for models of so many threads that all their interleavings take too long. Both that use it found a
/// counterexample within seconds in the code before.
fn wide_model(f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.max_duration = Some(std::time::Duration::from_secs(15));
    builder.check(f);
}

/// Lets the others begin, at no cost in preemptions.
fn pause() {
    thread::yield_now();
    thread::yield_now();
}

fn soon() -> Option<Instant> {
    Some(Instant::now())
}

fn spawn<L: 'static>(shared: &Arc<Guarded<L>>, f: impl FnOnce(&Guarded<L>) + 'static) -> JoinHandle<()> {
    let shared = Arc::clone(shared);
    thread::spawn(move || f(&shared))
}

fn lock_once(shared: &Guarded<RawMutex>) {
    shared.lock.acquire();
    shared.write();
    shared.lock.release();
}

fn lock_soon(shared: &Guarded<RawMutex>) {
    if shared.lock.acquire_until(soon()) {
        shared.write();
        shared.lock.release();
    }
}

fn read_once(shared: &Guarded<RawRwLock>) {
    shared.lock.acquire_read();
    shared.read();
    shared.lock.release_read();
}

fn write_once(shared: &Guarded<RawRwLock>) {
    shared.lock.acquire_write();
    shared.write();
    shared.lock.release_write();
}

#[test]
fn loom_a_mutex_excludes_and_wakes() {
    loom::model(|| {
        let shared = Guarded::shared();
        let others = [spawn(&shared, lock_once), spawn(&shared, lock_once)];
        lock_once(&shared);
        for other in others {
            other.join().unwrap();
        }
        assert!(!shared.lock.is_held());
    });
}

/// The greedy one comes back at once, so that a waiter loses and a lock is handed over.
#[test]
fn loom_a_mutex_is_handed_over_to_one_that_lost() {
    loom::model(|| {
        let shared = Guarded::shared();
        let other = spawn(&shared, lock_once);
        for _ in 0..3 {
            lock_once(&shared);
        }
        other.join().unwrap();
        assert!(!shared.lock.is_held());
    });
}

#[test]
fn loom_an_impatient_waiter_leaves_a_mutex_whole() {
    loom::model(|| {
        let shared = Guarded::shared();
        let others = [spawn(&shared, lock_soon), spawn(&shared, lock_once)];
        lock_once(&shared);
        for other in others {
            other.join().unwrap();
        }
        assert!(!shared.lock.is_held());
    });
}

/// The waiter may have demanded fairness when its time is over, while an unlock wants to hand the lock over to it.
#[test]
fn loom_an_impatient_loser_leaves_a_mutex_whole() {
    deep_model(|| {
        let shared = Guarded::<RawMutex>::shared();
        shared.lock.acquire();
        let other = spawn(&shared, lock_soon);
        shared.lock.release();
        for _ in 0..2 {
            lock_once(&shared);
        }
        other.join().unwrap();
        lock_once(&shared);
        assert!(!shared.lock.is_held());
    });
}

/// An unlock finds nobody in the queue and clears the bit, while somebody comes to the queue under that bit.
#[test]
fn loom_a_bit_that_vanishes_leaves_nobody_behind() {
    loom::model(|| {
        let shared = Guarded::<RawMutex>::shared();
        shared.lock.acquire();
        let others = [
            spawn(&shared, |shared| {
                lock_soon(shared);
                lock_once(shared);
            }),
            spawn(&shared, lock_once),
        ];
        pause();
        shared.lock.release();
        for other in others {
            other.join().unwrap();
        }
        assert!(!shared.lock.is_held());
    });
}

#[test]
fn loom_writers_and_readers_exclude_and_wake() {
    loom::model(|| {
        let shared = Guarded::shared();
        let others = [spawn(&shared, read_once), spawn(&shared, write_once)];
        write_once(&shared);
        for other in others {
            other.join().unwrap();
        }
        assert!(!shared.lock.is_held());
    });
}

#[test]
fn loom_readers_let_a_writer_in() {
    loom::model(|| {
        let shared = Guarded::shared();
        let others = [spawn(&shared, read_once), spawn(&shared, write_once)];
        read_once(&shared);
        read_once(&shared);
        for other in others {
            other.join().unwrap();
        }
        assert!(!shared.lock.is_held());
    });
}

/// A reader that stays until the others are gone: the other one must get in, although a writer waits for a while.
#[test]
fn loom_an_impatient_writer_does_not_keep_readers_out() {
    loom::model(|| {
        let shared = Guarded::<RawRwLock>::shared();
        shared.lock.acquire_read();
        let others = [
            spawn(&shared, read_once),
            spawn(&shared, |shared| {
                assert!(!shared.lock.acquire_until(Access::Write, soon()));
            }),
        ];
        for other in others {
            other.join().unwrap();
        }
        shared.lock.release_read();
        assert!(shared.lock.try_acquire_write());
    });
}

/// As above, where a second writer comes to the queue meanwhile, and must not be forgotten.
#[test]
fn loom_an_impatient_writer_takes_no_other_with_it() {
    deep_model(|| {
        let shared = Guarded::<RawRwLock>::shared();
        shared.lock.acquire_read();
        let others = [
            spawn(&shared, write_once),
            spawn(&shared, |shared| {
                if shared.lock.acquire_until(Access::Write, soon()) {
                    shared.lock.release_write();
                }
            }),
        ];
        shared.lock.release_read();
        for other in others {
            other.join().unwrap();
        }
        assert!(shared.lock.try_acquire_write());
    });
}

/// The reader may have reserved the lock when its time is over.
#[test]
fn loom_an_impatient_reader_does_not_keep_writers_out() {
    deep_model(|| {
        let shared = Guarded::<RawRwLock>::shared();
        shared.lock.acquire_write();
        let other = spawn(&shared, |shared| {
            if shared.lock.acquire_until(Access::Read, soon()) {
                shared.read();
                shared.lock.release_read();
            }
        });
        shared.write();
        shared.lock.release_write();
        write_once(&shared);
        write_once(&shared);
        other.join().unwrap();
        assert!(shared.lock.try_acquire_write());
    });
}

#[test]
fn loom_a_downgrade_lets_readers_in() {
    loom::model(|| {
        let shared = Guarded::<RawRwLock>::shared();
        shared.lock.acquire_write();
        let reader = spawn(&shared, read_once);
        shared.write();
        shared.lock.downgrade_write();
        shared.read();
        // Beside this one.
        reader.join().unwrap();
        shared.lock.release_read();
        assert!(shared.lock.try_acquire_write());
    });
}

#[test]
fn loom_a_downgrade_keeps_writers_out() {
    loom::model(|| {
        let shared = Guarded::<RawRwLock>::shared();
        let others = [spawn(&shared, read_once), spawn(&shared, write_once)];
        shared.lock.acquire_write();
        shared.write();
        shared.lock.downgrade_write();
        shared.read();
        shared.lock.release_read();
        for other in others {
            other.join().unwrap();
        }
        assert!(shared.lock.try_acquire_write());
    });
}

/// What `Condvar::wait` does: unlock under the queue's lock, wait, lock again.
struct Changing {
    lock: RawMutex,
    changed: WaitQueue,
    value: UnsafeCell<u32>,
}

impl Changing {
    fn shared() -> Arc<Self> {
        Arc::new(Self { lock: RawMutex::new(), changed: WaitQueue::new(), value: UnsafeCell::new(0) })
    }

    fn wait(&self, deadline: Option<Instant>) {
        let _outcome = self.changed.wait_until(deadline, WaitReason::Condvar, || {
            self.lock.release();
            true
        });
        self.lock.acquire();
    }

    fn get(&self) -> u32 {
        // SAFETY: the caller has the lock, which loom checks.
        self.value.with(|value| unsafe { *value })
    }

    fn add(&self, n: u32) {
        // SAFETY: the caller has the lock, which loom checks.
        self.value.with_mut(|value| unsafe { *value += n });
    }
}

#[test]
fn loom_a_change_under_the_mutex_is_never_slept_over() {
    loom::model(|| {
        let shared = Changing::shared();
        let other = Arc::clone(&shared);
        let changer = thread::spawn(move || {
            other.lock.acquire();
            other.add(1);
            other.lock.release();
            other.changed.notify_one();
        });
        shared.lock.acquire();
        while shared.get() == 0 {
            shared.wait(None);
        }
        shared.lock.release();
        changer.join().unwrap();
    });
}

/// One notification for two waiters, one of them impatient: either it took the notification, and then the value, or the
/// patient one gets both.
#[test]
fn loom_a_timeout_takes_no_notification_with_it() {
    loom::model(|| {
        let shared = Changing::shared();
        let other = Arc::clone(&shared);
        let impatient = thread::spawn(move || {
            other.lock.acquire();
            let mut took = false;
            if other.get() == 0 {
                other.wait(soon());
            }
            if other.get() == 1 {
                other.add(1);
                took = true;
            }
            other.lock.release();
            // As everybody must who waits with a timeout and takes what was not announced to them.
            if took {
                other.changed.notify_one();
            }
        });
        let other = Arc::clone(&shared);
        let changer = thread::spawn(move || {
            other.lock.acquire();
            other.add(1);
            other.lock.release();
            other.changed.notify_one();
        });
        shared.lock.acquire();
        while shared.get() == 0 {
            shared.wait(None);
        }
        shared.lock.release();
        impatient.join().unwrap();
        changer.join().unwrap();
    });
}

/// An unlock finds a stale WAITERS and an empty queue, while two come and a third one has the lock.
#[test]
fn loom_an_unlock_that_finds_nobody_leaves_those_who_come_no_stale_bits() {
    wide_model(|| {
        let shared = Guarded::<RawMutex>::shared();
        shared.lock.acquire();
        shared.lock.stale();
        let others = [spawn(&shared, lock_once), spawn(&shared, lock_once), spawn(&shared, lock_once)];
        shared.lock.release();
        for other in others {
            other.join().unwrap();
        }
    });
}

/// A writer gives up while two others wait behind a fourth.
#[test]
fn loom_a_writer_that_gives_up_leaves_the_others_in_line() {
    wide_model(|| {
        let shared = Guarded::<RawRwLock>::shared();
        shared.lock.acquire_write();
        let others = [spawn(&shared, write_once), spawn(&shared, write_once)];
        let timed = spawn(&shared, |shared| {
            if shared.lock.acquire_until(Access::Write, soon()) {
                shared.lock.release_write();
            }
        });
        shared.lock.release_write();
        for other in others {
            other.join().unwrap();
        }
        timed.join().unwrap();
    });
}
