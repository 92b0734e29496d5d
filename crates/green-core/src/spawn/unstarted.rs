//! A green thread that has no stack yet: what may still move between hubs.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::Abandoned;
use super::identity_ref::Identified;
use crate::stack::{Credit, StackSize};
use crate::steal_ring::{InWords, Words};

/// A green thread's body and what is told of its end, with the types erased.
///
/// The holder of the one `Unstarted`, and then the record of the started green thread, is the *runner*: `run`,
/// `complete`, `end_quietly` and `abandon` are its alone.
pub(crate) trait Task: Identified {
    /// Runs the body and keeps its result. Never unwinds.
    fn run(&self);

    /// Does at once what `exit` and then `complete` do, if that is no more than to make the result known; else does nothing and
    /// returns false. Never unwinds.
    fn end_quietly(&self) -> bool {
        false
    }

    /// Runs what was to run at the end, where no kill is delivered any more. Never unwinds.
    fn exit(&self);

    /// Makes the result known, or drops it if the handle is gone. Never unwinds.
    fn complete(&self);

    /// Takes `payload` for the result: the body will not run, or not on. `complete` makes it known. Never unwinds.
    fn abandon(&self, payload: Box<dyn Any + Send>);
}

impl dyn Task {
    /// Ends a green thread whose body will not run, or not on, with `payload` for its result. Never unwinds.
    pub(crate) fn give_up(&self, payload: Box<dyn Any + Send>) {
        self.abandon(payload);
        self.exit();
        self.complete();
    }

    /// Ends a green thread that is suspended for ever, because its OS thread ends (I15). Never unwinds.
    pub(crate) fn leak(&self) {
        if !self.identity().is_done() {
            return self.give_up(Box::new(Abandoned));
        }
        // It was at what comes after its end. The result is the joiner's, who may be taking it at this moment.
        if let Some(extras) = self.extras() {
            extras.wake_all();
        }
    }
}

/// A green thread before its start: no stack yet, only the credit for one.
pub(crate) struct Unstarted {
    pub(crate) task: Arc<dyn Task>,
    pub(crate) credit: Credit,
    /// When it was made, by the spawning hub's last look at the clock, in ticks.
    pub(crate) since: u64,
}

// SAFETY: one that is sent to, or taken by, another hub was made by `spawn`, whose bounds make the closure and the
// result `Send`; those of `spawn_local` stay in their hub's run queue (I2).
unsafe impl Send for Unstarted {}

// SAFETY: `from_words` says of each word why it gives back what was there, and what it makes is `Send`.
unsafe impl InWords for Unstarted {
    #[inline(always)]
    fn into_words(self) -> Words {
        let Unstarted { task, credit, since } = self;
        // SAFETY: a pointer to a trait object is two pointers, in whichever order; nothing is asked of them but to be copied.
        let pointers = unsafe { std::mem::transmute::<Arc<dyn Task>, [*mut (); 2]>(task) };
        Words { pointers, number: credit.into_class() as u64, since }
    }

    #[inline(always)]
    unsafe fn from_words(words: Words) -> Self {
        // SAFETY: the very two that `into_words` made of such a reference, which the caller uses once.
        let task = unsafe { std::mem::transmute::<[*mut (); 2], Arc<dyn Task>>(words.pointers) };
        let size = StackSize::of_class(words.number as usize);
        Unstarted { task, credit: Credit::counted(size), since: words.since }
    }
}

impl fmt::Debug for Unstarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unstarted").field("identity", self.task.identity()).finish_non_exhaustive()
    }
}
