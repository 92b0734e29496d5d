//! What is printed, and what the exit code is.

use super::crew::Outcome;
use super::search::Matches;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What to print of a file with matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Show {
    Lines,
    NumberedLines,
    Counts,
    Names,
    Nothing,
}

/// Counts what was found while it prints it.
#[derive(Debug)]
pub(crate) struct Report<W> {
    out: W,
    show: Show,
    with_names: bool,
    files: u64,
    files_with_matches: u64,
    lines: u64,
    bytes: u64,
    errors: u64,
}

impl<W: Write> Report<W> {
    pub(crate) fn new(out: W, show: Show, with_names: bool) -> Report<W> {
        Report { out, show, with_names, files: 0, files_with_matches: 0, lines: 0, bytes: 0, errors: 0 }
    }

    /// Prints an outcome; false if no other can change the answer.
    pub(crate) fn add(&mut self, outcome: Outcome) -> io::Result<bool> {
        let path = outcome.path;
        match outcome.result {
            Ok(matches) => {
                self.files += 1;
                self.bytes += matches.bytes;
                self.lines += matches.lines.len() as u64;
                self.files_with_matches += u64::from(!matches.lines.is_empty());
                self.print(&path, &matches)?;
                Ok(self.show != Show::Nothing || matches.lines.is_empty())
            }
            Err(error) => {
                self.errors += 1;
                // What was found before it is shown before it.
                self.out.flush()?;
                eprintln!("pgrep: {}: {error}", path.display());
                Ok(true)
            }
        }
    }

    fn print(&mut self, path: &Path, matches: &Matches) -> io::Result<()> {
        let name = path.as_os_str().as_bytes();
        match self.show {
            Show::Nothing => {}
            Show::Counts => {
                self.prefix(name)?;
                writeln!(self.out, "{}", matches.lines.len())?;
            }
            Show::Names if matches.lines.is_empty() => {}
            Show::Names => {
                self.out.write_all(name)?;
                self.out.write_all(b"\n")?;
            }
            Show::Lines | Show::NumberedLines if matches.binary && !matches.lines.is_empty() => {
                writeln!(self.out, "{}: binary file matches", path.display())?;
            }
            Show::Lines | Show::NumberedLines => {
                for (number, line) in &matches.lines {
                    self.prefix(name)?;
                    if self.show == Show::NumberedLines {
                        write!(self.out, "{number}:")?;
                    }
                    self.out.write_all(line)?;
                    self.out.write_all(b"\n")?;
                }
            }
        }
        Ok(())
    }

    fn prefix(&mut self, name: &[u8]) -> io::Result<()> {
        if self.with_names {
            self.out.write_all(name)?;
            self.out.write_all(b":")?;
        }
        Ok(())
    }

    /// Prints the summary, if it is wanted, and returns the exit code: 0 for a match, 1 for none, 2 after an error.
    pub(crate) fn finish(mut self, summary: bool) -> io::Result<u8> {
        self.out.flush()?;
        if summary {
            let Report { files, files_with_matches, lines, bytes, errors, .. } = self;
            eprintln!("{lines} lines in {files_with_matches} of {files} files, {bytes} bytes, {errors} errors");
        }
        Ok(match (self.lines, self.errors) {
            (1.., _) if self.show == Show::Nothing => 0,
            (_, 1..) => 2,
            (1.., 0) => 0,
            (0, 0) => 1,
        })
    }
}
