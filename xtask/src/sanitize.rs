//! `cargo xtask sanitize`: the tests under AddressSanitizer and under ThreadSanitizer.
//!
//! Everything is built with one of them, std too, by a nightly; and with `--cfg green_asan` or `--cfg green_tsan`, by which
//! green-core tells it of every switch of stacks. Each has a target folder of its own.
//!
//! A report counts wherever it comes from: reports are written to files, by every process that a test starts, and a file
//! that is there at the end fails the test binary, whether or not a test noticed.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::libtest::Tally;
use crate::steps::{Counted, End, Progress, Steps};
use crate::suites::{self, Mode, TestBinary};
use crate::{nightly, process};

mod controls;
mod skips;

/// What installs all that the task needs.
const INSTALL: &str = "rustup toolchain install nightly --component rust-src";

/// How long the build of everything with std may take, on a slow machine.
const BUILD_LIMIT: Duration = Duration::from_secs(90 * 60);

/// Whose tests run, unit tests and integration tests. `green` itself and xtask have no protocol of their own.
const PACKAGES: &[&str] = &[
    "green-core",
    "green-thread",
    "green-sync",
    "green-net",
    "green-time",
    "green-pool",
    "green-task",
    "green-io",
    "green-process",
    "green-fs",
];

/// Whose tests run with all green threads on the hub of their OS thread, too.
const ALSO_IN_HUBS0: &[&str] = &["green-core", "green-thread", "green-sync"];

/// Faults stay with std's handler and ours, which tests look at, and so do alternate stacks.
const FAULTS: &str = "handle_segv=0:handle_sigbus=0:use_sigaltstack=0";

/// How long one control may take.
const CONTROL_LIMIT: Duration = Duration::from_secs(120);

/// How many lines of a report are shown, of how many reports.
const SHOWN_LINES: usize = 60;
const SHOWN_REPORTS: usize = 6;

/// What to look for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Sanitizer {
    /// AddressSanitizer: accesses to what is not there, or not any more; then LeakSanitizer.
    Address,
    /// ThreadSanitizer: accesses of several OS threads in no order.
    Thread,
}

/// What `cargo xtask sanitize` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The one sanitizer to use, instead of both
    sanitizer: Option<Sanitizer>,
    /// Only this package's tests, which are the only ones built then
    #[arg(long)]
    package: Option<String>,
    /// Only test binaries whose name contains this: `-p green-core --test hub`
    #[arg(long, allow_hyphen_values = true)]
    only: Option<String>,
    /// Only tests whose name contains this
    #[arg(long)]
    test: Option<String>,
    /// Seconds that one test binary may run
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    limit: u64,
}

/// One way through the tests.
struct Pass {
    name: &'static str,
    mode: Mode,
    /// The sanitizer's own variable, and what it says.
    options: (&'static str, String),
}

impl Pass {
    /// Returns the sanitizer's variable and what it says, with the place of the reports.
    fn environment(&self, reports: &Reports) -> (&'static str, String) {
        let (variable, options) = &self.options;
        (variable, format!("{options}:log_path={}", reports.0.join("report").display()))
    }
}

/// The folder that the reports of a run are written to, a file for each process that has something to report.
struct Reports(PathBuf);

impl Reports {
    /// Makes the folder, empty.
    fn begin(sanitizer: Sanitizer) -> anyhow::Result<Self> {
        let folder = sanitizer.folder().join("reports");
        process::empty(&folder)?;
        Ok(Self(folder))
    }

    /// Returns the beginning of each.
    fn read(&self) -> anyhow::Result<Vec<String>> {
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let report = fs::read(entry?.path())?;
            let report = String::from_utf8_lossy(&report);
            // LeakSanitizer also writes notes on how it fares: no error.
            if report.contains("Sanitizer: ") {
                all.push(report.lines().take(SHOWN_LINES).collect::<Vec<_>>().join("\n"));
            }
        }
        Ok(all)
    }
}

impl Sanitizer {
    /// The name that rustc knows it by.
    fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Thread => "thread",
        }
    }

    fn cfg(self) -> &'static str {
        match self {
            Self::Address => "green_asan",
            Self::Thread => "green_tsan",
        }
    }

    /// Where its build and its reports are.
    fn folder(self) -> PathBuf {
        crate::root().join("target/sanitize").join(self.name())
    }

    /// What the tests run as.
    fn passes(self) -> Vec<Pass> {
        match self {
            Self::Address => {
                // LeakSanitizer does not look into the fake stacks of what is suspended, so either there are none or
                // leaks are no matter.
                let options = |fake: u8, leaks: u8| {
                    (
                        "ASAN_OPTIONS",
                        format!(
                            "{FAULTS}:allocator_may_return_null=1:detect_stack_use_after_return={fake}:detect_leaks={leaks}"
                        ),
                    )
                };
                vec![
                    Pass { name: "default", mode: Mode::Default, options: options(1, 0) },
                    Pass { name: "hubs0", mode: Mode::Hubs0, options: options(1, 0) },
                    Pass { name: "leaks", mode: Mode::Default, options: options(0, 1) },
                ]
            }
            Self::Thread => {
                let suppressions = crate::root().join("xtask/src/sanitize/thread.supp");
                // A child of a fork may start OS threads here as elsewhere.
                let options =
                    || ("TSAN_OPTIONS", format!("{FAULTS}:die_after_fork=0:suppressions={}", suppressions.display()));
                vec![
                    Pass { name: "default", mode: Mode::Default, options: options() },
                    Pass { name: "hubs0", mode: Mode::Hubs0, options: options() },
                ]
            }
        }
    }
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    if !nightly::has_source() {
        bail!("a nightly with the source of std is not installed. This installs it:\n\n    {INSTALL}\n");
    }
    let mut steps = Steps::new();
    let all = [Sanitizer::Address, Sanitizer::Thread];
    for sanitizer in all.into_iter().filter(|one| args.sanitizer.is_none_or(|wanted| wanted == *one)) {
        let mut binaries = Vec::new();
        let built = steps.step(&format!("build, {}", sanitizer.name()), |progress| {
            binaries = build(sanitizer, args, progress)?;
            Ok(End::Good(format!("{} binaries", binaries.len())))
        });
        if built {
            for pass in sanitizer.passes() {
                let name = format!("{}, {}", sanitizer.name(), pass.name);
                steps.step(&format!("{name}: controls"), |progress| {
                    controls::run(&binaries, sanitizer, &pass, progress)
                });
                steps.step(&name, |progress| tests(&binaries, sanitizer, &pass, args, progress));
            }
        }
    }
    steps.finish()
}

