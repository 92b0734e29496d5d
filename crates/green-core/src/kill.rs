//! Kills and alarms: how a green thread is unwound from outside, and where that waits.
//!
//! Both are *pending* first: a flag in the record. A park that finds something pending and deliverable ends as
//! [`Outcome::Interrupted`](crate::unpark::Outcome::Interrupted); its caller leaves its queues and calls [`deliver`],
//! the one place that unwinds (I7). They are deliverable unless a [`Shield`] is held, the green thread is unwinding
//! already, or its thread-local destructors run. A kill stays pending for ever: a `catch_unwind` that swallows it
//! meets it again at the next park. An alarm stays pending until its [`Alarm`] is dropped.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::time::Instant;

use thiserror::Error;

use crate::clock;
use crate::current;
use crate::hub::{Hub, TimerEvent};
use crate::record::Record;
use crate::spawn::ids;
use crate::spawn::unstarted::Task;
use crate::timer::TimerKey;
use crate::unpark::Unparker;

/// The payload of the unwinding of a killed green thread; `join` returns it in `Err`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Killed;

impl fmt::Display for Killed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the green thread was killed")
    }
}

impl std::error::Error for Killed {}

/// Why a kill or an alarm is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KillError {
    /// The program was compiled with `panic = "abort"`, so nothing can be unwound.
    #[error("green threads cannot be unwound in a program compiled with panic = \"abort\"")]
    PanicAbort,
}

impl From<KillError> for io::Error {
    fn from(error: KillError) -> Self {
        io::Error::new(io::ErrorKind::Unsupported, error)
    }
}

/// Refuses what needs unwinding where there is none.
pub(crate) fn check_unwinding() -> Result<(), KillError> {
    if cfg!(panic = "abort") { Err(KillError::PanicAbort) } else { Ok(()) }
}

/// The payload of an alarm's unwinding.
struct Fired(u64);

/// The alarms that are set, outermost first, and whether each has fired.
#[derive(Default)]
struct Alarms(Vec<(u64, bool)>);

/// What is pending for one green thread.
///
/// In this order, because the first byte is looked at by each park and shares a cache line with what else that touches.
#[repr(C)]
pub(crate) struct Interrupts {
    /// True if a kill or a fired alarm is pending: the one look on the fast path.
    pending: Cell<bool>,
    killed: Cell<bool>,
    /// Boxed: hardly any green thread has one.
    alarms: RefCell<Option<Box<Alarms>>>,
}

impl Interrupts {
    pub(crate) const fn new() -> Self {
        Self { pending: Cell::new(false), killed: Cell::new(false), alarms: RefCell::new(None) }
    }

    pub(crate) fn is_pending(&self) -> bool {
        self.pending.get()
    }

    pub(crate) fn set_killed(&self) {
        self.killed.set(true);
        self.pending.set(true);
    }

    /// Marks an alarm as fired; returns false if it has been dropped.
    pub(crate) fn fire(&self, id: u64) -> bool {
        let mut alarms = self.alarms.borrow_mut();
        let Some(alarm) = alarms.iter_mut().flat_map(|list| list.0.iter_mut()).find(|alarm| alarm.0 == id) else {
            return false;
        };
        alarm.1 = true;
        self.pending.set(true);
        true
    }

    /// Returns true if an alarm is set.
    pub(crate) fn has_alarms(&self) -> bool {
        self.alarms.borrow().is_some()
    }

    fn add(&self, id: u64) {
        self.alarms.borrow_mut().get_or_insert_default().0.push((id, false));
    }

    fn remove(&self, id: u64) {
        let mut alarms = self.alarms.borrow_mut();
        if let Some(list) = alarms.as_mut() {
            list.0.retain(|alarm| alarm.0 != id);
            if list.0.is_empty() {
                *alarms = None;
            }
        }
        let fired = alarms.iter().flat_map(|list| list.0.iter()).any(|alarm| alarm.1);
        self.pending.set(self.killed.get() || fired);
    }

    fn has_fired(&self, id: u64) -> bool {
        self.alarms.borrow().iter().flat_map(|list| list.0.iter()).any(|alarm| *alarm == (id, true))
    }

    /// Returns the payload to unwind `record` with. A kill goes before alarms, an outer alarm before an inner one, because
    /// the wider unwinding makes the narrower one void.
    fn payload(&self, record: &Record) -> Option<Box<dyn Any + Send>> {
        if self.killed.get() {
            return Some(payload_of(&*record.task()));
        }
        let alarms = self.alarms.borrow();
        let fired = alarms.iter().flat_map(|list| list.0.iter()).find(|alarm| alarm.1)?;
        Some(Box::new(Fired(fired.0)))
    }

    /// Forgets everything: the green thread has ended.
    pub(crate) fn clear(&self) {
        self.pending.set(false);
        self.killed.set(false);
        self.alarms.replace(None);
    }
}

