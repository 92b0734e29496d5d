//! `LocalJoinHandle`, the handle of a green thread whose closure and result never leave this OS thread.

use std::any::Any;
use std::cell::OnceCell;
use std::fmt;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use green_core::clock;
use green_core::spawn::{self, Exit, LinkId, LocalJoiner, Watch};
use green_core::wait_queue::WaitQueue;
use green_core::waitable::{Lasting, Waitable};

use crate::join_handle::refuse_own;
use crate::{KillError, Result, Thread};

/// Waits for a green thread that [`spawn_local`](crate::spawn_local) started, and takes its result.
///
/// It is neither `Send` nor `Sync`, for the result may not be: it is taken and dropped on the OS thread where it was
/// made. [`remote`](LocalJoinHandle::remote) gives other OS threads what they may have, which is to kill and to wait.
/// Dropping the handle detaches the green thread.
///
/// # Examples
///
/// ```
/// use std::rc::Rc;
///
/// let child = green_thread::spawn_local(|| Rc::new(3));
/// assert_eq!(*child.join().unwrap(), 3);
/// ```
///
/// ```compile_fail,E0277
/// let child = green_thread::spawn_local(|| std::rc::Rc::new(3));
/// green_thread::spawn(move || child.join());
/// ```
///
/// ```compile_fail,E0277
/// let child = green_thread::spawn_local(|| 3);
/// std::thread::scope(|s| s.spawn(|| child.is_finished()).join());
/// ```
pub struct LocalJoinHandle<T> {
    joiner: LocalJoiner<T>,
    /// Filled by the first call of `thread`.
    thread: OnceCell<Thread>,
}

impl<T> LocalJoinHandle<T> {
    pub(crate) fn new(joiner: LocalJoiner<T>) -> LocalJoinHandle<T> {
        LocalJoinHandle { joiner, thread: OnceCell::new() }
    }

    /// Returns the handle by which the green thread is named and unparked.
    ///
    /// # Examples
    ///
    /// ```
    /// let parked = green_thread::spawn_local(green_thread::park);
    /// parked.thread().unpark();
    /// assert!(parked.join().is_ok());
    /// ```
    #[must_use]
    pub fn thread(&self) -> &Thread {
        self.thread.get_or_init(|| Thread::new(self.joiner.identity_ref()))
    }

    /// Waits until the green thread has ended and returns its result; see [`JoinHandle::join`](crate::JoinHandle::join).
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
    /// let child = green_thread::spawn_local(|| [1, 2]);
    /// assert_eq!(child.join().unwrap(), [1, 2]);
    /// ```
    pub fn join(self) -> Result<T> {
        refuse_own(self.joiner.identity());
        self.joiner.join()
    }

    /// Waits as [`join`](LocalJoinHandle::join) does, but gives the handle back if `timeout` passes first.
    ///
    /// # Errors
    ///
    /// The handle itself, if the green thread has not ended in time.
    ///
    /// # Panics
    ///
    /// If a green thread joins itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let parked = green_thread::spawn_local(green_thread::park);
    /// let parked = parked.join_timeout(Duration::from_millis(1)).expect_err("nobody unparked it");
    /// parked.thread().unpark();
    /// assert!(parked.join_timeout(Duration::from_secs(60)).is_ok());
    /// ```
    pub fn join_timeout(self, timeout: Duration) -> std::result::Result<Result<T>, LocalJoinHandle<T>> {
        refuse_own(self.joiner.identity());
        let LocalJoinHandle { joiner, thread } = self;
        match clock::after(timeout) {
            Some(deadline) => joiner.join_until(deadline).map_err(|joiner| LocalJoinHandle { joiner, thread }),
            None => Ok(joiner.join()),
        }
    }

    /// Returns the result if the green thread has ended, and never waits.
    ///
    /// # Errors
    ///
    /// The handle itself, if the green thread has not ended.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::spawn_local(|| 3);
    /// let child = child.try_join().expect_err("nobody has parked yet");
    /// assert_eq!(child.join().unwrap(), 3);
    /// ```
    pub fn try_join(self) -> std::result::Result<Result<T>, LocalJoinHandle<T>> {
        if self.is_finished() { Ok(self.joiner.join()) } else { Err(self) }
    }

