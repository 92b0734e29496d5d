//! The free functions: starting green threads, parking them and letting time pass.

use std::time::Duration;

use green_core::mode::Facility;
use green_core::spawn::{self as core_spawn, Options};
use green_core::unpark::{Outcome, WaitReason};
use green_core::{clock, identity, kill, park as core_park};

use crate::{Builder, JoinHandle, LocalJoinHandle};

/// Starts a green thread that runs `f`, and returns the handle to join it with.
///
/// Corresponds to [`std::thread::spawn`]. The new green thread may run on any OS thread until it starts, and stays
/// on that one from then on. Dropping the handle detaches it.
///
/// # Panics
///
/// If the green thread cannot be made, for instance because the limit of mapped stacks is reached. Use
/// [`Builder::spawn`] to get the error instead.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let answer = thread::spawn(|| 6 * 7);
/// assert_eq!(answer.join().unwrap(), 42);
/// ```
///
/// What is moved in must be `Send`, for the green thread may start on another OS thread:
///
/// ```compile_fail,E0277
/// let shared = std::rc::Rc::new(1);
/// green_thread::spawn(move || println!("{shared}"));
/// ```
///
/// See [`spawn_local`] for values that cannot be sent.
pub fn spawn<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // Not by a builder, whose empty options would be moved about.
    core_spawn::spawn(Options::default(), f).map(JoinHandle::new).expect("failed to spawn thread")
}

/// Starts a green thread that runs `f` on this OS thread.
///
/// Nothing has to be `Send`: the closure runs, and its result is dropped, where it was made. The new green thread
/// starts when this one parks or yields, never within this call.
///
/// # Panics
///
/// If the green thread cannot be made, as [`spawn`] does. Use [`Builder::spawn_local`] to get the error instead.
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// use green_thread as thread;
///
/// let total = Rc::new(Cell::new(0));
/// let adders: Vec<_> = (1..=10)
///     .map(|n| {
///         let total = Rc::clone(&total);
///         thread::spawn_local(move || total.set(total.get() + n))
///     })
///     .collect();
/// for adder in adders {
///     adder.join().unwrap();
/// }
/// assert_eq!(total.get(), 55);
/// ```
pub fn spawn_local<F, T>(f: F) -> LocalJoinHandle<T>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    core_spawn::spawn_local(Options::default(), f).map(LocalJoinHandle::new).expect("failed to spawn thread")
}

/// Starts a green thread that runs `f`, and that nobody can join or kill.
///
/// Nothing is kept of its end, which makes it cheaper than a [`spawn`] whose handle is dropped. A panic in `f` is reported
/// by the panic hook, and goes no further. Follows eventlet's `spawn_n`.
///
/// # Panics
///
/// As [`spawn`]. Use [`Builder::spawn_detached`] to get the error instead.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let parent = thread::current();
/// thread::spawn_detached(move || parent.unpark());
/// thread::park();
/// ```
pub fn spawn_detached<F>(f: F)
where
    F: FnOnce() + Send + 'static,
{
    core_spawn::spawn_detached(Options::default(), f).expect("failed to spawn thread");
}

/// Starts a green thread that runs `f` when `delay` has passed, whatever has become of the caller by then.
///
/// Until then it is a timer and has no stack, so very many may be pending. [`JoinHandle::cancel`] and [`JoinHandle::kill`]
/// call it off: `f` is dropped without having run, soon and not when the time comes, and `join` returns
/// [`Killed`](crate::Killed). Dropping the handle does not call it off. Follows eventlet's `spawn_after`.
///
/// With `GREEN_HUBS=0` the timer is on the OS thread that asked for it, and ends with that. With `GREEN=off` each is an OS
/// thread that sleeps.
///
/// # Panics
///
/// If the green thread cannot be made. Use [`Builder::spawn_after`] to get the error instead.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use green_thread as thread;
///
/// let start = Instant::now();
/// let late = thread::spawn_after(Duration::from_millis(5), Instant::now);
/// assert!(late.join().unwrap() >= start + Duration::from_millis(5));
///
/// let never = thread::spawn_after(Duration::from_secs(3600), || unreachable!());
/// assert!(never.cancel());
/// assert!(never.join().unwrap_err().is::<thread::Killed>());
/// ```
pub fn spawn_after<F, T>(delay: Duration, f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Builder::new().spawn_after(delay, f).expect("failed to spawn thread")
}

/// Starts a green thread that runs `f` on this OS thread when `delay` has passed, unless the calling green thread has ended
/// by then.
///
/// If it has, `f` is dropped instead, and `join` returns [`Killed`](crate::Killed). Nothing has to be `Send`, as for
/// [`spawn_local`]; otherwise it is like [`spawn_after`]. Follows eventlet's `spawn_after_local`.
///
/// # Panics
///
/// If the green thread cannot be made. Use [`Builder::spawn_after_local`] to get the error instead.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use green_thread as thread;
///
/// let reminder = thread::spawn_local(|| {
///     // The one who asks ends before the time comes.
///     thread::spawn_after_local(Duration::from_millis(1), || unreachable!())
/// });
/// let reminder = reminder.join().unwrap();
/// assert!(reminder.join().unwrap_err().is::<thread::Killed>());
/// ```
pub fn spawn_after_local<F, T>(delay: Duration, f: F) -> LocalJoinHandle<T>
where
    F: FnOnce() -> T + 'static,
    T: 'static,
{
    Builder::new().spawn_after_local(delay, f).expect("failed to spawn thread")
}

