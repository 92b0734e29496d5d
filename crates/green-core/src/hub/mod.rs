//! The hub: the scheduler of one OS thread.
//!
//! # How it turns
//!
//! Every OS thread that blocks through `green` has a hub. On a worker the OS thread's own stack is the loop; elsewhere
//! it is the *root* green thread, and the loop gets a stack of its own when the first other green thread appears.
//!
//! A green thread that parks hands off straight to the next runnable one: one context switch, no loop in between. Each
//! hand-off spends a budget; when it is gone, or nobody is runnable, the loop runs:
//!
//! ```text
//!            ┌───────────────────────────── loop ─────────────────────────────┐
//!            │ pass: clock → inbox → due timers → epoll(0) if it is time       │
//!            │ runnable?  ── yes ─→ switch to it ──→ … hand-offs … ─→ back here │
//!            │    no: take unstarted green threads of other workers            │
//!            │    none: announce the sleep, look once more, sleep               │
//!            └─────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A finishing green thread leaves its stack in `finished`; whoever runs next gives it to the pool (`Hub::arrive`),
//! because nobody can free the stack that it stands on. If the next in turn is an unstarted green thread with the same
//! stack size, it runs on the finishing stack without a switch at all.
//!
//! # Waiting in place
//!
//! A root with no green thread beside it, a green thread inside `no_switch`, and the loop itself (should a destructor
//! that it runs block) do not switch: they turn inbox, timers and reactor from where they stand until their own wake-up
//! comes (`sleep.rs`).
//!
//! # What it does for others
//!
//! It makes calls at a later time, [`schedule_call`] and its local form, and waits for any descriptor, [`wait()`]. That is
//! what programs see of it.
//!
//! # What was rejected
//!
//! Running the loop on the parking green thread's stack saves two switches in 64 and costs every green thread the
//! loop's stack depth. A clock reading per hand-off (19 ns) costs more than the hand-off. Moving started green threads between hubs is
//! what I2 forbids.

mod calls;
mod close;
mod delay;
mod handle;
mod leaks;
mod lifecycle;
mod patience;
#[expect(unsafe_code, reason = "what another OS thread was doing at a fork is for the caller to know")]
mod reinit;
pub(crate) mod shared;
mod sleep;
mod start;
mod start_queue;
mod suspend;
#[expect(unsafe_code, reason = "switches between stacks")]
mod switch;
mod turn;
mod wait;
pub(crate) mod workers;

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use close::Moment;

use crate::context::Slot;
use crate::debug::watchdog::Pulse;
use crate::identity::Identity;
use crate::placement::Favourite;
use crate::reactor::Reactor;
use crate::record::{Record, Records, State};
use crate::run_queue::{RunQueue, Runnable};
use crate::spawn::delay::Delayed;
use crate::spawn::identity_ref::Root;
use crate::spawn::unstarted::{Task, Unstarted};
use crate::spawn::{ids, naming};
use crate::stack::{Stack, StackPool, StackSize};
use crate::steal_ring::Owner;
use crate::sys;
use crate::timer::{TimerKey, Timers};
use crate::unpark::{Outcome, Unparker, WaitReason};
use crate::wait_queue::Node;
use crate::{current, greenlet, kill};
use calls::{Calls, Due};
use handle::Posts;
use leaks::Leaks;
use patience::Patience;
use shared::Shared;
use sleep::Oversleep;
use wait::Waits;

pub use handle::HubHandle;
pub use leaks::{OnLeak, on_leak};
pub use reinit::{ReinitError, reinit_after_fork};

/// Whose stack the OS thread's own is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Ours: it is the loop, and the OS thread never ends.
    Worker,
    /// The user's: it is the root green thread.
    Root,
}

pub use calls::{Call, schedule_call, schedule_call_local};
pub use wait::{Interest, Ready, wait};

