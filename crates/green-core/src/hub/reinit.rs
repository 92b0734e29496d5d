//! A new hub for the child of a fork.
//!
//! The child gets a copy of the forking OS thread's hub that cannot be used: its poll and its eventfd are the parent's, and
//! others may have been in the middle of a message to it. So it is left as it is, for ever, with all green threads that were on
//! it, and with what those own. The root goes on: it moves to a new hub and takes along who it is, its green-thread locals and
//! its bindings, so that the rest of the program sees the same thread as before.
//!
//! Rejected: to clean the old hub and keep it. Everything that refers to it would have to be found, such as a message that was
//! half sent or a deadline in an enclosing `timeout`; with a new hub, all that is of no effect, as if the hub had closed.
//! Rejected too: to let a green thread other than the root go on, as the root of a hub of its own. It would end into the loop
//! of the old one.

use std::io;

use thiserror::Error;

use super::Hub;
use crate::io::watch;
use crate::unpark::Unparker;
use crate::{blocking, current, fork, greenlet, sys};

/// Why green cannot be used in the child of a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReinitError {
    /// It was a green thread that forked: it cannot leave the hub, whose other green threads must not run.
    #[error(
        "a green thread has forked, and only the OS thread's own stack can go on in the child: exec, or fork elsewhere"
    )]
    GreenThread,
    /// The call is inside something that goes back to the old hub when it ends: a shield, `no_switch`, a timeout, a greenlet or
    /// coroutine that has begun and not ended, an unwinding, or a job of a pool.
    #[error(
        "the child is inside a shield, a timeout, no_switch, an unwinding or a job of a pool, or has a greenlet or coroutine under way"
    )]
    Entangled,
    /// Other OS threads run in the child already.
    #[error("there are other OS threads in the child of the fork already")]
    OtherThreads,
}

impl From<ReinitError> for io::Error {
    fn from(error: ReinitError) -> Self {
        io::Error::other(error)
    }
}

