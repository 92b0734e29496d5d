//! The stacks under greenlets and coroutines, and the switches between them.
//!
//! A greenlet's stack and the stack of its green thread are equals: each has a [`Slot`] in which it is kept while another
//! runs. A coroutine's stack hangs under whoever resumes it, like the frame of a call:
//!
//! ```text
//!   green thread's record: where the whole green thread is kept while it is parked
//!     ├── main greenlet        slot ◀──┐
//!     ├── greenlet a           slot ◀──┼── `leap`: save here in its own slot, take the other's
//!     └── greenlet b           slot ◀──┘
//!            └── coroutine     inside, outside: `resume` saves in `outside` and takes `inside`,
//!                              `suspend` the other way round
//! ```
//!
//! So a greenlet that is left while it runs a coroutine keeps the coroutine's stack in its own slot, and the coroutine
//! stays *running* until that greenlet goes on. A park saves whatever stack runs in the record, and a wake-up resumes
//! just that.
//!
//! A stack is given back only when what ran on it has ended; in every other case it is leaked (I8): `Stack` does so when
//! it is dropped.

use std::cell::{Cell, OnceCell};
use std::io;
use std::num::NonZeroU64;
use std::ptr;
use std::rc::{Rc, Weak};

use super::thread::{ThreadGreenlets, peek};
use super::transfer;
use crate::config;
use crate::context::{self, Entry, Slot};
use crate::current;
use crate::hub::Hub;
use crate::inherited::Bindings;
use crate::stack::{Stack, StackSize};

/// What has begun on a stack of its own and has to be unwound before its green thread's locals go.
pub(crate) trait Started {
    /// Tries to unwind it; does nothing where that is not possible now.
    fn end(self: Rc<Self>);

    /// Returns its stack if it is a coroutine.
    fn coroutine(&self) -> Option<&RawCoroutine> {
        None
    }
}

/// What a coroutine's stack runs.
pub(crate) trait Body {
    fn raw(&self) -> &RawCoroutine;

    /// Runs from the first resume to the end. Must not unwind.
    fn run(&self);
}

/// A stack to switch to, and where it is kept while suspended.
pub(super) struct RawGreenlet {
    slot: Slot,
    /// None for a main greenlet, and before the start and after the end.
    stack: Cell<Option<Stack>>,
    /// The lowest address of that stack, and how many bytes it has: a look at these costs less than one at the stack.
    bounds: Cell<(usize, usize)>,
}

impl RawGreenlet {
    pub(super) const fn new() -> Self {
        Self { slot: Slot::empty(), stack: Cell::new(None), bounds: Cell::new((0, 0)) }
    }

    pub(super) fn slot(&self) -> *const Slot {
        &raw const self.slot
    }

    /// Takes a stack on which the first switch to it will run `E`.
    fn prepare<E: Entry>(&self, hub: &Hub, bytes: Option<usize>) -> io::Result<()> {
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => config::get()?.stack_size(),
        };
        let credit = hub.stacks().reserve(StackSize::new(bytes)?)?;
        let stack = hub.stacks().take(credit)?;
        // SAFETY: the stack is kept in `self.stack`, from where only `finish` takes it, at the end of `E::run`; should
        // `self` be dropped before, the stack is leaked (I8).
        unsafe { context::prepare::<E>(&self.slot, &stack) };
        self.bounds.set((stack.bottom().addr(), stack.size().bytes()));
        self.stack.set(Some(stack));
        Ok(())
    }

    /// Takes a stack for a greenlet that is about to be switched to for the first time.
    pub(super) fn prepare_greenlet(&self, hub: &Hub, bytes: Option<usize>) -> io::Result<()> {
        self.prepare::<GreenletStart>(hub, bytes)
    }

    /// Leaves the stack to whoever runs next.
    ///
    /// # Safety
    ///
    /// The caller runs on this stack and does nothing but switch away from it for good.
    pub(super) unsafe fn finish(&self, hub: &Hub) {
        let stack = self.stack.take().expect("what ends on a stack of its own still has it");
        debug_assert!(stack.contains(context::here()), "it ends on its own stack");
        self.bounds.set((0, 0));
        hub.set_finished_stack(stack);
    }

    /// Returns whether the caller runs on this stack.
    #[inline]
    fn is_under_caller(&self) -> bool {
        let (bottom, bytes) = self.bounds.get();
        context::here().wrapping_sub(bottom) < bytes
    }
}

/// Switches from one greenlet's stack to another's; returns when something switches back.
///
/// # Safety
///
/// `from` is the slot of the greenlet that runs, `to` that of another of the same green thread, suspended or prepared;
/// both stay alive until the switch has landed. No borrow of a thread-local and no lock is held (I10).
#[inline(always)]
pub(super) unsafe fn leap(hub: &Hub, from: *const Slot, to: *const Slot) {
    // SAFETY: alive by the caller's promise.
    let from = unsafe { &*from };
    // SAFETY: likewise.
    let to = unsafe { &*to };
    // SAFETY: both belong to the running green thread, hence to this OS thread (I2); `from` is empty because its stack
    // runs; the stack kept in `to` is alive, as it is given back only by an end that empties the slot for good.
    unsafe { hub.switch_stacks(from, to) };
}