/// Parks the current green thread until its token is available, and takes the token.
///
/// Corresponds to [`std::thread::park`]. The token is made available by [`Thread::unpark`](crate::Thread::unpark),
/// before or during the park. `park` may also return without it, so wait in a loop for a condition of your own. The
/// parking of other operations (locks, sockets, joins) never takes the token.
///
/// A kill that was requested by [`JoinHandle::kill`] is delivered here.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// use green_thread as thread;
///
/// let ready = Arc::new(AtomicBool::new(false));
/// let waiter = thread::spawn({
///     let ready = Arc::clone(&ready);
///     move || {
///         while !ready.load(Ordering::Acquire) {
///             thread::park();
///         }
///     }
/// });
/// ready.store(true, Ordering::Release);
/// waiter.thread().unpark();
/// assert!(waiter.join().is_ok());
/// ```
pub fn park() {
    identity::park_current(None);
}

/// Parks the current green thread as [`park`] does, but for no longer than about `dur`.
///
/// Corresponds to [`std::thread::park_timeout`]. It does not say whether the token came or the time passed.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use green_thread as thread;
///
/// let deadline = Instant::now() + Duration::from_millis(5);
/// while let Some(rest) = deadline.checked_duration_since(Instant::now()) {
///     thread::park_timeout(rest);
/// }
/// assert!(Instant::now() >= deadline);
/// ```
pub fn park_timeout(dur: Duration) {
    // A deadline that no clock can hold is never reached.
    identity::park_current(clock::after(dur));
}

/// Parks the current green thread for at most about `ms` milliseconds.
///
/// Corresponds to [`std::thread::park_timeout_ms`].
///
/// # Examples
///
/// ```
/// # #![expect(deprecated)]
/// let before = std::time::Instant::now();
/// green_thread::current().unpark();
/// green_thread::park_timeout_ms(60_000);
/// assert!(before.elapsed().as_secs() < 60);
/// ```
#[deprecated(note = "replaced by `park_timeout`")]
pub fn park_timeout_ms(ms: u32) {
    park_timeout(Duration::from_millis(u64::from(ms)));
}

/// Parks the current green thread for at least `dur`.
///
/// Corresponds to [`std::thread::sleep`]. Other green threads run meanwhile, also if `dur` is zero: then it is
/// [`yield_now`]. A kill that comes during the sleep ends it.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use green_thread as thread;
///
/// let before = Instant::now();
/// let sleepers: Vec<_> = (0..1000)
///     .map(|_| thread::spawn(|| thread::sleep(Duration::from_millis(10))))
///     .collect();
/// for sleeper in sleepers {
///     sleeper.join().unwrap();
/// }
/// assert!(before.elapsed() >= Duration::from_millis(10));
/// ```
pub fn sleep(dur: Duration) {
    if dur.is_zero() {
        return yield_now();
    }
    match clock::after(dur) {
        Some(deadline) => core_park::sleep_until(deadline),
        None => sleep_for_ever(),
    }
}

/// Parks the current green thread for at least `ms` milliseconds.
///
/// Corresponds to [`std::thread::sleep_ms`].
///
/// # Examples
///
/// ```
/// # #![expect(deprecated)]
/// let before = std::time::Instant::now();
/// green_thread::sleep_ms(2);
/// assert!(before.elapsed().as_millis() >= 2);
/// ```
#[deprecated(note = "replaced by `sleep`")]
pub fn sleep_ms(ms: u32) {
    sleep(Duration::from_millis(u64::from(ms)));
}

/// Lets the other runnable green threads of this OS thread run before the current one goes on.
///
/// Corresponds to [`std::thread::yield_now`]. Sockets and timers that have become ready get their turn within a
/// bounded number of yields, even if every green thread does nothing but yield. A kill is delivered here.
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// use green_thread as thread;
///
/// let done = Rc::new(Cell::new(false));
/// let flag = Rc::clone(&done);
/// let setter = thread::spawn_local(move || flag.set(true));
/// while !done.get() {
///     thread::yield_now();
/// }
/// assert!(setter.join().is_ok());
/// ```
pub fn yield_now() {
    core_park::yield_now();
}

/// Sleeps past every deadline that an `Instant` can hold; only a kill ends it.
fn sleep_for_ever() {
    loop {
        let outcome = core_park::waiting_for(Facility::Time, || core_park::park(WaitReason::Sleep));
        if outcome == Outcome::Interrupted {
            kill::deliver();
        }
    }
}
