//! The receiver of a list: what it finds in its block, and how it waits for more. The rules are in the list's essay.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::mpsc::{RecvTimeoutError, TryRecvError};
use std::time::Instant;

use green_core::kill;
use green_core::park::{linger, park_until};
#[cfg(not(loom))]
use green_core::per_process::process_number;
use green_core::primitive::{Ordering, spin};
use green_core::unpark::{Outcome, Unparker, WaitReason};
use green_core::wait_queue::WaitQueue;

use super::{Arc, Block, CAPACITY, GONE, HUNG_UP, LAP, List, Slot, WAITING, Waiter, position};

/// The receiving half.
pub(crate) struct Receiver<T> {
    list: Arc<List<T>>,
    /// The position that is read next, never a `lap`.
    head: Cell<u64>,
    /// The block of `head`.
    block: Cell<NonNull<Block<T>>>,
    /// True while somebody waits for a message. There may be more: green threads of one OS thread can share a receiver,
    /// by an `Rc` or a scope of their own, although it is not `Sync`. They take turns.
    busy: Cell<bool>,
    /// True if somebody came while it was.
    contended: Cell<bool>,
    /// Those who wait for their turn.
    others: WaitQueue,
    /// The process that they are in who wait, or have the turn.
    #[cfg(not(loom))]
    process: Cell<u32>,
}

/// The turn of the one who waits for a message; passed on when dropped.
struct Turn<'a, T>(&'a Receiver<T>);

impl<T> Drop for Turn<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.busy.set(false);
        if self.0.contended.get() {
            self.0.pass_on_turn();
        }
    }
}

// SAFETY: the block is reached by this receiver alone, through the list's rules; it holds messages that are `Send`.
unsafe impl<T: Send> Send for Receiver<T> {}

/// What the receiver finds beside messages.
enum Empty {
    /// Nothing; this is the `tail` that says so.
    At(u64),
    /// Nothing, and nothing will come.
    HungUp,
}

impl<T> Receiver<T> {
    /// Makes the receiver of a list whose first block is `block`.
    pub(super) fn new(list: Arc<List<T>>, block: NonNull<Block<T>>) -> Self {
        Self {
            list,
            head: Cell::new(0),
            block: Cell::new(block),
            busy: Cell::new(false),
            contended: Cell::new(false),
            others: WaitQueue::new(),
            #[cfg(not(loom))]
            process: Cell::new(process_number()),
        }
    }

    /// Takes the next message if it is ready.
    #[inline]
    fn pop(&self) -> Option<T> {
        let slot = self.slot();
        if !slot.ready.load(Ordering::Acquire) {
            return None;
        }
        slot.ready.store(false, Ordering::Relaxed);
        // SAFETY: `ready` gave the slot to the receiver; clearing it means that it is read once.
        let message = slot.value.with(|value| unsafe { value.read() });
        // SAFETY: the sender wrote it before it set `ready`.
        let message = unsafe { message.assume_init() };
        let head = self.head.get() + 1;
        if head % LAP == CAPACITY {
            self.turn_over(head + 1);
        } else {
            self.head.set(head);
        }
        Some(message)
    }

    #[inline]
    fn slot(&self) -> &Slot<T> {
        // SAFETY: the receiver's block is alive: the receiver alone recycles it.
        let block = unsafe { self.block.get().as_ref() };
        &block.slots[(self.head.get() % LAP) as usize]
    }

    #[inline]
    fn is_ready(&self) -> bool {
        self.slot().ready.load(Ordering::Acquire)
    }

    /// Goes on to the next block; all slots of this one have been read.
    #[cold]
    fn turn_over(&self, head: u64) {
        let old = self.block.get();
        // SAFETY: as in `slot`.
        let next = unsafe { old.as_ref() }.next.load(Ordering::Acquire);
        let next = NonNull::new(next).expect("the next block is linked before the last slot is ready");
        self.block.set(next);
        self.head.set(head);
        // SAFETY: the block came from a box, and nobody looks into it any more (see the list's essay).
        self.list.recycle(unsafe { Box::from_raw(old.as_ptr()) });
    }

    /// Returns what there is if no message is; waits the few instructions that a sender needs that has taken a slot.
    fn look(&self) -> Result<(), Empty> {
        let mut rounds = 0;
        loop {
            if self.is_ready() {
                return Ok(());
            }
            let tail = self.list.tail.load(Ordering::Acquire);
            if position(tail) == self.head.get() {
                return Err(if tail & HUNG_UP == 0 { Empty::At(tail) } else { Empty::HungUp });
            }
            spin(rounds);
            rounds += 1;
        }
    }

