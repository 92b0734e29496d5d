//! The handles of spawned green threads: `Joiner`, `LocalJoiner` and the `Remote` of the latter.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::Waker;
use std::thread;
use std::time::Instant;

use super::Abandoned;
use super::delay;
use super::exit::Exit;
use super::extras::{Extras, Link, LinkId, WakerId};
use super::identity_ref::Identified;
use super::packet::Join;
use crate::identity::{Identity, IdentityRef};
use crate::kill::{self, KillError};
use crate::unpark::Outcome;
use crate::wait_queue::WaitQueue;
use crate::waitable::{Lasting, Waitable};

/// Owns the right to join a green thread that any OS thread may wait for. Dropping it detaches the green thread.
pub struct Joiner<T> {
    packet: Arc<dyn Join<T>>,
}

// SAFETY: `spawn` demands that the closure and the result are `Send`, exits are `Send` by `on_exit`'s bound, and the
// packet's own state is synchronised (see `packet.rs`).
unsafe impl<T> Send for Joiner<T> {}
// SAFETY: the result is only reached through `join(self)`, so sharing the handle shares no `T`; std does the same.
unsafe impl<T> Sync for Joiner<T> {}

impl<T> Joiner<T> {
    pub(crate) fn new(packet: Arc<dyn Join<T>>) -> Self {
        Self { packet }
    }

    /// Returns who the green thread is.
    pub fn identity(&self) -> &Identity {
        self.packet.identity()
    }

    /// Returns who the green thread is, to be kept.
    pub fn identity_ref(&self) -> IdentityRef {
        IdentityRef::new(Arc::<dyn Join<T>>::clone(&self.packet))
    }

    /// Returns true once the result is there.
    pub fn is_finished(&self) -> bool {
        self.identity().is_over()
    }

    /// Waits for the end and returns the result, or in `Err` the payload of the panic or kill. A kill point.
    ///
    /// # Errors
    ///
    /// The payload with which the green thread unwound.
    pub fn join(self) -> thread::Result<T> {
        loop {
            match self.identity().wait_over(None) {
                Outcome::Unparked => break,
                _ => kill::deliver(),
            }
        }
        self.take()
    }

    /// Waits as [`join`](Self::join) does, but gives the handle back when `deadline` passes first.
    ///
    /// # Errors
    ///
    /// The handle, if the green thread has not ended.
    pub fn join_until(self, deadline: Instant) -> Result<thread::Result<T>, Self> {
        loop {
            match self.identity().wait_over(Some(deadline)) {
                Outcome::Unparked => break,
                Outcome::TimedOut => return Err(self),
                Outcome::Interrupted => kill::deliver(),
            }
        }
        Ok(self.take())
    }

    /// Returns the result of a green thread that is over.
    fn take(self) -> thread::Result<T> {
        if !self.identity().is_done() {
            // It is a parent's, and over in this process alone.
            return Err(Box::new(Abandoned));
        }
        // SAFETY: `is_done` has returned true, and `self` is the only handle and is consumed.
        unsafe { self.packet.take() }
    }

    /// Waits for the end until `deadline`, for ever if there is none, and leaves the result where it is; returns false if
    /// `deadline` passes first. A kill point.
    pub fn wait_until(&self, deadline: Option<Instant>) -> bool {
        wait_over(self.identity(), deadline)
    }

    /// Asks for the end of the green thread: it unwinds at its next park, or never starts.
    ///
    /// # Errors
    ///
    /// [`KillError::PanicAbort`] where nothing can be unwound.
    pub fn kill(&self) -> Result<(), KillError> {
        kill_at(self.place())
    }

    /// Asks for the end as [`kill`](Self::kill) does; the first unwinding has `payload`, if no other kill came before with one.
    ///
    /// # Errors
    ///
    /// [`KillError::PanicAbort`] where nothing can be unwound.
    pub fn kill_with(&self, payload: Box<dyn Any + Send>) -> Result<(), KillError> {
        kill::check_unwinding()?;
        extras(self.place()).set_payload(self.identity(), payload);
        self.kill()
    }

    /// Ends the green thread if it has not started; returns whether it had not, and so never will run its closure.
    pub fn cancel(&self) -> bool {
        let is_cancelled = self.identity().cancel();
        if is_cancelled {
            delay::hasten(self.place());
        }
        is_cancelled
    }

