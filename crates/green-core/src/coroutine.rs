//! Coroutines: a function with a stack of its own that its caller resumes, step by step, with types all the way.
//!
//! Where a [`Greenlet`](crate::greenlet::Greenlet) may switch to any other, a [`Coroutine`] only goes back to who resumed
//! it: [`Coroutine::resume`] sends a value in, [`Yielder::suspend`] sends one out. Nothing is boxed on the way.
//!
//! ```
//! use green_core::coroutine::{Coroutine, Step};
//!
//! let mut adder = Coroutine::new(|out, first: i32| {
//!     let second = out.suspend("one more");
//!     first + second
//! });
//! assert_eq!(adder.resume(2), Step::Yield("one more"));
//! assert_eq!(adder.resume(3), Step::Done(5));
//! ```
//!
//! With nothing to send in and nothing to return, it is an iterator, made by [`generator`].
//!
//! # The rules
//!
//! - A coroutine runs as part of the green thread and the greenlet that resume it, as a called function does. If it
//!   parks, its green thread is parked. If it switches to another greenlet, it is resumed when somebody switches back.
//! - It belongs to the green thread that resumed it first, because its frames may borrow that one's locals: no other can
//!   resume it.
//! - A panic goes on in [`resume`](Coroutine::resume), and the coroutine is done.
//! - What counts for the green thread goes on counting while the coroutine is suspended: shields and alarms that its body
//!   holds. A `no_switch` does not: [`suspend`](Yielder::suspend) panics inside one that the body has entered.
//! - Resumed by a destructor during an unwinding, it gets no kill or alarm; these wait.
//! - Dropping a suspended one unwinds it first, with [`Exit`] for a payload. Panics other than
//!   that are reported to the panic hook and go no further. If another green thread drops it, that happens when its own
//!   next uses greenlets, or ends; a green thread that ends unwinds its suspended coroutines, even forgotten ones, before
//!   its locals go. Leaked are: one that will not end, one that is suspended in a destructor during an unwinding, and
//!   under `panic = "abort"` all that are dropped suspended.
//!
//! # Why the body must be `'static`
//!
//! A body that borrows from its caller would be nicer, and unsound. It can call `thread::scope`, lend the borrowed
//! data to a thread, and suspend itself inside. Its owner then forgets it: the scope never gets to wait for its
//! threads, the borrow ends, and a thread goes on to use what is gone. The same holds for references that are sent in.
//! What a coroutine owns, on the other hand, is leaked with its stack, and so stays.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::iter::FusedIterator;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::thread;

use thiserror::Error;

use crate::greenlet::{self, Body, CoroutineStage as Stage, Exit, RawCoroutine, Started};

/// A function with a stack of its own; see the [module](self).
///
/// It stays on its OS thread:
///
/// ```compile_fail
/// let coroutine = green_core::coroutine::generator(|out| out.suspend(1));
/// std::thread::spawn(move || drop(coroutine));
/// ```
pub struct Coroutine<In: 'static, Yield: 'static, Ret: 'static> {
    core: Rc<Core<In, Yield, Ret>>,
}

/// What a coroutine came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step<Yield, Ret> {
    /// It suspended itself, sending this.
    Yield(Yield),
    /// It returned this.
    Done(Ret),
}

/// Why a coroutine was not resumed. The value that was to be sent in is lost.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// It has returned or panicked.
    #[error("the coroutine has ended")]
    Done,
    /// Another green thread resumed it first.
    #[error("the coroutine belongs to another green thread")]
    OtherThread,
    /// There is no stack for it.
    #[error("no stack for the coroutine: {0}")]
    Stack(#[source] io::Error),
}

impl From<ResumeError> for io::Error {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Stack(error) => error,
            other => io::Error::new(io::ErrorKind::InvalidInput, other),
        }
    }
}

/// Which coroutine something is.
///
/// Follows QEMU's `qemu_coroutine_self` and `qemu_coroutine_entered`.
///
/// # Examples
///
/// ```
/// use green_core::coroutine::{self, Coroutine, Step, Yielder};
///
/// let mut outer = Coroutine::new(|_: &Yielder<(), ()>, ()| {
///     let me = coroutine::current().expect("it runs on a coroutine's stack");
///     let mut inner = Coroutine::new(move |_: &Yielder<(), ()>, ()| me.is_entered());
///     assert_eq!(inner.resume(()), Step::Done(true));
///     me
/// });
/// let id = outer.id();
/// assert_eq!(outer.resume(()), Step::Done(id));
/// assert!(!id.is_entered());
/// assert_eq!(coroutine::current(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CoroutineId(NonZeroU64);

impl CoroutineId {
    /// Returns true if the coroutine was resumed and has not come back, even if another one that it resumed runs now.
    ///
    /// False for one of another green thread. The coroutines of this one are searched.
    pub fn is_entered(self) -> bool {
        RawCoroutine::is_entered(self.0)
    }
}

