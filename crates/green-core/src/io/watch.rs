//! Watches: a closure that is called whenever a descriptor is in one of some conditions.
//!
//! Follows `g_io_add_watch` and QEMU's `qio_channel_add_watch`. A watch belongs to the hub of the OS thread that made it, and
//! its closure runs there, in the watch's own green thread, so it need not be `Send` and may park: that holds up no
//! other watch.
//!
//! # What is told
//!
//! The closure gets what `poll(2)` says at that moment: those of the conditions that were asked for, and `ERR`, `HUP` and
//! `NVAL` whether they were or not. It is called again for as long as a condition lasts (*level-triggered*), and
//! everybody else on the hub has a turn between two calls.
//!
//! The reactor is edge-triggered and knows fewer conditions. So each wake-up only means that a look is worth while, and
//! the look is a `poll(2)` that does not wait. No edge is lost: the wait begins after a look that found nothing, with no switch
//! in between (see the reactor).
//!
//! # How it ends
//!
//! By [`Next::Remove`], by dropping the [`Watch`], by a panic of the closure (which is reported), after `NVAL`, or with the
//! OS thread. Then the closure is dropped first, with what it captured; the descriptor leaves the reactor; and
//! the object that was watched is dropped last. All on the hub's OS thread: at once, or when the closure returns if it is running. Only a
//! closure that is parked in the middle when its OS thread ends is leaked, like any green thread (I15).
//!
//! Rejected: one green thread per hub that calls all closures, because one that parks would hold up the others.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::mem;
use std::ops::{BitAnd, BitOr, BitOrAssign};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::source::Source;
use super::wishes::Wishes;
use crate::current;
use crate::kill;
use crate::panic;
use crate::park::yield_now;
use crate::spawn::{Options, spawn_local};
use crate::sys::{self, Direction, conditions};
use crate::unpark::{Outcome, WaitReason};

/// Conditions of a descriptor: those of `poll(2)`, with its values.
///
/// # Examples
///
/// ```
/// use green_core::io::watch::Condition;
///
/// let asked = Condition::IN | Condition::PRI;
/// assert!(asked.contains(Condition::IN) && !asked.contains(Condition::OUT));
/// assert_eq!(format!("{asked:?}"), "IN | PRI");
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Condition(i16);

impl Condition {
    /// There is something to read, or to accept, or the end of a stream.
    pub const IN: Self = Self(conditions::IN);
    /// There is urgent data.
    pub const PRI: Self = Self(conditions::PRI);
    /// There is room to write, or a connection was made.
    pub const OUT: Self = Self(conditions::OUT);
    /// There is an error; told without being asked for.
    pub const ERR: Self = Self(conditions::ERR);
    /// The other end has hung up; told without being asked for.
    pub const HUP: Self = Self(conditions::HUP);
    /// The descriptor is not open; told without being asked for.
    pub const NVAL: Self = Self(conditions::NVAL);

    const NAMES: [(Self, &'static str); 6] = [
        (Self::IN, "IN"),
        (Self::PRI, "PRI"),
        (Self::OUT, "OUT"),
        (Self::ERR, "ERR"),
        (Self::HUP, "HUP"),
        (Self::NVAL, "NVAL"),
    ];

    /// Returns no condition at all.
    pub const fn empty() -> Self {
        Self(0)
    }

    /// Returns true if there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns true if all of `other` are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns true if some of `other` are among these.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Condition {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Condition {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl BitAnd for Condition {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let names = Self::NAMES.iter().filter(|(condition, _)| self.contains(*condition)).map(|(_, name)| *name);
        f.write_str(&names.collect::<Vec<_>>().join(" | "))
    }
}

/// What becomes of a watch after its closure was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It stays.
    Keep,
    /// It ends.
    Remove,
}

/// A watch; it ends when this is dropped. It stays on its OS thread.
#[must_use = "a watch ends when it is dropped; `detach` leaves it to its closure"]
pub struct Watch {
    watched: Option<Rc<dyn Watched>>,
}

