//! `Barrier` and `BarrierWaitResult`.

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};

use green_core::kill;
use green_core::primitive::Mutex;
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;

/// A meeting point for a number of green threads and OS threads: nobody gets past it before all have come.
///
/// It can be used again at once. A wait is a kill point; one that is killed before all have come does not count.
///
/// Corresponds to [`std::sync::Barrier`].
///
/// # Examples
///
/// ```
/// use green_sync::{Arc, Barrier};
/// use green_thread as thread;
///
/// let barrier = Arc::new(Barrier::new(3));
/// let others: Vec<_> = (0..2)
///     .map(|_| {
///         let barrier = Arc::clone(&barrier);
///         thread::spawn(move || barrier.wait().is_leader())
///     })
///     .collect();
/// let mut leaders = usize::from(barrier.wait().is_leader());
/// leaders += others.into_iter().map(|other| usize::from(other.join().unwrap())).sum::<usize>();
/// assert_eq!(leaders, 1);
/// ```
pub struct Barrier {
    meeting: Mutex<Meeting>,
    queue: WaitQueue,
    n: usize,
}

/// The meeting that is under way.
struct Meeting {
    /// How many have come.
    count: usize,
    /// How many meetings there were before; a waiter goes on when it is not its own any more.
    number: u64,
}

impl Barrier {
    /// Creates a barrier for `n`. With 0 or 1, nobody waits at it.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Barrier;
    ///
    /// assert!(Barrier::new(1).wait().is_leader());
    /// ```
    #[must_use]
    pub const fn new(n: usize) -> Self {
        Self { meeting: Mutex::new(Meeting { count: 0, number: 0 }), queue: WaitQueue::new(), n }
    }

    /// Waits until all have come. One of them, the last to come, is told that it is the leader.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Barrier;
    /// use green_thread as thread;
    ///
    /// let barrier = Barrier::new(2);
    /// thread::scope(|s| {
    ///     s.spawn(|| barrier.wait());
    ///     barrier.wait();
    /// });
    /// ```
    pub fn wait(&self) -> BarrierWaitResult {
        let mut came = self.come();
        while let Some(number) = came {
            let is_on = || self.meeting.lock().number == number;
            match self.queue.wait_until(None, WaitReason::Barrier, is_on) {
                Outcome::Interrupted if self.leave(number) => {
                    kill::deliver();
                    came = self.come();
                }
                // A notification, or one that the next meeting's leader had for the others.
                _ if is_on() => {}
                _ => return BarrierWaitResult(false),
            }
        }
        self.queue.notify_all();
        BarrierWaitResult(true)
    }

    /// Counts one more; returns the number of the meeting unless this one completes it.
    fn come(&self) -> Option<u64> {
        let mut meeting = self.meeting.lock();
        meeting.count += 1;
        if meeting.count < self.n {
            return Some(meeting.number);
        }
        meeting.count = 0;
        meeting.number += 1;
        None
    }

    /// Counts one less; returns false if that meeting is over, so that all may go on.
    fn leave(&self, number: u64) -> bool {
        let mut meeting = self.meeting.lock();
        let is_on = meeting.number == number;
        if is_on {
            meeting.count -= 1;
        }
        is_on
    }
}

impl UnwindSafe for Barrier {}
impl RefUnwindSafe for Barrier {}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").finish_non_exhaustive()
    }
}

/// Says whether a wait at a [`Barrier`] was the leader's.
///
/// Corresponds to [`std::sync::BarrierWaitResult`].
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Returns true for one of those that met, and false for the others.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::Barrier;
    ///
    /// assert!(Barrier::new(0).wait().is_leader());
    /// ```
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

impl fmt::Debug for BarrierWaitResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWaitResult").field("is_leader", &self.0).finish()
    }
}
