//! The panic hook that names the green thread.
//!
//! std's own message names the OS thread, which for a green thread is its hub. The hook is installed once, in front of
//! the one that it finds, and says first whose panic follows. Roots are left to std: their OS thread's name is theirs.

use std::io::Write;
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::current;
use crate::park::no_switch;
use crate::per_process::PerProcess;

/// Rather than a `Once`, on which the child of a fork that came in the middle would wait for ever.
static INSTALLED: AtomicBool = AtomicBool::new(false);

/// Held while a message is written.
static TURN: PerProcess<Mutex<()>> = PerProcess::new(Mutex::default);
/// How long a message waits for another one.
const PATIENCE: Duration = Duration::from_millis(200);

/// Installs the hook, once in the process.
pub(crate) fn install() {
    // If the first use of a hub is in a destructor that unwinds, std refuses to change hooks now.
    let is_first = !INSTALLED.load(Ordering::Relaxed) && !INSTALLED.swap(true, Ordering::Relaxed);
    if is_first && !std::thread::panicking() {
        put_before_present_hook();
    }
}

/// Installs the hook once more, in front of the present one; not while this thread panics.
pub(crate) fn put_before_present_hook() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if current::existing().is_none() {
            // An OS thread that has nothing to do with green threads.
            return previous(info);
        }
        // A hook must not switch: std holds the hook's lock around it.
        no_switch(|| {
            // So that the two parts of a message stay together. A hook that waits for another panic must not hang.
            let _turn = TURN.try_lock_for(PATIENCE);
            announce();
            previous(info);
        });
    }));
}

/// Writes who panics, in one piece, to where std's hook writes the rest.
fn announce() {
    let Some(hub) = current::existing() else { return };
    if hub.current().is_root.get() {
        return;
    }
    hub.try_with_identity(|identity| {
        let name = identity.name().unwrap_or("<unnamed>");
        let line = format!("\ngreen thread '{name}' ({}) panicked:", identity.id());
        let _ = std::io::stderr().write_all(line.as_bytes());
    });
}
