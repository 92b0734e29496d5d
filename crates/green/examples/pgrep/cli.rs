//! The command line of the parallel grep.

use super::crew;
use super::report::{Report, Show};
use super::search::Query;
use std::ffi::OsString;
use std::io::{self, BufWriter, ErrorKind};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "\
usage: pgrep [options] <string> <path>...

Prints the lines with <string> of all files below the paths.

  -i              letters of either case are the same (ASCII)
  -n, -c, -l, -q  with line numbers; counts only; names only; nothing
  --threads <n>   how many files are searched at once [8]
  --filter <cmd>  search what `sh -c <cmd>` makes of each file
  --summary       say on standard error what was found

Exits with 0 if a line was found, with 1 if none was, with 2 after an error.";

struct Options {
    query: Query,
    roots: Vec<PathBuf>,
    show: Show,
    threads: usize,
    summary: bool,
}

/// Searches as the command line says.
pub(crate) fn main() -> ExitCode {
    let options = match parse(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("pgrep: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(code) => ExitCode::from(code),
        // Whoever reads has enough, as with `| head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::from(2),
        Err(error) => {
            eprintln!("pgrep: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> io::Result<u8> {
    let with_names = options.roots.len() > 1 || options.roots[0].is_dir();
    let mut report = Report::new(BufWriter::new(io::stdout().lock()), options.show, with_names);
    crew::search(&options.query, &options.roots, options.threads, |outcome| report.add(outcome))?;
    report.finish(options.summary)
}

fn parse(mut args: impl Iterator<Item = OsString>) -> Result<Options, String> {
    let mut words = Vec::new();
    let (mut show, mut threads, mut summary) = (Show::Lines, 8, false);
    let (mut ignore_case, mut filter) = (false, None);
    let mut only_words = false;
    while let Some(arg) = args.next() {
        let mut value = || {
            let value = args.next().ok_or_else(|| format!("{} needs a value", arg.display()))?;
            value.into_string().map_err(|value| format!("not text: {}", value.display()))
        };
        match arg.to_str() {
            Some("--") if !only_words => only_words = true,
            Some(option) if option.starts_with('-') && option.len() > 1 && !only_words => match option {
                "-i" => ignore_case = true,
                "-n" => show = Show::NumberedLines,
                "-c" => show = Show::Counts,
                "-l" => show = Show::Names,
                "-q" => show = Show::Nothing,
                "--summary" => summary = true,
                "--filter" => filter = Some(value()?),
                "--threads" => {
                    let text = value()?;
                    threads = text.parse().ok().filter(|n| *n > 0).ok_or(format!("not a number of threads: {text}"))?;
                }
                _ => return Err(format!("unknown option {option}")),
            },
            _ => words.push(arg),
        }
    }
    let mut words = words.into_iter();
    let (Some(pattern), roots) = (words.next(), words.map(PathBuf::from).collect::<Vec<_>>()) else {
        return Err("look for what?".to_owned());
    };
    if roots.is_empty() {
        return Err("look where?".to_owned());
    }
    let first_only = matches!(show, Show::Names | Show::Nothing);
    let query = Query { pattern: pattern.into_vec(), ignore_case, filter, first_only };
    Ok(Options { query, roots, show, threads, summary })
}
