//! `cargo xtask miri`: the code under Miri, which looks for undefined behaviour, data races and leaks in each step.
//!
//! # What stands for a stack
//!
//! Miri interprets Rust and knows no assembler, so it cannot switch stacks. Under `cfg(miri)` green-core has a stand-in for its
//! `context.rs`: each stack is an OS thread that waits for its turn (`miri_context.rs`). All the rest is the code that ships:
//! hubs, records, run queues, inboxes, wait queues, timers, packets, greenlets, and what the mirrors make of them. So tests that
//! park and switch run too, in every mode.
//!
//! # How it runs
//!
//! Under strict provenance throughout, for packed pointers are handled in several places. Suites that say so run once per
//! *seed*: Miri preempts, and picks among the values that a relaxed read may see, by chance. Odd seeds go by Tree Borrows, even ones
//! by Stacked Borrows. In isolation the clock is Miri's own, so that a seed shows the same each time and a sleep costs nothing.
//! Leaks are looked for where no stack is made: one that is suspended for good is an OS thread that never ends.
//!
//! # What cannot run
//!
//! - The switch itself: `context.rs`, `sys/unix/jump.rs`, and the unwind tokens of `panic_count.rs`, which are about one panic count
//!   for several stacks, where each stack has its own here.
//! - Stacks as memory (`stack/` and `sys/unix/mapping.rs`, `guard.rs`, `region.rs`): Miri maps no `MAP_NORESERVE`, guards nothing and takes
//!   no advice. Under it a stack is a range of addresses with nothing behind.
//! - Overflows, signals, fork, `prctl`, `ppoll`, `timerfd`, `__cxa_thread_atexit_impl`, passed descriptors, and most of what `sys/unix` asks of files and sockets: Miri
//!   knows none of these calls. So the reactor, `io/`, green-net, green-io, green-fs and green-process are not run; their unsafe code is
//!   system calls.
//! - What asks whether two green threads share an OS thread, by std's identifiers or thread-locals: here they do not.
//! - Tests with thousands of rounds, which would take hours. The suites `races` do the same with few threads and rounds.

use std::ops::Range;
use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use crate::libtest::{Tally, TestLog};
use crate::steps::{Counted, End, Progress, Steps};
use crate::{nightly, process};

/// What installs all that the task needs.
const INSTALL: &str = "rustup toolchain install nightly --component miri rust-src";

/// For every suite. What a test asks of the world outside in isolation is refused and not the end of it.
const FLAGS: &str = "-Zmiri-strict-provenance -Zmiri-isolation-error=hide";

const TREE_BORROWS: &str = "-Zmiri-tree-borrows";
const NO_ISOLATION: &str = "-Zmiri-disable-isolation";
const IGNORE_LEAKS: &str = "-Zmiri-ignore-leaks";
const PLAIN: &str = "-Zmiri-env-set=GREEN=off";

/// How long one run of a suite may take; a first one builds, and makes Miri's std.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Tests that are run under Miri.
struct Suite {
    name: &'static str,
    package: &'static str,
    /// The flags of cargo that choose the binaries.
    targets: &'static [&'static str],
    flags: &'static [&'static str],
    /// What the names of its tests contain; any if there is none.
    filters: &'static [&'static str],
    /// What the names of its tests do not contain.
    skips: &'static [&'static str],
    /// True if it is another run with every seed.
    seeded: bool,
    /// True if `cargo xtask ci --long` runs it.
    brief: bool,
}

/// The modules of green-core whose unit tests are fit for Miri. A test elsewhere that is fit has `miri_` in its name.
const UNITS: &[&str] = &[
    "blocking::crew::",
    "blocking::pool::",
    "clock::",
    "config::",
    "error::",
    "greenlet::",
    "local::",
    "mode::",
    "per_process::",
    "permits::",
    "run_queue::",
    "spawn::",
    "timer::",
    "wait_queue::",
    "waitable::",
    "miri_",
];

const SUITES: &[Suite] = &[
    Suite {
        name: "units of core",
        package: "green-core",
        targets: &["--lib"],
        // They read the clock and variables.
        flags: &[IGNORE_LEAKS, NO_ISOLATION],
        filters: UNITS,
        skips: &[],
        seeded: false,
        brief: true,
    },
    Suite {
        name: "units of sync",
        package: "green-sync",
        targets: &["--lib"],
        flags: &[],
        filters: &[],
        skips: &[],
        seeded: true,
        brief: true,
    },
    Suite {
        name: "races between threads",
        package: "green-thread",
        targets: &["--test races"],
        flags: &[IGNORE_LEAKS],
        filters: &[],
        skips: &[],
        seeded: true,
        brief: true,
    },
    Suite {
        name: "races of locks and channels",
        package: "green-sync",
        targets: &["--test races"],
        flags: &[IGNORE_LEAKS],
        filters: &[],
        skips: OTHER_WORLDS,
        seeded: true,
        brief: true,
    },
    Suite {
        name: "the same on OS threads",
        package: "green-sync",
        targets: &["--test races"],
        flags: &[PLAIN],
        filters: &[],
        // `on_one_hub` makes stacks in this mode too.
        skips: &["on_std", "on_one_hub"],
        seeded: true,
        brief: false,
    },
    Suite {
        name: "waits for several things",
        package: "green-core",
        targets: &["--test waitable"],
        flags: &[IGNORE_LEAKS],
        filters: &[],
        skips: &["the_first_of_many"],
        seeded: true,
        brief: true,
    },
    Suite {
        name: "greenlets",
        package: "green-core",
        targets: GREENLETS,
        flags: &[IGNORE_LEAKS],
        filters: &[],
        skips: UNFIT,
        seeded: false,
        brief: false,
    },
];

