//! Serving connections: a green thread for each, no more of them at once than wanted, and an orderly end.
//!
//! [`serve()`] and [`Builder`] start a server; [`Server`] is the handle to it. They are beyond std: what they do can be
//! written with `accept` and `spawn`, but not in a line.
//!
//! The room for a connection is taken *before* it is accepted. So a server at its limit leaves further clients in the
//! listener's queue, where another process that shares the listener may take them, instead of letting them in and
//! keeping them waiting.

mod builder;
mod connections;
mod error;
mod listener;
mod server;

pub use builder::{Builder, serve};
pub use error::{Ending, ServeError};
pub use listener::Listener;
pub use server::Server;
