//! Waiting for the first of several things: items of queues and channels, permits, events, the end of green threads, a
//! moment.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use green_core::kill;
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;
use green_core::waitable::{Lasting, Timer, wait_any};

pub use green_core::waitable::Waitable;

use crate::event::Event;
use crate::mpsc::{RecvError, TryRecvError};
use crate::queue::{GetError, Order, OrderedQueue};
use crate::semaphore::{AcquireError, BoundedSemaphore, CappedSemaphore, Permit, Semaphore};
use crate::{mpmc, mpsc};

/// An operation that may have to wait, and that a [`Select`] can do when it needs not.
///
/// Implemented by what this crate has to wait for. Implement it for types of your own over a
/// [`Waitable`] of theirs.
pub trait Source {
    /// What the operation returns.
    type Output<'a>
    where
        Self: 'a;

    /// Returns what tells that the operation would not wait.
    fn waitable(&self) -> &dyn Waitable;

    /// Does the operation if that needs no waiting. It is called when `waitable` was ready, and may find that somebody
    /// else was faster.
    fn complete(&self) -> Option<Self::Output<'_>>;
}

/// Waits for one of several operations, does that one, and none of the others.
///
/// Each operation comes with a closure that is called with its result and says what the wait comes to: often just the
/// variant of an enum that one then matches on. Of several operations that are possible at once, each has its turn.
/// What is not chosen stays for others: no item is taken, and a wake-up that came for it goes to the next who waits.
/// The operations are:
///
/// | `on(…)` | waits for | gives the closure |
/// |---|---|---|
/// | a queue | an item, or the close | what [`get`](OrderedQueue::get) returns |
/// | a semaphore | a permit, or the close | what [`acquire`](Semaphore::acquire) returns |
/// | an event | the event | what [`wait`](Event::wait) returns |
/// | the receiver of a channel | a message, or the end | what `recv` returns |
///
/// and for whatever is not an operation but becomes ready, such as a join handle, there is [`ready`](Self::ready).
///
/// At a queue or a semaphore it stands in line with those who wait for that alone. Only somebody who comes anew between
/// the wake-up of a select and its turn may be faster; then the select waits on, at the end of the line. On a queue of
/// capacity 0 it meets every producer that waits, but `try_put` does not see it.
///
/// A wait makes one allocation, for more than eight operations two. It is a kill point.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use green_sync::{Event, Queue, Select};
///
/// enum Next {
///     Job(u32),
///     Idle,
///     Quit,
/// }
///
/// let (jobs, quit) = (Queue::new(None), Event::<()>::new());
/// let next = || {
///     Select::new()
///         .on(&jobs, |job| job.map_or(Next::Quit, Next::Job))
///         .on(&quit, |_| Next::Quit)
///         .timeout(Duration::from_millis(1), || Next::Idle)
///         .wait()
/// };
///
/// assert!(matches!(next(), Next::Idle));
/// jobs.put(7)?;
/// assert!(matches!(next(), Next::Job(7)));
/// quit.send(()).unwrap();
/// assert!(matches!(next(), Next::Quit));
/// # Ok::<(), green_sync::queue::PutError<u32>>(())
/// ```
#[must_use = "a select does nothing until it waits"]
pub struct Select<A> {
    arms: A,
}

impl Select<()> {
    /// Begins a select.
    pub const fn new() -> Self {
        Self { arms: () }
    }
}

impl Default for Select<()> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A> Select<A> {
    fn with<B>(self, arm: B) -> Select<(A, B)> {
        Select { arms: (self.arms, arm) }
    }

