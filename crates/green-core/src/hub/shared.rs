//! The part of a hub that other OS threads touch: its inbox, its eventfd, its unstarted green threads.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering, fence};

use super::start_queue::StartQueue;
use crate::inbox::Inbox;
use crate::reactor::waker::Bed;
use crate::reactor::{Registry, Token};
use crate::spawn::delay::Delayed;
use crate::spawn::unstarted::Unstarted;
use crate::sys;
use crate::timer::TimerKey;
use crate::unpark::Unparker;

/// What comes from other OS threads.
#[derive(Debug)]
pub(crate) enum Message {
    /// Wake a green thread.
    Unpark(Unparker),
    /// Kill one.
    Kill(Unparker),
    /// There is one more in `unstarted`: start the oldest in its turn.
    Start,
    /// Start this one when the time has come, in ticks.
    Delay(u64, Box<Delayed>),
    /// Start the one now that has this timer, if it still has.
    Hasten(TimerKey),
    /// The fd of this registration was closed elsewhere, after it had left the poll.
    Forget(Token),
    /// A waiter on another hub took over: leave the poll if nobody waits here.
    Release(Token),
    /// Something was posted; see `handle.rs`.
    Posts,
}

/// Whether a ring makes a worker search for unstarted green threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Searchable {
    Yes,
    No,
}

