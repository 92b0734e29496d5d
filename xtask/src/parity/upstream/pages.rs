//! The pages of the book that say how std's examples and tests went.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use anyhow::Context as _;

use super::assembly::Test;
use super::exceptions::EXCEPTIONS;
use super::outcome::{Comparison, Outcomes};
use super::tests::Setting;

/// Where the pages are.
pub(super) const EXAMPLES: &str = "docs/src/reference/std-examples.md";
pub(super) const TESTS: &str = "docs/src/reference/std-tests.md";

/// Returns the sentence in bold of each page that there is, for the page of all items.
pub(in crate::parity) fn figures() -> Vec<String> {
    let bold = |path: &&str| {
        let text = fs::read_to_string(crate::root().join(path)).ok()?;
        let line = text.lines().find(|line| line.starts_with("**"))?;
        let name = path.rsplit('/').next()?;
        Some(format!("{} [The page]({name}).", line.trim_matches('*')))
    };
    [EXAMPLES, TESTS].iter().filter_map(bold).collect()
}

/// Writes a page, or says that it is not what it should be.
pub(super) fn put(path: &str, page: &str, check: bool) -> anyhow::Result<Option<String>> {
    let file = crate::root().join(path);
    if fs::read_to_string(&file).is_ok_and(|found| found == page) {
        return Ok(None);
    }
    if check {
        return Ok(Some(format!("{path} is not what came out: run the task without --check\n")));
    }
    fs::write(&file, page).with_context(|| format!("cannot write {path}"))?;
    Ok(None)
}

/// Returns the page of the examples.
pub(super) fn examples(version: &str, unstable: usize, own: &Outcomes, comparison: &Comparison) -> String {
    let mut page = format!(
        "# Std's own examples\n\nThis page is written by `cargo xtask parity --examples`, which takes the examples out of the \
         documentation comments of std {version} (the toolchain's component rust-src; nothing of them is kept here), puts \
         `extern crate green as std` in front of each, and lets rustdoc compile and run them as it does for std.\n\n\
         **{} of the {} examples that pass with std {version} pass with green.**\n\n\
         {unstable} more ask for unstable features. ",
        comparison.good(),
        comparison.std.len(),
    );
    let _ = match own.len() - comparison.std.len() {
        0 => writeln!(page, "All others pass with std.\n"),
        count => writeln!(page, "{count} are not run by rustdoc, or fail with std in this frame.\n"),
    };
    page.push_str("| file of std | examples | with green |\n|---|--:|--:|\n");
    let file = |name: &str| name.rsplit_once(':').map_or(name, |(file, _)| file).to_owned();
    for (file, (std, green)) in counts(comparison, file) {
        let _ = writeln!(page, "| `{file}` | {std} | {green} |");
    }
    reasons(&mut page, comparison);
    page
}

/// Returns the page of the tests. `comparisons` are in the order of `settings`.
pub(super) fn tests(version: &str, tests: &[Test], settings: &[Setting], comparisons: &[Comparison]) -> String {
    let first = &comparisons[0];
    let left_out: Vec<&Test> = tests.iter().filter(|test| test.wrong.is_some()).collect();
    let all = comparisons.iter().map(Comparison::good).min().unwrap_or_default();
    let mut page = format!(
        "# Std's own tests\n\nThis page is written by `cargo xtask parity --std-tests`, which takes the tests of std {version} \
         out of the toolchain's component rust-src (nothing of them is kept here), makes one crate of them in which `std` is \
         green, and runs them, each on the OS thread that the test harness makes, and in a green thread.\n\n\
         **{all} of the {} tests of std that compile outside of std, and pass there, pass with green in every setting.**\n\n\
         {} of {} tests are left out, as what they name is private or unstable; the end of this page says what, in the \
         compiler's words.\n\n",
        first.std.len(),
        left_out.len(),
        tests.len(),
    );
    page.push_str("| setting | pass |\n|---|--:|\n");
    for (setting, comparison) in settings.iter().zip(comparisons) {
        let _ = writeln!(page, "| {setting} | {} |", comparison.good());
    }
    page.push_str("\n| module of tests | tests | left out | pass with std | with green |\n|---|--:|--:|--:|--:|\n");
    let module = |name: &str| name.split("::").next().unwrap_or(name).to_owned();
    let passed = counts(first, module);
    for name in tests.iter().map(|test| module(&test.name)).collect::<BTreeSet<_>>() {
        let of = |test: &&Test| module(&test.name) == name;
        let (all, out) = (tests.iter().filter(of).count(), left_out.iter().copied().filter(of).count());
        let (std, green) = passed.get(&name).copied().unwrap_or_default();
        let _ = writeln!(page, "| `{name}` | {all} | {out} | {std} | {green} |");
    }
    reasons(&mut page, first);
    page.push_str("\n## Left out\n\n");
    let mut by_reason: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for test in left_out {
        by_reason.entry(test.wrong.as_deref().unwrap_or_default()).or_default().push(format!("`{}`", test.name));
    }
    for (reason, names) in by_reason {
        let _ = writeln!(page, "- {}: {}", reason.replace('<', "\\<"), names.join(", "));
    }
    page
}

/// Returns how many of each group pass with std, and with green.
fn counts(comparison: &Comparison, group: impl Fn(&str) -> String) -> BTreeMap<String, (usize, usize)> {
    let mut counts = BTreeMap::<String, (usize, usize)>::new();
    for name in &comparison.std {
        let count = counts.entry(group(name)).or_default();
        count.0 += 1;
        count.1 += usize::from(!comparison.differences.contains_key(name));
    }
    counts
}

/// Adds the exceptions that are among what was compared.
fn reasons(page: &mut String, comparison: &Comparison) {
    let mut head = "\n## What does not pass\n\n";
    for exception in EXCEPTIONS {
        let names = exception.names.iter().filter(|name| comparison.std.contains(**name));
        let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
        if !names.is_empty() {
            let _ = writeln!(page, "{head}- {}: {}.", names.join(", "), exception.reason);
            head = "";
        }
    }
}
