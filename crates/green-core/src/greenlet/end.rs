//! How greenlets end that nobody holds any more, or whose green thread ends.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::raw::RawCoroutine;
use super::thread::{ThreadGreenlets, peek};
use super::{Greenlet, transfer};
use crate::current;
use crate::kill;
use crate::panic::drop_payload;
use crate::record::Record;

/// How often one is asked to end that switches away instead.
pub(crate) const PATIENCE: usize = 16;

/// Deals with a suspended greenlet whose last handle is this one.
#[cold]
pub(super) fn last_handle(greenlet: &Greenlet) {
    let Some(owner) = greenlet.owner().filter(|_| can_unwind()) else {
        return leak(greenlet);
    };
    if !is_here(&owner) {
        return owner.abandon(greenlet.as_started());
    }
    for _ in 0..PATIENCE {
        transfer::unwind(greenlet, &owner);
        if greenlet.is_dead() || greenlet.is_shared() {
            return;
        }
    }
    complain("a greenlet that was dropped would not end");
    leak(greenlet);
}

/// Returns true where unwinding what is suspended can work at all.
pub(crate) fn can_unwind() -> bool {
    cfg!(not(panic = "abort"))
}

/// Returns true if `owner` is the running green thread and may switch now.
fn is_here(owner: &Rc<ThreadGreenlets>) -> bool {
    ThreadGreenlets::is_current(&Rc::downgrade(owner))
        && current::existing().is_some_and(|hub| hub.current().no_switch.get() == 0)
}

/// Keeps a greenlet for ever that cannot be unwound: its stack may be borrowed from (I8).
fn leak(greenlet: &Greenlet) {
    mem::forget(greenlet.clone());
}

/// Drops what has nobody to go to.
pub(crate) fn discard<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        report(payload);
    }
}

/// Reports a panic that has nobody to go on to, by way of the panic hook.
#[cold]
pub(crate) fn report(payload: Box<dyn Any + Send>) {
    if kill::stays_pending(&*payload) {
        // Nothing is lost: the green thread's next park unwinds it.
        return;
    }
    let text = match payload.downcast_ref::<&'static str>() {
        Some(text) => text,
        None => payload.downcast_ref::<String>().map_or("a payload that is no text", String::as_str),
    };
    complain(&format!("a panic ended in a greenlet that was being dropped: {text}"));
    drop_payload(payload);
}

/// Calls the panic hook with `text` and goes on.
#[cold]
pub(crate) fn complain(text: &str) {
    let _ = catch_unwind(|| panic!("{text}"));
}

/// Unwinds every greenlet and coroutine of `record`'s green thread that has begun and not ended, before the green
/// thread's locals are destroyed: their frames may borrow these. Afterwards none of them can be switched to.
///
/// Where that is impossible the locals are leaked, so that what was borrowed stays. Called on the green thread's own
/// stack after its closure has returned, and again if foreign code has run since.
///
/// Those of an OS thread that ends are not unwound if its thread-locals are being destroyed already, because the suspended
/// frames may borrow one; nor if it ends in the middle of one of them, by `exit`.
pub(crate) fn on_thread_exit(record: &Record) {
    let Some(thread) = peek(record) else { return };
    discard_bindings(&thread);
    let in_place = !current::hub().is_late() && thread.is_running(thread.main()) && RawCoroutine::current().is_none();
    let ended = if in_place { end_all(&thread) } else { thread.is_empty() };
    if !ended {
        record.locals.leak();
    }
    discard_bindings(&thread);
    thread.close();
    record.greenlets.set(None);
}

/// Drops what is inherited, also what the destructors of that bind anew, here where a panic of theirs is reported.
fn discard_bindings(thread: &ThreadGreenlets) {
    for _ in 0..PATIENCE {
        let Some(own) = thread.main().take_bindings() else { return };
        discard(own);
    }
    mem::forget(thread.main().take_bindings());
}

/// Returns false if something remains suspended.
fn end_all(thread: &ThreadGreenlets) -> bool {
    if !can_unwind() {
        return thread.is_empty();
    }
    // At worst each one is asked once in a round, and switches back here instead of ending.
    for _ in 0..PATIENCE {
        thread.reap();
        let mut place = 0;
        while let Some((next, started)) = thread.unfinished(place) {
            place = next;
            started.end();
        }
        if thread.is_empty() {
            return true;
        }
    }
    complain("a greenlet or coroutine would not end with its green thread");
    false
}
