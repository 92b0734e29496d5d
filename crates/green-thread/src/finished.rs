//! `Finished`, the results of several green threads in the order in which they end.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::{Duration, Instant};

use green_core::primitive::Mutex;
use green_core::spawn::Watch;
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_core::{clock, kill};

use crate::{JoinHandle, Result};

/// Waits for all green threads, and returns their results in the order of the handles.
///
/// If the caller is killed while it waits, those that are left go on, detached. See [`finished`] for results in the order in
/// which they come, or with a timeout.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let results = thread::join_all((0..3).map(|n| thread::spawn(move || n * n)));
/// let squares: Vec<_> = results.into_iter().map(Result::unwrap).collect();
/// assert_eq!(squares, [0, 1, 4]);
/// ```
pub fn join_all<T>(handles: impl IntoIterator<Item = JoinHandle<T>>) -> Vec<Result<T>> {
    // All are there before the first wait: the iterator may be what starts them.
    let handles: Vec<_> = handles.into_iter().collect();
    handles.into_iter().map(JoinHandle::join).collect()
}

/// Returns the results of green threads as they end, each with the place of its handle among `handles`.
///
/// Follows gevent's `iwait`: its `count` is [`take`](Iterator::take), its `timeout` is
/// [`next_timeout`](Finished::next_timeout), and what is left is had by [`into_unfinished`](Finished::into_unfinished).
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use green_thread as thread;
///
/// let delays = [20, 1];
/// let racers = delays.map(|delay| thread::spawn_after(Duration::from_millis(delay), move || delay));
/// let mut finished = thread::finished(racers);
/// let (index, result) = finished.next().unwrap();
/// assert_eq!((index, result.unwrap()), (1, 1));
/// assert_eq!(finished.len(), 1);
/// ```
pub fn finished<T>(handles: impl IntoIterator<Item = JoinHandle<T>>) -> Finished<T> {
    let done = Arc::new(Done { indices: Mutex::new(VecDeque::new()), consumer: WaitQueue::new() });
    let handles: Vec<_> = handles.into_iter().collect();
    let entries = handles.into_iter().enumerate().map(|(index, handle)| {
        // A waker and no link: links run before the end, which may take its time from there.
        let mut watch = handle.watch();
        let member = Arc::new(Member { index, done: Arc::clone(&done), told: AtomicBool::new(false) });
        if watch.poll(&Waker::from(Arc::clone(&member))) {
            member.tell();
        }
        Some((handle, watch))
    });
    let entries: Vec<_> = entries.collect();
    Finished { left: entries.len(), entries, done }
}

/// An iterator over the results of green threads as they end; it comes from [`finished`].
///
/// It takes a constant time for each, however many there are. Each step may wait, and is a kill point. Those that have not
/// ended when it is dropped go on, detached.
pub struct Finished<T> {
    /// The handles, and what has their ends told; none for those that were returned.
    entries: Vec<Option<(JoinHandle<T>, Watch)>>,
    left: usize,
    done: Arc<Done>,
}

/// The indices of those that have ended and were not returned.
struct Done {
    indices: Mutex<VecDeque<usize>>,
    consumer: WaitQueue,
}

impl Done {
    fn push(&self, index: usize) {
        self.indices.lock().push_back(index);
        self.consumer.notify_one();
    }

    fn pop(&self) -> Option<usize> {
        self.indices.lock().pop_front()
    }

    fn is_empty(&self) -> bool {
        self.indices.lock().is_empty()
    }
}

/// One of those that are waited for.
struct Member {
    index: usize,
    done: Arc<Done>,
    /// True once its end was told: it may be both found at once and woken for, if it comes in the middle of the first look.
    told: AtomicBool,
}

impl Member {
    fn tell(&self) {
        // Relaxed: what was told is under the lock.
        if !self.told.swap(true, Ordering::Relaxed) {
            self.done.push(self.index);
        }
    }
}

impl Wake for Member {
    fn wake(self: Arc<Self>) {
        self.tell();
    }
}