    /// Runs `f` in the finishing green thread before the joiners wake, or at once if it has ended.
    pub fn on_exit(&self, f: impl FnOnce() + Send + 'static) {
        self.link(|_| f());
    }

    /// Runs `f` as [`on_exit`](Self::on_exit) does, and tells it how the green thread ended.
    pub fn link(&self, f: impl FnOnce(Exit) + Send + 'static) -> LinkId {
        link_at(self.place(), Box::new(f))
    }

    /// Takes a link back; returns false if it has run or runs, or is none of this green thread's.
    pub fn unlink(&self, id: LinkId) -> bool {
        extras(self.place()).unlink(id)
    }

    /// Returns a handle for any number of waiters, which never see the result.
    pub fn remote(&self) -> Remote {
        Remote { identity: self.identity_ref() }
    }

    fn place(&self) -> &dyn Identified {
        self.packet.as_identified()
    }
}

impl<T> Drop for Joiner<T> {
    fn drop(&mut self) {
        // SAFETY: this is the only handle, and it is going.
        unsafe { self.packet.detach() };
    }
}

impl<T> fmt::Debug for Joiner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joiner").field("identity", self.identity()).finish_non_exhaustive()
    }
}

/// Owns the right to join a green thread of this hub, whose result may be anything (I2): it stays on this OS thread.
pub struct LocalJoiner<T> {
    inner: Joiner<T>,
    _local: PhantomData<*const ()>,
}

impl<T> LocalJoiner<T> {
    pub(crate) fn new(packet: Arc<dyn Join<T>>) -> Self {
        Self { inner: Joiner::new(packet), _local: PhantomData }
    }

    /// Returns who the green thread is.
    pub fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    /// Returns who the green thread is, to be kept.
    pub fn identity_ref(&self) -> IdentityRef {
        self.inner.identity_ref()
    }

    /// Returns true once the result is there.
    pub fn is_finished(&self) -> bool {
        self.inner.is_finished()
    }

    /// Waits for the end and returns the result; see [`Joiner::join`].
    ///
    /// # Errors
    ///
    /// The payload with which the green thread unwound.
    pub fn join(self) -> thread::Result<T> {
        self.inner.join()
    }

    /// Waits until `deadline`; see [`Joiner::join_until`].
    ///
    /// # Errors
    ///
    /// The handle, if the green thread has not ended.
    pub fn join_until(self, deadline: Instant) -> Result<thread::Result<T>, Self> {
        self.inner.join_until(deadline).map_err(|inner| Self { inner, _local: PhantomData })
    }

    /// Waits for the end and leaves the result where it is; see [`Joiner::wait_until`].
    pub fn wait_until(&self, deadline: Option<Instant>) -> bool {
        self.inner.wait_until(deadline)
    }

    /// Asks for the end of the green thread; see [`Joiner::kill`].
    ///
    /// # Errors
    ///
    /// [`KillError::PanicAbort`] where nothing can be unwound.
    pub fn kill(&self) -> Result<(), KillError> {
        self.inner.kill()
    }

    /// Asks for the end with a payload; see [`Joiner::kill_with`].
    ///
    /// # Errors
    ///
    /// [`KillError::PanicAbort`] where nothing can be unwound.
    pub fn kill_with(&self, payload: Box<dyn Any + Send>) -> Result<(), KillError> {
        self.inner.kill_with(payload)
    }

    /// Ends the green thread if it has not started; see [`Joiner::cancel`].
    pub fn cancel(&self) -> bool {
        self.inner.cancel()
    }

    /// Runs `f` in the finishing green thread before the joiners wake, or at once if it has ended.
    pub fn on_exit(&self, f: impl FnOnce() + 'static) {
        self.link(|_| f());
    }

    /// Runs `f` as [`on_exit`](Self::on_exit) does, and tells it how the green thread ended.
    pub fn link(&self, f: impl FnOnce(Exit) + 'static) -> LinkId {
        link_at(self.inner.place(), Box::new(f))
    }

    /// Takes a link back; see [`Joiner::unlink`].
    pub fn unlink(&self, id: LinkId) -> bool {
        self.inner.unlink(id)
    }

