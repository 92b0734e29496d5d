//! What became of examples and tests, and what differs between std and green.

use std::collections::{BTreeMap, BTreeSet};

use super::exceptions;
use crate::process::Run;

/// How many lines of a failure are shown.
const SHOWN: usize = 14;

/// What became of one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Passed,
    Ignored,
    Failed(String),
    /// It failed among others, and passed alone.
    Unsteady(String),
    /// It did not end, or its process did not end well.
    Died(String),
}

impl Outcome {
    /// Returns whether it passed, at least alone.
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Passed | Self::Unsteady(_))
    }

    /// Returns what there was to say of a failure.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Passed | Self::Ignored => "",
            Self::Failed(text) | Self::Unsteady(text) | Self::Died(text) => text,
        }
    }
}

/// What became of each, by its name.
pub(super) type Outcomes = BTreeMap<String, Outcome>;

/// Returns what libtest shows of a test that failed.
pub(super) fn section(run: &Run, test: &str) -> String {
    let head = format!("---- {test} stdout ----");
    let lines = run.output.iter().map(|(_, line)| line.as_str()).skip_while(|line| *line != head).skip(1);
    let lines = lines.take_while(|line| !line.starts_with("---- ") && !line.starts_with("failures:"));
    lines.filter(|line| !line.trim().is_empty()).take(SHOWN).collect::<Vec<_>>().join("\n")
}

/// What passed with std, and what of it does not with green.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Those that pass with std.
    pub(super) std: BTreeSet<String>,
    /// Each that passes with std and not with green, with what became of it there.
    pub(super) differences: BTreeMap<String, String>,
}

impl Comparison {
    /// Returns how many pass with both.
    pub(super) fn good(&self) -> usize {
        self.std.len() - self.differences.len()
    }

    /// Returns what differs and is no exception.
    pub(super) fn complaints(&self) -> String {
        let unlisted = self.differences.iter().filter(|(name, _)| exceptions::reason(name).is_none());
        unlisted.map(|(name, text)| format!("{name} passes with std alone: {text}\n")).collect()
    }
}

/// Compares what became of the same examples or tests.
pub(super) fn compare(std: &Outcomes, green: &Outcomes) -> Comparison {
    let mut comparison = Comparison::default();
    for (name, _) in std.iter().filter(|(_, outcome)| outcome.is_good()) {
        comparison.std.insert(name.clone());
        let what = match green.get(name) {
            Some(outcome) if outcome.is_good() => continue,
            Some(Outcome::Died(text)) => format!("does not end well: {text}"),
            Some(outcome) => outcome.text().to_owned(),
            None => "is not run".to_owned(),
        };
        comparison.differences.insert(name.clone(), what);
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passes_with_std_can_differ() {
        let outcomes =
            |list: &[(&str, Outcome)]| list.iter().map(|(name, end)| ((*name).to_owned(), end.clone())).collect();
        let failed = Outcome::Failed("left is not right".to_owned());
        let std =
            outcomes(&[("a", Outcome::Passed), ("b", failed.clone()), ("c", Outcome::Passed), ("d", Outcome::Passed)]);
        let green = outcomes(&[("a", Outcome::Passed), ("b", Outcome::Passed), ("c", failed)]);
        let comparison = compare(&std, &green);
        assert_eq!((comparison.std.len(), comparison.good()), (3, 1));
        assert_eq!(
            comparison.complaints(),
            "c passes with std alone: left is not right\nd passes with std alone: is not run\n"
        );
    }
}
