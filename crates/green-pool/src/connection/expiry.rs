//! Closing what has been idle for too long, by a green thread that sleeps until there is something to close.
//!
//! The thread is started when a connection comes back to a pool where none lies idle that will expire, and ends when
//! none is left. It holds on to neither the pool nor the connector while it sleeps.
//!
//! `next` is the time to which it sleeps. It is set under the lock after a look at the idle connections, and a
//! connection that comes back is among them before its holder takes that lock. So either the look finds it, or its
//! holder finds out that the thread sleeps for too long, and rouses it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use green_core::clock;
use green_core::primitive::Mutex;
use green_core::unpark::WaitReason;
use green_core::wait_queue::WaitQueue;
use green_thread::{Builder, JoinHandle};

use super::connector::Connector;
use super::{ConnectError, Connections, Kept};
use crate::resource::WeakPool;

/// The pool, while it is there.
type Watched<C> = WeakPool<Kept<C>, ConnectError<<C as Connector>::Error>>;

/// When the next idle connection is to be closed, and by whom.
#[derive(Debug, Default)]
pub(super) struct Expiry {
    state: Mutex<State>,
    bell: WaitQueue,
}

#[derive(Debug, Default)]
struct State {
    next: Option<Instant>,
    /// True if `next` has changed, or the pool is gone, since the thread looked.
    roused: bool,
    stopped: bool,
    /// True from the start of the thread until it has decided to end.
    has_thread: bool,
    thread: Option<JoinHandle<()>>,
}

impl Expiry {
    /// Sees to it that a connection that has come back is closed at `end`.
    pub(super) fn expect<C: Connector>(self: &Arc<Self>, end: Instant, pool: &Connections<C>) {
        {
            let mut state = self.state.lock();
            // One that has ended without a word was lost with its OS thread.
            let has_thread = state.has_thread && state.thread.as_ref().is_some_and(|thread| !thread.is_finished());
            if has_thread && state.next.is_some_and(|next| next <= end) {
                return;
            }
            state.next = Some(end);
            state.roused = has_thread;
            if !has_thread {
                let (expiry, pool) = (Arc::clone(self), pool.downgrade());
                let builder = Builder::new().name("green-connection-expiry".to_owned());
                // Without memory for a thread, what has expired is closed when it is needed.
                state.thread = builder.spawn(move || expiry.run(&pool)).ok();
                state.has_thread = state.thread.is_some();
                return;
            }
        }
        self.bell.notify_all();
    }

    /// Ends the thread.
    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.bell.notify_all();
    }

    fn run<C: Connector>(&self, pool: &Watched<C>) {
        while let Some(next) = self.next() {
            if clock::now() < next {
                let _ = self.bell.wait_until(Some(next), WaitReason::Other, || {
                    let state = self.state.lock();
                    !state.roused && !state.stopped
                });
                continue;
            }
            let Some(pool) = pool.upgrade() else { return };
            for kept in self.remove_expired(&pool) {
                // A panic was reported by the panic hook; the others are closed all the same.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(kept)));
            }
        }
    }

    /// Returns the time to sleep to; none if the thread is to end.
    fn next(&self) -> Option<Instant> {
        let mut state = self.state.lock();
        state.roused = false;
        let next = state.next.filter(|_| !state.stopped);
        state.has_thread = next.is_some();
        next
    }

    fn remove_expired<C: Connector>(&self, pool: &Connections<C>) -> Vec<Kept<C>> {
        let mut state = self.state.lock();
        let now = clock::now();
        state.next = None;
        pool.remove_if(|kept| {
            let Some(end) = kept.end() else { return false };
            if end > now {
                state.next = Some(state.next.map_or(end, |next| next.min(end)));
            }
            end <= now
        })
    }
}
