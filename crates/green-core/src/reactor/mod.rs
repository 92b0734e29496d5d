//! The reactor: readiness of file descriptors, by `mio` (I4).
//!
//! Every hub has one, made when the first green thread of the hub waits for a descriptor. A registration is
//! edge-triggered, tells of room to write once somebody has waited for it, and stays until the descriptor is closed or a
//! waiter on another hub takes over. All of it is touched by the owner hub's OS thread alone, but for leaving the poll,
//! which anybody may do.
//!
//! # Why no edge is lost
//!
//! A green thread waits only after its call found nothing to do (`EWOULDBLOCK`), and nothing can dispatch an event of this hub
//! between that call and the wait: both are on the hub's OS thread with no switch in between (I2). An edge that came before the
//! call was answered by the call; one that came after it is still in the kernel's ready list when the hub next asks. A first
//! registration reports the readiness of that moment. So readiness need not be remembered, and an event for which
//! nobody waits is dropped.
//!
//! An event wakes *all* waiters of its direction, in their order, and each tries its call again. Waking one would mean
//! that it must pass on what it did not use, in every way that it can end; several waiters on one direction are rare.
//!
//! # Doubts
//!
//! A short `recv` of a Unix stream looks as if it had taken all there was, so that the next one waits for an edge without a
//! call. But it may have stopped behind data with which descriptors came; then what follows is there already, and no edge
//! tells of it. So that registration is *doubted*, and the hub looks at all that it doubts with one `poll` before it sleeps without
//! an event to end the sleep at once, or after [`DOUBT`] if it does not.
//!
//! # Why no stale event wakes the next owner of a number
//!
//! A descriptor leaves the poll before it is closed. An event that was collected before that carries the token of the
//! dead registration, whose generation no longer fits. If the number comes back before this hub has heard of the close, the new
//! registration retires the old one.

pub(crate) mod lint;
pub(crate) mod waker;

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};

use crate::clock;
use crate::hub::Hub;
use crate::hub::shared::{Message, Shared};
use crate::sys::{Direction, Look, TimerFd};
use crate::unpark::{Outcome, Unparker, WaitReason};

/// Events taken from the kernel at once.
const EVENTS: usize = 1024;
/// The poll's own descriptors; no registration's token has these indices.
const RING: usize = usize::MAX;
const TIMER: usize = usize::MAX - 1;

/// How long what is doubted waits for a hub that does not sleep, or whose sleeps end at once, in ticks.
const DOUBT: u64 = 1_000_000;

/// What every registration is told of. The kernel tells of urgent data only who asks to hear of it.
const READS: Interest = Interest::READABLE.add(Interest::PRIORITY);

/// Names a registration: an index, and a generation that tells its users apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    index: u32,
    generation: u32,
}

impl Token {
    /// Returns the token as one word.
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// Returns the token of which [`to_bits`](Self::to_bits) gave the word.
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self { index: bits as u32, generation: (bits >> 32) as u32 }
    }

    fn to_mio(self) -> mio::Token {
        mio::Token(self.to_bits() as usize)
    }

    fn from_mio(token: mio::Token) -> Self {
        Self::from_bits(token.0 as u64)
    }
}

/// Who waits for one direction of a descriptor; nearly always nobody or one.
#[derive(Debug, Default)]
struct Waiters {
    first: Option<Unparker>,
    rest: Vec<Unparker>,
}

impl Waiters {
    fn push(&mut self, unparker: Unparker) {
        if self.first.is_none() && self.rest.is_empty() {
            self.first = Some(unparker);
        } else {
            self.rest.push(unparker);
        }
    }

    fn remove(&mut self, unparker: Unparker) {
        self.first.take_if(|first| *first == unparker);
        self.rest.retain(|other| *other != unparker);
    }

    fn drain_into(&mut self, woken: &mut Vec<Unparker>) {
        woken.extend(self.first.take());
        woken.append(&mut self.rest);
    }

