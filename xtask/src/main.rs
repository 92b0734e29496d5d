//! The tasks of this workspace: `cargo xtask` explains them.
#![expect(clippy::print_stdout, reason = "this is a program that people call: it prints")]

mod bench;
mod ci;
mod demo;
mod docs;
mod libtest;
mod loom;
mod miri;
mod nightly;
mod parity;
mod process;
mod repeat;
mod sanitize;
mod steps;
mod stress;
mod suites;
mod test;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What `cargo xtask` alone says.
const TASKS: &str = "\
cargo xtask <task>                       what it does; how long it takes on two cores; what it needs

  demo     the same thread-per-connection server on std and on green, under the same load, in one table;
           under two minutes with its build; nothing
  test     everything that has to hold: formatting, tidy, clippy, all tests in all three modes, doc-tests, the
           code in the book, rustdoc; 5 minutes or so after the first build; nothing (rustfmt and clippy if
           they are there)
             --quick          formatting, tidy, and the tests in one mode: a minute
             --mode hubs0     one mode: default, hubs0 (GREEN_HUBS=0), off (GREEN=off), all
  tidy     arrows between crates, file budget, SAFETY comments, names and habits; 2 seconds; nothing
  docs     the book and the API reference; a minute; mdBook for the book
             --open           show them
  loom     models of the protocols between OS threads, every interleaving of them; minutes; nothing
             loom inbox       those whose name contains `inbox`
  miri     undefined behaviour, data races and stale reads, as Miri sees them, in several schedules; a quarter of an
           hour; a nightly with Miri
             --brief          what `ci --long` runs: a few minutes
             miri kill --seeds 16
  sanitize the tests under AddressSanitizer and under ThreadSanitizer, both of which are told of every switch of
           stacks; half an hour each, and as much for the first build; a nightly with rust-src
             sanitize thread --package green-sync
  parity   every stable item, method and impl of std, looked for in green by the compiler; writes the book's table;
           half a minute after the build; nothing (std's documentation, rust-docs, if it is there)
             --check          fail if the book's table is not true, as CI does
             --update         write the inventory of a new std
             --examples       instead, std's own examples with green; 4 minutes; rust-src
             --std-tests      instead, std's own tests with green, in five settings; 7 minutes; rust-src
  stress   bounded stress tests, in release; a minute; nothing
             stress spawn --seconds 60
  repeat   one test, many times, with load beside it if asked: the hunt for flakes; as long as it takes
             repeat unpark_before_park_is_kept --times 200 --load
  bench    green, may, tokio, OS threads and a bare epoll loop, the same workloads side by side, in one table with
           what must hold; 20 minutes, a group alone less; Linux, a machine with nothing else to do
             bench yield echo --rounds 3 --json FILE
             bench micro      criterion benches, one operation each; a minute per group
             bench counts     instructions of single operations; valgrind
  ci       what CI runs: test, parity, loom with fewer preemptions; some minutes; nothing
             --long           also std's own examples and tests, and Miri, where they are installed: half an hour more

`cargo xtask <task> --help` lists every option.";

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The tasks of this workspace", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Runs the same server on std and on green, and compares
    Demo(demo::Args),
    /// Checks everything that has to hold before a change goes in
    Test(test::Args),
    /// Checks what STYLE and DESIGN ask for and no compiler checks
    Tidy,
    /// Builds the book and the API reference
    Docs(docs::Args),
    /// Runs the loom models
    Loom(loom::Args),
    /// Runs the code under Miri
    Miri(miri::Args),
    /// Runs the tests under the sanitizers
    Sanitize(sanitize::Args),
    /// Looks for everything that std has in green
    Parity(parity::Args),
    /// Runs the stress tests
    Stress(stress::Args),
    /// Runs one test many times
    Repeat(repeat::Args),
    /// Compares the speed and size of green and its rivals
    Bench(bench::Args),
    /// Runs what CI runs
    Ci(ci::Args),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        None => {
            println!("{TASKS}");
            Ok(())
        }
        Some(Task::Demo(args)) => demo::run(&args),
        Some(Task::Test(args)) => test::run(&args),
        Some(Task::Tidy) => tidy::run(),
        Some(Task::Docs(args)) => docs::run(&args),
        Some(Task::Loom(args)) => loom::run(&args),
        Some(Task::Miri(args)) => miri::run(&args),
        Some(Task::Sanitize(args)) => sanitize::run(&args),
        Some(Task::Parity(args)) => parity::run(&args),
        Some(Task::Stress(args)) => stress::run(&args),
        Some(Task::Repeat(args)) => repeat::run(&args),
        Some(Task::Bench(args)) => bench::run(&args),
        Some(Task::Ci(args)) => ci::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Behind whatever the task has printed, and where pipes do not swallow it.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("error: {error:#}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

/// Returns the workspace's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_task_is_explained() {
        for task in Arguments::command().get_subcommands() {
            let name = task.get_name();
            assert!(TASKS.lines().any(|line| line.starts_with(&format!("  {name} "))), "{name}");
        }
    }
}
