//! The one FIFO of waiters, under joins, locks and everything else that green threads wait for.
//!
//! A waiter's node lies in its record (a stack frame would do, but a record is there anyway), so waiting allocates
//! nothing. The queue may be shared by green threads of many hubs and by plain OS threads.
//!
//! # The protocol
//!
//! | node    | meaning                                                      | next                                 |
//! |---------|--------------------------------------------------------------|--------------------------------------|
//! | IDLE    | in no queue                                                  | QUEUED by its owner, under the lock  |
//! | QUEUED  | linked                                                       | CLAIMED by a notifier, or IDLE by its owner; under the lock |
//! | CLAIMED | unlinked by a notifier that has still to say so              | DONE by that notifier, without the lock |
//! | DONE    | notified; the notifier will not touch node or queue any more | IDLE by its owner                    |
//! | SEVERAL | a green thread's own node, while it waits in several queues by the nodes from `previous` up to `next` | IDLE by its owner |
//!
//! The races that it survives:
//! - *Timeout or kill against notify.* The owner takes the lock to unlink itself. If it finds itself CLAIMED, the
//!   notification has won: it waits the few instructions until DONE and reports `Unparked`, so a wake-up is never
//!   lost and need not be passed on.
//! - *A queue that dies with the wait.* A waiter may free the queue (it may lie in what it waited for) as soon as
//!   its wait returns. DONE is therefore the notifier's last touch of a node, made after the lock was released, and
//!   a notifier of many unlinks all of them under one lock before it says DONE to the first.
//! - *A late unpark.* The notifier unparks after DONE, when the owner may already be in another wait: that park ends
//!   spuriously, and its loop looks at its own node.
//!
//! Rejected: a futex word per queue with the waiters elsewhere (parking_lot's way) hashes on every wait and cannot
//! unlink a green thread whose OS thread has ended; wake-ups that carry a token to pass on need every caller to
//! do it right.

mod several;

use std::cell::Cell;
use std::fmt;
use std::ptr;
use std::time::Instant;

use crate::park::park_until;
use crate::primitive::{AtomicU8, AtomicU32, Mutex, MutexGuard, Ordering, spin};
#[cfg(not(loom))]
use crate::sys;
use crate::unpark::{Outcome, Unparker, WaitReason};

pub(crate) use several::Several;

const IDLE: u8 = 0;
const QUEUED: u8 = 1;
const CLAIMED: u8 = 2;
const DONE: u8 = 3;
/// The owner waits in several queues, with nodes of their own.
const SEVERAL: u8 = 4;

/// A place in a queue. `state` is stored with `Release` and loaded with `Acquire` where it crosses OS threads; the
/// other fields are guarded by the lock of the queue that the node is in.
pub(crate) struct Node {
    state: AtomicU8,
    next: Cell<*const Node>,
    previous: Cell<*const Node>,
    queue: Cell<*const WaitQueue>,
    unparker: Cell<Option<Unparker>>,
    /// Where on the waiter's stack a `&dyn Fn()` is that its end calls for, if it does; see [`Node::abandon`].
    at_end: Cell<*const ()>,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self {
            state: AtomicU8::new(IDLE),
            next: Cell::new(ptr::null()),
            previous: Cell::new(ptr::null()),
            queue: Cell::new(ptr::null()),
            unparker: Cell::new(None),
            at_end: Cell::new(ptr::null()),
        }
    }

    /// Takes the node of a green thread that will never run again out of its queue (I15), and passes on a wake-up
    /// that it had been given and could not use. Then calls what the wait left for this moment.
    #[cfg(not(loom))]
    pub(crate) fn abandon(&self) {
        let queue = self.queue.get();
        if self.state.load(Ordering::Acquire) == IDLE || queue.is_null() {
            return;
        }
        // SAFETY: the frame that called `wait_until` is suspended for ever and borrows the queue, so the queue
        // outlives this call (I8), unless it was a thread-local of this OS thread, whose drop has cleared the pointer.
        let queue = unsafe { &*queue };
        if !queue.leave(self) {
            queue.notify_one();
        }
        let at_end = self.at_end.get().cast::<&dyn Fn()>();
        if !at_end.is_null() {
            // SAFETY: it lies in the frame of `wait_until_or_end`, which is suspended for ever (I8), and what that closure
            // borrows is borrowed there for as long as the queue, which is alive as said above.
            let at_end = unsafe { &*at_end };
            at_end();
        }
    }
}

