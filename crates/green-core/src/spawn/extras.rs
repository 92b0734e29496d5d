//! What few green threads have beside closure and result: links, async tasks that wait, a kill's payload, a delay.
//!
//! All of it is in one box under one lock, so that a packet without pays for a pointer. Two bits of the identity's word tell
//! the runner whether to look: EXITS for the links, before which it closes the list, and WAKERS for the tasks, which
//! are woken after DONE. Whoever adds sets the bit and sees whether the end came first.

use std::any::{Any, TypeId};
use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;
use std::{mem, ptr};

use parking_lot::Mutex;

use super::Abandoned;
use super::delay::Place;
use super::exit::Exit;
use super::ids;
use crate::identity::Identity;
use crate::kill::Killed;
use crate::panic::drop_payload;

/// A closure to run at the end, in the finishing green thread or, if that has ended, in the caller.
pub(crate) type Link = Box<dyn FnOnce(Exit)>;

/// Names a closure that was linked to the end of a green thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkId(NonZeroU64);

/// Names the place of an async task among those who wait for an end.
#[derive(Debug)]
pub(crate) struct WakerId(NonZeroU64);

#[derive(Default)]
struct Few {
    links: VecDeque<(LinkId, Link)>,
    wakers: VecDeque<(NonZeroU64, Waker)>,
    /// What a kill unwinds with for the first time, instead of `Killed`.
    payload: Option<Box<dyn Any + Send>>,
    /// What it was, once it did.
    raised: Option<Raised>,
    /// Where it waits for the time of its start.
    place: Option<Place>,
}

/// What a payload is recognised by when it comes back.
///
/// Whoever catches it owns it, and may pass it on or drop it; so there is nothing of ours in it. It stays in its box when it
/// is passed on, but the box of another may get the place of one that was dropped. Hence the type and, for what a `panic!`
/// has, the text. Two of the same type and place that are no texts are taken for the same.
#[derive(PartialEq)]
struct Raised {
    place: usize,
    kind: TypeId,
    text: Option<Box<str>>,
}

impl Raised {
    fn of(payload: &(dyn Any + Send)) -> Raised {
        let text = payload.downcast_ref::<&str>().map(|text| Box::from(*text));
        let text = text.or_else(|| payload.downcast_ref::<String>().map(|text| Box::from(text.as_str())));
        Raised { place: ptr::from_ref(payload).addr(), kind: payload.type_id(), text }
    }
}

/// What few green threads have.
pub(crate) struct Extras(Mutex<Option<Box<Few>>>);

impl Extras {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Keeps `link` for the end; gives it back if the end has come.
    pub(crate) fn link(&self, identity: &Identity, id: LinkId, link: Link) -> Result<(), Link> {
        let mut few = self.0.lock();
        if !identity.announce_exit() {
            return Err(link);
        }
        few.get_or_insert_default().links.push_back((id, link));
        Ok(())
    }

    /// Takes a link back; returns false if it has begun to run.
    pub(crate) fn unlink(&self, id: LinkId) -> bool {
        let link = {
            let mut few = self.0.lock();
            let Some(few) = few.as_mut() else { return false };
            let index = few.links.iter().position(|link| link.0 == id);
            index.and_then(|index| few.links.remove(index))
        };
        // Its destructor is the user's, and runs without the lock.
        link.is_some()
    }

    /// Runs all links, also those that links add, and closes the list. Never unwinds.
    #[cold]
    pub(crate) fn run_links(&self, identity: &Identity) {
        while let Some(link) = self.next_link(identity) {
            // It must not keep the others from running.
            contain(|| link(identity.exit()));
        }
    }

    /// Takes the next link, or closes the list if there is none.
    fn next_link(&self, identity: &Identity) -> Option<Link> {
        let mut few = self.0.lock();
        let next = few.as_mut().and_then(|few| few.links.pop_front());
        if next.is_none() {
            identity.close_exits();
            let unused = few.as_mut().and_then(|few| few.payload.take());
            drop(few);
            contain(|| drop(unused));
        }
        next.map(|(_, link)| link)
    }

    /// Keeps a payload for the kill that follows, unless it comes too late or another was first.
    pub(crate) fn set_payload(&self, identity: &Identity, payload: Box<dyn Any + Send>) {
        let mut few = self.0.lock();
        if identity.announce_exit() {
            let few = few.get_or_insert_default();
            if few.payload.is_none() && few.raised.is_none() {
                few.payload = Some(payload);
                return;
            }
        }
        // The destructor of what is not kept runs without the lock.
        drop(few);
        drop(payload);
    }