    /// Adds the operation of `source`.
    pub fn on<'s, S, F, R>(self, source: &'s S, then: F) -> Select<(A, On<'s, S, F>)>
    where
        S: Source,
        F: FnOnce(S::Output<'s>) -> R,
    {
        self.with(On { source, then: Some(then) })
    }

    /// Adds the operations of all `sources`; `then` is told the index of the one that was done.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_sync::{Queue, Select};
    ///
    /// let queues = [Queue::new(None), Queue::new(None)];
    /// queues[1].put("hello")?;
    /// let (index, item) = Select::new().on_each(&queues, |index, item| (index, item)).wait();
    /// assert_eq!((index, item), (1, Ok("hello")));
    /// # Ok::<(), green_sync::queue::PutError<&str>>(())
    /// ```
    pub fn on_each<'s, S, F, R>(self, sources: &'s [S], then: F) -> Select<(A, OnEach<'s, S, F>)>
    where
        S: Source,
        F: FnOnce(usize, S::Output<'s>) -> R,
    {
        self.with(OnEach { sources, then: Some(then) })
    }

    /// Adds that `waitable` is ready, such as a join handle, whose green thread has ended then: to join it does not
    /// wait any more.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use green_core::spawn::{Options, spawn};
    /// use green_sync::Select;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let child = spawn(Options::default(), || 42)?;
    /// let ended = Select::new().ready(&child, || true).timeout(Duration::from_secs(60), || false).wait();
    /// assert!(ended);
    /// assert_eq!(child.join().unwrap(), 42);
    /// # Ok(())
    /// # }
    /// ```
    pub fn ready<W, F, R>(self, waitable: &W, then: F) -> Select<(A, Ready<'_, W, F>)>
    where
        W: Lasting,
        F: FnOnce() -> R,
    {
        self.with(Ready { waitable, then: Some(then) })
    }

    /// Adds that one of `waitables` is ready; `then` is told its index.
    pub fn ready_each<W, F, R>(self, waitables: &[W], then: F) -> Select<(A, ReadyEach<'_, W, F>)>
    where
        W: Lasting,
        F: FnOnce(usize) -> R,
    {
        self.with(ReadyEach { waitables, then: Some(then) })
    }

    /// Adds that `timeout` has passed since this call. One that is too long to be counted never passes.
    pub fn timeout<F, R>(self, timeout: Duration, then: F) -> Select<(A, At<F>)>
    where
        F: FnOnce() -> R,
    {
        self.with(At { timer: Timer::after(timeout), then: Some(then) })
    }

    /// Adds that the moment `deadline` has come.
    pub fn deadline<F, R>(self, deadline: Instant, then: F) -> Select<(A, At<F>)>
    where
        F: FnOnce() -> R,
    {
        self.with(At { timer: Timer::at(deadline), then: Some(then) })
    }

    /// Waits until one of the operations is possible, does it, and returns what its closure returns. A kill point.
    ///
    /// # Panics
    ///
    /// If there is no operation to wait for.
    pub fn wait<R>(mut self) -> R
    where
        A: Arm<R>,
    {
        assert!(self.arms.count() > 0, "a select of nothing would wait for ever");
        loop {
            let chosen = with_waitables(&self.arms, |waitables| wait_any(waitables, None, WaitReason::Select));
            match chosen {
                Ok(index) => {
                    if let Some(result) = self.arms.complete(index) {
                        return result;
                    }
                }
                Err(Outcome::Interrupted) => kill::deliver(),
                // The deadlines are those of timers; one that is not ready yet has a moment to go.
                Err(Outcome::TimedOut | Outcome::Unparked) => {}
            }
        }
    }

    /// Does the first of the operations, in the order in which they were added, that is possible now; `None` if none
    /// is. Never waits.
    pub fn poll<R>(mut self) -> Option<R>
    where
        A: Arm<R>,
    {
        for index in 0..self.arms.count() {
            let ready = with_waitables(&self.arms, |waitables| waitables[index].is_ready());
            if ready && let Some(result) = self.arms.complete(index) {
                return Some(result);
            }
        }
        None
    }
}

impl<A> fmt::Debug for Select<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select").finish_non_exhaustive()
    }
}

/// Gathers what `arms` waits for, in place if it is not much.
fn with_waitables<R, A: Arm<R>, T>(arms: &A, f: impl FnOnce(&[&dyn Waitable]) -> T) -> T {
    /// What an empty place holds.
    struct Never;

    impl Waitable for Never {
        fn is_ready(&self) -> bool {
            false
        }

        fn queue(&self) -> Option<&WaitQueue> {
            None
        }
    }

    const IN_PLACE: usize = 8;
    let count = arms.count();
    let mut few: [&dyn Waitable; IN_PLACE] = [&Never; IN_PLACE];
    let mut many: Vec<&dyn Waitable>;
    let places = if count <= IN_PLACE {
        &mut few[..count]
    } else {
        many = vec![&Never; count];
        &mut many[..]
    };
    arms.gather(places);
    f(places)
}

/// A part of a [`Select`]; what its methods add. Only this module implements it.
pub trait Arm<R>: sealed::Sealed {
    /// Returns how many operations it has.
    #[doc(hidden)]
    fn count(&self) -> usize;

    /// Fills as many places as there are operations.
    #[doc(hidden)]
    fn gather<'s>(&'s self, places: &mut [&'s dyn Waitable]);

    /// Does the operation, and calls the closure.
    #[doc(hidden)]
    fn complete(&mut self, index: usize) -> Option<R>;
}

mod sealed {
    /// Keeps `Arm` to what is listed here.
    #[expect(unnameable_types, reason = "what nobody can name, nobody can implement")]
    pub trait Sealed {}

    impl Sealed for () {}
    impl<A, B> Sealed for (A, B) {}
    impl<S, F> Sealed for super::On<'_, S, F> {}
    impl<S, F> Sealed for super::OnEach<'_, S, F> {}
    impl<W, F> Sealed for super::Ready<'_, W, F> {}
    impl<W, F> Sealed for super::ReadyEach<'_, W, F> {}
    impl<F> Sealed for super::At<F> {}
}

fn once<F>(then: &mut Option<F>) -> F {
    then.take().expect("one operation of a select is done, once")
}

impl<R> Arm<R> for () {
    fn count(&self) -> usize {
        0
    }

    fn gather<'s>(&'s self, _: &mut [&'s dyn Waitable]) {}

    fn complete(&mut self, _: usize) -> Option<R> {
        None
    }
}

impl<R, A: Arm<R>, B: Arm<R>> Arm<R> for (A, B) {
    fn count(&self) -> usize {
        self.0.count() + self.1.count()
    }

    fn gather<'s>(&'s self, places: &mut [&'s dyn Waitable]) {
        let (first, second) = places.split_at_mut(self.0.count());
        self.0.gather(first);
        self.1.gather(second);
    }

    fn complete(&mut self, index: usize) -> Option<R> {
        match index.checked_sub(self.0.count()) {
            None => self.0.complete(index),
            Some(index) => self.1.complete(index),
        }
    }
}

/// Made by [`Select::on`].
#[derive(Debug)]
pub struct On<'s, S, F> {
    source: &'s S,
    then: Option<F>,
}

impl<'s, R, S: Source, F: FnOnce(S::Output<'s>) -> R> Arm<R> for On<'s, S, F> {
    fn count(&self) -> usize {
        1
    }

    fn gather<'p>(&'p self, places: &mut [&'p dyn Waitable]) {
        places[0] = self.source.waitable();
    }

    fn complete(&mut self, _: usize) -> Option<R> {
        let output = self.source.complete()?;
        Some(once(&mut self.then)(output))
    }
}

/// Made by [`Select::on_each`].
#[derive(Debug)]
pub struct OnEach<'s, S, F> {
    sources: &'s [S],
    then: Option<F>,
}

