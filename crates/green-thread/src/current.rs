//! `current`, the handle of the running green thread.

use green_core::identity;

use crate::Thread;

/// Returns a handle to the green thread that calls it.
///
/// Corresponds to [`std::thread::current`]. On an OS thread that was not started here, the handle is that of the
/// OS thread's own stack.
///
/// # Examples
///
/// ```
/// use green_thread as thread;
///
/// let named = thread::Builder::new()
///     .name("lookup".into())
///     .spawn(|| thread::current().name().map(str::to_owned))?;
/// assert_eq!(named.join().unwrap().as_deref(), Some("lookup"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn current() -> Thread {
    Thread::new(identity::current())
}