/// Makes green usable in the child of a fork: this OS thread gets a new hub, and workers and pools start anew when they are
/// needed.
///
/// Without this call whatever would wait in the child panics with an explanation, and a spawn fails, if the parent had used
/// green before. (If it had not, or in a process that is no such child, the call does nothing.)
///
/// In the child:
///
/// - This OS thread goes on as the same root: `thread::current`, its green-thread locals and its inherited values are as before.
/// - The **green threads of the parent** are not there, as OS threads are not. None of them runs, and nothing that they own
///   is dropped. A `join` of one that had not ended returns [`Abandoned`](crate::spawn::Abandoned) in `Err`; a message to one is lost.
///   A lock that one of them held stays locked.
/// - **Sockets, pipes and listeners** that were inherited can be used; the parent's own use of them goes on. The same goes for
///   channels, locks and other objects for which the parent's green threads merely waited: those are forgotten. (But not by a
///   channel without room, where a green thread of the parent may stand ready to give or to take; and a lock that was free, but kept
///   for one that had waited long, stays so.)
/// - **Timers** of the parent are gone, and so are calls and posts to its hubs, watches, and jobs of its pools.
/// - Standard input has nothing read ahead, and no standard stream is locked.
/// - A `scope` that was entered before the fork waits at its end for its threads, which are not there: for ever.
///
/// A program that serves with several processes calls it in each, right after the fork. The descriptors of the
/// parent's hubs, four for each that has waited for a socket, stay open in the child; they are closed by `exec`.
///
/// Follows what eventlet and gevent do with their hubs after a fork (`reinit`), but for the green threads.
///
/// # Errors
///
/// [`ReinitError::GreenThread`] if it was called by a green thread, [`ReinitError::Entangled`] inside of a `timeout` and its like,
/// [`ReinitError::OtherThreads`] if the child has started other OS threads before. Nothing has changed then.
///
/// # Safety
///
/// What holds for any fork of a process with several OS threads, which green's workers are, is for the caller to see to:
///
/// - This process was made by `fork`, and nothing but `fork` (not by `vfork` or `clone`). It is called on the OS thread that
///   forked, which runs on that thread's own stack.
/// - Another OS thread of the parent may have been in the middle of anything. The child uses nothing that one of them was
///   changing at that moment: no lock that one of them held or queued for in the C library, in std, in `parking_lot` or
///   elsewhere, and no object of green's that one of them was inside a call on. (A green thread that is parked in a call on it
///   is in the middle of nothing.) This library's own locks around its statics are no concern: whoever forks holds them.
///   The simplest way is to fork while no other OS thread and no green thread on a worker runs, such as at the start of the
///   program before it serves anybody.
/// - The child uses nothing that lies on the stack of another OS thread of the parent: the C library uses their memory for
///   the stacks of new ones. So this OS thread must not be inside of a `std::thread::scope` that another has opened.
///
/// # Examples
///
/// ```
/// use green_core::hub::reinit_after_fork;
/// use green_core::spawn::{Options, spawn};
///
/// spawn(Options::default(), || ())?.join().unwrap(); // The parent has a worker hub.
/// # unsafe extern "C" { fn fork() -> i32; fn _exit(status: i32) -> !; fn waitpid(pid: i32, status: *mut i32, flags: i32) -> i32; }
/// // SAFETY: the other OS threads are idle.
/// let pid = unsafe { fork() };
/// if pid == 0 {
///     let answer = || {
///         // SAFETY: this is the child, on the OS thread that forked, and the other OS threads of the parent were idle.
///         unsafe { reinit_after_fork() }?;
///         Ok::<_, std::io::Error>(spawn(Options::default(), || 42)?.join().unwrap())
///     };
///     let status = answer().unwrap_or(1);
///     // SAFETY: it takes a number.
///     unsafe { _exit(status) };
/// }
/// let mut status = 0;
/// // SAFETY: it waits for the child made above, and writes to a local.
/// assert_eq!(unsafe { waitpid(pid, &mut status, 0) }, pid);
/// assert_eq!(status >> 8, 42);
/// # Ok::<(), std::io::Error>(())
/// ```
pub unsafe fn reinit_after_fork() -> Result<(), ReinitError> {
    if !fork::is_unusable() {
        return Ok(());
    }
    if !sys::other_threads().is_empty() {
        return Err(ReinitError::OtherThreads);
    }
    if blocking::is_job() {
        return Err(ReinitError::Entangled);
    }
    let Some(old) = current::existing() else {
        sys::make_usable();
        return Ok(());
    };
    old.check_disentangled()?;
    sys::make_usable();
    watch::forget_all();
    current::renew().succeed(old);
    Ok(())
}

/// Says what is wrong in the child of a fork.
#[cold]
pub(super) fn refuse() -> ! {
    panic!("green: {}", fork::UNUSABLE);
}

impl Hub {
    /// Spends the budget of hand-offs, so that the hub's loop has the next turn: in the child of a fork.
    pub(crate) fn spend_all(&self) {
        self.run_queue.spend_all();
    }

    /// Refuses if something of the running stack would come back to this hub.
    fn check_disentangled(&self) -> Result<(), ReinitError> {
        let root = self.current();
        if !root.is_root.get() {
            return Err(ReinitError::GreenThread);
        }
        let is_entangled = root.no_switch.get() > 0
            || root.shield.get() > 0
            || root.exiting.get()
            || root.interrupts.has_alarms()
            || std::thread::panicking()
            || greenlet::any_started(root);
        if is_entangled { Err(ReinitError::Entangled) } else { Ok(()) }
    }

    /// Takes over the root of `old`, and what can be used of it.
    fn succeed(&self, old: &Hub) {
        let (root, before) = (self.current(), old.current());
        old.shared.note_moved(Unparker::of(before), Unparker::of(root));
        // Nobody else knows what this new root was called.
        root.task.set(None);
        root.locals.take_over(&before.locals);
        root.greenlets.set(before.greenlets.take());
        self.leaks.take_over(&old.leaks, before, Unparker::of(root));
        if let Some(task) = before.task.take() {
            if !task.identity().start_again(Unparker::of(root)) {
                root.interrupts.set_killed();
            }
            self.set_root_task(root, task);
        }
        if let Some(stack) = old.alternate_stack.take() {
            self.alternate_stack.set(Some(stack));
        }
        // Nothing lives on those. What the other stacks hold is the parent's.
        old.stacks.clear();
        // As for those whose OS thread has ended: whoever waits for what an abandoned green thread was about learns of it.
        old.leaks.take().for_each(|duty| duty());
    }
}
