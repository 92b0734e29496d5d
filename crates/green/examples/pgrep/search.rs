//! Looks for the pattern in one file, or in what a filter makes of it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

/// What to look for and how.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) pattern: Vec<u8>,
    pub(crate) ignore_case: bool,
    /// A shell command that gets each file on its standard input.
    pub(crate) filter: Option<String>,
    /// The first match of a file is enough.
    pub(crate) first_only: bool,
}

/// What one file held.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// The lines with the pattern, with their numbers and without their ends.
    pub(crate) lines: Vec<(u64, Vec<u8>)>,
    /// There was a NUL, so that its lines had better not be shown.
    pub(crate) binary: bool,
    /// The search did not get to the end, for what it had found was enough.
    pub(crate) cut_short: bool,
    pub(crate) bytes: u64,
}

impl Query {
    /// Searches a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or the filter cannot be started or fails.
    pub(crate) fn search(&self, path: &Path) -> io::Result<Matches> {
        let file = File::open(path)?;
        match &self.filter {
            None => self.search_in(BufReader::new(file)),
            Some(filter) => self.search_through(filter, file),
        }
    }

    fn search_through(&self, filter: &str, mut file: File) -> io::Result<Matches> {
        let mut child = Command::new("sh").args(["-c", filter]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().expect("it is piped");
        let stdout = child.stdout.take().expect("it is piped");
        // The filter may write before it has read everything: one thread alone would wait for it, and it for us.
        let (fed, matches) = thread::scope(|scope| {
            let feeder = scope.spawn(move || io::copy(&mut file, &mut stdin));
            let matches = self.search_in(BufReader::new(stdout));
            // A filter whose output is no longer read gets a broken pipe, and then no longer reads either.
            (feeder.join().expect("a copy does not panic"), matches)
        });
        let status = child.wait()?;
        let matches = matches?;
        match fed {
            // A filter need not read everything.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            // One that we stopped listening to ends as it likes.
            _ if status.success() || matches.cut_short => Ok(matches),
            _ => Err(io::Error::other(format!("{filter}: {status}"))),
        }
    }

    fn search_in(&self, mut input: impl BufRead) -> io::Result<Matches> {
        let mut matches = Matches::default();
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            let count = read_line(&mut input, &mut line)?;
            if count == 0 {
                break;
            }
            matches.bytes += count as u64;
            matches.binary |= line.contains(&0);
            if self.matches(&line) {
                if line.ends_with(b"\n") {
                    line.pop();
                }
                matches.lines.push((number, line.clone()));
                if self.first_only || matches.binary {
                    matches.cut_short = true;
                    break;
                }
            }
        }
        Ok(matches)
    }

    fn matches(&self, line: &[u8]) -> bool {
        let Some(first) = self.pattern.first() else { return true };
        let mut windows = line.windows(self.pattern.len());
        if self.ignore_case {
            windows.any(|window| window.eq_ignore_ascii_case(&self.pattern))
        } else {
            windows.any(|window| window[0] == *first && window == self.pattern)
        }
    }
}

/// Reads a line, of 16 MiB at most: a longer one is taken in pieces.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    const LONGEST: u64 = 16 << 20;
    input.take(LONGEST).read_until(b'\n', line)
}
