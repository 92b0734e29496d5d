//! The table that a run ends with, and the same as JSON.

use serde_json::{Value, json};

use super::child::Report;
use super::rounds::{Outcome, median};
use super::row::{Figure, Row, Runtime, Target};

/// Rows with what became of them.
pub(super) type Outcomes = [(Row, Outcome)];

/// One target, judged.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Verdict {
    /// What it is a multiple of, and what it has to be, in words.
    target: String,
    /// The multiple, or the figure itself; none if either side has no figure.
    found: Option<Series>,
    holds: Option<Holds>,
}

impl Verdict {
    fn json(&self) -> Value {
        let (median, rounds) = self.found.as_ref().map(|found| (found.median, &found.rounds)).unzip();
        let (holds, close) = self.holds.map(|holds| (holds.median, holds.close)).unzip();
        json!({ "target": self.target, "found": median, "rounds": rounds, "holds": holds, "close": close })
    }
}

/// Whether a target holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Holds {
    /// Whether the median says so.
    pub(super) median: bool,
    /// Whether some round says something else: then another run may well come to another median.
    pub(super) close: bool,
}

impl Holds {
    fn of(found: &Series, is_kept: impl Fn(f64) -> bool) -> Self {
        let median = is_kept(found.median);
        Self { median, close: found.rounds.iter().any(|&round| is_kept(round) != median) }
    }

    pub(super) fn word(self) -> &'static str {
        match (self.median, self.close) {
            (true, false) => "yes",
            (false, false) => "NO",
            (true, true) => "yes, close",
            (false, true) => "NO, close",
        }
    }
}

/// A figure, or a ratio of two: of the medians, and round by round.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    pub(super) median: f64,
    pub(super) rounds: Vec<f64>,
}

impl Series {
    /// Returns a runtime's.
    fn new(outcome: &Outcome, runtime: Runtime, metric: &str) -> Option<Self> {
        let reports = outcome.reports.get(&runtime)?;
        let rounds = reports.iter().filter_map(|report| report.get(metric).copied()).collect();
        Some(Self { median: median(reports, metric)?, rounds })
    }

    /// Returns the two as one, pairing what was measured in the same round.
    fn with(&self, other: &Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        let rounds = self.rounds.iter().zip(&other.rounds).map(|(&own, &other)| combine(own, other));
        Self { median: combine(self.median, other.median), rounds: rounds.collect() }
    }

    /// Returns how many times `base` it is.
    fn per(&self, base: &Self) -> Self {
        self.with(base, |own, base| own / base)
    }

    fn times(&self, factor: f64) -> Self {
        Self { median: self.median * factor, rounds: self.rounds.iter().map(|round| round * factor).collect() }
    }

    pub(super) fn text(&self) -> String {
        let least = self.rounds.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.rounds.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match self.rounds.len() {
            0 | 1 => number(self.median),
            _ => format!("{} ({}–{})", number(self.median), number(least), number(most)),
        }
    }
}

/// Returns the median of a runtime's figure.
fn figure(outcome: &Outcome, runtime: Runtime, metric: &str) -> Option<f64> {
    outcome.reports.get(&runtime).and_then(|reports| median(reports, metric))
}

