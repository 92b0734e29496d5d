//! `cargo xtask loom`: models of the protocols between OS threads, in every interleaving up to a bound.
//!
//! Models are unit tests of green-core and green-sync under `#[cfg(all(test, loom))]`, in modules or functions whose name
//! contains `loom`, and green-thread's tests `loom_scope` and `loom_signal`. The build has a target folder of its own, so that `--cfg loom` does not throw away the
//! usual one.

use std::time::Duration;

use anyhow::bail;

use crate::libtest::Tally;
use crate::steps::{Counted, End, Progress, Steps};
use crate::suites::{self, Mode, TestBinary};

/// What the names of all models contain.
const MARK: &str = "loom";

/// What `cargo xtask loom` takes.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Args {
    /// Only models whose name contains this
    filter: Option<String>,
    /// How often loom may preempt a thread in one execution: 2 finds most bugs, 3 nearly all, more takes long
    #[arg(long, default_value_t = 3)]
    preemptions: u32,
    /// Seconds that one model may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    limit: u64,
}

impl Args {
    /// The models as CI runs them.
    pub(crate) fn brief() -> Self {
        Self { filter: None, preemptions: 2, limit: 120 }
    }
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut steps = Steps::new();
    steps.step("loom", |progress| models(args, progress));
    steps.finish()
}

/// Builds the models and runs each in a process of its own.
pub(crate) fn models(args: &Args, progress: &Progress) -> anyhow::Result<Counted> {
    let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
    let environment = [("RUSTFLAGS", format!("{flags} --cfg loom").trim().to_owned())];
    let folder = crate::root().join("target/loom");
    let folder = folder.to_string_lossy();
    let libraries =
        ["--package", "green-core", "--package", "green-sync", "--lib", "--release", "--target-dir", &folder];
    let mut binaries = suites::build(&libraries, &environment, progress)?;
    let thread = ["--package", "green-thread", "--test", "loom_*", "--release", "--target-dir", &folder];
    binaries.extend(suites::build(&thread, &environment, progress)?);
    let mut models: Vec<(&TestBinary, String)> = Vec::new();
    for binary in &binaries {
        let named = binary.name().contains(MARK);
        let names = binary.list()?.into_iter().filter(|name| named || name.contains(MARK));
        models.extend(names.map(|name| (binary, name)));
    }
    if let Some(filter) = &args.filter {
        models.retain(|(_, name)| name.contains(filter));
    }
    if models.is_empty() {
        bail!(
            "there is no model: a unit test of green-core or green-sync under cfg(loom) whose name contains `{MARK}`"
        );
    }

    let mut tally = Tally::default();
    let mut failures = Vec::new();
    let mut slowest = (Duration::ZERO, "");
    progress.total(models.len());
    for (binary, name) in &models {
        progress.say(name);
        let arguments = [name.clone(), "--exact".to_owned(), "--nocapture".to_owned()];
        let environment = [
            ("LOOM_MAX_PREEMPTIONS", args.preemptions.to_string()),
            // A loop that waits for another thread's next step goes round often where that thread is preempted often.
            ("LOOM_MAX_BRANCHES", "20000".to_owned()),
        ];
        let limit = Duration::from_secs(args.limit);
        let verdict = binary.run(Mode::Default, &arguments, &environment, limit, |_, _| {})?;
        progress.advance();
        tally += verdict.tally;
        slowest = slowest.max((verdict.elapsed, name));
        failures.extend(verdict.failure);
    }
    let note = format!("{} models, slowest {} ({:.1}s)", models.len(), slowest.1, slowest.0.as_secs_f64());
    let end = if failures.is_empty() {
        End::Good(note)
    } else {
        let why = format!("{} of {} models failed\n{}", failures.len(), models.len(), failures.join("\n\n"));
        End::Bad { why, again: format!("cargo xtask loom --preemptions {} NAME", args.preemptions) }
    };
    Ok(Counted { end, tally })
}
