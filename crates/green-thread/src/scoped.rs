//! `scope`, whose green threads may borrow from its caller because it waits for all of them.
//!
//! # Why a borrow cannot dangle
//!
//! A child may use anything that outlives `'scope`, and `'scope` ends when [`scope`] returns or unwinds. So the one
//! thing to prove is that `scope` does neither before every child has let go of everything it borrowed. Three parts
//! of a child can hold a borrow: its closure, its result, and a handle to another child (inside one of the former).
//!
//! ```text
//!   Child { f, packet, departure }           fields are dropped in this order, started or not
//!           │    │       └── counts the child down in the scope's ledger
//!           │    └────────── Arc<Packet<T>>: shared with the handle; whoever is last drops the result
//!           └─────────────── the user's closure: run to its end, or dropped with the rest
//! ```
//!
//! `running` went up before the child was given to core, and goes down exactly once, in the `Drop` of `Departure`:
//!
//! - *The closure ran*: `f` is used up, then the child gives up its share of the packet (and so drops the result, if
//!   the handle is gone), and only then departs.
//! - *The child was killed before it started, or could not be started*: core drops the closure, whose fields go in
//!   order, the departure last. This holds also if dropping `f` panics, since the other fields are dropped then too.
//! - *The child was killed while it ran, or panicked*: that is a closure that ran. The unwinding stops in
//!   `Child::run`, and from there to the departure a `Shield` keeps a kill away, so that a destructor of the result
//!   that parks is finished first.
//! - *The handle was leaked or put somewhere*: it plays no part in the count. Its share of the packet may live on, but
//!   a handle mentions `'scope` and so cannot be reached once the scope is over; its result is then never dropped,
//!   which is sound.
//! - *The child is suspended for ever*: this happens to started green threads on an OS thread that ends (I15). There
//!   the children of a scope are placed with their parent, which is then suspended for ever too. If a scope is lent to
//!   a second OS thread, which spawns into it on its own hub (`GREEN_HUBS=0`) and ends, the scope waits for ever.
//!
//! The waiting side holds a `Shield`, so neither kill nor deadline unwinds it early; what is pending is delivered by
//! `scope` itself after the last child has left. `catch_unwind` around the body makes a panic, or a kill in the body,
//! wait as well.
//!
//! How the count itself works, and why the last child to leave never touches freed memory, is told in `ledger.rs`.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe, RefUnwindSafe};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use green_core::hub::check_may_wait;
use green_core::spawn::{self, Joiner};
use green_core::unpark::WaitReason;
use green_core::{clock, kill};

use crate::join_handle::refuse_own;
use crate::ledger::{Departure, Ledger};
use crate::{Builder, JoinHandle, KillError, Result, Shield, Thread};

/// Spawns green threads that may borrow what outlives the scope.
///
/// Corresponds to [`std::thread::Scope`]; it comes from [`scope`].
///
/// # Examples
///
/// ```
/// let words = vec!["green", "thread"];
/// let letters = green_thread::scope(|s| {
///     let counts: Vec<_> = words.iter().map(|word| s.spawn(|| word.len())).collect();
///     counts.into_iter().map(|count| count.join().unwrap()).sum::<usize>()
/// });
/// assert_eq!(letters, 11);
/// ```
pub struct Scope<'scope, 'env: 'scope> {
    ledger: Arc<Ledger>,
    /// Makes `'scope` invariant. If it could shrink, a child could borrow what does not outlive the scope.
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

