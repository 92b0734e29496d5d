//! The frame of the long tasks: steps with progress and elapsed time, failures gathered for the end.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};

use crate::libtest::Tally;

/// What a step has to say when it ended.
#[derive(Debug)]
pub(crate) enum End {
    /// It holds; the text says more, or is empty.
    Good(String),
    /// It could not be tried here, and why. Counted as skipped.
    Skipped(String),
    /// It does not hold: the text is shown at the end, with the command that shows it alone.
    Bad { why: String, again: String },
}

/// Tests that a step counted by itself, beside its end.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) end: End,
    pub(crate) tally: Tally,
}

impl From<End> for Counted {
    /// A step without a count of its own weighs one when it fails or is skipped, so that the last line never
    /// says `0 failed` of a run that failed, and nothing when it is good: it is no test.
    fn from(end: End) -> Self {
        let mut tally = Tally::default();
        match end {
            End::Good(_) => {}
            End::Skipped(_) => tally.skipped = 1,
            End::Bad { .. } => tally.failed = 1,
        }
        Self { end, tally }
    }
}

/// A task's steps so far.
#[derive(Debug)]
pub(crate) struct Steps {
    started: Instant,
    tally: Tally,
    /// Name, reason and command of every step that failed.
    failures: Vec<(String, String, String)>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), tally: Tally::default(), failures: Vec::new() }
    }

    /// Runs one step, shows it while it runs, and returns whether it was not bad.
    pub(crate) fn step<T: Into<Counted>>(
        &mut self,
        name: &str,
        work: impl FnOnce(&Progress) -> anyhow::Result<T>,
    ) -> bool {
        let progress = Progress::new(name);
        let Counted { end, tally } = match work(&progress) {
            Ok(counted) => counted.into(),
            Err(error) => End::Bad { why: format!("{error:#}"), again: String::new() }.into(),
        };
        self.tally += tally;
        let (mark, note) = match &end {
            End::Good(note) => ("ok", note.as_str()),
            End::Skipped(why) => ("skip", why.as_str()),
            End::Bad { why, .. } => ("FAIL", why.lines().next().unwrap_or_default()),
        };
        progress.finish(mark, note);
        match end {
            End::Bad { why, again } => {
                self.failures.push((name.to_owned(), why, again));
                false
            }
            _ => true,
        }
    }

    /// Prints the failures in full, then one line that a machine can read.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        for (name, why, again) in &self.failures {
            println!("\n==== {name} failed ====\n{why}");
            if !again.is_empty() {
                println!("again: {again}");
            }
        }
        let mut names = String::new();
        for (name, ..) in &self.failures {
            let _ = write!(names, "{}{name}", if names.is_empty() { "" } else { ", " });
        }
        println!("\n{} in {}", if names.is_empty() { "all good" } else { "not good" }, show(self.started.elapsed()));
        let Tally { passed, failed, skipped } = self.tally;
        if self.tally != Tally::default() {
            println!("{passed} passed, {failed} failed, {skipped} skipped");
        }
        if !names.is_empty() {
            bail!("failed: {names}");
        }
        Ok(())
    }
}

/// The line of a step that is running: a spinner or a bar on a terminal, nothing elsewhere.
#[derive(Debug)]
pub(crate) struct Progress {
    name: String,
    started: Instant,
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new(name: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_style(style("{spinner} {prefix:<28} {elapsed:>5}  {wide_msg}"));
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { name: name.to_owned(), started: Instant::now(), bar }
    }

    /// Says what the step is at.
    pub(crate) fn say(&self, what: impl Into<String>) {
        self.bar.set_message(what.into());
    }

    /// Turns the spinner into a bar towards `total`.
    pub(crate) fn total(&self, total: usize) {
        self.bar.set_style(style("{spinner} {prefix:<28} {elapsed:>5}  {bar:24} {pos}/{len}  {wide_msg}"));
        self.bar.set_length(total as u64);
    }

    /// Moves the bar on by one.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
    }

    /// Prints a line above the progress.
    pub(crate) fn print(&self, line: &str) {
        self.bar.suspend(|| println!("{line}"));
    }

    /// Takes the progress away and leaves one line.
    pub(crate) fn finish(self, mark: &str, note: &str) {
        self.bar.finish_and_clear();
        let line = format!("{mark:<4}  {:<28} {:>6}  {note}", self.name, show(self.started.elapsed()));
        println!("{}", line.trim_end());
    }
}

/// Returns a duration as people read it.
pub(crate) fn show(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 100.0 { format!("{seconds:.1}s") } else { format!("{}m{:02.0}s", seconds as u64 / 60, seconds % 60.0) }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is a constant").progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_fails_counts_even_without_tests() {
        let mut steps = Steps::new();
        assert!(steps.step("good", |_| Ok(End::Good(String::new()))));
        assert!(steps.step("skipped", |_| Ok(End::Skipped("not here".to_owned()))));
        assert!(!steps.step("bad", |_| Ok(End::Bad { why: "no".to_owned(), again: String::new() })));
        assert!(!steps.step("broken", |_| -> anyhow::Result<End> { bail!("no") }));
        assert_eq!(steps.tally, Tally { passed: 0, failed: 2, skipped: 1 });
        assert!(steps.finish().is_err());
    }

    #[test]
    fn times_are_short() {
        assert_eq!(show(Duration::from_millis(1_250)), "1.2s");
        assert_eq!(show(Duration::from_secs(125)), "2m05s");
    }
}
