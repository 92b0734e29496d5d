//! Waiting for the first of several things: the trait that channels, queues, timers and join handles implement, and the
//! one wait over any number of them.
//!
//! A waiter has one node in each queue ([`WaitQueue`]); all of them name the same green thread. It returns with one
//! index, and with the notification of that one at most: what the other queues had given it by then is passed on to
//! the next in their lines, so that a `select` never swallows what it does not use. The nodes lie in one allocation
//! for the whole wait.
//!
//! Rejected: callbacks that run in the notifier's context (they would run user code under the notifier's feet), and
//! helper green threads, one per queue (they cost a stack each, and a notification that one of them took is lost when
//! another wins).

#[cfg(not(loom))]
use std::time::Duration;
use std::time::Instant;

#[cfg(not(loom))]
use crate::clock;
use crate::park::park_until;
use crate::unpark::{Outcome, WaitReason};
use crate::wait_queue::{Several, WaitQueue};

/// Something that becomes ready, and that one can wait for among others with [`wait_any`].
///
/// Whoever makes it ready changes what [`is_ready`](Self::is_ready) looks at *first*, and then calls
/// [`WaitQueue::notify_one`] (or `notify_all`) on the queue.
pub trait Waitable {
    /// Returns true if the operation would not wait now. It is called under the lock of [`queue`](Self::queue), so it
    /// must not park, nor notify that queue or wait in it.
    fn is_ready(&self) -> bool;

    /// Returns the queue that is notified when it becomes ready; none for what becomes ready by itself.
    fn queue(&self) -> Option<&WaitQueue>;

    /// Returns when it becomes ready by itself, if it does.
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// Something that stays ready once it is, and whose [`queue`](Waitable::queue) is told by `notify_all`: the end of a green thread, an
/// event. One can wait for it without claiming anything.
pub trait Lasting: Waitable {}

impl<W: Lasting + ?Sized> Lasting for &W {}

impl<W: Waitable + ?Sized> Waitable for &W {
    fn is_ready(&self) -> bool {
        (**self).is_ready()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        (**self).queue()
    }

    fn deadline(&self) -> Option<Instant> {
        (**self).deadline()
    }
}

/// A moment to wait for beside other things.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use green_core::unpark::WaitReason;
/// use green_core::waitable::{Timer, wait_any};
///
/// let (soon, late) = (Timer::after(Duration::from_millis(1)), Timer::after(Duration::from_secs(60)));
/// assert_eq!(wait_any(&[&late, &soon], None, WaitReason::Select), Ok(1));
/// ```
#[cfg(not(loom))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer(Instant);

#[cfg(not(loom))]
impl Timer {
    /// Returns a timer that is ready from `deadline` on.
    pub fn at(deadline: Instant) -> Self {
        Self(deadline)
    }

    /// Returns a timer that is ready once `timeout` has passed; one that is too far away to be counted never is.
    pub fn after(timeout: Duration) -> Self {
        /// Some 136 years.
        const FAR: Duration = Duration::from_secs(1 << 32);
        Self(clock::after(timeout).or_else(|| clock::after(FAR)).unwrap_or_else(clock::now))
    }

    /// Returns the moment.
    pub fn deadline(self) -> Instant {
        self.0
    }
}

#[cfg(not(loom))]
impl Waitable for Timer {
    fn is_ready(&self) -> bool {
        clock::now() >= self.0
    }

    fn queue(&self) -> Option<&WaitQueue> {
        None
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.0)
    }
}

