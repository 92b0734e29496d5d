//! The greenlets of one green thread: which one runs, which have begun, which are to end.
//!
//! Made on first use and kept in the green thread's record. A greenlet holds it weakly as its owner; the comparison of
//! such pointers tells the greenlets of one green thread from another's, for as long as anybody asks, because a weak
//! reference keeps the address from being used again.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;
use std::ptr;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::raw::{Body, RawCoroutine, Started};
use super::remote::{Remote, Requests};
use super::trace::Tracer;
use super::transfer::Delivery;
use super::value::Value;
use super::{Greenlet, Inner, Stage};
use crate::current;
use crate::record::Record;

/// What one green thread knows of its greenlets and coroutines.
pub(crate) struct ThreadGreenlets {
    main: Greenlet,
    /// The greenlet that runs. `None` only while it is being replaced or looked at, with nothing else in between.
    running: Cell<Option<Greenlet>>,
    /// What the switch under way carries, from just before it to just after it.
    mailbox: Mailbox,
    /// Whom the switch under way leaves. Held until it has landed, as its slot is written to then.
    origin: Cell<Option<Greenlet>>,
    /// What the stack that is being switched to for the first time is to run.
    starting: Cell<Option<Rc<dyn Body>>>,
    tracer: Cell<Option<Tracer>>,
    /// True while the tracer itself runs.
    tracing: Cell<bool>,
    /// The visit to a suspended stack that is under way.
    inspection: Cell<Option<Inspection>>,
    /// True if either of these wants to know of the next switch: the one look on the way of all of them.
    watched: Cell<bool>,
    registry: RefCell<Registry>,
    /// Those whose last handle was dropped where they could not be unwound.
    abandoned: RefCell<Vec<Rc<dyn Started>>>,
    /// True if there are any of these.
    to_reap: Cell<bool>,
    /// What other OS threads ask for; made with the first [`Remote`].
    requests: OnceCell<Arc<Requests>>,
    /// The greenlets that remotes were made for.
    remotes: RefCell<HashMap<NonZeroU64, Weak<Inner>>>,
}

/// How far a visit to a suspended stack has come.
pub(super) enum Inspection {
    There,
    Back(Backtrace),
}

/// Those that have begun and not ended, at places that stay the same.
#[derive(Default)]
struct Registry {
    places: Vec<Option<Weak<dyn Started>>>,
    free: Vec<usize>,
}

/// A [`Delivery`] in parts.
///
/// As one enum of 32 bytes it is written in pieces and then read at once, for which the processor has to wait: 30 ns
/// of a switch there and back.
#[derive(Default)]
struct Mailbox {
    kind: Cell<Kind>,
    any: Cell<Option<Box<dyn Any>>>,
    payload: Cell<Option<Box<dyn Any + Send>>>,
}

#[derive(Clone, Copy, Default)]
enum Kind {
    #[default]
    Unit,
    Exit,
    Any,
    Panic,
}

impl Mailbox {
    #[inline]
    fn put(&self, delivery: Delivery) {
        self.kind.set(match delivery {
            Delivery::Value(Value::Unit) => Kind::Unit,
            Delivery::Value(Value::Exit) => Kind::Exit,
            Delivery::Value(Value::Any(any)) => {
                self.any.set(Some(any));
                Kind::Any
            }
            Delivery::Panic(payload) => {
                self.payload.set(Some(payload));
                Kind::Panic
            }
        });
    }

    #[inline]
    fn take(&self) -> Delivery {
        match self.kind.get() {
            Kind::Unit => Delivery::Value(Value::Unit),
            Kind::Exit => Delivery::Value(Value::Exit),
            Kind::Any => Delivery::Value(Value::Any(self.any.take().expect("the kind tells what is there"))),
            Kind::Panic => Delivery::Panic(self.payload.take().expect("the kind tells what is there")),
        }
    }
}

impl ThreadGreenlets {
    /// Returns those of the running green thread.
    #[inline]
    pub(crate) fn current() -> Rc<Self> {
        let record = current::hub().current();
        match peek(record) {
            Some(thread) => thread,
            None => Self::make(record),
        }
    }

    /// Returns true if `owner` is the running green thread.
    #[inline]
    pub(crate) fn is_current(owner: &Weak<Self>) -> bool {
        let Some(hub) = current::existing() else {
            return false;
        };
        let place = &hub.current().greenlets;
        let thread = place.take();
        let same = thread.as_ref().is_some_and(|thread| Rc::as_ptr(thread) == owner.as_ptr());
        place.set(thread);
        same
    }

