//! What the tests of this crate share.

use std::io;
use std::time::Duration;

use green_core::spawn::{Joiner, Options};

/// Longer than any test may take: what waits for it was ended by something else.
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Short, and passed soon.
pub(crate) const MOMENT: Duration = Duration::from_millis(2);

/// Spawns a green thread (an OS thread with `GREEN=off`).
pub(crate) fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> Joiner<T> {
    let spawned: io::Result<_> = green_core::spawn::spawn(Options::default(), f);
    spawned.expect("one thread more")
}

/// Checks something on the test's own thread, which is a root, and on a spawned one.
pub(crate) fn everywhere(check: fn()) {
    check();
    if let Err(payload) = spawn(check).join() {
        std::panic::resume_unwind(payload);
    }
}