impl<'s, R, S: Source, F: FnOnce(usize, S::Output<'s>) -> R> Arm<R> for OnEach<'s, S, F> {
    fn count(&self) -> usize {
        self.sources.len()
    }

    fn gather<'p>(&'p self, places: &mut [&'p dyn Waitable]) {
        for (place, source) in places.iter_mut().zip(self.sources) {
            *place = source.waitable();
        }
    }

    fn complete(&mut self, index: usize) -> Option<R> {
        let output = self.sources[index].complete()?;
        Some(once(&mut self.then)(index, output))
    }
}

/// Made by [`Select::ready`].
#[derive(Debug)]
pub struct Ready<'s, W, F> {
    waitable: &'s W,
    then: Option<F>,
}

impl<R, W: Waitable, F: FnOnce() -> R> Arm<R> for Ready<'_, W, F> {
    fn count(&self) -> usize {
        1
    }

    fn gather<'p>(&'p self, places: &mut [&'p dyn Waitable]) {
        places[0] = self.waitable;
    }

    fn complete(&mut self, _: usize) -> Option<R> {
        self.waitable.is_ready().then(|| once(&mut self.then)())
    }
}

/// Made by [`Select::ready_each`].
#[derive(Debug)]
pub struct ReadyEach<'s, W, F> {
    waitables: &'s [W],
    then: Option<F>,
}

