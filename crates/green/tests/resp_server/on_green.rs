//! The server against green.

use green as rt;

#[path = "../../examples/resp/server.rs"]
pub(crate) mod server;

crate::define_start!();
