//! ThreadSanitizer: every stack has a state of its own, which it calls a fiber.
//!
//! A switch says that all that happened before it on this OS thread happens before what comes after it, whatever stack that
//! runs on (flags = 0): an OS thread does one thing after the other, and that is what green threads of one hub lean on
//! (I2). So what is reported are races between OS threads.
//!
//! The state of a stack begins with `prepare` and ends with the last switch away from it. A green thread that begins on the
//! stack of one that has ended goes on with its state, as with its frames.

use std::cell::Cell;
use std::ffi::{c_uint, c_void};
use std::ptr;

use crate::stack::Stack;

/// A switch with the meaning that the module's text gives.
const ORDERED: c_uint = 0;

// SAFETY: the signatures are those of `sanitizer/tsan_interface.h`; the first two ask nothing of their callers.
unsafe extern "C" {
    #[link_name = "__tsan_get_current_fiber"]
    safe fn current() -> *mut c_void;
    #[link_name = "__tsan_create_fiber"]
    safe fn create(flags: c_uint) -> *mut c_void;
    #[link_name = "__tsan_destroy_fiber"]
    fn destroy(state: *mut c_void);
    #[link_name = "__tsan_switch_to_fiber"]
    fn switch_to(state: *mut c_void, flags: c_uint);
}

/// What ThreadSanitizer knows of the stack that is kept in a slot.
pub(in crate::context) struct Note {
    /// The state of that stack; null while the slot is empty.
    state: Cell<*mut c_void>,
    /// Whether what is left here has ended.
    is_last: bool,
}

impl Note {
    pub(in crate::context) const fn new() -> Self {
        Self { state: Cell::new(ptr::null_mut()), is_last: false }
    }

    pub(in crate::context) const fn last() -> Self {
        Self { state: Cell::new(ptr::null_mut()), is_last: true }
    }

    pub(in crate::context) fn begin(&self, _stack: &Stack) {
        self.state.set(create(0));
    }

    #[inline(always)]
    pub(in crate::context) fn depart(&self, to: &Note) {
        self.state.set(current());
        let next = to.state.replace(ptr::null_mut());
        // SAFETY: `next` was made by `create`, or was the state of a stack that was left into that slot: it is alive, as only
        // `arrive` and `forget` destroy one, and take it out of its slot; and it runs nowhere else, as its stack is
        // suspended. The jump to that stack comes next (`switch`).
        unsafe { switch_to(next, ORDERED) };
    }

    #[inline(always)]
    pub(in crate::context) fn arrive(&self, left: &Note, at: *const c_void) {
        Self::enter(left, at);
    }

    #[inline(always)]
    pub(in crate::context) fn enter(left: &Note, at: *const c_void) {
        if left.is_last {
            left.forget(at);
        }
    }

    pub(in crate::context) fn forget(&self, _at: *const c_void) {
        let state = self.state.replace(ptr::null_mut());
        if !state.is_null() {
            // SAFETY: the state is that of a stack which is suspended and never resumed, so it is not the running one and
            // nobody switches to it; it was taken out of the slot just now, so it is destroyed once.
            unsafe { destroy(state) };
        }
    }
}

#[inline(always)]
pub(in crate::context) fn real_address<T>(local: &T) -> usize {
    ptr::from_ref(local).addr()
}