    /// Returns true if a green thread that still exists waits here.
    fn is_live(&self) -> bool {
        self.first.iter().chain(&self.rest).any(|waiter| waiter.live().is_some())
    }
}

/// One registered descriptor.
#[derive(Debug)]
struct Entry {
    generation: u32,
    /// Counts events, so that a waiter knows a wake-up of its own from a late one.
    tick: u32,
    fd: RawFd,
    in_use: bool,
    /// True once somebody has waited to write: before that, the poll is not asked to tell of room.
    writes: bool,
    /// True once an event told of an end, an error or urgent data: after that there may be no edge for what is left.
    ended: bool,
    /// True while it is among those that are doubted.
    doubted: bool,
    readers: Waiters,
    writers: Waiters,
}

impl Entry {
    fn waiters(&mut self, direction: Direction) -> &mut Waiters {
        match direction {
            Direction::Read => &mut self.readers,
            Direction::Write => &mut self.writers,
        }
    }
}

/// What exists once the first descriptor was registered.
#[derive(Debug)]
struct Live {
    poll: Poll,
    events: Events,
    timer: TimerFd,
    /// The deadline for which the timer is armed, in ticks.
    armed: Option<u64>,
    entries: Vec<Entry>,
    /// For each descriptor number, the entry that it was last registered with.
    by_fd: Vec<u32>,
    free: Vec<u32>,
    woken: Vec<Unparker>,
    /// Those that may have something to read although a receive seemed to take all; and since when there are any, in ticks.
    doubted: Vec<Token>,
    doubted_since: u64,
    look: Look,
}

/// A hub's reactor.
#[derive(Debug)]
pub(crate) struct Reactor(RefCell<Option<Box<Live>>>);

impl Reactor {
    pub(crate) const fn new() -> Self {
        Self(RefCell::new(None))
    }

