//! The raw reader-writer lock: a word that counts readers, and a queue each for readers and writers.
//!
//! # States
//!
//! The upper 59 bits of the word count those who read; no program can forget so many guards that they overflow. The
//! lower ones are flags; 0 is "free, and nobody waits".
//!
//! | bit           | meaning                                                            | set by | cleared by |
//! |---------------|--------------------------------------------------------------------|--------|------------|
//! | WRITER        | somebody writes                                                    | the writer | the writer |
//! | READERS_WAIT  | the readers' queue may not be empty                                | a reader about to wait, under that queue's lock | who is about to notify all of them |
//! | WRITERS_WAIT  | the writers' queue may not be empty; keeps new readers out         | a writer about to wait, under that queue's lock | who found no writer to notify, or a writer that gives up |
//! | READERS_FIRST | a reader was notified and came too late; keeps writers out         | that reader | that reader |
//! | WRITERS_FIRST | a writer was notified and came too late; keeps new writers out     | that writer | that writer |
//!
//! An uncontended read lock is a load and a compare-exchange, its unlock one subtraction; for writing it is a
//! compare-exchange each.
//!
//! # Order
//!
//! New readers queue behind waiting writers, so readers that overlap for ever do not starve a writer. A writer that is
//! done lets in *all readers that wait*, and the last of those lets in *the next writer*: the two sides take turns,
//! nobody is woken who could not go on, and neither side starves the other. Writers among themselves are FIFO.
//!
//! As with the mutex, whoever frees the lock does not hand it over: notified ones try, and those that run already may
//! come first. A reader that came too late once, and a writer that came too late [`PATIENCE`] times (or once, if the other
//! was of its own OS thread and so parked while it wrote), reserves the lock by its `FIRST` bit. A reader that was
//! notified passes a waiting writer; a new one does not.
//!
//! # Nothing is lost
//!
//! Waiters set their bit and join their queue under the queue's lock, and only if they still cannot have the lock;
//! unlocks free first and notify then. `READERS_WAIT` is cleared by who then notifies all, so a later reader sets it
//! anew. `WRITERS_WAIT` stays when one writer is notified, since there may be more; when a notification finds none it is
//! cleared, and then there is a second notification, for one that joined under the vanishing bit: it sets the bit again
//! if it cannot have the lock. If there is none either, the readers that the bit held back are let in. A
//! writer whose wait ends by time or a kill does the same, since it may be the one that the bit stands for.
//!
//! One that will never run again, because its OS thread has ended (I15), is given up likewise: it may have been the one
//! that an unlock notified, or the one that a reservation was made by.
//!
//! An unlock touches the queues after it has freed the lock, as the mutex's does: the borrow in the call keeps them.
//!
//! # Rejected
//!
//! - *One queue for both*, first come first served: woken readers then follow each other like pearls on a string, 40 µs
//!   from core to core, while they could all come at once.
//! - *A count of admitted readers in the word*, by which an unlock makes them readers before they run: one that ends with its
//!   OS thread meanwhile (I15) would read for ever.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Instant;

use green_core::kill;
use green_core::primitive::{AtomicU64, Ordering, spin};
use green_core::unpark::{Outcome, WaitReason};
use green_core::wait_queue::WaitQueue;

use super::here::Holder;

const WRITER: u64 = 1;
const READERS_WAIT: u64 = 2;
const WRITERS_WAIT: u64 = 4;
const READERS_FIRST: u64 = 8;
const WRITERS_FIRST: u64 = 16;
const READER: u64 = 32;

/// How often a writer loses against other OS threads before it reserves the lock.
const PATIENCE: u32 = 16;

/// How often a spin looks at a lock that is written on another OS thread and that nobody waits for.
const SPINS: u32 = 100;

/// A reader-writer lock without data: its `lock`s park the green thread while others are in the way.
///
/// Use it through [`lock_api::RwLock`], or use [`RwLock`](crate::RwLock), which is poisoned by panics as std's is.
///
/// Ordering: what happened before an unlock is visible after the locks that had to wait for it.
#[derive(Debug)]
pub struct RawRwLock {
    state: AtomicU64,
    /// Of writers; nobody spins for readers.
    holder: Holder,
    readers: WaitQueue,
    writers: WaitQueue,
}

/// What one wait has come to so far.
#[derive(Default)]
struct Wait {
    /// It was notified once.
    notified: bool,
    /// How often it was notified and came too late.
    lost: u32,
    /// It reserves the lock for its side.
    demands: bool,
}

