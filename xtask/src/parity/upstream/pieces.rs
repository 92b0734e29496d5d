//! Takes one of std's files of tests apart into pieces that the compiler can judge one by one, and changes what has to be
//! other than it is inside std.

use std::ops::Range;

use anyhow::Context as _;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, Item, ItemMacro, ItemUse, UseTree};

/// The macro of std's tests that makes two of one: for the locks that poison, and for the unstable ones that do not.
const BOTH_LOCKS: &str = "nonpoison_and_poison_unwrap_test";

/// An item of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Piece {
    /// The test's name, if it is one.
    pub(super) test: Option<String>,
    /// The code, in as many lines as it may have.
    pub(super) code: String,
}

/// Returns the pieces of a file.
pub(super) fn pieces(text: &str) -> anyhow::Result<Vec<Piece>> {
    // The module `poison` is unstable; what it holds is what its parent has. A test that starts its own executable to run
    // no test there names one that the executable of all files has.
    let text = &text.replace("std::sync::poison::", "std::sync::").replace(".arg(\"child\")", ".arg(\"no test\")");
    let file = syn::parse_file(text)?;
    let mut pieces = Vec::new();
    for item in &file.items {
        match item {
            Item::Use(item) => uses(item, &mut pieces),
            Item::Fn(item) if item.attrs.iter().any(|attribute| attribute.path().is_ident("test")) => {
                let body = item.block.span().byte_range();
                let whole = whole(&item.attrs, item.span().byte_range());
                let code = wrap(text, whole, body);
                pieces.push(Piece { test: Some(item.sig.ident.to_string()), code });
            }
            Item::Macro(item) if item.mac.path.is_ident(BOTH_LOCKS) => pieces.push(locks(text, item)?),
            // The helpers are ours.
            Item::Mod(item) if item.ident == "common" => {
                pieces.push(Piece { test: None, code: "use crate::support as common;".to_owned() });
            }
            item => pieces.push(Piece { test: None, code: text[item.span().byte_range()].to_owned() }),
        }
    }
    Ok(pieces)
}

/// Returns the range of an item with its attributes.
fn whole(attributes: &[Attribute], range: Range<usize>) -> Range<usize> {
    let start = attributes.first().map_or(range.start, |first| first.span().byte_range().start.min(range.start));
    start..range.end
}

/// Returns a test whose body is run by the support.
fn wrap(text: &str, whole: Range<usize>, body: Range<usize>) -> String {
    let (head, inner, tail) =
        (&text[whole.start..=body.start], &text[body.start + 1..body.end - 1], &text[body.end - 1..whole.end]);
    format!("{head} crate::support::run(move || {{{inner}\n}}) {tail}")
}

/// Makes a piece of each name that a `use` brings in, since one of them may be unstable.
fn uses(item: &ItemUse, pieces: &mut Vec<Piece>) {
    let mut attributes = TokenStream::new();
    item.attrs.iter().for_each(|attribute| attribute.to_tokens(&mut attributes));
    let visibility = item.vis.to_token_stream();
    let leading = if item.leading_colon.is_some() { "::" } else { "" };
    let mut leaves = Vec::new();
    collect(&item.tree, String::new(), &mut leaves);
    for leaf in leaves.into_iter().filter(|leaf| !leaf.ends_with(BOTH_LOCKS)) {
        // The crate `rand` is none that every toolchain has: ours stands in.
        let leading = if leaf.starts_with("rand::") { "crate::support::" } else { leading };
        pieces.push(Piece { test: None, code: format!("{attributes} {visibility} use {leading}{leaf};") });
    }
}

fn collect(tree: &UseTree, path: String, leaves: &mut Vec<String>) {
    match tree {
        UseTree::Path(tree) => collect(&tree.tree, format!("{path}{}::", tree.ident), leaves),
        UseTree::Group(tree) => tree.items.iter().for_each(|item| collect(item, path.clone(), leaves)),
        UseTree::Glob(_) => leaves.push(format!("{path}*")),
        UseTree::Name(name) if name.ident == "self" => leaves.push(path.trim_end_matches("::").to_owned()),
        UseTree::Name(name) => leaves.push(format!("{path}{}", name.ident)),
        UseTree::Rename(tree) if tree.ident == "self" => {
            leaves.push(format!("{} as {}", path.trim_end_matches("::"), tree.rename));
        }
        UseTree::Rename(tree) => leaves.push(format!("{path}{} as {}", tree.ident, tree.rename)),
    }
}

/// Makes the test for the locks that poison, out of `name: …, test_body: {…}`.
fn locks(text: &str, item: &ItemMacro) -> anyhow::Result<Piece> {
    let mut name = None;
    let mut body = None;
    let mut tokens = item.mac.tokens.clone().into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(key) if key == "name" => name = tokens.nth(1).map(|name| name.to_string()),
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => body = Some(group.span().byte_range()),
            _ => {}
        }
    }
    let (name, body) = name.zip(body).with_context(|| format!("{BOTH_LOCKS} has another form"))?;
    let mut attributes = TokenStream::new();
    item.attrs.iter().for_each(|attribute| attribute.to_tokens(&mut attributes));
    let code = format!(
        "{attributes} #[test] fn {name}() {{ crate::support::run(move || {{ use crate::support::unwrapped as maybe_unwrap; \
         use std::sync as locks; {}\n}}) }}",
        &text[body]
    );
    Ok(Piece { test: Some(name), code })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(Option<&str>, &str)]) {
        let found = pieces(text).unwrap();
        let flat = |code: &str| code.split_whitespace().collect::<Vec<_>>().join(" ");
        let found: Vec<_> = found.iter().map(|piece| (piece.test.as_deref(), flat(&piece.code))).collect();
        let expected: Vec<_> = expected.iter().map(|(test, code)| (*test, (*code).to_owned())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_name_of_a_use_stands_alone() {
        check(
            "#[cfg(unix)] use crate::io::{self, Read as _, prelude::*};",
            &[
                (None, "# [cfg (unix)] use crate::io;"),
                (None, "# [cfg (unix)] use crate::io::Read as _;"),
                (None, "# [cfg (unix)] use crate::io::prelude::*;"),
            ],
        );
    }

    #[test]
    fn the_body_of_a_test_is_run() {
        check(
            "mod common;\n#[test]\n#[should_panic]\nfn a() -> R { b()?; Ok(()) }\nfn b() {}",
            &[
                (None, "use crate::support as common;"),
                (Some("a"), "#[test] #[should_panic] fn a() -> R { crate::support::run(move || { b()?; Ok(()) }) }"),
                (None, "fn b() {}"),
            ],
        );
    }

    #[test]
    fn a_test_of_both_locks_is_that_of_the_stable_ones() {
        check(
            "use super::nonpoison_and_poison_unwrap_test;\n\
             nonpoison_and_poison_unwrap_test!(name: a, test_body: { locks::x(); });",
            &[(
                Some("a"),
                "#[test] fn a() { crate::support::run(move || { use crate::support::unwrapped as maybe_unwrap; \
                 use std::sync as locks; { locks::x(); } }) }",
            )],
        );
    }
}
