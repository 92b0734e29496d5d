//! Tasks, watches, channels and listeners in the manner of QEMU's I/O layer, on green threads.
//!
//! # Tasks
//!
//! A [`Task`] is a one-shot operation whose end is told to a callback: a *worker* does it on an OS thread of a bounded
//! pool, and the *completion* runs on a hub of one's choice, which a [`HubHandle`] names.
//!
//! # Watches
//!
//! [`watch()`](watch::watch) calls a closure whenever a descriptor is in one of the conditions `IN`, `OUT`, `PRI`,
//! `ERR`, `HUP` and `NVAL`.
//!
//! # Channels and listeners
//!
//! [`channel`] has one trait for sockets, files, pipes, commands and memory. [`MultiListener`] accepts clients on any
//! number of addresses at once.

pub mod channel;

mod multi_listener;
mod task;

// The mechanism is core's; here they stand beside what is made of them.
pub use green_core::hub::HubHandle;
pub use green_core::io::watch;
pub use multi_listener::MultiListener;
pub use task::{Failure, Job, Pending, Task, WaitError, WorkerPanic};
