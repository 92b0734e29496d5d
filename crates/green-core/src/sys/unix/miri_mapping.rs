//! A range of addresses under Miri: a stand-in for `mapping.rs`, with no memory behind it.
//!
//! Under Miri nothing runs on a stack of ours (`miri_context.rs`), so that its addresses are only compared.

use std::io;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use libc::c_int;

/// Addresses that no other mapping has.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: it is two numbers.
unsafe impl Send for Mapping {}
// SAFETY: as for `Send`.
unsafe impl Sync for Mapping {}

/// Returns false: it takes none.
pub(crate) fn is_address_space_limited() -> bool {
    false
}

impl Mapping {
    pub(crate) fn new(len: usize) -> io::Result<Self> {
        /// Above what Miri gives out.
        static NEXT: AtomicUsize = AtomicUsize::new(1 << 46);
        let start = ptr::without_provenance_mut(NEXT.fetch_add(len + super::page_size(), Relaxed));
        Ok(Mapping { start: NonNull::new(start).expect("it begins above zero"), len })
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn at(&self, range: &Range<usize>) -> *mut u8 {
        self.start.as_ptr().wrapping_add(range.start)
    }

    /// # Safety
    ///
    /// None here; see `mapping.rs`.
    pub(crate) unsafe fn discard(&self, _: Range<usize>) {}

    pub(crate) fn is_touched(&self, _: Range<usize>) -> bool {
        false
    }

    /// # Safety
    ///
    /// None here; see `mapping.rs`.
    #[expect(clippy::unnecessary_wraps, reason = "the signature of what it stands for")]
    pub(super) unsafe fn advise(&self, _: Range<usize>, _: c_int) -> io::Result<()> {
        Ok(())
    }

    /// # Safety
    ///
    /// None here; see `mapping.rs`.
    #[expect(clippy::unnecessary_wraps, reason = "the signature of what it stands for")]
    pub(super) unsafe fn forbid(&self, _: Range<usize>) -> io::Result<()> {
        Ok(())
    }
}
