//! A range of addresses that becomes memory where it is touched.

use std::io;
use std::ops::Range;
use std::ptr::{self, NonNull};

use libc::c_int;

/// A private anonymous mapping without swap reservation, unmapped when dropped.
///
/// Offsets and lengths are in bytes and multiples of the page size.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to an OS thread, and can be unmapped from any of them.
unsafe impl Send for Mapping {}
// SAFETY: through a shared reference one gets an address and asks the kernel to change pages, which it serialises.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Reserves `len` bytes, of which none is committed yet.
    ///
    /// # Errors
    ///
    /// The OS error: no address space within `RLIMIT_AS`, a strict overcommit policy, or a process that locks its
    /// memory.
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        const PROTECTION: c_int = libc::PROT_READ | libc::PROT_WRITE;
        const FLAGS: c_int = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        // SAFETY: a new mapping at an address of the kernel's choice replaces nothing.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, PROTECTION, FLAGS, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).expect("the kernel maps nothing at address zero unasked");
        let mapping = Mapping { start, len };
        // A huge page would commit 2 MiB for a thread that uses 2 KiB. Kernels without huge pages refuse, rightly.
        // SAFETY: the advice changes how pages are backed, not what they hold.
        let _ = unsafe { mapping.advise(0..len, libc::MADV_NOHUGEPAGE) };
        Ok(mapping)
    }

    /// Returns the lowest address.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// Returns the number of bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Makes the pages of `range` read as zero again and gives their memory back; guards in it stay.
    ///
    /// # Safety
    ///
    /// Nothing of value may lie in `range`, and nobody may use it during the call.
    pub(crate) unsafe fn discard(&self, range: Range<usize>) {
        // Refused only where the process has locked its memory, which then stays, as the process asked.
        // SAFETY: the caller promises that the contents are of no value to anyone.
        let _ = unsafe { self.advise(range, libc::MADV_DONTNEED) };
    }

    /// Returns whether some page of `range` is in memory, looking at the last 512 only.
    pub(crate) fn is_touched(&self, range: Range<usize>) -> bool {
        let mut pages = [0; 512];
        let range = range.start.max(range.end.saturating_sub(pages.len() * super::page_size()))..range.end;
        let start = self.at(&range);
        // SAFETY: the range lies within this mapping, as `at` checked, and `pages` has a byte for each of its pages.
        let result = unsafe { libc::mincore(start.cast(), range.len(), pages.as_mut_ptr()) };
        // If the kernel will not tell, it may be.
        result != 0 || pages.iter().any(|page| page & 1 == 1)
    }

    /// Calls `madvise` for `range`.
    ///
    /// # Safety
    ///
    /// What the advice does to the contents must be fine with whoever uses them.
    pub(super) unsafe fn advise(&self, range: Range<usize>, advice: c_int) -> io::Result<()> {
        let start = self.at(&range);
        // SAFETY: the range lies within this mapping, as `at` checked; the caller answers for the contents.
        let result = unsafe { libc::madvise(start.cast(), range.len(), advice) };
        super::check(result).map(drop)
    }

    /// Makes every access to `range` fault.
    ///
    /// # Safety
    ///
    /// Nobody may use the range from now on.
    pub(super) unsafe fn forbid(&self, range: Range<usize>) -> io::Result<()> {
        let start = self.at(&range);
        // SAFETY: the range lies within this mapping, as `at` checked; the caller promises that nobody uses it.
        let result = unsafe { libc::mprotect(start.cast(), range.len(), libc::PROT_NONE) };
        super::check(result).map(drop)
    }

    /// Returns where `range` starts, having checked that it lies within.
    pub(super) fn at(&self, range: &Range<usize>) -> *mut u8 {
        assert!(range.start <= range.end && range.end <= self.len, "a range within the mapping");
        self.start.as_ptr().wrapping_add(range.start)
    }
}

/// Returns whether the process may map only so much (`RLIMIT_AS`).
pub(crate) fn is_address_space_limited() -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the length of the call.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_AS, &raw mut limit) };
    result == 0 && limit.rlim_cur != libc::RLIM_INFINITY
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: this is our mapping, and who drops it says that nobody uses it any more (I8 for stacks).
        let result = unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
        // At the limit of mappings a hole cannot be cut. The memory then stays reserved, which harms nobody.
        debug_assert!(result == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::ENOMEM));
    }
}