struct List {
    head: *const Node,
    tail: *const Node,
}

// SAFETY: the pointers lead to nodes whose linked fields are only touched under the lock around this list, and whose
// memory outlives their time in it: records are never freed, and a node leaves the list before its wait returns.
unsafe impl Send for List {}

impl List {
    fn push_back(&mut self, node: &Node) {
        node.next.set(ptr::null());
        node.previous.set(self.tail);
        if self.tail.is_null() {
            self.head = node;
        } else {
            // SAFETY: a linked node is alive, and `&mut self` means that the lock is held.
            unsafe { &*self.tail }.next.set(node);
        }
        self.tail = node;
    }

    fn remove(&mut self, node: &Node) {
        let (previous, next) = (node.previous.get(), node.next.get());
        if previous.is_null() {
            self.head = next;
        } else {
            // SAFETY: a linked node is alive, and `&mut self` means that the lock is held.
            unsafe { &*previous }.next.set(next);
        }
        if next.is_null() {
            self.tail = previous;
        } else {
            // SAFETY: as above.
            unsafe { &*next }.previous.set(previous);
        }
    }

    fn pop_front<'a>(&mut self) -> Option<&'a Node> {
        if self.head.is_null() {
            return None;
        }
        // SAFETY: a linked node is alive; once it is CLAIMED it stays so until the caller says DONE.
        let node = unsafe { &*self.head };
        self.remove(node);
        Some(node)
    }
}

/// A FIFO of waiting green threads and OS threads.
///
/// What happened before a `notify` is visible to the waiter that it woke. Once a notified wait has returned, the
/// notifier no longer touches the queue; but it borrows it until its call returns, so it needs a share of its own (an
/// [`Arc`](std::sync::Arc)) in what the waiter may free.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use green_core::unpark::{Outcome, WaitReason};
/// use green_core::wait_queue::WaitQueue;
///
/// let gate = Arc::new((AtomicBool::new(false), WaitQueue::new()));
/// let opener = Arc::clone(&gate);
/// let thread = std::thread::spawn(move || {
///     opener.0.store(true, Ordering::SeqCst);
///     opener.1.notify_all();
/// });
/// // The closure runs under the queue's lock, so the store above cannot slip in between the look and the wait.
/// let outcome = gate.1.wait_until(None, WaitReason::Other, || !gate.0.load(Ordering::SeqCst));
/// assert_eq!(outcome, Outcome::Unparked);
/// thread.join().unwrap();
/// ```
pub struct WaitQueue {
    list: Mutex<List>,
    /// Notifications that were given and not yet taken. Counted so that a queue that dies under a green thread that
    /// will never run again (I15) knows to look for it.
    given: AtomicU32,
    /// The process whose waiters are in the list, by its fork generation; written under the lock.
    #[cfg(not(loom))]
    process: AtomicU32,
}

impl WaitQueue {
    /// Creates an empty queue.
    #[cfg(not(loom))]
    pub const fn new() -> Self {
        Self {
            list: Mutex::new(List { head: ptr::null(), tail: ptr::null() }),
            given: AtomicU32::new(0),
            process: AtomicU32::new(0),
        }
    }

    /// Creates an empty queue.
    #[cfg(loom)]
    pub fn new() -> Self {
        Self { list: Mutex::new(List { head: ptr::null(), tail: ptr::null() }), given: AtomicU32::new(0) }
    }

    /// Waits until a notification comes, `deadline` passes, or a kill or alarm can be delivered.
    ///
    /// `blocked` is asked once, under the queue's lock: if it returns false there is nothing to wait for, and the
    /// call returns [`Outcome::Unparked`] at once. It must not park.
    ///
    /// The outcome is exact: `Unparked` means that a notification was taken (or `blocked` returned false), anything
    /// else that none was and that this waiter has left the queue. After `Interrupted` the caller cleans up and
    /// calls [`kill::deliver`](crate::kill::deliver).
    pub fn wait_until(&self, deadline: Option<Instant>, reason: WaitReason, blocked: impl FnOnce() -> bool) -> Outcome {
        self.wait(deadline, reason, blocked, ptr::null())
    }