/// Returns what a kill unwinds `task` with.
pub(crate) fn payload_of(task: &dyn Task) -> Box<dyn Any + Send> {
    match task.extras() {
        Some(extras) => extras.kill_payload(),
        None => Box::new(Killed),
    }
}

/// Returns true if something is pending for `record` and may unwind it now.
#[inline]
pub(crate) fn is_deliverable(record: &Record) -> bool {
    record.interrupts.is_pending() && may_unwind(record)
}

#[cold]
fn may_unwind(record: &Record) -> bool {
    // A green thread that parks while it unwinds counts that in `shield` (see the hub's `park`), because the OS
    // thread's panic count is its neighbours' by then.
    record.shield.get() == 0 && !record.exiting.get()
}

/// Unwinds the running green thread if a kill or an alarm is pending and deliverable; otherwise returns.
///
/// Call it after a wait that came to [`Outcome::Interrupted`](crate::unpark::Outcome::Interrupted), when nothing is
/// owed to others any more.
pub fn deliver() {
    let hub = current::hub();
    let record = hub.current();
    if !is_deliverable(record) || std::thread::panicking() {
        return hub.report_refusal();
    }
    if let Some(payload) = record.interrupts.payload(record) {
        // No panic hook: a kill is not an error to be reported.
        resume_unwind(payload);
    }
}

/// Does what [`deliver`] does, for a kill point that found nothing to wait for.
#[inline]
pub(crate) fn deliver_pending(hub: &Hub) {
    if hub.current().interrupts.is_pending() {
        deliver();
    }
}

/// Returns true for the payload of a kill or an alarm, which is still pending when its unwinding was cut short.
pub(crate) fn stays_pending(payload: &(dyn Any + Send)) -> bool {
    payload.is::<Killed>() || payload.is::<Fired>()
}

/// Returns true if a kill or a fired alarm is pending for the running green thread, deliverable or not.
#[inline]
pub fn is_pending() -> bool {
    current::hub().current().interrupts.is_pending()
}

/// A region in which kills and alarms wait.
///
/// While a `Shield` lives, waits of this green thread go on although something is pending; the first park after the
/// last shield was dropped delivers it. Use it around what must not be torn, and around calls into code that must
/// not be unwound through, such as C.
///
/// # Examples
///
/// ```
/// use green_core::kill::Shield;
///
/// let shield = Shield::new();
/// green_core::park::yield_now(); // Not a kill point here.
/// drop(shield);
/// ```
#[derive(Debug)]
pub struct Shield {
    /// The green thread that made it, whoever drops it.
    owner: Unparker,
    _local: PhantomData<*const ()>,
}

impl Shield {
    /// Opens a shielded region that ends when the value is dropped.
    #[must_use = "the region ends when the value is dropped"]
    pub fn new() -> Self {
        let record = current::hub().current();
        record.shield.set(record.shield.get() + 1);
        Self { owner: Unparker::of(record), _local: PhantomData }
    }
}

impl Default for Shield {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Shield {
    fn drop(&mut self) {
        if let Some(hub) = current::existing()
            && let Some(record) = self.owner.live_on(hub)
        {
            record.shield.set(record.shield.get() - 1);
            // Its owner may be parked, if another green thread drops it.
            hub.interrupt(record);
        }
    }
}

/// A deadline for the running green thread: when it passes, the next park unwinds with a payload that
/// [`owns`](Self::owns) knows. Dropping it cancels it, and nothing fires later.
///
/// This is the mechanism of `green::time::timeout`; use that.
#[derive(Debug)]
pub struct Alarm {
    id: u64,
    timer: TimerKey,
    /// The green thread that set it, whoever drops it.
    owner: Unparker,
    _local: PhantomData<*const ()>,
}

impl Alarm {
    /// Sets an alarm at `deadline`.
    ///
    /// # Errors
    ///
    /// [`KillError::PanicAbort`] where nothing can be unwound.
    pub fn set(deadline: Instant) -> Result<Self, KillError> {
        check_unwinding()?;
        let hub = current::hub();
        let record = hub.current();
        let id = ids::next().get();
        record.interrupts.add(id);
        let owner = Unparker::of(record);
        let timer = hub.add_timer(clock::ticks(deadline), TimerEvent::Alarm(record, id));
        Ok(Self { id, timer, owner, _local: PhantomData })
    }

    /// Returns true once the deadline was seen to have passed.
    pub fn has_fired(&self) -> bool {
        let owner = current::existing().and_then(|hub| self.owner.live_on(hub));
        owner.is_some_and(|record| record.interrupts.has_fired(self.id))
    }

    /// Returns true if `payload` is of this alarm's unwinding and of no other.
    pub fn owns(&self, payload: &(dyn Any + Send)) -> bool {
        payload.downcast_ref::<Fired>().is_some_and(|fired| fired.0 == self.id)
    }

    /// Returns a number that no other alarm has.
    pub fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(hub) = current::existing()
            && let Some(record) = self.owner.live_on(hub)
        {
            hub.cancel_timer(self.timer);
            record.interrupts.remove(self.id);
        }
    }
}
