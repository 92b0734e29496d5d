//! Who wants to know that a green thread is leaked with its OS thread (I15): duties that nobody else can see to then.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroU64;
use std::ptr;

use super::Hub;
use crate::current;
use crate::record::Record;
use crate::spawn::ids;
use crate::unpark::Unparker;

/// What is to be done if the hub is closed before the duty's guard has gone.
type Duty = Box<dyn FnOnce()>;

/// The duties of this hub's green threads, each with whose it is, by numbers that no others in the process have.
pub(super) struct Leaks(RefCell<BTreeMap<NonZeroU64, (Unparker, Duty)>>);

impl Leaks {
    pub(super) const fn new() -> Self {
        Self(RefCell::new(BTreeMap::new()))
    }

    fn add(&self, owner: Unparker, duty: Duty) -> NonZeroU64 {
        let number = ids::next();
        self.0.borrow_mut().insert(number, (owner, duty));
        number
    }

    fn remove(&self, number: NonZeroU64) -> Option<Duty> {
        self.0.borrow_mut().remove(&number).map(|(_, duty)| duty)
    }

    /// Takes all out: those who had them are leaked.
    pub(super) fn take(&self) -> impl Iterator<Item = Duty> + use<> {
        self.0.take().into_values().map(|(_, duty)| duty)
    }

    /// Takes from `before` what is owned by `root`, which goes on here as `owner`.
    pub(super) fn take_over(&self, before: &Self, root: &Record, owner: Unparker) {
        let mut before = before.0.borrow_mut();
        let moved = before.extract_if(.., |_, (whose, _)| ptr::eq(whose.record(), root));
        self.0.borrow_mut().extend(moved.map(|(number, (_, duty))| (number, (owner, duty))));
    }
}

/// Has `duty` done when the OS thread ends, if the running green thread is leaked before the guard is dropped.
///
/// Where it cannot be leaked, as on a worker, there is nothing to note, and no guard. `duty` runs while the OS thread ends: it
/// must neither wait nor unwind. It may look at what the leaked frames borrow, for it is not done where that may be gone (in a
/// library that is loaded at run time; see the book's caveats).
pub fn on_leak(duty: impl FnOnce() + 'static) -> Option<OnLeak> {
    let hub = current::existing().filter(|hub| !hub.may_lend())?;
    let owner = Unparker::of(hub.current());
    Some(OnLeak { number: hub.leaks.add(owner, Box::new(duty)), _local: PhantomData })
}

/// Takes the duty of [`on_leak`] back when it is dropped.
pub struct OnLeak {
    number: NonZeroU64,
    _local: PhantomData<*const ()>,
}

impl Drop for OnLeak {
    fn drop(&mut self) {
        // On the hub where it was made, for a green thread never leaves that (I2), or that took it over (`reinit.rs`).
        drop(current::existing().and_then(|hub: &'static Hub| hub.leaks.remove(self.number)));
    }
}

impl fmt::Debug for OnLeak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnLeak").finish_non_exhaustive()
    }
}