/// Waits for a green thread of a [`Scope`] and takes its result.
///
/// Corresponds to [`std::thread::ScopedJoinHandle`]. Dropping it leaves the waiting to the scope, which panics if the
/// green thread did.
///
/// # Examples
///
/// ```
/// green_thread::scope(|s| {
///     let child = s.spawn(|| "done");
///     assert_eq!(child.join().unwrap(), "done");
/// });
/// ```
///
/// It cannot leave its scope:
///
/// ```compile_fail
/// let escaped = green_thread::scope(|s| s.spawn(|| 1));
/// escaped.join().unwrap();
/// ```
///
/// ```compile_fail,E0373
/// green_thread::scope(|s| {
///     let short = String::from("dies with the body");
///     s.spawn(|| println!("{short}"));
/// });
/// ```
pub struct ScopedJoinHandle<'scope, T> {
    /// Knows when the green thread has ended; the result is in the packet.
    joiner: Joiner<()>,
    packet: Arc<Packet<T>>,
    ledger: &'scope Ledger,
    /// Filled by the first call of `thread`.
    thread: OnceLock<Thread>,
}

/// Where a child leaves its result for the handle. The lock is never waited for: the child is done with it before its
/// end, and the handle looks only after that.
struct Packet<T> {
    result: Mutex<Option<Result<T>>>,
}

/// The closure that core runs or drops. The order of the fields is the order of their destruction, see above.
struct Child<F, T> {
    f: F,
    packet: Arc<Packet<T>>,
    departure: Departure,
}

/// Runs `f` with a [`Scope`], and returns when every green thread that was spawned in it has ended.
///
/// Corresponds to [`std::thread::scope`]. The destructors of the children's thread-locals may still be running when it
/// returns; a join waits for them too.
///
/// If the caller is killed, in `f` or while it waits for the children, it is unwound after the last child has ended,
/// not before: kill the children as well if they should not be waited for. The same holds for deadlines.
///
/// # Panics
///
/// With "a scoped thread panicked" if a child panicked or was killed, and nobody joined it.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let mut numbers = vec![3, 1, 2];
/// let mut count = 0;
/// thread::scope(|s| {
///     s.spawn(|| numbers.sort());
///     s.spawn(|| count += 1);
/// });
/// assert_eq!((numbers, count), (vec![1, 2, 3], 1));
/// ```
#[track_caller]
pub fn scope<'env, F, T>(f: F) -> T
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> T,
{
    // Its end cannot be refused, so its beginning is.
    check_may_wait(WaitReason::Scope);
    let scope = Scope { ledger: Arc::new(Ledger::new()), scope: PhantomData, env: PhantomData };
    let result = panic::catch_unwind(AssertUnwindSafe(|| f(&scope)));
    scope.ledger.wait();
    match result {
        Err(payload) => panic::resume_unwind(payload),
        Ok(_) if scope.ledger.has_failures() => panic!("a scoped thread panicked"),
        Ok(value) => {
            kill::deliver();
            value
        }
    }
}

impl<'scope, 'env> Scope<'scope, 'env> {
    /// Starts a green thread in this scope.
    ///
    /// Corresponds to [`std::thread::Scope::spawn`].
    ///
    /// # Panics
    ///
    /// If the green thread cannot be made. Use [`Builder::spawn_scoped`] to get the error instead.
    ///
    /// # Examples
    ///
    /// ```
    /// let text = String::from("borrowed");
    /// let length = green_thread::scope(|s| s.spawn(|| text.len()).join().unwrap());
    /// assert_eq!(length, 8);
    /// ```
    pub fn spawn<F, T>(&'scope self, f: F) -> ScopedJoinHandle<'scope, T>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        Builder::new().spawn_scoped(self, f).expect("failed to spawn thread")
    }
}