/// Judges one target.
fn judge(outcomes: &Outcomes, row: &Row, outcome: &Outcome, wanted: &Figure, target: Target) -> Verdict {
    let of = |runtime| Series::new(outcome, runtime, wanted.metric);
    let own = of(Runtime::Green);
    let (limit, base, what) = match target {
        Target::AtMost(limit) => {
            let holds = own.as_ref().map(|own| Holds::of(own, |own| own <= limit));
            return Verdict { target: format!("≤ {}", number(limit)), found: own, holds };
        }
        Target::Times(limit, rival) => (limit, of(rival), rival.name().to_owned()),
        Target::AtLeastTimes(limit, rival) => {
            let ratio = own.zip(of(rival)).map(|(own, rival)| own.per(&rival));
            let holds = ratio.as_ref().map(|ratio| Holds::of(ratio, |ratio| hundredths(ratio) >= hundredths(limit)));
            return Verdict { target: format!("≥ {limit} × {}", rival.name()), found: ratio, holds };
        }
        Target::TimesBest(limit, rivals) => {
            let best = rivals.iter().filter_map(|&rival| of(rival)).reduce(|best, rival| best.with(&rival, f64::min));
            let asked = |rival: &Runtime| *rival != Runtime::Go || row.runtimes.contains(rival);
            let names = rivals.iter().filter(|rival| asked(rival)).map(|rival| rival.name());
            (limit, best, format!("best of {}", names.collect::<Vec<_>>().join(", ")))
        }
        Target::TimesOwnRow(limit, name) => {
            let other = outcomes.iter().find(|(other, _)| other.name == name && other.group == row.group);
            let base = other.and_then(|(_, outcome)| Series::new(outcome, Runtime::Green, wanted.metric));
            (limit, base, "its own on one hub".to_owned())
        }
        Target::TimesOwn(limit, metric) => {
            (limit, Series::new(outcome, Runtime::Green, metric), "its own before".to_owned())
        }
        Target::TimesGo { limit, .. } if row.runtimes.contains(&Runtime::Go) => {
            (limit, of(Runtime::Go), "go".to_owned())
        }
        Target::TimesGo { limit, go_to_ct } => {
            let go = of(Runtime::TokioCt).map(|ct| ct.times(go_to_ct));
            (limit, go, format!("Go (as {go_to_ct:.2} × tokio-ct)"))
        }
    };
    let ratio = own.zip(base).map(|(own, base)| own.per(&base));
    let holds = ratio.as_ref().map(|ratio| Holds::of(ratio, |ratio| hundredths(ratio) <= hundredths(limit)));
    Verdict { target: format!("≤ {limit} × {what}"), found: ratio, holds }
}

/// Returns a ratio as exactly as it is shown.
fn hundredths(ratio: f64) -> f64 {
    (ratio * 100.0).round()
}

/// Returns the table.
pub(super) fn table(outcomes: &Outcomes) -> String {
    let columns = columns(outcomes);
    let mut lines = vec![header(&columns)];
    let mut notes = Vec::new();
    for (row, outcome) in outcomes {
        for (index, wanted) in row.figures.iter().enumerate() {
            let label = if index == 0 { row.name } else { "" };
            let mut cells = vec![label.to_owned(), wanted.label.to_owned()];
            cells.extend(columns.iter().map(|&runtime| cell(row, outcome, runtime, wanted)));
            let verdicts: Vec<Verdict> =
                wanted.targets.iter().map(|&target| judge(outcomes, row, outcome, wanted, target)).collect();
            let mut verdicts = verdicts.into_iter();
            cells.extend(verdict_cells(verdicts.next()));
            lines.push(cells);
            for verdict in verdicts {
                let mut cells = vec![String::new(); 2 + columns.len()];
                cells.extend(verdict_cells(Some(verdict)));
                lines.push(cells);
            }
        }
        for runtime in &row.runtimes {
            if let Some(why) = outcome.failures.get(runtime) {
                notes.push(format!("{}: {} {why}", row.name.trim(), runtime.name()));
            }
        }
        if outcome.kept > 0 {
            notes.push(format!("{}: {} disturbed runs had to be kept", row.name.trim(), outcome.kept));
        }
        if outcome.left_out > 0 {
            notes.push(format!("{}: {} rounds were left out, as time was up", row.name.trim(), outcome.left_out));
        }
    }
    let repeated: usize = outcomes.iter().map(|(_, outcome)| outcome.repeated).sum();
    if repeated > 0 {
        notes.push(format!("{repeated} runs were repeated because others took the processor"));
    }
    if !columns.contains(&Runtime::Go) {
        notes.push(
            "go: not run; its ratio to tokio-ct on the machine where the targets were set stands in for it".to_owned(),
        );
    }
    align(&lines, columns.len()) + "\n" + &notes.join("\n") + "\n"
}

