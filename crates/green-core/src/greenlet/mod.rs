//! Greenlets: stacks that switch to one another by name, each taking along a value.
//!
//! A [`Greenlet`] is a closure with a stack of its own. [`Greenlet::switch`] runs it until it switches elsewhere, and
//! that may be to any greenlet, not just back. Whatever somebody later sends to us is what our `switch` returns.
//!
//! ```
//! use green_core::greenlet::{self, Greenlet, Value};
//!
//! let main = greenlet::current();
//! let doubler = Greenlet::new(move |mut value: Value| -> Value {
//!     for _ in 0..2 {
//!         let number: i32 = value.take().unwrap();
//!         value = main.switch(number * 2);
//!     }
//!     value
//! });
//! assert_eq!(doubler.switch(1).take::<i32>().unwrap(), 2);
//! assert_eq!(doubler.switch(5).take::<i32>().unwrap(), 10);
//! // It ends, and its parent, which is us, gets what it returns.
//! assert_eq!(doubler.switch("bye").take::<&str>().unwrap(), "bye");
//! assert!(doubler.is_dead());
//! ```
//!
//! # The rules
//!
//! - **Parents.** Each greenlet has a parent: the greenlet that ran when it was made, until
//!   [`set_parent`](Greenlet::set_parent) changes that. When it ends, its parent's `switch` returns its result. If it
//!   panics, the panic goes on there. If it unwinds with [`Exit`], the parent gets [`Value::Exit`].
//! - **The dead.** What is sent to a dead greenlet goes to its nearest living ancestor, often ourselves; then `switch`
//!   just returns it. If that ancestor has not started, it starts with the value.
//! - **Throwing.** [`throw`](Greenlet::throw) makes a greenlet's `switch` unwind with a payload. One that has not
//!   started dies without running and the payload goes on to its parent; `Exit` does so as a value.
//! - **Dropping.** When the last handle of a suspended greenlet is dropped, it is unwound with `Exit` at that moment, on
//!   its own stack, and its end comes back to who dropped it; its parent plays no part in that. It can catch this and
//!   live on if it has passed on a handle to itself. A panic that comes back instead is reported to the panic hook and
//!   goes no further. If it neither ends nor has a handle, it is leaked after a few attempts.
//! - **Green threads.** A greenlet belongs to the green thread in which it starts, together with its locals, identity,
//!   deadlines and kills, as if it were a function that is called there. Parking in a greenlet parks its green thread.
//!   Other green threads cannot switch to it; if one of them drops the last handle, it is unwound when its own green
//!   thread next uses greenlets, or ends. When a green thread ends, its suspended greenlets are unwound first.
//!   A kill unwinds the greenlet that runs, and then its parents, as any panic does.
//! - **Destructors.** A greenlet that switched away in a destructor during an unwinding cannot be unwound a second
//!   time: it gets `Exit`, and the kills of its green thread, which stay pending, as [`Value::Exit`]. Other payloads end
//!   the process, as a panic in a destructor does.
//! - **Other OS threads** can have a [`Remote`], by which they ask for a greenlet's end.
//!
//! Follows Python's greenlet; the book's page "From greenlet" goes through its names.
//!
//! Under `panic = "abort"` nothing is unwound: a suspended greenlet that is dropped is leaked, and so are the locals of
//! a green thread that ends with one.
//!
//! # Inside
//!
//! A greenlet's stack is taken when it starts, from the hub's pool, and given back when it has ended. Making a greenlet
//! is cheap, and the first switch can fail for lack of a stack: [`switch`](Greenlet::switch) panics then, and
//! [`try_switch`](Greenlet::try_switch) returns the error.
//!
//! No handle lives on a greenlet's own stack while it is suspended, so that the count of handles tells when nobody can
//! switch to it any more; the running greenlet is held by its green thread's `ThreadGreenlets`.

mod builder;
mod end;
mod error;
mod raw;
mod remote;
mod thread;
mod trace;
mod transfer;
mod value;

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, OnceCell};
use std::fmt;
use std::num::NonZeroU64;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering};

pub use builder::Builder;
pub use error::{ParentError, SwitchError};
pub use remote::Remote;
pub use trace::{TraceEvent, Tracer, set_trace, trace};
pub use value::{Exit, Value};

pub(crate) use end::{PATIENCE, can_unwind, complain, discard, on_thread_exit, report};
pub(crate) use raw::{Body, RawCoroutine, Stage as CoroutineStage, Started};
pub(crate) use thread::{ThreadGreenlets, any_started, has_any};

