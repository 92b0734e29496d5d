//! Makes one crate of std's files of tests, and leaves out what does not compile in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context as _, bail};
use cargo_metadata::diagnostic::{Diagnostic, DiagnosticLevel, DiagnosticSpan};

use super::component::{BUILD_LIMIT, Libraries};
use super::doc_examples::Std;
use super::files::{TESTS, TestFile};
use super::pieces::{self, Piece};
use crate::process::{self, Stream};

/// The compiler goes no further than the phase in which it found something wrong, and what leans on what was left out is
/// wrong in its turn. It takes fewer rounds than this.
const MAX_ROUNDS: usize = 24;

/// What the tests lean on beside std.
const SUPPORT: &str = include_str!("support.rs");

/// The head of the crate: what `crate::` names inside std. The features are those of the language, and those of types and
/// traits that are std's own in green too; none of them names a thing that green could have and has not.
const HEAD: &str = "\
#![feature(assert_matches, cfg_target_thread_local, stmt_expr_attributes, try_blocks, try_blocks_heterogeneous)]
#![feature(buf_read_has_data_left, can_vector, core_io_borrowed_buf, read_buf, seek_io_take_position, seek_stream_len)]
#![feature(duration_constants, io_error_uncategorized, io_slice_as_bytes, try_reserve_kind, write_all_vectored)]
#![feature(bufreader_peek, time_saturating_systemtime, time_systemtime_limits)]
#![allow(warnings)]
extern crate alloc;
#[path = \"support.rs\"]
pub mod support;
pub use support as common;
pub use support as test_helpers;
pub use core::assert_matches;
pub use std::{
    any, array, borrow, boxed, cell, char, cmp, collections, env, error, ffi, fmt, fs, hash, iter, marker, mem, num, ops,
    path, pin, process, ptr, rc, result, slice, str, string, sync, task, thread, time, vec,
};
pub mod io { pub use std::io::*; pub use core::io::{BorrowedBuf, BorrowedCursor}; }
pub mod panic { pub use std::panic::*; }
pub mod net { pub use std::net::*; pub use crate::support::net as test; }
pub mod os {
    pub use std::os::*;
    pub mod net { pub mod linux_ext { pub mod tcp { pub use std::os::linux::net::TcpStreamExt; } } }
}
";

/// A test of std, and why it cannot be run, if so.
#[derive(Clone, Debug)]
pub(super) struct Test {
    /// `module::name`.
    pub(super) name: String,
    /// What the compiler says of it.
    pub(super) wrong: Option<String>,
}

/// All pieces of all files.
#[derive(Clone, Debug)]
pub(super) struct Assembly {
    files: Vec<(&'static TestFile, Vec<Piece>)>,
    /// What is wrong with those pieces that are left out, by the indices of file and piece.
    wrong: BTreeMap<(usize, usize), String>,
}

impl Assembly {
    /// Reads the files whose path contains `filter`.
    pub(super) fn read(std: &Path, filter: &str) -> anyhow::Result<Self> {
        let files = TESTS.iter().filter(|file| file.path.contains(filter)).map(|file| {
            let path = std.join(file.path);
            let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok((file, pieces::pieces(&text).with_context(|| format!("cannot take {} apart", file.path))?))
        });
        Ok(Self { files: files.collect::<anyhow::Result<_>>()?, wrong: BTreeMap::new() })
    }

    /// Returns the modules of the crate, one for each file.
    pub(super) fn modules(&self) -> impl Iterator<Item = String> {
        self.files.iter().map(|(file, _)| file.module())
    }

    /// Returns every test.
    pub(super) fn tests(&self) -> Vec<Test> {
        let mut tests = Vec::new();
        for (at, (file, pieces)) in self.files.iter().enumerate() {
            for (index, piece) in pieces.iter().enumerate() {
                if let Some(test) = &piece.test {
                    let name = format!("{}::{test}", file.module());
                    tests.push(Test { name, wrong: self.wrong.get(&(at, index)).cloned() });
                }
            }
        }
        tests
    }