/// What a timer does when it is due.
#[derive(Debug)]
pub(crate) enum TimerEvent {
    /// Ends a park with `TimedOut`.
    Wake(Unparker),
    /// Makes the alarm of this number pending, if it is still set.
    Alarm(&'static Record, u64),
    /// Starts a green thread.
    Start(Box<Delayed>),
    /// Makes a call.
    Call(Box<Due>),
}

/// How many looks in vain in a row make a loop that waits by looking: more than code takes that does not, and still a
/// matter of microseconds.
const MANY_LOOKS: u32 = 1_000;

// Most green threads that wait have one.
const _: () = assert!(size_of::<TimerEvent>() <= 24);

/// The scheduler of one OS thread; every method is called on that OS thread.
pub(crate) struct Hub {
    shared: &'static Shared,
    kind: Cell<Kind>,
    current: Cell<&'static Record>,
    /// What others may see of what is done here.
    pulse: Pulse,
    /// The loop's own record: it waits in place if something that it calls parks.
    loop_record: &'static Record,
    loop_stack: Cell<Option<Stack>>,
    /// Where a finishing stack's context goes, never to be resumed.
    nowhere: Slot,
    /// The stack of whoever finished last; see [`Hub::arrive`].
    finished: Cell<Option<Stack>>,
    run_queue: RunQueue,
    /// A worker's right to its queue of what is to start.
    own_starts: OnceCell<Owner<Unstarted>>,
    timers: RefCell<Timers<TimerEvent>>,
    calls: Calls,
    leaks: Leaks,
    waits: Waits,
    patience: Patience,
    oversleep: Oversleep,
    reactor: Reactor,
    stacks: StackPool,
    records: Records,
    /// Green threads of this hub, started or queued to start here, roots aside.
    live: Cell<usize>,
    /// Green threads that have a timer of this hub to start them.
    delayed: Cell<usize>,
    /// What others post to be run here; see `handle.rs`.
    posts: Posts,
    /// Unstarted green threads that no stack could be had for, with the reason.
    unstartable: RefCell<Vec<(Arc<dyn Task>, io::Error)>>,
    /// True if the OS thread may have come to use thread-locals since its end was announced to us; see `sys`.
    unannounced: Cell<bool>,
    /// True while the hub is closed so late that nothing suspended may run again; see [`Moment::Late`].
    late: Cell<bool>,
    /// True from the moment when the OS thread's end makes it useless to start anything here.
    closing: Cell<bool>,
    /// True while this worker is the one that searches; see `workers.rs`.
    searcher: Cell<bool>,
    /// The last answer of `stack_size`.
    last_size: Cell<Option<(usize, StackSize)>>,
    /// Where the next spawn of a hub that is no worker goes.
    favourite: Cell<Option<Favourite>>,
    /// The clock at the last pass, in ticks.
    now: Cell<u64>,
    polled: Cell<u64>,
    io_budget: Cell<u32>,
    /// How many looks in vain there were since the last park.
    looks: Cell<u32>,
    /// True from a successful `accept` to the next spawn of that green thread: placement asks for it.
    accepted: Cell<Option<Unparker>>,
    alternate_stack: Cell<Option<sys::AlternateStack>>,
}

/// How often an OS thread has taken a hub into use.
static OPENED: AtomicUsize = AtomicUsize::new(0);

/// Returns how many OS threads have had a hub.
pub(crate) fn opened() -> usize {
    OPENED.load(Ordering::Relaxed)
}

impl Hub {
    pub(crate) fn new() -> Self {
        let shared: &'static Shared = Box::leak(Box::new(Shared::new()));
        let records = Records::new();
        let loop_record = records.take(shared);
        loop_record.no_switch.set(1);
        loop_record.exiting.set(true);
        Self {
            shared,
            kind: Cell::new(Kind::Root),
            current: Cell::new(loop_record),
            pulse: Pulse::new(),
            loop_record,
            loop_stack: Cell::new(None),
            nowhere: Slot::nowhere(),
            finished: Cell::new(None),
            run_queue: RunQueue::new(),
            own_starts: OnceCell::new(),
            timers: RefCell::new(Timers::new()),
            calls: Calls::new(),
            leaks: Leaks::new(),
            waits: Waits::new(),
            patience: Patience::new(),
            oversleep: Oversleep::new(),
            reactor: Reactor::new(),
            stacks: StackPool::new(),
            records,
            live: Cell::new(0),
            delayed: Cell::new(0),
            posts: Posts::default(),
            unstartable: RefCell::new(Vec::new()),
            unannounced: Cell::new(true),
            late: Cell::new(false),
            closing: Cell::new(false),
            searcher: Cell::new(false),
            last_size: Cell::new(None),
            favourite: Cell::new(None),
            now: Cell::new(0),
            polled: Cell::new(0),
            io_budget: Cell::new(crate::run_queue::BUDGET),
            looks: Cell::new(0),
            accepted: Cell::new(None),
            alternate_stack: Cell::new(None),
        }
    }

