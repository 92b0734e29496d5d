//! `cargo xtask miri`: the unit tests that are free of a context switch, under Miri.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::bail;

use crate::libtest::TestLog;
use crate::process;
use crate::steps::{Counted, End, Progress, Steps};

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
    if !is_installed() {
        bail!("a nightly with Miri is not installed. This installs it:\n\n    {INSTALL}\n");
    }
    let mut steps = Steps::new();
    steps.step("miri", |progress| tests(args, progress));
    steps.finish()
}

fn is_installed() -> bool {
    // A nightly without Miri has a proxy of that name, which fails; Miri builds its std from rust-src.
    let quiet = |command: &mut Command| command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let miri = quiet(&mut nightly(&["miri", "--version"])).is_ok_and(|status| status.success());
    let root = Command::new("rustup").args(["run", "nightly", "rustc", "--print", "sysroot"]).output();
    let source = root.is_ok_and(|output| {
        let root = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        std::path::Path::new(&root).join("lib/rustlib/src/rust/library").exists()
    });
    miri && source
}

/// Returns the nightly's cargo: `cargo +nightly`, spoken so that the toolchain of the outer cargo is no matter.
fn nightly(arguments: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]).args(arguments).current_dir(crate::root());
    command
}

fn tests(args: &Args, progress: &Progress) -> anyhow::Result<Counted> {
    let filters: Vec<&str> = args.filter.as_deref().map_or_else(|| FILTERS.to_vec(), |filter| vec![filter]);
    let mut command = nightly(&["miri", "test", "--package", "green-core", "--lib", "--target-dir", "target/miri"]);
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