/// Returns which coroutine the caller runs on: the innermost one, none on any other stack.
///
/// The coroutines of the running green thread are searched, so that a resume need not say whom it resumes.
pub fn current() -> Option<CoroutineId> {
    RawCoroutine::current().map(CoroutineId)
}

/// By which the body of a coroutine sends values out.
pub struct Yielder<In, Yield> {
    raw: RawCoroutine,
    input: Cell<Option<Input<In>>>,
    output: Cell<Option<Yield>>,
}

/// What a resume brings.
enum Input<In> {
    Value(In),
    /// Unwind.
    End,
}

type Closure<In, Yield, Ret> = Box<dyn FnOnce(&Yielder<In, Yield>, In) -> Ret>;

/// What the handle and the stack share.
struct Core<In: 'static, Yield: 'static, Ret: 'static> {
    yielder: Yielder<In, Yield>,
    closure: Cell<Option<Closure<In, Yield, Ret>>>,
    result: Cell<Option<thread::Result<Ret>>>,
    stack_size: Option<usize>,
}

/// Makes an iterator of a function that sends its items out.
///
/// # Examples
///
/// ```
/// use green_core::coroutine::generator;
///
/// let squares = generator(|out| (1..).for_each(|n| out.suspend(n * n)));
/// assert_eq!(squares.take(4).collect::<Vec<i32>>(), [1, 4, 9, 16]);
/// ```
pub fn generator<Item: 'static>(f: impl FnOnce(&Yielder<(), Item>) + 'static) -> Coroutine<(), Item, ()> {
    Coroutine::new(move |out, ()| f(out))
}

impl<In: 'static, Yield: 'static, Ret: 'static> Coroutine<In, Yield, Ret> {
    /// Makes a coroutine that runs `f` when it is first resumed, with the value that is sent in then.
    pub fn new<F>(f: F) -> Self
    where
        F: FnOnce(&Yielder<In, Yield>, In) -> Ret + 'static,
    {
        Self::make(None, Box::new(f))
    }

    /// Makes a coroutine with a stack of at least `stack_size` bytes instead of the configured size.
    pub fn with_stack_size<F>(stack_size: usize, f: F) -> Self
    where
        F: FnOnce(&Yielder<In, Yield>, In) -> Ret + 'static,
    {
        Self::make(Some(stack_size), Box::new(f))
    }

    fn make(stack_size: Option<usize>, closure: Closure<In, Yield, Ret>) -> Self {
        let yielder = Yielder { raw: RawCoroutine::new(), input: Cell::new(None), output: Cell::new(None) };
        let closure = Cell::new(Some(closure));
        Self { core: Rc::new(Core { yielder, closure, result: Cell::new(None), stack_size }) }
    }

    /// Runs the coroutine until it suspends itself or ends. The first `value` is the body's argument, a later one is
    /// what its [`suspend`](Yielder::suspend) returns.
    ///
    /// # Panics
    ///
    /// Goes on with the coroutine's panic, and panics where [`try_resume`](Self::try_resume) returns an error.
    #[inline]
    #[track_caller]
    pub fn resume(&mut self, value: In) -> Step<Yield, Ret> {
        match self.try_resume(value) {
            Ok(step) => step,
            Err(error) => refuse(&error),
        }
    }

    /// Resumes as [`resume`](Self::resume) does, but returns an error if that cannot be done.
    ///
    /// # Errors
    ///
    /// The coroutine has ended, belongs to another green thread, or starts and there is no stack for it.
    ///
    /// # Panics
    ///
    /// Goes on with the coroutine's panic.
    #[inline]
    pub fn try_resume(&mut self, value: In) -> Result<Step<Yield, Ret>, ResumeError> {
        self.core.resume(Input::Value(value))?;
        // Not by the output: a refused `suspend` leaves its value there, and panics.
        if self.core.yielder.raw.stage() == Stage::Suspended {
            let value = self.core.yielder.output.take().expect("a suspended coroutine has sent something");
            return Ok(Step::Yield(value));
        }
        match self.core.result.take().expect("a coroutine that is not suspended has a result") {
            Ok(value) => Ok(Step::Done(value)),
            Err(payload) => resume_unwind(payload),
        }
    }

    /// Returns which coroutine this is.
    pub fn id(&self) -> CoroutineId {
        CoroutineId(self.core.yielder.raw.id())
    }

    /// Returns true once the coroutine has returned or panicked.
    pub fn is_done(&self) -> bool {
        self.core.yielder.raw.stage() == Stage::Done
    }
}

/// Panics because a coroutine cannot be resumed.
#[cold]
#[inline(never)]
#[track_caller]
fn refuse(error: &ResumeError) -> ! {
    panic!("{error}")
}

