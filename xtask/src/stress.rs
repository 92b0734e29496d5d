//! `cargo xtask stress`: the stress tests of the whole system, in release and for as long as asked.
//!
//! They are the target `stress` of the package green-tests. Each is bounded by the seconds in the variable
//! `GREEN_STRESS_SECONDS`, and short without it, when `cargo xtask test` runs them with all others.

use std::time::Duration;

use anyhow::bail;
use cargo_metadata::MetadataCommand;

use crate::libtest::Tally;
use crate::steps::{Counted, End, Progress, Steps};
use crate::suites::{self, Mode};

/// How much longer than asked a test may take before it counts as hung, beside a factor of 4.
const GRACE: Duration = Duration::from_secs(120);

/// What `cargo xtask stress` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Only tests whose name contains this
    name: Option<String>,
    /// Seconds that each test goes on
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// The mode that they run in
    #[arg(long, value_enum, default_value_t = Mode::Default)]
    mode: Mode,
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().current_dir(crate::root()).no_deps().exec()?;
    let targets = metadata.packages.iter().filter(|package| package.name == "green-tests").flat_map(|p| &p.targets);
    if !targets.into_iter().any(|target| target.is_test() && target.name == "stress") {
        bail!("green-tests has no target `stress` yet: tests/stress/main.rs, named in tests/Cargo.toml");
    }
    let mut steps = Steps::new();
    steps.step("stress", |progress| tests(args, progress));
    steps.finish()
}

/// Runs the tests one by one: each has the machine to itself, and its own verdict.
fn tests(args: &Args, progress: &Progress) -> anyhow::Result<Counted> {
    let binaries = suites::build(&["--package", "green-tests", "--release", "--test", "stress"], &[], progress)?;
    let mut tests = Vec::new();
    for binary in &binaries {
        tests.extend(binary.list()?.into_iter().map(|name| (binary, name)));
    }
    if let Some(filter) = &args.name {
        tests.retain(|(_, name)| name.contains(filter));
    }
    if tests.is_empty() {
        bail!("no stress test has a name like that");
    }
    let environment = [("GREEN_STRESS_SECONDS", args.seconds.to_string())];
    let limit = Duration::from_secs(args.seconds) * 4 + GRACE;
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    progress.total(tests.len());
    for (binary, name) in &tests {
        progress.say(name);
        let arguments = [name.clone(), "--exact".to_owned(), "--nocapture".to_owned()];
        let verdict = binary.run(args.mode, &arguments, &environment, limit, |_, _| {})?;
        progress.advance();
        let mark = if verdict.failure.is_some() { "FAIL" } else { "ok" };
        progress.print(&format!("{mark:<4}  {name} ({:.1}s)", verdict.elapsed.as_secs_f64()));
        tally += verdict.tally;
        failures.extend(verdict.failure);
    }
    let end = if failures.is_empty() {
        End::Good(format!("{} tests, {} s each", tests.len(), args.seconds))
    } else {
        let again = format!("cargo xtask stress NAME --seconds {} --mode {}", args.seconds, args.mode);
        End::Bad { why: failures.join("\n\n"), again }
    };
    Ok(Counted { end, tally })
}
