//! One worker for a router at a time, without a lock: all workers are green threads of one hub, and between two waits
//! nobody else runs.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};
use std::rc::Rc;

/// What is to be done to a router. The smallest comes first: by priority, then by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Update {
    pub(crate) priority: u8,
    pub(crate) timestamp: u64,
    pub(crate) router: u32,
    pub(crate) tries: u32,
}

type Heap = BinaryHeap<Reverse<Update>>;

/// Who works on what, and what was done.
#[derive(Default)]
pub(crate) struct Exclusive {
    /// The routers that somebody works on, with the updates that wait for that one.
    busy: RefCell<HashMap<u32, Heap>>,
    /// The time of the last update of each router that succeeded.
    processed: RefCell<HashMap<u32, u64>>,
    superseded: Cell<u64>,
}

impl Exclusive {
    /// Hands in an update. Returns the right to work on its router, unless somebody has it, who gets the update then.
    pub(crate) fn enter(self: &Rc<Self>, update: Update) -> Option<Primary> {
        let router = update.router;
        match self.busy.borrow_mut().entry(router) {
            Entry::Occupied(mut waiting) => {
                waiting.get_mut().push(Reverse(update));
                None
            }
            Entry::Vacant(free) => {
                free.insert(Heap::from([Reverse(update)]));
                Some(Primary { table: Rc::clone(self), router })
            }
        }
    }

    /// Returns how many routers have been seen to work.
    pub(crate) fn routers(&self) -> usize {
        self.processed.borrow().len()
    }

    /// Returns how many updates were left out because a later one had been processed.
    pub(crate) fn superseded(&self) -> u64 {
        self.superseded.get()
    }
}

/// The right to work on one router. It iterates over the updates, also those that come meanwhile.
pub(crate) struct Primary {
    table: Rc<Exclusive>,
    router: u32,
}

impl Primary {
    /// Notes that an update has succeeded: what is older is superseded.
    pub(crate) fn processed(&self, update: &Update) {
        self.table.processed.borrow_mut().insert(self.router, update.timestamp);
    }

    /// Puts an update back, to be returned again.
    pub(crate) fn again(&self, update: Update) {
        if let Some(waiting) = self.table.busy.borrow_mut().get_mut(&self.router) {
            waiting.push(Reverse(update));
        }
    }
}

impl Iterator for Primary {
    type Item = Update;

    fn next(&mut self) -> Option<Update> {
        loop {
            let Reverse(update) = self.table.busy.borrow_mut().get_mut(&self.router)?.pop()?;
            let last = self.table.processed.borrow().get(&self.router).copied();
            if last.is_none_or(|last| update.timestamp > last) {
                return Some(update);
            }
            self.table.superseded.set(self.table.superseded.get() + 1);
        }
    }
}

impl Drop for Primary {
    fn drop(&mut self) {
        self.table.busy.borrow_mut().remove(&self.router);
    }
}
