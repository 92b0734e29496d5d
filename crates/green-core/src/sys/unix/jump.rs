//! The jump between stacks: `context`'s own routine, entered by a jump where a call would mislead the processor.
//!
//! `jump_fcontext` leaves by an indirect jump and not by a `ret`, so a `call` of it puts an address onto the processor's
//! stack of return addresses that nobody takes off. From then on every `ret` of whoever was resumed is predicted to go
//! where the one before it went: 12 of the 19 ns that a yield took. A return address that is pushed by hand leaves that
//! stack alone. Two green threads that wait in the same place then even predict each other's returns rightly.

use std::ffi::c_void;

/// Saves the running stack, resumes the suspended `target`, and passes `data` to it. When something resumes this one in turn,
/// returns the context of the stack that was left for that, and what it passed.
///
/// # Safety
///
/// `target` is a context that `context` made or that this function returned, of this OS thread, and is resumed for the
/// first time since; its stack is alive. Nothing that the caller has borrowed may be touched by others before it returns
/// (I10).
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
#[inline(always)]
pub(crate) unsafe fn jump(target: *mut c_void, data: usize) -> (*mut c_void, usize) {
    let left: *mut c_void;
    let passed: usize;
    // SAFETY: to the compiler this is a call of a C function. As such a one does, `jump_fcontext` takes `target` and `data` in
    // rdi and rsi, returns in rax and rdx, and when it comes back, to the address that was pushed and with that off the
    // stack, the registers that a callee must save are as they were. Without `nostack` the block may use the stack
    // below, which is aligned. What runs meanwhile is another stack of this OS thread, by the caller's promise.
    unsafe {
        std::arch::asm!(
            "lea rax, [rip + 2f]",
            "push rax",
            "jmp {jump_fcontext}",
            "2:",
            jump_fcontext = sym jump_fcontext,
            inlateout("rdi") target => _,
            inlateout("rsi") data => _,
            lateout("rax") left,
            lateout("rdx") passed,
            clobber_abi("C"),
        );
    }
    (left, passed)
}

/// Saves the running stack and resumes another: see the one for x86-64.
///
/// # Safety
///
/// As there.
#[cfg(not(all(target_arch = "x86_64", target_pointer_width = "64")))]
#[inline(always)]
pub(crate) unsafe fn jump(target: *mut c_void, data: usize) -> (*mut c_void, usize) {
    // SAFETY: the caller's promise.
    let back = unsafe { jump_fcontext(target, data) };
    (back.left, back.passed)
}

/// What `jump_fcontext` returns.
#[repr(C)]
struct Back {
    left: *mut c_void,
    passed: usize,
}

// SAFETY: the routine's own signature, a pointer and a word in, and a pair of them out.
unsafe extern "C" {
    /// Boost's routine, which the crate `context` compiles and links.
    fn jump_fcontext(target: *mut c_void, data: usize) -> Back;
}
