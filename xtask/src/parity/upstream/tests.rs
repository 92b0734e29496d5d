//! Runs std's own tests: on OS threads and in threads of the subject, file by file, under a time limit.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::assembly::Assembly;
use super::exceptions;
use super::outcome::{self, Outcome, Outcomes};
use crate::libtest::{self, TestLog};
use crate::process::{self, Run};
use crate::suites::Mode;

/// How long the tests of one file may take.
const FILE_LIMIT: Duration = Duration::from_secs(120);

/// How long a test may take that is run again, alone.
const TEST_LIMIT: Duration = Duration::from_secs(30);

/// How long a test may take that is known not to pass.
const EXCEPTION_LIMIT: Duration = Duration::from_secs(5);

/// Where the body of a test runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Place {
    /// On the OS thread that libtest makes.
    Here,
    /// In a thread that the subject spawns.
    Spawned,
}

/// How the tests of one file are run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) mode: Mode,
    pub(super) place: Place,
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.place {
            Place::Here => "on an OS thread",
            Place::Spawned => "in a green thread",
        })?;
        match self.mode {
            Mode::Default => Ok(()),
            Mode::Hubs0 => f.write_str(", `GREEN_HUBS=0`"),
            Mode::Off => f.write_str(", `GREEN=off`"),
        }
    }
}

/// An executable with tests, and the folder that they run in.
#[derive(Debug)]
pub(super) struct Executable<'a> {
    pub(super) path: &'a Path,
    pub(super) scratch: &'a Path,
}

impl Executable<'_> {
    /// Runs every test but the exceptions, those of a file at once, and what did not pass once more alone.
    pub(super) fn run(
        &self,
        assembly: &Assembly,
        setting: Setting,
        mut say: impl FnMut(String),
    ) -> anyhow::Result<Outcomes> {
        let tests = self.tests(assembly)?;
        let excepted: Vec<&String> = tests.iter().filter(|test| exceptions::reason(test).is_some()).collect();
        let mut outcomes = Outcomes::new();
        for module in assembly.modules() {
            let head = format!("{module}::");
            let tests: Vec<&String> =
                tests.iter().filter(|test| test.starts_with(&head) && !excepted.contains(test)).collect();
            if tests.is_empty() {
                continue;
            }
            say(format!("{module}, {setting}"));
            let mut arguments = vec![format!("{module}::tests::")];
            for test in &excepted {
                arguments.extend(["--skip".to_owned(), inner(test)]);
            }
            let (run, log) = self.start(setting, &arguments, FILE_LIMIT)?;
            for test in tests {
                let mut outcome = read(&run, &log, test);
                if !matches!(outcome, Outcome::Passed | Outcome::Ignored) {
                    // Alone, without neighbours: what fails then fails by itself.
                    outcome = match self.alone(test, setting, TEST_LIMIT)? {
                        Outcome::Passed => Outcome::Unsteady(outcome.text().to_owned()),
                        other => other,
                    };
                }
                outcomes.insert(test.clone(), outcome);
            }
        }
        Ok(outcomes)
    }

    /// Returns those exceptions that pass.
    pub(super) fn stale(&self, assembly: &Assembly, setting: Setting) -> anyhow::Result<Vec<String>> {
        let mut stale = Vec::new();
        for test in self.tests(assembly)?.into_iter().filter(|test| exceptions::reason(test).is_some()) {
            if self.alone(&test, setting, EXCEPTION_LIMIT)?.is_good() {
                stale.push(test);
            }
        }
        Ok(stale)
    }

    /// Returns the tests that are in the executable: some are for other systems.
    fn tests(&self, assembly: &Assembly) -> anyhow::Result<Vec<String>> {
        fs::create_dir_all(self.scratch)?;
        let mut command = Command::new(self.path);
        command.args(["--list", "--format", "terse"]);
        let listed = libtest::names_in_list(&process::run(&mut command, TEST_LIMIT, |_, _| {})?);
        let names = assembly.tests().into_iter().map(|test| test.name);
        Ok(names.filter(|name| listed.contains(&inner(name))).collect())
    }

    fn alone(&self, test: &str, setting: Setting, limit: Duration) -> anyhow::Result<Outcome> {
        let (run, log) = self.start(setting, &[inner(test), "--exact".to_owned()], limit)?;
        Ok(read(&run, &log, test))
    }

    fn start(&self, setting: Setting, arguments: &[String], limit: Duration) -> anyhow::Result<(Run, TestLog)> {
        let mut command = Command::new(self.path);
        command.args(arguments).current_dir(self.scratch).env_remove("RUST_BACKTRACE");
        setting.mode.apply(&mut command);
        if setting.place == Place::Spawned {
            command.env("STD_TESTS_SPAWN", "1");
        }
        let mut log = TestLog::default();
        let run = process::run(&mut command, limit, |_, line| log.line(line))?;
        Ok((run, log))
    }
}

/// Returns the name that libtest has for `module::test`.
fn inner(name: &str) -> String {
    name.replacen("::", "::tests::", 1)
}

fn read(run: &Run, log: &TestLog, name: &str) -> Outcome {
    let inner = inner(name);
    let is = |found: &String| found.split(" - ").next() == Some(inner.as_str());
    if log.failed.iter().any(is) {
        Outcome::Failed(outcome::section(run, &inner))
    } else if log.ignored.iter().any(is) {
        Outcome::Ignored
    } else if log.finished.iter().any(is) {
        Outcome::Passed
    } else {
        Outcome::Died(format!("{}\n{}", run.end(), run.tail(8)))
    }
}
