//! `KillOnDrop`, a join handle that takes its green thread along.

use std::fmt;
use std::ops::Deref;

use crate::{JoinHandle, Result};

/// A join handle that kills its green thread when it is dropped.
///
/// It comes from [`JoinHandle::kill_on_drop`]. The drop asks for the end and does not wait for it. Awaited as a future,
/// it kills the green thread when the future is dropped: so the cancellation of an async task reaches the green thread that
/// it waits for. Everything that a [`JoinHandle`] can be asked by reference can be asked of it, too.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let child = thread::spawn(|| loop { thread::park() }).kill_on_drop();
/// let remote = child.remote();
/// assert!(!child.is_finished());
/// drop(child);
/// remote.wait();
/// assert_eq!(remote.exit(), Some(thread::Exit::Killed));
/// ```
#[must_use = "dropping it kills the green thread"]
pub struct KillOnDrop<T> {
    /// Taken when the handle is given away.
    handle: Option<JoinHandle<T>>,
}

impl<T> KillOnDrop<T> {
    pub(crate) fn new(handle: JoinHandle<T>) -> KillOnDrop<T> {
        KillOnDrop { handle: Some(handle) }
    }

    /// Waits until the green thread has ended and returns its result; see [`JoinHandle::join`].
    ///
    /// If the caller is killed while it waits, so is the green thread.
    ///
    /// # Errors
    ///
    /// The payload of the panic that ended the green thread.
    ///
    /// # Panics
    ///
    /// If a green thread joins itself.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::spawn(|| 8).kill_on_drop();
    /// assert_eq!(child.join().unwrap(), 8);
    /// ```
    pub fn join(self) -> Result<T> {
        // By reference, so that the handle is still here to be dropped if the wait unwinds.
        self.wait_until(None);
        self.into_inner().join()
    }

    /// Gives up the right to kill: the handle that is returned detaches the green thread when it is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::spawn(|| 8).kill_on_drop().into_inner();
    /// assert_eq!(child.join().unwrap(), 8);
    /// ```
    #[expect(clippy::missing_panics_doc, reason = "a value that can be moved has its handle")]
    pub fn into_inner(mut self) -> JoinHandle<T> {
        self.handle.take().expect("the handle is there until it is given away")
    }
}

impl<T> Deref for KillOnDrop<T> {
    type Target = JoinHandle<T>;

    fn deref(&self) -> &JoinHandle<T> {
        self.handle.as_ref().expect("the handle is there until it is given away")
    }
}

impl<T> Drop for KillOnDrop<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            // Where nothing can unwind it can only be left alone, as by any drop of a handle.
            let _ = handle.kill();
        }
    }
}

impl<T> fmt::Debug for KillOnDrop<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KillOnDrop").finish_non_exhaustive()
    }
}
