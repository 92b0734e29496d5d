//! A green thread's record: what the hub knows of it, in memory that is never given back.
//!
//! Records live in chunks that a hub leaks on purpose and reuses ("type-stable"): an [`Unparker`](crate::unpark::Unparker)
//! may come years late and still finds a record, whose generation then tells it that its green thread has ended.
//! Everything here but `shared` and the wait node belongs to the owner hub's OS thread alone; the node is guarded by
//! the lock of the queue that it is in.
//!
//! | state    | meaning                                                             | left by                    |
//! |----------|---------------------------------------------------------------------|----------------------------|
//! | Free     | in the hub's free list                                               | the start of a green thread |
//! | Running  | its stack is the one that runs, or it waits in place (`no_switch`)    | parking, yielding, ending  |
//! | Runnable | in the run queue                                                     | its turn                   |
//! | Parked   | suspended; a wake-up, its timer or a kill makes it Runnable           | any of these               |
//! | Leaked   | its OS thread ended with it suspended (I15); never leaves this state | nothing                    |

use std::cell::{Cell, RefCell};
use std::mem::offset_of;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::{fmt, ptr};

use crate::context::Slot;
use crate::greenlet::ThreadGreenlets;
use crate::hub::shared::Shared;
use crate::kill::Interrupts;
use crate::local::Slots;
use crate::spawn::unstarted::Task;
use crate::stack::Stack;
use crate::sys;
use crate::timer::TimerKey;
use crate::unpark::{Outcome, WaitReason};
use crate::wait_queue::Node;

/// Where a green thread is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Free,
    Running,
    Runnable,
    Parked,
    Leaked,
}

/// One green thread, or one root, as its hub sees it.
///
/// What a yield or a park touches comes first, in one cache line: with many green threads each of them is cold.
#[repr(C, align(64))]
pub(crate) struct Record {
    /// The innermost suspended context of the green thread.
    pub(crate) slot: Slot,
    shared: &'static Shared,
    generation: Cell<u64>,
    pub(crate) state: Cell<State>,
    /// A wake-up that came while the green thread was not parked.
    pub(crate) notified: Cell<bool>,
    /// What the park that is ending came to.
    pub(crate) outcome: Cell<Outcome>,
    pub(crate) reason: Cell<WaitReason>,
    /// True for the root: the OS thread's own stack.
    pub(crate) is_root: Cell<bool>,
    /// True while thread-local destructors run: kills wait (I7).
    pub(crate) exiting: Cell<bool>,
    pub(crate) no_switch: Cell<u32>,
    pub(crate) shield: Cell<u32>,
    /// The timer of the park in progress.
    pub(crate) timer: Cell<Option<TimerKey>>,
    pub(crate) interrupts: Interrupts,
    pub(crate) node: Node,
    /// Who it is, and what is told of its end.
    pub(crate) task: Cell<Option<Arc<dyn Task>>>,
    pub(crate) stack: Cell<Option<Stack>>,
    pub(crate) greenlets: Cell<Option<Rc<ThreadGreenlets>>>,
    pub(crate) locals: Slots,
    /// The number of who runs here, for who looks from another OS thread; old while nobody does.
    pub(crate) number: AtomicU64,
}

// A million of them are meant to be bearable. (A sanitizer's notes come on top.)
const _: () = assert!(size_of::<Record>() <= 192 || cfg!(any(green_asan, green_tsan)));
const _: () = assert!(offset_of!(Record, interrupts) < 64 || cfg!(any(green_asan, green_tsan)));

impl Record {
    fn new(shared: &'static Shared) -> Self {
        Self {
            shared,
            generation: Cell::new(0),
            state: Cell::new(State::Free),
            notified: Cell::new(false),
            outcome: Cell::new(Outcome::Unparked),
            reason: Cell::new(WaitReason::Other),
            is_root: Cell::new(false),
            exiting: Cell::new(false),
            shield: Cell::new(0),
            no_switch: Cell::new(0),
            slot: Slot::empty(),
            stack: Cell::new(None),
            timer: Cell::new(None),
            node: Node::new(),
            interrupts: Interrupts::new(),
            task: Cell::new(None),
            greenlets: Cell::new(None),
            locals: Slots::new(),
            number: AtomicU64::new(0),
        }
    }

