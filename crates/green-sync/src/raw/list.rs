//! The channel of many senders, one receiver and no bound: a list of blocks that senders fill and the receiver empties.
//!
//! A message costs its sender one exchange on `tail`, and the receiver nothing but the look at the message's own slot.
//! Going to sleep costs the receiver one exchange on `tail` too, and waking it costs the sender nothing: the exchange
//! that takes a place in the list takes the receiver's wish to be woken with it.
//!
//! ```text
//!   tail = position and three flags                       block ─────────────┐
//!                                                                            ▼
//!   head (the receiver's own) ─→ ┌───┬───┬───┬───┬─────┐ next ┌───┬───┬───┬───┬─────┐
//!                                │   │ m │ m │ m │ lap │ ───→ │ m │ m │   │   │ lap │
//!                                └───┴───┴───┴───┴─────┘      └───┴───┴───┴───┴─────┘
//! ```
//!
//! Positions count on for ever; each block has `CAPACITY` slots and one position more, `lap`, which `tail` has while
//! the sender that took the last slot puts the next block in place. Others spin in that moment.
//!
//! | in `tail`  | set by                                        | cleared by                                          |
//! |------------|-----------------------------------------------|-----------------------------------------------------|
//! | position   | a sender, +1 by the exchange that takes a slot; +1 more after `lap` | —                              |
//! | `WAITING`  | the receiver, with the list empty             | the sender that takes the next slot, or the receiver |
//! | `GONE`     | the receiver's drop                           | —                                                   |
//! | `HUNG_UP`  | the last sender's drop                        | —                                                   |
//!
//! **Who may touch what.** A slot belongs to the sender that took its position until it sets `ready`, and to the
//! receiver from then on. A block belongs to the receiver, to recycle it, once its last slot was read: the sender of that
//! slot linked the next block before it set `ready`, and all others have set theirs. A sender looks into a block only
//! after its exchange succeeded, which proves that the pointer it loaded after `tail` is that block's: the pointer
//! changes only after an exchange on `tail`, and positions never come back. `waiter` belongs to the receiver while
//! `WAITING` is clear and no sender that cleared it is on its way. The sender on its way reads `waiter` *before* it sets
//! its slot's `ready`, and the receiver writes `waiter` only after it has read every slot up to the position that it
//! finds in `tail`. The last sender's drop reads it too, if it found `WAITING`; after `HUNG_UP` the receiver does not write it.
//!
//! **The race of a receiver that leaves.** A timeout or a kill clears `WAITING` by an exchange from exactly the value
//! that was announced. If that fails, a message (or the end) is on its way: the receiver waits the few instructions
//! until it is there and takes it, so a message is never left behind by a wake-up that went nowhere, and the wake-up
//! itself, late, ends some later park spuriously.
//!
//! **Several who wait.** Green threads of one OS thread can share the receiver. Those in `recv` have turns, and a wait over
//! several things that finds a turn under way is notified at its end. Otherwise `WAITING` stands for all such waits together, so
//! its answer goes to all; and a turn that finds it takes it back, and notifies them when it ends.
//!
//! A receiver on a stack that will never run again (I15) swallows nothing but a wake-up: there is no other receiver.
//!
//! **Rejected.** A `VecDeque` under a lock with the waiter in it, swapped out whole by the receiver, has no unsafe code
//! and costs three lock pairs where this costs two exchanges; the exchange of `mpmc`, which is locked and has a
//! `WaitQueue` besides, takes 95 ns for a leg of a ping-pong, and this 33. A `WaitQueue` for the receiver would serve
//! any number of waiters where there is one.

use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

#[cfg(loom)]
use loom::sync::Arc;
#[cfg(not(loom))]
use std::sync::Arc;

use green_core::primitive::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, spin};
use green_core::unpark::Unparker;
use green_core::wait_queue::WaitQueue;

use super::cell::UnsafeCell;

mod receiver;

pub(crate) use receiver::Receiver;

/// Positions per block: the slots and one more. A power of two.
const LAP: u64 = if cfg!(loom) { 2 } else { 32 };
const CAPACITY: u64 = LAP - 1;

const WAITING: u64 = 1;
const GONE: u64 = 2;
const HUNG_UP: u64 = 4;
const SHIFT: u32 = 3;
const ONE: u64 = 1 << SHIFT;

