//! `cargo xtask bench book`: the book's table, made of what `--json` wrote in one run or two.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;

use super::row::{Row, Runtime};
use super::rows;
use super::table::{Holds, Series, number};

/// What `cargo xtask bench book` takes.
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// What `--json` wrote
    run: PathBuf,
    /// What it wrote in another run, to see where the two agree
    other: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let run = read(&args.run)?;
    let other = args.other.as_deref().map(read).transpose()?;
    print!("{}", page(&run, other.as_ref())?);
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not what `--json` writes", path.display()))
}

/// How the verdicts of two runs compare.
#[derive(Debug, Default, PartialEq)]
struct Agreement {
    goals: usize,
    same: usize,
    /// Where one run at least says that it is close.
    close: usize,
    /// Where each is sure of something else.
    contrary: Vec<String>,
}

/// Returns the table, and how two runs agree.
fn page(run: &Value, other: Option<&Value>) -> anyhow::Result<String> {
    let columns: Vec<Runtime> = Runtime::ALL.into_iter().filter(|&runtime| has_figures(run, runtime)).collect();
    let mut head = vec![String::new()];
    head.extend(columns.iter().map(|runtime| runtime.name().to_owned()));
    head.extend(["goal".to_owned(), "found".to_owned()]);
    head.extend(other.map(|_| "other run".to_owned()));
    let mut text = line(&head) + &line(&vec!["---".to_owned(); head.len()]);
    let mut agreement = Agreement::default();
    let known = rows::all();
    for row in list(run, "rows")? {
        let name = string(row, "row")?;
        let part = if is_part(&known, string(row, "group")?, name) { "… " } else { "" };
        for figure in list(row, "figures")? {
            let mut cells = vec![format!("{part}{name}: {}", string(figure, "label")?)];
            cells.extend(columns.iter().map(|&runtime| {
                let median = figure["medians"][runtime.name()].as_f64();
                median.map_or(String::new(), number)
            }));
            let (mut goals, mut found, mut others) = (Vec::new(), Vec::new(), Vec::new());
            for target in list(figure, "targets")? {
                let goal = string(target, "target")?;
                goals.push(goal.to_owned());
                found.push(verdict(target));
                let Some(other) = other else { continue };
                let other = find(other, row, figure, goal)?;
                others.push(other.map_or("–".to_owned(), verdict));
                agreement.note(name, target, other);
            }
            cells.extend([goals.join("; "), found.join("; ")]);
            cells.extend(other.map(|_| others.join("; ")));
            text += &line(&cells);
        }
    }
    if other.is_some() {
        text += &agreement.text();
    }
    Ok(text)
}

impl Agreement {
    fn note(&mut self, row: &str, one: &Value, other: Option<&Value>) {
        let (Some(one), Some(other)) = (holds(one), other.and_then(holds)) else { return };
        self.goals += 1;
        if one == other {
            self.same += 1;
        } else if one.close || other.close {
            self.close += 1;
        } else {
            self.contrary.push(row.to_owned());
        }
    }

    fn text(&self) -> String {
        let contrary = if self.contrary.is_empty() { "none".to_owned() } else { self.contrary.join("; ") };
        format!(
            "\n{} goals: the same verdict in both runs for {}, close in one of them for {}, contrary: {contrary}.\n",
            self.goals, self.same, self.close
        )
    }
}

fn has_figures(run: &Value, runtime: Runtime) -> bool {
    let rows = run["rows"].as_array().into_iter().flatten();
    rows.flat_map(|row| row["figures"].as_array().into_iter().flatten())
        .any(|figure| figure["medians"][runtime.name()].is_number())
}

/// Returns whether a row goes on with the one above it.
fn is_part(known: &[Row], group: &str, name: &str) -> bool {
    known.iter().any(|row| row.group == group && row.name.trim() == name && row.name.starts_with(' '))
}

/// Finds the same target in another run.
fn find<'a>(run: &'a Value, row: &Value, figure: &Value, goal: &str) -> anyhow::Result<Option<&'a Value>> {
    let is_row = |other: &&Value| ["group", "row"].iter().all(|key| other[key] == row[key]);
    let Some(row) = list(run, "rows")?.iter().find(is_row) else { return Ok(None) };
    let is_figure = |other: &&Value| other["metric"] == figure["metric"];
    let Some(figure) = list(row, "figures")?.iter().find(is_figure) else { return Ok(None) };
    Ok(list(figure, "targets")?.iter().find(|target| target["target"] == goal))
}

fn holds(target: &Value) -> Option<Holds> {
    Some(Holds { median: target["holds"].as_bool()?, close: target["close"].as_bool()? })
}

fn verdict(target: &Value) -> String {
    let (Some(holds), Some(median)) = (holds(target), target["found"].as_f64()) else { return "–".to_owned() };
    let rounds = target["rounds"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    format!("{}: {}", holds.word(), Series { median, rounds }.text())
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

fn list<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a Vec<Value>> {
    value[key].as_array().with_context(|| format!("there is no list `{key}`"))
}

fn string<'a>(value: &'a Value, key: &str) -> anyhow::Result<&'a str> {
    value[key].as_str().with_context(|| format!("there is no text `{key}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(holds: bool, close: bool) -> Value {
        let target =
            json!({ "target": "≤ 1.1 × may", "found": 1.0, "rounds": [0.9, 1.2], "holds": holds, "close": close });
        let figure =
            json!({ "metric": "ns", "label": "ns", "medians": { "green": 10.0, "may": 10.0 }, "targets": [target] });
        json!({ "rows": [{ "group": "yield", "row": "with stacks of 64 KiB", "figures": [figure] }] })
    }

    #[test]
    fn a_run_is_a_table() {
        let text = page(&run(true, true), None).unwrap();
        let expected = "|  | green | may | goal | found |\n| --- | --- | --- | --- | --- |\n\
                        | … with stacks of 64 KiB: ns | 10.0 | 10.0 | ≤ 1.1 × may | yes, close: 1.00 (0.90–1.20) |\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn two_runs_agree_unless_both_are_sure_of_something_else() {
        let check = |one: (bool, bool), other: (bool, bool), expected| {
            let text = page(&run(one.0, one.1), Some(&run(other.0, other.1))).unwrap();
            assert!(text.ends_with(expected), "{one:?} {other:?}: {text}");
        };
        check((true, false), (true, false), "runs for 1, close in one of them for 0, contrary: none.\n");
        check((true, false), (false, true), "runs for 0, close in one of them for 1, contrary: none.\n");
        check((true, false), (false, false), "for 0, contrary: with stacks of 64 KiB.\n");
    }

    #[test]
    fn what_is_no_run_is_an_error() {
        assert!(page(&json!({}), None).is_err());
    }
}