/// Returns who has a column: all but Go, which has one if it was run.
fn columns(outcomes: &Outcomes) -> Vec<Runtime> {
    let ran = |runtime| outcomes.iter().any(|(row, _)| row.runtimes.contains(&runtime));
    Runtime::ALL.into_iter().filter(|&runtime| runtime != Runtime::Go || ran(runtime)).collect()
}

fn header(columns: &[Runtime]) -> Vec<String> {
    let mut cells = vec![String::new(), String::new()];
    cells.extend(columns.iter().map(|runtime| runtime.name().to_owned()));
    cells.extend(["found", "must be", "holds"].map(str::to_owned));
    cells
}

fn cell(row: &Row, outcome: &Outcome, runtime: Runtime, wanted: &Figure) -> String {
    if !row.runtimes.contains(&runtime) {
        return String::new();
    }
    match outcome.failures.get(&runtime) {
        Some(why) if why == "hangs" => "hangs".to_owned(),
        Some(_) => "fails".to_owned(),
        None => figure(outcome, runtime, wanted.metric).map_or("–".to_owned(), number),
    }
}

fn verdict_cells(verdict: Option<Verdict>) -> [String; 3] {
    let Some(verdict) = verdict else { return [const { String::new() }; 3] };
    let found = verdict.found.map_or("–".to_owned(), |found| found.text());
    [found, verdict.target, verdict.holds.map_or("?", Holds::word).to_owned()]
}

/// Returns a number with three digits that count.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        size if size < 10_000.0 => format!("{value:.0}"),
        _ => {
            let digits = format!("{value:.0}");
            let groups: Vec<&str> = digits
                .as_bytes()
                .rchunks(3)
                .rev()
                .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
                .collect();
            groups.join(",")
        }
    }
}

