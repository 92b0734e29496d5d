//! A place for signal handlers to run on when the stack is full.

use std::io;
use std::marker::PhantomData;
use std::mem;
use std::ptr;

use libc::stack_t;

use super::{check, mapping::Mapping, page_size};

/// Takes care that the calling OS thread has an alternate signal stack, until it is dropped there.
///
/// The main thread and std's threads have one already, from std, and keep it. A thread made by a C library, or by a
/// host program that is not Rust, gets one of ours.
#[must_use = "the alternate stack goes when this is dropped"]
pub(crate) struct AlternateStack {
    /// The memory, if it is ours: a guard page and the stack above.
    mapping: Option<Mapping>,
    /// The setting belongs to this OS thread.
    not_send: PhantomData<*mut ()>,
}

/// Installs an alternate stack for the calling OS thread if it has none.
pub(crate) fn install_alternate_stack() -> io::Result<AlternateStack> {
    if current()?.ss_flags & libc::SS_DISABLE == 0 {
        return Ok(AlternateStack { mapping: None, not_send: PhantomData });
    }
    let guard = page_size();
    let size = handler_space().next_multiple_of(page_size());
    let mapping = Mapping::new(guard + size)?;
    // SAFETY: the mapping is new, and what is used of it starts above the guard.
    unsafe { mapping.guard(0..guard) }?;
    let memory = mapping.start().as_ptr().wrapping_add(guard);
    let stack = stack_t { ss_sp: memory.cast(), ss_flags: 0, ss_size: size };
    // SAFETY: the memory is ours, used for nothing else, and lives until `drop` has disabled the setting.
    check(unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) })?;
    Ok(AlternateStack { mapping: Some(mapping), not_send: PhantomData })
}

#[cfg(test)]
impl AlternateStack {
    /// Returns whether there was none.
    pub(super) fn is_ours(&self) -> bool {
        self.mapping.is_some()
    }
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        let Some(mapping) = self.mapping.take() else {
            return;
        };
        let ours = mapping.start().as_ptr().addr()..mapping.start().as_ptr().addr() + mapping.len();
        let still_installed = current().is_ok_and(|stack| ours.contains(&stack.ss_sp.addr()));
        if still_installed {
            let none = stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: handler_space() };
            // SAFETY: disabling needs no memory.
            let disabled = check(unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) });
            if disabled.is_err() {
                // We are in a signal handler on it, so it has to stay.
                mem::forget(mapping);
            }
        }
    }
}

/// Returns the calling thread's setting.
fn current() -> io::Result<stack_t> {
    // SAFETY: a stack_t is a pointer and numbers, for which all zeroes is a valid value.
    let mut stack: stack_t = unsafe { mem::zeroed() };
    // SAFETY: a null first argument changes nothing, and `stack` is writable.
    check(unsafe { libc::sigaltstack(ptr::null(), &raw mut stack) })?;
    Ok(stack)
}

/// Returns how much a handler needs: what the kernel puts there, which grows with the CPU's registers, and room for
/// itself, of which std's handler uses the most as it looks up its thread's name.
fn handler_space() -> usize {
    // SAFETY: getauxval takes a number, and returns 0 for what it does not know.
    let kernel = unsafe { libc::getauxval(libc::AT_MINSIGSTKSZ) };
    usize::try_from(kernel).unwrap_or(0) + 2 * libc::SIGSTKSZ
}
