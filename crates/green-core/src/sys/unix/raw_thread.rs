//! An OS thread that is not std's.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use libc::{c_void, pthread_t};

/// Runs `f` on a new OS thread that std knows nothing of, and returns when it has ended.
///
/// What std's threads inherit from their parent, such as libtest's capture of the output, is not there: the worker
/// hubs are started from here, because they serve more than the test that happened to spawn first.
pub(crate) fn on_raw_thread(f: fn()) -> io::Result<()> {
    extern "C" fn run(f: *mut c_void) -> *mut c_void {
        // SAFETY: the argument is the `fn()` that was passed below, and function pointers are as wide as data pointers
        // on every platform of this module.
        let f = unsafe { std::mem::transmute::<*mut c_void, fn()>(f) };
        f();
        ptr::null_mut()
    }
    let mut thread = MaybeUninit::<pthread_t>::uninit();
    // SAFETY: `run` matches what pthread_create calls, `thread` is written if it returns 0, and null attributes are the
    // default ones.
    let error = unsafe { libc::pthread_create(thread.as_mut_ptr(), ptr::null(), run, f as *mut c_void) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    // SAFETY: pthread_create returned 0, so it has written the thread.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: the thread was created above and is joined once.
    match unsafe { libc::pthread_join(thread, ptr::null_mut()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}
