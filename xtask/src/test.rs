//! `cargo xtask test`: everything that has to hold before a change goes in.

use std::process::Command;
use std::time::Duration;

use crate::libtest::{Tally, TestLog};
use crate::process::{self, cargo, typed};
use crate::steps::{Counted, End, Progress, Steps};
use crate::suites::{self, Mode, TestBinary};
use crate::tidy;

/// How many tests may sit out one mode. A test that holds in no other than the default mode is a hole in
/// what the modes promise, so raising this is a decision.
const MAX_SKIPPED: usize = 40;

/// After so many hangs a mode is given up: each costs the full limit.
const MAX_HANGS: usize = 3;

/// How long clippy, rustdoc or the doc-tests of the workspace may take, builds included.
const CARGO_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Which modes the tests run in.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Modes {
    /// Worker hubs, no variable set.
    Default,
    /// `GREEN_HUBS=0`: one hub per OS thread.
    Hubs0,
    /// `GREEN=off`: OS threads.
    Off,
    /// All three, one after the other.
    All,
}

/// What `cargo xtask test` takes.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// The modes that unit and integration tests run in
    #[arg(long, value_enum, default_value_t = Modes::All)]
    mode: Modes,
    /// Only formatting, tidy, and unit and integration tests in one mode (the default one, unless --mode
    /// says another)
    #[arg(long)]
    quick: bool,
    /// Seconds that one test binary may run
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    limit: u64,
}

impl Args {
    /// Everything in all modes, as CI runs it.
    pub(crate) fn everything() -> Self {
        Self { mode: Modes::All, quick: false, limit: 300 }
    }

    fn modes(&self) -> Vec<Mode> {
        match self.mode {
            Modes::Default => vec![Mode::Default],
            Modes::Hubs0 => vec![Mode::Hubs0],
            Modes::Off => vec![Mode::Off],
            Modes::All if self.quick => vec![Mode::Default],
            Modes::All => Mode::ALL.to_vec(),
        }
    }
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut steps = Steps::new();
    run_in(&mut steps, args);
    steps.finish()
}

/// Runs the task as a part of a longer one. A step that fails does not keep the next one from running, so
/// that one run tells everything.
pub(crate) fn run_in(steps: &mut Steps, args: &Args) {
    steps.step("format", format);
    steps.step("tidy", |_| tidy_step());
    if !args.quick {
        steps.step("clippy", clippy);
    }
    let mut binaries = Vec::new();
    let built = steps.step("build tests", |progress| {
        binaries = suites::build(&["--workspace"], &[], progress)?;
        Ok(End::Good(format!("{} binaries", binaries.len())))
    });
    if built {
        for mode in args.modes() {
            let limit = Duration::from_secs(args.limit);
            steps.step(&format!("tests, mode {mode}"), |progress| tests(&binaries, mode, limit, progress));
        }
    }
    if !args.quick {
        steps.step("panic = abort", panic_abort);
        steps.step("doc tests", |progress| doc_tests(&["--workspace", "--exclude", "green-tests"], progress));
        steps.step("book", |progress| doc_tests(&["--package", "green-tests"], progress));
        steps.step("rustdoc", rustdoc);
    }
}

fn format(progress: &Progress) -> anyhow::Result<End> {
    if let Some(missing) = missing_component("fmt", "rustfmt") {
        return Ok(missing);
    }
    let mut command = cargo();
    command.args(["fmt", "--all", "--", "--check", "-l"]);
    cargo_step(&mut command, "cargo fmt --all", progress)
}

fn tidy_step() -> anyhow::Result<End> {
    let report = tidy::report()?;
    Ok(if report.is_good() {
        End::Good(report.summary())
    } else {
        End::Bad { why: report.to_string(), again: "cargo xtask tidy".to_owned() }
    })
}

fn clippy(progress: &Progress) -> anyhow::Result<End> {
    if let Some(missing) = missing_component("clippy", "clippy") {
        return Ok(missing);
    }
    let mut command = cargo();
    command.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    let again = typed(&command);
    cargo_step(&mut command, &again, progress)
}

/// Runs the one program that is built without unwinding.
fn panic_abort(progress: &Progress) -> anyhow::Result<End> {
    let mut command = cargo();
    command.args(["run", "--package", "green-tests", "--example", "panic_abort", "--profile", "panic-abort"]);
    let again = typed(&command);
    cargo_step(&mut command, &again, progress)
}

