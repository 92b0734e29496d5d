//! The parallel grep on green threads: `pgrep_std` with one item more, which changes what `std` means.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to whoever started it")]

#[macro_use]
extern crate green as std;

#[path = "pgrep/cli.rs"]
mod cli;
#[path = "pgrep/crew.rs"]
mod crew;
#[path = "pgrep/report.rs"]
mod report;
#[path = "pgrep/search.rs"]
mod search;
#[path = "pgrep/walk.rs"]
mod walk;

fn main() -> std::process::ExitCode {
    cli::main()
}
