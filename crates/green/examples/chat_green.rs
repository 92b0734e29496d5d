//! The chat server on green threads: `chat_std` with one item more, which changes what `std` means.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to whoever started it")]

#[macro_use]
extern crate green as std;

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
