//! `cargo xtask repeat`: one test, many times, each in a fresh process, with load beside it if asked.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::bail;

use crate::libtest::Tally;
use crate::steps::{Counted, End, Progress, Steps, show};
use crate::suites::{self, Mode, TestBinary};

/// What `cargo xtask repeat` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The test's name, or a part of the names of several
    name: String,
    /// How often
    #[arg(long, default_value_t = 50)]
    times: usize,
    /// Keep every core busy beside the test, with processes of lower priority
    #[arg(long)]
    load: bool,
    /// The mode that it runs in
    #[arg(long, value_enum, default_value_t = Mode::Default)]
    mode: Mode,
    /// Only in this package: less to build
    #[arg(short, long)]
    package: Option<String>,
    /// Build for release
    #[arg(long)]
    release: bool,
    /// Seconds that one run may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    limit: u64,
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut steps = Steps::new();
    steps.step("repeat", |progress| tests(args, progress));
    steps.finish()
}

fn tests(args: &Args, progress: &Progress) -> anyhow::Result<Counted> {
    let mut build = match &args.package {
        Some(package) => vec!["--package", package],
        None => vec!["--workspace"],
    };
    build.extend(args.release.then_some("--release"));
    let binaries = suites::build(&build, &[], progress)?;
    let tests = choose(&binaries, &args.name)?;
    progress.total(args.times * tests.len());

    let _load = args.load.then(Load::new).transpose()?;
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    let mut times = Vec::new();
    for (binary, name) in &tests {
        let arguments = [name.clone(), "--exact".to_owned()];
        for round in 1..=args.times {
            let failed = failures.len();
            progress.say(format!("{name}{}", if failed > 0 { format!(", {failed} failed") } else { String::new() }));
            let limit = Duration::from_secs(args.limit);
            let verdict = binary.run(args.mode, &arguments, &[], limit, |_, _| {})?;
            progress.advance();
            tally += verdict.tally;
            times.push(verdict.elapsed);
            failures.extend(verdict.failure.map(|failure| format!("{name}, round {round}:\n{failure}")));
        }
    }
    times.sort_unstable();
    let (shortest, middle, longest) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    let note = format!(
        "{} of {} good; {} to {}, half within {}",
        times.len() - failures.len(),
        times.len(),
        show(shortest),
        show(longest),
        show(middle)
    );
    let end = match failures.first() {
        None => End::Good(note),
        Some(first) => End::Bad { why: format!("{note}\n{first}"), again: String::new() },
    };
    Ok(Counted { end, tally })
}

/// Returns the tests whose name contains `name`, or the one whose name it is.
fn choose<'a>(binaries: &'a [TestBinary], name: &str) -> anyhow::Result<Vec<(&'a TestBinary, String)>> {
    let mut found = Vec::new();
    for binary in binaries {
        found.extend(binary.list()?.into_iter().filter(|test| test.contains(name)).map(|test| (binary, test)));
    }
    if found.iter().any(|(_, test)| test == name) {
        found.retain(|(_, test)| test == name);
    }
    if found.is_empty() {
        bail!("no test has `{name}` in its name");
    }
    Ok(found)
}

/// Busy loops of low priority, one for each core, that end with this value.
struct Load(Vec<Child>);

impl Load {
    fn new() -> anyhow::Result<Self> {
        let mut load = Self(Vec::new());
        for _ in 0..thread::available_parallelism()?.get() {
            // A loop looks for its parent, so that it does not outlive us whatever happens.
            let child = Command::new("nice")
                .args(["-n", "5", "sh", "-c", "while kill -0 $PPID 2>/dev/null; do :; done"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()?;
            load.0.push(child);
        }
        Ok(load)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // Fails only for a child that has ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