/// A hub as others see it. Never freed; reused by later OS threads.
#[derive(Debug)]
pub(crate) struct Shared {
    inbox: Inbox<Message>,
    event: OnceLock<sys::EventFd>,
    /// The poll, once there is one; deregistering is allowed to everybody.
    registry: OnceLock<Registry>,
    /// Green threads that no stack was given yet.
    unstarted: StartQueue,
    /// File descriptors registered here, for placement.
    registered: AtomicUsize,
    /// Green threads that live here; only the owner writes it.
    live: AtomicUsize,
    /// Green threads that were handed over from elsewhere, and those of them whose turn to start has come.
    handed: AtomicUsize,
    begun: AtomicUsize,
    /// True while the owner has nothing to do and looks for messages; see `patience.rs`.
    looking: AtomicBool,
    /// True while this worker sleeps where a ring makes it search; see `workers.rs`.
    searchable: AtomicBool,
    /// The fork generation in which the hub may be used: the poll and the eventfd are that process's own.
    fork: AtomicU32,
    /// The root that went on elsewhere in the child of a fork, and as whom.
    moved: OnceLock<(Unparker, Unparker)>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            inbox: Inbox::new(),
            event: OnceLock::new(),
            registry: OnceLock::new(),
            unstarted: StartQueue::new(),
            registered: AtomicUsize::new(0),
            live: AtomicUsize::new(0),
            handed: AtomicUsize::new(0),
            begun: AtomicUsize::new(0),
            looking: AtomicBool::new(false),
            searchable: AtomicBool::new(false),
            fork: AtomicU32::new(0),
            moved: OnceLock::new(),
        }
    }

    pub(crate) fn inbox(&self) -> &Inbox<Message> {
        &self.inbox
    }

    /// Puts a message into the inbox that can wait until the owner wakes for another reason.
    pub(crate) fn send_quietly(&self, message: Message) {
        if !self.is_forked() {
            self.inbox.push_quietly(message);
        }
    }

    /// Puts a message into the inbox and wakes the owner if it sleeps; returns whether it slept.
    pub(crate) fn send(&self, message: Message) -> bool {
        if self.is_forked() {
            // Nobody reads it, and another OS thread may have been in the middle of such a push when this process was forked.
            return self.forward(&message);
        }
        let bed = self.inbox.push(message);
        if let Some(bed) = bed {
            self.ring(bed);
        }
        bed.is_some()
    }

    /// Notes that `root` goes on as `successor`, in the child of a fork.
    pub(crate) fn note_moved(&self, root: Unparker, successor: Unparker) {
        let _ = self.moved.set((root, successor));
    }

    /// Wakes the root that went on elsewhere, if the message is for it: whoever made it may have an unparker from before.
    #[cold]
    fn forward(&self, message: &Message) -> bool {
        if let (Message::Unpark(unparker), Some((root, successor))) = (message, self.moved.get())
            && unparker == root
        {
            successor.unpark();
        }
        false
    }

    /// Wakes the owner if it sleeps, without a message; returns whether it slept.
    pub(crate) fn rouse(&self) -> bool {
        if self.is_forked() {
            return false;
        }
        let Some(bed) = self.inbox.flag().rouse() else { return false };
        self.ring(bed);
        true
    }

    fn ring(&self, bed: Bed) {
        match bed {
            Bed::Futex => sys::futex_wake(self.inbox.flag().futex().0),
            Bed::Poll => {
                self.event.get().expect("a hub makes its eventfd before it sleeps in a poll").ring();
            }
        }
    }

    /// Returns the eventfd, made on first use.
    pub(crate) fn event(&self) -> std::io::Result<&sys::EventFd> {
        if let Some(event) = self.event.get() {
            return Ok(event);
        }
        let event = sys::EventFd::new()?;
        Ok(self.event.get_or_init(|| event))
    }

    pub(crate) fn registry(&self) -> &OnceLock<Registry> {
        &self.registry
    }

    pub(crate) fn unstarted(&self) -> &StartQueue {
        &self.unstarted
    }

    pub(crate) fn registered(&self) -> &AtomicUsize {
        &self.registered
    }

    /// Queues an unstarted green thread from another OS thread; this worker starts it in its turn, unless another
    /// takes it before. Returns whether this one had nothing else to do.
    pub(crate) fn hand(&self, unstarted: Unstarted) -> bool {
        self.unstarted.push(unstarted);
        self.handed.fetch_add(1, Ordering::Relaxed);
        self.send(Message::Start) || self.looking.load(Ordering::Relaxed)
    }

    /// Says that the owner looks for messages.
    pub(crate) fn begin_look(&self) {
        self.looking.store(true, Ordering::Relaxed);
    }

    /// Says that it does no longer. Whoever pushed before and saw it look has left it to the owner to find somebody for
    /// what the owner does not start at once.
    pub(crate) fn end_look(&self) {
        self.looking.store(false, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Notes that the turn of one that was handed over has come. Only the owner calls this.
    pub(crate) fn note_begun(&self) {
        self.begun.store(self.begun.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    /// Notes how many green threads live here. Only the owner calls this.
    #[inline]
    pub(crate) fn note_live(&self, live: usize) {
        self.live.store(live, Ordering::Relaxed);
    }

    /// Returns how many green threads live here, roots aside.
    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Returns about how many green threads live here or may start here: for who would take some.
    pub(crate) fn load_here(&self) -> usize {
        self.live.load(Ordering::Relaxed) + self.unstarted.len()
    }

    /// Returns about how many green threads live here or are on their way: for placement.
    pub(crate) fn load(&self) -> usize {
        let begun = self.begun.load(Ordering::Relaxed);
        let coming = self.handed.load(Ordering::Relaxed).wrapping_sub(begun);
        // Neither is read at the same moment as the other: an impossible difference is none.
        let coming = if coming > usize::MAX / 2 { 0 } else { coming };
        self.live.load(Ordering::Relaxed) + coming
    }

    pub(crate) fn set_searchable(&self, searchable: Searchable) {
        self.searchable.store(searchable == Searchable::Yes, Ordering::Relaxed);
    }

    pub(crate) fn is_searchable(&self) -> bool {
        self.searchable.load(Ordering::Relaxed)
    }

    /// Notes that the poll and the eventfd belong to this process, or to none where there must not be any.
    pub(crate) fn adopt(&self) {
        self.fork.store(sys::usable_generation(), Ordering::Relaxed);
    }

    /// Returns true in the child of a fork, which shares poll and eventfd with its parent and must not touch them; and of every
    /// hub until such a child was made usable.
    pub(crate) fn is_forked(&self) -> bool {
        self.fork.load(Ordering::Relaxed) != sys::fork_generation()
    }
}