/// Those that test std, and those that differ from the rest in who is the main thread.
const OTHER_WORLDS: &[&str] = &["on_std", "from_a_green_thread"];

const GREENLETS: &[&str] = &["--test greenlet_switch", "--test greenlet_throw", "--test greenlet_reentry"];

/// Tests of these suites that Miri cannot run; the module's text says why.
const UNFIT: &[&str] = &["a_long_chain_of_parents_is_dropped_without_recursion"];

/// What `cargo xtask miri` takes.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// How many schedules the suites with several OS threads are run in; each other one goes by Tree Borrows
    #[arg(long, default_value_t = 4)]
    seeds: u32,
    /// The seed to begin with
    #[arg(long, default_value_t = 0)]
    first: u32,
    /// Only what `cargo xtask ci --long` runs
    #[arg(long)]
    brief: bool,
}

impl Args {
    /// The suites as `cargo xtask ci --long` runs them.
    pub(crate) fn brief() -> Self {
        Self { filter: None, seeds: 2, first: 0, brief: true }
    }
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if !is_installed() {
        bail!("a nightly with Miri is not installed. This installs it:\n\n    {INSTALL}\n");
    }
    let mut steps = Steps::new();
    run_in(&mut steps, args);
    steps.finish()
}

/// Runs the suites as steps of a task, or one that is skipped if Miri is not installed.
pub(crate) fn run_in(steps: &mut Steps, args: &Args) {
    if !is_installed() {
        let why = format!("no nightly with Miri; `{INSTALL}` installs it");
        steps.step("miri", |_| Ok(End::Skipped(why)));
        return;
    }
    for suite in SUITES.iter().filter(|suite| suite.brief || !args.brief) {
        let seeds = args.first..args.first + if suite.seeded { args.seeds } else { 1 };
        steps.step(&format!("miri: {}", suite.name), |progress| suite.run(args, seeds, progress));
    }
}

fn is_installed() -> bool {
    // Miri builds its std from rust-src.
    nightly::has("miri") && nightly::has_source()
}

impl Suite {
    /// Runs it once with each seed.
    fn run(&self, args: &Args, seeds: Range<u32>, progress: &Progress) -> anyhow::Result<Counted> {
        let mut tally = Tally::default();
        for seed in seeds.clone() {
            let (mut command, flags) = self.command(args.filter.as_deref(), seed);
            let again = process::typed(&command);
            let mut log = TestLog::default();
            let run = process::run(&mut command, LIMIT, |_, line| {
                log.line(line);
                progress.say(match log.finished.last() {
                    Some(test) => format!("seed {seed}: {} ended, last {test}", log.finished.len()),
                    None => line.trim().to_owned(),
                });
            })?;
            // A test counts once, however often it ran.
            tally = log.tally(&run);
            if tally.failed > 0 {
                let why = format!("{}, with seed {seed}\n{}", run.end(), run.tail(200));
                return Ok(Counted { end: End::Bad { why, again: format!("MIRIFLAGS='{flags}' {again}") }, tally });
            }
        }
        if tally == Tally::default() && args.filter.is_none() {
            bail!("{} has no test that is meant for Miri", self.package);
        }
        let runs = if self.seeded { format!(", {} schedules", seeds.len()) } else { String::new() };
        let note = format!("{} tests of {}{runs}", tally.passed, self.package);
        Ok(Counted { end: End::Good(note), tally })
    }

    /// Returns the command for a run with `seed`, and the flags that it gives to Miri.
    fn command(&self, filter: Option<&str>, seed: u32) -> (Command, String) {
        let mut command = nightly::cargo(&["miri", "test", "--package", self.package]);
        command.args(self.targets.iter().flat_map(|target| target.split(' '))).args([
            "--target-dir",
            "target/miri",
            "--",
        ]);
        match filter {
            Some(filter) => command.arg(filter),
            None => command.args(self.filters),
        };
        command.args(self.skips.iter().flat_map(|skip| ["--skip", skip]));
        let model = (seed % 2 == 1).then_some(TREE_BORROWS);
        let seed = format!("-Zmiri-seed={seed}");
        let flags = [FLAGS, &seed].into_iter().chain(self.flags.iter().copied()).chain(model);
        let flags = flags.collect::<Vec<_>>().join(" ");
        command.env("MIRIFLAGS", &flags);
        (command, flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_chooses_the_schedule_and_the_model() {
        let flags = |seed| SUITES[0].command(None, seed).1;
        assert!(flags(2).contains("-Zmiri-seed=2") && !flags(2).contains(TREE_BORROWS));
        assert!(flags(3).contains("-Zmiri-seed=3") && flags(3).contains(TREE_BORROWS));
    }

    #[test]
    fn what_ci_runs_is_a_part() {
        let brief = SUITES.iter().filter(|suite| suite.brief).count();
        assert!((1..SUITES.len()).contains(&brief));
    }
}
