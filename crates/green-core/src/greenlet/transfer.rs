//! From one greenlet to another: who really gets what is sent, and how it travels.
//!
//! ```text
//!   switch(v), throw(p)          the end of a greenlet: v returned, p uncaught
//!          │                                 │ to its parent
//!          ▼                                 ▼
//!       resolve: a dead greenlet passes it on to its parent; so does an unstarted one with a payload, dying;
//!          │     `Exit` that goes through a dead one becomes a value
//!          ▼
//!       ourselves? ── yes ─▶ that is what `switch` returns
//!          │ no
//!          ▼
//!       depart ─── the one context switch ──▶ land: tell the tracer, let go of the origin, take what was sent
//! ```

use std::any::Any;
use std::backtrace::Backtrace;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use super::thread::{Inspection, ThreadGreenlets};
use super::value::{Exit, Value};
use super::{Greenlet, Stage, SwitchError, end, raw, trace};
use crate::context::Slot;
use crate::current;
use crate::hub::Hub;
use crate::kill;

/// What a switch carries.
pub(crate) enum Delivery {
    Value(Value),
    /// Unwinds whoever gets it.
    Panic(Box<dyn Any + Send>),
}

impl Delivery {
    /// Returns what is left of it after a dead greenlet has let it through.
    fn past_the_dead(self) -> Self {
        match self {
            Delivery::Panic(payload) if payload.is::<Exit>() => Delivery::Value(Value::Exit),
            other => other,
        }
    }

    /// Returns the value, or unwinds.
    #[inline(always)]
    pub(super) fn open(self) -> Value {
        match self {
            Delivery::Value(value) => value,
            Delivery::Panic(payload) => raise(payload),
        }
    }
}

/// Unwinds the running greenlet with `payload`.
#[cold]
fn raise(payload: Box<dyn Any + Send>) -> Value {
    if std::thread::panicking() && (payload.is::<Exit>() || kill::stays_pending(&*payload)) {
        // A destructor that switched during an unwinding cannot be unwound as well: that would end the process. So it
        // is told, and its greenlet goes on to unwind with what it has.
        return Value::Exit;
    }
    resume_unwind(payload)
}

/// Sends `delivery` to `target` and returns what comes back.
///
/// All that lies on the way of a plain switch is inlined into its caller: the processor predicts where a function returns
/// to by the call that it saw last, which after a switch is the other side's, and each return that it gets wrong costs
/// more than the switch.
#[inline(always)]
pub(super) fn transfer(target: &Greenlet, delivery: Delivery) -> Result<Delivery, SwitchError> {
    let hub = current::hub();
    if hub.current().no_switch.get() > 0 {
        return Err(SwitchError::NoSwitch);
    }
    let thread = ThreadGreenlets::current();
    thread.reap();
    if target.stage() == Stage::Begun && target.belongs_to(&thread) {
        return Ok(go(hub, &thread, target.clone(), delivery));
    }
    detour(hub, &thread, target, delivery)
}

/// Sends `delivery` to a greenlet that is not simply suspended.
#[cold]
fn detour(
    hub: &Hub,
    thread: &Rc<ThreadGreenlets>,
    target: &Greenlet,
    delivery: Delivery,
) -> Result<Delivery, SwitchError> {
    let (target, delivery) = resolve(target.clone(), delivery, thread)?;
    if target.stage() == Stage::Unstarted {
        target.begin(hub, thread)?;
    }
    Ok(go(hub, thread, target, delivery))
}

/// Finds who gets `delivery` in place of `target`: a begun greenlet of this green thread, or one to start with a value.
fn resolve(
    mut target: Greenlet,
    mut delivery: Delivery,
    thread: &Rc<ThreadGreenlets>,
) -> Result<(Greenlet, Delivery), SwitchError> {
    loop {
        match target.stage() {
            Stage::Unstarted => match delivery {
                Delivery::Value(_) if target.descends_from(thread) => {
                    return Ok((target, delivery));
                }
                Delivery::Value(_) => return Err(SwitchError::OtherThread),
                Delivery::Panic(_) => target.die_unstarted(),
            },
            _ if !target.belongs_to(thread) => return Err(SwitchError::OtherThread),
            Stage::Begun => return Ok((target, delivery)),
            Stage::Dead => {}
        }
        delivery = delivery.past_the_dead();
        // Only the main greenlet of a green thread that has ended is dead without a parent.
        target = target.parent().ok_or(SwitchError::OtherThread)?;
    }
}

/// Switches to `target`, unless that runs already, and returns what the switch that comes back brings.
#[inline(always)]
fn go(hub: &Hub, thread: &ThreadGreenlets, target: Greenlet, delivery: Delivery) -> Delivery {
    if thread.is_running(&target) {
        return delivery;
    }
    let to = target.slot();
    let origin = thread.set_running(target);
    let from = origin.slot();
    thread.put(delivery, origin);
    // SAFETY: `thread` holds both: the target as the running greenlet, the origin until the switch has landed. The
    // origin runs, and the target has begun (or is prepared) and does not.
    unsafe { raw::leap(hub, from, to) };
    land(thread)
}

