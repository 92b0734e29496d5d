//! `cargo xtask bench counts`: how many instructions one operation of `green`, or of a rival, takes, counted by callgrind.
//!
//! It hears nothing of other processes, so it shows changes that the clock cannot. Each operation runs twice, with two
//! counts, and the difference is what the additional ones cost: start and end of the program drop out.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use super::child;
use crate::process;

/// An operation: its name, `green-bench`'s workload and settings, and the two counts.
const OPERATIONS: [(&str, &str, &str, [u64; 2]); 7] = [
    ("yield", "yield", "threads=2", [20_000, 220_000]),
    ("spawn", "spawn", "alive=100 warm=1", [10_000, 60_000]),
    ("wake", "ping-pong", "", [20_000, 220_000]),
    ("lock", "lock", "what=mutex", [20_000, 220_000]),
    ("ping-pong", "channels", "", [10_000, 110_000]),
    ("send+recv", "throughput", "senders=1", [20_000, 220_000]),
    ("echo", "loopback", "", [2_000, 12_000]),
];

/// How long callgrind may take for one run.
const LIMIT: Duration = Duration::from_secs(300);

/// What `cargo xtask bench counts` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// yield, spawn (and join; 100 alive), wake (unpark and park, in turn), lock (and unlock a Mutex, alone), ping-pong
    /// (a round trip over two channels), send+recv (one message to another green thread, with none waited for), echo (one
    /// side of an exchange: send, recv, park); all of them if none is named
    operations: Vec<String>,
    /// How many functions to name for each
    #[arg(long, default_value_t = 15)]
    functions: usize,
    /// Whose instructions: green, may, tokio-ct, tokio-mt, threads
    #[arg(long, value_name = "NAME", default_value = "green")]
    on: String,
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let known = |name: &String| OPERATIONS.iter().any(|operation| operation.0 == name);
    if let Some(name) = args.operations.iter().find(|name| !known(name)) {
        bail!("no operation `{name}`: there are {}", OPERATIONS.map(|operation| operation.0).join(", "));
    }
    let binary = child::build()?;
    for (name, workload, settings, [few, many]) in OPERATIONS {
        if !args.operations.is_empty() && !args.operations.iter().any(|wanted| wanted == name) {
            continue;
        }
        let less = count(&binary, &args.on, workload, settings, few)?;
        let more = count(&binary, &args.on, workload, settings, many)?;
        let each = |function: &str| {
            let of = |counts: &HashMap<String, u64>| counts.get(function).copied().unwrap_or(0) as f64;
            (of(&more) - of(&less)) / (many - few) as f64
        };
        let mut functions: Vec<(f64, &String)> = more.keys().map(|function| (each(function), function)).collect();
        functions.sort_by(|a, b| b.0.total_cmp(&a.0));
        let all: f64 = functions.iter().map(|(each, _)| each).sum();
        println!("\n{name}: {all:.0} instructions");
        for (each, function) in functions.iter().take(args.functions).filter(|(each, _)| *each >= 0.5) {
            println!("{each:>8.1}  {function}");
        }
    }
    Ok(())
}

/// Returns the instructions of each function.
fn count(
    binary: &Path,
    runtime: &str,
    workload: &str,
    settings: &str,
    total: u64,
) -> anyhow::Result<HashMap<String, u64>> {
    let file = Scratch(std::env::temp_dir().join(format!("green-callgrind-{}", std::process::id())));
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--quiet", "--compress-strings=no", "--compress-pos=no"])
        .arg(format!("--callgrind-out-file={}", file.0.display()))
        .arg(binary)
        .args([runtime, workload])
        .args(settings.split_whitespace())
        .arg(format!("total={total}"));
    let run = process::run(&mut command, LIMIT, |_, _| {}).context("valgrind has to be installed")?;
    ensure!(run.succeeded(), "valgrind: {}\n{}", run.end(), run.tail(10));
    let text = fs::read(&file.0).context("callgrind wrote nothing")?;
    Ok(parse(&String::from_utf8_lossy(&text)))
}

/// A file that goes away.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Sums up callgrind's costs by function: what is inlined counts for whom it is inlined into.
fn parse(text: &str) -> HashMap<String, u64> {
    let mut sums = HashMap::new();
    let mut function = String::new();
    let mut is_call = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("fn=") {
            // A deeper level of a recursion, as switches between stacks look to callgrind, is the same function.
            function = name.split_once('\'').map_or(name, |(name, _)| name).to_owned();
        } else if line.starts_with("calls=") {
            // The next line is what the callee cost, and is counted there.
            is_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit()) {
            let cost = line.split_ascii_whitespace().nth(1).and_then(|cost| cost.parse::<u64>().ok());
            if !std::mem::take(&mut is_call) {
                *sums.entry(function.clone()).or_default() += cost.unwrap_or(0);
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_not_counted_twice() {
        let text = "events: Ir\n\nfn=outer\n10 5\nfi=header\n3 2\ncfn=inner\ncalls=2 7\n11 100\n12 1\n\n\
                    fn=inner\n7 100\n\nfn=outer'2\n10 4\n";
        assert_eq!(parse(text), HashMap::from([("outer".to_owned(), 12), ("inner".to_owned(), 100)]));
    }
}
