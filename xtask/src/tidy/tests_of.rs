//! Tests run, all of them, and order events by events and not by time (STYLE §9).

use super::source::Source;
use super::{Violation, paths};

const RULE: &str = "tests";

pub(super) fn check(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    for attribute in source.attributes.iter().filter(|attribute| attribute.words.first().is_some_and(|w| w == "ignore"))
    {
        found.push(Violation::at(
            source,
            attribute.line,
            RULE,
            "no #[ignore]: a test runs, or says in which modes it holds",
        ));
    }
    for path in paths::paths(source) {
        let sleeps = path.parts.ends_with(&["thread".to_owned(), "sleep".to_owned()]);
        let imported = paths::imports(source).iter().any(|import| import.line == path.line);
        if sleeps && !imported && source.is_test(path.line) && !justified(source, path.line) {
            let message = "a sleep in a test says why in a comment: it does not order events, does it?";
            found.push(Violation::at(source, path.line, RULE, message));
        }
    }
    found
}

/// Durations that order nothing: sleeping for ever is there to be ended, and a sleep of zero is a yield.
const TIMELESS: &[&str] = &["MAX", "ZERO", "3_600", "3600"];

/// How far above the sleep its comment may stand.
const NEAR: usize = 3;

/// Returns whether the sleep is explained: by a comment on its line or shortly above, by the text of a file
/// that is about sleeping, or by its duration.
fn justified(source: &Source, line: usize) -> bool {
    let about_sleep = source.lines.iter().any(|line| line.comment.starts_with("//!") && line.comment.contains("sleep"));
    let commented = (line.saturating_sub(NEAR)..=line).any(|line| !source.lines[line].comment.trim().is_empty());
    let mut words = source.tokens.iter().filter(|token| token.line == line);
    about_sleep || commented || words.any(|token| TIMELESS.contains(&token.text.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::expect_lines;

    fn check_at(path: &str, text: &str, lines: &[usize]) {
        expect_lines(check(&Source::new(path, text)), lines, text);
    }

    #[test]
    fn tests_run() {
        check_at("tests/parity/main.rs", "#[test]\n#[ignore]\nfn f() {}", &[2]);
        check_at("tests/parity/main.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}", &[2]);
        check_at("tests/parity/main.rs", "#[test]\nfn ignore() {}", &[]);
    }

    #[test]
    fn sleeps_are_justified() {
        let path = "crates/green-net/tests/tcp.rs";
        check_at(path, "use std::thread;\nfn f() {\n  thread::sleep(x);\n}", &[3]);
        check_at(path, "use green::thread::sleep;\nfn f() {\n  sleep(x);\n}", &[3]);
        check_at(path, "fn f() {\n  // The sleep is what is measured.\n  std::thread::sleep(x);\n}", &[]);
        check_at(path, "fn f() {\n  std::thread::sleep(x); // Lets the pool's idle limit pass.\n}", &[]);
        check_at("crates/green-net/src/tcp.rs", "fn f() {\n  std::thread::sleep(x);\n}", &[]);
    }
}