    #[cold]
    fn make(record: &Record) -> Rc<Self> {
        let thread = Rc::new_cyclic(|owner| {
            let main = Greenlet::main_of(owner);
            Self {
                running: Cell::new(Some(main.clone())),
                main,
                mailbox: Mailbox::default(),
                origin: Cell::new(None),
                starting: Cell::new(None),
                tracer: Cell::new(None),
                tracing: Cell::new(false),
                inspection: Cell::new(None),
                watched: Cell::new(false),
                registry: RefCell::default(),
                abandoned: RefCell::default(),
                to_reap: Cell::new(false),
                requests: OnceCell::new(),
                remotes: RefCell::default(),
            }
        });
        record.greenlets.set(Some(Rc::clone(&thread)));
        thread
    }

    pub(super) fn main(&self) -> &Greenlet {
        &self.main
    }

    /// Returns the greenlet that runs.
    pub(super) fn running(&self) -> Greenlet {
        let running = self.running.take().expect("a green thread always has a running greenlet");
        let copy = running.clone();
        self.running.set(Some(running));
        copy
    }

    /// Makes another greenlet the running one, and returns the one before.
    #[inline]
    pub(super) fn set_running(&self, greenlet: Greenlet) -> Greenlet {
        self.running.replace(Some(greenlet)).expect("a green thread always has a running greenlet")
    }

    /// Returns true for the greenlet that runs.
    #[inline]
    pub(super) fn is_running(&self, greenlet: &Greenlet) -> bool {
        let running = self.running.take();
        let same = running.as_ref() == Some(greenlet);
        self.running.set(running);
        same
    }

    /// Leaves what the switch to come carries, and whom it leaves.
    #[inline]
    pub(super) fn put(&self, delivery: Delivery, origin: Greenlet) {
        self.mailbox.put(delivery);
        self.origin.set(Some(origin));
    }

    /// Takes what the switch that has landed brought, and whom it came from.
    #[inline]
    pub(super) fn take(&self) -> (Delivery, Greenlet) {
        (self.mailbox.take(), self.origin.take().expect("every switch comes from somewhere"))
    }

    /// Leaves what the stack that is switched to next is to run.
    pub(super) fn set_starting(&self, body: Rc<dyn Body>) {
        self.starting.set(Some(body));
    }

    pub(super) fn take_starting(&self) -> Rc<dyn Body> {
        self.starting.take().expect("a fresh stack finds what it is to run")
    }

    pub(super) fn tracer(&self) -> Option<Tracer> {
        let tracer = self.tracer.take();
        let copy = tracer.clone();
        self.tracer.set(tracer);
        copy
    }

    pub(super) fn set_tracer(&self, tracer: Option<Tracer>) -> Option<Tracer> {
        let before = self.tracer.replace(tracer);
        self.watch();
        before
    }

    /// Notes whether the tracer runs: it is not told of its own switches.
    pub(super) fn set_tracing(&self, tracing: bool) {
        self.tracing.set(tracing);
        self.watch();
    }

    pub(super) fn set_inspection(&self, inspection: Option<Inspection>) -> Option<Inspection> {
        let before = self.inspection.replace(inspection);
        self.watch();
        before
    }

    fn watch(&self) {
        let inspection = self.inspection.take();
        self.watched.set(inspection.is_some() || (self.tracer().is_some() && !self.tracing.get()));
        self.inspection.set(inspection);
    }

    #[inline]
    pub(super) fn is_watched(&self) -> bool {
        self.watched.get()
    }

    /// Notes that `started` has begun, and returns its place.
    pub(crate) fn register(&self, started: Weak<dyn Started>) -> usize {
        let mut registry = self.registry.borrow_mut();
        if let Some(place) = registry.free.pop() {
            registry.places[place] = Some(started);
            return place;
        }
        registry.places.push(Some(started));
        registry.places.len() - 1
    }

    /// Notes that what has this place has ended.
    pub(crate) fn deregister(&self, place: usize) {
        let mut registry = self.registry.borrow_mut();
        registry.places[place] = None;
        registry.free.push(place);
    }

