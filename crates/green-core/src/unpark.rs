//! Waking a green thread from anywhere: the `Unparker`, and what a park is for and comes to.

use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use crate::current;
use crate::hub::Hub;
use crate::hub::shared::Message;
use crate::record::Record;
use crate::wait_queue::Node;

pub use crate::wait_reason::{Outcome, WaitReason};

/// The right to wake one green thread, from any OS thread, as often as one likes.
///
/// It names a record and a generation, so it stays valid for ever: once the green thread has ended, `unpark` does
/// nothing (I6). A wake-up that arrives while the green thread runs makes its next park return at once.
///
/// Ordering: what happened before `unpark` is visible to the green thread after the park that it ended.
#[derive(Clone, Copy)]
pub struct Unparker {
    record: &'static Record,
    generation: u64,
}

// SAFETY: the only field of a `Record` that another OS thread touches through an `Unparker` is `shared`, which is
// never written after the record is made and is itself `Sync`; everything else is left to the owner hub (I6).
unsafe impl Send for Unparker {}
// SAFETY: as for `Send`; the methods take `self` by copy.
unsafe impl Sync for Unparker {}

impl Unparker {
    pub(crate) fn of(record: &'static Record) -> Self {
        Self { record, generation: record.generation() }
    }

    /// Returns the unparker of the running green thread (on a plain OS thread: of its root).
    ///
    /// # Panics
    ///
    /// Panics in the child of a fork whose parent used green threads on this OS thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_core::park::park;
    /// use green_core::unpark::{Outcome, Unparker, WaitReason};
    ///
    /// let me = Unparker::current();
    /// let other = std::thread::spawn(move || me.unpark());
    /// assert_eq!(park(WaitReason::Other), Outcome::Unparked);
    /// other.join().unwrap();
    /// ```
    pub fn current() -> Self {
        let hub = current::hub();
        // Here and not in the middle of a wait, which would leave its queue as it is.
        hub.check_fork();
        Self::of(hub.current())
    }

    /// Wakes the green thread if it is parked, otherwise makes its next park return at once.
    pub fn unpark(self) {
        match current::existing() {
            Some(hub) if hub.owns(self.record) => hub.unpark_local(self.record, self.generation),
            _ => {
                self.record.shared().send(Message::Unpark(self));
            }
        }
    }

    /// Asks for the green thread's end; see `kill`.
    pub(crate) fn kill(self) {
        match current::existing() {
            Some(hub) if hub.owns(self.record) => hub.kill_local(self),
            _ => {
                self.record.shared().send(Message::Kill(self));
            }
        }
    }

    /// Returns the record if it still belongs to the green thread that this was made for. Only its owner hub asks.
    pub(crate) fn live(self) -> Option<&'static Record> {
        (self.record.generation() == self.generation).then_some(self.record)
    }

    /// Returns the record as [`live`](Self::live) does, if it is one of `hub`'s: a value that outlives its OS thread's
    /// hub must not look at a record that may serve another OS thread by now.
    pub(crate) fn live_on(self, hub: &Hub) -> Option<&'static Record> {
        if hub.owns(self.record) { self.live() } else { None }
    }

    /// Returns the node by which the running green thread waits in a queue; only its owner hub asks.
    pub(crate) fn node(self) -> &'static Node {
        &self.record.node
    }

    pub(crate) fn record(self) -> &'static Record {
        self.record
    }

    pub(crate) fn generation(self) -> u64 {
        self.generation
    }
}

/// A place for the unparker of a green thread that may not have started yet: set once, read from anywhere.
///
/// Ordering: the pointer is stored with `Release` after the generation and loaded with `Acquire` before it.
pub(crate) struct UnparkerCell {
    record: AtomicPtr<Record>,
    generation: AtomicU64,
}

impl UnparkerCell {
    pub(crate) const fn empty() -> Self {
        Self { record: AtomicPtr::new(ptr::null_mut()), generation: AtomicU64::new(0) }
    }

    /// Sets the unparker; only its green thread's hub does, at the start.
    pub(crate) fn set(&self, unparker: Unparker) {
        debug_assert!(self.get().is_none(), "a green thread starts once");
        self.replace(unparker);
    }

    /// Sets another unparker, in the child of a fork, where no other OS thread reads meanwhile.
    pub(crate) fn replace(&self, unparker: Unparker) {
        self.generation.store(unparker.generation, Ordering::Relaxed);
        self.record.store(ptr::from_ref(unparker.record).cast_mut(), Ordering::Release);
    }

    /// Returns the unparker if it is set.
    pub(crate) fn get(&self) -> Option<Unparker> {
        let record = self.record.load(Ordering::Acquire).cast_const();
        // SAFETY: the pointer is null or came from a `&'static Record` (`set`).
        let record: &'static Record = unsafe { record.as_ref() }?;
        Some(Unparker { record, generation: self.generation.load(Ordering::Relaxed) })
    }
}

impl PartialEq for Unparker {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self.record, other.record) && self.generation == other.generation
    }
}

impl Eq for Unparker {}

impl fmt::Debug for Unparker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unparker")
            .field("record", &std::ptr::from_ref(self.record))
            .field("generation", &self.generation)
            .finish()
    }
}