impl Builder {
    /// Starts a green thread in `scope` with the settings of this builder.
    ///
    /// Corresponds to [`std::thread::Builder::spawn_scoped`].
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn`].
    ///
    /// # Panics
    ///
    /// If the name contains a NUL.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// let mut total = 0;
    /// thread::scope(|s| {
    ///     let adder = thread::Builder::new().name("adder".into()).spawn_scoped(s, || total += 5)?;
    ///     assert_eq!(adder.thread().name(), Some("adder"));
    ///     Ok::<(), std::io::Error>(())
    /// })?;
    /// assert_eq!(total, 5);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn spawn_scoped<'scope, 'env, F, T>(
        self,
        scope: &'scope Scope<'scope, 'env>,
        f: F,
    ) -> io::Result<ScopedJoinHandle<'scope, T>>
    where
        F: FnOnce() -> T + Send + 'scope,
        T: Send + 'scope,
    {
        // Panics for a bad name, so it comes before the child is counted.
        let options = self.into_options();
        let packet = Arc::new(Packet { result: Mutex::new(None) });
        let child = Child { f, packet: Arc::clone(&packet), departure: Departure::new(&scope.ledger) };
        // SAFETY: everything that `f` borrows must outlive the green thread's use of it. It outlives `'scope`, and
        // `scope` stays until `running` is zero, which the child's departure brings about after `f` and its share of
        // the result are gone; the essay at the head of this file goes through every way in which a child can end.
        // Core's own result is `()`, so that nothing else of the child borrows.
        let joiner = unsafe { spawn::spawn_unchecked(options, move || child.run()) };
        match joiner {
            Ok(joiner) => Ok(ScopedJoinHandle { joiner, packet, ledger: &scope.ledger, thread: OnceLock::new() }),
            Err(error) => {
                // The closure was dropped unstarted and so counts as failed; but the caller is told by the error.
                scope.ledger.forgive();
                Err(error)
            }
        }
    }

    /// Starts a green thread whose closure and result may borrow, without a scope that waits for it.
    ///
    /// Corresponds to [`std::thread::Builder::spawn_unchecked`].
    ///
    /// # Errors
    ///
    /// As [`Builder::spawn`].
    ///
    /// # Panics
    ///
    /// If the name contains a NUL.
    ///
    /// # Safety
    ///
    /// Everything that `f` and its result borrow must stay valid until the green thread has ended and its result has
    /// been dropped, for instance because the caller joins it first. Mind that a caller that is killed while it joins
    /// unwinds, and leaves the green thread running: hold a [`Shield`].
    ///
    /// # Examples
    ///
    /// ```
    /// let number = 20;
    /// let borrowed = &number;
    /// let _shield = green_thread::Shield::new();
    /// // SAFETY: the green thread is joined before `number` goes, and no kill gets past the shield.
    /// let child = unsafe { green_thread::Builder::new().spawn_unchecked(move || *borrowed + 1)? };
    /// assert_eq!(child.join().unwrap(), 21);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub unsafe fn spawn_unchecked<F, T>(self, f: F) -> io::Result<JoinHandle<T>>
    where
        F: FnOnce() -> T + Send,
        T: Send,
    {
        // SAFETY: the caller promises what core asks for, in the same words.
        let joiner = unsafe { spawn::spawn_unchecked(self.into_options(), f) };
        joiner.map(JoinHandle::new)
    }
}

impl<'scope, T> ScopedJoinHandle<'scope, T> {
    /// Returns the handle by which the green thread is named and unparked.
    ///
    /// # Examples
    ///
    /// ```
    /// green_thread::scope(|s| {
    ///     let parked = s.spawn(green_thread::park);
    ///     parked.thread().unpark();
    ///     assert!(parked.join().is_ok());
    /// });
    /// ```
    #[must_use]
    pub fn thread(&self) -> &Thread {
        self.thread.get_or_init(|| Thread::new(self.joiner.identity_ref()))
    }

    /// Waits until the green thread has ended, destructors of its thread-locals included, and returns its result.
    ///
    /// # Errors
    ///
    /// The payload of the panic that ended the green thread, or [`Killed`](crate::Killed). The scope does not panic
    /// for it any more.
    ///
    /// # Panics
    ///
    /// If a green thread joins itself.
    ///
    /// # Examples
    ///
    /// ```
    /// green_thread::scope(|s| {
    ///     let failing = s.spawn(|| std::panic::resume_unwind(Box::new(7)));
    ///     let payload = failing.join().unwrap_err();
    ///     assert_eq!(payload.downcast_ref(), Some(&7));
    /// });
    /// ```
    pub fn join(self) -> Result<T> {
        let ScopedJoinHandle { joiner, packet, ledger, .. } = self;
        refuse_own(joiner.identity());
        take_result(joiner.join(), &packet, ledger)
    }

