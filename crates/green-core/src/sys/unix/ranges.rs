//! The same advice for many ranges of memory, by one system call where the kernel has one.

use std::io;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use libc::c_int;

use super::mapping::Mapping;

/// Whether `process_madvise` was refused, as it is by kernels before 6.13 for most advice, before they know `PIDFD_SELF`, and by
/// sandboxes. Then there is a call for each range.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// Does what a kernel without the call does.
#[cfg(test)]
pub(super) fn refuse() {
    REFUSED.store(true, Relaxed);
}

/// Ranges of mappings that get the same advice.
#[derive(Default)]
pub(crate) struct Ranges<'a> {
    list: Vec<libc::iovec>,
    mappings: PhantomData<&'a Mapping>,
}

impl<'a> Ranges<'a> {
    /// Adds a range of offsets.
    pub(crate) fn push(&mut self, mapping: &'a Mapping, range: Range<usize>) {
        self.list.push(libc::iovec { iov_base: mapping.at(&range).cast(), iov_len: range.len() });
    }

    /// Makes the pages read as zero again and gives their memory back; guards stay.
    ///
    /// # Safety
    ///
    /// As for [`Mapping::discard`].
    pub(crate) unsafe fn discard(&self) {
        // Refused only where the process has locked its memory, which then stays, as the process asked.
        // SAFETY: the caller promises that the contents are of no value to anyone.
        let _ = unsafe { self.advise(libc::MADV_DONTNEED) };
    }

    /// Commits the pages, as a write to each would.
    pub(crate) fn populate(&self) {
        // Who touches them finds out what is wrong.
        // SAFETY: the contents stay.
        let _ = unsafe { self.advise(libc::MADV_POPULATE_WRITE) };
    }

    /// Calls `madvise` for all, whatever becomes of some.
    ///
    /// # Errors
    ///
    /// The OS error of the first range that was refused.
    ///
    /// # Safety
    ///
    /// What the advice does to the contents must be fine with whoever uses them.
    pub(super) unsafe fn advise(&self, advice: c_int) -> io::Result<()> {
        if cfg!(miri) {
            return Ok(());
        }
        // SAFETY: the caller answers for the contents.
        let mut done = unsafe { self.advise_at_once(advice) };
        let mut outcome = Ok(());
        for range in &self.list {
            if done >= range.iov_len {
                done -= range.iov_len;
                continue;
            }
            // The call may end within a range, as the kernel counts to 2 GiB.
            done = 0;
            // SAFETY: `push` saw that the range lies within a mapping that is borrowed; the caller answers for the contents.
            let result = unsafe { libc::madvise(range.iov_base, range.iov_len, advice) };
            outcome = outcome.and(super::check(result).map(drop));
        }
        outcome
    }

    /// Advises as many of the first ranges as one call can; returns how many bytes that was.
    ///
    /// # Safety
    ///
    /// As for [`advise`](Self::advise).
    unsafe fn advise_at_once(&self, advice: c_int) -> usize {
        /// The calling thread, where a pidfd is asked for.
        const PIDFD_SELF: c_int = -10000;
        /// The most ranges of a call.
        const MOST: usize = 1024;
        if self.list.len() < 2 || REFUSED.load(Relaxed) {
            return 0;
        }
        let (list, count) = (self.list.as_ptr(), self.list.len().min(MOST));
        // SAFETY: `list` has `count` ranges, of which `push` saw that they lie within mappings that are borrowed; the caller
        // answers for the contents.
        let result = unsafe { libc::syscall(libc::SYS_process_madvise, PIDFD_SELF, list, count, advice, 0) };
        usize::try_from(result).unwrap_or_else(|_| {
            // Some say something of the range rather than the call: after these, calls are slower without need, and as good.
            let error = io::Error::last_os_error().raw_os_error();
            if matches!(error, Some(libc::ENOSYS | libc::EPERM | libc::EBADF | libc::EINVAL)) {
                REFUSED.store(true, Relaxed);
            }
            0
        })
    }
}
