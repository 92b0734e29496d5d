//! Calls that the hub itself makes at a later time, with no green thread and no stack of their own.
//!
//! [`schedule_call`] costs one entry among the hub's timers. What is due is collected first and run afterwards, in order
//! of deadlines and first in first out on ties; a call that is scheduled by another waits for the hub's next pass, in
//! which the descriptors have their turn too. So a call that schedules itself again and again starves nobody.
//!
//! # Where they run
//!
//! On the hub's loop, as the green thread called `green hub`. A root that is alone on its hub has no loop running: there
//! they run on the root's stack while it waits. They do not run inside `no_switch`, whose promise is that nothing of this
//! hub runs but its own closure, nor inside one another, nor while the loop itself waits for something, whose wait they
//! would get mixed up with: what comes due meanwhile is kept for the next turn.
//!
//! # A call that would wait
//!
//! It cannot: there is nobody to switch to, and a loop that sleeps for one sleeps for all. Its wait ends at once with
//! `Outcome::Interrupted`, so that it leaves its queues in the way that kills have made it learn (I7), and the
//! `kill::deliver` that follows panics with an explanation. Where nothing can be unwound, under a `Shield` or in a
//! destructor that runs in an unwinding, the hub does wait in place, as its loop does for a destructor that blocks.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::{Hub, TimerEvent};
use crate::clock;
use crate::current;
use crate::hub::shared::Shared;
use crate::panic;
use crate::panic_count;
use crate::record::Record;
use crate::timer::TimerKey;
use crate::unpark::{Outcome, Unparker, WaitReason};

/// Makes this OS thread's hub call `f` once `after` has passed.
///
/// `f` runs on the hub's own loop, so it must be quick and must not wait: unparking, `yield_now`, spawning and the
/// operations of locks, queues and events that do not wait (`try_…`, `send` to a queue with room, `notify`) are what it
/// is for. For anything more, let it spawn a green thread. Calls with the same deadline are made in the order in which
/// they were scheduled. It need not be `Send`, because it never leaves this OS thread.
///
/// It is made whatever becomes of the green thread that scheduled it; see [`schedule_call_local`] for the other kind.
/// Calls that are left when an OS thread that is not the library's own ends are dropped with its hub. A root makes them
/// whenever it waits, so a plain OS thread that computes makes none meanwhile.
///
/// Follows eventlet's `hub.schedule_call_global`.
///
/// # Panics
///
/// A panic in `f` is reported by the panic hook and ends this call alone. A wait in it is such a panic.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use green_core::hub::schedule_call;
/// use green_core::identity;
///
/// let me = identity::current();
/// schedule_call(Duration::from_millis(1), move || me.unpark());
/// identity::park_current(None);
/// ```
pub fn schedule_call(after: Duration, f: impl FnOnce() + 'static) -> Call {
    schedule(after, Box::new(f))
}

/// Makes this OS thread's hub call `f` as [`schedule_call`] does, unless the green thread that schedules it has ended by
/// then: in that case `f` is dropped when it is due.
///
/// Follows eventlet's `hub.schedule_call_local`.
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use std::time::{Duration, Instant};
///
/// use green_core::hub::schedule_call_local;
/// use green_core::park::sleep_until;
/// use green_core::spawn::{Options, spawn_local};
///
/// let called = Rc::new(Cell::new(false));
/// let flag = Rc::clone(&called);
/// let spawner = spawn_local(Options::default(), || {
///     schedule_call_local(Duration::from_millis(1), move || flag.set(true));
/// })?;
/// spawner.join().unwrap();
/// sleep_until(Instant::now() + Duration::from_millis(5));
/// assert!(!called.get());
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn schedule_call_local(after: Duration, f: impl FnOnce() + 'static) -> Call {
    let owner = Unparker::current();
    let unless_ended = move || {
        if owner.live().is_some() {
            f();
        }
    };
    schedule(after, Box::new(unless_ended))
}

fn schedule(after: Duration, f: Box<dyn FnOnce()>) -> Call {
    let hub = current::hub();
    hub.check_fork();
    let id = hub.calls.next_id();
    // On a hub that closes it would be dropped in a moment, and might never come to an end if that scheduled another.
    let key = (!hub.closing.get()).then(|| {
        // What is out of the clock's reach is never due.
        let deadline = clock::after(after).map_or(u64::MAX, clock::ticks);
        hub.add_timer(deadline, TimerEvent::Call(Box::new(Due { id, f })))
    });
    Call { shared: hub.shared(), key, id, _local: PhantomData }
}

/// A call that was scheduled. Dropping it leaves the call as it is.
pub struct Call {
    shared: &'static Shared,
    key: Option<TimerKey>,
    id: u64,
    /// Only the OS thread that scheduled it can cancel it.
    _local: PhantomData<*const ()>,
}