/// Leaves a stack whose work has ended and which `finish` was called for.
///
/// # Safety
///
/// `to` is alive and keeps a suspended stack of this green thread; the caller's stack owns nothing that needs a drop.
unsafe fn leave(hub: &Hub, to: *const Slot) -> ! {
    // SAFETY: the caller's promise; `nowhere` is empty, and lives as long as the hub.
    unsafe { leap(hub, hub.nowhere(), to) };
    unreachable!("nobody resumes what has ended")
}

/// The first frame of a greenlet's stack.
struct GreenletStart;

impl Entry for GreenletStart {
    fn run() -> ! {
        let hub = current::hub();
        hub.arrive();
        let heir = transfer::live(hub);
        // SAFETY: `live` returns the slot of the running green thread's new running greenlet, which `ThreadGreenlets`
        // holds, and has dropped all that it owned.
        unsafe { leave(hub, heir) }
    }
}

/// Where a coroutine is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Not resumed yet: no stack.
    Fresh,
    Suspended,
    /// Resumed and not back yet, even if its green thread or its greenlet is suspended meanwhile.
    Running,
    Done,
}

/// The stack of a coroutine, and that of whoever resumed it.
///
/// All methods are safe because each checks the stage that makes it so.
pub(crate) struct RawCoroutine {
    inside: RawGreenlet,
    outside: Slot,
    stage: Cell<Stage>,
    /// How many `no_switch` its green thread was in when it was resumed last.
    no_switch: Cell<u32>,
    /// How many [`Bindings::run`] its body is in.
    runs: Cell<u32>,
    /// In the middle of those: while it runs, the bindings that its resumer had; while it is suspended, its body's.
    aside: Cell<Option<Bindings>>,
    /// Given out when somebody first asks.
    id: OnceCell<NonZeroU64>,
    owner: OnceCell<Weak<ThreadGreenlets>>,
    place: Cell<usize>,
}

impl RawCoroutine {
    pub(crate) const fn new() -> Self {
        Self {
            inside: RawGreenlet::new(),
            outside: Slot::empty(),
            stage: Cell::new(Stage::Fresh),
            no_switch: Cell::new(0),
            runs: Cell::new(0),
            aside: Cell::new(None),
            id: OnceCell::new(),
            owner: OnceCell::new(),
            place: Cell::new(0),
        }
    }

    #[inline]
    pub(crate) fn stage(&self) -> Stage {
        self.stage.get()
    }

    /// Returns a number that no other coroutine or greenlet has.
    pub(crate) fn id(&self) -> NonZeroU64 {
        *self.id.get_or_init(super::next_id)
    }

    /// Returns the number of the coroutine on whose stack the caller runs.
    pub(crate) fn current() -> Option<NonZeroU64> {
        let thread = peek(current::existing()?.current())?;
        thread.find_coroutine(|raw| raw.inside.is_under_caller().then(|| raw.id()))
    }

    /// Begins a [`Bindings::run`] of the body on whose stack the caller runs, if it is one: the first keeps the resumer's
    /// bindings, `before`, in the coroutine. Returns what is to be given to `end_run`.
    pub(crate) fn begin_run(before: Option<Bindings>) -> Option<Bindings> {
        let before = Cell::new(before);
        Self::with_current(|raw| {
            let runs = raw.runs.get();
            raw.runs.set(runs + 1);
            if runs == 0 {
                raw.aside.set(before.take());
            }
        });
        before.into_inner()
    }

    /// Ends a [`Bindings::run`], and returns the bindings that the running greenlet gets back.
    pub(crate) fn end_run(before: Option<Bindings>) -> Option<Bindings> {
        let before = Cell::new(before);
        Self::with_current(|raw| {
            let runs = raw.runs.get() - 1;
            raw.runs.set(runs);
            if runs == 0 {
                before.set(raw.aside.take());
            }
        });
        before.into_inner()
    }

    /// Calls `f`, which must not run foreign code, with the coroutine on whose stack the caller runs.
    fn with_current(f: impl Fn(&RawCoroutine)) {
        if let Some(thread) = current::existing().and_then(|hub| peek(hub.current())) {
            thread.find_coroutine(|raw| raw.inside.is_under_caller().then(|| f(raw)));
        }
    }

    /// Exchanges the running greenlet's bindings and those that are kept aside, where the body is left or entered.
    #[cold]
    fn exchange_bindings(&self) {
        self.aside.set(super::replace_bindings(self.aside.take()));
    }

    /// Returns true if a coroutine of the running green thread with this number is resumed and not back.
    pub(crate) fn is_entered(id: NonZeroU64) -> bool {
        let thread = current::existing().and_then(|hub| peek(hub.current()));
        let stage = thread.and_then(|thread| thread.find_coroutine(|raw| (raw.id() == id).then(|| raw.stage())));
        stage == Some(Stage::Running)
    }

