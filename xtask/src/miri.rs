//! `cargo xtask miri`: the unit tests that are free of a context switch, under Miri.

use std::time::Duration;

use anyhow::bail;

use crate::libtest::TestLog;
use crate::steps::{Counted, End, Progress, Steps};
use crate::{nightly, process};

/// What installs all that the task needs.
const INSTALL: &str = "rustup toolchain install nightly --component miri rust-src";

/// What the names of tests contain that Miri can run: it knows no context switch, no epoll waiting across
/// OS threads and few mappings. A test elsewhere that is fit for Miri says so by `miri_` in its name.
const FILTERS: &[&str] = &["clock::", "config::", "error::", "mode::", "run_queue::", "timer::", "miri_"];

/// Strict provenance, because the run queue and the unparker handle packed pointers; no isolation, because
/// tests read the clock.
const FLAGS: &str = "-Zmiri-strict-provenance -Zmiri-disable-isolation";

const LIMIT: Duration = Duration::from_secs(30 * 60);

/// What `cargo xtask miri` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Only tests whose name contains this, instead of those that are known to be fit
    filter: Option<String>,
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if !(nightly::has("miri") && nightly::has_source()) {
        bail!("a nightly with Miri is not installed. This installs it:\n\n    {INSTALL}\n");
    }
    let mut steps = Steps::new();
    steps.step("miri", |progress| tests(args, progress));
    steps.finish()
}

fn tests(args: &Args, progress: &Progress) -> anyhow::Result<Counted> {
    let filters: Vec<&str> = args.filter.as_deref().map_or_else(|| FILTERS.to_vec(), |filter| vec![filter]);
    let mut command =
        nightly::cargo(&["miri", "test", "--package", "green-core", "--lib", "--target-dir", "target/miri"]);
    command.arg("--").args(&filters);
    command.env("MIRIFLAGS", FLAGS);
    let again = process::typed(&command);
    let mut log = TestLog::default();
    let run = process::run(&mut command, LIMIT, |_, line| {
        log.line(line);
        progress.say(match log.finished.last() {
            Some(test) => format!("{} ended, last {test}", log.finished.len()),
            None => line.trim().to_owned(),
        });
    })?;
    if run.succeeded() && log.finished.is_empty() {
        bail!("no test of green-core matches {}", filters.join(", "));
    }
    let tally = log.tally(&run);
    let end = if tally.failed == 0 {
        End::Good(format!("{} passed", tally.passed))
    } else {
        End::Bad { why: format!("{}\n{}", run.end(), run.tail(200)), again: format!("MIRIFLAGS='{FLAGS}' {again}") }
    };
    Ok(Counted { end, tally })
}