fn build(sanitizer: Sanitizer, args: &Args, progress: &Progress) -> anyhow::Result<Vec<TestBinary>> {
    let host = nightly::host().context("the nightly's rustc does not name its host")?;
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let flags =
        format!("{flags} -Zsanitizer={} --cfg {} -Cforce-frame-pointers=yes", sanitizer.name(), sanitizer.cfg());
    let environment = [
        ("RUSTFLAGS", flags.trim().to_owned()),
        // Names and lines in reports; and not as slow, nor as hungry for stack, as without any optimisation.
        ("CARGO_PROFILE_DEV_DEBUG", "line-tables-only".to_owned()),
        ("CARGO_PROFILE_DEV_OPT_LEVEL", "1".to_owned()),
    ];
    let folder = sanitizer.folder();
    let folder = folder.to_string_lossy();
    // By naming the target, build scripts and macros are left alone.
    let common = ["-Zbuild-std", "--target", &host, "--target-dir", &folder];
    let is_wanted = |package: &str| args.package.as_ref().is_none_or(|wanted| wanted == package);
    // The controls come first, for every pass begins with them.
    let mut whole = vec!["--package", "green-tests", "--test", "sanitizers"];
    if is_wanted("green-tests") {
        whole.extend(["--test", "stress"]);
    }
    whole.extend(common);
    let mut binaries = suites::build_by(nightly::cargo(&[]), &whole, &environment, BUILD_LIMIT, progress)?;
    let packages: Vec<&str> = PACKAGES.iter().copied().filter(|package| is_wanted(package)).collect();
    if !packages.is_empty() {
        let mut libraries = vec!["--lib", "--tests"];
        libraries.extend(packages.iter().flat_map(|package| ["--package", package]));
        libraries.extend(common);
        binaries.extend(suites::build_by(nightly::cargo(&[]), &libraries, &environment, BUILD_LIMIT, progress)?);
    }
    Ok(binaries)
}

/// Runs the binaries one after the other.
fn tests(
    binaries: &[TestBinary],
    sanitizer: Sanitizer,
    pass: &Pass,
    args: &Args,
    progress: &Progress,
) -> anyhow::Result<Counted> {
    let here = |binary: &&TestBinary| {
        let name = binary.name();
        let is_of = |package: &&str| name.starts_with(&format!("-p {package} "));
        name != controls::BINARY
            && (pass.mode != Mode::Hubs0 || ALSO_IN_HUBS0.iter().any(is_of))
            && args.only.as_ref().is_none_or(|only| name.contains(only))
    };
    let binaries: Vec<&TestBinary> = binaries.iter().filter(here).collect();
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    progress.total(binaries.len());
    for binary in binaries {
        let name = binary.name();
        progress.say(&name);
        let reports = Reports::begin(sanitizer)?;
        let mut arguments: Vec<String> = args.test.iter().cloned().collect();
        let Some(left_out) = skips::of(&name, sanitizer, pass) else {
            tally.skipped += 1;
            continue;
        };
        arguments.extend(left_out.iter().flat_map(|test| ["--skip".to_owned(), (*test).to_owned()]));
        let environment = [pass.environment(&reports)];
        let limit = Duration::from_secs(args.limit);
        let verdict = binary.run(pass.mode, &arguments, &environment, limit, |log, _| {
            progress.say(format!("{name}, {} ended", log.finished.len()));
        })?;
        progress.advance();
        tally += verdict.tally;
        tally.skipped += left_out.len();
        let found = reports.read()?;
        if !found.is_empty() && verdict.failure.is_none() {
            tally.failed += 1;
        }
        let is_bad = !found.is_empty() || verdict.failure.is_some();
        if is_bad {
            progress.print(&format!("      failed: {name}, {} reports", found.len()));
            failures.extend(found.iter().take(SHOWN_REPORTS).map(|report| format!("{name} reports\n{report}")));
            failures.extend(verdict.failure);
        }
    }
    let note = format!("{} passed, {} failed", tally.passed, tally.failed);
    let end = if failures.is_empty() {
        End::Good(note)
    } else {
        let again = format!("cargo xtask sanitize {} --only '-p PACKAGE --test NAME'", sanitizer.name());
        End::Bad { why: format!("{note}\n\n{}", failures.join("\n\n")), again }
    };
    Ok(Counted { end, tally })
}
