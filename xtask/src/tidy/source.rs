//! A Rust file as the checks see it: code apart from comments, strings blanked, test code marked.
//!
//! This is a lexer and not a parser: it knows comments, literals and brackets, which is all that the checks
//! need, and it understands files that do not compile yet.

use std::collections::HashSet;

/// Where a file stands in the workspace, which decides what holds for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    /// `crates/*/src`, and a crate's build script.
    Library,
    /// A module of unit tests in a file of its own, `foo/tests.rs`.
    UnitTest,
    /// `crates/*/tests`, the tests of an example, and all of `tests/`.
    Integration,
    /// `crates/*/benches`.
    Bench,
    /// `crates/*/examples`.
    Example,
    /// `xtask/`.
    Tool,
}

impl Place {
    fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["xtask", ..] => Self::Tool,
            ["tests", ..] | ["crates", _, "tests", ..] => Self::Integration,
            ["crates", _, "examples", .., "tests", _] => Self::Integration,
            ["crates", _, "benches", ..] => Self::Bench,
            ["crates", _, "examples", ..] => Self::Example,
            [.., "tests.rs"] | [.., "tests", _] => Self::UnitTest,
            _ => Self::Library,
        }
    }

    pub(crate) fn is_test(self) -> bool {
        matches!(self, Self::UnitTest | Self::Integration)
    }
}

/// One line of a file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// The line without comments, and with empty literals.
    pub(crate) code: String,
    /// The comments of the line.
    pub(crate) comment: String,
    /// The line belongs to an item under `#[cfg(test)]`.
    pub(crate) test: bool,
    /// All code of the line belongs to attributes.
    pub(crate) attribute: bool,
}

impl Line {
    pub(crate) fn has_code(&self) -> bool {
        !self.code.trim().is_empty()
    }
}

/// A word or sign of code: identifiers, `::`, and all else sign by sign. Literals are not kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Token {
    pub(crate) text: String,
    /// The line's index.
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// An attribute.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Attribute {
    /// The words between the brackets, in order, signs left out.
    pub(crate) words: Vec<String>,
    /// The line's index.
    pub(crate) line: usize,
    /// Indices of the first token, and of the first token behind it.
    pub(crate) tokens: (usize, usize),
    /// `#![…]`
    pub(crate) inner: bool,
}

/// A file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// The path from the workspace's root, with `/`.
    pub(crate) path: String,
    pub(crate) place: Place,
    pub(crate) lines: Vec<Line>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) attributes: Vec<Attribute>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let mut lines = Lexer::new(text).lines();
        let tokens = tokens(&lines);
        let attributes = attributes(&tokens);
        mark_attributes(&mut lines, &tokens, &attributes);
        for attribute in &attributes {
            if is_test_cfg(&attribute.words) {
                let (first, last) = if attribute.inner {
                    (0, lines.len() - 1)
                } else {
                    (attribute.line, item_end(&tokens, attribute.tokens.1))
                };
                lines[first..=last].iter_mut().for_each(|line| line.test = true);
            }
        }
        Self { path: path.to_owned(), place: Place::of(path), lines, tokens, attributes }
    }

    /// Returns whether the line is test code, by its file or by its item.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.place.is_test() || self.lines[line].test
    }

    /// Returns the identifiers that the file declares as modules.
    pub(crate) fn modules(&self) -> HashSet<&str> {
        let pairs = self.tokens.windows(2);
        pairs.filter(|pair| pair[0].text == "mod" && pair[1].is_word()).map(|pair| pair[1].text.as_str()).collect()
    }

    /// Returns the index of the first token behind the attributes that begin at `token`.
    pub(crate) fn behind_attributes(&self, mut token: usize) -> usize {
        while let Some(attribute) = self.attributes.iter().find(|attribute| attribute.tokens.0 == token) {
            token = attribute.tokens.1;
        }
        token
    }

    /// Returns the text of the token at `index`, or nothing past the end.
    pub(crate) fn text(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| token.text.as_str())
    }
}

