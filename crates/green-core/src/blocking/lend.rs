//! Jobs that use a buffer of the caller's.
//!
//! A caller that waits for its job under a shield cannot be unwound, so its frames outlive the job, and with them what
//! they borrow. That is not enough for a green thread of an OS thread that is not ours: the OS thread may end, and with
//! it a thread-local that the green thread had borrowed from. There the job gets a buffer of its own, and the contents
//! are copied (I15).

use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process;
use std::slice;

use super::{blocks_nobody, unblock};
use crate::current;

/// Runs `f`, which fills a part of `buf` and says how much, as [`unblock`](super::unblock) does.
///
/// # Errors
///
/// Those of `f`.
///
/// # Panics
///
/// Panics with the payload of `f`'s panic, and if `f` says more than there is room for.
pub fn unblock_filling<F>(buf: &mut [u8], f: F) -> io::Result<usize>
where
    F: FnOnce(&mut [u8]) -> io::Result<usize> + Send + 'static,
{
    if blocks_nobody() {
        return f(buf);
    }
    if current::hub().may_lend() {
        let lent = Lent(buf.as_mut_ptr(), buf.len());
        return unblock_lent(move || {
            let Lent(start, len) = { lent };
            // SAFETY: the slice that these came from is exclusively borrowed by a caller that does not go on before
            // this closure has ended (`unblock_lent`), and whose frames and thread-locals stay until then (I8, I15).
            f(unsafe { slice::from_raw_parts_mut(start, len) })
        });
    }
    let mut own = vec![0; buf.len()];
    let (own, result) = unblock(move || {
        let result = f(&mut own);
        (own, result)
    });
    let count = result?;
    buf[..count].copy_from_slice(&own[..count]);
    Ok(count)
}

/// Runs `f` with `bytes` as [`unblock`](super::unblock) does.
///
/// # Panics
///
/// Panics with the payload of `f`'s panic.
pub fn unblock_with_bytes<F, T>(bytes: &[u8], f: F) -> T
where
    F: FnOnce(&[u8]) -> T + Send + 'static,
    T: Send + 'static,
{
    if blocks_nobody() {
        return f(bytes);
    }
    if current::hub().may_lend() {
        let lent = Lent(bytes.as_ptr().cast_mut(), bytes.len());
        return unblock_lent(move || {
            let Lent(start, len) = { lent };
            // SAFETY: as in `unblock_filling`, with a shared borrow.
            f(unsafe { slice::from_raw_parts(start, len) })
        });
    }
    let own = bytes.to_vec();
    unblock(move || f(&own))
}

/// The parts of a slice that another OS thread may use for a while.
struct Lent(*mut u8, usize);

// SAFETY: it stands for a borrow of bytes, which may be sent; whoever turns it back into a slice argues for how long.
unsafe impl Send for Lent {}

/// Runs `f`, which holds pointers into what the caller borrows. It does not return or unwind while `f` may still run.
fn unblock_lent<F, T>(f: F) -> T
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // The panics of `f` come out as a value, so that nothing unwinds through the wait.
    let guard = AbortOnUnwind;
    let result = unblock(move || catch_unwind(AssertUnwindSafe(f)));
    mem::forget(guard);
    result.unwrap_or_else(|payload| resume_unwind(payload))
}

/// Ends the process if it is dropped: the pool may be about to write to memory that its owner believes to have back.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        process::abort();
    }
}
