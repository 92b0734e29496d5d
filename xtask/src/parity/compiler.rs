//! Asks rustc which probes compile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context as _, bail};
use cargo_metadata::Message;
use cargo_metadata::diagnostic::{Diagnostic, DiagnosticLevel, DiagnosticSpan};

use crate::process::{self, Stream, cargo};

/// How long a build of green, or one look of the compiler at all probes, may take.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// The compiler goes no further than the phase in which it found something wrong, so a build shows the failures of
/// one phase. There are fewer phases than this.
const MAX_ROUNDS: usize = 24;

/// What says that two globs bring in different things under one name. In some namespaces it is a lint still.
const AMBIGUOUS: [&str; 2] = ["ambiguous_glob_imports", "E0659"];

/// Where `crate::subject` leads to.
#[derive(Clone, Debug)]
pub(super) enum Subject {
    Std,
    /// Green, whose metadata is in this file.
    Green(PathBuf),
}

/// What runs the compiler, in a folder for its files.
#[derive(Debug)]
pub(super) struct Compiler {
    pub(super) folder: PathBuf,
}

impl Compiler {
    /// Returns what is wrong with each probe that does not compile, by its index.
    pub(super) fn failures(&self, subject: &Subject, probes: &[&str]) -> anyhow::Result<BTreeMap<usize, String>> {
        let mut failures = BTreeMap::new();
        for _ in 0..MAX_ROUNDS {
            let found = self.round(subject, probes, &failures)?;
            if found.is_empty() {
                return Ok(failures);
            }
            failures.extend(found);
        }
        bail!("the compiler found new failures in each of {MAX_ROUNDS} rounds");
    }

    /// Compiles all probes but those that have failed already.
    fn round(
        &self,
        subject: &Subject,
        probes: &[&str],
        failed: &BTreeMap<usize, String>,
    ) -> anyhow::Result<BTreeMap<usize, String>> {
        let (name, green) = match subject {
            Subject::Std => ("std", None),
            Subject::Green(metadata) => ("green", Some(metadata)),
        };
        let mut text =
            format!("#![allow(warnings)]\n#![deny(ambiguous_glob_imports)]\npub(crate) use {name} as subject;\n");
        let head = text.lines().count();
        // One line for each probe, so that a line tells the probe.
        for (index, probe) in probes.iter().enumerate() {
            if failed.contains_key(&index) {
                text.push('\n');
            } else {
                text.push_str(&format!("mod p{index} {{ {} }}\n", probe.replace('\n', " ")));
            }
        }
        fs::create_dir_all(&self.folder)?;
        let source = self.folder.join(format!("{name}.rs"));
        fs::write(&source, text)?;

        let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        command.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--error-format=json"]);
        command.arg("-o").arg(self.folder.join(format!("lib{name}.rmeta")));
        if let Some(metadata) = green {
            let folder = metadata.parent().context("green's metadata lies in a folder")?;
            command.arg("--extern").arg(format!("green={}", metadata.display()));
            command.arg("-L").arg(format!("dependency={}", folder.display()));
            command.arg("-L").arg(format!("dependency={}", folder.join("deps").display()));
        }
        command.arg(&source);
        let run = process::run(&mut command, LIMIT, |_, _| {})?;

        let mut found = BTreeMap::new();
        for (_, line) in run.output.iter().filter(|(stream, _)| *stream == Stream::Err) {
            let Ok(diagnostic) = serde_json::from_str::<Diagnostic>(line) else {
                bail!("rustc says: {line}");
            };
            let code = diagnostic.code.as_ref().map(|code| code.code.as_str());
            let ambiguous = code.is_some_and(|code| AMBIGUOUS.contains(&code));
            if diagnostic.level != DiagnosticLevel::Error && !ambiguous {
                continue;
            }
            match line_of(&diagnostic, &source) {
                Some(line) if line > head => found.insert(line - head - 1, diagnostic.message.clone()),
                _ if diagnostic.message.starts_with("aborting due to") => continue,
                _ => bail!("the compiler complains about no probe: {}", diagnostic.rendered.unwrap_or_default()),
            };
        }
        found.retain(|index, _| !failed.contains_key(index));
        if found.is_empty() && !run.succeeded() {
            bail!("rustc fails and names no probe: {}\n{}", run.end(), run.tail(20));
        }
        Ok(found)
    }
}

/// Returns the line of our file that a message is about.
fn line_of(diagnostic: &Diagnostic, source: &Path) -> Option<usize> {
    let spans = diagnostic.spans.iter().chain(diagnostic.children.iter().flat_map(|child| &child.spans));
    let mut spans: Vec<&DiagnosticSpan> = spans.collect();
    spans.sort_by_key(|span| !span.is_primary);
    spans.iter().find_map(|span| line_in(span, source))
}

/// Returns the line of a span, or of the macro call that it comes from, in our file.
fn line_in(span: &DiagnosticSpan, source: &Path) -> Option<usize> {
    if Path::new(&span.file_name) == source {
        return Some(span.line_start);
    }
    span.expansion.as_ref().and_then(|expansion| line_in(&expansion.span, source))
}

/// Builds green as far as its metadata, and returns where that is.
pub(super) fn build_green() -> anyhow::Result<PathBuf> {
    let mut command = cargo();
    command.args(["check", "-p", "green", "--lib", "--message-format=json"]);
    let run = process::run(&mut command, LIMIT, |_, _| {})?;
    let mut metadata = None;
    let mut errors = String::new();
    for (_, line) in run.output.iter().filter(|(stream, _)| *stream == Stream::Out) {
        match serde_json::from_str(line) {
            Ok(Message::CompilerArtifact(artifact)) if artifact.target.name == "green" => {
                let mut files = artifact.filenames.into_iter();
                metadata = files.find(|file| file.extension() == Some("rmeta")).map(PathBuf::from);
            }
            Ok(Message::CompilerMessage(message)) if message.message.level == DiagnosticLevel::Error => {
                errors.push_str(&message.message.rendered.unwrap_or_default());
            }
            _ => {}
        }
    }
    if !run.succeeded() {
        bail!("green does not build: {}\n{errors}{}", run.end(), run.tail(10));
    }
    metadata.context("cargo names no metadata of green")
}
