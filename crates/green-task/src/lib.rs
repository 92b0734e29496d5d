//! Tasks, watches, channels and listeners in the manner of QEMU's I/O layer, on green threads.
//!
//! # Tasks
//!
//! A [`Task`] is a one-shot operation whose result is told by a callback: a *worker* does it on a thread of a bounded
//! pool, and the *completion* runs on a hub of one's choice. See the module [`task`].
//!
//! # Watches
//!
//! [`watch()`](watch::watch) calls a closure whenever a descriptor is in one of the conditions `IN`, `OUT`, `PRI`,
//! `ERR`, `HUP` and `NVAL`. See the module [`watch`].

pub mod task;

pub use green_core::hub::HubHandle;
pub use green_core::io::watch;
pub use task::{Failure, Pending, Task};
