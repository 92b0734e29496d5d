//! Tasks, watches, channels and listeners in the manner of QEMU's I/O layer, on green threads.
//!
//! # Channels and listeners
//!
//! [`channel`] has one trait for sockets, files, pipes, commands and memory. [`MultiListener`] accepts clients on any
//! number of addresses at once.

pub mod channel;
mod multi_listener;

pub use multi_listener::MultiListener;