use crate::context::Slot;
use crate::current;
use crate::hub::Hub;
use crate::inherited::Bindings;
use raw::RawGreenlet;
use transfer::{Delivery, transfer};

/// Where a greenlet is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing was switched to it yet.
    Unstarted,
    /// It can be switched to.
    Suspended,
    /// It is the one of its green thread that runs.
    Running,
    /// It has returned, has been unwound, or was ended before it ran.
    Dead,
}

/// A handle to a greenlet. Clones are handles to the same; see the [module](self) for what greenlets do.
///
/// It stays on its OS thread:
///
/// ```compile_fail
/// let greenlet = green_core::greenlet::Greenlet::new(|_| ());
/// std::thread::spawn(move || drop(greenlet));
/// ```
pub struct Greenlet(Rc<Inner>);

/// Where a greenlet is, as far as it knows itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unstarted,
    Begun,
    Dead,
}

type Closure = Box<dyn FnOnce(Value) -> Value>;

struct Inner {
    stage: Cell<Stage>,
    closure: Cell<Option<Closure>>,
    parent: Cell<Option<Greenlet>>,
    /// The green thread that it began in.
    owner: OnceCell<Weak<ThreadGreenlets>>,
    raw: RawGreenlet,
    /// Where the owner has it registered.
    place: Cell<usize>,
    is_main: bool,
    stack_size: Option<usize>,
    id: NonZeroU64,
    name: Option<Box<str>>,
    bindings: Cell<Option<Bindings>>,
}

/// Returns the running greenlet.
pub fn current() -> Greenlet {
    ThreadGreenlets::current().running()
}

/// Returns the main greenlet of the running green thread: the stack that the green thread itself began on.
pub fn main() -> Greenlet {
    ThreadGreenlets::current().main().clone()
}

/// Returns the running greenlet's bindings if it has any.
pub(crate) fn bindings() -> Option<Bindings> {
    let greenlet = thread::peek(current::hub().current())?.running();
    let bindings = greenlet.0.bindings.take();
    let copy = bindings.clone();
    greenlet.0.bindings.set(bindings);
    copy
}

/// Gives the running greenlet other bindings, and returns the ones before.
pub(crate) fn replace_bindings(bindings: Option<Bindings>) -> Option<Bindings> {
    ThreadGreenlets::current().running().0.bindings.replace(bindings)
}

impl Greenlet {
    /// Makes a greenlet that will run `f` when it is first switched to, with the value that is sent.
    pub fn new<F, R>(f: F) -> Self
    where
        F: FnOnce(Value) -> R + 'static,
        R: 'static,
    {
        Builder::new().build(f)
    }

    /// Returns a builder, to say more than `f`.
    pub fn builder() -> Builder {
        Builder::new()
    }

    fn unstarted(
        closure: Closure,
        parent: Greenlet,
        name: Option<String>,
        stack_size: Option<usize>,
        bindings: Option<Bindings>,
    ) -> Self {
        Self(Rc::new(Inner {
            stage: Cell::new(Stage::Unstarted),
            closure: Cell::new(Some(closure)),
            parent: Cell::new(Some(parent)),
            owner: OnceCell::new(),
            raw: RawGreenlet::new(),
            place: Cell::new(0),
            is_main: false,
            stack_size,
            id: next_id(),
            name: name.map(Into::into),
            bindings: Cell::new(bindings),
        }))
    }

    /// Returns the main greenlet of `owner`, which is being made.
    fn main_of(owner: &Weak<ThreadGreenlets>) -> Self {
        Self(Rc::new(Inner {
            stage: Cell::new(Stage::Begun),
            closure: Cell::new(None),
            parent: Cell::new(None),
            owner: OnceCell::from(Weak::clone(owner)),
            raw: RawGreenlet::new(),
            place: Cell::new(0),
            is_main: true,
            stack_size: None,
            id: next_id(),
            name: None,
            bindings: Cell::new(None),
        }))
    }