fn position(tail: u64) -> u64 {
    tail >> SHIFT
}

struct Slot<T> {
    value: UnsafeCell<MaybeUninit<T>>,
    /// Set with `Release` when the value is there; cleared when it was read.
    ready: AtomicBool,
}

struct Block<T> {
    next: AtomicPtr<Block<T>>,
    slots: [Slot<T>; CAPACITY as usize],
}

impl<T> Block<T> {
    #[cfg(not(loom))]
    fn new() -> Box<Self> {
        // In place, because a block of large messages may not fit a small stack.
        let block = Box::<Self>::new_zeroed();
        // SAFETY: all fields may be zero: a null pointer, `false`, and values that need not be initialised.
        unsafe { block.assume_init() }
    }

    #[cfg(loom)]
    fn new() -> Box<Self> {
        let slot = |_| Slot { value: UnsafeCell::new(MaybeUninit::uninit()), ready: AtomicBool::new(false) };
        Box::new(Self { next: AtomicPtr::new(ptr::null_mut()), slots: std::array::from_fn(slot) })
    }
}

/// Who is to be told of the next message.
#[derive(Clone, Copy)]
enum Waiter {
    /// Nobody has waited yet.
    Nobody,
    /// The receiver, parked.
    Receiver(Unparker),
    /// Waits over several things, which have nodes in `selects`.
    Select,
}

/// What senders and receiver share.
struct List<T> {
    tail: AtomicU64,
    /// The block of `tail`'s position.
    block: AtomicPtr<Block<T>>,
    /// An empty block for the next sender that needs one.
    spare: AtomicPtr<Block<T>>,
    senders: AtomicUsize,
    waiter: UnsafeCell<Waiter>,
    selects: WaitQueue,
    _messages: PhantomData<T>,
}

// SAFETY: messages of type `T` are moved from one OS thread to another; nothing else of `T` is shared. The rules in the
// module's essay order all accesses to `waiter` and the slots.
unsafe impl<T: Send> Send for List<T> {}
// SAFETY: as above: no two threads ever have a `&T` of the same message.
unsafe impl<T: Send> Sync for List<T> {}

impl<T> List<T> {
    fn new(block: NonNull<Block<T>>) -> Self {
        Self {
            tail: AtomicU64::new(0),
            block: AtomicPtr::new(block.as_ptr()),
            spare: AtomicPtr::new(ptr::null_mut()),
            senders: AtomicUsize::new(1),
            waiter: UnsafeCell::new(Waiter::Nobody),
            selects: WaitQueue::new(),
            _messages: PhantomData,
        }
    }

    fn send(&self, message: T) -> Result<(), T> {
        let mut fresh = None;
        let mut rounds = 0;
        let mut tail = self.tail.load(Ordering::Acquire);
        let (block, place) = loop {
            if tail & GONE != 0 {
                return Err(message);
            }
            let place = position(tail) % LAP;
            if place == CAPACITY {
                spin(rounds);
                rounds += 1;
                tail = self.tail.load(Ordering::Acquire);
                continue;
            }
            if place + 1 == CAPACITY && fresh.is_none() {
                fresh = Some(self.new_block());
                // Others have gone on meanwhile.
                tail = self.tail.load(Ordering::Acquire);
                continue;
            }
            let block = self.block.load(Ordering::Acquire);
            let next = (tail + ONE) & !WAITING;
            match self.tail.compare_exchange_weak(tail, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break (block, place),
                Err(now) => tail = now,
            }
        };
        let waiter = self.called(tail);
        // SAFETY: the exchange succeeded, so this is the block of the position, and its slot is this call's until it
        // sets `ready`; the block is not recycled before that.
        let block = unsafe { &*block };
        if place + 1 == CAPACITY
            && let Some(next) = fresh.take()
        {
            let next = Box::into_raw(next);
            self.block.store(next, Ordering::Release);
            self.tail.fetch_add(ONE, Ordering::Release);
            block.next.store(next, Ordering::Release);
        }
        let slot = &block.slots[place as usize];
        // SAFETY: the slot is this call's, and empty.
        slot.value.with_mut(|value| unsafe { (*value).write(message) });
        slot.ready.store(true, Ordering::Release);
        self.wake(waiter);
        if let Some(unused) = fresh {
            // Somebody else took the last slot in the end.
            self.recycle(unused);
        }
        Ok(())
    }

