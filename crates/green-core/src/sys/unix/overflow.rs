//! Stack overflow ends the process with a message, as with std, instead of a bare SIGSEGV.
//!
//! std's own handler knows the guards of OS threads only. Ours is installed over it, takes faults in the guards of
//! green stacks, and passes every other fault on to the handler that was there before.
//!
//! The handler may run anywhere, so it takes no lock, allocates nothing, writes with `write(2)` and reads only atomics
//! and what it was given. It runs on the alternate signal stack, the overflown one having no room left.

use std::io;
use std::mem;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use libc::{c_int, c_void, sigaction, siginfo_t};

use super::{check, region::overflowed_stack};

/// Calls its argument with the name of the green thread that runs on the calling OS thread.
pub(crate) type NameOfCurrent = fn(&mut dyn FnMut(&[u8]));

static NAME_OF_CURRENT: OnceLock<NameOfCurrent> = OnceLock::new();

/// What was installed for SIGSEGV and SIGBUS before us.
static PREVIOUS: [OnceLock<sigaction>; 2] = [OnceLock::new(), OnceLock::new()];
const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// Handles stack overflows of green threads from here on, in the whole process; calls after the first do nothing.
///
/// `name_of_current` is called in the signal handler. It must not lock, allocate or panic, and may use only
/// thread-locals that are initialised by a constant and have no destructor.
pub(crate) fn install_overflow_handler(name_of_current: NameOfCurrent) -> io::Result<()> {
    /// Rather than what `set` returns: the child of a fork that came in the middle of that would wait for ever.
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    if cfg!(miri) {
        // It knows no signals, and finds overflows itself.
        return Err(io::Error::from(io::ErrorKind::Unsupported));
    }
    if INSTALLED.load(Relaxed) || INSTALLED.swap(true, Relaxed) {
        return Ok(());
    }
    let _ = NAME_OF_CURRENT.set(name_of_current);
    for (signal, previous) in SIGNALS.into_iter().zip(&PREVIOUS) {
        // Known before ours can run: a handler that finds nothing to pass a fault on to would have to drop it.
        let old = action(signal, None)?;
        let _ = previous.set(old);
        // SAFETY: a sigaction is numbers and an optional function, for which all zeroes is a valid value.
        let mut new: sigaction = unsafe { mem::zeroed() };
        let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) = on_fault;
        new.sa_sigaction = handler as usize;
        new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        action(signal, Some(&new))?;
    }
    Ok(())
}

/// Installs `new`, if given, and returns what was there.
fn action(signal: c_int, new: Option<&sigaction>) -> io::Result<sigaction> {
    // SAFETY: as in `install_overflow_handler`, zeroes are a valid sigaction.
    let mut old: sigaction = unsafe { mem::zeroed() };
    // SAFETY: `new` is null or a valid action and `old` is writable. A new handler is ours, fit for any moment, or one
    // that was installed before.
    let result = unsafe { libc::sigaction(signal, new.map_or(ptr::null(), ptr::from_ref), &raw mut old) };
    check(result)?;
    Ok(old)
}

extern "C" fn on_fault(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a valid siginfo to a handler installed with SA_SIGINFO.
    let fault = unsafe { &*info };
    // Codes up to zero mean that somebody sent the signal; then there is no address.
    if fault.si_code > 0 {
        // SAFETY: for a fault, which it is by its code, the kernel has filled in the address.
        let addr = unsafe { fault.si_addr() };
        if let Some(size) = overflowed_stack(addr.addr()) {
            report(size);
            // SAFETY: abort takes nothing, returns never and is allowed in a signal handler.
            unsafe { libc::abort() };
        }
    }
    pass_on(signal, info, context);
}

/// Prints what std prints, for a green thread.
fn report(size: usize) {
    write_error(b"\nthread '");
    match NAME_OF_CURRENT.get() {
        Some(name_of_current) => name_of_current(&mut write_error),
        None => write_error(b"<unknown>"),
    }
    write_error(b"' (green) has overflowed its stack\nstack size: ");
    let mut digits = [0; 20];
    write_error(decimal(size, &mut digits));
    write_error(b" bytes\nfatal runtime error: stack overflow, aborting\n");
}

fn write_error(bytes: &[u8]) {
    // SAFETY: the kernel reads `len` bytes of `bytes`. Nothing better can be done about an error here.
    let _ = unsafe { libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len()) };
}

/// Writes `number` to the end of `digits`, which has room for the largest, and returns that part.
fn decimal(mut number: usize, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[start..];
        }
    }
}

/// Does what would have happened to a fault without us.
fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let index = usize::from(signal == SIGNALS[1]);
    let previous = PREVIOUS[index].get().expect("the handler is installed after its predecessor was noted");
    if previous.sa_sigaction == libc::SIG_DFL || previous.sa_sigaction == libc::SIG_IGN {
        // On return the faulting instruction runs again and meets the default. A signal that was sent, not caused,
        // is dropped once; like std's handler we take this for what it is in practice, a fault.
        let _ = action(signal, Some(previous));
        return;
    }
    if previous.sa_flags & libc::SA_SIGINFO == 0 {
        // SAFETY: without SA_SIGINFO and not one of the two constants, the field holds a handler with one argument.
        let handler = unsafe { mem::transmute::<usize, extern "C" fn(c_int)>(previous.sa_sigaction) };
        handler(signal);
    } else {
        // SAFETY: with SA_SIGINFO the field holds a handler with three arguments.
        let handler = unsafe {
            mem::transmute::<usize, extern "C" fn(c_int, *mut siginfo_t, *mut c_void)>(previous.sa_sigaction)
        };
        handler(signal, info, context);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_full() {
        let mut digits = [0; 20];
        for number in [0, 7, 10, 2_097_152, usize::MAX] {
            assert_eq!(decimal(number, &mut digits), number.to_string().as_bytes());
        }
    }
}
