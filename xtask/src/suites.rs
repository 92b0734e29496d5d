//! Builds the test binaries of the workspace once, and runs them by hand: so they run in every mode without a
//! rebuild, and under a time limit that turns a hang into a failure with names.

use std::fmt;
use std::io::Cursor;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use cargo_metadata::{Message, MetadataCommand};

use crate::libtest::{self, Tally, TestLog};
use crate::process::{self, Run, Stream, cargo};
use crate::steps::Progress;

/// How long a build may take: a first build on a slow machine, with room.
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

/// How long a binary may take to list its tests.
const LIST_LIMIT: Duration = Duration::from_secs(20);

/// How much of a failed binary's output is shown.
const SHOWN_LINES: usize = 120;

/// How many unfinished tests are named after a hang or a crash.
const SHOWN_SUSPECTS: usize = 8;

/// The modes that a test may run in (`green_tests::Mode`).
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Mode {
    /// Green threads on worker hubs: no variable set.
    Default,
    /// Green threads on the hub of the OS thread that spawned them: `GREEN_HUBS=0`.
    Hubs0,
    /// Every spawned thread is an OS thread: `GREEN=off`.
    Off,
}

impl Mode {
    pub(crate) const ALL: [Self; 3] = [Self::Default, Self::Hubs0, Self::Off];

    fn variable(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Default => None,
            Self::Hubs0 => Some(("GREEN_HUBS", "0")),
            Self::Off => Some(("GREEN", "off")),
        }
    }

    /// Gives `command` the environment of this mode, and nothing else of green's from ours.
    pub(crate) fn apply(self, command: &mut Command) {
        process::withhold(command, |name| name == "GREEN" || name.starts_with("GREEN_"));
        command.envs(self.variable());
    }

    /// Returns what stands before a command on a shell's line for this mode.
    pub(crate) fn typed(self) -> String {
        self.variable().map_or_else(String::new, |(name, value)| format!("{name}={value} "))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "default",
            Self::Hubs0 => "hubs0",
            Self::Off => "off",
        })
    }
}

/// One executable with tests.
#[derive(Debug)]
pub(crate) struct TestBinary {
    package: String,
    version: String,
    /// The flag that chooses the target: `--lib`, `--bin xtask`, `--test tcp`.
    target: String,
    executable: PathBuf,
    /// The package's folder, which tests run in.
    folder: PathBuf,
}

/// What the tests of one binary, or of several, gave.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) tally: Tally,
    /// Tests that said they do not hold in the mode.
    pub(crate) skips: Vec<String>,
    /// The output worth showing, if something failed.
    pub(crate) failure: Option<String>,
    pub(crate) timed_out: bool,
    pub(crate) elapsed: Duration,
}

impl TestBinary {
    /// Returns the package and the target, as cargo's arguments name them.
    pub(crate) fn name(&self) -> String {
        format!("-p {} {}", self.package, self.target)
    }

    /// Returns a command that runs the binary as `cargo test` would.
    pub(crate) fn command(&self, mode: Mode) -> Command {
        let mut command = Command::new(&self.executable);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .env("CARGO_PKG_NAME", &self.package)
            .env("CARGO_PKG_VERSION", &self.version);
        mode.apply(&mut command);
        command
    }

    /// Returns the names of the binary's tests; none if it does not speak libtest's language.
    pub(crate) fn list(&self) -> anyhow::Result<Vec<String>> {
        let mut command = self.command(Mode::Default);
        command.args(["--list", "--format", "terse"]);
        let run = process::run(&mut command, LIST_LIMIT, |_, _| {})?;
        Ok(if run.succeeded() { libtest::names_in_list(&run) } else { Vec::new() })
    }

    /// Runs the tests that `arguments` choose.
    pub(crate) fn run(
        &self,
        mode: Mode,
        arguments: &[String],
        environment: &[(&str, String)],
        limit: Duration,
        mut on_line: impl FnMut(&TestLog, &str),
    ) -> anyhow::Result<Verdict> {
        let mut command = self.command(mode);
        command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
        let mut log = TestLog::default();
        let run = process::run(&mut command, limit, |_, line| {
            log.line(line);
            on_line(&log, line);
        })?;
        self.verdict(&run, log)
    }

    fn verdict(&self, run: &Run, log: TestLog) -> anyhow::Result<Verdict> {
        let tally = log.tally(run);
        let timed_out = run.status.is_none();
        let failure = if tally.failed > 0 {
            let mut text = format!("{}: {}", self.name(), run.end());
            if !log.has_result() {
                let suspects = log.unfinished(&self.list()?);
                let ended = log.finished.len();
                text += &format!("\n{ended} tests ended, {} did not; first of these:", suspects.len());
                for name in suspects.iter().take(SHOWN_SUSPECTS) {
                    text += &format!("\n    {name}");
                }
            }
            Some(format!("{text}\n{}", run.tail(SHOWN_LINES)))
        } else {
            None
        };
        Ok(Verdict { tally, skips: log.skips, failure, timed_out, elapsed: run.elapsed })
    }
}

/// Builds the test binaries that `arguments` of `cargo test` choose.
pub(crate) fn build(
    arguments: &[&str],
    environment: &[(&str, String)],
    progress: &Progress,
) -> anyhow::Result<Vec<TestBinary>> {
    build_by(cargo(), arguments, environment, BUILD_LIMIT, progress)
}

/// Builds them with another cargo than the one that runs this.
pub(crate) fn build_by(
    mut command: Command,
    arguments: &[&str],
    environment: &[(&str, String)],
    limit: Duration,
    progress: &Progress,
) -> anyhow::Result<Vec<TestBinary>> {
    command.args(["test", "--no-run", "--message-format", "json-render-diagnostics"]).args(arguments);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let run = process::run(&mut command, limit, |stream, line| {
        if stream == Stream::Err {
            progress.say(line.trim());
        }
    })?;
    let (messages, diagnostics): (Vec<_>, Vec<_>) =
        run.output.iter().partition(|(stream, line)| *stream == Stream::Out && line.starts_with('{'));
    if !run.succeeded() {
        let output = diagnostics.into_iter().cloned().collect();
        let run = Run { output, ..run };
        bail!("the tests do not build: {}\n{}", run.end(), run.tail(SHOWN_LINES));
    }
    let messages = messages.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n");
    binaries(&messages)
}

/// Finds the executables in cargo's messages.
fn binaries(messages: &str) -> anyhow::Result<Vec<TestBinary>> {
    let metadata = MetadataCommand::new()
        .current_dir(crate::root())
        .no_deps()
        .exec()
        .context("cargo metadata does not read the workspace")?;
    let mut found = Vec::new();
    for message in Message::parse_stream(Cursor::new(messages)) {
        let Message::CompilerArtifact(artifact) = message? else {
            continue;
        };
        let (true, Some(executable)) = (artifact.profile.test, artifact.executable) else {
            continue;
        };
        let package = &metadata[&artifact.package_id];
        let target = &artifact.target;
        let target = if target.is_test() {
            format!("--test {}", target.name)
        } else if target.is_bin() {
            format!("--bin {}", target.name)
        } else if target.is_example() {
            format!("--example {}", target.name)
        } else {
            "--lib".to_owned()
        };
        let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
        found.push(TestBinary {
            package: package.name.to_string(),
            version: package.version.to_string(),
            target,
            executable: executable.into(),
            folder: folder.into(),
        });
    }
    found.sort_by_key(TestBinary::name);
    Ok(found)
}