/// Returns lines of cells in columns as wide as they need; the first two and the target are words.
fn align(lines: &[Vec<String>], columns: usize) -> String {
    let target = columns + 3;
    let widths: Vec<usize> = (0..lines[0].len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < 2 || column == target { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// Returns everything that was measured.
pub(super) fn json(outcomes: &Outcomes) -> Value {
    let rows = outcomes.iter().map(|(row, outcome)| {
        let figures = row.figures.iter().map(|wanted| {
            let medians: serde_json::Map<String, Value> = row
                .runtimes
                .iter()
                .filter_map(|&runtime| {
                    Some((runtime.name().to_owned(), figure(outcome, runtime, wanted.metric)?.into()))
                })
                .collect();
            let targets: Vec<Value> = wanted
                .targets
                .iter()
                .map(|&target| judge(outcomes, row, outcome, wanted, target))
                .map(|verdict| verdict.json())
                .collect();
            json!({ "metric": wanted.metric, "label": wanted.label, "medians": medians, "targets": targets })
        });
        let reports: serde_json::Map<String, Value> = outcome
            .reports
            .iter()
            .map(|(runtime, reports): (_, &Vec<Report>)| (runtime.name().to_owned(), json!(reports)))
            .collect();
        let failures: serde_json::Map<String, Value> =
            outcome.failures.iter().map(|(runtime, why)| (runtime.name().to_owned(), json!(why))).collect();
        json!({
            "group": row.group,
            "row": row.name.trim(),
            "arguments": row.arguments,
            "figures": figures.collect::<Vec<_>>(),
            "reports": reports,
            "failures": failures,
            "repeated": outcome.repeated,
            "kept_disturbed": outcome.kept,
        })
    });
    json!({ "machine": super::machine(), "rows": rows.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const YES: Holds = Holds { median: true, close: false };
    const NO: Holds = Holds { median: false, close: false };
    const CLOSE_YES: Holds = Holds { median: true, close: true };
    const CLOSE_NO: Holds = Holds { median: false, close: true };

    fn outcome(figures: &[(Runtime, &[f64])]) -> Outcome {
        let reports = figures.iter().map(|&(runtime, rounds)| {
            (runtime, rounds.iter().map(|&ns| Report::from([("ns".to_owned(), ns)])).collect())
        });
        Outcome { reports: reports.collect(), failures: HashMap::new(), repeated: 0, kept: 0, left_out: 0 }
    }

    fn verdict(own: &[f64], may: &[f64], target: Target) -> Verdict {
        let row = Row::alone("yield", "row", "yield", "").figure("ns", "ns", [target]);
        let outcome = outcome(&[(Runtime::Green, own), (Runtime::May, may)]);
        judge(&[], &row, &outcome, &row.figures[0], target)
    }

    #[test]
    fn a_target_holds_or_does_not() {
        let check = |own, rival, target, expected| {
            assert_eq!(verdict(&[own], &[rival], target).holds, expected, "{own} to {rival}: {target:?}");
        };
        check(45.0, 100.0, Target::Times(0.45, Runtime::May), Some(YES));
        check(46.0, 100.0, Target::Times(0.45, Runtime::May), Some(NO));
        check(46.0, 100.0, Target::Times(0.45, Runtime::TokioCt), None);
        check(110.0, 100.0, Target::AtLeastTimes(1.1, Runtime::May), Some(YES));
        check(0.0, 100.0, Target::AtMost(0.0), Some(YES));
    }

    #[test]
    fn a_verdict_is_close_where_rounds_contradict_it() {
        let check = |own, rival, target, expected| {
            assert_eq!(verdict(own, rival, target).holds, Some(expected), "{own:?} to {rival:?}: {target:?}");
        };
        let target = Target::Times(1.0, Runtime::May);
        check(&[90.0, 80.0, 99.0], &[100.0, 100.0, 100.0], target, YES);
        check(&[90.0, 80.0, 99.0], &[100.0, 100.0, 98.0], target, CLOSE_YES);
        check(&[110.0, 80.0, 99.0], &[90.0, 70.0, 100.0], target, CLOSE_NO);
        // What differs from round to round does so for both.
        check(&[110.0, 80.0, 50.0], &[111.0, 81.0, 51.0], target, YES);
        check(&[1.0, 3.0, 1.0], &[], Target::AtMost(2.0), CLOSE_YES);
    }

    #[test]
    fn the_best_rival_is_the_best_of_each_round() {
        let row = Row::alone("timers", "row", "timers", "");
        let target = Target::TimesBest(1.0, &[Runtime::May, Runtime::TokioCt]);
        let row = row.figure("ns", "ns", [target]);
        let outcome = outcome(&[
            (Runtime::Green, &[10.0, 20.0]),
            (Runtime::May, &[10.0, 40.0]),
            (Runtime::TokioCt, &[20.0, 20.0]),
        ]);
        let found = judge(&[], &row, &outcome, &row.figures[0], target).found.expect("all have figures");
        assert_eq!(found.rounds, [1.0, 1.0]);
    }

    #[test]
    fn another_stands_in_for_go_only_where_go_is_not_run() {
        let target = Target::TimesGo { limit: 0.9, go_to_ct: 2.0 };
        let mut row = Row::alone("spawn", "row", "spawn", "").figure("ns", "ns", [target]);
        let outcome = outcome(&[(Runtime::Green, &[100.0]), (Runtime::TokioCt, &[100.0]), (Runtime::Go, &[100.0])]);
        let found = |row: &Row| judge(&[], row, &outcome, &row.figures[0], target).found.map(|found| found.median);
        assert_eq!(found(&row), Some(1.0));
        row.without(Runtime::Go);
        assert_eq!(found(&row), Some(0.5));
    }

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 1.234, 12.34, 1234.5, 1_234_567.0].map(number);
        assert_eq!(texts, ["0", "1.23", "12.3", "1234", "1,234,567"]);
    }
}