/// Takes what a switch brought to the running greenlet.
#[inline(always)]
fn land(thread: &ThreadGreenlets) -> Delivery {
    let (delivery, origin) = thread.take();
    if thread.is_watched() {
        return watch(thread, origin, delivery);
    }
    // If nobody else has a handle to it, this unwinds it.
    drop(origin);
    delivery
}

/// Takes what a switch brought while somebody watches: a tracer, or [`inspect`].
#[cold]
#[inline(never)]
fn watch(thread: &ThreadGreenlets, origin: Greenlet, delivery: Delivery) -> Delivery {
    match thread.set_inspection(None) {
        Some(Inspection::There) => {
            thread.set_inspection(Some(Inspection::Back(Backtrace::force_capture())));
            // Returns when somebody really switches here. The handle goes along: none may be left on this stack.
            go(current::hub(), thread, origin, delivery)
        }
        Some(back) => {
            // This is the visitor, who looks at it next.
            thread.set_inspection(Some(back));
            delivery
        }
        None => trace::report(thread, &origin, delivery),
    }
}

/// Returns the frames of a suspended greenlet, by a visit to its stack that neither it nor a tracer knows of.
pub(super) fn inspect(target: &Greenlet) -> Option<Backtrace> {
    let hub = current::hub();
    let thread = ThreadGreenlets::current();
    let is_suspended = target.stage() == Stage::Begun && target.belongs_to(&thread) && !thread.is_running(target);
    if !is_suspended || hub.current().no_switch.get() > 0 {
        return None;
    }
    thread.set_inspection(Some(Inspection::There));
    go(hub, &thread, target.clone(), Delivery::Value(Value::Unit));
    match thread.set_inspection(None) {
        Some(Inspection::Back(backtrace)) => Some(backtrace),
        _ => None,
    }
}

/// Runs a greenlet on its own stack, from its first switch to its end. Returns the slot of its heir, which runs by now
/// as far as `ThreadGreenlets` knows.
pub(super) fn live(hub: &Hub) -> *const Slot {
    let thread = ThreadGreenlets::current();
    let body = thread.running().take_body();
    // No handle is kept on the greenlet's own stack: then it would never be the last one that is dropped.
    let result = catch_unwind(AssertUnwindSafe(|| body(land(&thread).open())));
    let delivery = match result {
        Ok(value) => Delivery::Value(value),
        Err(payload) => Delivery::Panic(payload).past_the_dead(),
    };
    let me = thread.running();
    // Still alive: closures of unstarted ancestors are dropped in here, and may switch away and want to come back.
    let (heir, delivery) = inherit(hub, &thread, me.parent(), delivery);
    me.die(&thread);
    // SAFETY: this is the stack of `me`, and the caller does nothing but leave it.
    unsafe { me.raw().finish(hub) };
    let to = heir.slot();
    let origin = thread.set_running(heir);
    thread.put(delivery, origin);
    to
}

/// Finds who gets what a dead greenlet has left, and has it begin if it did not yet. There is always somebody: what
/// finds no other way goes to the main greenlet.
fn inherit(
    hub: &Hub,
    thread: &Rc<ThreadGreenlets>,
    mut parent: Option<Greenlet>,
    mut delivery: Delivery,
) -> (Greenlet, Delivery) {
    while let Some(next) = parent {
        let (heir, rest) = match resolve(next, delivery, thread) {
            Ok(found) => found,
            Err(error) => return (thread.main().clone(), Delivery::Panic(Box::new(error))),
        };
        if heir.stage() == Stage::Begun {
            return (heir, rest);
        }
        match heir.begin(hub, thread) {
            Ok(()) => return (heir, rest),
            Err(error) => delivery = Delivery::Panic(Box::new(error)),
        }
        // It could not begin, and who passes this on to its parent must be dead.
        heir.die_unstarted();
        parent = heir.parent();
    }
    (thread.main().clone(), delivery)
}

/// Unwinds a suspended greenlet of this green thread with the running one for a parent, so that its end comes back
/// here. A panic other than the one that is sent cannot go on from here and is reported.
pub(super) fn unwind(greenlet: &Greenlet, thread: &ThreadGreenlets) {
    let parent = greenlet.replace_parent(Some(thread.running()));
    match transfer(greenlet, Delivery::Panic(Box::new(Exit))) {
        Ok(Delivery::Value(value)) => end::discard(value),
        Ok(Delivery::Panic(payload)) => end::report(payload),
        Err(_) => {}
    }
    // Unless the old parent has become a descendant meanwhile.
    if let Some(parent) = parent {
        let _ = greenlet.set_parent(&parent);
    }
}
