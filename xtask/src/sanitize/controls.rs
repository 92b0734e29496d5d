//! Proof that a sanitizer sees what happens on green threads: errors that it has to report, and what it must not report.
//!
//! They are the tests in `tests/sanitizers/`, each run in a process of its own, because most are reported once.

use anyhow::{Context as _, bail};

use super::{Pass, Reports, Sanitizer};
use crate::libtest::Tally;
use crate::steps::{Counted, End, Progress};
use crate::suites::TestBinary;

/// The binary that has them.
pub(super) const BINARY: &str = "-p green-tests --test sanitizers";

/// One of them.
struct Control {
    sanitizer: Sanitizer,
    /// The passes in which it says something.
    passes: &'static [&'static str],
    test: &'static str,
    /// What the report says; none if there must be none.
    report: Option<&'static str>,
}

const TABLE: &[Control] = &[
    Control {
        sanitizer: Sanitizer::Address,
        passes: &["default", "hubs0"],
        test: "address::a_use_after_return_is_reported",
        report: Some("stack-use-after-return"),
    },
    Control {
        sanitizer: Sanitizer::Address,
        passes: &["default", "hubs0", "leaks"],
        test: "address::a_write_beyond_a_local_is_reported",
        report: Some("stack-buffer-overflow"),
    },
    Control {
        sanitizer: Sanitizer::Address,
        passes: &["leaks"],
        test: "address::a_leak_is_reported",
        report: Some("LeakSanitizer"),
    },
    Control {
        sanitizer: Sanitizer::Address,
        passes: &["leaks"],
        test: "address::what_a_suspended_stack_has_is_no_leak",
        report: None,
    },
    Control {
        sanitizer: Sanitizer::Address,
        passes: &["default", "hubs0", "leaks"],
        test: "address::a_stack_that_is_used_again_is_clean",
        report: None,
    },
    Control {
        sanitizer: Sanitizer::Thread,
        passes: &["default"],
        test: "thread::a_race_with_a_green_thread_is_reported",
        report: Some("data race"),
    },
    Control {
        sanitizer: Sanitizer::Thread,
        passes: &["default", "hubs0"],
        test: "thread::turns_on_one_hub_are_no_race",
        report: None,
    },
    Control {
        sanitizer: Sanitizer::Thread,
        passes: &["default", "hubs0"],
        test: "thread::what_is_handed_over_is_no_race",
        report: None,
    },
];

/// Runs those of a pass.
pub(super) fn run(
    binaries: &[TestBinary],
    sanitizer: Sanitizer,
    pass: &Pass,
    progress: &Progress,
) -> anyhow::Result<Counted> {
    let binary = binaries.iter().find(|binary| binary.name() == BINARY).context("green-tests has the controls")?;
    let names = binary.list()?;
    let mut tally = Tally::default();
    let mut failures = Vec::new();
    for control in TABLE.iter().filter(|one| one.sanitizer == sanitizer && one.passes.contains(&pass.name)) {
        progress.say(control.test);
        if !names.iter().any(|name| name == control.test) {
            bail!("there is no test {} in {BINARY}", control.test);
        }
        let reports = Reports::begin(sanitizer)?;
        let arguments = ["--exact".to_owned(), control.test.to_owned()];
        let verdict =
            binary.run(pass.mode, &arguments, &[pass.environment(&reports)], super::CONTROL_LIMIT, |_, _| {})?;
        let found = reports.read()?.join("\n");
        let is_good = match control.report {
            Some(report) => found.contains(report),
            None => found.is_empty() && verdict.failure.is_none(),
        };
        if is_good {
            tally.passed += 1;
        } else {
            tally.failed += 1;
            let expected = control.report.unwrap_or("nothing");
            let said = verdict.failure.unwrap_or_default();
            failures.push(format!("{}: expected {expected} to be reported, but:\n{found}\n{said}", control.test));
        }
    }
    let end = if failures.is_empty() {
        End::Good(format!("{} as they should be", tally.passed))
    } else {
        let again = format!("cargo xtask sanitize {} --only '{BINARY}'", sanitizer.name());
        End::Bad { why: failures.join("\n\n"), again }
    };
    Ok(Counted { end, tally })
}
