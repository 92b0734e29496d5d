//! A chat server for TCP and Unix sockets: blocking, with two threads for each client.
//!
//! ```text
//! cargo run --example chat_std -- --tcp 127.0.0.1:7000 --unix /tmp/chat
//! nc 127.0.0.1 7000
//! nc -U /tmp/chat
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to whoever started it")]

#[path = "chat/cli.rs"]
mod cli;
#[path = "chat/client.rs"]
mod client;
#[path = "chat/room.rs"]
mod room;
#[path = "chat/server.rs"]
mod server;
#[path = "chat/stream.rs"]
mod stream;

fn main() -> std::process::ExitCode {
    cli::main()
}
