//! The paths that a file writes, made whole by its imports: `thread::sleep` under `use std::thread` is
//! `std::thread::sleep`.

use super::source::{Source, Token, closing};

/// One name that a `use` brings in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Import {
    /// The path as written; the last part is `*` for a glob.
    pub(crate) path: Vec<String>,
    /// The name it has here.
    pub(crate) alias: String,
    /// `pub use`, without a restriction.
    pub(crate) public: bool,
    pub(crate) line: usize,
}

/// A path used by code or imported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Path {
    pub(crate) parts: Vec<String>,
    pub(crate) line: usize,
}

impl Path {
    /// Returns whether the path begins with the parts of `prefix`, written with `::`.
    pub(crate) fn begins(&self, prefix: &str) -> bool {
        let mut parts = self.parts.iter();
        prefix.split("::").all(|part| parts.next().is_some_and(|found| found == part))
    }
}

/// Returns what the file's `use` items bring in, wherever they stand.
pub(crate) fn imports(source: &Source) -> Vec<Import> {
    let mut found = Vec::new();
    for at in uses(source) {
        let public = at > 0 && source.text(at - 1) == "pub";
        let line = source.tokens[at].line;
        let end = (at..source.tokens.len()).find(|&i| source.text(i) == ";").unwrap_or(source.tokens.len());
        let mut leaves = Vec::new();
        flatten(&source.tokens[at + 1..end], &[], &mut leaves);
        let import = |(path, alias)| Import { path, alias, public, line };
        found.extend(leaves.into_iter().map(import));
    }
    found
}

/// Returns all paths of the file's code, imports included. A path's first part is replaced by what it was
/// imported as; one that names a module of this very file begins with `self`.
pub(crate) fn paths(source: &Source) -> Vec<Path> {
    let imports = imports(source);
    let modules = source.modules();
    let resolve = |mut parts: Vec<String>, absolute: bool| {
        let first = parts[0].as_str();
        if absolute {
        } else if modules.contains(first) {
            parts.insert(0, "self".to_owned());
        } else if let Some(import) = imports.iter().find(|import| import.alias == first && import.path.len() > 1) {
            parts.splice(0..1, import.path.iter().cloned());
        }
        parts
    };

    let mut found = Vec::new();
    for import in &imports {
        let mut parts = import.path.clone();
        if parts.len() > 1 && modules.contains(parts[0].as_str()) {
            parts.insert(0, "self".to_owned());
        }
        found.push(Path { parts, line: import.line });
    }

    let mut at = 0;
    let uses = uses(source);
    while at < source.tokens.len() {
        if uses.contains(&at) {
            at = (at..source.tokens.len()).find(|&i| source.text(i) == ";").unwrap_or(source.tokens.len());
            continue;
        }
        let start = at;
        let absolute = source.text(at) == "::" && (at == 0 || !source.tokens[at - 1].is_word());
        at += usize::from(absolute);
        if !source.tokens.get(at).is_some_and(Token::is_word) {
            at = start + 1;
            continue;
        }
        let after_dot = start > 0 && source.text(start - 1) == ".";
        let mut parts = vec![source.text(at).to_owned()];
        at += 1;
        while source.text(at) == "::" && source.tokens.get(at + 1).is_some_and(Token::is_word) {
            parts.push(source.text(at + 1).to_owned());
            at += 2;
        }
        if !after_dot {
            found.push(Path { parts: resolve(parts, absolute), line: source.tokens[start].line });
        }
    }
    found
}

/// Returns the indices of the `use` that begin an import, not those of `impl Trait + use<'a>`.
fn uses(source: &Source) -> Vec<usize> {
    (0..source.tokens.len()).filter(|&i| source.text(i) == "use" && source.text(i + 1) != "<").collect()
}

/// Collects the leaves of a use tree.
fn flatten(tokens: &[Token], prefix: &[String], found: &mut Vec<(Vec<String>, String)>) {
    let mut path = prefix.to_vec();
    let mut at = 0;
    while let Some(Token { text, .. }) = tokens.get(at) {
        match text.as_str() {
            "::" => {}
            "{" => {
                let end = closing(tokens, at).min(tokens.len());
                let mut start = at + 1;
                let mut i = start;
                while i < end {
                    match tokens[i].text.as_str() {
                        "{" => i = closing(tokens, i),
                        "," | "}" => {
                            flatten(&tokens[start..i], &path, found);
                            i += 1;
                            start = i;
                        }
                        _ => i += 1,
                    }
                }
                return;
            }
            "as" => {
                let alias = tokens.get(at + 1).map_or("_", |token| token.text.as_str());
                found.push((path, alias.to_owned()));
                return;
            }
            "self" if !path.is_empty() => {}
            part => path.push(part.to_owned()),
        }
        at += 1;
    }
    if path.len() > prefix.len() || (!tokens.is_empty() && path == prefix) {
        let alias = path.last().cloned().unwrap_or_default();
        found.push((path, alias));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_imports(text: &str, expected: &[(&str, &str)]) {
        let found = imports(&Source::new("crates/green-core/src/x.rs", text));
        let found: Vec<(String, &str)> =
            found.iter().map(|import| (import.path.join("::"), import.alias.as_str())).collect();
        let expected: Vec<(String, &str)> = expected.iter().map(|(path, alias)| ((*path).to_owned(), *alias)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn use_trees_are_flattened() {
        check_imports("use a::b;", &[("a::b", "b")]);
        check_imports("use a;", &[("a", "a")]);
        check_imports(
            "pub(crate) use a::{b, c::{self, d}, e as f};",
            &[("a::b", "b"), ("a::c", "c"), ("a::c::d", "d"), ("a::e", "f")],
        );
        check_imports("use ::std::io::*;\nuse a::{b,\n c,\n};", &[("std::io::*", "*"), ("a::b", "b"), ("a::c", "c")]);
        check_imports("fn f() -> impl X + use<'_> {}", &[]);
    }

    fn check_paths(text: &str, expected: &[&str]) {
        let found = paths(&Source::new("crates/green-core/src/x.rs", text));
        let found: Vec<String> = found.iter().map(|path| path.parts.join("::")).collect();
        for path in expected {
            assert!(found.contains(&(*path).to_owned()), "{path} is not in {found:?}");
        }
    }

    #[test]
    fn paths_are_made_whole() {
        check_paths("use std::thread;\nfn f() { thread::sleep(x) }", &["std::thread", "std::thread::sleep"]);
        check_paths("use std::thread::sleep;\nfn f() { sleep(x) }", &["std::thread::sleep"]);
        check_paths("use crate::context;\nfn f() { context::switch() }", &["crate::context::switch"]);
        check_paths("mod context;\nfn f() { context::switch() }", &["self::context::switch"]);
        check_paths("fn f() { ::context::x(); }", &["context::x"]);
        check_paths("fn f() { context::Context::new() }", &["context::Context::new"]);
    }
}