impl Call {
    /// Cancels the call and drops its closure; returns false if it was made or cancelled before, or is being made now.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let call = green_core::hub::schedule_call(Duration::from_secs(3600), || unreachable!());
    /// assert!(call.cancel());
    /// assert!(!call.cancel());
    /// ```
    pub fn cancel(&self) -> bool {
        // The hub of this OS thread may be gone, or be another by now, if this runs in a late destructor.
        let Some(hub) = current::existing().filter(|hub| std::ptr::eq(hub.shared(), self.shared)) else { return false };
        // Its destructor may do anything, so no borrow is held when it is dropped.
        let cancelled = self.key.and_then(|key| hub.take_call(key, self.id));
        cancelled.is_some()
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is to be called.
pub(crate) struct Due {
    /// Tells it from all others of this hub.
    id: u64,
    f: Box<dyn FnOnce()>,
}

impl fmt::Debug for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Due").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The calls of a hub that are due, and the one that is being made.
#[derive(Debug)]
pub(super) struct Calls {
    due: RefCell<VecDeque<Due>>,
    /// True if there may be some: what each pass of the hub looks at.
    some: Cell<bool>,
    last_id: Cell<u64>,
    running: Cell<bool>,
    /// True while the loop waits in place, for a destructor.
    loop_waits: Cell<bool>,
    /// What the one that is being made tried to wait for.
    refused: Cell<Option<WaitReason>>,
}

impl Calls {
    pub(super) const fn new() -> Self {
        Self {
            due: RefCell::new(VecDeque::new()),
            some: Cell::new(false),
            last_id: Cell::new(0),
            running: Cell::new(false),
            loop_waits: Cell::new(false),
            refused: Cell::new(None),
        }
    }

    fn next_id(&self) -> u64 {
        self.last_id.set(self.last_id.get() + 1);
        self.last_id.get()
    }

    /// Adds one whose timer has just fired.
    pub(super) fn push(&self, due: Due) {
        self.due.borrow_mut().push_back(due);
        self.some.set(true);
    }

    /// Returns true if some may be due.
    pub(super) fn are_due(&self) -> bool {
        self.some.get()
    }

    /// Returns true while one is being made.
    pub(super) fn is_running(&self) -> bool {
        self.running.get()
    }

    /// Says whether the loop waits in place.
    pub(super) fn set_loop_waits(&self, waits: bool) {
        self.loop_waits.set(waits);
    }

    /// Takes all that are due: for a hub that closes.
    pub(super) fn take_all(&self) -> VecDeque<Due> {
        self.due.take()
    }
}

impl Hub {
    fn take_call(&self, key: TimerKey, id: u64) -> Option<Due> {
        let mut timers = self.timers.borrow_mut();
        // A key can outlive the timers that it is of, an id cannot.
        if matches!(timers.get(key), Some(TimerEvent::Call(due)) if due.id == id) {
            let Some(TimerEvent::Call(due)) = timers.cancel(key) else { return None };
            return Some(*due);
        }
        let mut due = self.calls.due.borrow_mut();
        let place = due.iter().position(|due| due.id == id)?;
        due.remove(place)
    }

    /// Makes the calls that are due, if this is a place where they may run.
    #[cold]
    #[inline(never)]
    pub(super) fn make_calls(&self) {
        let waiting = self.current();
        // The loop is in a `no_switch` of its own, which only says that it waits in place.
        let allowed = std::ptr::eq(waiting, self.loop_record) || waiting.no_switch.get() == 0;
        if !allowed || self.calls.is_running() || self.calls.loop_waits.get() {
            return;
        }
        // A root that waits in place may be unwinding, which is none of the calls' business (I13).
        let tokens = panic_count::suspend();
        self.set_current(self.loop_record);
        self.calls.running.set(true);
        // Only those that are due now: one that schedules another would keep the hub from its other duties.
        let due_now = self.calls.due.borrow().len();
        for _ in 0..due_now {
            let Some(due) = ({ self.calls.due.borrow_mut().pop_front() }) else { break };
            self.calls.refused.set(None);
            if let Err(payload) = catch_unwind(AssertUnwindSafe(due.f)) {
                // The panic hook has reported it.
                panic::drop_payload(payload);
            }
        }
        self.calls.some.set(!self.calls.due.borrow().is_empty());
        self.calls.refused.set(None);
        self.calls.running.set(false);
        self.set_current(waiting);
        panic_count::restore(tokens);
    }

    /// Returns what a wait comes to in a call of the hub's, and none if it is to be waited in place.
    pub(super) fn refuse_wait(
        &self,
        record: &Record,
        deadline: Option<Instant>,
        reason: WaitReason,
    ) -> Option<Outcome> {
        if !self.calls.is_running() {
            return None;
        }
        if deadline.is_some_and(|deadline| deadline <= clock::now()) {
            return Some(Outcome::TimedOut);
        }
        if record.shield.get() > 0 || std::thread::panicking() {
            return None;
        }
        self.calls.refused.set(Some(reason));
        Some(Outcome::Interrupted)
    }

    /// Panics if a call of the hub's has just tried to wait.
    #[cold]
    pub(crate) fn report_refusal(&self) {
        if !std::thread::panicking()
            && let Some(reason) = self.calls.refused.take()
        {
            explain_refusal(reason);
        }
    }

    /// Panics in a call of the hub's that is about to do what takes a wait that nothing could end.
    pub(crate) fn check_call(&self, reason: WaitReason) {
        if self.calls.is_running() && self.current().shield.get() == 0 && !std::thread::panicking() {
            explain_refusal(reason);
        }
    }
}

#[cold]
fn explain_refusal(reason: WaitReason) -> ! {
    panic!(
        "a call made by the hub must not wait, and this one tried to ({reason:?}): let it spawn a green thread that \
         waits, or use an operation that does not (try_…, send, notify, unpark)"
    );
}
