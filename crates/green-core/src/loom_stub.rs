//! Stand-ins, under `cfg(loom)`, for what the modelled protocols ask of a hub: an unparker and a park.

use std::time::Instant;

use loom::sync::atomic::{AtomicBool, Ordering};

use crate::wait_queue::Node;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Unparked,
    TimedOut,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitReason {
    Other,
}

/// One model thread, as a waiter.
pub(crate) struct Waiter {
    notified: AtomicBool,
    node: Node,
}

#[derive(Clone, Copy)]
pub struct Unparker(&'static Waiter);

// SAFETY: as the real one's; loom checks the accesses.
unsafe impl Send for Unparker {}

loom::thread_local! {
    static WAITER: &'static Waiter = Box::leak(Box::new(Waiter { notified: AtomicBool::new(false), node: Node::new() }));
}

impl Unparker {
    pub fn current() -> Self {
        WAITER.with(|waiter| Self(waiter))
    }

    pub fn unpark(self) {
        self.0.notified.store(true, Ordering::Release);
    }

    pub(crate) fn node(self) -> &'static Node {
        &self.0.node
    }
}

/// Parks until unparked; with a deadline it may time out at any moment, which loom explores.
pub fn park_until(deadline: Option<Instant>, _: WaitReason) -> Outcome {
    let me = Unparker::current();
    if deadline.is_some() {
        loom::thread::yield_now();
        return if me.0.notified.swap(false, Ordering::Acquire) { Outcome::Unparked } else { Outcome::TimedOut };
    }
    while !me.0.notified.swap(false, Ordering::Acquire) {
        loom::thread::yield_now();
    }
    Outcome::Unparked
}
