//! `cargo xtask parity --examples` and `--std-tests`: what std says of itself in its documentation and its tests, run with
//! std and with green.
//!
//! Both come out of the toolchain's component rust-src, at run time: nothing of them is kept here.
//!
//! 1. Examples: [`doc_examples`] takes them out of std's files, [`mod@examples`] lets rustdoc run them.
//! 2. Tests: [`pieces`] takes a file apart, [`assembly`] makes one crate of all files and lets the compiler say what cannot
//!    be outside of std, [`mod@tests`] runs what can.
//! 3. What passes with std in this frame has to pass with green, or stand in [`exceptions`] with a reason; [`pages`] writes
//!    the book's pages.

mod assembly;
mod component;
mod doc_examples;
mod examples;
mod exceptions;
mod files;
mod outcome;
mod pages;
mod pieces;
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::rustc;
use crate::steps::{End, Progress};
use crate::suites::Mode;
use assembly::Assembly;
use component::Libraries;
use doc_examples::Std;
use outcome::{Outcome, Outcomes};
pub(super) use pages::figures;
use tests::{Executable, Place, Setting};

/// What std's tests are run in, with green. With std it is the first.
const SETTINGS: [Setting; 5] = [
    Setting { mode: Mode::Default, place: Place::Here },
    Setting { mode: Mode::Default, place: Place::Spawned },
    Setting { mode: Mode::Hubs0, place: Place::Here },
    Setting { mode: Mode::Hubs0, place: Place::Spawned },
    Setting { mode: Mode::Off, place: Place::Here },
];

/// How the tasks are run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options<'a> {
    /// Only the files whose path contains this.
    pub(super) file: &'a str,
    /// Whether the book's pages have to be what they are.
    pub(super) check: bool,
    /// Whether a toolchain without sources is no failure.
    pub(super) may_skip: bool,
    /// Whether to print what passes neither with std, and what passes only alone.
    pub(super) verbose: bool,
}

impl Options<'_> {
    /// Returns where std's sources are, or how the step ends without them.
    fn sources(&self) -> anyhow::Result<Result<PathBuf, End>> {
        let why = format!("this toolchain has no sources of std. This installs them:\n\n    {}\n", component::INSTALL);
        Ok(match component::sources()? {
            Some(std) => Ok(std),
            None if self.may_skip => Err(End::Skipped(format!("no sources of std ({})", component::INSTALL))),
            None => Err(End::Bad { why, again: String::new() }),
        })
    }

    /// Ends a step whose figures are of all files, or of some.
    fn end(&self, path: &str, page: &str, note: String, mut wrong: String, task: &str) -> anyhow::Result<End> {
        if self.file.is_empty() && wrong.is_empty() {
            wrong.extend(pages::put(path, page, self.check)?);
        }
        let again = format!("cargo xtask parity {task}");
        Ok(if wrong.is_empty() { End::Good(note) } else { End::Bad { why: format!("{note}\n{wrong}"), again } })
    }

    /// Prints what a reader may want to know of.
    fn show(&self, progress: &Progress, what: &str, outcomes: &Outcomes) {
        for (name, outcome) in outcomes.iter().filter(|(_, outcome)| **outcome != Outcome::Passed) {
            if self.verbose {
                progress.print(&format!("{what}: {name}: {outcome:?}"));
            } else if let Outcome::Unsteady(_) = outcome {
                progress.print(&format!("{what}: {name} passes, but only alone"));
            }
        }
    }
}

/// Runs the examples of std's documentation.
pub(super) fn examples(options: &Options<'_>, progress: &Progress) -> anyhow::Result<End> {
    let std = match options.sources()? {
        Ok(std) => std,
        Err(end) => return Ok(end),
    };
    progress.say("building green");
    let libraries = Libraries::build()?;
    let examples = examples::Examples::read(&std)?;
    let folder = folder("examples")?;
    let say = |what| progress.say(what);
    let own = examples.run(Std::Own, &libraries, &folder.join("std"), options.file, say)?;
    options.show(progress, "std", &own);
    let green = examples.run(Std::Green, &libraries, &folder.join("green"), options.file, say)?;
    let comparison = outcome::compare(&own, &green);
    let note = format!("{} of {} pass", comparison.good(), comparison.std.len());
    let page = pages::examples(&version()?, examples.unstable, &own, &comparison);
    options.end(pages::EXAMPLES, &page, note, comparison.complaints(), "--examples")
}

/// Runs std's own tests.
pub(super) fn std_tests(options: &Options<'_>, progress: &Progress) -> anyhow::Result<End> {
    let std = match options.sources()? {
        Ok(std) => std,
        Err(end) => return Ok(end),
    };
    progress.say("building green");
    let libraries = Libraries::build()?;
    let folder = folder("std-tests")?;
    let scratch = folder.join("scratch");
    let say = |what| progress.say(what);

    let mut assembly = Assembly::read(&std, options.file)?;
    let path = assembly.build(Std::Own, &libraries, &folder.join("std"), say)?;
    let own = Executable { path: &path, scratch: &scratch }.run(&assembly, SETTINGS[0], say)?;
    options.show(progress, "std", &own);

    let mut of_green = assembly.clone();
    let path = of_green.build(Std::Green, &libraries, &folder.join("green"), say)?;
    let executable = Executable { path: &path, scratch: &scratch };
    let mut wrong = String::new();
    for (test, before) in of_green.tests().iter().zip(assembly.tests()) {
        if let (Some(what), None) = (&test.wrong, before.wrong) {
            wrong += &format!("{} does not compile with green: {what}\n", test.name);
        }
    }
    for test in executable.stale(&of_green, SETTINGS[0])? {
        wrong += &format!("{test} passes, so it leaves xtask/src/parity/upstream/exceptions.rs\n");
    }
    let mut comparisons = Vec::new();
    for setting in SETTINGS {
        let green = executable.run(&of_green, setting, say)?;
        options.show(progress, &setting.to_string(), &green);
        let comparison = outcome::compare(&own, &green);
        for line in comparison.complaints().lines() {
            wrong += &format!("{setting}: {line}\n");
        }
        comparisons.push(comparison);
    }
    let counts: Vec<String> = comparisons.iter().map(|comparison| comparison.good().to_string()).collect();
    let note = format!("{} of {} pass", counts.join(", "), comparisons[0].std.len());
    let page = pages::tests(&version()?, &assembly.tests(), &SETTINGS, &comparisons);
    options.end(pages::TESTS, &page, note, wrong, "--std-tests")
}

/// Returns the version of the toolchain's std.
fn version() -> anyhow::Result<String> {
    let version = rustc(&["--version"])?;
    Ok(version.split_whitespace().nth(1).context("rustc tells its version")?.to_owned())
}

/// Returns a folder for what is made on the way.
fn folder(name: &str) -> anyhow::Result<PathBuf> {
    let target = cargo_metadata::MetadataCommand::new().current_dir(crate::root()).no_deps().exec()?.target_directory;
    let folder = Path::new(&target).join("parity").join(name);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