    /// Waits as [`join`](ScopedJoinHandle::join) does, but gives the handle back if `timeout` passes first.
    ///
    /// # Errors
    ///
    /// The handle itself, if the green thread has not ended in time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// green_thread::scope(|s| {
    ///     let parked = s.spawn(green_thread::park);
    ///     let parked = parked.join_timeout(Duration::from_millis(1)).expect_err("nobody unparked it");
    ///     parked.thread().unpark();
    ///     assert!(parked.join().is_ok());
    /// });
    /// ```
    pub fn join_timeout(self, timeout: Duration) -> std::result::Result<Result<T>, ScopedJoinHandle<'scope, T>> {
        let ScopedJoinHandle { joiner, packet, ledger, thread } = self;
        let outcome = match clock::after(timeout) {
            Some(deadline) => joiner.join_until(deadline),
            None => Ok(joiner.join()),
        };
        match outcome {
            Ok(ended) => Ok(take_result(ended, &packet, ledger)),
            Err(joiner) => Err(ScopedJoinHandle { joiner, packet, ledger, thread }),
        }
    }

    /// Returns whether the green thread has finished running its closure.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// thread::scope(|s| {
    ///     let child = s.spawn(|| {});
    ///     while !child.is_finished() {
    ///         thread::yield_now();
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        let finished = self.joiner.is_finished();
        if !finished {
            green_core::park::asked_in_vain();
        }
        finished
    }

    /// Asks the green thread to end; see [`JoinHandle::kill`].
    ///
    /// The scope panics for a killed child as for one that panicked, unless the child is joined.
    ///
    /// # Errors
    ///
    /// If the program is built with `panic = "abort"`.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// thread::scope(|s| {
    ///     let endless = s.spawn(|| loop { thread::park() });
    ///     endless.kill()?;
    ///     assert!(endless.join().unwrap_err().is::<thread::Killed>());
    ///     Ok::<(), thread::KillError>(())
    /// })?;
    /// # Ok::<(), thread::KillError>(())
    /// ```
    pub fn kill(&self) -> std::result::Result<(), KillError> {
        self.joiner.kill()
    }
}

/// Makes a child's result out of how its green thread `ended`, and strikes a failure off the ledger.
fn take_result<T>(ended: Result<()>, packet: &Packet<T>, ledger: &Ledger) -> Result<T> {
    let result = match ended {
        Ok(()) => packet.slot().take().expect("a closure that ran leaves its result"),
        Err(payload) => Err(payload),
    };
    if result.is_err() {
        ledger.forgive();
    }
    result
}

impl<T> Packet<T> {
    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Result<T>>> {
        self.result.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F, T> Child<F, T>
where
    F: FnOnce() -> T,
{
    fn run(self) {
        let Child { f, packet, mut departure } = self;
        let result = panic::catch_unwind(AssertUnwindSafe(f));
        // A kill that arrives now must not cut the destructor of the result short.
        let _shield = Shield::new();
        departure.failed = result.is_err();
        *packet.slot() = Some(result);
        // If the handle is gone this drops the result, which is the child's work and so may make it fail.
        if panic::catch_unwind(AssertUnwindSafe(|| drop(packet))).is_err() {
            departure.failed = true;
        }
        // Nothing that is borrowed is left: `f` was used up and the packet given away.
        drop(departure);
    }
}

// As std's. Both counts are changed in one step each, so a panic leaves none of them broken.
impl RefUnwindSafe for Ledger {}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("num_running_threads", &self.ledger.running())
            .field("a_thread_panicked", &self.ledger.has_failures())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle").finish_non_exhaustive()
    }
}
