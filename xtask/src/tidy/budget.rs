//! A file holds one concept: above 400 lines of code look for the second one, above 600 it fails (STYLE §2).
//!
//! Documentation, comments, blank lines and test code do not count, and files of tests have no budget.

use super::Violation;
use super::source::{Line, Source};

const RULE: &str = "budget";
const NEAR: usize = 400;
const LIMIT: usize = 600;

/// Returns what is over its budget and what is near it.
pub(super) fn check(source: &Source) -> (Option<Violation>, Option<Violation>) {
    if source.place.is_test() {
        return (None, None);
    }
    let counts = |line: &&Line| line.has_code() && !line.test;
    let count = source.lines.iter().filter(counts).count();
    let say = |what: &str| Violation::file(&source.path, RULE, format!("{count} lines of code: {what}"));
    if count > LIMIT {
        (Some(say("the limit is 600; split it by concept")), None)
    } else if count > NEAR {
        (None, Some(say("look for the second concept")))
    } else {
        (None, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_count(path: &str, text: &str, over: bool, near: bool) {
        let (found_over, found_near) = check(&Source::new(path, text));
        assert_eq!((found_over.is_some(), found_near.is_some()), (over, near));
    }

    #[test]
    fn only_code_counts() {
        let path = "crates/green-core/src/x.rs";
        check_count(path, &"a;\n".repeat(400), false, false);
        check_count(path, &"a;\n".repeat(401), false, true);
        check_count(path, &"a;\n".repeat(601), true, false);
        check_count(path, &"// a\n\n/// b\n".repeat(601), false, false);
        check_count(path, &format!("#[cfg(test)]\nmod tests {{\n{}}}", "a;\n".repeat(601)), false, false);
        check_count("crates/green-net/tests/tcp.rs", &"a;\n".repeat(601), false, false);
    }
}