/// One of the two sides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

impl Access {
    /// Returns the word after the lock was taken, if it can be.
    fn taken(self, state: u64, wait: &Wait) -> Option<u64> {
        let served = if wait.demands { !self.first() } else { !0 };
        match self {
            Self::Read => {
                let free = state & WRITER == 0 && (state & WRITERS_WAIT == 0 || wait.notified);
                free.then_some((state & served) + READER)
            }
            Self::Write => {
                let reserved = if wait.notified { READERS_FIRST } else { READERS_FIRST | WRITERS_FIRST };
                let free = state < READER && state & (WRITER | reserved) == 0;
                free.then_some((state & served) | WRITER)
            }
        }
    }

    /// Returns the bit that says that one waits.
    fn waiting(self) -> u64 {
        if self == Self::Read { READERS_WAIT } else { WRITERS_WAIT }
    }

    /// Returns the bit that reserves the lock.
    fn first(self) -> u64 {
        if self == Self::Read { READERS_FIRST } else { WRITERS_FIRST }
    }
}

impl RawRwLock {
    /// Creates an unlocked lock.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: AtomicU64::new(0),
            holder: Holder::nobody(),
            readers: WaitQueue::new(),
            writers: WaitQueue::new(),
        }
    }

    /// Creates an unlocked lock.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: AtomicU64::new(0),
            holder: Holder::nobody(),
            readers: WaitQueue::new(),
            writers: WaitQueue::new(),
        }
    }

    #[inline]
    pub(super) fn acquire_read(&self) {
        if !self.read_free() {
            self.acquire_contended(Access::Read);
        }
    }

    #[inline]
    pub(super) fn acquire_write(&self) {
        if !self.write_free() {
            self.acquire_contended(Access::Write);
        }
        self.holder.note();
    }

    #[cfg(not(loom))]
    #[inline]
    pub(super) fn try_acquire_read(&self) -> bool {
        self.read_free() || self.take(Access::Read, &Wait::default())
    }

    #[inline]
    pub(super) fn try_acquire_write(&self) -> bool {
        let taken = self.write_free() || self.take(Access::Write, &Wait::default());
        if taken {
            self.holder.note();
        }
        taken
    }

    pub(super) fn acquire_until(&self, access: Access, deadline: Option<Instant>) -> bool {
        loop {
            match self.wait(access, deadline) {
                Ok(()) => break,
                Err(Outcome::Interrupted) => kill::deliver(),
                Err(_) => return false,
            }
        }
        if access == Access::Write {
            self.holder.note();
        }
        true
    }

    #[inline]
    pub(super) fn release_read(&self) {
        let before = self.state.fetch_sub(READER, Ordering::Release);
        // The last one out lets a writer in. Readers wait for writers alone.
        if before < 2 * READER && before & WRITERS_WAIT != 0 {
            self.notify_writer();
        }
    }

    #[inline]
    pub(super) fn release_write(&self) {
        if self.state.compare_exchange(WRITER, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            self.release_write_contended();
        }
    }

    /// Makes the writer a reader.
    pub(super) fn downgrade_write(&self) {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let next = (state & !(WRITER | READERS_WAIT)) + READER;
            match self.state.compare_exchange_weak(state, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        if state & READERS_WAIT != 0 {
            self.readers.notify_all();
        }
    }

    /// Returns true if somebody reads or writes now.
    pub(super) fn is_held(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        state >= READER || state & WRITER != 0
    }

    /// Returns true if somebody writes now.
    #[cfg(not(loom))]
    pub(super) fn is_written(&self) -> bool {
        self.state.load(Ordering::Relaxed) & WRITER != 0
    }

    #[inline(always)]
    fn read_free(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        state & (WRITER | WRITERS_WAIT) == 0
            && self.state.compare_exchange_weak(state, state + READER, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[inline(always)]
    fn write_free(&self) -> bool {
        self.state.compare_exchange(0, WRITER, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    #[cold]
    #[inline(never)]
    fn acquire_contended(&self, access: Access) {
        while let Err(outcome) = self.wait(access, None) {
            debug_assert_eq!(outcome, Outcome::Interrupted, "there is no deadline");
            kill::deliver();
        }
    }

    /// Takes the lock if it is free for `access`.
    fn take(&self, access: Access, wait: &Wait) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while let Some(taken) = access.taken(state, wait) {
            match self.state.compare_exchange_weak(state, taken, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// Takes the lock as [`take`](Self::take) does, or else makes it known that somebody waits. Called under the lock of
    /// the queue to wait in.
    fn take_or_enlist(&self, access: Access, wait: &Wait) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let taken = access.taken(state, wait);
            let enlisted = state | access.waiting() | if wait.demands { access.first() } else { 0 };
            let next = taken.unwrap_or(enlisted);
            if next == state {
                return false;
            }
            match self.state.compare_exchange_weak(state, next, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return taken.is_some(),
                Err(now) => state = now,
            }
        }
    }

    /// Waits for the lock.
    ///
    /// # Errors
    ///
    /// `TimedOut` or `Interrupted`, without the lock and out of the queue.
    fn wait(&self, access: Access, deadline: Option<Instant>) -> Result<(), Outcome> {
        let mut wait = Wait::default();
        self.spin();
        if self.take(access, &wait) {
            return Ok(());
        }
        let queue = if access == Access::Read { &self.readers } else { &self.writers };
        loop {
            let mut taken = false;
            let blocked = || {
                taken = self.take_or_enlist(access, &wait);
                !taken
            };
            let at_end = || self.leave(access, true);
            let outcome = queue.wait_until_or_end(deadline, WaitReason::Lock, blocked, &at_end);
            if taken {
                return Ok(());
            }
            if outcome != Outcome::Unparked {
                self.leave(access, wait.demands);
                return Err(outcome);
            }
            wait.notified = true;
            if self.take(access, &wait) {
                return Ok(());
            }
            wait.lost += 1;
            wait.demands = access == Access::Read || wait.lost >= PATIENCE || self.holder.is_here();
        }
    }

    /// Looks for a while whether a writer on another OS thread is about to be done.
    fn spin(&self) {
        for round in 0..SPINS {
            let state = self.state.load(Ordering::Relaxed);
            if state != WRITER || self.holder.is_here() {
                return;
            }
            spin(round % 32);
        }
    }

    /// Undoes what a waiter that gives up has set.
    #[cold]
    fn leave(&self, access: Access, demands: bool) {
        match access {
            Access::Write => {
                if demands {
                    self.state.fetch_and(!WRITERS_FIRST, Ordering::Relaxed);
                }
                self.notify_writer();
            }
            Access::Read if demands => {
                let before = self.state.fetch_and(!READERS_FIRST, Ordering::Relaxed);
                if before < READER && before & WRITER == 0 && before & WRITERS_WAIT != 0 {
                    self.notify_writer();
                }
            }
            Access::Read => {}
        }
    }

    #[cold]
    #[inline(never)]
    fn release_write_contended(&self) {
        let before = self.state.fetch_and(!(WRITER | READERS_WAIT), Ordering::Release);
        if before & READERS_WAIT != 0 {
            // The last of them will see to the writers.
            if self.readers.notify_all() > 0 {
                return;
            }
            // Who made the reservation is not there any more.
            self.state.fetch_and(!READERS_FIRST, Ordering::Relaxed);
        }
        if before & WRITERS_WAIT != 0 {
            self.notify_writer();
        }
    }

    /// Notifies the next writer, or, if there is none, the readers that it would have held back.
    #[cold]
    #[inline(never)]
    fn notify_writer(&self) {
        // Under the queue's lock: a writer that comes later sets the bit anew, so a clear bit means an empty queue.
        let clear = || {
            self.state.fetch_and(!(WRITERS_WAIT | WRITERS_FIRST), Ordering::Relaxed);
        };
        if !self.writers.notify_one_or(clear) {
            self.notify_readers();
        }
    }

    /// Notifies the readers that wait, unless a writer is there: that one will.
    fn notify_readers(&self) {
        let mut state = self.state.load(Ordering::Relaxed);
        while state & READERS_WAIT != 0 && state & WRITER == 0 {
            let next = state & !READERS_WAIT;
            match self.state.compare_exchange_weak(state, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    self.readers.notify_all();
                    return;
                }
                Err(now) => state = now,
            }
        }
    }
}

// A panic leaves a raw lock locked or free, and neither is a broken state.
impl UnwindSafe for RawRwLock {}
impl RefUnwindSafe for RawRwLock {}

impl Default for RawRwLock {
    fn default() -> Self {
        Self::new()
    }
}