impl<In: 'static, Yield: 'static, Ret: 'static> Core<In, Yield, Ret> {
    /// Has the stack run until it suspends itself or ends.
    #[inline]
    fn resume(self: &Rc<Self>, input: Input<In>) -> Result<(), ResumeError> {
        let raw = &self.yielder.raw;
        match raw.stage() {
            Stage::Suspended if raw.is_ours() => {
                self.yielder.input.set(Some(input));
                raw.resume();
                Ok(())
            }
            Stage::Fresh => {
                self.yielder.input.set(Some(input));
                let started = raw.start(self, self.stack_size);
                started.inspect_err(|_| self.yielder.input.set(None)).map_err(ResumeError::Stack)
            }
            Stage::Done => Err(ResumeError::Done),
            Stage::Suspended | Stage::Running => Err(ResumeError::OtherThread),
        }
    }

    /// Has a suspended stack of the running green thread unwind, and returns whether it has ended.
    fn unwind(self: &Rc<Self>) -> bool {
        if self.resume(Input::End).is_ok() {
            greenlet::discard(self.yielder.output.take());
            match self.result.take() {
                Some(Err(payload)) if !payload.is::<Exit>() => greenlet::report(payload),
                result => greenlet::discard(result),
            }
        }
        self.yielder.raw.stage() == Stage::Done
    }

    /// Deals with a suspended stack that nobody will resume.
    #[cold]
    fn abandon(self: &Rc<Self>) {
        let raw = &self.yielder.raw;
        if !greenlet::can_unwind() {
            // Its own frames own a share of the core: it is leaked.
        } else if raw.is_ours() {
            if !(0..greenlet::PATIENCE).any(|_| self.unwind()) {
                greenlet::complain("a coroutine that was dropped would not end");
            }
        } else if let Some(owner) = raw.owner() {
            let core: Rc<Self> = Rc::clone(self);
            owner.abandon(core);
        }
    }
}

impl<In: 'static, Yield: 'static, Ret: 'static> Started for Core<In, Yield, Ret> {
    fn end(self: Rc<Self>) {
        if self.yielder.raw.stage() == Stage::Suspended {
            self.unwind();
        }
    }

    fn coroutine(&self) -> Option<&RawCoroutine> {
        Some(&self.yielder.raw)
    }
}

impl<In: 'static, Yield: 'static, Ret: 'static> Body for Core<In, Yield, Ret> {
    fn raw(&self) -> &RawCoroutine {
        &self.yielder.raw
    }

    fn run(&self) {
        let closure = self.closure.take().expect("a coroutine starts once");
        let result = catch_unwind(AssertUnwindSafe(|| {
            let first = self.yielder.receive();
            closure(&self.yielder, first)
        }));
        self.result.set(Some(result));
    }
}

impl<In: 'static, Yield: 'static, Ret: 'static> Drop for Coroutine<In, Yield, Ret> {
    fn drop(&mut self) {
        if self.core.yielder.raw.stage() == Stage::Suspended {
            self.core.abandon();
        }
    }
}

impl<In, Yield> Yielder<In, Yield> {
    /// Suspends the coroutine: whoever resumed it gets `value`. Returns what the next resume sends in.
    ///
    /// # Panics
    ///
    /// Panics inside a `no_switch` of the body's, and on any stack but the coroutine's own. Unwinds if the coroutine is
    /// dropped meanwhile.
    #[inline]
    pub fn suspend(&self, value: Yield) -> In {
        self.output.set(Some(value));
        self.raw.suspend();
        self.receive()
    }

    /// Takes what a resume brought.
    #[inline]
    fn receive(&self) -> In {
        match self.input.take() {
            Some(Input::Value(value)) => value,
            _ => self.end(),
        }
    }

    /// Unwinds the body.
    #[cold]
    fn end(&self) -> ! {
        while thread::panicking() {
            // Suspended by a destructor during an unwinding, it cannot be unwound as well: it stays where it is.
            self.raw.suspend();
        }
        resume_unwind(Box::new(Exit));
    }
}

impl<Item: 'static> Iterator for Coroutine<(), Item, ()> {
    type Item = Item;

    /// Resumes the coroutine; returns none once it has ended.
    fn next(&mut self) -> Option<Item> {
        if self.is_done() {
            return None;
        }
        match self.resume(()) {
            Step::Yield(item) => Some(item),
            Step::Done(()) => None,
        }
    }
}

impl<Item: 'static> FusedIterator for Coroutine<(), Item, ()> {}

impl<In: 'static, Yield: 'static, Ret: 'static> fmt::Debug for Coroutine<In, Yield, Ret> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coroutine").field("stage", &self.core.yielder.raw.stage()).finish_non_exhaustive()
    }
}

impl<In, Yield> fmt::Debug for Yielder<In, Yield> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Yielder").finish_non_exhaustive()
    }
}
