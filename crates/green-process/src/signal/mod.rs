//! Signals as events: a green thread waits for Ctrl-C as it waits for a socket.
//!
//! A [`Signals`] listens from its creation on. When one of its signals arrives, whichever OS thread the kernel
//! interrupts for it, the handler writes to a descriptor that the listener's hub has in its reactor, so a sleeping hub
//! wakes at once. No thread stands by, and no signal is blocked, so children start with none blocked.
//!
//! # What a signal does
//!
//! - Every listener of a signal gets it. Listeners come and go as they like.
//! - Signals do not queue: several of one kind that arrive before the listener looks are one event, as the kernel itself
//!   has it.
//! - The first listener of a signal replaces its default action (to end the process, mostly) **for the rest of the
//!   process's life**, even when all listeners have gone. Otherwise a Ctrl-C between two waits would end a program that
//!   handles it. A handler that was there before goes on being called, and so do those of other libraries that use the
//!   crate `signal-hook-registry`.
//! - A child starts with default actions, as with std.
//! - In the child of a `fork` (that calls `green::hub::reinit_after_fork`) a listener from before hears the child's signals, and the
//!   parent's goes on hearing the parent's.
//!
//! # Examples
//!
//! ```
//! use green_process::signal::{SIGHUP, SIGTERM, Signals};
//!
//! # fn main() -> std::io::Result<()> {
//! let mut signals = Signals::new([SIGHUP, SIGTERM])?;
//! let service = green_thread::spawn(move || {
//!     let mut reloads = 0;
//!     loop {
//!         match signals.wait()? {
//!             SIGHUP => reloads += 1,
//!             _ => return Ok::<_, std::io::Error>(reloads),
//!         }
//!     }
//! });
//! # fn send(name: &str) -> std::io::Result<()> {
//! #     let to = format!("kill -{name} {}", green_process::id());
//! #     green_process::Command::new("sh").args(["-c", &to]).status().map(drop)
//! # }
//! send("TERM")?; // As `kill` from a shell does.
//! assert_eq!(service.join().unwrap()?, 0);
//! # Ok(())
//! # }
//! ```

mod number;
mod signals;

use std::io;

pub use number::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGIO, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG,
    SIGUSR1, SIGUSR2, SIGWINCH, Signal,
};
pub use signals::Signals;

/// Waits for the next Ctrl-C, or any other `SIGINT`. A kill point.
///
/// It sees those that arrive while it runs. From the first call on, Ctrl-C does not end the process any more; see the
/// [module](self). To miss none between two waits, keep a [`Signals`].
///
/// # Errors
///
/// See [`Signals::new`].
///
/// # Examples
///
/// ```no_run
/// use green_process::signal::ctrl_c;
///
/// # fn main() -> std::io::Result<()> {
/// green_thread::spawn(|| { /* Serve. */ });
/// ctrl_c()?;
/// eprintln!("shutting down");
/// # Ok(())
/// # }
/// ```
pub fn ctrl_c() -> io::Result<()> {
    Signals::new([SIGINT])?.wait().map(drop)
}