    /// Switches to this greenlet, sending `value`, and returns what is sent to the caller's greenlet next.
    ///
    /// If this one is dead, or is the running one, `value` goes to the nearest living ancestor; see the
    /// [rules](self#the-rules).
    ///
    /// # Panics
    ///
    /// Panics where [`try_switch`](Self::try_switch) returns an error. Unwinds if somebody throws at the caller's
    /// greenlet, or if a greenlet whose parent it is panics.
    #[inline]
    #[track_caller]
    pub fn switch<T: 'static>(&self, value: T) -> Value {
        match transfer(self, Delivery::Value(Value::new(value))) {
            Ok(delivery) => delivery.open(),
            Err(error) => refuse(&error),
        }
    }

    /// Switches as [`switch`](Self::switch) does, but returns an error if that cannot be done. The value is lost then.
    ///
    /// # Errors
    ///
    /// The greenlet belongs to another green thread, or starts and there is no stack for it, or the caller is inside
    /// `no_switch`.
    #[inline]
    pub fn try_switch<T: 'static>(&self, value: T) -> Result<Value, SwitchError> {
        match transfer(self, Delivery::Value(Value::new(value))) {
            Ok(delivery) => Ok(delivery.open()),
            Err(error) => Err(error),
        }
    }

    /// Switches to this greenlet and unwinds it there with `payload`; returns what is sent to the caller's greenlet next.
    ///
    /// The panic hook is not called. To have a message shown, panic in the greenlet.
    ///
    /// # Panics
    ///
    /// As for [`switch`](Self::switch). If this greenlet is the running one, the caller unwinds.
    #[track_caller]
    pub fn throw(&self, payload: Box<dyn Any + Send>) -> Value {
        match self.try_throw(payload) {
            Ok(value) => value,
            Err(error) => refuse(&error),
        }
    }

    /// Throws as [`throw`](Self::throw) does, but returns an error if that cannot be done. The payload is lost then.
    ///
    /// # Errors
    ///
    /// As for [`try_switch`](Self::try_switch).
    pub fn try_throw(&self, payload: Box<dyn Any + Send>) -> Result<Value, SwitchError> {
        transfer(self, Delivery::Panic(payload)).map(Delivery::open)
    }

    /// Throws [`Exit`], which ends the greenlet unless it catches it. Its parent, often the caller, gets
    /// [`Value::Exit`]; so does the caller at once if it is dead already.
    ///
    /// # Panics
    ///
    /// As for [`throw`](Self::throw).
    pub fn kill(&self) -> Value {
        self.throw(Box::new(Exit))
    }

    /// Returns where the greenlet is in its life.
    pub fn state(&self) -> State {
        match self.stage() {
            Stage::Unstarted => State::Unstarted,
            Stage::Dead => State::Dead,
            Stage::Begun if self.owner().is_some_and(|owner| owner.is_running(self)) => State::Running,
            Stage::Begun => State::Suspended,
        }
    }

    /// Returns true once the greenlet has ended.
    pub fn is_dead(&self) -> bool {
        self.stage() == Stage::Dead
    }

    /// Returns true for the main greenlet of a green thread.
    pub fn is_main(&self) -> bool {
        self.0.is_main
    }

    /// Returns who gets this greenlet's result: none for a main greenlet.
    pub fn parent(&self) -> Option<Greenlet> {
        let parent = self.0.parent.take();
        let copy = parent.clone();
        self.0.parent.set(parent);
        copy
    }

    /// Sets who gets this greenlet's result.
    ///
    /// # Errors
    ///
    /// A main greenlet has no parent, nobody can be their own ancestor, and the parent of a started greenlet must be of
    /// the same green thread.
    pub fn set_parent(&self, parent: &Greenlet) -> Result<(), ParentError> {
        if self.is_main() {
            return Err(ParentError::IsMain);
        }
        let mut ancestor = Some(parent.clone());
        let mut home = None;
        while let Some(next) = ancestor {
            if next == *self {
                return Err(ParentError::Cycle);
            }
            home = home.or_else(|| next.0.owner.get().cloned());
            ancestor = next.parent();
        }
        if let Some(owner) = self.0.owner.get()
            && !home.is_some_and(|home| home.ptr_eq(owner))
        {
            return Err(ParentError::OtherThread);
        }
        drop(self.replace_parent(Some(parent.clone())));
        Ok(())
    }

    /// Returns a number that no other greenlet of this process has.
    pub fn id(&self) -> NonZeroU64 {
        self.0.id
    }

    /// Returns the name that its builder gave it.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// Returns the frames of a suspended greenlet: where it waits in its `switch`. None for one that runs, has not begun,
    /// has ended, or belongs to another green thread, and inside `no_switch`.
    ///
    /// In the middle of a coroutine, only the frames of that are seen.
    pub fn backtrace(&self) -> Option<Backtrace> {
        transfer::inspect(self)
    }

    /// Returns a handle by which other OS threads can ask for the end of this greenlet; none for a main greenlet, which
    /// ends with its green thread.
    ///
    /// It asks the green thread in which this greenlet began, or, before that, the one that calls this.
    pub fn remote(&self) -> Option<Remote> {
        if self.is_main() {
            return None;
        }
        let home = self.owner().unwrap_or_else(ThreadGreenlets::current);
        Some(home.remote(self))
    }

    #[inline]
    fn stage(&self) -> Stage {
        self.0.stage.get()
    }

    fn raw(&self) -> &RawGreenlet {
        &self.0.raw
    }

    #[inline]
    fn slot(&self) -> *const Slot {
        self.0.raw.slot()
    }

    fn owner(&self) -> Option<Rc<ThreadGreenlets>> {
        self.0.owner.get().and_then(Weak::upgrade)
    }

    /// Returns true unless it began in another green thread.
    #[inline]
    fn belongs_to(&self, thread: &Rc<ThreadGreenlets>) -> bool {
        self.0.owner.get().is_none_or(|owner| owner.as_ptr() == Rc::as_ptr(thread))
    }

    /// Returns true if its first ancestor that has begun did so in `thread`.
    fn descends_from(&self, thread: &Rc<ThreadGreenlets>) -> bool {
        let mut ancestor = self.parent();
        while let Some(next) = ancestor {
            if next.0.owner.get().is_some() {
                return next.belongs_to(thread);
            }
            ancestor = next.parent();
        }
        false
    }

    fn replace_parent(&self, parent: Option<Greenlet>) -> Option<Greenlet> {
        self.0.parent.replace(parent)
    }

    fn as_started(&self) -> Rc<dyn Started> {
        let inner: Rc<Inner> = Rc::clone(&self.0);
        inner
    }

    /// Returns true if there are other handles.
    fn is_shared(&self) -> bool {
        Rc::strong_count(&self.0) > 1
    }

    /// Gets a stack and makes it a greenlet of `thread` that can be switched to.
    fn begin(&self, hub: &Hub, thread: &Rc<ThreadGreenlets>) -> Result<(), SwitchError> {
        self.0.raw.prepare_greenlet(hub, self.0.stack_size).map_err(SwitchError::Stack)?;
        let _ = self.0.owner.set(Rc::downgrade(thread));
        self.0.place.set(thread.register(Rc::downgrade(&self.as_started())));
        self.0.stage.set(Stage::Begun);
        Ok(())
    }

    fn take_body(&self) -> Closure {
        self.0.closure.take().expect("a greenlet runs once")
    }

    /// Ends one whose closure has run.
    fn die(&self, thread: &ThreadGreenlets) {
        self.0.stage.set(Stage::Dead);
        thread.deregister(self.0.place.get());
    }

    /// Ends one whose closure will not run.
    fn die_unstarted(&self) {
        self.0.stage.set(Stage::Dead);
        discard(self.0.closure.take());
    }

    fn take_bindings(&self) -> Option<Bindings> {
        self.0.bindings.take()
    }

    /// Ends a main greenlet, together with its green thread.
    fn close(&self) {
        self.0.stage.set(Stage::Dead);
    }
}

