//! What green does not have of std, and why.
//!
//! The list may only shrink: an absence that is not here fails the task, and so does a line here for something that is
//! no longer absent. A reason is one that a maintainer of std would accept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Reasons, each with what it holds for, as the probes call it.
const REASONS: &[(&str, &[&str])] = &[
    (
        "the orphan rule: neither the trait nor `Arc` is green's; `&File` has all three",
        &[
            "impl io::Read for sync::Arc<fs::File>",
            "impl io::Seek for sync::Arc<fs::File>",
            "impl io::Write for sync::Arc<fs::File>",
        ],
    ),
    (
        "a green thread has no `pthread_t` of its own",
        &["impl<T> os::unix::thread::JoinHandleExt for thread::JoinHandle<T>"],
    ),
];

/// What the list says of a survey.
#[derive(Debug)]
pub(super) struct Verdict {
    /// The reason for each absence that has one.
    pub(super) reasons: BTreeMap<String, &'static str>,
    /// Absences without a reason.
    unlisted: Vec<String>,
    /// Reasons without an absence.
    stale: Vec<&'static str>,
}

/// Compares what is absent with the list.
pub(super) fn compare(absent: &BTreeSet<String>) -> Verdict {
    judge(absent, REASONS)
}

fn judge(absent: &BTreeSet<String>, list: &[(&'static str, &'static [&'static str])]) -> Verdict {
    let listed: BTreeMap<&'static str, &'static str> =
        list.iter().flat_map(|(reason, labels)| labels.iter().map(|label| (*label, *reason))).collect();
    let reasons = absent.iter().filter_map(|label| Some((label.clone(), *listed.get(label.as_str())?))).collect();
    let unlisted = absent.iter().filter(|label| !listed.contains_key(label.as_str())).cloned().collect();
    let stale = listed.into_keys().filter(|label| !absent.contains(*label)).collect();
    Verdict { reasons, unlisted, stale }
}

impl Verdict {
    /// Returns what is wrong, or nothing.
    pub(super) fn complaints(&self) -> String {
        let mut text = String::new();
        for label in &self.unlisted {
            let _ = writeln!(text, "absent, with no reason in xtask/src/parity/absent.rs: {label}");
        }
        for label in &self.stale {
            let _ = writeln!(text, "no longer absent, so it leaves xtask/src/parity/absent.rs: {label}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_and_the_survey_have_to_agree() {
        let absent = ["a", "b"].map(str::to_owned).into();
        let verdict = judge(&absent, &[("orphan rule", &["b", "c"])]);
        assert_eq!(verdict.reasons, [("b".to_owned(), "orphan rule")].into());
        assert_eq!(verdict.complaints().lines().count(), 2, "{}", verdict.complaints());
        assert!(judge(&absent, &[("why", &["a", "b"])]).complaints().is_empty());
    }
}