    /// Returns the first from `place` on that has begun and not ended, and the place after it.
    pub(super) fn unfinished(&self, place: usize) -> Option<(usize, Rc<dyn Started>)> {
        let registry = self.registry.borrow();
        let mut rest = registry.places.iter().enumerate().skip(place);
        rest.find_map(|(place, started)| Some((place + 1, started.as_ref()?.upgrade()?)))
    }

    /// Returns the first answer of `f`, which must not run foreign code, about a coroutine that has begun and not ended.
    pub(super) fn find_coroutine<R>(&self, f: impl Fn(&RawCoroutine) -> Option<R>) -> Option<R> {
        let registry = self.registry.borrow();
        let mut started = registry.places.iter().flatten().filter_map(Weak::upgrade);
        started.find_map(|started| f(started.coroutine()?))
    }

    /// Returns true if all that has begun has ended.
    pub(super) fn is_empty(&self) -> bool {
        let registry = self.registry.borrow();
        registry.free.len() == registry.places.len() && self.abandoned.borrow().is_empty()
    }

    /// Marks the end of the green thread: nothing can be switched to any more.
    pub(super) fn close(&self) {
        self.main.close();
        self.tracer.set(None);
        if let Some(requests) = self.requests.get() {
            requests.close();
        }
    }

    /// Keeps one that nobody has a handle to any more, until it can be unwound.
    pub(crate) fn abandon(&self, started: Rc<dyn Started>) {
        self.abandoned.borrow_mut().push(started);
        self.to_reap.set(true);
    }

    /// Unwinds those that were left by [`abandon`](Self::abandon).
    #[inline]
    pub(crate) fn reap(&self) {
        if self.to_reap.get() || self.requests.get().is_some_and(|requests| requests.is_raised()) {
            self.reap_all();
        }
    }

    #[cold]
    fn reap_all(&self) {
        self.to_reap.set(false);
        self.serve_requests();
        // Taken one by one, because the end of one may leave others.
        while let Some(started) = self.pop_abandoned() {
            started.end();
        }
    }

    /// Returns a remote for `greenlet`, and remembers the greenlet as long as it lives.
    pub(super) fn remote(&self, greenlet: &Greenlet) -> Remote {
        let id = greenlet.id();
        let mut remotes = self.remotes.borrow_mut();
        if remotes.len() == remotes.capacity() {
            remotes.retain(|_, greenlet| greenlet.strong_count() > 0);
        }
        remotes.entry(id).or_insert_with(|| Rc::downgrade(&greenlet.0));
        Remote::new(id, Arc::clone(self.requests.get_or_init(|| Arc::new(Requests::new()))))
    }

    /// Does what other OS threads have asked for.
    fn serve_requests(&self) {
        let Some(requests) = self.requests.get() else { return };
        for id in requests.take() {
            let greenlet = self.remotes.borrow().get(&id).and_then(Weak::upgrade);
            let Some(greenlet) = greenlet.map(Greenlet) else { continue };
            match greenlet.owner() {
                _ if greenlet.stage() == Stage::Unstarted => greenlet.die_unstarted(),
                // It has its turn first.
                Some(_) if self.is_running(&greenlet) => drop(requests.put(id)),
                Some(owner) if ptr::eq(&raw const *owner, self) => {
                    self.abandoned.borrow_mut().push(greenlet.as_started())
                }
                // It has begun elsewhere since.
                Some(owner) => drop(owner.remote(&greenlet).kill()),
                None => {}
            }
        }
    }

    fn pop_abandoned(&self) -> Option<Rc<dyn Started>> {
        self.abandoned.borrow_mut().pop()
    }
}

/// Returns the greenlets of a green thread that has used any.
#[inline]
pub(super) fn peek(record: &Record) -> Option<Rc<ThreadGreenlets>> {
    let thread = record.greenlets.take();
    let copy = thread.clone();
    record.greenlets.set(thread);
    copy
}

/// Returns true if the green thread has ever asked for a greenlet, or bound what is inherited.
#[inline]
pub(crate) fn has_any(record: &Record) -> bool {
    let greenlets = record.greenlets.take();
    let has_any = greenlets.is_some();
    record.greenlets.set(greenlets);
    has_any
}

/// Returns true if the green thread has greenlets or coroutines that have begun and not ended.
pub(crate) fn any_started(record: &Record) -> bool {
    peek(record).is_some_and(|thread| !thread.is_empty())
}

impl fmt::Debug for ThreadGreenlets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadGreenlets").field("main", &self.main).finish_non_exhaustive()
    }
}