    /// Returns the green thread that it began in: none before that, or once that has ended.
    pub(crate) fn owner(&self) -> Option<Rc<ThreadGreenlets>> {
        self.owner.get().and_then(Weak::upgrade)
    }

    /// Returns true if it began in the running green thread.
    #[inline]
    pub(crate) fn is_ours(&self) -> bool {
        self.owner.get().is_some_and(ThreadGreenlets::is_current)
    }

    /// Runs `body`, whose raw coroutine this must be, until it suspends itself or ends.
    ///
    /// # Errors
    ///
    /// Why there is no stack for it.
    pub(crate) fn start<B: Body + Started + 'static>(&self, body: &Rc<B>, bytes: Option<usize>) -> io::Result<()> {
        assert!(ptr::eq(self, body.raw()) && self.stage() == Stage::Fresh, "a coroutine starts once");
        let hub = current::hub();
        self.inside.prepare::<CoroutineStart>(hub, bytes)?;
        let thread = ThreadGreenlets::current();
        let weak: Weak<B> = Rc::downgrade(body);
        self.place.set(thread.register(weak));
        let _ = self.owner.set(Rc::downgrade(&thread));
        let body: Rc<B> = Rc::clone(body);
        thread.set_starting(body);
        drop(thread);
        self.enter(hub);
        Ok(())
    }

    /// Goes on with it until it suspends itself again or ends.
    ///
    /// # Panics
    ///
    /// Panics if it is not suspended, or belongs to another green thread.
    #[inline(always)]
    pub(crate) fn resume(&self) {
        assert!(self.stage() == Stage::Suspended && self.is_ours(), "a suspended coroutine is resumed where it began");
        self.enter(current::hub());
    }

    #[inline(always)]
    fn enter(&self, hub: &Hub) {
        if std::thread::panicking() {
            self.enter_unwinding(hub);
        } else {
            self.switch_in(hub);
        }
    }

    /// Enters from a destructor in an unwinding. A kill that was delivered in the coroutine would come out there as a
    /// second panic and end the process, so it waits.
    #[cold]
    #[inline(never)]
    fn enter_unwinding(&self, hub: &Hub) {
        let shield = &hub.current().shield;
        shield.set(shield.get() + 1);
        self.switch_in(hub);
        shield.set(shield.get() - 1);
    }

    #[inline(always)]
    fn switch_in(&self, hub: &Hub) {
        self.no_switch.set(hub.current().no_switch.get());
        self.stage.set(Stage::Running);
        // SAFETY: `outside` is empty, as it was taken by the switch that last came out, and `inside` holds the suspended
        // stack, by the stage; both live in `self`, which the caller borrows until the coroutine comes back. Green
        // thread and so OS thread are those that it began on (I2).
        unsafe { leap(hub, &raw const self.outside, self.inside.slot()) };
    }

    /// Goes back to whoever resumed it, until it is resumed again.
    ///
    /// # Panics
    ///
    /// Panics if the caller does not run on the coroutine's own stack, or is in a `no_switch` that it would carry out.
    #[inline(always)]
    pub(crate) fn suspend(&self) {
        assert!(self.inside.is_under_caller(), "a coroutine is suspended from its own stack");
        debug_assert_eq!(self.stage(), Stage::Running);
        let hub = current::hub();
        if hub.current().no_switch.get() != self.no_switch.get() {
            refuse_suspend();
        }
        if self.runs.get() != 0 {
            self.exchange_bindings();
        }
        self.stage.set(Stage::Suspended);
        // SAFETY: the caller runs on `inside`'s stack, so that slot is empty, and whoever resumed it waits in `outside`,
        // borrowing `self` meanwhile; it did so on this green thread.
        unsafe { leap(hub, self.inside.slot(), &raw const self.outside) };
        if self.runs.get() != 0 {
            self.exchange_bindings();
        }
    }
}

#[cold]
#[inline(never)]
fn refuse_suspend() -> ! {
    panic!("cannot suspend a coroutine inside its no_switch")
}

/// The first frame of a coroutine's stack.
struct CoroutineStart;

impl Entry for CoroutineStart {
    fn run() -> ! {
        let hub = current::hub();
        hub.arrive();
        let thread = ThreadGreenlets::current();
        let body = thread.take_starting();
        drop(thread);
        body.run();
        let raw = body.raw();
        raw.stage.set(Stage::Done);
        let thread = ThreadGreenlets::current();
        thread.deregister(raw.place.get());
        drop(thread);
        let outside = &raw const raw.outside;
        // SAFETY: this is the bottom frame of the coroutine's stack, and what follows is the last switch.
        unsafe { raw.inside.finish(hub) };
        drop(body);
        // SAFETY: whoever resumed the coroutine waits in `outside` and borrows the raw coroutine until this lands.
        unsafe { leave(hub, outside) }
    }
}