/// Splits text into lines of code and comment.
struct Lexer<'a> {
    rest: &'a str,
    /// The character before `rest`.
    before: char,
    lines: Vec<Line>,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, before: '\n', lines: vec![Line::default()] }
    }

    fn lines(mut self) -> Vec<Line> {
        while let Some(c) = self.rest.chars().next() {
            if self.rest.starts_with("//") {
                let end = self.rest.find('\n').unwrap_or(self.rest.len());
                self.take(end, Kind::Comment);
            } else if self.rest.starts_with("/*") {
                self.take(block_comment_end(self.rest), Kind::Comment);
            } else if let Some(end) = literal_end(self.rest, self.before) {
                self.take(end, Kind::Literal);
            } else {
                self.take(c.len_utf8(), Kind::Code);
            }
        }
        self.lines
    }

    fn take(&mut self, length: usize, kind: Kind) {
        let (taken, rest) = self.rest.split_at(length);
        if kind == Kind::Literal {
            // What is left of a literal keeps words apart.
            self.line().code.push_str("\"\"");
        }
        for c in taken.chars() {
            match (c, kind) {
                ('\n', _) => self.lines.push(Line::default()),
                (_, Kind::Code) => self.line().code.push(c),
                (_, Kind::Comment) => self.line().comment.push(c),
                (_, Kind::Literal) => {}
            }
        }
        self.before = taken.chars().next_back().unwrap_or(self.before);
        self.rest = rest;
    }

    fn line(&mut self) -> &mut Line {
        self.lines.last_mut().expect("there is a line from the start")
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Code,
    Comment,
    Literal,
}

/// Returns the length of the block comment that `text` begins with; block comments nest.
fn block_comment_end(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Returns the length of the string or character literal that `text` begins with, if it does; a lifetime is
/// none.
fn literal_end(text: &str, before: char) -> Option<usize> {
    let in_word = before.is_alphanumeric() || before == '_';
    let prefix = if in_word {
        0
    } else {
        ["br", "cr", "b", "c", "r"].iter().find(|p| text.starts_with(**p)).map_or(0, |p| p.len())
    };
    let body = &text[prefix..];
    if text[..prefix].ends_with('r') {
        let hashes = body.len() - body.trim_start_matches('#').len();
        // `r#name` is a raw identifier.
        body[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let start = prefix + hashes + 1;
        return Some(text[start..].find(&close).map_or(text.len(), |at| start + at + close.len()));
    }
    let quote = body.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let mut inside = body[1..].char_indices();
    if quote == '\'' {
        let first = inside.next()?.1;
        let lifetime = first != '\\' && inside.next().is_none_or(|(_, second)| second != '\'');
        if lifetime {
            return None;
        }
        inside = body[1..].char_indices();
    }
    while let Some((at, c)) = inside.next() {
        if c == '\\' {
            inside.next();
        } else if c == quote {
            return Some(prefix + 1 + at + 1);
        }
    }
    Some(text.len())
}

fn tokens(lines: &[Line]) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (line, Line { code, .. }) in lines.iter().enumerate() {
        let mut rest = code.trim_start();
        while let Some(c) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = if is_word(c) {
                rest.find(|c| !is_word(c)).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                c.len_utf8()
            };
            if c != '"' {
                tokens.push(Token { text: rest[..length].to_owned(), line });
            }
            rest = rest[length..].trim_start();
        }
    }
    tokens
}

