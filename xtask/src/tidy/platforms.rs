//! Platforms are told apart in `sys`, `os` and `unix` modules alone (STYLE §10, I12).
//!
//! The `mod` or `use` line that brings such a module in may say for which platform, and so may test targets.

use super::Violation;
use super::source::{Place, Source, closing};

const RULE: &str = "platforms";

/// Folders and files whose business platforms are.
const MODULES: &[&str] = &["sys", "os", "unix", "windows", "linux"];

pub(super) fn check(source: &Source) -> Vec<Violation> {
    let own_business = source.path.split('/').any(|part| MODULES.contains(&part.strip_suffix(".rs").unwrap_or(part)));
    if own_business || !matches!(source.place, Place::Library | Place::UnitTest) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut say = |line: usize| {
        found.push(Violation::at(source, line, RULE, "a platform `cfg` outside `sys`, `os` and `unix` modules"));
    };
    for attribute in &source.attributes {
        let cfg = attribute.words.first().is_some_and(|word| word == "cfg" || word == "cfg_attr");
        if cfg && attribute.words.iter().any(|word| is_platform(word)) && !brings_module_in(source, attribute.tokens.1)
        {
            say(attribute.line);
        }
    }
    for (index, token) in source.tokens.iter().enumerate() {
        if token.text == "cfg" && source.text(index + 1) == "!" {
            let end = closing(&source.tokens, index + 2);
            if source.tokens[index..end].iter().any(|token| is_platform(&token.text)) {
                say(token.line);
            }
        }
    }
    found
}

fn is_platform(word: &str) -> bool {
    word.starts_with("target_") || matches!(word, "unix" | "windows")
}

/// Returns whether what stands behind the attributes at `token` is a `mod` or `use` of a platform's module.
fn brings_module_in(source: &Source, token: usize) -> bool {
    let rest = &source.tokens[source.behind_attributes(token)..];
    let end = rest.iter().position(|token| matches!(token.text.as_str(), ";" | "{")).unwrap_or(rest.len());
    let words: Vec<&str> = rest[..end].iter().map(|token| token.text.as_str()).collect();
    let module = words.contains(&"mod") || words.contains(&"use");
    module && words.iter().any(|word| MODULES.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::expect_lines;

    fn check_at(path: &str, text: &str, lines: &[usize]) {
        expect_lines(check(&Source::new(path, text)), lines, text);
    }

    #[test]
    fn platforms_are_told_apart_in_few_places() {
        let path = "crates/green-net/src/udp.rs";
        check_at(path, "#[cfg(unix)]\nfn f() {}", &[1]);
        check_at(path, "#[cfg(not(target_os = \"linux\"))]\nfn f() {}", &[1]);
        check_at(path, "fn f() {\n  if cfg!(target_os = \"linux\") {}\n}", &[2]);
        check_at(path, "#[cfg(test)]\nfn f() {}", &[]);
        check_at(path, "#[cfg(loom)]\nfn f() {}", &[]);
        check_at("crates/green-net/src/lib.rs", "#[cfg(unix)]\npub mod unix;\n#[cfg(unix)]\nmod other;", &[3]);
        check_at("crates/green/src/lib.rs", "#[cfg(unix)]\npub use green_net::unix;", &[]);
        check_at("crates/green-net/src/os/linux.rs", "#[cfg(target_os = \"linux\")]\nfn f() {}", &[]);
        check_at("crates/green-core/src/sys/mod.rs", "#[cfg(unix)]\nfn f() {}", &[]);
        check_at("tests/isolated/main.rs", "#[cfg(unix)]\nfn f() {}", &[]);
    }
}
