//! Takes the examples out of the doc comments of one of std's files.

/// The words that may stand behind the backticks of an example; all others make it no Rust.
const WORDS: [&str; 7] =
    ["rust", "should_panic", "no_run", "ignore", "compile_fail", "test_harness", "standalone_crate"];

/// What an example begins with that shall see `green` under the name `std`.
const AS_STD: &str = "#[macro_use] extern crate green as std;";

/// Whose `std` the examples name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Std {
    Own,
    Green,
}

/// The examples of a file, under items that have nothing else.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Examples {
    /// As many lines as the file has, so that rustdoc names an example by its line in std.
    pub(super) text: String,
    /// How many were left out because they ask for an unstable feature.
    pub(super) unstable: usize,
}

/// Returns the examples of a file.
pub(super) fn examples(text: &str, std: Std) -> Examples {
    let mut found = Examples { text: String::new(), unstable: 0 };
    let mut block: Vec<Line<'_>> = Vec::new();
    for (number, line) in text.lines().chain([""]).enumerate() {
        let bare = line.trim_start();
        let doc = bare.strip_prefix("///").filter(|rest| !rest.starts_with('/')).or_else(|| bare.strip_prefix("//!"));
        if let Some(doc) = doc {
            block.push(Line::Doc(doc.to_owned()));
        } else if bare.starts_with("#[cfg_attr(") && bare.contains("doc = \"")
            || bare.starts_with("//") && !block.is_empty()
        {
            block.push(Line::Other(bare));
        } else if block.is_empty() {
            found.text.push('\n');
        } else {
            found.unstable += prepare(&mut block, std);
            for line in block.drain(..) {
                match line {
                    Line::Doc(doc) => found.text += &format!("///{doc}\n"),
                    Line::Other(other) => found.text += &format!("{other}\n"),
                }
            }
            found.text += &format!("pub struct L{number};\n");
        }
    }
    found
}

/// A line of a doc comment.
#[derive(Debug)]
enum Line<'a> {
    Doc(String),
    /// An attribute that stands for a line on some systems, or a comment in between.
    Other(&'a str),
}

impl Line<'_> {
    /// Returns the words behind three backticks, if they are all that is on the line.
    fn fence(&self) -> Option<&str> {
        match self {
            Self::Doc(doc) => doc.trim_start().strip_prefix("```"),
            Self::Other(other) => {
                let (_, rest) = other.split_once("doc = \"")?;
                rest.split('"').next()?.trim_start().strip_prefix("```")
            }
        }
    }
}

/// Gives each example of a doc comment its `std`, takes those with unstable features out, and returns how many these were.
fn prepare(block: &mut [Line<'_>], std: Std) -> usize {
    let mut unstable = 0;
    let mut at = 0;
    while at < block.len() {
        let Some(words) = block[at].fence() else {
            at += 1;
            continue;
        };
        let is_rust = is_rust(words);
        // An example on some systems and none on others begins with several fences.
        let mut first = at + 1;
        while block.get(first).is_some_and(|line| matches!(line, Line::Other(_)) && line.fence().is_some()) {
            first += 1;
        }
        let end = (first..block.len()).find(|&at| block[at].fence().is_some()).unwrap_or(block.len());
        let asks = |line: &Line<'_>| matches!(line, Line::Doc(doc) if doc.contains("#![feature("));
        if is_rust && block[first..end].iter().any(asks) {
            unstable += 1;
            for line in &mut block[at..first] {
                *line = Line::Doc(" ```text".to_owned());
            }
        } else if is_rust && std == Std::Green {
            let inner = |line: &Line<'_>| matches!(line, Line::Doc(doc) if doc.trim_start_matches([' ', '#']).starts_with("!["));
            let begin = (first..end).rfind(|&at| inner(&block[at])).map_or(first, |at| at + 1);
            if begin < end
                && let Line::Doc(doc) = &mut block[begin]
            {
                let code = doc.trim_start();
                let code = code.strip_prefix("# ").unwrap_or(if code == "#" { "" } else { code });
                *doc = format!(" {AS_STD} {code}");
            }
        }
        at = end + 1;
    }
    unstable
}

/// Returns whether a block with these words behind its backticks is an example in Rust.
fn is_rust(words: &str) -> bool {
    words.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty()).all(|word| {
        WORDS.contains(&word)
            || word.starts_with("edition")
            || word.starts_with("ignore-")
            || word.len() == 5 && word.starts_with('E')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_where_they_are() {
        let text = "use a;\n\n    /// One.\n    /// ```\n    /// std::b();\n    /// ```\n    pub fn b() {}\n";
        let expected = "\n\n/// One.\n/// ```\n/// std::b();\n/// ```\npub struct L6;\n\n";
        assert_eq!(examples(text, Std::Own), Examples { text: expected.to_owned(), unstable: 0 });
    }

    #[test]
    fn green_stands_behind_the_attributes() {
        let text = "/// ```\n/// // A.\n/// # #![allow(x)]\n/// # use std::a;\n/// ```\nfn a() {}";
        let expected =
            format!("/// ```\n/// // A.\n/// # #![allow(x)]\n/// {AS_STD} use std::a;\n/// ```\npub struct L5;\n\n");
        assert_eq!(examples(text, Std::Green).text, expected);
    }

    #[test]
    fn what_is_unstable_is_left_out_and_counted() {
        let text = "/// ```\n/// #![feature(x)]\n/// ```\n/// ```no_run\n/// a();\n/// ```\nfn a() {}";
        let found = examples(text, Std::Own);
        assert_eq!(found.unstable, 1);
        assert!(found.text.starts_with("/// ```text\n"), "{}", found.text);
        assert!(found.text.contains("/// ```no_run\n"), "{}", found.text);
    }

    #[test]
    fn a_plain_comment_does_not_end_an_example() {
        let text = "/// ```\n// a\n/// #![feature(x)]\n/// ```\nfn a() {}";
        assert_eq!(examples(text, Std::Own).unstable, 1);
        assert!(!examples("// a\nfn a() {}", Std::Own).text.contains("struct"));
    }

    #[test]
    fn only_rust_is_an_example() {
        for (words, expected) in
            [("", true), ("no_run,E0425", true), ("edition2021", true), ("text", false), ("sh", false)]
        {
            assert_eq!(is_rust(words), expected, "{words}");
        }
    }
}