impl<R, W: Waitable, F: FnOnce(usize) -> R> Arm<R> for ReadyEach<'_, W, F> {
    fn count(&self) -> usize {
        self.waitables.len()
    }

    fn gather<'p>(&'p self, places: &mut [&'p dyn Waitable]) {
        for (place, waitable) in places.iter_mut().zip(self.waitables) {
            *place = waitable;
        }
    }

    fn complete(&mut self, index: usize) -> Option<R> {
        self.waitables[index].is_ready().then(|| once(&mut self.then)(index))
    }
}

/// Made by [`Select::timeout`] and [`Select::deadline`].
#[derive(Debug)]
pub struct At<F> {
    timer: Timer,
    then: Option<F>,
}

impl<R, F: FnOnce() -> R> Arm<R> for At<F> {
    fn count(&self) -> usize {
        1
    }

    fn gather<'p>(&'p self, places: &mut [&'p dyn Waitable]) {
        places[0] = &self.timer;
    }

    fn complete(&mut self, _: usize) -> Option<R> {
        self.timer.is_ready().then(|| once(&mut self.then)())
    }
}

macro_rules! source_by_deref {
    ($($pointer:ty),*) => {$(
        impl<S: Source + ?Sized> Source for $pointer {
            type Output<'a>
                = S::Output<'a>
            where
                Self: 'a;

            fn waitable(&self) -> &dyn Waitable {
                (**self).waitable()
            }

            fn complete(&self) -> Option<Self::Output<'_>> {
                (**self).complete()
            }
        }
    )*};
}

source_by_deref!(&S, Arc<S>, Rc<S>);

impl<T, E> Source for Event<T, E> {
    type Output<'a>
        = Result<&'a T, &'a E>
    where
        Self: 'a;

    fn waitable(&self) -> &dyn Waitable {
        self
    }

    fn complete(&self) -> Option<Self::Output<'_>> {
        self.poll()
    }
}

/// An acquisition that others may have been faster with.
fn acquired<T>(result: Result<T, AcquireError>) -> Option<Result<T, AcquireError>> {
    match result {
        Err(AcquireError::NoPermits) => None,
        decided => Some(decided),
    }
}

impl Source for Semaphore {
    type Output<'a> = Result<Permit<'a>, AcquireError>;

    fn waitable(&self) -> &dyn Waitable {
        self.permits()
    }

    fn complete(&self) -> Option<Self::Output<'_>> {
        acquired(self.claim())
    }
}

impl Source for BoundedSemaphore {
    type Output<'a> = Result<Permit<'a>, AcquireError>;

    fn waitable(&self) -> &dyn Waitable {
        self.permits()
    }

    fn complete(&self) -> Option<Self::Output<'_>> {
        acquired(self.claim())
    }
}

impl Source for CappedSemaphore {
    type Output<'a> = Result<(), AcquireError>;

    fn waitable(&self) -> &dyn Waitable {
        self.queue()
    }

    fn complete(&self) -> Option<Self::Output<'_>> {
        match self.queue().complete()? {
            Ok(()) => Some(Ok(())),
            Err(_) => Some(Err(AcquireError::Closed)),
        }
    }
}

impl<O: Order> Source for OrderedQueue<O> {
    type Output<'a>
        = Result<O::Item, GetError>
    where
        Self: 'a;

    fn waitable(&self) -> &dyn Waitable {
        self
    }

    fn complete(&self) -> Option<Self::Output<'_>> {
        match self.claim() {
            Err(GetError::Empty) => None,
            decided => Some(decided),
        }
    }
}

/// A message that others may have been faster with.
fn received<T>(result: Result<T, TryRecvError>) -> Option<Result<T, RecvError>> {
    match result {
        Ok(message) => Some(Ok(message)),
        Err(TryRecvError::Disconnected) => Some(Err(RecvError)),
        Err(TryRecvError::Empty) => None,
    }
}

impl<T> Source for mpsc::Receiver<T> {
    type Output<'a>
        = Result<T, RecvError>
    where
        Self: 'a;

    fn waitable(&self) -> &dyn Waitable {
        self
    }

    fn complete(&self) -> Option<Self::Output<'_>> {
        received(self.try_recv())
    }
}

impl<T> Source for mpmc::Receiver<T> {
    type Output<'a>
        = Result<T, RecvError>
    where
        Self: 'a;

    fn waitable(&self) -> &dyn Waitable {
        self
    }

    fn complete(&self) -> Option<Self::Output<'_>> {
        received(self.try_recv())
    }
}
