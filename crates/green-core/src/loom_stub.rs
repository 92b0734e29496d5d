//! Stand-ins, under `cfg(loom)`, for what the modelled protocols ask of a hub: an unparker and a park.

use std::time::Instant;

use loom::sync::{Condvar, Mutex};

use crate::wait_queue::Node;

pub use crate::wait_reason::{Outcome, WaitReason};

/// One model thread, as a waiter.
pub(crate) struct Waiter {
    notified: Mutex<bool>,
    bell: Condvar,
    node: Node,
}

#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "nobody prints it")]
pub struct Unparker(&'static Waiter);

// SAFETY: as the real one's; loom checks the accesses.
unsafe impl Send for Unparker {}
// SAFETY: as for `Send`; `unpark` touches an atomic only.
unsafe impl Sync for Unparker {}

loom::thread_local! {
    static WAITER: &'static Waiter = Box::leak(Box::new(Waiter {
        notified: Mutex::new(false),
        bell: Condvar::new(),
        node: Node::new(),
    }));
}

impl Unparker {
    pub fn current() -> Self {
        WAITER.with(|waiter| Self(waiter))
    }

    pub fn unpark(self) {
        *self.0.notified.lock().expect("no model panics with a lock held") = true;
        self.0.bell.notify_one();
    }

    pub(crate) fn node(self) -> &'static Node {
        &self.0.node
    }
}

/// Counts nothing: no model looks a thousand times.
pub fn asked_in_vain() {}

/// Never looks: the model of a park is to be reached.
pub fn linger(_: impl Fn() -> bool) -> bool {
    false
}

/// Parks until unparked; with a deadline it may time out at any moment, which loom explores.
pub fn park_until(deadline: Option<Instant>, _: WaitReason) -> Outcome {
    let me = Unparker::current();
    if deadline.is_some() {
        loom::thread::yield_now();
    }
    let mut notified = me.0.notified.lock().expect("no model panics with a lock held");
    if deadline.is_some() && !*notified {
        return Outcome::TimedOut;
    }
    while !*notified {
        notified = me.0.bell.wait(notified).expect("no model panics with a lock held");
    }
    *notified = false;
    Outcome::Unparked
}

/// Nothing is killed in a model.
pub fn deliver() {}

/// Nothing is killed in a model.
#[derive(Debug)]
pub struct Shield;

impl Shield {
    #[expect(clippy::new_without_default, reason = "the real one has none")]
    pub fn new() -> Self {
        Self
    }
}