    /// Returns whether the green thread has finished running its closure.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::spawn_local(|| {});
    /// assert!(!child.is_finished(), "nobody has parked yet");
    /// child.join().unwrap();
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        let finished = self.joiner.is_finished();
        if !finished {
            green_core::park::asked_in_vain();
        }
        finished
    }

    /// Asks the green thread to end; see [`JoinHandle::kill`](crate::JoinHandle::kill).
    ///
    /// # Errors
    ///
    /// If the program is built with `panic = "abort"`.
    ///
    /// # Examples
    ///
    /// ```
    /// let never = green_thread::spawn_local(|| unreachable!("killed before it could start"));
    /// never.kill()?;
    /// assert!(never.join().unwrap_err().is::<green_thread::Killed>());
    /// # Ok::<(), green_thread::KillError>(())
    /// ```
    pub fn kill(&self) -> std::result::Result<(), KillError> {
        self.joiner.kill()
    }

    /// Asks the green thread to end, with a payload; see [`JoinHandle::kill_with`](crate::JoinHandle::kill_with).
    ///
    /// # Errors
    ///
    /// If the program is built with `panic = "abort"`.
    ///
    /// # Examples
    ///
    /// ```
    /// let parked = green_thread::spawn_local(green_thread::park);
    /// parked.kill_with(Box::new(3))?;
    /// assert_eq!(parked.join().unwrap_err().downcast_ref(), Some(&3));
    /// # Ok::<(), green_thread::KillError>(())
    /// ```
    pub fn kill_with(&self, payload: Box<dyn Any + Send>) -> std::result::Result<(), KillError> {
        self.joiner.kill_with(payload)
    }

    /// Ends the green thread if it has not started; see [`JoinHandle::cancel`](crate::JoinHandle::cancel).
    ///
    /// # Examples
    ///
    /// ```
    /// let never = green_thread::spawn_local(|| unreachable!("cancelled before it could start"));
    /// assert!(never.cancel());
    /// assert!(never.join().is_err());
    /// ```
    pub fn cancel(&self) -> bool {
        self.joiner.cancel()
    }

    /// Calls `f` on this OS thread when the green thread has ended; see [`JoinHandle::on_exit`](crate::JoinHandle::on_exit).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    ///
    /// let seen = Rc::new(Cell::new(false));
    /// let child = green_thread::spawn_local(|| {});
    /// child.on_exit({
    ///     let seen = Rc::clone(&seen);
    ///     move || seen.set(true)
    /// });
    /// child.join().unwrap();
    /// assert!(seen.get());
    /// ```
    pub fn on_exit(&self, f: impl FnOnce() + 'static) {
        self.joiner.on_exit(f);
    }

    /// Calls `f` on this OS thread when the green thread has ended, and tells it how; see
    /// [`JoinHandle::link`](crate::JoinHandle::link).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    ///
    /// use green_thread::{self as thread, Exit};
    ///
    /// let seen = Rc::new(Cell::new(None));
    /// let child = thread::spawn_local(|| {});
    /// child.link({
    ///     let seen = Rc::clone(&seen);
    ///     move |exit| seen.set(Some(exit))
    /// });
    /// child.join().unwrap();
    /// assert_eq!(seen.get(), Some(Exit::Returned));
    /// ```
    pub fn link(&self, f: impl FnOnce(Exit) + 'static) -> LinkId {
        self.joiner.link(f)
    }

    /// Takes a link back; see [`JoinHandle::unlink`](crate::JoinHandle::unlink).
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::spawn_local(|| {});
    /// let id = child.link(|_| unreachable!("taken back"));
    /// assert!(child.unlink(id));
    /// child.join().unwrap();
    /// assert!(!green_thread::spawn_local(|| {}).unlink(id));
    /// ```
    pub fn unlink(&self, id: LinkId) -> bool {
        self.joiner.unlink(id)
    }

    /// Returns a handle for other OS threads, which cannot reach the result.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread as thread;
    ///
    /// let endless = thread::spawn_local(|| loop { thread::park() });
    /// let remote = endless.remote();
    /// let killer = thread::spawn(move || remote.kill());
    /// assert!(endless.join().unwrap_err().is::<thread::Killed>());
    /// killer.join().unwrap()?;
    /// # Ok::<(), thread::KillError>(())
    /// ```
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote::new(self.joiner.remote())
    }

    pub(crate) fn watch(&self) -> Watch {
        self.joiner.remote().watch()
    }
}

/// Ready once the green thread has ended, for a wait for the first of several things.
impl<T> Waitable for LocalJoinHandle<T> {
    fn is_ready(&self) -> bool {
        Waitable::is_ready(&self.joiner)
    }

