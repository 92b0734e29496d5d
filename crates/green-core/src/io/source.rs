//! A descriptor as the reactors know it: with which hubs it is registered, and whether it is known to be empty.
//!
//! The registrations are under a lock, since the first wait on any hub adds one. Nearly always there is one only, and every
//! wait asks for it, so it is also *published*: the hub in one word, its token in another. A hub that finds itself there
//! needs no lock: only that hub ever withdraws its own registration (a close has the descriptor to itself), so what it reads
//! is what it wrote. For any other hub the words mean nothing.
//!
//! `emptied` belongs to the published hub in the same way. It holds the number of events at which a short `recv` took all there
//! was; while that number stands, there is nothing to be read.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::wishes::Wishes;
use crate::current;
use crate::hub::Hub;
use crate::hub::shared::{Message, Shared};
use crate::reactor::{self, Token};
use crate::sys;

/// A registration with one hub.
#[derive(Clone, Copy, Debug)]
struct Registration {
    shared: &'static Shared,
    token: Token,
    /// The descriptor as that hub's poll knows it.
    fd: RawFd,
}

/// The hubs that a descriptor is registered with: nearly always none or one.
#[derive(Debug, Default)]
struct Registrations {
    first: Option<Registration>,
    rest: Vec<Registration>,
    /// A duplicate to register, made if a poll had the descriptor already: as somebody else's borrow of it.
    alias: Option<OwnedFd>,
}

impl Registrations {
    fn iter(&self) -> impl Iterator<Item = &Registration> {
        self.first.iter().chain(&self.rest)
    }

    fn of(&self, shared: &Shared) -> Option<Registration> {
        self.iter().find(|registration| ptr::eq(registration.shared, shared)).copied()
    }

    /// Adds a registration; returns true if it is the first.
    fn push(&mut self, registration: Registration) -> bool {
        match self.first {
            None => {
                self.first = Some(registration);
                true
            }
            Some(_) => {
                self.rest.push(registration);
                false
            }
        }
    }

    /// Registers the descriptor with `hub`, under the number that is returned too.
    fn register(&mut self, hub: &Hub, fd: RawFd) -> io::Result<(Token, RawFd)> {
        let number = self.alias.as_ref().map_or(fd, AsRawFd::as_raw_fd);
        match hub.reactor().register(hub, number) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.alias.is_none() => {
                let alias = self.alias.insert(sys::duplicate(fd)?).as_raw_fd();
                Ok((hub.reactor().register(hub, alias)?, alias))
            }
            result => Ok((result?, number)),
        }
    }

    /// Removes the registration with a hub; returns true if it was the first.
    fn remove(&mut self, shared: &Shared) -> bool {
        let first = self.first.take_if(|registration| ptr::eq(registration.shared, shared));
        self.rest.retain(|registration| !ptr::eq(registration.shared, shared));
        first.is_some()
    }
}

/// Whether a `recv` took all there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    Some,
    /// All, unless it stopped behind data with which descriptors came.
    Perhaps,
    All,
}

/// No number of events.
const UNKNOWN: u64 = u64::MAX;

/// A descriptor as the reactors know it. Leaves them when dropped, which must be before the descriptor is closed.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) fd: RawFd,
    pub(super) wishes: Wishes,
    /// The hub of the first registration, and its token; stored with `Release` and loaded with `Acquire`, token first.
    published: AtomicPtr<Shared>,
    token: AtomicU64,
    /// The number of events at which the published hub found the socket empty.
    emptied: AtomicU64,
    /// The last `recv_unix` filled its buffer: a hint for the next one.
    pub(super) filled: AtomicBool,
    registrations: Mutex<Registrations>,
}

impl Source {
    pub(super) fn new(fd: RawFd, wishes: Wishes) -> Self {
        Self {
            fd,
            wishes,
            published: AtomicPtr::new(ptr::null_mut()),
            token: AtomicU64::new(0),
            emptied: AtomicU64::new(UNKNOWN),
            filled: AtomicBool::new(false),
            registrations: Mutex::new(Registrations::default()),
        }
    }

    /// Returns the published token if it is this hub's.
    fn own(&self, hub: &Hub) -> Option<Token> {
        let is_own = ptr::eq(self.published.load(Ordering::Acquire), hub.shared());
        is_own.then(|| Token::from_bits(self.token.load(Ordering::Relaxed)))
    }

    /// Returns the token of this hub's registration, if there is one.
    pub(super) fn registered(&self, hub: &Hub) -> Option<Token> {
        self.own(hub).or_else(|| self.registrations.lock().of(hub.shared()).map(|registration| registration.token))
    }

    /// Publishes the first registration; called with the lock held.
    fn publish(&self, first: Option<Registration>) {
        self.published.store(ptr::null_mut(), Ordering::Release);
        self.emptied.store(UNKNOWN, Ordering::Relaxed);
        if let Some(first) = first {
            self.token.store(first.token.to_bits(), Ordering::Relaxed);
            self.published.store(ptr::from_ref(first.shared).cast_mut(), Ordering::Release);
        }
    }

    /// Returns the registration with this hub, making it if there is none.
    pub(super) fn token(&self, hub: &Hub) -> io::Result<Token> {
        match self.own(hub) {
            Some(token) if hub.reactor().is_registered(token) => Ok(token),
            _ => self.find_or_register(hub),
        }
    }

    #[cold]
    fn find_or_register(&self, hub: &Hub) -> io::Result<Token> {
        let mut registrations = self.registrations.lock();
        if let Some(registration) = registrations.of(hub.shared()) {
            if hub.reactor().is_registered(registration.token) {
                return Ok(registration.token);
            }
            // What another hub has published is not this one's to withdraw: that hub may be reading it.
            if registrations.remove(hub.shared()) {
                self.publish(None);
            }
        }
        let (token, fd) = registrations.register(hub, self.fd)?;
        for other in registrations.iter() {
            other.shared.send(Message::Release(other.token));
        }
        let registration = Registration { shared: hub.shared(), token, fd };
        if registrations.push(registration) {
            self.publish(Some(registration));
        }
        Ok(token)
    }

    /// Notes that a `recv` just now took all there was, or seems to have: then the hub looks again.
    pub(super) fn note_emptied(&self, hub: &Hub, all: Taken) {
        if let Some(token) = self.own(hub) {
            if all == Taken::Perhaps {
                hub.reactor().doubt(hub, token);
            }
            let tick = hub.reactor().open_tick(token).map_or(UNKNOWN, u64::from);
            self.emptied.store(tick, Ordering::Relaxed);
        }
    }

    /// Returns true if nothing can have come since the socket was emptied: then an edge will tell of the next.
    pub(super) fn is_empty(&self, hub: &Hub) -> bool {
        let Some(token) = self.own(hub) else { return false };
        let tick = self.emptied.load(Ordering::Relaxed);
        if tick == UNKNOWN {
            return false;
        }
        // Once only: after the wait, the call looks for itself.
        self.emptied.store(UNKNOWN, Ordering::Relaxed);
        hub.reactor().open_tick(token).map(u64::from) == Some(tick)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let hub = current::existing();
        for registration in self.registrations.get_mut().iter() {
            reactor::close(registration.shared, hub, registration.token, registration.fd);
        }
    }
}
