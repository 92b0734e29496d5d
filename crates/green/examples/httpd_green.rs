//! The HTTP server on green threads: `httpd_std` with one item more, which changes what `std` means.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to whoever started it")]

#[macro_use]
extern crate green as std;

#[path = "httpd/answer.rs"]
mod answer;
#[path = "httpd/cli.rs"]
mod cli;
#[path = "httpd/connection.rs"]
mod connection;
#[path = "httpd/date.rs"]
mod date;
#[path = "httpd/files.rs"]
mod files;
#[path = "httpd/request.rs"]
mod request;
#[path = "httpd/server.rs"]
mod server;

fn main() -> std::process::ExitCode {
    cli::main()
}