    /// Returns who is to be woken by the one whose exchange found `tail`.
    #[inline]
    fn called(&self, tail: u64) -> Waiter {
        if tail & WAITING == 0 {
            return Waiter::Nobody;
        }
        // SAFETY: this call cleared `WAITING` (or hung up), so the receiver leaves the cell alone until this call sets
        // `ready` (or for ever).
        self.waiter.with(|waiter| unsafe { *waiter })
    }

    #[inline]
    fn wake(&self, waiter: Waiter) {
        match waiter {
            Waiter::Nobody => {}
            Waiter::Receiver(unparker) => unparker.unpark(),
            // All, for one flag speaks for all of them: whoever finds nothing left announces itself anew.
            Waiter::Select => {
                self.selects.notify_all();
            }
        }
    }

    #[cold]
    fn new_block(&self) -> Box<Block<T>> {
        let spare = self.spare.swap(ptr::null_mut(), Ordering::Acquire);
        if spare.is_null() {
            return Block::new();
        }
        // SAFETY: the pointer came from a box (`recycle`), and whoever takes it out of `spare` owns it.
        unsafe { Box::from_raw(spare) }
    }

    /// Keeps an empty block for the next sender that needs one.
    #[cold]
    fn recycle(&self, block: Box<Block<T>>) {
        block.next.store(ptr::null_mut(), Ordering::Relaxed);
        let surplus = self.spare.swap(Box::into_raw(block), Ordering::AcqRel);
        if !surplus.is_null() {
            // SAFETY: as in `new_block`.
            drop(unsafe { Box::from_raw(surplus) });
        }
    }

    /// Says that there will be no more messages.
    fn hang_up(&self) {
        let tail = self.tail.fetch_or(HUNG_UP, Ordering::AcqRel);
        self.wake(self.called(tail));
    }
}

impl<T> Drop for List<T> {
    /// Frees what the receiver has left: the block of the tail, emptied by its drop, and the spare one.
    fn drop(&mut self) {
        for block in [&self.block, &self.spare] {
            let block = block.load(Ordering::Acquire);
            if !block.is_null() {
                // SAFETY: both pointers came from boxes, nobody else is left, and no block is in both.
                drop(unsafe { Box::from_raw(block) });
            }
        }
    }
}

/// Makes a list, with its receiver and its first sender.
pub(crate) fn list<T>() -> (Sender<T>, Receiver<T>) {
    let block = NonNull::from(Box::leak(Block::new()));
    let list = Arc::new(List::new(block));
    (Sender { list: Arc::clone(&list) }, Receiver::new(list, block))
}

/// A sending half.
pub(crate) struct Sender<T> {
    list: Arc<List<T>>,
}

impl<T> Sender<T> {
    /// Appends a message; gives it back if the receiver is gone. Never waits.
    #[inline]
    pub(crate) fn send(&self, message: T) -> Result<(), T> {
        self.list.send(message)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.list.senders.fetch_add(1, Ordering::Relaxed);
        Self { list: Arc::clone(&self.list) }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.list.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.list.hang_up();
        }
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use std::sync::mpsc::RecvTimeoutError;
    use std::time::Instant;

    use green_core::unpark::WaitReason;

    use super::*;

    fn soon() -> Option<Instant> {
        // The stub times out at any moment, whatever the deadline is.
        Some(Instant::now())
    }

    /// A message whose leak or second drop loom would see.
    fn message() -> Arc<u32> {
        Arc::new(1)
    }

    #[test]
    fn loom_messages_come_in_order_and_then_the_end() {
        loom::model(|| {
            let (sender, receiver) = list();
            let thread = loom::thread::spawn(move || {
                assert!(sender.send(1).is_ok());
                assert!(sender.send(2).is_ok());
            });
            assert_eq!(receiver.recv(None), Ok(1));
            assert_eq!(receiver.recv(None), Ok(2));
            assert_eq!(receiver.recv(None), Err(RecvTimeoutError::Disconnected));
            thread.join().unwrap();
        });
    }

