//! `Finished`, the results of several green threads in the order in which they end.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::primitive::Mutex;
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_core::{clock, kill};

use crate::{JoinHandle, LinkId, Result};

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
        let done = Arc::clone(&done);
        let link = handle.link(move |_| done.push(index));
        Some((handle, link))
    });
    let entries: Vec<_> = entries.collect();
    Finished { left: entries.len(), entries, done }
}

/// An iterator over the results of green threads as they end; it comes from [`finished`].
///
/// It takes a constant time for each, however many there are. Each step may wait, and is a kill point. Those that have not
/// ended when it is dropped go on, detached.
pub struct Finished<T> {
    /// The handles and the links by which their ends are told; none for those that were returned.
    entries: Vec<Option<(JoinHandle<T>, LinkId)>>,
    left: usize,
    done: Arc<Done>,
}

/// The indices of those that have ended, or are about to.
struct Done {
    indices: Mutex<VecDeque<usize>>,
    consumer: WaitQueue,
}

impl Done {
    fn push(&self, index: usize) {
        self.indices.lock().push_back(index);
        self.consumer.notify_one();
    }

    fn first(&self) -> Option<usize> {
        self.indices.lock().front().copied()
    }
}

impl<T> Finished<T> {
    /// Returns the next result, if one comes before `timeout` has passed; [`len`](ExactSizeIterator::len) tells whether any is
    /// left.
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
    /// for (_, handle) in finished.into_unfinished() {
    ///     handle.thread().unpark();
    ///     handle.join().unwrap();
    /// }
    /// ```
    pub fn next_timeout(&mut self, timeout: Duration) -> Option<(usize, Result<T>)> {
        self.next_until(clock::after(timeout))
    }

    /// Returns the next result, if one comes before `deadline`.
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
        // It has run its links, or will, and then ends. If this wait unwinds, the index is still there for the next call.
        let (handle, _) = self.entries[index].as_ref().expect("an index comes once");
        if !handle.wait_until(deadline) {
            return None;
        }
        self.done.indices.lock().pop_front();
        let (handle, _) = self.entries[index].take()?;
        self.left -= 1;
        Some((index, handle.join()))
    }

    /// Waits until one has ended, or is about to.
    fn wait(&self, deadline: Option<Instant>) -> Option<usize> {
        loop {
            if let Some(index) = self.done.first() {
                return Some(index);
            }
            let blocked = || self.done.first().is_none();
            match self.done.consumer.wait_until(deadline, WaitReason::Join, blocked) {
                Outcome::Unparked => {}
                Outcome::TimedOut => return self.done.first(),
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
    pub fn into_unfinished(mut self) -> Vec<(usize, JoinHandle<T>)> {
        let entries = std::mem::take(&mut self.entries).into_iter().enumerate();
        entries.filter_map(|(index, entry)| entry.map(|entry| (index, unlink(entry)))).collect()
    }
}

fn unlink<T>((handle, link): (JoinHandle<T>, LinkId)) -> JoinHandle<T> {
    handle.unlink(link);
    handle
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

impl<T> Drop for Finished<T> {
    fn drop(&mut self) {
        for entry in self.entries.drain(..).flatten() {
            drop(unlink(entry));
        }
    }
}

impl<T> fmt::Debug for Finished<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finished").field("left", &self.left).finish_non_exhaustive()
    }
}
