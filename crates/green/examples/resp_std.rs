//! The RESP server on std's OS threads: `resp_green` with one line changed back.

use std as rt;

#[path = "resp/cli.rs"]
mod cli;
#[path = "resp/server.rs"]
mod server;

fn main() -> std::process::ExitCode {
    cli::main()
}
