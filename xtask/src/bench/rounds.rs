//! Rounds: every runtime of a row in turn, again and again, and once more where others took the processor.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use super::child::{self, Report};
use super::row::{Disturbance, Row, Runtime};

/// What others may take of a run, in seconds: what reading the clock of the idle processor leaves open, and a part of the
/// whole.
const OTHERS: (f64, f64) = (0.03, 0.03);
/// What others may take of the one processor of a run that keeps it busy.
const OTHERS_BUSY: f64 = 0.03;

/// What became of a row.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The undisturbed reports, or the least disturbed ones if there were too few.
    pub(super) reports: HashMap<Runtime, Vec<Report>>,
    /// Why a runtime has none.
    pub(super) failures: HashMap<Runtime, String>,
    /// How many runs were repeated, and how many disturbed ones had to be kept.
    pub(super) repeated: usize,
    pub(super) kept: usize,
    /// How many rounds were left out to come to an end.
    pub(super) left_out: usize,
}

/// How long the whole may have taken before disturbed runs are kept as they are.
const PATIENCE: Duration = Duration::from_secs(12 * 60);
/// How long the whole may have taken before the rows that are left get one round each.
const LATE: Duration = Duration::from_secs(21 * 60);

/// Runs a row for so many rounds; `started` is when the first row began.
pub(super) fn run(binary: &Path, row: &Row, rounds: usize, started: Instant, progress: &ProgressBar) -> Outcome {
    let rounds = rounds.min(row.most_rounds);
    // A machine that is never quiet must not keep the whole run from its end.
    let mut repeats = 2 * rounds;
    let mut outcome = Outcome { reports: HashMap::new(), failures: HashMap::new(), repeated: 0, kept: 0, left_out: 0 };
    // What was seen of others at least, where that is the measure, and in how many runs.
    let mut least: HashMap<Runtime, (f64, usize)> = HashMap::new();
    for round in 1..=rounds {
        if round > 1 && started.elapsed() > LATE {
            outcome.left_out += 1;
            progress.inc(row.runtimes.len() as u64);
            continue;
        }
        for &runtime in &row.runtimes {
            if outcome.failures.contains_key(&runtime) {
                progress.inc(1);
                continue;
            }
            progress.set_message(format!("{}: {} (round {round} of {rounds})", row.name.trim(), runtime.name()));
            let mut best: Option<Report> = None;
            loop {
                match child::run(binary, row, runtime) {
                    Ok(report) => {
                        let (least, runs) = least.entry(runtime).or_insert((f64::MAX, 0));
                        *least = least.min(taken(row, runtime, &report));
                        *runs += 1;
                        let better =
                            best.as_ref().is_none_or(|best| taken(row, runtime, &report) < taken(row, runtime, best));
                        if better {
                            best = Some(report);
                        }
                    }
                    Err(error) => {
                        outcome.failures.insert(runtime, format!("{error:#}"));
                        break;
                    }
                }
                let usual = match least.get(&runtime) {
                    Some(&(least, 2..)) if row.disturbed_by == Disturbance::OthersOnTop => least,
                    _ => 0.0,
                };
                if best.as_ref().is_some_and(|best| taken(row, runtime, best) <= usual + 1.0) {
                    break;
                }
                if repeats == 0 || started.elapsed() > PATIENCE {
                    outcome.kept += 1;
                    break;
                }
                repeats -= 1;
                outcome.repeated += 1;
            }
            progress.inc(1);
            if !outcome.failures.contains_key(&runtime) {
                outcome.reports.entry(runtime).or_default().extend(best);
            }
        }
    }
    outcome
}

/// Returns what others took of a run's processors, as a part of what they may.
fn taken(row: &Row, runtime: Runtime, report: &Report) -> f64 {
    let get = |name: &str| report.get(name).copied().unwrap_or(0.0);
    let wall = get("wall_s");
    let others = get("others_s") / (OTHERS.0 + OTHERS.1 * wall * row.processors());
    match row.disturbed_by {
        Disturbance::Nothing => 0.0,
        Disturbance::Others | Disturbance::OthersOnTop => others,
        // OS threads come and go through the kernel's hands, where there are waits of their own.
        Disturbance::AnyWait if runtime == Runtime::Threads => others,
        Disturbance::AnyWait => others.max((wall - get("cpu_s")) / wall / OTHERS_BUSY),
    }
}

/// Returns the median of a figure.
pub(super) fn median(reports: &[Report], metric: &str) -> Option<f64> {
    let mut values: Vec<f64> = reports.iter().filter_map(|report| report.get(metric).copied()).collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => None,
        count if count % 2 == 1 => Some(values[count / 2]),
        count => Some(f64::midpoint(values[count / 2 - 1], values[count / 2])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(figures: &[(&str, f64)]) -> Report {
        figures.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let reports = [3.0, 1.0, 2.0].map(|ns| report(&[("ns", ns)]));
        assert_eq!(median(&reports, "ns"), Some(2.0));
        assert_eq!(median(&reports[..2], "ns"), Some(2.0));
        assert_eq!(median(&reports, "wall_s"), None);
    }

    #[test]
    fn a_run_that_others_took_from_is_disturbed() {
        let row = Row::alone("spawn", "", "spawn", "cpu=0").disturbed_by(Disturbance::AnyWait);
        let check = |cpu, others, expected| {
            let taken = taken(&row, Runtime::Green, &report(&[("wall_s", 1.0), ("cpu_s", cpu), ("others_s", others)]));
            assert_eq!(taken > 1.0, expected, "{cpu} {others}: {taken}");
        };
        check(0.99, 0.02, false);
        check(0.95, 0.02, true);
        check(0.99, 0.1, true);
    }
}
