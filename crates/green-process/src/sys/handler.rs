//! What runs when a signal arrives: it notes the signal and makes a descriptor readable.
//!
//! Both are allowed in a signal handler: an atomic operation and a `write(2)`. The handler itself is that of
//! `signal-hook-registry`, so that several libraries of one process can have actions for one signal, and a handler that
//! was there before is called too.

use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use green_core::per_process::process_number;
use libc::{c_int, c_void, sigaction};
use signal_hook_registry::{SigId, register, unregister};

use super::check;

/// What the actions of one handler share.
#[derive(Debug)]
struct Noted {
    /// A bit for each signal that arrived and was not taken. The write to `event` comes after it, and whoever takes it
    /// has read `event` before: the kernel's own lock orders the two.
    signals: AtomicU64,
    /// An eventfd.
    event: OwnedFd,
}

impl Noted {
    /// Runs in the signal handler.
    fn note(&self, bit: u64) {
        self.signals.fetch_or(bit, Ordering::Release);
        let one = 1_u64;
        // SAFETY: the kernel reads eight bytes of a local. The call is async-signal-safe, and the descriptor is open: an
        // action is dropped, and the descriptor with it, only when no handler runs it.
        unsafe { libc::write(self.event.as_raw_fd(), (&raw const one).cast::<c_void>(), size_of::<u64>()) };
        // The one error possible, EAGAIN at a full counter, means that it is readable already.
    }
}

/// Notes signals from its creation until it is dropped.
#[derive(Debug)]
pub(crate) struct Handler {
    noted: Arc<Noted>,
    /// The process that the descriptor is of.
    process: AtomicU32,
    actions: Vec<SigId>,
}

impl Handler {
    /// Creates one that notes nothing yet.
    pub(crate) fn new() -> io::Result<Self> {
        let noted = Arc::new(Noted { signals: AtomicU64::new(0), event: event()? });
        Ok(Self { noted, process: AtomicU32::new(process_number()), actions: Vec::new() })
    }

    /// Makes the descriptor one of this process, if it is shared with the parent in the child of a fork: each would read what was
    /// written for the other. To be called before a look at what was noted, which finds the signals from before.
    pub(crate) fn make_own(&self) -> io::Result<()> {
        let process = process_number();
        if self.process.load(Ordering::Relaxed) != process {
            let fresh = event()?;
            // Under the same number, which the signal handler writes to.
            // SAFETY: the number is that of a descriptor of ours, which nobody has registered in this process.
            check(unsafe { libc::dup3(fresh.as_raw_fd(), self.noted.event.as_raw_fd(), libc::O_CLOEXEC) })?;
            self.process.store(process, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Notes `signal` from now on. The caller has checked that it is one that can be handled.
    pub(crate) fn add(&mut self, signal: c_int) -> io::Result<()> {
        let noted = Arc::clone(&self.noted);
        let bit = bit(signal);
        // SAFETY: all that the action does is `note`, which is async-signal-safe; it does not panic.
        let action = unsafe { register(signal, move || noted.note(bit)) }?;
        self.actions.push(action);
        run_alone_on_alternate_stack(signal)
    }

    /// Takes the noted signals: a bit each.
    pub(crate) fn take(&self) -> u64 {
        self.noted.signals.swap(0, Ordering::Acquire)
    }

    /// Makes the descriptor unreadable until the next signal.
    pub(crate) fn drain(&self) {
        let mut count = 0_u64;
        // SAFETY: the kernel writes eight bytes to a local.
        unsafe { libc::read(self.noted.event.as_raw_fd(), (&raw mut count).cast::<c_void>(), size_of::<u64>()) };
        // EAGAIN: no signal came.
    }
}

impl AsFd for Handler {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.noted.event.as_fd()
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        for action in self.actions.drain(..) {
            unregister(action);
        }
    }
}

fn event() -> io::Result<OwnedFd> {
    // SAFETY: the call takes numbers only.
    let event = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
    // SAFETY: the kernel has just made this descriptor for us; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(event) })
}

/// Returns the bit of a signal, of which the numbers are 1 to 64.
pub(crate) fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// Faults come from the running code itself, which would run into them again after a handler, and ends if they are blocked.
pub(crate) const FAULTS: [c_int; 4] = [libc::SIGILL, libc::SIGFPE, libc::SIGSEGV, libc::SIGBUS];

/// What else running code brings upon itself, and a handler may return from.
const OWN_DOING: [c_int; 2] = [libc::SIGTRAP, libc::SIGABRT];

/// Makes the handler of `signal` run on the OS thread's alternate stack, with no other signal's handler on top of it.
///
/// The registry's would run on the green stack, which may be too small for what the kernel saves there: some 3 KiB, and
/// 11 where a processor's matrix registers are in use. The alternate stack has room for that once, but not for as many signals as
/// may arrive together. What is blocked meanwhile arrives when the handler returns.
fn run_alone_on_alternate_stack(signal: c_int) -> io::Result<()> {
    // SAFETY: a sigaction is numbers and an address, for which all zeroes is a valid value.
    let mut action: sigaction = unsafe { mem::zeroed() };
    // SAFETY: nothing is set; the kernel writes one sigaction, which is ours for the length of the call.
    check(unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) })?;
    action.sa_flags |= libc::SA_ONSTACK;
    // SAFETY: the set is a local's, which the call fills.
    check(unsafe { libc::sigfillset(&raw mut action.sa_mask) })?;
    for unblocked in FAULTS.into_iter().chain(OWN_DOING) {
        // SAFETY: the set is a local's, and the number that of a signal.
        check(unsafe { libc::sigdelset(&raw mut action.sa_mask, unblocked) })?;
    }
    // SAFETY: the handler is the one that is there already; none may depend on the stack that it runs on, nor on being interrupted.
    check(unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) })?;
    Ok(())
}