    /// Waits as [`wait_until`](Self::wait_until) does, for somebody whose mere waiting others go by: a lock that is kept for who
    /// was notified, say. If its OS thread ends meanwhile, so that it will never run again, then `at_end` is called
    /// there, once it has left the queue and passed a notification on. It must not park.
    pub fn wait_until_or_end(
        &self,
        deadline: Option<Instant>,
        reason: WaitReason,
        blocked: impl FnOnce() -> bool,
        at_end: &dyn Fn(),
    ) -> Outcome {
        // A thin pointer to it, so that the nodes stay small. It is looked at while this frame is suspended.
        self.wait(deadline, reason, blocked, (&raw const at_end).cast())
    }

    #[inline(always)]
    fn wait(
        &self,
        deadline: Option<Instant>,
        reason: WaitReason,
        blocked: impl FnOnce() -> bool,
        at_end: *const (),
    ) -> Outcome {
        let unparker = Unparker::current();
        let node = unparker.node();
        if !self.enter(node, unparker, blocked) {
            return Outcome::Unparked;
        }
        node.at_end.set(at_end);
        loop {
            let outcome = park_until(deadline, reason);
            if node.state.load(Ordering::Acquire) == DONE {
                self.take(node);
                return Outcome::Unparked;
            }
            if outcome != Outcome::Unparked {
                return if self.leave(node) { outcome } else { Outcome::Unparked };
            }
        }
    }

    /// Links `node` if `blocked`, asked under the lock, says so.
    fn enter(&self, node: &Node, unparker: Unparker, blocked: impl FnOnce() -> bool) -> bool {
        let mut list = self.lock();
        if !blocked() {
            return false;
        }
        node.unparker.set(Some(unparker));
        node.queue.set(self);
        node.state.store(QUEUED, Ordering::Relaxed);
        list.push_back(node);
        true
    }

    /// Locks the list. In the child of a fork those that the parent has left in it are forgotten: they will never run here, and
    /// would swallow the notifications.
    #[inline]
    fn lock(&self) -> MutexGuard<'_, List> {
        #[cfg_attr(loom, expect(unused_mut, reason = "a model does not fork"))]
        let mut list = self.list.lock();
        #[cfg(not(loom))]
        if self.process.load(Ordering::Relaxed) != sys::fork_generation() {
            self.forget_parents(&mut list);
        }
        list
    }

    #[cfg(not(loom))]
    #[cold]
    fn forget_parents(&self, list: &mut List) {
        // Their nodes stay as they are. Nobody looks at them again.
        *list = List { head: ptr::null(), tail: ptr::null() };
        self.given.store(0, Ordering::Relaxed);
        self.process.store(sys::fork_generation(), Ordering::Relaxed);
    }

    /// Unlinks `node`; returns false if a notification had claimed it before.
    fn leave(&self, node: &Node) -> bool {
        {
            let mut list = self.lock();
            if node.state.load(Ordering::Relaxed) == QUEUED {
                list.remove(node);
                node.state.store(IDLE, Ordering::Relaxed);
                return true;
            }
        }
        let mut rounds = 0;
        while node.state.load(Ordering::Acquire) != DONE {
            spin(rounds);
            rounds += 1;
        }
        self.take(node);
        false
    }

    /// Takes the notification that its owner finds in a DONE node.
    fn take(&self, node: &Node) {
        node.state.store(IDLE, Ordering::Relaxed);
        self.given.fetch_sub(1, Ordering::Relaxed);
    }

    /// Wakes the one that has waited longest; returns false if nobody waits.
    pub fn notify_one(&self) -> bool {
        self.notify_one_or(|| {})
    }

    /// Wakes the one that has waited longest; calls `empty` under the queue's lock, and returns false, if nobody waits.
    ///
    /// What `empty` clears, a newcomer sets anew under the same lock (in `blocked`), so neither is lost on the other. It must not park.
    pub fn notify_one_or(&self, empty: impl FnOnce()) -> bool {
        let node = {
            let mut list = self.lock();
            let Some(node) = list.pop_front() else {
                empty();
                return false;
            };
            node.state.store(CLAIMED, Ordering::Relaxed);
            self.given.fetch_add(1, Ordering::Relaxed);
            node
        };
        Self::finish(node);
        true
    }

    /// Wakes all that wait now, in their order; returns how many.
    pub fn notify_all(&self) -> usize {
        let mut node: *const Node = {
            let mut list = self.lock();
            let head = list.head;
            let mut node = head;
            while !node.is_null() {
                // SAFETY: linked nodes are alive, and the lock is held.
                let claimed = unsafe { &*node };
                claimed.state.store(CLAIMED, Ordering::Relaxed);
                self.given.fetch_add(1, Ordering::Relaxed);
                node = claimed.next.get();
            }
            list.head = ptr::null();
            list.tail = ptr::null();
            head
        };
        let mut count = 0;
        while !node.is_null() {
            // SAFETY: a CLAIMED node stays in its wait until this call says DONE.
            let claimed = unsafe { &*node };
            // The link is read before DONE, after which the node may be in another queue.
            node = claimed.next.get();
            Self::finish(claimed);
            count += 1;
        }
        count
    }

    /// Tells a CLAIMED node's owner: the last touch of the node.
    ///
    /// It takes no reference, which would have to be valid until the call returns: the owner of several nodes frees them as
    /// soon as they are DONE.
    fn finish(node: *const Node) {
        // SAFETY: a CLAIMED node stays in its wait until it is DONE.
        let unparker = unsafe { &(*node).unparker }.get().expect("a queued node has an unparker");
        // SAFETY: as above. The reference is to an atomic alone, which may go while `store` has it.
        let state = unsafe { &(*node).state };
        state.store(DONE, Ordering::Release);
        unparker.unpark();
    }

    /// Returns true if nobody waits at this moment.
    pub fn is_empty(&self) -> bool {
        self.lock().head.is_null()
    }
}

