//! A server for Redis clients with a green thread per connection: std's code, with one line changed.
//!
//! ```text
//! cargo run --release --example resp_green -- --listen 127.0.0.1:6379
//! redis-benchmark -t ping,set,get,incr -c 1000 -P 16 -n 1000000 -q
//! ```

use green as rt;

#[path = "resp/cli.rs"]
mod cli;
#[path = "resp/server.rs"]
mod server;

fn main() -> std::process::ExitCode {
    cli::main()
}