    /// Takes the hub into use on this OS thread.
    pub(crate) fn open(&self, kind: Kind, task: Option<Arc<dyn Task>>) {
        OPENED.fetch_add(1, Ordering::Relaxed);
        if sys::install_overflow_handler(with_current_name).is_ok()
            && let Ok(stack) = sys::install_alternate_stack()
        {
            // Without them an overflow still ends the process, by an unexplained signal.
            self.alternate_stack.set(Some(stack));
        }
        naming::install();
        sys::calm_float_flags();
        self.kind.set(kind);
        if kind == Kind::Worker {
            self.own_starts.get_or_init(|| self.shared.unstarted().open());
        }
        self.shared.adopt();
        self.loop_record.state.set(State::Running);
        let name = Some("green hub".into());
        self.loop_record.set_task(Arc::new(Root(Identity::new(ids::next(), name))));
        self.pulse.begin(kind == Kind::Worker);
        self.set_current(self.loop_record);
        if kind == Kind::Root {
            let root = self.records.take(self.shared);
            root.is_root.set(true);
            root.state.set(State::Running);
            let task = task.unwrap_or_else(|| {
                let name = std::thread::current().name().map(Into::into);
                Arc::new(Root(Identity::new(ids::next(), name)))
            });
            self.set_current(root);
            self.stand_for(task);
        }
    }

    /// Returns what is to be raised when the OS thread uses another thread-local that will be destroyed.
    pub(crate) fn unannounced(&self) -> &Cell<bool> {
        &self.unannounced
    }

    pub(crate) fn pulse(&self) -> &Pulse {
        &self.pulse
    }

    /// Notes who runs from here on.
    #[inline(always)]
    fn set_current(&self, record: &'static Record) {
        self.current.set(record);
        self.pulse.running.set(record);
    }

    pub(crate) fn shared(&self) -> &'static Shared {
        self.shared
    }

    /// Returns true while the hub is closed so late that what suspended frames borrow may be gone.
    pub(crate) fn is_late(&self) -> bool {
        self.late.get()
    }

    pub(crate) fn is_worker(&self) -> bool {
        self.kind.get() == Kind::Worker
    }