    /// Returns what a kill unwinds with: what it came with for the first time, and `Killed` from then on.
    pub(crate) fn kill_payload(&self) -> Box<dyn Any + Send> {
        let mut few = self.0.lock();
        let payload = few.as_mut().and_then(|few| few.payload.take());
        match (payload, few.as_mut()) {
            (Some(payload), Some(few)) => {
                few.raised = Some(Raised::of(&*payload));
                payload
            }
            _ => Box::new(Killed),
        }
    }

    /// Returns how a green thread ended that unwound with `payload`: one that caught a kill may have another of its own.
    pub(crate) fn exit_of(&self, payload: &(dyn Any + Send)) -> Exit {
        let is_raised = |few: &Few| few.raised.as_ref().is_some_and(|raised| *raised == Raised::of(payload));
        let is_kill = payload.is::<Killed>() || self.0.lock().as_deref().is_some_and(is_raised);
        if is_kill { Exit::Killed } else { Exit::Panicked }
    }

    /// Returns how a green thread ended that did not run, or not on, and has `payload` for its result.
    pub(crate) fn exit_of_unrun(&self, payload: &(dyn Any + Send)) -> Exit {
        let is_lost = payload.is::<Abandoned>() || payload.is::<std::io::Error>();
        match self.exit_of(payload) {
            Exit::Killed => Exit::Killed,
            _ if is_lost => Exit::Abandoned,
            other => other,
        }
    }

    /// Has `waker` woken once the end has come; returns false if it has. `id` names a place that was taken before.
    pub(crate) fn register(&self, identity: &Identity, id: &mut Option<WakerId>, waker: &Waker) -> bool {
        let number = id.get_or_insert_with(|| WakerId(ids::next())).0;
        if !self.is_registered(number, waker) {
            // How to clone and to drop a waker is the user's code, and runs without the lock.
            let waker = waker.clone();
            let replaced = {
                let mut few = self.0.lock();
                let wakers = &mut few.get_or_insert_default().wakers;
                match wakers.iter_mut().find(|entry| entry.0 == number) {
                    Some(entry) => Some(mem::replace(&mut entry.1, waker)),
                    None => {
                        wakers.push_back((number, waker));
                        None
                    }
                }
            };
            drop(replaced);
        }
        identity.announce_waker()
    }

    fn is_registered(&self, number: NonZeroU64, waker: &Waker) -> bool {
        let few = self.0.lock();
        let mut wakers = few.iter().flat_map(|few| &few.wakers);
        wakers.any(|entry| entry.0 == number && entry.1.will_wake(waker))
    }

    /// Takes a task out of those to be woken.
    pub(crate) fn deregister(&self, id: WakerId) {
        let waker = {
            let mut few = self.0.lock();
            let Some(few) = few.as_mut() else { return };
            let index = few.wakers.iter().position(|entry| entry.0 == id.0);
            index.and_then(|index| few.wakers.swap_remove_back(index))
        };
        drop(waker);
    }

    /// Wakes the tasks that wait for the end, which has come. Never unwinds.
    ///
    /// Each is taken out when it has its turn: a waker may park for ever, and then the others are woken by whoever leaks the
    /// green thread.
    #[cold]
    pub(crate) fn wake_all(&self) {
        while let Some(waker) = self.next_waker() {
            contain(|| waker.wake());
        }
    }

    fn next_waker(&self) -> Option<Waker> {
        self.0.lock().as_mut()?.wakers.pop_front().map(|(_, waker)| waker)
    }

    /// Notes where the green thread waits for the time of its start.
    pub(crate) fn set_place(&self, place: Place) {
        self.0.lock().get_or_insert_default().place = Some(place);
    }

    /// Returns where it does.
    pub(crate) fn place(&self) -> Option<Place> {
        self.0.lock().as_ref().and_then(|few| few.place)
    }
}

/// Calls `f`. A panic was reported by the panic hook and goes no further, nor does one of its payload's destructor. Never
/// unwinds.
pub(crate) fn contain(f: impl FnOnce()) {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(drop_payload);
}

impl LinkId {
    pub(crate) fn new() -> Self {
        Self(ids::next())
    }
}
