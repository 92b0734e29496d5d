//! What the output of a libtest binary says: which tests ended how, and the sums.

use std::ops::AddAssign;

use crate::process::Run;

/// The mark of a test that does not hold in the mode it ran in (`green_tests::holds_in`).
const SKIP_MARK: &str = "green-skip: ";

/// Sums of tests.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    /// Ignored by libtest, or passed by saying that it does not hold in this mode.
    pub(crate) skipped: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

/// Follows the lines of one or several libtest runs.
#[derive(Debug, Default)]
pub(crate) struct TestLog {
    /// Names of the tests that ended, in order, as libtest prints them.
    pub(crate) finished: Vec<String>,
    /// The part of `finished` that failed.
    pub(crate) failed: Vec<String>,
    /// The part of `finished` that was not run.
    pub(crate) ignored: Vec<String>,
    /// The texts behind the skip marks.
    pub(crate) skips: Vec<String>,
    /// The sum of the `test result:` lines.
    results: Option<Tally>,
}

impl TestLog {
    /// Takes in one line of output.
    pub(crate) fn line(&mut self, line: &str) {
        // A skipping test may write after the `test name ... ` that libtest leaves open under one thread.
        if let Some((_, skip)) = line.split_once(SKIP_MARK) {
            self.skips.push(skip.to_owned());
        } else if let Some(result) = line.strip_prefix("test result: ") {
            let results = self.results.get_or_insert_default();
            results.passed += number_before(result, " passed");
            results.failed += number_before(result, " failed");
            results.skipped += number_before(result, " ignored");
        } else if let Some((name, end)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) {
            if end == "FAILED" {
                self.failed.push(name.to_owned());
            }
            if end.starts_with("ignored") {
                self.ignored.push(name.to_owned());
            }
            if end == "FAILED" || end.starts_with("ok") || end.starts_with("ignored") {
                self.finished.push(name.to_owned());
            }
        }
    }

    /// Returns whether libtest came to its end.
    pub(crate) fn has_result(&self) -> bool {
        self.results.is_some()
    }

    /// Returns the sums, given how the process ended.
    ///
    /// A process that died says no result, so what ended before counts, and its death as one failure. One
    /// without libtest (`harness = false`) is one test.
    pub(crate) fn tally(&self, run: &Run) -> Tally {
        let mut tally = self.results.unwrap_or_else(|| {
            let failed = self.failed.len();
            let passed = self.finished.len() - failed;
            let alone = usize::from(self.finished.is_empty() && run.succeeded());
            Tally { passed: passed + alone, failed, skipped: 0 }
        });
        if !run.succeeded() && (tally.failed == 0 || self.results.is_none()) {
            tally.failed += 1;
        }
        let skipped = self.skips.len().min(tally.passed);
        tally.passed -= skipped;
        tally.skipped += skipped;
        tally
    }

    /// Returns those of `all` that did not end: they were running when the process was killed, or had not
    /// begun. libtest begins tests in the order of its list, so the first ones are the suspects.
    pub(crate) fn unfinished(&self, all: &[String]) -> Vec<String> {
        let ended = |name: &String| self.finished.iter().any(|found| found.split(" - ").next() == Some(name));
        all.iter().filter(|name| !ended(name)).cloned().collect()
    }
}

/// Returns the names in the output of `--list --format terse`.
pub(crate) fn names_in_list(run: &Run) -> Vec<String> {
    run.output.iter().filter_map(|(_, line)| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// Returns the number that stands before `what`, or 0.
fn number_before(text: &str, what: &str) -> usize {
    let before = text.find(what).map_or("", |at| &text[..at]);
    let digits = before.rfind(|c: char| !c.is_ascii_digit()).map_or(before, |at| &before[at + 1..]);
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::process;

    fn check(script: &str, passed: usize, failed: usize, skipped: usize) -> TestLog {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let run = process::run(&mut command, Duration::from_secs(60), |_, _| {}).unwrap();
        let mut log = TestLog::default();
        run.output.iter().for_each(|(_, line)| log.line(line));
        assert_eq!(log.tally(&run), Tally { passed, failed, skipped }, "{script}");
        log
    }

    #[test]
    fn results_are_summed_and_skips_taken_from_what_passed() {
        let result = "echo 'test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out'";
        check(result, 3, 0, 1);
        check(&format!("{result}; {result}"), 6, 0, 2);
        check(&format!("{result}; echo 'green-skip: a: not in mode off' >&2"), 2, 0, 2);
    }

    #[test]
    fn a_failure_is_counted_once() {
        check("echo 'test a ... FAILED'; echo 'test result: FAILED. 1 passed; 2 failed; 0 ignored'; exit 101", 1, 2, 0);
    }

    #[test]
    fn a_death_is_a_failure_beside_what_ended() {
        let log = check("echo 'test a ... ok'; echo 'test b - should panic ... ok'; kill -ABRT $$", 2, 1, 0);
        let all = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(log.unfinished(&all), ["c"]);
    }

    #[test]
    fn a_death_after_the_result_is_a_failure_too() {
        check("echo 'test result: ok. 3 passed; 0 failed; 0 ignored'; kill -SEGV $$", 3, 1, 0);
    }

    #[test]
    fn a_program_without_libtest_is_one_test() {
        check("echo fine", 1, 0, 0);
        check("exit 1", 0, 1, 0);
    }
}
