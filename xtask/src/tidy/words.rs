//! Small habits: module documentation, owned TODOs, no `static mut`, no globs out of std, no bare `unwrap`.

use super::source::{Line, Place, Source};
use super::{Violation, paths};

const RULE: &str = "words";

pub(super) fn check(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut say = |line: usize, message: &str| found.push(Violation::at(source, line, RULE, message));

    let first = source.lines.iter().position(|line| line.has_code() || !line.comment.is_empty());
    let documented = first.is_some_and(|line| {
        let Line { comment, .. } = &source.lines[line];
        // What `include!` brings into a test has no module of its own to document.
        let plain = comment.strip_prefix("//").filter(|_| source.place == Place::Integration);
        let text = comment.strip_prefix("//!").or(plain);
        text.is_some_and(|text| !text.trim().is_empty()) && !source.lines[line].has_code()
    });
    // The declaration `mod tests;` says all that there is to say about a file of unit tests.
    if !documented && source.place != Place::UnitTest {
        say(first.unwrap_or(0), "a file begins with `//!` and a sentence that says what it is");
    }

    for (index, line) in source.lines.iter().enumerate() {
        for mark in ["TODO", "FIXME", "XXX"] {
            if has_unowned(&line.comment, mark) {
                say(index, &format!("a {mark} names its owner: {mark}(name)"));
            }
        }
        let ruled = line.comment.trim_start_matches(['/', '!', ' ']);
        if ["----", "====", "****", "####", "~~~~"].iter().any(|rule| ruled.starts_with(rule)) && !is_doc(&line.comment)
        {
            say(index, "sections are marked by files and modules, not by ruled lines");
        }
    }

    for (index, token) in source.tokens.iter().enumerate() {
        let text = |ahead: usize| source.text(index + ahead);
        if token.text == "static" && text(1) == "mut" {
            say(token.line, "no `static mut`");
        }
        let unwraps = token.text == "." && text(1) == "unwrap" && text(2) == "(" && text(3) == ")";
        if unwraps && source.place == Place::Library && !source.is_test(token.line) {
            say(token.line, "no `unwrap` outside tests: `expect` states the invariant");
        }
    }

    for import in paths::imports(source) {
        let of_std = ["std", "core", "alloc"].contains(&import.path[0].as_str());
        if import.public && import.alias == "*" && of_std {
            say(import.line, "list re-exports of std by name: a glob admits new blocking calls");
        }
    }
    found
}

fn is_doc(comment: &str) -> bool {
    comment.starts_with("///") || comment.starts_with("//!")
}

/// Returns whether the comment has the mark as a word of its own, without `(name)` behind it.
fn has_unowned(comment: &str, mark: &str) -> bool {
    comment.match_indices(mark).any(|(at, _)| {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let (before, behind) = (&comment[..at], &comment[at + mark.len()..]);
        let alone = !before.ends_with(is_word) && !behind.starts_with(is_word);
        let quoted = before.ends_with(['`', '"', '/']) || behind.starts_with('/');
        let owned = behind.starts_with('(') && !behind.starts_with("()");
        alone && !quoted && !owned
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::expect_lines;

    fn check_at(path: &str, text: &str, lines: &[usize]) {
        expect_lines(check(&Source::new(path, text)), lines, text);
    }

    fn check_body(text: &str, lines: &[usize]) {
        let lines: Vec<usize> = lines.iter().map(|line| line + 1).collect();
        check_at("crates/green-core/src/x.rs", &format!("//! A file.\n{text}"), &lines);
    }

    #[test]
    fn files_say_what_they_are() {
        check_at("crates/green-core/src/x.rs", "\n//! A file.\nfn f() {}", &[]);
        check_at("crates/green-core/src/x.rs", "fn f() {}", &[1]);
        check_at("crates/green-core/src/x.rs", "// A file.\n", &[1]);
        check_at("crates/green-core/src/x.rs", "//!\n//! A file.\n", &[1]);
        check_at("crates/green-core/src/x.rs", "", &[1]);
        check_at("crates/green-core/src/x/tests.rs", "fn f() {}", &[]);
        check_at("crates/green-net/tests/included.rs", "// What holds for both.", &[]);
    }

    #[test]
    fn comments_are_sentences() {
        check_body("// TODO: later", &[1]);
        check_body("// FIXME", &[1]);
        check_body("// TODO(lead): later, not TODOS; about `TODO`", &[]);
        check_body("// ----- state -----", &[1]);
        check_body("/// ---- a drawing ----", &[]);
        check_body("let a = \"TODO\";", &[]);
    }

    #[test]
    fn code_keeps_its_habits() {
        check_body("static mut A: u8 = 0;", &[1]);
        check_body("let a = b.unwrap();", &[1]);
        check_body("let a = b.unwrap_or(1);", &[]);
        check_body("#[cfg(test)]\nmod tests { fn f() { b.unwrap() } }", &[]);
        check_body("pub use std::io::*;", &[1]);
        check_body("pub use std::{io::{self, *}, fs};", &[1]);
        check_body("pub use green_net::*;\nuse std::io::*;\npub use std::io::Read;", &[]);
    }
}