fn rustdoc(progress: &Progress) -> anyhow::Result<End> {
    let mut command = cargo();
    command.args(["doc", "--no-deps", "--workspace", "--all-features"]);
    let flags = std::env::var("RUSTDOCFLAGS").unwrap_or_default();
    command.env("RUSTDOCFLAGS", format!("{flags} -D warnings").trim());
    let again = format!("RUSTDOCFLAGS='-D warnings' {}", typed(&command));
    cargo_step(&mut command, &again, progress)
}

/// Says that a part of the toolchain is missing: a minimal one lacks rustfmt and clippy, and is no reason to
/// fail somebody's first run.
fn missing_component(subcommand: &str, component: &str) -> Option<End> {
    let there = cargo().args([subcommand, "--version"]).output().is_ok_and(|output| output.status.success());
    (!there).then(|| End::Skipped(format!("not installed: `rustup component add {component}` installs it")))
}

fn cargo_step(command: &mut Command, again: &str, progress: &Progress) -> anyhow::Result<End> {
    let run = process::run(command, CARGO_LIMIT, |_, line| progress.say(line.trim()))?;
    Ok(if run.succeeded() {
        End::Good(String::new())
    } else {
        End::Bad { why: format!("{}\n{}", run.end(), run.tail(200)), again: again.to_owned() }
    })
}

/// Runs all binaries in one mode.
fn tests(binaries: &[TestBinary], mode: Mode, limit: Duration, progress: &Progress) -> anyhow::Result<Counted> {
    let mut tally = Tally::default();
    let mut skips = Vec::new();
    let mut failures = Vec::new();
    let mut again = Vec::new();
    let mut hangs = 0;
    let mut slowest = (Duration::ZERO, String::new());
    progress.total(binaries.len());
    for binary in binaries {
        let name = binary.name();
        progress.say(&name);
        let verdict = binary.run(mode, &[], &[], limit, |log, _| {
            progress.say(format!("{name}, {} ended", log.finished.len()));
        })?;
        progress.advance();
        tally += verdict.tally;
        skips.extend(verdict.skips);
        slowest = slowest.max((verdict.elapsed, name.clone()));
        if let Some(failure) = verdict.failure {
            progress.print(&format!("      failed: {name}"));
            failures.push(failure);
            again.push(format!("{}cargo test {name}", mode.typed()));
        }
        hangs += usize::from(verdict.timed_out);
        if hangs == MAX_HANGS {
            failures.push(format!("given up after {MAX_HANGS} hangs: the binaries after {name} did not run"));
            break;
        }
    }
    if skips.len() > MAX_SKIPPED {
        tally.failed += 1;
        failures.push(format!(
            "{} tests do not hold in mode {mode}, more than the {MAX_SKIPPED} of MAX_SKIPPED (xtask/src/test.rs):\n    {}",
            skips.len(),
            skips.join("\n    ")
        ));
    }
    let Tally { passed, failed, .. } = tally;
    let note = format!(
        "{passed} passed, {failed} failed, {} skipped by mode; slowest {} ({:.1}s)",
        skips.len(),
        slowest.1,
        slowest.0.as_secs_f64()
    );
    let end = if failures.is_empty() {
        End::Good(note)
    } else {
        End::Bad { why: format!("{note}\n\n{}", failures.join("\n\n")), again: again.join("\n       ") }
    };
    Ok(Counted { end, tally })
}

/// Runs the doc-tests of some packages, in the default mode.
fn doc_tests(packages: &[&str], progress: &Progress) -> anyhow::Result<Counted> {
    let mut command = cargo();
    command.args(["test", "--doc", "--no-fail-fast"]).args(packages);
    Mode::Default.apply(&mut command);
    let mut log = TestLog::default();
    let run = process::run(&mut command, CARGO_LIMIT, |_, line| {
        log.line(line);
        progress.say(match log.finished.last() {
            Some(test) => format!("{} ended, last {test}", log.finished.len()),
            None => line.trim().to_owned(),
        });
    })?;
    if run.succeeded() && log.finished.is_empty() {
        return Ok(End::Good("there is none yet".to_owned()).into());
    }
    let tally = log.tally(&run);
    let end = if tally.failed == 0 {
        End::Good(format!("{} passed", tally.passed))
    } else {
        End::Bad { why: format!("{}\n{}", run.end(), run.tail(200)), again: typed(&command) }
    };
    Ok(Counted { end, tally })
}
