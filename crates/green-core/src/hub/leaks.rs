//! Who wants to know that a green thread is leaked with its OS thread (I15): duties that nobody else can see to then.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;

use super::Hub;
use crate::current;

/// What is to be done if the hub is closed before the duty's guard has gone.
type Duty = Box<dyn FnOnce()>;

/// The duties of this hub's green threads, each with a number.
pub(super) struct Leaks {
    duties: RefCell<Vec<(u64, Duty)>>,
    next: Cell<u64>,
}

impl Leaks {
    pub(super) const fn new() -> Self {
        Self { duties: RefCell::new(Vec::new()), next: Cell::new(0) }
    }

    fn add(&self, duty: Duty) -> u64 {
        let number = self.next.get();
        self.next.set(number + 1);
        self.duties.borrow_mut().push((number, duty));
        number
    }

    fn remove(&self, number: u64) -> Option<Duty> {
        let mut duties = self.duties.borrow_mut();
        // The newest are the first to go.
        let index = duties.iter().rposition(|duty| duty.0 == number)?;
        Some(duties.remove(index).1)
    }

    /// Takes all out: those who had them are leaked.
    pub(super) fn take(&self) -> impl Iterator<Item = Duty> + use<> {
        self.duties.take().into_iter().map(|(_, duty)| duty)
    }
}

/// Has `duty` done when the OS thread ends, if the running green thread is leaked before the guard is dropped.
///
/// Where it cannot be leaked, as on a worker, there is nothing to note, and no guard. `duty` runs while the OS thread ends: it
/// must neither wait nor unwind. It may look at what the leaked frames borrow, for it is not done where that may be gone (in a
/// library that is loaded at run time; see the book's caveats).
pub fn on_leak(duty: impl FnOnce() + 'static) -> Option<OnLeak> {
    let hub = current::existing().filter(|hub| !hub.may_lend())?;
    Some(OnLeak { number: hub.leaks.add(Box::new(duty)), _local: PhantomData })
}

/// Takes the duty of [`on_leak`] back when it is dropped.
pub struct OnLeak {
    number: u64,
    _local: PhantomData<*const ()>,
}

impl Drop for OnLeak {
    fn drop(&mut self) {
        // On the hub where it was made: a green thread never leaves that (I2).
        drop(current::existing().and_then(|hub: &'static Hub| hub.leaks.remove(self.number)));
    }
}

impl fmt::Debug for OnLeak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnLeak").finish_non_exhaustive()
    }
}
