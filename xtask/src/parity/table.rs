//! The page of the book that shows what green has of std.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::absent::Verdict;
use super::inventory::Inventory;
use super::survey::{Row, Survey};
use super::upstream;

/// Returns the page.
pub(super) fn page(inventory: &Inventory, survey: &Survey, verdict: &Verdict) -> String {
    let mut page = String::from("# Parity with std\n\n");
    let _ = writeln!(
        page,
        "This page is written by `cargo xtask parity`, which reads what std {} has out of its documentation and lets the \
         compiler look for each thing in `green`, by its path and with its signature, bounds, trait impls and auto traits. \
         *Mirrored* is what is green's own; the number behind it is that of its methods, constants, variants and impls that \
         were found. *Re-exported* is std's very own. What is absent has a reason. CI fails when this page is not true.\n",
        inventory.version
    );
    let _ = writeln!(page, "**{}**\n", survey.counts());
    for sentence in upstream::figures() {
        let _ = writeln!(page, "{sentence}\n");
    }
    page.push_str("| module | mirrored | with members | re-exported | absent |\n|---|--:|--:|--:|--:|\n");
    for row in survey.rows.iter().filter(|row| is_shown(row)) {
        let members: usize = row.mirrored.iter().map(|(_, members)| members).sum();
        let (items, own, absent) = (row.mirrored.len(), row.reexported.len(), row.absent.len());
        let _ = writeln!(page, "| {} | {items} | {members} | {own} | {absent} |", name(row));
    }
    let whole: Vec<String> =
        survey.rows.iter().filter(|row| row.whole && is_outermost(row, survey)).map(name).collect();
    let _ = writeln!(page, "\nStd's own as a whole: {}.", whole.join(", "));

    for row in survey.rows.iter().filter(|row| is_shown(row)) {
        let _ = writeln!(page, "\n## {}\n", name(row).replace('`', ""));
        if !row.mirrored.is_empty() {
            let items = row.mirrored.iter().map(|(item, members)| match members {
                0 => format!("`{item}`"),
                _ => format!("`{item}` {members}"),
            });
            let items: Vec<String> = items.collect();
            let _ = writeln!(page, "Mirrored: {}.\n", items.join(", "));
        }
        if !row.reexported.is_empty() {
            let items: Vec<String> = row.reexported.iter().map(|item| format!("`{item}`")).collect();
            let _ = writeln!(page, "Re-exported: {}.\n", items.join(", "));
        }
        let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for label in &row.absent {
            let reason = verdict.reasons.get(label).copied().unwrap_or("not there yet");
            by_reason.entry(reason).or_default().push(format!("`{label}`"));
        }
        for (reason, labels) in by_reason {
            let _ = writeln!(page, "Absent ({reason}): {}.\n", labels.join(", "));
        }
        page.truncate(page.trim_end().len());
        page.push('\n');
    }
    page
}

/// Returns whether a module has a row and a section: those that are std's own as a whole have neither.
fn is_shown(row: &Row) -> bool {
    !(row.whole || row.mirrored.is_empty() && row.reexported.is_empty() && row.absent.is_empty())
}

/// Returns whether no module around this one is std's own as a whole.
fn is_outermost(row: &Row, survey: &Survey) -> bool {
    let whole = |path: &str| survey.rows.iter().any(|row| row.whole && row.path == path);
    !row.path.match_indices("::").any(|(at, _)| whole(&row.path[..at]))
}

fn name(row: &Row) -> String {
    if row.path.is_empty() { "the root".to_owned() } else { format!("`{}`", row.path) }
}
