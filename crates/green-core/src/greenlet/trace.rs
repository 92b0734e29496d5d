//! The switch hook: sees every switch between greenlets of a green thread.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::Greenlet;
use super::thread::ThreadGreenlets;
use super::transfer::Delivery;

/// How control came to the target of a switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TraceEvent {
    /// With a value.
    Switch,
    /// With a payload that will unwind it.
    Throw,
}

/// A function that is told of every switch; see [`set_trace`].
#[derive(Clone)]
pub struct Tracer(Rc<Callback>);

type Callback = dyn Fn(TraceEvent, &Greenlet, &Greenlet);

impl Tracer {
    /// Makes a tracer of `f`, which is called with the event, the greenlet that control came from, and the one that it
    /// came to.
    pub fn new(f: impl Fn(TraceEvent, &Greenlet, &Greenlet) + 'static) -> Self {
        Self(Rc::new(f))
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracer").finish_non_exhaustive()
    }
}

/// Sets the tracer of the running green thread, or removes it, and returns the one before.
///
/// The tracer runs in the target of each switch, before the target goes on. Switches that the tracer itself makes are
/// not traced. If it panics, it is removed, and its panic takes the place of what the switch was to deliver. A
/// greenlet that is skipped because it is dead, or that dies without having run, is not seen by the tracer; nor are
/// coroutines, which are calls and not switches.
///
/// # Examples
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use green_core::greenlet::{Greenlet, Tracer, set_trace};
///
/// let count = Rc::new(Cell::new(0));
/// let seen = Rc::clone(&count);
/// set_trace(Some(Tracer::new(move |_event, _from, _to| seen.set(seen.get() + 1))));
/// Greenlet::new(|_| ()).switch(());
/// set_trace(None);
/// assert_eq!(count.get(), 2); // There and back.
/// ```
pub fn set_trace(tracer: Option<Tracer>) -> Option<Tracer> {
    ThreadGreenlets::current().set_tracer(tracer)
}

/// Returns the tracer of the running green thread.
pub fn trace() -> Option<Tracer> {
    ThreadGreenlets::current().tracer()
}

/// Tells the tracer, if there is one, and returns what is to be delivered.
pub(super) fn report(thread: &ThreadGreenlets, origin: &Greenlet, delivery: Delivery) -> Delivery {
    let Some(tracer) = thread.tracer() else {
        return delivery;
    };
    let event = match delivery {
        Delivery::Value(_) => TraceEvent::Switch,
        Delivery::Panic(_) => TraceEvent::Throw,
    };
    thread.set_tracing(true);
    let result = catch_unwind(AssertUnwindSafe(|| (tracer.0)(event, origin, &thread.running())));
    thread.set_tracing(false);
    match result {
        Ok(()) => delivery,
        Err(payload) => {
            thread.set_tracer(None);
            Delivery::Panic(payload)
        }
    }
}