    /// Builds the tests that compile, notes why the others do not, and returns the executable.
    pub(super) fn build(
        &mut self,
        std: Std,
        libraries: &Libraries,
        folder: &Path,
        mut say: impl FnMut(String),
    ) -> anyhow::Result<PathBuf> {
        fs::create_dir_all(folder)?;
        fs::write(folder.join("support.rs"), SUPPORT)?;
        let name = if std == Std::Own { "std" } else { "green" };
        for round in 1..=MAX_ROUNDS {
            say(format!("compiling std's tests against {name}, round {round}"));
            let found = self.round(std, libraries, folder, &["--emit=metadata"])?;
            if found.is_empty() {
                say(format!("building std's tests with {name}"));
                let found = self.round(std, libraries, folder, &["--emit=link", "-Cdebuginfo=line-tables-only"])?;
                if !found.is_empty() {
                    bail!("only the linking build finds this: {:?}", found.values());
                }
                return Ok(folder.join("tests"));
            }
            self.wrong.extend(found);
        }
        bail!("the compiler found new failures in each of {MAX_ROUNDS} rounds");
    }

    /// Returns the crate's text and, for each line of it, the piece it belongs to.
    fn text(&self, std: Std) -> (String, Vec<Option<(usize, usize)>>) {
        let mut text = String::from(HEAD);
        if std == Std::Green {
            text.push_str("#[macro_use] extern crate green as std;\n");
        }
        let mut owners = vec![None; text.lines().count()];
        let mut push = |line: &str, owner| {
            text.push_str(line);
            text.push('\n');
            owners.extend(line.lines().map(|_| owner));
        };
        for (at, (file, pieces)) in self.files.iter().enumerate() {
            push(&format!("mod {} {{ pub use crate::{}; mod tests {{", file.module(), file.parent), None);
            for (index, piece) in pieces.iter().enumerate().filter(|(index, _)| !self.wrong.contains_key(&(at, *index)))
            {
                push(&piece.code, Some((at, index)));
            }
            push("} }", None);
        }
        (text, owners)
    }

    /// Compiles all pieces but those that are wrong, and returns what is wrong with others.
    fn round(
        &self,
        std: Std,
        libraries: &Libraries,
        folder: &Path,
        options: &[&str],
    ) -> anyhow::Result<BTreeMap<(usize, usize), String>> {
        let (text, owners) = self.text(std);
        let source = folder.join("tests.rs");
        fs::write(&source, text)?;
        let mut command = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        command.args(["--test", "--edition=2024", "--crate-name=tests", "--error-format=json"]).args(options);
        command.arg("--out-dir").arg(folder).args(libraries.arguments()?).arg(&source).current_dir(folder);
        // The tests lie inside std, and so may use unstable features of the language.
        command.env("RUSTC_BOOTSTRAP", "1");
        let run = process::run(&mut command, BUILD_LIMIT, |_, _| {})?;
        let mut found = BTreeMap::new();
        for (_, line) in run.output.iter().filter(|(stream, _)| *stream == Stream::Err) {
            let Ok(diagnostic) = serde_json::from_str::<Diagnostic>(line) else {
                continue;
            };
            if diagnostic.level != DiagnosticLevel::Error || diagnostic.message.starts_with("aborting due to") {
                continue;
            }
            let lines =
                diagnostic.spans.iter().filter(|span| span.is_primary).filter_map(|span| line_in(span, &source));
            let owner = lines.filter_map(|line| owners.get(line - 1).copied().flatten()).next();
            match owner {
                Some(owner) => found.entry(owner).or_insert(diagnostic.message),
                None => bail!("the compiler complains about no piece: {}", diagnostic.rendered.unwrap_or_default()),
            };
        }
        if found.is_empty() && !run.succeeded() {
            bail!("rustc fails and names no piece: {}\n{}", run.end(), run.tail(20));
        }
        Ok(found)
    }
}

/// Returns the line of a span, or of the macro call that it comes from, in our file.
fn line_in(span: &DiagnosticSpan, source: &Path) -> Option<usize> {
    if Path::new(&span.file_name) == source {
        // In a macro of the same file it is the call that matters.
        return span
            .expansion
            .as_ref()
            .and_then(|expansion| line_in(&expansion.span, source))
            .or(Some(span.line_start));
    }
    span.expansion.as_ref().and_then(|expansion| line_in(&expansion.span, source))
}