/// Calls `callback` whenever `io` is in one of the conditions of `asked`, or has failed, until it says
/// [`Next::Remove`].
///
/// `io` is kept until the watch ends. It can be whatever has a descriptor: an `Rc` or `Arc` of a socket, or the number itself,
/// whose owner must then remove the watch before closing it.
///
/// # Errors
///
/// `Unsupported` for what is always ready: a plain file, a folder, some devices. The OS error if the descriptor cannot be registered, or
/// there is no memory for the stack of one more green thread. A descriptor that is not open is no error: the closure is
/// told [`Condition::NVAL`], once, and the watch ends.
///
/// # Examples
///
/// ```
/// use std::cell::RefCell;
/// use std::io::{Read, Write};
/// use std::rc::Rc;
/// use green_core::io::watch::{Condition, Next, watch};
///
/// let (mut reader, mut writer) = std::io::pipe()?;
/// let heard = Rc::new(RefCell::new(Vec::new()));
/// let log = Rc::clone(&heard);
/// let watch = watch(reader.try_clone()?, Condition::IN, move |_, fired| {
///     log.borrow_mut().push(fired);
///     let _ = reader.read(&mut [0; 16]);
///     if fired.contains(Condition::HUP) { Next::Remove } else { Next::Keep }
/// })?;
/// writer.write_all(b"hello")?;
/// while heard.borrow().is_empty() {
///     green_core::park::yield_now();
/// }
/// drop(writer);
/// while watch.is_active() {
///     green_core::park::yield_now();
/// }
/// assert_eq!(*heard.borrow(), [Condition::IN, Condition::HUP]);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn watch<T, F>(io: T, asked: Condition, callback: F) -> io::Result<Watch>
where
    T: AsRawFd + 'static,
    F: FnMut(&T, Condition) -> Next + 'static,
{
    let hub = current::hub();
    hub.check_fork();
    let source = Source::new(io.as_raw_fd(), Wishes::shared());
    if look(&source, asked)? != Condition::NVAL {
        source.token(hub).map_err(explain)?;
    }
    let state =
        Rc::new(State { asked, body: RefCell::new(Some(Body { callback, source, io })), removed: Cell::new(false) });
    let number = Registered::add(Rc::clone(&state) as Rc<dyn Watched>);
    let ended = Ended { state: Rc::clone(&state), _registered: number };
    spawn_local(Options::default(), move || ended.state.run())?;
    Ok(Watch { watched: Some(state) })
}

/// Returns which of the conditions hold now.
fn look(source: &Source, asked: Condition) -> io::Result<Condition> {
    sys::poll_now(source.fd, asked.0).map(Condition)
}

fn explain(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return io::Error::new(
            io::ErrorKind::Unsupported,
            "what is always ready (a plain file, a folder, some devices) cannot be watched",
        );
    }
    error
}

impl Watch {
    /// Returns true until the watch has ended.
    pub fn is_active(&self) -> bool {
        self.watched.as_ref().is_some_and(|watched| watched.is_active())
    }

    /// Lets the watch stay until its closure removes it.
    pub fn detach(mut self) {
        self.watched = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(watched) = self.watched.take() {
            watched.remove();
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("is_active", &self.is_active()).finish()
    }
}

/// What is watched, and by whom. Dropped in this order.
struct Body<T, F> {
    callback: F,
    source: Source,
    io: T,
}

struct State<T, F> {
    asked: Condition,
    /// Absent while the closure runs, and when the watch has ended.
    body: RefCell<Option<Body<T, F>>>,
    removed: Cell<bool>,
}

/// A watch, whatever its types.
trait Watched {
    /// Ends the watch; what is running is dropped when it returns.
    fn remove(&self);
    fn is_active(&self) -> bool;
}

impl<T, F> Watched for State<T, F> {
    fn remove(&self) {
        self.removed.set(true);
        // Nothing is borrowed any more when the destructors run.
        drop(self.body.take());
    }