/// Panics because a switch is refused.
#[cold]
#[inline(never)]
#[track_caller]
fn refuse(error: &SwitchError) -> ! {
    panic!("{error}")
}

impl Started for Inner {
    fn end(self: Rc<Self>) {
        let greenlet = Greenlet(self);
        if greenlet.stage() == Stage::Begun
            && greenlet.is_shared()
            && let Some(owner) = greenlet.owner()
        {
            transfer::unwind(&greenlet, &owner);
        }
        // If this is the last handle, its drop does it.
    }
}

impl Clone for Greenlet {
    #[inline]
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl Drop for Greenlet {
    #[inline]
    fn drop(&mut self) {
        if Rc::strong_count(&self.0) == 1 && self.stage() == Stage::Begun {
            end::last_handle(self);
        }
    }
}

impl Drop for Inner {
    /// Lets go of a chain of parents that only hold one another without a frame for each.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(next) = parent {
            if next.is_shared() {
                return;
            }
            if next.stage() == Stage::Begun {
                end::last_handle(&next);
                if next.is_shared() {
                    return;
                }
            }
            parent = next.replace_parent(None);
        }
    }
}

impl PartialEq for Greenlet {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Greenlet {}

impl fmt::Debug for Greenlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Greenlet");
        debug.field("id", &self.0.id).field("state", &self.state());
        if let Some(name) = self.name() {
            debug.field("name", &name);
        }
        debug.finish_non_exhaustive()
    }
}

/// Numbers greenlets over all OS threads.
fn next_id() -> NonZeroU64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let id = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    NonZeroU64::new(id).expect("2^64 greenlets take centuries")
}