    /// Returns true once a descriptor has been registered here.
    pub(crate) fn in_use(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Registers `fd` with this hub.
    ///
    /// # Errors
    ///
    /// The OS error: no descriptor or memory left, or a descriptor that cannot be polled.
    pub(crate) fn register(&self, hub: &Hub, fd: RawFd) -> io::Result<Token> {
        let mut guard = self.0.borrow_mut();
        let live = match &mut *guard {
            Some(live) => live,
            none => none.insert(Box::new(Live::new(hub.shared())?)),
        };
        let index = live.free.pop().unwrap_or_else(|| {
            live.entries.push(Entry {
                generation: 0,
                tick: 0,
                fd: -1,
                in_use: false,
                writes: false,
                ended: false,
                doubted: false,
                readers: Waiters::default(),
                writers: Waiters::default(),
            });
            u32::try_from(live.entries.len() - 1).expect("fewer descriptors than 2^32")
        });
        let entry = &mut live.entries[index as usize];
        let token = Token { index, generation: entry.generation };
        if let Err(error) = live.poll.registry().register(&mut SourceFd(&fd), token.to_mio(), READS) {
            live.free.push(index);
            return Err(error);
        }
        entry.fd = fd;
        entry.in_use = true;
        entry.writes = false;
        entry.ended = false;
        entry.doubted = false;
        let stale = live.note_number(fd, index);
        hub.shared().registered().fetch_add(1, Ordering::Relaxed);
        drop(guard);
        if let Some(stale) = stale {
            self.forget(hub, stale);
        }
        Ok(token)
    }

    /// Returns true while `token` names a registration.
    pub(crate) fn is_registered(&self, token: Token) -> bool {
        self.0.borrow_mut().as_mut().is_some_and(|live| live.entry(token).is_some())
    }

    /// Returns the number of events of a registration of which every further byte will be an edge.
    pub(crate) fn open_tick(&self, token: Token) -> Option<u32> {
        self.with_entry(token, |entry| (!entry.ended).then_some(entry.tick)).flatten()
    }

    /// Sees to it that somebody looks whether the registration has something to read after all.
    pub(crate) fn doubt(&self, hub: &Hub, token: Token) {
        let mut guard = self.0.borrow_mut();
        let Some(live) = guard.as_mut() else { return };
        let Some(entry) = live.entry(token) else { return };
        if entry.doubted {
            return;
        }
        entry.doubted = true;
        if live.doubted.is_empty() {
            live.doubted_since = hub.seen();
        }
        live.doubted.push(token);
    }

    /// Waits, after a call that would have blocked or a look that found nothing, until one of `directions` is worth another
    /// try.
    pub(crate) fn wait_ready<const N: usize>(
        &self,
        hub: &Hub,
        token: Token,
        directions: [Direction; N],
        deadline: Option<Instant>,
        reason: WaitReason,
    ) -> Outcome {
        let unparker = Unparker::current();
        if directions.contains(&Direction::Write) && !self.ask_for_room(token) {
            return Outcome::Unparked;
        }
        let Some(tick) = self.with_entry(token, |entry| {
            directions.iter().for_each(|&direction| entry.waiters(direction).push(unparker));
            entry.tick
        }) else {
            return Outcome::Unparked;
        };
        loop {
            let outcome = hub.park_current(deadline, reason);
            let done = self.with_entry(token, |entry| {
                if outcome == Outcome::Unparked && entry.tick == tick {
                    return false;
                }
                directions.iter().for_each(|&direction| entry.waiters(direction).remove(unparker));
                true
            });
            // A registration that is gone has woken its waiters.
            if done.unwrap_or(true) {
                return outcome;
            }
        }
    }

    /// Makes sure that the poll tells of room to write as well; returns false if `token` names no registration.
    ///
    /// Not from the start, because a UDP or Unix socket has room again, and says so, with each datagram or piece of data that
    /// was taken from it. For an echo server those are as many events as the ones that matter.
    fn ask_for_room(&self, token: Token) -> bool {
        let mut guard = self.0.borrow_mut();
        let Some(live) = guard.as_mut() else { return false };
        let Some(entry) = live.entry(token) else { return false };
        if entry.writes {
            return true;
        }
        let fd = entry.fd;
        // This tells of present room too, so none is missed. It cannot fail for a descriptor that is in the poll.
        let interest = READS.add(Interest::WRITABLE);
        let asked = live.poll.registry().reregister(&mut SourceFd(&fd), token.to_mio(), interest).is_ok();
        if let Some(entry) = live.entry(token) {
            entry.writes = asked;
        }
        asked
    }

    fn with_entry<R>(&self, token: Token, f: impl FnOnce(&mut Entry) -> R) -> Option<R> {
        let mut guard = self.0.borrow_mut();
        guard.as_mut()?.entry(token).map(f)
    }

    /// Frees a registration whose descriptor has left the poll already.
    pub(crate) fn forget(&self, hub: &Hub, token: Token) {
        let mut woken = Vec::new();
        if let Some(live) = self.0.borrow_mut().as_mut()
            && let Some(entry) = live.entry(token)
        {
            entry.in_use = false;
            entry.generation = entry.generation.wrapping_add(1);
            entry.readers.drain_into(&mut woken);
            entry.writers.drain_into(&mut woken);
            live.free.push(token.index);
            hub.shared().registered().fetch_sub(1, Ordering::Relaxed);
        }
        woken.into_iter().for_each(Unparker::unpark);
    }

    /// Gives up a registration that a waiter on another hub has made needless, unless somebody waits here.
    ///
    /// The descriptor may be closed by its owner at this very moment, and its number be that of a newer one. Nothing is lost
    /// by that: into this poll only this hub puts descriptors, and when it does so with that number, it first forgets the
    /// entry that is looked for here (`note_number`). So a number that is still an entry's is the entry's descriptor, or
    /// one that this poll does not know, and then the kernel refuses.
    pub(crate) fn release(&self, hub: &Hub, token: Token) {
        let free =
            self.with_entry(token, |entry| (!entry.readers.is_live() && !entry.writers.is_live()).then_some(entry.fd));
        if let Some(Some(fd)) = free {
            leave_poll(hub.shared(), fd);
            self.forget(hub, token);
        }
    }

    /// Returns how many descriptors are registered, and how many green threads wait for them.
    pub(crate) fn census(&self) -> (usize, usize) {
        let guard = self.0.borrow();
        let entries = guard.iter().flat_map(|live| &live.entries).filter(|entry| entry.in_use);
        let waiters = |waiters: &Waiters| usize::from(waiters.first.is_some()) + waiters.rest.len();
        entries.fold((0, 0), |(registered, waiting), entry| {
            (registered + 1, waiting + waiters(&entry.readers) + waiters(&entry.writers))
        })
    }

    /// Takes the events that are there, without waiting.
    pub(crate) fn look(&self, hub: &Hub) {
        self.turn(hub, Some(Duration::ZERO));
    }

    /// Waits for events, a ring, or `deadline` (in ticks).
    pub(crate) fn wait(&self, hub: &Hub, deadline: Option<u64>) {
        let mut timeout = None;
        if let Some(deadline) = deadline {
            let span = Duration::from_nanos(deadline.saturating_sub(clock::ticks(clock::now())));
            let mut guard = self.0.borrow_mut();
            let live = guard.as_mut().expect("only a hub with a poll sleeps in it");
            if span.is_zero() {
                timeout = Some(span);
            } else if live.armed != Some(deadline) {
                // `epoll_wait` would round up to a millisecond.
                live.timer.arm_after(span);
                live.armed = Some(deadline);
            }
        }
        self.turn(hub, timeout);
    }

    fn turn(&self, hub: &Hub, timeout: Option<Duration>) {
        let mut guard = self.0.borrow_mut();
        let Some(live) = guard.as_mut() else { return };
        let sleeps = timeout != Some(Duration::ZERO);
        let mut came = false;
        if !live.doubted.is_empty() {
            // A busy hub's sleep is hardly ever one: with events there is no need to look at what they may not have told of.
            came = sleeps && live.turn(Some(Duration::ZERO));
            // Who waits in place sees no time pass.
            let now = if came { clock::ticks(clock::now()) } else { hub.seen() };
            if sleeps && !came || now.saturating_sub(live.doubted_since) >= DOUBT {
                live.settle_doubts();
            }
        }
        if !came {
            live.turn(if live.woken.is_empty() { timeout } else { Some(Duration::ZERO) });
        }
        let mut woken = std::mem::take(&mut live.woken);
        drop(guard);
        for unparker in woken.drain(..) {
            hub.unpark_cold(unparker.record(), unparker.generation());
        }
        if let Some(live) = self.0.borrow_mut().as_mut() {
            live.woken = woken;
        }
    }
}

impl Live {
    fn new(shared: &'static Shared) -> io::Result<Self> {
        let poll = Poll::new()?;
        let event = shared.event()?;
        let timer = TimerFd::new()?;
        let registry = poll.registry();
        registry.register(&mut SourceFd(&event.as_raw_fd()), mio::Token(RING), Interest::READABLE)?;
        registry.register(&mut SourceFd(&timer.as_raw_fd()), mio::Token(TIMER), Interest::READABLE)?;
        let registry = Registry(registry.try_clone()?);
        shared.registry().get_or_init(|| registry);
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            timer,
            armed: None,
            entries: Vec::new(),
            by_fd: Vec::new(),
            free: Vec::new(),
            woken: Vec::new(),
            doubted: Vec::new(),
            doubted_since: 0,
            look: Look::default(),
        })
    }

    /// Notes the entry of a descriptor number that the kernel has just accepted. Another entry of that number is of a
    /// descriptor that was closed elsewhere, of which the news is still in the inbox: it is returned, because whoever
    /// acted on that entry's number now would act on the new descriptor.
    fn note_number(&mut self, fd: RawFd, index: u32) -> Option<Token> {
        let number = usize::try_from(fd).expect("an open descriptor's number is not negative");
        if self.by_fd.len() <= number {
            self.by_fd.resize(number + 1, u32::MAX);
        }
        let before = std::mem::replace(&mut self.by_fd[number], index);
        let entry = self.entries.get(before as usize)?;
        (before != index && entry.in_use && entry.fd == fd)
            .then_some(Token { index: before, generation: entry.generation })
    }

    fn entry(&mut self, token: Token) -> Option<&mut Entry> {
        named(&mut self.entries, token)
    }

    /// Looks at all that is doubted, and does for what can be read what an event would do.
    fn settle_doubts(&mut self) {
        let doubted = std::mem::take(&mut self.doubted);
        // One that is gone leaves a number that is skipped.
        let fd = |token| self.entries.get(token as usize).map_or(-1, |entry| entry.fd);
        self.look.at(doubted.iter().map(|token| fd(token.index)));
        for (place, token) in doubted.iter().enumerate() {
            let Some(entry) = named(&mut self.entries, *token) else { continue };
            entry.doubted = false;
            if self.look.found(place) {
                entry.tick = entry.tick.wrapping_add(1);
                entry.readers.drain_into(&mut self.woken);
            }
        }
        self.doubted = doubted;
        self.doubted.clear();
    }

    /// Takes the events that come until `timeout`; returns whether any did, or something else ended the wait.
    fn turn(&mut self, timeout: Option<Duration>) -> bool {
        if self.poll.poll(&mut self.events, timeout).is_err() {
            // Interrupted by a signal: the loop comes back. No other error is possible for a poll of our own.
            return true;
        }
        for event in &self.events {
            match event.token().0 {
                RING => continue,
                TIMER => {
                    self.armed = None;
                    continue;
                }
                _ => {}
            }
            let Some(entry) = named(&mut self.entries, Token::from_mio(event.token())) else { continue };
            entry.tick = entry.tick.wrapping_add(1);
            entry.ended |= event.is_read_closed() || event.is_error() || event.is_priority();
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                entry.readers.drain_into(&mut self.woken);
            }
            if event.is_writable() || event.is_write_closed() || event.is_error() {
                entry.writers.drain_into(&mut self.woken);
            }
        }
        !self.events.is_empty()
    }
}

