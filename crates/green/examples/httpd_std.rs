//! An HTTP/1.1 server for the files of a folder: blocking, with a thread for each connection.
//!
//! ```text
//! cargo run --release --example httpd_std -- --listen 127.0.0.1:8000 docs/book
//! curl -i http://127.0.0.1:8000/
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to whoever started it")]

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