    #[test]
    fn loom_two_senders_lose_nothing() {
        loom::model(|| {
            let (sender, receiver) = list();
            let other = sender.clone();
            let first = loom::thread::spawn(move || sender.send(1).is_ok());
            let second = loom::thread::spawn(move || other.send(2).is_ok());
            let sum = receiver.recv(None).unwrap() + receiver.recv(None).unwrap();
            assert_eq!(sum, 3);
            assert_eq!(receiver.recv(None), Err(RecvTimeoutError::Disconnected));
            assert!(first.join().unwrap() && second.join().unwrap());
        });
    }

    /// Whatever was sent before the receiver went is dropped with it, and the rest comes back.
    #[test]
    fn loom_a_receiver_that_goes_leaks_nothing() {
        loom::model(|| {
            let (sender, receiver) = list();
            let thread = loom::thread::spawn(move || {
                let _ = sender.send(message());
                let _ = sender.send(message());
            });
            let _ = receiver.try_recv();
            drop(receiver);
            thread.join().unwrap();
        });
    }

    /// A receiver that gives up leaves the message for its next call.
    #[test]
    fn loom_an_impatient_receiver_loses_nothing() {
        loom::model(|| {
            let (sender, receiver) = list();
            let thread = loom::thread::spawn(move || {
                assert!(sender.send(message()).is_ok());
                sender
            });
            let got = match receiver.recv(soon()) {
                Ok(message) => message,
                Err(error) => {
                    assert_eq!(error, RecvTimeoutError::Timeout);
                    receiver.recv(None).unwrap()
                }
            };
            assert_eq!(*got, 1);
            drop(thread.join().unwrap());
            assert_eq!(receiver.recv(None).err(), Some(RecvTimeoutError::Disconnected));
        });
    }

    /// A wait over several things is notified, and a plain wait after it is too.
    #[test]
    fn loom_a_select_is_told() {
        loom::model(|| {
            let (sender, receiver) = list();
            let thread = loom::thread::spawn(move || {
                assert!(sender.send(1).is_ok());
                assert!(sender.send(2).is_ok());
            });
            while !receiver.is_ready_or_announced() {
                let _ = receiver.selects().wait_until(soon(), WaitReason::Select, || !receiver.is_ready_or_announced());
                if receiver.try_recv().is_ok() {
                    break;
                }
            }
            while receiver.recv(None).is_ok() {}
            thread.join().unwrap();
        });
    }
}

/// What needs no switch, so that Miri can watch it.
#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::mpsc::TryRecvError;

    use super::*;

    fn message(n: u64) -> Box<u64> {
        Box::new(n)
    }

    #[test]
    fn blocks_are_filled_emptied_and_recycled() {
        let (sender, receiver) = list();
        for round in 0..5 {
            for n in 0..CAPACITY * 2 + round {
                assert!(sender.send(message(n)).is_ok());
            }
            for n in 0..CAPACITY * 2 + round {
                assert_eq!(receiver.try_recv(), Ok(message(n)));
            }
            assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        }
        drop(sender);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
    }

    #[test]
    fn what_is_left_is_freed() {
        for left in [0, 1, CAPACITY - 1, CAPACITY, CAPACITY + 1, CAPACITY * 3] {
            let (sender, receiver) = list();
            for n in 0..left + 2 {
                assert!(sender.send(message(n)).is_ok());
            }
            assert_eq!(receiver.try_recv(), Ok(message(0)));
            drop(receiver);
            assert_eq!(sender.send(message(1)), Err(message(1)));
        }
    }

    #[test]
    fn os_threads_fill_it_together() {
        let (sender, receiver) = list();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let sender = sender.clone();
                std::thread::spawn(move || (1..=100).for_each(|n| assert!(sender.send(message(n)).is_ok())))
            })
            .collect();
        drop(sender);
        let mut sum = 0;
        loop {
            match receiver.try_recv() {
                Ok(n) => sum += *n,
                Err(TryRecvError::Empty) => std::thread::yield_now(),
                Err(TryRecvError::Disconnected) => break,
            }
        }
        assert_eq!(sum, 3 * 5050);
        for thread in threads {
            thread.join().unwrap();
        }
    }

    #[test]
    fn the_receiver_may_go_in_the_middle() {
        let (sender, receiver) = list();
        let thread = std::thread::spawn(move || (0..200).take_while(|n| sender.send(message(*n)).is_ok()).count());
        for _ in 0..50 {
            while receiver.try_recv().is_err() {
                std::thread::yield_now();
            }
        }
        drop(receiver);
        assert!(thread.join().unwrap() >= 50);
    }
}
