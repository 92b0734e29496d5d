//! The book is whole: every chapter is in its summary and among the doc-tests, and links lead somewhere.

use std::path::Path;

use super::{Violation, files, read};

const RULE: &str = "book";
const FOLDER: &str = "docs/src";
const SUMMARY: &str = "docs/src/SUMMARY.md";
/// Where the chapters are handed to rustdoc.
const DOC_TESTS: &str = "tests/src/lib.rs";

pub(super) fn check_workspace(root: &Path) -> anyhow::Result<Vec<Violation>> {
    let mut chapters = Vec::new();
    for path in files(root, FOLDER, "md")?.into_iter().filter(|path| path != SUMMARY) {
        let text = read(root, &path)?;
        chapters.push((path, text));
    }
    let mut found = check(&chapters, &read(root, SUMMARY)?, &read(root, DOC_TESTS)?);
    chapters.push((SUMMARY.to_owned(), read(root, SUMMARY)?));
    for (path, text) in &chapters {
        let folder = Path::new(path).parent().unwrap_or(Path::new(""));
        for (line, link) in links(text) {
            if !root.join(folder).join(&link).exists() {
                found.push(at(path, line, format!("{link} is not there")));
            }
        }
    }
    Ok(found)
}

/// Checks chapters, given as path and text.
fn check(chapters: &[(String, String)], summary: &str, doc_tests: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    for (path, text) in chapters {
        let name = path.strip_prefix("docs/src/").unwrap_or(path);
        let listed = links(summary).iter().any(|(_, link)| link.strip_prefix("./").unwrap_or(link) == name);
        if !listed {
            found.push(Violation::file(path, RULE, format!("is not in {SUMMARY}")));
        }
        if !doc_tests.contains(&format!("include_str!(\"../../{path}\")")) {
            found.push(Violation::file(path, RULE, format!("is not among the doc-tests of {DOC_TESTS}")));
        }
        for line in untagged_fences(text) {
            found.push(at(path, line, "a code block says its language: rustdoc compiles one that does not (`text`?)"));
        }
    }
    found
}

fn at(path: &str, line: usize, message: impl Into<String>) -> Violation {
    Violation { path: path.to_owned(), line, rule: RULE, message: message.into() }
}

/// Returns line and target of each link to a chapter or file of ours, anchors cut off.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in outside_fences(text) {
        for (start, _) in line.match_indices("](") {
            let target = line[start + 2..].split([')', ' ']).next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push((index + 1, target.to_owned()));
            }
        }
    }
    found
}

fn untagged_fences(text: &str) -> Vec<usize> {
    let mut open = false;
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if let Some(tag) = line.trim_start().strip_prefix("```") {
            if !open && tag.trim().is_empty() {
                found.push(index + 1);
            }
            open = !open;
        }
    }
    found
}

fn outside_fences(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut open = false;
    text.lines().enumerate().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        open ^= fence;
        !open && !fence
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_chapter(text: &str, summary: &str, doc_tests: &str, expected: usize) {
        let found = check(&[("docs/src/a.md".to_owned(), text.to_owned())], summary, doc_tests);
        assert_eq!(found.len(), expected, "{found:?}");
    }

    #[test]
    fn chapters_are_listed_twice() {
        let doc_tests = "#[doc = include_str!(\"../../docs/src/a.md\")]";
        check_chapter("", "- [A](a.md)", doc_tests, 0);
        check_chapter("", "- [A](./a.md)", doc_tests, 0);
        check_chapter("", "- [B](b.md)", doc_tests, 1);
        check_chapter("", "", "", 2);
        check_chapter("```text\n```\n```rust\n```", "- [A](a.md)", doc_tests, 0);
        check_chapter("```\n```", "- [A](a.md)", doc_tests, 1);
    }

    #[test]
    fn links_to_ourselves_are_found() {
        let text = "[a](b.md#c) [d](https://e) [f](#g)\n```text\n[h](i.md)\n```\n[j](../k.md \"title\")";
        assert_eq!(links(text), [(1, "b.md".to_owned()), (5, "../k.md".to_owned())]);
    }
}