#[cfg(not(loom))]
impl Drop for WaitQueue {
    /// Nobody can wait in a queue that is dropped but a green thread that will never run again: it was suspended in a
    /// borrow of a thread-local of its OS thread, which is ending (I15). Its node must not lead here any more.
    fn drop(&mut self) {
        if *self.process.get_mut() != sys::fork_generation() {
            return;
        }
        let list = self.list.get_mut();
        while let Some(node) = list.pop_front() {
            node.state.store(IDLE, Ordering::Relaxed);
            node.queue.set(ptr::null());
        }
        if *self.given.get_mut() > 0
            && let Some(hub) = crate::current::existing()
        {
            let own: *const Self = self;
            hub.for_each_node(|node| {
                if node.queue.get() == own {
                    node.queue.set(ptr::null());
                }
            });
        }
    }
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitQueue").finish_non_exhaustive()
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicBool;

    fn soon() -> Option<Instant> {
        // The stub times out at any moment, whatever the deadline is.
        Some(Instant::now())
    }

    /// A notification is either taken by the waiter or still there to be given to the next.
    #[test]
    fn loom_a_timed_wait_never_swallows_a_notification() {
        loom::model(|| {
            let queue = Arc::new(WaitQueue::new());
            let other = queue.clone();
            let waiter =
                loom::thread::spawn(move || other.wait_until(soon(), WaitReason::Other, || true) == Outcome::Unparked);
            let notified = queue.notify_one();
            let woken = waiter.join().unwrap();
            // The queue may have been empty at the time, but a notification that found somebody reached them.
            assert_eq!(notified, woken);
            assert!(queue.is_empty());
        });
    }

    /// The condition is looked at under the lock, so a change before the notification is never slept over.
    #[test]
    fn loom_a_change_before_the_notification_is_seen() {
        loom::model(|| {
            let shared = Arc::new((AtomicBool::new(false), WaitQueue::new()));
            let other = shared.clone();
            let setter = loom::thread::spawn(move || {
                other.0.store(true, Ordering::Release);
                other.1.notify_all();
            });
            while !shared.0.load(Ordering::Acquire) {
                let _ = shared.1.wait_until(None, WaitReason::Other, || !shared.0.load(Ordering::Acquire));
            }
            setter.join().unwrap();
        });
    }

    /// Two waiters, two notifications, one of the waiters impatient: nobody patient is left behind.
    #[test]
    fn loom_a_patient_waiter_gets_what_an_impatient_one_left() {
        loom::model(|| {
            let queue = Arc::new(WaitQueue::new());
            let tokens = Arc::new(crate::primitive::Mutex::new(0u32));
            let (other, pool) = (queue.clone(), tokens.clone());
            let impatient = loom::thread::spawn(move || {
                if other.wait_until(soon(), WaitReason::Other, || *pool.lock() == 0) == Outcome::Unparked {
                    let mut pool = pool.lock();
                    *pool = pool.saturating_sub(1);
                }
            });
            *tokens.lock() += 1;
            queue.notify_one();
            impatient.join().unwrap();
            assert!(queue.is_empty());
        });
    }
}
