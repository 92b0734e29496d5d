//! Runs the examples of std's documentation: by rustdoc, as std itself does, with std and with green under the name `std`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;

use super::component::{self, Libraries};
use super::doc_examples::{self, Std};
use super::files::EXAMPLES;
use super::outcome::{self, Outcome, Outcomes};
use crate::libtest::TestLog;
use crate::process;

/// How long the examples of one file may take, with their compilation.
const LIMIT: Duration = Duration::from_secs(5 * 60);

/// The examples of std.
#[derive(Debug)]
pub(super) struct Examples {
    /// Path from `library/std/src` and text of each file that has any.
    files: Vec<(String, String)>,
    /// How many ask for unstable features.
    pub(super) unstable: usize,
}

impl Examples {
    /// Reads them out of std's sources.
    pub(super) fn read(std: &Path) -> anyhow::Result<Self> {
        let folder = std.join("src");
        let mut paths = Vec::new();
        for path in EXAMPLES {
            walk(&folder.join(path), &mut paths)?;
        }
        paths.sort();
        let mut found = Self { files: Vec::new(), unstable: 0 };
        for path in paths {
            let text = fs::read_to_string(&path)?;
            let name = path.strip_prefix(&folder)?.to_string_lossy().into_owned();
            if text.contains("```") && !name.ends_with("tests.rs") {
                found.unstable += doc_examples::examples(&text, Std::Own).unstable;
                found.files.push((name, text));
            }
        }
        Ok(found)
    }

    /// Runs those of the files whose path contains `filter`.
    pub(super) fn run(
        &self,
        std: Std,
        libraries: &Libraries,
        folder: &Path,
        filter: &str,
        mut say: impl FnMut(String),
    ) -> anyhow::Result<Outcomes> {
        let mut outcomes = BTreeMap::new();
        for (name, text) in self.files.iter().filter(|(name, _)| name.contains(filter)) {
            say(format!("{name}, {}", if std == Std::Own { "with std" } else { "with green" }));
            let source = folder.join(name);
            let scratch = folder.join("scratch");
            fs::create_dir_all(source.parent().context("a file lies in a folder")?)?;
            process::empty(&scratch)?;
            fs::write(&source, doc_examples::examples(text, std).text)?;

            let mut command = component::rustdoc();
            command.args(["--test", "--edition=2024", "--crate-name=examples", "--test-run-directory"]).arg(&scratch);
            command.args(libraries.arguments(std)?).arg(name).current_dir(folder);
            let mut log = TestLog::default();
            let run = process::run(&mut command, LIMIT, |_, line| log.line(line))?;
            if !log.has_result() {
                outcomes
                    .insert(format!("{name} as a whole"), Outcome::Died(format!("{}\n{}", run.end(), run.tail(20))));
            }
            for test in &log.finished {
                let outcome = if log.failed.contains(test) {
                    Outcome::Failed(outcome::section(&run, test))
                } else if log.ignored.contains(test) {
                    Outcome::Ignored
                } else {
                    Outcome::Passed
                };
                outcomes.insert(place(test), outcome);
            }
        }
        Ok(outcomes)
    }
}

/// Returns where an example is, out of rustdoc's name for it: `net/tcp.rs - L7 (line 3)` and maybe more.
fn place(test: &str) -> String {
    let place = test.split_once(" - ").zip(test.split_once("(line "));
    place.map_or_else(
        || test.to_owned(),
        |((file, _), (_, rest))| format!("{file}:{}", rest.split(')').next().unwrap_or(rest)),
    )
}

fn walk(path: &Path, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            walk(&entry?.path(), found)?;
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_named_by_its_line_in_std() {
        assert_eq!(place("net/tcp.rs - L7 (line 3) - should panic"), "net/tcp.rs:3");
        assert_eq!(place("net/tcp.rs - L7 (line 3)"), "net/tcp.rs:3");
    }
}
