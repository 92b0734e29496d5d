//! No sanitizer: all of this is compiled to nothing.

use std::ffi::c_void;

use crate::stack::Stack;

/// What a sanitizer knows of the stack that is kept in a slot.
pub(in crate::context) struct Note;

impl Note {
    pub(in crate::context) const fn new() -> Self {
        Self
    }

    /// Makes that of a slot in which stacks are left that have ended.
    pub(in crate::context) const fn last() -> Self {
        Self
    }

    /// Announces a stack that the first switch to this slot will begin to use.
    #[inline(always)]
    pub(in crate::context) fn begin(&self, _stack: &Stack) {}

    /// Announces the jump that follows, from the stack that will be kept here to the one that is kept in `to`.
    #[inline(always)]
    pub(in crate::context) fn depart(&self, _to: &Note) {}

    /// Says that the stack kept here runs again, and that the one of `left` is suspended.
    #[inline(always)]
    pub(in crate::context) fn arrive(&self, _left: &Note, _at: *const c_void) {}

    /// Says that a stack runs for the first time, and that the one of `left` is suspended.
    #[inline(always)]
    pub(in crate::context) fn enter(_left: &Note, _at: *const c_void) {}

    /// Says that the stack kept here will never run again.
    #[inline(always)]
    pub(in crate::context) fn forget(&self, _at: *const c_void) {}
}

/// Returns the address on the running stack that a local variable has.
#[inline(always)]
pub(in crate::context) fn real_address<T>(local: &T) -> usize {
    std::ptr::from_ref(local).addr()
}