    /// Asks for what a yield or a park touches.
    #[inline(always)]
    pub(crate) fn prefetch(&self) {
        sys::prefetch(ptr::from_ref(self).cast());
    }

    /// Returns the part of the owner hub that every OS thread may touch.
    pub(crate) fn shared(&self) -> &'static Shared {
        self.shared
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// Makes every unparker of the present life void.
    pub(crate) fn end_generation(&self) {
        self.generation.set(self.generation.get().wrapping_add(1));
    }

    /// Gives the record what it is to run.
    pub(crate) fn set_task(&self, task: Arc<dyn Task>) {
        self.number.store(task.identity().id().get(), Ordering::Relaxed);
        self.task.set(Some(task));
    }

    /// Returns what the green thread whose record this is runs.
    pub(crate) fn task(&self) -> Arc<dyn Task> {
        let task = self.task.take().expect("a live record has a task");
        let copy = Arc::clone(&task);
        self.task.set(Some(task));
        copy
    }

    /// Returns the same without a count of its own.
    ///
    /// # Safety
    ///
    /// The record keeps what it runs for as long as the reference is used: it is neither retired nor given another task.
    pub(crate) unsafe fn task_ref(&self) -> &dyn Task {
        // SAFETY: only the owner's OS thread comes here (I2), and nobody replaces the value meanwhile, as the caller says;
        // who takes it for a moment, in `task`, puts the same back before anything else runs.
        let task = unsafe { &*self.task.as_ptr() };
        task.as_deref().expect("a live record has a task")
    }
}

/// Where a hub tells who runs on it, for who looks from another OS thread.
///
/// Ordering: the record was made before it is stored with `Release`, and is loaded with `Acquire`.
#[derive(Debug)]
pub(crate) struct Running(AtomicPtr<Record>);

impl Running {
    pub(crate) const fn nobody() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    /// Says that `record` runs; on x86 it is one store.
    #[inline(always)]
    pub(crate) fn set(&self, record: &'static Record) {
        self.0.store(ptr::from_ref(record).cast_mut(), Ordering::Release);
    }

    /// Returns the number of who runs, or ran just now; 0 for nobody.
    pub(crate) fn number(&self) -> u64 {
        let record = self.0.load(Ordering::Acquire);
        // SAFETY: the pointer is null or came from a reference that lives for ever (records are never freed). Of the record,
        // which belongs to another OS thread (I2), only an atomic is looked at.
        unsafe { record.as_ref() }.map_or(0, |record| record.number.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("generation", &self.generation.get())
            .field("state", &self.state.get())
            .field("reason", &self.reason.get())
            .finish_non_exhaustive()
    }
}

/// A hub's records: leaked chunks and a LIFO list of the free ones.
#[derive(Debug)]
pub(crate) struct Records {
    free: RefCell<Vec<&'static Record>>,
    chunks: RefCell<Vec<&'static [Record]>>,
}

impl Records {
    pub(crate) const fn new() -> Self {
        Self { free: RefCell::new(Vec::new()), chunks: RefCell::new(Vec::new()) }
    }

    /// Takes a free record; its fields are as a fresh one's but for the generation.
    pub(crate) fn take(&self, shared: &'static Shared) -> &'static Record {
        if let Some(record) = self.free.borrow_mut().pop() {
            return record;
        }
        self.grow(shared)
    }

    #[cold]
    fn grow(&self, shared: &'static Shared) -> &'static Record {
        let count = self.chunks.borrow().last().map_or(4, |chunk| (chunk.len() * 2).min(1024));
        let chunk: &'static [Record] = Box::leak((0..count).map(|_| Record::new(shared)).collect());
        self.chunks.borrow_mut().push(chunk);
        let mut free = self.free.borrow_mut();
        free.extend(chunk[1..].iter().rev());
        &chunk[0]
    }

    /// Puts a record back whose green thread has ended; the caller has emptied its fields.
    pub(crate) fn give(&self, record: &'static Record) {
        record.state.set(State::Free);
        self.free.borrow_mut().push(record);
    }

    /// Calls `f` with every record that is not free.
    pub(crate) fn for_each_live(&self, mut f: impl FnMut(&'static Record)) {
        let chunks = self.chunks.borrow().clone();
        for record in chunks.into_iter().flatten() {
            if record.state.get() != State::Free {
                f(record);
            }
        }
    }
}
