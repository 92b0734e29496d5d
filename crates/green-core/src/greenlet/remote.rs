//! `Remote`: what other OS threads may do to a greenlet, which is to ask its green thread for its end.
//!
//! ```text
//!   any OS thread                                the green thread that the greenlet belongs to
//!   Remote::kill: put the number in `wanted`,    each switch looks at `raised`; if set: clear it,
//!                 then set `raised`              take `wanted`, unwind those that are suspended
//! ```
//!
//! The number is there before the flag is seen, because the flag is set last and cleared first; a look that finds nothing
//! is harmless. The end of the green thread closes the list, and later requests are refused.
//!
//! Nothing that belongs to an OS thread crosses: a request is a number, which the owner looks up among the greenlets that
//! it has given remotes for.

use std::fmt;
use std::num::NonZeroU64;
use std::sync::Arc;

use super::end::can_unwind;
use crate::primitive::{AtomicBool, Mutex, Ordering};

/// A handle to a greenlet that may go to other OS threads; made by [`Greenlet::remote`](super::Greenlet::remote).
///
/// # Examples
///
/// ```
/// use green_core::greenlet::{self, Greenlet};
///
/// let main = greenlet::current();
/// let waiting = Greenlet::new(move |_| drop(main.switch(())));
/// waiting.switch(());
/// let remote = waiting.remote().expect("it is no main greenlet");
/// assert!(std::thread::spawn(move || remote.kill()).join().unwrap());
/// // It is unwound when its green thread next switches.
/// Greenlet::new(|_| ()).switch(());
/// assert!(waiting.is_dead());
/// ```
#[derive(Clone)]
pub struct Remote {
    id: NonZeroU64,
    requests: Arc<Requests>,
}

impl Remote {
    pub(super) fn new(id: NonZeroU64, requests: Arc<Requests>) -> Self {
        Self { id, requests }
    }

    /// Asks the greenlet's green thread to unwind it with [`Exit`](super::Exit), as the drop of its last handle would.
    ///
    /// That happens when the green thread next switches between greenlets, or ends. If the greenlet runs then, it has
    /// its turn first; if it has ended, nothing happens. One that has not started never runs.
    ///
    /// Returns false, and does nothing, if the green thread has ended, and under `panic = "abort"`.
    pub fn kill(&self) -> bool {
        can_unwind() && self.requests.put(self.id)
    }

    /// Returns the number of the greenlet.
    pub fn id(&self) -> NonZeroU64 {
        self.id
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What other OS threads want of the greenlets of one green thread.
pub(super) struct Requests {
    /// Set after something was put in, and cleared before all is taken out.
    raised: AtomicBool,
    /// Greenlets to unwind: none once the green thread has ended.
    wanted: Mutex<Option<Vec<NonZeroU64>>>,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self { raised: AtomicBool::new(false), wanted: Mutex::new(Some(Vec::new())) }
    }

    pub(super) fn put(&self, id: NonZeroU64) -> bool {
        match self.wanted.lock().as_mut() {
            Some(wanted) => wanted.push(id),
            None => return false,
        }
        // The lock orders the contents; the flag only says that a look is worth it.
        self.raised.store(true, Ordering::Relaxed);
        true
    }

    #[inline]
    pub(super) fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed)
    }

    pub(super) fn take(&self) -> Vec<NonZeroU64> {
        self.raised.store(false, Ordering::Relaxed);
        // One that is put in from here on is either seen under the lock, or raises the flag again after this.
        self.wanted.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Refuses whatever else comes.
    pub(super) fn close(&self) {
        *self.wanted.lock() = None;
    }
}