    /// Announces at `tail`, where the list is empty, that `waiter` is to be told; returns false if it is not so any more.
    fn announce(&self, tail: u64, waiter: Waiter) -> bool {
        // SAFETY: `WAITING` is clear, and whoever cleared it has set its slot's `ready` since, because the list is empty.
        self.list.waiter.with_mut(|cell| unsafe { *cell = waiter });
        self.list.tail.compare_exchange(tail, tail | WAITING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Takes the announcement at `tail` back; returns false if something has come.
    fn retract(&self, tail: u64) -> bool {
        let list = &self.list.tail;
        list.compare_exchange(tail | WAITING, tail & !WAITING, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Takes the next message if there is one.
    #[inline]
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        if let Some(message) = self.pop() {
            return Ok(message);
        }
        match self.look() {
            Ok(()) => Ok(self.pop().expect("the receiver saw that it is ready")),
            Err(Empty::At(_)) => Err(TryRecvError::Empty),
            Err(Empty::HungUp) => Err(TryRecvError::Disconnected),
        }
    }

    /// Takes the next message, waiting for it until `deadline`. A kill point if it waits.
    #[inline]
    pub(crate) fn recv(&self, deadline: Option<Instant>) -> Result<T, RecvTimeoutError> {
        if let Some(message) = self.pop() {
            return Ok(message);
        }
        self.look_who_waits();
        if self.busy.get() {
            self.wait_for_turn(deadline)?;
        }
        self.busy.set(true);
        let _turn = Turn(self);
        loop {
            if let Some(message) = self.pop() {
                return Ok(message);
            }
            self.wait(deadline)?;
        }
    }

    /// In the child of a fork, forgets the turn and the announcement of who waited in the parent. To be called before either is
    /// looked at or begun.
    #[inline]
    fn look_who_waits(&self) {
        #[cfg(not(loom))]
        if self.process.get() != process_number() {
            self.forget_parents();
        }
    }

    #[cfg(not(loom))]
    #[cold]
    fn forget_parents(&self) {
        self.process.set(process_number());
        self.busy.set(false);
        self.contended.set(false);
        let tail = self.list.tail.load(Ordering::Acquire);
        if tail & WAITING != 0 {
            // If it fails, a sender has taken it, and woken nobody.
            self.retract(tail);
        }
    }

    #[cold]
    fn wait_for_turn(&self, deadline: Option<Instant>) -> Result<(), RecvTimeoutError> {
        while self.busy.get() {
            // Each time: a turn that began and ended since this one was notified found nobody in the queue.
            self.contended.set(true);
            match self.others.wait_until(deadline, WaitReason::Receive, || self.busy.get()) {
                Outcome::Unparked => {}
                Outcome::TimedOut => return Err(RecvTimeoutError::Timeout),
                Outcome::Interrupted => kill::deliver(),
            }
        }
        Ok(())
    }

    /// Lets the next in line have a turn, and waits over several things announce themselves.
    #[cold]
    fn pass_on_turn(&self) {
        if !self.others.notify_one() {
            self.contended.set(false);
        }
        self.list.selects.notify_all();
    }

    /// Waits until a message is ready.
    fn wait(&self, deadline: Option<Instant>) -> Result<(), RecvTimeoutError> {
        if linger(|| self.is_ready()) {
            return Ok(());
        }
        loop {
            let tail = match self.look() {
                Ok(()) => return Ok(()),
                Err(Empty::HungUp) => return Err(RecvTimeoutError::Disconnected),
                Err(Empty::At(tail)) => tail,
            };
            if tail & WAITING != 0 {
                // Waits over several things have left it. They are there still, perhaps, and are told when this turn ends.
                self.contended.set(true);
                self.retract(tail);
                continue;
            }
            if !self.announce(tail, Waiter::Receiver(Unparker::current())) {
                continue;
            }
            match self.sleep(tail, deadline) {
                Outcome::Unparked => {}
                Outcome::TimedOut => return Err(RecvTimeoutError::Timeout),
                Outcome::Interrupted => kill::deliver(),
            }
        }
    }

    /// Parks until the announcement at `tail` is answered, or is taken back for the reason that is returned.
    #[inline]
    fn sleep(&self, tail: u64, deadline: Option<Instant>) -> Outcome {
        loop {
            let outcome = park_until(deadline, WaitReason::Receive);
            if self.is_ready() {
                return Outcome::Unparked;
            }
            if outcome == Outcome::Unparked {
                if self.list.tail.load(Ordering::Acquire) == tail | WAITING {
                    // It was meant for an earlier wait.
                    continue;
                }
                return Outcome::Unparked;
            }
            return if self.retract(tail) { outcome } else { Outcome::Unparked };
        }
    }

    /// Returns true if [`try_recv`](Self::try_recv) would not say that it is empty; otherwise the next message will
    /// notify [`selects`](Self::selects).
    pub(crate) fn is_ready_or_announced(&self) -> bool {
        self.look_who_waits();
        loop {
            match self.look() {
                Ok(()) | Err(Empty::HungUp) => return true,
                Err(Empty::At(_)) if self.busy.get() => {
                    self.contended.set(true);
                    return false;
                }
                Err(Empty::At(tail)) if tail & WAITING != 0 || self.announce(tail, Waiter::Select) => return false,
                Err(Empty::At(_)) => {}
            }
        }
    }

    /// Returns where a wait over several things waits for this one.
    pub(crate) fn selects(&self) -> &WaitQueue {
        &self.list.selects
    }
}

impl<T> Drop for Receiver<T> {
    /// Ends sending, and drops what was sent.
    fn drop(&mut self) {
        let mut tail = self.list.tail.fetch_or(GONE, Ordering::AcqRel);
        let mut rounds = 0;
        while position(tail) % LAP == CAPACITY {
            spin(rounds);
            rounds += 1;
            tail = self.list.tail.load(Ordering::Acquire);
        }
        // No sender takes a slot any more; those that have one fill it.
        let mut rounds = 0;
        while self.head.get() != position(tail) {
            match self.pop() {
                Some(message) => drop(message),
                None => {
                    spin(rounds);
                    rounds += 1;
                }
            }
        }
    }
}