fn attributes(tokens: &[Token]) -> Vec<Attribute> {
    let text = |index: usize| tokens.get(index).map_or("", |token: &Token| token.text.as_str());
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let inner = text(at) == "#" && text(at + 1) == "!";
        let open = at + 1 + usize::from(inner);
        if text(at) == "#" && text(open) == "[" {
            let end = closing(tokens, open);
            let words = tokens[open..end].iter().filter(|token| token.is_word());
            found.push(Attribute {
                words: words.map(|token| token.text.clone()).collect(),
                line: tokens[at].line,
                tokens: (at, end),
                inner,
            });
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

/// Returns the index behind the bracket that closes the one at `open`.
pub(crate) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// Returns the last line of the item that begins at `token`: up to its `;` or its closed braces.
fn item_end(tokens: &[Token], token: usize) -> usize {
    let mut at = token;
    while let Some(Token { text, line }) = tokens.get(at) {
        match text.as_str() {
            ";" => return *line,
            "{" => return tokens[closing(tokens, at) - 1].line,
            // A `where` or a list of arguments may hold braces or semicolons: [u8; 4].
            "(" | "[" => at = closing(tokens, at),
            _ => at += 1,
        }
    }
    tokens.last().map_or(0, |token| token.line)
}

fn mark_attributes(lines: &mut [Line], tokens: &[Token], attributes: &[Attribute]) {
    let mut outside = HashSet::new();
    for (index, token) in tokens.iter().enumerate() {
        if !attributes.iter().any(|attribute| (attribute.tokens.0..attribute.tokens.1).contains(&index)) {
            outside.insert(token.line);
        }
    }
    for attribute in attributes {
        let last = tokens[attribute.tokens.1 - 1].line;
        for (index, line) in lines.iter_mut().enumerate().take(last + 1).skip(attribute.line) {
            line.attribute = !outside.contains(&index);
        }
    }
}

/// Returns whether the words are those of `cfg(test)`, `cfg(all(test, …))` and the like.
fn is_test_cfg(words: &[String]) -> bool {
    let at = words.iter().position(|word| word == "test" || word == "doctest");
    words.first().is_some_and(|word| word == "cfg") && at.is_some_and(|at| words[at - 1] != "not")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, code: &[&str], comments: &[&str]) {
        let source = Source::new("crates/green-core/src/x.rs", text);
        let found: Vec<&str> = source.lines.iter().map(|line| line.code.trim()).collect();
        assert_eq!(found, code, "{text}");
        let found: Vec<&str> = source.lines.iter().map(|line| line.comment.trim()).collect();
        assert_eq!(found, comments, "{text}");
    }

    #[test]
    fn comments_are_taken_apart_and_literals_emptied() {
        check("let a = 1; // one", &["let a = 1;"], &["// one"]);
        check("/* a /* b */\nc */ d", &["", "d"], &["/* a /* b */", "c */"]);
        check("\"// no \\\" comment\" // yes", &["\"\""], &["// yes"]);
        check("r#\"a \" // b\"#; // c", &["\"\";"], &["// c"]);
        check("br\"\\\"; x", &["\"\"; x"], &[""]);
        check("'\"'; '\\''; b'x'; x", &["\"\"; \"\"; \"\"; x"], &[""]);
        check("fn f<'a>(x: &'a str) {} // y", &["fn f<'a>(x: &'a str) {}"], &["// y"]);
        check("r#type; var\"\"", &["r#type; var\"\""], &[""]);
        check("\"a\nb\" + c", &["\"\"", "+ c"], &["", ""]);
    }

    fn check_tests(path: &str, text: &str, expected: &[bool]) {
        let source = Source::new(path, text);
        let found: Vec<bool> = (0..source.lines.len()).map(|line| source.is_test(line)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn test_items_are_marked_to_their_end() {
        let path = "crates/green-core/src/x.rs";
        check_tests(path, "#[cfg(test)]\nmod tests {\n  fn f() {}\n}\nfn g() {}", &[true, true, true, true, false]);
        check_tests(path, "#[cfg(test)]\nmod tests;\nfn g() {}", &[true, true, false]);
        check_tests(
            path,
            "#[cfg(all(test, loom))]\n#[expect(\n x)]\nmod a {\n}\n",
            &[true, true, true, true, true, false],
        );
        check_tests(path, "#[cfg(not(test))]\nfn f() {}", &[false, false]);
        check_tests(path, "#[cfg(test)]\nfn f(a: [u8; 4]) {\n}\nfn g() {}", &[true, true, true, false]);
        check_tests(path, "#![cfg(test)]\nfn g() {}", &[true, true]);
        check_tests("crates/green-core/src/hub/tests.rs", "fn g() {}", &[true]);
        check_tests("tests/parity/main.rs", "fn g() {}", &[true]);
    }

    #[test]
    fn lines_of_attributes_are_known() {
        let source = Source::new("xtask/src/x.rs", "#[expect(\n  a,\n)]\n#[b] mod c;");
        let found: Vec<bool> = source.lines.iter().map(|line| line.attribute).collect();
        assert_eq!(found, [true, true, true, false]);
    }
}