impl<T> Finished<T> {
    /// Returns the next result, if one comes before `timeout` has passed; `None` if not, and if all have been returned.
    ///
    /// [`len`](ExactSizeIterator::len) tells which: it is 0 after the last. A result that is there is returned however short the
    /// timeout is, and such a step never waits.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use green_thread as thread;
    ///
    /// let parked = thread::spawn(thread::park);
    /// let mut finished = thread::finished([parked]);
    /// assert!(finished.next_timeout(Duration::from_millis(1)).is_none());
    /// assert_eq!(finished.len(), 1, "it is still to come");
    /// for (_, handle) in finished.into_unfinished() {
    ///     handle.thread().unpark();
    ///     handle.join().unwrap();
    /// }
    /// ```
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<(usize, Result<T>)> {
        self.next_until(clock::after(timeout))
    }

    /// Returns the next result, if one comes before `deadline`; see [`next_timeout`](Finished::next_timeout).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    ///
    /// use green_thread as thread;
    ///
    /// let mut finished = thread::finished([thread::spawn(|| 1), thread::spawn(|| 2)]);
    /// let deadline = Instant::now() + Duration::from_secs(60);
    /// let mut sum = 0;
    /// while let Some((_, result)) = finished.next_deadline(deadline) {
    ///     sum += result.unwrap();
    /// }
    /// assert_eq!(sum, 3);
    /// ```
    pub fn next_deadline(&mut self, deadline: Instant) -> Option<(usize, Result<T>)> {
        self.next_until(Some(deadline))
    }

    fn next_until(&mut self, deadline: Option<Instant>) -> Option<(usize, Result<T>)> {
        if self.left == 0 {
            return None;
        }
        let index = self.wait(deadline)?;
        let (handle, _) = self.entries[index].take().expect("an index comes once");
        self.left -= 1;
        match handle.try_join() {
            Ok(result) => Some((index, result)),
            Err(_) => unreachable!("it has ended"),
        }
    }

    /// Waits until one has ended. If this unwinds, none was taken.
    fn wait(&self, deadline: Option<Instant>) -> Option<usize> {
        loop {
            if let Some(index) = self.done.pop() {
                return Some(index);
            }
            match self.done.consumer.wait_until(deadline, WaitReason::Join, || self.done.is_empty()) {
                Outcome::Unparked => {}
                Outcome::TimedOut => return self.done.pop(),
                Outcome::Interrupted => kill::deliver(),
            }
        }
    }

    /// Returns the handles of those whose results were not returned, each with its place among the handles given.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// let endless = || loop { thread::park() };
    /// let finished = thread::finished([thread::spawn(endless), thread::spawn(endless)]);
    /// for (_, handle) in finished.into_unfinished() {
    ///     handle.kill()?;
    /// }
    /// # Ok::<(), thread::KillError>(())
    /// ```
    pub fn into_unfinished(self) -> Vec<(usize, JoinHandle<T>)> {
        let entries = self.entries.into_iter().enumerate();
        entries.filter_map(|(index, entry)| entry.map(|(handle, _)| (index, handle))).collect()
    }
}

impl<T> Iterator for Finished<T> {
    type Item = (usize, Result<T>);

    fn next(&mut self) -> Option<Self::Item> {
        self.next_until(None)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for Finished<T> {}

impl<T> std::iter::FusedIterator for Finished<T> {}

impl<T> fmt::Debug for Finished<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finished").field("left", &self.left).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window is between two steps of one look, so the two are made to come by hand.
    #[test]
    fn an_end_that_is_found_and_woken_for_is_told_once() {
        let done = Arc::new(Done { indices: Mutex::new(VecDeque::new()), consumer: WaitQueue::new() });
        let member = Arc::new(Member { index: 7, done: Arc::clone(&done), told: AtomicBool::new(false) });
        member.tell();
        Waker::from(member).wake();
        assert_eq!((done.pop(), done.pop()), (Some(7), None));
    }
}