    fn queue(&self) -> Option<&WaitQueue> {
        self.joiner.queue()
    }
}

impl<T> Lasting for LocalJoinHandle<T> {}

impl<T> fmt::Debug for LocalJoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalJoinHandle").finish_non_exhaustive()
    }
}

/// Kills or waits for a green thread from any OS thread, without a way to its result.
///
/// It comes from [`LocalJoinHandle::remote`] or [`JoinHandle::remote`](crate::JoinHandle::remote), and any number of clones
/// may wait.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let child = thread::spawn_local(|| {});
/// let remote = child.remote();
/// child.join().unwrap();
/// thread::spawn(move || remote.wait()).join().unwrap();
/// # assert_ne!(thread::current().id(), thread::spawn(|| thread::current().id()).join().unwrap());
/// ```
#[derive(Clone)]
pub struct Remote {
    remote: spawn::Remote,
}

impl Remote {
    pub(crate) fn new(remote: spawn::Remote) -> Remote {
        Remote { remote }
    }

    /// Returns how the green thread ended, once it has.
    ///
    /// # Examples
    ///
    /// ```
    /// use green_thread::{self as thread, Exit};
    ///
    /// let child = thread::spawn_local(|| {});
    /// let remote = child.remote();
    /// assert_eq!(remote.exit(), None);
    /// child.join().unwrap();
    /// assert_eq!(remote.exit(), Some(Exit::Returned));
    /// ```
    #[must_use]
    pub fn exit(&self) -> Option<Exit> {
        self.remote.exit()
    }

    /// Waits until the green thread has ended; returns false if `deadline` passes first.
    pub(crate) fn wait_until(&self, deadline: Option<Instant>) -> bool {
        match deadline {
            Some(deadline) => self.remote.wait_until(deadline),
            None => {
                self.remote.wait();
                true
            }
        }
    }

    pub(crate) fn watch(&self) -> Watch {
        self.remote.watch()
    }

    pub(crate) fn id(&self) -> NonZeroU64 {
        self.remote.identity().id()
    }

    /// Returns the handle by which the green thread is named and unparked.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::spawn_local(|| {});
    /// assert_eq!(child.remote().thread().id(), child.thread().id());
    /// # child.join().unwrap();
    /// ```
    #[must_use]
    pub fn thread(&self) -> Thread {
        Thread::new(self.remote.identity().clone())
    }

    /// Asks the green thread to end; see [`JoinHandle::kill`](crate::JoinHandle::kill).
    ///
    /// # Errors
    ///
    /// If the program is built with `panic = "abort"`.
    ///
    /// # Examples
    ///
    /// ```
    /// let parked = green_thread::spawn_local(green_thread::park);
    /// parked.remote().kill()?;
    /// assert!(parked.join().is_err());
    /// # Ok::<(), green_thread::KillError>(())
    /// ```
    pub fn kill(&self) -> std::result::Result<(), KillError> {
        self.remote.kill()
    }

    /// Returns whether the green thread has finished running its closure.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::spawn_local(|| {});
    /// let remote = child.remote();
    /// assert!(!remote.is_finished());
    /// child.join().unwrap();
    /// assert!(remote.is_finished());
    /// ```
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.remote.is_finished()
    }

    /// Parks until the green thread has ended.
    ///
    /// # Panics
    ///
    /// If a green thread waits for itself, which would never end.
    ///
    /// # Examples
    ///
    /// ```
    /// let child = green_thread::spawn_local(|| {});
    /// child.remote().wait();
    /// assert!(child.is_finished());
    /// ```
    pub fn wait(&self) {
        refuse_own(self.remote.identity());
        self.remote.wait();
    }

    /// Parks until the green thread has ended, or `timeout` has passed; returns whether it has ended.
    ///
    /// # Panics
    ///
    /// If a green thread waits for itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let parked = green_thread::spawn_local(green_thread::park);
    /// let remote = parked.remote();
    /// assert!(!remote.wait_timeout(Duration::from_millis(1)));
    /// parked.thread().unpark();
    /// assert!(remote.wait_timeout(Duration::from_secs(60)));
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        refuse_own(self.remote.identity());
        self.wait_until(clock::after(timeout))
    }
}

/// Ready once the green thread has ended, for a wait for the first of several things.
impl Waitable for Remote {
    fn is_ready(&self) -> bool {
        Waitable::is_ready(&self.remote)
    }

    fn queue(&self) -> Option<&WaitQueue> {
        self.remote.queue()
    }
}

impl Lasting for Remote {}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}
