//! The server against std.

use std as rt;

#[path = "../../examples/resp/server.rs"]
pub(crate) mod server;

crate::define_start!();