    /// Returns a handle for other OS threads, which can kill and wait but never see the result.
    pub fn remote(&self) -> Remote {
        Remote { identity: self.identity_ref() }
    }
}

impl<T> fmt::Debug for LocalJoiner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalJoiner").field("identity", self.identity()).finish_non_exhaustive()
    }
}

/// What other OS threads may do with a green thread of [`spawn_local`](super::spawn_local): kill it, wait for it.
#[derive(Clone, Debug)]
pub struct Remote {
    identity: IdentityRef,
}

impl Remote {
    /// Returns who the green thread is.
    pub fn identity(&self) -> &IdentityRef {
        &self.identity
    }

    /// Returns true once it has ended.
    pub fn is_finished(&self) -> bool {
        self.identity.is_over()
    }

    /// Returns how it ended, once it has.
    pub fn exit(&self) -> Option<Exit> {
        self.identity.is_over().then(|| self.identity.exit())
    }

    /// Asks for its end; see [`Joiner::kill`].
    ///
    /// # Errors
    ///
    /// [`KillError::PanicAbort`] where nothing can be unwound.
    pub fn kill(&self) -> Result<(), KillError> {
        kill_at(self.identity.place())
    }

    /// Runs `f` in the finishing green thread before the joiners wake, or at once if it has ended; tells it how that went.
    pub fn link(&self, f: impl FnOnce(Exit) + Send + 'static) {
        link_at(self.identity.place(), Box::new(f));
    }

    /// Waits for its end. A kill point.
    pub fn wait(&self) {
        wait_over(&self.identity, None);
    }

    /// Waits for its end until `deadline`; returns false if that passes first. A kill point.
    pub fn wait_until(&self, deadline: Instant) -> bool {
        wait_over(&self.identity, Some(deadline))
    }

    /// Begins to wait for its end as an async task does.
    pub fn watch(&self) -> Watch {
        Watch { identity: self.identity.clone(), id: None }
    }
}

/// The wait of an async task for the end of a green thread.
#[derive(Debug)]
pub struct Watch {
    identity: IdentityRef,
    id: Option<WakerId>,
}

impl Watch {
    /// Returns true once the green thread has ended; before, has `waker` woken when it has, and forgets the one before.
    pub fn poll(&mut self, waker: &Waker) -> bool {
        let identity = &*self.identity;
        identity.is_over() || !extras(self.identity.place()).register(identity, &mut self.id, waker)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            extras(self.identity.place()).deregister(id);
        }
    }
}

fn extras(place: &dyn Identified) -> &Extras {
    place.extras().expect("what has a handle has a packet")
}

fn kill_at(place: &dyn Identified) -> Result<(), KillError> {
    place.identity().kill()?;
    // It may be waiting for the time of its start.
    if !place.identity().has_started() {
        delay::hasten(place);
    }
    Ok(())
}

/// Links `link`, or runs it if the end has come.
fn link_at(place: &dyn Identified, link: Link) -> LinkId {
    let id = LinkId::new();
    let identity = place.identity();
    if let Err(link) = extras(place).link(identity, id, link) {
        link(identity.exit());
    }
    id
}

fn wait_over(identity: &Identity, deadline: Option<Instant>) -> bool {
    loop {
        match identity.wait_over(deadline) {
            Outcome::Unparked => return true,
            Outcome::TimedOut => return false,
            Outcome::Interrupted => kill::deliver(),
        }
    }
}

/// Ready once the green thread has ended.
impl<T> Waitable for Joiner<T> {
    fn is_ready(&self) -> bool {
        self.identity().is_over_or_awaited()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(self.identity().joiners())
    }
}

/// Ready once the green thread has ended.
impl<T> Waitable for LocalJoiner<T> {
    fn is_ready(&self) -> bool {
        self.identity().is_over_or_awaited()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(self.identity().joiners())
    }
}

/// Ready once the green thread has ended.
impl Waitable for Remote {
    fn is_ready(&self) -> bool {
        self.identity().is_over_or_awaited()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(self.identity().joiners())
    }
}

impl<T> Lasting for Joiner<T> {}

impl<T> Lasting for LocalJoiner<T> {}

impl Lasting for Remote {}
