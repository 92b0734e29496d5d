//! AddressSanitizer: it knows the bounds of the running stack, and may keep local variables elsewhere.
//!
//! To notice a use of a local variable after its function has returned, it puts those whose address is taken into a
//! *fake stack*, of which each stack has one. It is put aside at a switch, and given up with the last switch away from a
//! stack. Nothing may lie in the latter then that who comes next will look at: `Hub::nowhere` is on the heap.
//!
//! The frames of what has ended leave their marks in the shadow of the stack, and whoever uses it next would meet them. So
//! they are removed at the end.
//!
//! LeakSanitizer begins at the stacks that run, and at what it is told of. It is told of every stack that is suspended.
//! One that is leaked (I8) stays one of these, and so does everything that its frames have.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use crate::stack::Stack;

// SAFETY: the signatures are those of `sanitizer/common_interface_defs.h`, `asan_interface.h` and `lsan_interface.h`.
unsafe extern "C" {
    #[link_name = "__sanitizer_start_switch_fiber"]
    fn start_switch(fake: *mut *mut c_void, bottom: *const c_void, size: usize);
    #[link_name = "__sanitizer_finish_switch_fiber"]
    fn finish_switch(fake: *mut c_void, left_bottom: *mut *const c_void, left_size: *mut usize);
    #[link_name = "__asan_unpoison_memory_region"]
    fn unpoison(start: *const c_void, size: usize);
    #[link_name = "__asan_get_current_fake_stack"]
    safe fn current_fake() -> *mut c_void;
    #[link_name = "__asan_addr_is_in_fake_stack"]
    fn real_of_fake(
        fake: *mut c_void,
        address: *mut c_void,
        begin: *mut *mut c_void,
        end: *mut *mut c_void,
    ) -> *mut c_void;
    #[link_name = "__lsan_register_root_region"]
    fn register_root(start: *const c_void, size: usize);
    #[link_name = "__lsan_unregister_root_region"]
    fn unregister_root(start: *const c_void, size: usize);
}

/// What AddressSanitizer knows of the stack that is kept in a slot.
pub(in crate::context) struct Note {
    bottom: Cell<*const c_void>,
    size: Cell<usize>,
    /// The fake stack of that stack; null if it has none yet.
    fake: Cell<*mut c_void>,
    /// Whether what is left here has ended.
    is_last: bool,
}

impl Note {
    pub(in crate::context) const fn new() -> Self {
        Self { bottom: Cell::new(ptr::null()), size: Cell::new(0), fake: Cell::new(ptr::null_mut()), is_last: false }
    }

    pub(in crate::context) const fn last() -> Self {
        Self { is_last: true, ..Self::new() }
    }

    pub(in crate::context) fn begin(&self, stack: &Stack) {
        self.bottom.set(stack.bottom().cast_const().cast());
        self.size.set(stack.size().bytes());
        self.fake.set(ptr::null_mut());
        self.register();
    }

    /// Has LeakSanitizer look through the stack, which is suspended.
    fn register(&self) {
        // SAFETY: LeakSanitizer reads what is mapped of the range. The guard below it is not part of it.
        unsafe { register_root(self.bottom.get(), self.size.get()) };
    }

    #[inline(always)]
    pub(in crate::context) fn depart(&self, to: &Note) {
        // SAFETY: the stack in `to` is suspended, so the same range was registered, by `begin` or `suspended`.
        unsafe { unregister_root(to.bottom.get(), to.size.get()) };
        // Null says that the stack is left for ever.
        let fake = if self.is_last { ptr::null_mut() } else { self.fake.as_ptr() };
        // SAFETY: `fake` is null or writable now; the bounds are those of the stack that the jump right after this goes to.
        unsafe { start_switch(fake, to.bottom.get(), to.size.get()) };
    }

    #[inline(always)]
    pub(in crate::context) fn arrive(&self, left: &Note, at: *const c_void) {
        finish(self.fake.get(), left, at);
    }

    #[inline(always)]
    pub(in crate::context) fn enter(left: &Note, at: *const c_void) {
        finish(ptr::null_mut(), left, at);
    }

    /// AddressSanitizer has no call to give up the fake stack of a stack that is suspended, so it is leaked; and the frames
    /// of the latter may have borrowed out what they keep, so it stays among those that are searched.
    pub(in crate::context) fn forget(&self, at: *const c_void) {
        self.clean(at);
    }

    /// Removes the marks of the frames that are left on the stack, which all lie above the point where it was left: others
    /// have returned or were unwound. (The whole stack may be 64 GiB.)
    fn clean(&self, at: *const c_void) {
        let size = (self.bottom.get().addr() + self.size.get()).saturating_sub(at.addr());
        // SAFETY: the range is part of a stack that nobody runs on; only its shadow is written.
        unsafe { unpoison(at, size) };
    }
}

/// Ends the switch that `depart` has begun, on the stack whose fake stack is `fake`.
#[inline(always)]
fn finish(fake: *mut c_void, left: &Note, at: *const c_void) {
    // SAFETY: a jump that `depart` announced has just come here; `fake` is what it saved when this stack was left, or null
    // for a stack that was not left before; both cells are writable.
    unsafe { finish_switch(fake, left.bottom.as_ptr(), left.size.as_ptr()) };
    if left.is_last {
        left.clean(at);
    } else {
        left.register();
    }
}

/// Returns the address on the running stack that a local variable has, or would have but for the fake stack.
#[inline(always)]
pub(in crate::context) fn real_address<T>(local: &T) -> usize {
    let address = ptr::from_ref(local).cast_mut().cast::<c_void>();
    let fake = current_fake();
    // SAFETY: `fake` is the fake stack of the running stack or null; null pointers ask for no bounds.
    let real = unsafe { real_of_fake(fake, address, ptr::null_mut(), ptr::null_mut()) };
    if real.is_null() { address.addr() } else { real.addr() }
}
