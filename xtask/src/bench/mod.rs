//! `cargo xtask bench`: `green` and its rivals side by side, in one table with what must hold.
//!
//! The workloads are in `crates/green-bench`, outside the workspace. Every run is a process of its own, pinned if its row
//! says so. The runtimes of a row take turns (A B C A B C), so that a machine that changes its pace changes it for all; the
//! table shows medians. Runs that other processes disturbed are repeated ([`rounds`]).

mod book;
mod child;
mod counts;
mod micro;
mod rounds;
mod row;
mod rows;
mod table;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

/// What `cargo xtask bench` takes.
#[derive(clap::Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    other: Option<Other>,
    /// spawn, yield, wake, sync, memory, timers, precision, echo, datagram, rest, accept, fs, pool, stall, idle; all of them if none is named
    group: Vec<String>,
    /// Write everything that was measured to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// How often each runtime takes its turn; the table shows medians
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// One round of everything: to see that it works
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// Only runtimes whose name contains one of these, and green
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    against: Vec<String>,
}

/// What is no comparison.
#[derive(clap::Subcommand, Debug)]
enum Other {
    /// Runs the criterion benches, one operation each
    Micro(micro::Args),
    /// Counts the instructions of single operations with callgrind
    Counts(counts::Args),
    /// Makes the book's table of what --json wrote, and tells where two runs agree
    Book(book::Args),
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.other {
        Some(Other::Micro(args)) => return micro::run(args),
        Some(Other::Counts(args)) => return counts::run(args),
        Some(Other::Book(args)) => return book::run(args),
        None => {}
    }
    if let Some(group) = args.group.iter().find(|group| !rows::GROUPS.contains(&group.as_str())) {
        bail!("no group `{group}`: there are {}, and the commands micro, counts and book", rows::GROUPS.join(", "));
    }
    let rounds = if args.quick { 1 } else { args.rounds.max(1) };
    let mut rows = rows::all();
    rows.retain(|row| args.group.is_empty() || args.group.iter().any(|group| group == row.group));
    if !args.against.is_empty() {
        for row in &mut rows {
            row.runtimes.retain(|runtime| {
                *runtime == row::Runtime::Green || args.against.iter().any(|name| runtime.name().contains(name))
            });
        }
    }

    let binary = child::build()?;
    let asks_for_go = rows.iter().any(|row| row.runtimes.contains(&row::Runtime::Go));
    if !asks_for_go || !child::build_go(&binary) {
        rows.iter_mut().for_each(|row| row.without(row::Runtime::Go));
    }
    let started = Instant::now();
    let runs: usize = rows.iter().map(|row| row.runtimes.len() * rounds.min(row.most_rounds)).sum();
    let progress = ProgressBar::new(runs as u64).with_style(
        ProgressStyle::with_template("{elapsed_precise} [{bar:30}] {pos}/{len} {msg}").expect("the template is sound"),
    );
    let mut outcomes = Vec::new();
    for row in rows {
        let outcome = rounds::run(&binary, &row, rounds, started, &progress);
        outcomes.push((row, outcome));
    }
    progress.finish_and_clear();

    let machine = machine();
    let text = |name: &str| machine[name].as_str().unwrap_or("?").to_owned();
    println!(
        "{}, {} processors, Linux {}; medians of {rounds} rounds, {:.0?}\n",
        text("processor"),
        machine["processors"],
        text("kernel"),
        started.elapsed()
    );
    print!("{}", table::table(&outcomes));
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&table::json(&outcomes))?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Returns what the figures were measured on.
fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let processor = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("?");
    json!({
        "processor": processor.trim_start_matches([' ', '\t', ':']),
        "processors": std::thread::available_parallelism().map_or(1, usize::from),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
    })
}