    fn is_active(&self) -> bool {
        !self.removed.get()
    }
}

impl<T, F> State<T, F>
where
    F: FnMut(&T, Condition) -> Next,
{
    /// Looks, waits and calls until the watch ends.
    fn run(&self) {
        while !self.removed.get() {
            match self.look_or_wait() {
                None => return,
                Some(fired) if fired.is_empty() => {}
                Some(fired) => {
                    self.call(fired);
                    yield_now();
                }
            }
        }
    }

    /// Returns what holds now. If that is nothing, it waits for news first. A kill point.
    fn look_or_wait(&self) -> Option<Condition> {
        let hub = current::hub();
        let token = {
            let body = self.body.borrow();
            let source = &body.as_ref()?.source;
            match look(source, self.asked) {
                Ok(fired) if fired.is_empty() => source.token(hub),
                result => return Some(result.unwrap_or(Condition::NVAL)),
            }
        };
        // A descriptor whose number its owner closed under the watch, and that cannot be registered anew.
        let Ok(token) = token else { return Some(Condition::NVAL) };
        let (reactor, reason) = (hub.reactor(), WaitReason::Watch);
        let outcome = match (self.asked.intersects(Condition::IN | Condition::PRI), self.asked.contains(Condition::OUT))
        {
            (true, true) => reactor.wait_ready(hub, token, [Direction::Read, Direction::Write], None, reason),
            (false, true) => reactor.wait_ready(hub, token, [Direction::Write], None, reason),
            // Ends and errors are told to those who wait to read.
            _ => reactor.wait_ready(hub, token, [Direction::Read], None, reason),
        };
        if outcome == Outcome::Interrupted {
            kill::deliver();
        }
        Some(Condition::empty())
    }

    /// Calls the closure.
    fn call(&self, fired: Condition) {
        let Some(mut body) = self.body.take() else { return };
        let next = catch_unwind(AssertUnwindSafe(|| (body.callback)(&body.io, fired)));
        let stays = match next {
            Ok(next) => next == Next::Keep && !fired.contains(Condition::NVAL),
            Err(payload) => {
                // The panic hook has reported it.
                panic::drop_payload(payload);
                false
            }
        };
        if stays && !self.removed.get() {
            self.body.replace(Some(body));
        } else {
            self.removed.set(true);
            drop(body);
        }
    }
}

/// Ends the watch with its green thread, in whatever way that ends, and even if it never started.
struct Ended<T, F> {
    state: Rc<State<T, F>>,
    _registered: Registered,
}

impl<T, F> Drop for Ended<T, F> {
    fn drop(&mut self) {
        self.state.remove();
    }
}

thread_local! {
    /// The watches of this OS thread's hub. When it ends, their green threads are leaked, but what they watch is not.
    static WATCHES: Watches = Watches::default();
}

#[derive(Default)]
struct Watches {
    next: Cell<u64>,
    all: RefCell<HashMap<u64, Rc<dyn Watched>>>,
}

impl Drop for Watches {
    fn drop(&mut self) {
        for watched in self.all.take().into_values() {
            watched.remove();
        }
    }
}

/// Forgets the watches of this OS thread, which are a parent's: nothing of them is dropped.
pub(crate) fn forget_all() {
    // In the last moments of an OS thread there is no list.
    let _ = WATCHES.try_with(|watches| mem::forget(watches.all.take()));
}

/// A place in the list of this OS thread's watches.
struct Registered(u64);

impl Registered {
    fn add(watched: Rc<dyn Watched>) -> Self {
        // In the last moments of an OS thread there is no list, nor anything that could start the watch.
        let number = WATCHES.try_with(|watches| {
            let number = watches.next.get();
            watches.next.set(number + 1);
            watches.all.borrow_mut().insert(number, watched);
            number
        });
        Self(number.unwrap_or(u64::MAX))
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let removed = WATCHES.try_with(|watches| watches.all.borrow_mut().remove(&self.0));
        drop(removed);
    }
}
