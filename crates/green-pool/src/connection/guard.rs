//! A connection in somebody's hands.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::thread;

use green_core::clock;

use super::connector::{ConnectError, Connector};
use super::{ConnectionPool, Connections, Kept};
use crate::resource::Guard;

/// What the pool under it gives out.
pub(super) type Held<C> = Guard<Kept<C>, ConnectError<<C as Connector>::Error>>;

/// A connection of a [`ConnectionPool`], which goes back when this is dropped.
///
/// It is reset on the way, so the drop may park. If the thread is unwinding, the connection is closed instead: nobody
/// knows what state it is in.
pub struct Connection<C: Connector> {
    /// Empty once it went back.
    guard: Option<Held<C>>,
    pool: Connections<C>,
}

const HELD: &str = "a connection is there until it goes back";

impl<C: Connector> Connection<C> {
    pub(super) fn new(guard: Held<C>, pool: &ConnectionPool<C>) -> Connection<C> {
        Connection { guard: Some(guard), pool: pool.pool.clone() }
    }

    /// Gives the connection back, as a drop does, and says whether that went well.
    ///
    /// # Errors
    ///
    /// That of [`Connector::reset`]; the connection was closed.
    pub fn put(mut this: Connection<C>) -> Result<(), C::Error> {
        this.go_back()
    }

    /// Closes the connection; another may be made in its place.
    pub fn close(mut this: Connection<C>) {
        if let Some(guard) = this.guard.take() {
            discard(guard);
        }
    }

    /// Takes the connection out of the pool for good; another may be made in its place.
    #[expect(clippy::missing_panics_doc, reason = "it cannot panic")]
    pub fn detach(mut this: Connection<C>) -> C::Connection {
        let mut kept = Guard::take(this.guard.take().expect(HELD));
        kept.connection.take().expect("a connection is there until it is closed")
    }

    fn go_back(&mut self) -> Result<(), C::Error> {
        let Some(mut guard) = self.guard.take() else { return Ok(()) };
        guard.idle_since = Some(clock::now());
        if thread::panicking() || guard.is_over() {
            discard(guard);
            return Ok(());
        }
        let prepared =
            catch_unwind(AssertUnwindSafe(|| if guard.is_broken() { Ok(false) } else { guard.reset().map(|()| true) }));
        match prepared {
            Ok(Ok(true)) => {
                let (end, keeper) = (guard.end(), Arc::clone(&guard.keeper));
                drop(guard);
                if let Some(end) = end {
                    keeper.expiry.expect(end, &self.pool);
                }
                Ok(())
            }
            Ok(Ok(false)) => {
                discard(guard);
                Ok(())
            }
            Ok(Err(error)) => {
                discard(guard);
                Err(error)
            }
            Err(payload) => {
                // A kill, perhaps. The connection is half-way between two states.
                discard(guard);
                resume_unwind(payload)
            }
        }
    }
}

/// Closes a connection; only then may there be another in its place.
fn discard<C: Connector>(guard: Held<C>) {
    let mut slot = guard.into_slot();
    drop(slot.empty());
}

impl<C: Connector> Drop for Connection<C> {
    fn drop(&mut self) {
        // `put` is for those who want to know.
        let _ = self.go_back();
    }
}

impl<C: Connector> Deref for Connection<C> {
    type Target = C::Connection;

    fn deref(&self) -> &C::Connection {
        let kept = self.guard.as_ref().expect(HELD);
        kept.connection.as_ref().expect("a connection is there until it is closed")
    }
}

impl<C: Connector> DerefMut for Connection<C> {
    fn deref_mut(&mut self) -> &mut C::Connection {
        self.guard.as_mut().expect(HELD).connection()
    }
}

impl<C: Connector> fmt::Debug for Connection<C>
where
    C::Connection: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