/// Waits for the first of `waitables` to be ready, and returns its index; the lot is drawn by turns among those that are ready at
/// once.
///
/// If the one that is returned was notified, that notification is the caller's: try the operation, and call the wait again if
/// somebody else was faster, or pass the notification on by [`WaitQueue::notify_one`]. Notifications of all others are
/// passed on here.
///
/// # Errors
///
/// [`Outcome::TimedOut`] when `deadline` passed first (with nothing to wait for and no deadline it waits for ever), and
/// [`Outcome::Interrupted`] when a kill or an alarm is pending: clean up and call
/// [`kill::deliver`](crate::kill::deliver). In both cases no notification was taken.
///
/// # Panics
///
/// Whatever `is_ready` panics with; the queues are left first.
///
/// # Examples
///
/// ```
/// use green_core::spawn::{Options, spawn};
/// use green_core::unpark::WaitReason;
/// use green_core::waitable::wait_any;
///
/// # fn main() -> std::io::Result<()> {
/// let ends = spawn(Options::default(), || 7)?;
/// let parks = spawn(Options::default(), || green_core::identity::park_current(None))?;
/// assert_eq!(wait_any(&[&parks, &ends], None, WaitReason::Select), Ok(1));
/// assert_eq!(ends.join().unwrap(), 7);
/// parks.identity().unpark();
/// # parks.join().unwrap();
/// # Ok(())
/// # }
/// ```
pub fn wait_any(waitables: &[&dyn Waitable], deadline: Option<Instant>, reason: WaitReason) -> Result<usize, Outcome> {
    let count = waitables.len();
    let first = turn(count);
    let order = (first..count).chain(0..first);
    if let Some(ready) = order.clone().find(|&index| waitables[index].is_ready()) {
        return Ok(ready);
    }
    let until = waitables.iter().filter_map(|waitable| waitable.deadline()).chain(deadline).min();
    let mut wait = Several::new(count);
    for index in order.clone() {
        let waitable = waitables[index];
        let waits = match waitable.queue() {
            Some(queue) => wait.enter(index, queue, || !waitable.is_ready()),
            None => !waitable.is_ready(),
        };
        if !waits {
            wait.leave(Some(index));
            return Ok(index);
        }
    }
    loop {
        if let Some(notified) = wait.notified() {
            wait.leave(Some(notified));
            return Ok(notified);
        }
        let outcome = park_until(until, reason);
        if outcome == Outcome::Unparked {
            continue;
        }
        if let Some(notified) = wait.leave(None) {
            return Ok(notified);
        }
        // The deadline that passed may be that of one of the things.
        return match order.clone().find(|&index| outcome == Outcome::TimedOut && waitables[index].is_ready()) {
            Some(ready) => Ok(ready),
            None => Err(outcome),
        };
    }
}

/// Returns where to begin among `count` things: each time elsewhere, so that none is preferred.
fn turn(count: usize) -> usize {
    #[cfg(not(loom))]
    {
        use std::cell::Cell;
        thread_local! {
            static TURN: Cell<usize> = const { Cell::new(0) };
        }
        let turn = TURN.with(|turn| turn.replace(turn.get().wrapping_add(1)));
        turn.checked_rem(count).unwrap_or(0)
    }
    #[cfg(loom)]
    {
        let _ = count;
        0
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::Arc;

    use super::*;
    use crate::primitive::Mutex;

    /// Tokens that one takes, and waits for.
    struct Tokens {
        count: Mutex<u32>,
        queue: WaitQueue,
    }

    impl Tokens {
        fn new() -> Self {
            Self { count: Mutex::new(0), queue: WaitQueue::new() }
        }

        fn give(&self) {
            *self.count.lock() += 1;
            self.queue.notify_one();
        }

        fn take(&self) -> bool {
            let mut count = self.count.lock();
            let some = *count > 0;
            *count -= u32::from(some);
            some
        }
    }

    impl Waitable for Tokens {
        fn is_ready(&self) -> bool {
            *self.count.lock() > 0
        }

        fn queue(&self) -> Option<&WaitQueue> {
            Some(&self.queue)
        }
    }

    /// Whatever the order, the token that the select does not take reaches the one who waits for it alone.
    #[test]
    fn loom_a_select_passes_on_what_it_does_not_take() {
        loom::model(|| {
            let (left, right) = (Arc::new(Tokens::new()), Arc::new(Tokens::new()));
            let (l, r) = (left.clone(), right.clone());
            let select = loom::thread::spawn(move || {
                let index = wait_any(&[&*l, &*r], None, WaitReason::Select).expect("it has no deadline");
                // It wants the left one only, and passes on the other as the contract has it.
                if index == 1 {
                    r.queue.notify_one();
                }
            });
            let patient = right.clone();
            let waiter = loom::thread::spawn(move || {
                while !patient.take() {
                    let _ = patient.queue.wait_until(None, WaitReason::Other, || !patient.is_ready());
                }
            });
            left.give();
            right.give();
            waiter.join().unwrap();
            select.join().unwrap();
        });
    }
}
