//! What a sanitizer is told of the stacks that are switched: nothing in a usual build.
//!
//! AddressSanitizer knows where the running stack begins and ends, to check accesses to it, to clean up behind an unwinding
//! and to look for leaks; ThreadSanitizer keeps a stack of calls and a clock for whatever runs. Both see a jump to another
//! stack as a memory access gone wild unless they are told, by calls of their run-time libraries that are made directly
//! before and directly after the jump. `cargo xtask sanitize` sets `--cfg green_asan` or `--cfg green_tsan` for that.
//!
//! Each slot has a [`Note`], of no size in a usual build, and `context.rs` calls it where something begins or ends:
//!
//! ```text
//!   prepare ── begin(stack)            a fresh stack will be switched to
//!   switch ─── depart(from, to) ─ jump ─ arrive(own, left, where)
//!   enter ───────────────────────── jump ─ enter(left, where)
//!   forget ─── forget(where)           what is kept here never runs again
//! ```
//!
//! *Where* is the address that the jump left the stack at.
//!
//! A slot that was made by [`Note::last`] is the one in which a stack is left that has ended: what the sanitizer has for
//! that stack is given up then.

#[cfg(green_asan)]
mod address;
#[cfg(green_tsan)]
mod thread;
#[cfg(not(any(green_asan, green_tsan)))]
mod unwatched;

#[cfg(green_asan)]
pub(super) use address::{Note, real_address};
#[cfg(green_tsan)]
pub(super) use thread::{Note, real_address};
#[cfg(not(any(green_asan, green_tsan)))]
pub(super) use unwatched::{Note, real_address};