    /// Returns the record of whoever runs now.
    #[inline(always)]
    pub(crate) fn current(&self) -> &'static Record {
        self.current.get()
    }

    pub(crate) fn stacks(&self) -> &StackPool {
        &self.stacks
    }

    pub(crate) fn reactor(&self) -> &Reactor {
        &self.reactor
    }

    #[inline(always)]
    pub(crate) fn owns(&self, record: &Record) -> bool {
        std::ptr::eq(self.shared, record.shared())
    }

    pub(crate) fn with_identity<R>(&self, f: impl FnOnce(&Identity) -> R) -> R {
        self.try_with_identity(f).expect("whoever runs has an identity")
    }

    /// Calls `f` with the identity of whoever runs; there is none in the last moments of a hub.
    pub(crate) fn try_with_identity<R>(&self, f: impl FnOnce(&Identity) -> R) -> Option<R> {
        let record = self.current();
        let task = record.task.take()?;
        let result = f(task.identity());
        record.task.set(Some(task));
        Some(result)
    }

    /// Returns true if the running green thread may give other OS threads a borrow of its stack (I15).
    ///
    /// A root with greenlets or coroutines under way may not: it could be on the stack of one of them, which is leaked
    /// if the OS thread ends while it is suspended, like a local green thread's.
    pub(crate) fn may_lend(&self) -> bool {
        let current = self.current();
        self.is_worker() || (current.is_root.get() && !greenlet::any_started(current))
    }

    pub(crate) fn add_timer(&self, deadline: u64, event: TimerEvent) -> TimerKey {
        self.timers.borrow_mut().insert(deadline, event)
    }

    pub(crate) fn cancel_timer(&self, key: TimerKey) {
        self.timers.borrow_mut().cancel(key);
    }

    /// Notes that the running green thread has accepted a connection; see [`take_accepted`](Self::take_accepted).
    pub(crate) fn note_accept(&self) {
        self.accepted.set(Some(Unparker::of(self.current())));
    }

    /// Returns true once if the running green thread has accepted a connection since its last spawn.
    pub(crate) fn take_accepted(&self) -> bool {
        let current = self.current();
        match self.accepted.take() {
            Some(acceptor) => std::ptr::eq(acceptor.record(), current) && acceptor.live().is_some(),
            None => false,
        }
    }

    /// Spends one successful I/O call of a green thread that did not wait for it, and lets the others run when it has had
    /// so many in a row. Not a kill point, for the call has succeeded.
    #[inline]
    pub(crate) fn spend_io(&self) {
        let left = self.io_budget.get();
        self.io_budget.set(left.checked_sub(1).unwrap_or(crate::run_queue::BUDGET));
        if left == 0 {
            self.yield_current();
        }
    }

    /// Counts a look in vain; see [`asked_in_vain`](crate::park::asked_in_vain).
    pub(crate) fn count_look(&self) {
        let looks = self.looks.get() + 1;
        if looks < MANY_LOOKS {
            self.looks.set(looks);
        } else {
            self.looks.set(0);
            self.yield_current();
        }
    }

    /// Starts both counts of calls without a wait again: the running green thread waits.
    #[inline]
    pub(crate) fn renew_budgets(&self) {
        self.io_budget.set(crate::run_queue::BUDGET);
        self.looks.set(0);
    }

    /// Wakes a green thread of this hub that has slept for long, as those have that wait for the world.
    pub(crate) fn unpark_cold(&self, record: &'static Record, generation: u64) {
        self.unpark_local(record, generation);
        self.run_queue.warm(record);
    }

    /// Wakes a green thread of this hub.
    #[inline]
    pub(crate) fn unpark_local(&self, record: &'static Record, generation: u64) {
        if record.generation() != generation {
            return;
        }
        if record.state.get() == State::Parked {
            self.make_runnable(record, Outcome::Unparked);
        } else {
            record.notified.set(true);
        }
    }

    /// Makes a kill pending, and wakes its green thread if it can be delivered now.
    pub(crate) fn kill_local(&self, target: Unparker) {
        if let Some(record) = target.live() {
            record.interrupts.set_killed();
            self.interrupt(record);
        }
    }

    /// Wakes a parked green thread for which something is deliverable.
    pub(crate) fn interrupt(&self, record: &'static Record) {
        if record.state.get() == State::Parked && kill::is_deliverable(record) {
            self.make_runnable(record, Outcome::Interrupted);
        }
    }

    #[inline]
    fn make_runnable(&self, record: &'static Record, outcome: Outcome) {
        record.outcome.set(outcome);
        record.state.set(State::Runnable);
        self.run_queue.push(Runnable::Resume(record));
    }

    /// Calls `f` with each wait node of every green thread of this hub.
    pub(crate) fn for_each_node(&self, mut f: impl FnMut(&Node)) {
        self.records.for_each_live(|record| record.node.for_each(&mut f));
    }

    /// Returns the clock at the last pass: a coarse time that costs nothing.
    pub(crate) fn seen(&self) -> u64 {
        self.now.get()
    }

    /// Returns true if others run when the current green thread parks.
    #[inline]
    pub(crate) fn is_busy(&self) -> bool {
        !self.run_queue.is_empty()
    }

    /// Panics in the child of a fork: its hub shares the parent's poll.
    #[inline]
    pub(crate) fn check_fork(&self) {
        if self.shared.is_forked() {
            reinit::refuse();
        }
    }
}

/// What is under way on a hub.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Census {
    /// Descriptors that are registered.
    pub registered: usize,
    /// Green threads that wait for one of them.
    pub waiting: usize,
    /// Of them, those in [`wait()`].
    pub in_wait: usize,
    /// Deadlines of parks, alarms and calls.
    pub timers: usize,
    /// Timers that were cancelled and still take up room.
    pub cancelled: usize,
}

/// Refuses, in a call of the hub's, what would have to wait in a way that nothing can end.
///
/// # Panics
///
/// Panics in a call of the hub's.
#[doc(hidden)]
pub fn check_may_wait(reason: WaitReason) {
    current::hub().check_call(reason);
}

/// Counts what is under way on this OS thread's hub: for tests that nothing is left behind.
#[doc(hidden)]
pub fn census() -> Census {
    let hub = current::hub();
    let (registered, waiting) = hub.reactor.census();
    let timers = hub.timers.borrow();
    let in_wait = hub.waits.count();
    Census { registered, waiting, in_wait, timers: timers.len(), cancelled: timers.cancelled() }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("kind", &self.kind.get()).field("live", &self.live.get()).finish_non_exhaustive()
    }
}

/// Names the green thread that runs on this OS thread; for the overflow handler, so it touches nothing but
/// const-initialised memory.
pub(crate) fn with_current_name(f: &mut dyn FnMut(&[u8])) {
    if let Some(hub) = current::existing() {
        // There is none if the fault came in the middle of another such call.
        let named = hub.try_with_identity(|identity| f(identity.name().unwrap_or("<unnamed>").as_bytes()));
        if named.is_none() {
            f(b"<unnamed>");
        }
    }
}
