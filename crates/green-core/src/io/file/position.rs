//! The turn to use a file's own position.
//!
//! The kernel has a lock for it, so that a read at the position is one piece of the file, whoever else reads. A call
//! from a hub must not wait for that lock while somebody else's read waits for a disk, and a read in two steps (what
//! the page cache has; the rest, on the blocking pool) would not be one piece. So all that use one open file take
//! turns here first, and wait by parking. Somebody outside this library who shares the open file does not, and may
//! come in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::kill;
use crate::unpark::{Outcome, WaitReason};
use crate::wait_queue::WaitQueue;

/// Who uses the position of one open file, and who waits for that. Clones of the file share it.
#[derive(Debug, Default)]
pub(super) struct Position {
    taken: AtomicBool,
    waiting: WaitQueue,
}

/// The turn, which ends when this is dropped, on whatever thread.
#[derive(Debug)]
pub(super) struct Turn(Arc<Position>);

impl Position {
    /// Waits for the turn. A kill point only while it waits.
    pub(super) fn take(self: &Arc<Self>) -> Turn {
        let mut taken = self.try_take();
        while !taken {
            let outcome = self.waiting.wait_until(None, WaitReason::Lock, || {
                taken = self.try_take();
                !taken
            });
            if outcome == Outcome::Interrupted {
                kill::deliver();
            }
            taken = taken || self.try_take();
        }
        Turn(Arc::clone(self))
    }

    fn try_take(&self) -> bool {
        self.taken.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Release);
        // Under the queue's lock, under which a waiter looks at `taken`: it saw the store, or it is in the queue.
        self.0.waiting.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::thread;

    use super::*;
    use crate::park::yield_now;
    use crate::spawn::{Options, spawn_local};

    #[test]
    fn one_at_a_time_has_the_turn_wherever_it_runs() {
        let position = Arc::new(Position::default());
        let inside = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let (position, inside) = (Arc::clone(&position), Arc::clone(&inside));
                thread::spawn(move || {
                    let take_turns = move || {
                        for _ in 0..200 {
                            let turn = position.take();
                            assert!(!inside.swap(true, Ordering::Relaxed));
                            yield_now();
                            assert!(inside.swap(false, Ordering::Relaxed));
                            drop(turn);
                        }
                    };
                    let local = || spawn_local(Options::default(), take_turns.clone()).expect("a green thread");
                    for joiner in [local(), local()] {
                        joiner.join().expect("no panic");
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().expect("no panic");
        }
    }

    #[test]
    fn a_killed_waiter_leaves_the_turn_to_the_next() {
        let position = Arc::new(Position::default());
        let turn = position.take();
        let taken = Rc::new(Cell::new(0));
        let waiter = || {
            let (position, taken) = (Arc::clone(&position), Rc::clone(&taken));
            let wait = move || {
                let _turn = position.take();
                taken.set(taken.get() + 1);
            };
            spawn_local(Options::default(), wait).expect("a green thread")
        };
        let waiters = [waiter(), waiter(), waiter()];
        yield_now();
        waiters[0].kill().expect("it can be unwound");
        yield_now();
        drop(turn);
        waiters[1].kill().expect("it can be unwound");
        let [first, second, third] = waiters;
        assert!(first.join().is_err());
        // It was woken before it was killed: whether it has had its turn or not, the third gets one.
        let second = u32::from(second.join().is_ok());
        third.join().expect("no panic");
        assert_eq!(taken.get(), 1 + second);
        drop(position.take());
    }

    #[test]
    fn a_turn_ends_on_whatever_thread_it_is_dropped() {
        let position = Arc::new(Position::default());
        let turn = position.take();
        let dropper = thread::spawn(move || drop(turn));
        drop(position.take());
        dropper.join().expect("no panic");
    }
}
