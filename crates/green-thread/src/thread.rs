//! `Thread`, the handle by which a green thread is named and unparked.

use std::fmt;
use std::num::NonZeroU64;
use std::panic::{RefUnwindSafe, UnwindSafe};

use green_core::identity::IdentityRef;

use crate::ThreadId;

/// Names a green thread and wakes it from [`park`](crate::park).
///
/// Corresponds to [`std::thread::Thread`]. It comes from [`current`](crate::current) or from
/// [`JoinHandle::thread`](crate::JoinHandle::thread), is cheap to clone, may go to any OS thread, and may outlive the
/// green thread.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let me = thread::current();
/// let waker = thread::spawn(move || me.unpark());
/// thread::park();
/// waker.join().unwrap();
/// assert_eq!(thread::current().id(), thread::current().id());
/// ```
#[derive(Clone)]
pub struct Thread {
    identity: IdentityRef,
}

impl Thread {
    pub(crate) fn new(identity: IdentityRef) -> Thread {
        Thread { identity }
    }

    pub(crate) fn number(&self) -> NonZeroU64 {
        self.identity.id()
    }

    /// Makes the green thread's token available, so that its current or next [`park`](crate::park) returns.
    ///
    /// There is one token: unparking twice before a `park` is the same as once. What was written before `unpark` is
    /// visible after the `park` that took the token.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// // The token is kept until its green thread parks.
    /// let child = thread::spawn(thread::park);
    /// child.thread().unpark();
    /// assert!(child.join().is_ok());
    /// ```
    pub fn unpark(&self) {
        self.identity.unpark();
    }

    /// Returns the identifier of the green thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// let child = thread::spawn(|| {});
    /// assert_ne!(child.thread().id(), thread::current().id());
    /// # child.join().unwrap();
    /// ```
    #[must_use]
    pub fn id(&self) -> ThreadId {
        ThreadId::new(self.identity.id())
    }

    /// Returns the name given by [`Builder::name`](crate::Builder::name), if there was one.
    ///
    /// The main green thread is called "main".
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// let named = thread::Builder::new().name("reader".into()).spawn(|| {})?;
    /// assert_eq!(named.thread().name(), Some("reader"));
    /// # named.join().unwrap();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.identity.name()
    }
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread").field("id", &self.id()).field("name", &self.name()).finish_non_exhaustive()
    }
}

// As std's `Thread`. The token is one atomic state, which a panic cannot leave half changed.
impl UnwindSafe for Thread {}
impl RefUnwindSafe for Thread {}
