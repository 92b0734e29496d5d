//! Grep over a tree with a fixed number of threads, through a filter program if one is wanted.
//!
//! ```text
//! cargo run --release --example pgrep_std -- -n --summary spawn crates
//! cargo run --release --example pgrep_std -- --filter 'gunzip -c' warning /var/log
//! ```

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program talks to whoever started it")]

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
