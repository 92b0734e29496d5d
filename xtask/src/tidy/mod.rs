//! `cargo xtask tidy`: what STYLE and DESIGN ask for and no compiler checks.
//!
//! Each rule is a file with its reason, a `check` over [`Source`]s or manifests, and small bad inputs as
//! tests. Rules look at files as they are, compiled or not. To change a rule, change its table in the commit
//! that needs it and say why.

mod arrows;
mod book;
mod budget;
mod manifests;
mod names;
mod owners;
mod paths;
mod platforms;
mod source;
mod tests_of;
mod unsafety;
mod words;

use std::fmt;
use std::path::Path;

use anyhow::{Context as _, bail};

use source::Source;

/// The folders that hold our Rust code.
const FOLDERS: [&str; 3] = ["crates", "tests", "xtask"];

/// A place that breaks a rule.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Violation {
    path: String,
    /// From 1; 0 stands for the whole file.
    line: usize,
    rule: &'static str,
    message: String,
}

impl Violation {
    /// A violation at a line's index.
    fn at(source: &Source, line: usize, rule: &'static str, message: impl Into<String>) -> Self {
        Self { path: source.path.clone(), line: line + 1, rule, message: message.into() }
    }

    /// A violation by a file as a whole.
    fn file(path: &str, rule: &'static str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: 0, rule, message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, message } = self;
        match line {
            0 => write!(f, "{path}: {message} [{rule}]"),
            _ => write!(f, "{path}:{line}: {message} [{rule}]"),
        }
    }
}

/// What tidy found.
#[derive(Debug)]
pub(crate) struct Report {
    files: usize,
    violations: Vec<Violation>,
    /// Files that near their budget.
    warnings: Vec<Violation>,
}

impl Report {
    pub(crate) fn is_good(&self) -> bool {
        self.violations.is_empty()
    }

    pub(crate) fn summary(&self) -> String {
        let Self { files, violations, warnings } = self;
        format!("{files} files, {} violations, {} near their budget", violations.len(), warnings.len())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary())?;
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        for violation in &self.violations {
            writeln!(f, "{violation}")?;
        }
        Ok(())
    }
}

/// Runs the task.
pub(crate) fn run() -> anyhow::Result<()> {
    let report = report()?;
    print!("{report}");
    if !report.is_good() {
        bail!("tidy: {} violations", report.violations.len());
    }
    Ok(())
}

/// Looks at the whole workspace.
pub(crate) fn report() -> anyhow::Result<Report> {
    let root = crate::root();
    let sources = sources(root)?;
    let mut violations = Vec::new();
    let mut warnings = Vec::new();
    for source in &sources {
        violations.extend(unsafety::check(source));
        violations.extend(owners::check(source));
        violations.extend(names::check(source));
        violations.extend(words::check(source));
        violations.extend(platforms::check(source));
        violations.extend(tests_of::check(source));
        let (over, near) = budget::check(source);
        violations.extend(over);
        warnings.extend(near);
    }
    violations.extend(arrows::check(&arrows::packages(root)?));
    violations.extend(manifests::check_workspace(root)?);
    violations.extend(book::check_workspace(root)?);
    violations.sort();
    warnings.sort();
    Ok(Report { files: sources.len(), violations, warnings })
}

/// Reads all our Rust files.
fn sources(root: &Path) -> anyhow::Result<Vec<Source>> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        for path in files(root, folder, "rs")? {
            found.push(Source::new(&path, &read(root, &path)?));
        }
    }
    Ok(found)
}

/// The programs that green is measured against: they stand outside the workspace and are written in their
/// runtimes' own ways.
const RIVALS: &str = "crates/green-bench";

/// Returns the paths, from the root, of the files with an extension under `folder`, in order. Hidden folders
/// and build outputs are left out.
fn files(root: &Path, folder: &str, extension: &str) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(root.join(&folder)).with_context(|| format!("cannot read {folder}"))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{folder}/{name}");
            if name.starts_with('.') || name == "target" || path == RIVALS {
                continue;
            } else if entry.file_type()?.is_dir() {
                folders.push(path);
            } else if Path::new(&name).extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn read(root: &Path, path: &str) -> anyhow::Result<String> {
    std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
}

/// Returns whether a path matches one of the patterns of a table: a file, or a folder written with a `/` at
/// its end; `*` stands for one part of a path.
fn matches_any(path: &str, patterns: &[&str]) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    patterns.iter().any(|pattern| {
        let (wanted, folder) = match pattern.strip_suffix('/') {
            Some(folder) => (folder, true),
            None => (*pattern, false),
        };
        let wanted: Vec<&str> = wanted.split('/').collect();
        let length_fits = if folder { parts.len() > wanted.len() } else { parts.len() == wanted.len() };
        length_fits && wanted.iter().zip(&parts).all(|(wanted, part)| *wanted == "*" || wanted == part)
    })
}

/// Runs a rule's check over one small file, and compares the lines that it names.
#[cfg(test)]
fn expect_lines(check: impl IntoIterator<Item = Violation>, expected: &[usize], input: &str) {
    let mut found: Vec<(usize, String)> = check.into_iter().map(|v| (v.line, v.message)).collect();
    found.sort();
    let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, expected, "{found:?} in\n{input}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_files_and_folders() {
        let patterns = ["crates/*/src/fd.rs", "crates/green-core/src/sys/"];
        assert!(matches_any("crates/green-net/src/fd.rs", &patterns));
        assert!(matches_any("crates/green-core/src/sys/unix.rs", &patterns));
        assert!(!matches_any("crates/green-core/src/sys.rs", &patterns));
        assert!(!matches_any("crates/green-net/src/tcp/fd.rs", &patterns));
    }

    #[test]
    fn the_workspace_is_found() {
        let sources = sources(crate::root()).unwrap();
        assert!(sources.iter().any(|source| source.path == "xtask/src/tidy/mod.rs"));
    }
}
