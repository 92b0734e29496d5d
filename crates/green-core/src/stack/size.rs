//! How large a stack is.

use std::fmt;
use std::io::{self, ErrorKind};

use crate::sys;

/// A size that stacks come in, in bytes that a green thread can use.
///
/// There are four sizes to each power of two: 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64 KiB and so on, with pages of
/// 4 KiB. So stacks of slightly different sizes are reused for each other, and a few tables suffice. What is asked for
/// is rounded up; the excess is address space only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StackSize {
    class: u8,
}

/// Two pages: entry, a call of the closure and a park fit in. A panic message needs more. Under a sanitizer, frames are
/// several times as large, and its own calls use the stack too.
const MIN_PAGES: usize = if cfg!(any(green_asan, green_tsan)) { 64 } else { 2 };

/// 64 GiB with pages of 4 KiB.
const MAX_PAGES: usize = 1 << 24;

impl StackSize {
    /// The number of different sizes.
    pub(super) const CLASSES: usize = class_of(MAX_PAGES) as usize + 1;

    /// Returns the smallest size that has at least `bytes`; 8 KiB at least.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it is larger than the largest, 64 GiB.
    pub(crate) fn new(bytes: usize) -> io::Result<Self> {
        let pages = bytes.div_ceil(sys::page_size()).max(MIN_PAGES);
        if pages > MAX_PAGES {
            return Err(io::Error::new(ErrorKind::InvalidInput, StackTooLarge { bytes }));
        }
        Ok(StackSize { class: class_of(pages) })
    }

    /// Returns all sizes, from small to large.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..Self::CLASSES as u8).map(|class| StackSize { class })
    }

    /// Returns how many bytes a green thread can use.
    pub(crate) fn bytes(self) -> usize {
        pages_of(self.class) * sys::page_size()
    }

    /// Returns the size that has this [place](Self::class).
    pub(crate) fn of_class(class: usize) -> Self {
        debug_assert!(class < Self::CLASSES, "it is the place of a size");
        StackSize { class: class as u8 }
    }

    /// Returns the place of this size among all, from 0 to [`CLASSES`](Self::CLASSES).
    pub(crate) fn class(self) -> usize {
        self.class.into()
    }
}

/// Returns the class of the smallest size with at least `pages`.
///
/// Above four pages, the sizes between 2^n and 2^(n+1) are 5/4, 6/4, 7/4 and 8/4 of 2^n.
const fn class_of(pages: usize) -> u8 {
    if pages <= 4 {
        return pages as u8 - 1;
    }
    let below = (pages - 1).ilog2();
    let quarters = (pages - (1 << below)).div_ceil(1 << (below - 2));
    (4 * (below - 2)) as u8 + quarters as u8 + 3
}

/// Returns the number of pages of a class.
const fn pages_of(class: u8) -> usize {
    if class < 4 {
        return class as usize + 1;
    }
    let (doubling, quarters) = ((class - 4) / 4, (class - 4) % 4 + 1);
    (4 + quarters as usize) << doubling
}

/// Why a stack size was refused.
#[derive(thiserror::Error)]
#[error("a stack of {bytes} bytes is larger than the largest, which has 64 GiB")]
struct StackTooLarge {
    bytes: usize,
}

/// As `Display`: a panic shows it to a person.
impl fmt::Debug for StackTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_gets_the_next_size() {
        let mut sizes = (0..StackSize::CLASSES as u8).map(pages_of).peekable();
        for pages in 1..5000 {
            let size = pages_of(class_of(pages));
            while *sizes.peek().expect("5000 pages are within the largest size") < pages {
                sizes.next();
            }
            assert_eq!(Some(&size), sizes.peek());
            assert!(size <= pages + pages / 4);
        }
        assert_eq!(pages_of(class_of(MAX_PAGES)), MAX_PAGES);
    }

    #[test]
    fn common_sizes_are_exact() {
        for bytes in [16 << 10, 64 << 10, 256 << 10, 1 << 20, 2 << 20, 8 << 20, 1 << 30] {
            assert_eq!(StackSize::new(bytes).expect("a usual size").bytes(), bytes);
        }
    }

    #[test]
    fn the_extremes_are_rounded_or_refused() {
        for bytes in [0, 1, 8192] {
            assert_eq!(StackSize::new(bytes).expect("the smallest size").bytes(), MIN_PAGES * sys::page_size());
        }
        for bytes in [usize::MAX, MAX_PAGES * sys::page_size() + 1] {
            assert_eq!(StackSize::new(bytes).expect_err("too large").kind(), ErrorKind::InvalidInput);
        }
    }
}
