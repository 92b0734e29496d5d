//! Names say what a thing is, in the words of STYLE §3.

use super::Violation;
use super::source::Source;

const RULE: &str = "names";

/// Names of files and folders that gather what belongs nowhere.
const FILES: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "manager", "stuff"];

/// Words that no name of ours contains, and what to say instead.
const WORDS: &[(&str, &str)] = &[
    ("manager", "name what it does"),
    ("helper", "name what it does"),
    ("helpers", "name what it does"),
    ("utils", "name what it does"),
    ("misc", "name what it does"),
    ("fiber", "say greenlet"),
    ("fibers", "say greenlets"),
    ("executor", "say hub"),
    ("executors", "say hubs"),
];

/// The words before a name that declare it.
const DECLARING: &[&str] =
    &["fn", "struct", "enum", "union", "trait", "type", "mod", "const", "static", "let", "mut", "macro_rules"];

pub(super) fn check(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    for part in source.path.split('/') {
        let stem = part.strip_suffix(".rs").unwrap_or(part);
        if FILES.contains(&stem) {
            found.push(Violation::file(&source.path, RULE, format!("no file or folder is called `{stem}`")));
        }
    }
    for (index, token) in source.tokens.iter().enumerate().filter(|(_, token)| token.is_word()) {
        let before = if index == 0 { "" } else { source.text(index - 1) };
        let before = if before == "!" && index > 1 { source.text(index - 2) } else { before };
        let field = source.text(index + 1) == ":" && before != ":";
        if !DECLARING.contains(&before) && !field {
            continue;
        }
        if let Some(advice) = advice(&token.text) {
            found.push(Violation::at(source, token.line, RULE, format!("`{}`: {advice}", token.text)));
        }
    }
    found
}

/// Says what is wrong with an identifier, if anything is.
fn advice(name: &str) -> Option<&'static str> {
    let words = words(name);
    if let Some((_, advice)) = WORDS.iter().find(|(word, _)| words.iter().any(|found| found == word)) {
        return Some(advice);
    }
    let last = words.last().map_or("", String::as_str);
    let camel = name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase);
    if words.len() > 1 && words[0] == "do" {
        Some("drop the `do_`")
    } else if words.len() > 1 && last == "ex" {
        Some("`_ex` says nothing: name the difference")
    } else if camel && last == "impl" {
        Some("`Impl` says nothing: name what it is")
    } else if camel && last.starts_with("inner") && last.ends_with(|c: char| c.is_ascii_digit()) {
        Some("a number is no name")
    } else {
        None
    }
}

/// Splits a name of either case into words.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = '_';
    for c in name.chars() {
        if c != '_' {
            if before == '_' || (c.is_uppercase() && !before.is_uppercase()) {
                words.push(String::new());
            }
            let word = words.last_mut().expect("the first character began one");
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::expect_lines;

    fn check_at(path: &str, text: &str, lines: &[usize]) {
        expect_lines(check(&Source::new(path, text)), lines, text);
    }

    #[test]
    fn names_say_something() {
        let path = "crates/green-core/src/x.rs";
        check_at(
            path,
            "struct StackManager;\nfn do_read() {}\nfn read_ex() {}\nstruct FooImpl;\nstruct Inner2;",
            &[1, 2, 3, 4, 5],
        );
        check_at(path, "struct Fiber { executor: X }", &[1, 1]);
        check_at(path, "fn double() {}\nstruct Index;\nfn implement() {}\nstruct Inner;\nfn ex() {}", &[]);
        check_at(path, "// A Manager\nother::Manager::new();", &[]);
    }

    #[test]
    fn files_are_named_for_what_they_hold() {
        check_at("crates/green-core/src/utils.rs", "", &[0]);
        check_at("crates/green-net/tests/common/mod.rs", "", &[0]);
        check_at("crates/green-core/src/run_queue.rs", "", &[]);
    }
}