/// Returns the entry that `token` names.
fn named(entries: &mut [Entry], token: Token) -> Option<&mut Entry> {
    entries.get_mut(token.index as usize).filter(|entry| entry.in_use && entry.generation == token.generation)
}

/// The way into a hub's poll for other OS threads.
#[derive(Debug)]
pub(crate) struct Registry(mio::Registry);

/// Takes a descriptor out of a hub's poll, from any OS thread.
fn leave_poll(shared: &'static Shared, fd: RawFd) {
    if let Some(registry) = shared.registry().get()
        && !shared.is_forked()
    {
        // An error means that it is not in there any more.
        let _ = registry.0.deregister(&mut SourceFd(&fd));
    }
}

/// Takes a descriptor that is about to be closed out of the poll of a hub, which may be another OS thread's.
pub(crate) fn close(shared: &'static Shared, hub: Option<&Hub>, token: Token, fd: RawFd) {
    match hub {
        Some(hub) if std::ptr::eq(hub.shared(), shared) => {
            if hub.reactor().is_registered(token) {
                leave_poll(shared, fd);
                hub.reactor().forget(hub, token);
            }
        }
        _ => {
            leave_poll(shared, fd);
            // The slot can wait: nothing of the descriptor is left in the poll.
            shared.send_quietly(Message::Forget(token));
        }
    }
}
