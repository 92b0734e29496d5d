//! Unsafe code lives in few places and argues each step (STYLE §5).
//!
//! clippy asks for SAFETY comments too, but only in what it compiles: not under `cfg(loom)`, not for another
//! platform. Tests that are targets of their own may be unsafe (they fork and set variables), with the same
//! comments.

use super::source::{Place, Source};
use super::{Violation, matches_any};

const RULE: &str = "unsafe";

/// Where unsafe code may be. A folder stands for `x.rs` too.
const ALLOWED: &[&str] = &[
    "crates/green-core/benches/switch/raw.rs",
    "crates/green-core/src/blocking/lend.rs",
    "crates/green-core/src/context.rs",
    "crates/green-core/src/context/",
    "crates/green-core/src/current.rs",
    "crates/green-core/src/hub/reinit.rs",
    "crates/green-core/src/hub/switch.rs",
    "crates/green-core/src/loom_stub.rs",
    "crates/green-core/src/miri_context.rs",
    "crates/green-core/src/panic_count.rs",
    "crates/green-core/src/per_process.rs",
    "crates/green-core/src/greenlet/",
    "crates/green-core/src/local.rs",
    "crates/green-core/src/record.rs",
    "crates/green-core/src/spawn.rs",
    "crates/green-core/src/spawn/",
    "crates/green-core/src/stack/",
    "crates/green-core/src/steal_ring.rs",
    "crates/green-core/src/sys/",
    "crates/green-core/src/unpark.rs",
    "crates/green-core/src/wait_queue/",
    "crates/*/src/fd.rs",
    "crates/green-sync/src/raw/",
    "crates/green-thread/src/scoped.rs",
    "crates/green-process/src/os.rs",
    "crates/green-process/src/sys/",
    "crates/green-patch/src/",
];

pub(super) fn check(source: &Source) -> Vec<Violation> {
    let mut found = Vec::new();
    let allowed = source.place == Place::Integration || matches_any(&source.path, ALLOWED);
    for (index, token) in source.tokens.iter().enumerate().filter(|(_, token)| token.text == "unsafe") {
        let line = token.line;
        let say = |message: &str| Violation::at(source, line, RULE, message);
        if is_pointer_type(source, index) {
            continue;
        }
        if !allowed {
            found.push(say("unsafe code outside the places that may have it (STYLE §5)"));
        }
        let argued = match source.text(index + 1) {
            // The trait documents what its methods ask for.
            "fn" | "extern" if in_trait_impl(source, index) => true,
            "fn" | "trait" | "extern" => above(source, line, "# Safety") || above(source, line, "SAFETY:"),
            _ => above(source, line, "SAFETY:"),
        };
        if !argued {
            found.push(say("no `// SAFETY:` above (or `# Safety` in the documentation of a declaration)"));
        }
    }
    for attribute in attributes_about_unsafe(source) {
        let line = attribute.line;
        let next = source.text(skip_visibility(source, source.behind_attributes(attribute.tokens.1)));
        if attribute.words[0] != "expect" {
            found.push(Violation::at(source, line, RULE, "silence unsafe_code by #[expect(…, reason)], on a `mod`"));
        } else if source.place == Place::Integration {
            // A test is small enough to open where it likes.
        } else if !attribute.inner && next != "mod" {
            found.push(Violation::at(source, line, RULE, "open a whole module to unsafe code, on its `mod` line"));
        } else if attribute.inner {
            found.push(Violation::at(source, line, RULE, "open a module to unsafe code on its `mod` line, not inside"));
        }
    }
    found
}

/// Returns the attributes that speak of the lint `unsafe_code`.
fn attributes_about_unsafe(source: &Source) -> impl Iterator<Item = &super::source::Attribute> {
    source.attributes.iter().filter(|attribute| attribute.words.iter().any(|word| word == "unsafe_code"))
}

fn skip_visibility(source: &Source, at: usize) -> usize {
    match (source.text(at), source.text(at + 1)) {
        ("pub", "(") => super::source::closing(&source.tokens, at + 1),
        ("pub", _) => at + 1,
        _ => at,
    }
}

/// Returns whether the `unsafe` belongs to a type, as in `unsafe extern "C" fn(u8)`, and declares nothing.
fn is_pointer_type(source: &Source, index: usize) -> bool {
    let mut at = index + 1;
    if source.text(at) == "extern" {
        at += 1;
    }
    source.text(at) == "fn" && source.text(at + 1) == "("
}

/// Returns whether the token stands directly in the braces of an `impl Trait for Type`.
fn in_trait_impl(source: &Source, index: usize) -> bool {
    let mut depth = 0;
    let mut tokens = source.tokens[..index].iter().rev();
    let open = tokens.by_ref().find(|token| {
        match token.text.as_str() {
            "}" => depth += 1,
            "{" => depth -= 1,
            _ => {}
        }
        depth < 0
    });
    let header: Vec<&str> =
        tokens.map(|token| token.text.as_str()).take_while(|text| !matches!(*text, ";" | "{" | "}")).collect();
    // In `impl<F: for<'a> Fn(&'a u8)> X<F>` the `for` is another one, with a `<` behind it: before it, in reverse.
    let names_trait = header.iter().enumerate().any(|(at, text)| *text == "for" && at > 0 && header[at - 1] != "<");
    open.is_some() && header.contains(&"impl") && names_trait
}

/// Returns whether a comment with `mark` stands on the line, or above the statement that the line belongs to.
fn above(source: &Source, line: usize, mark: &str) -> bool {
    let lines = &source.lines;
    if lines[line].comment.contains(mark) {
        return true;
    }
    for above in lines[..line].iter().rev() {
        if above.comment.contains(mark) {
            return true;
        }
        let code = above.code.trim_end();
        let ends_statement = code.ends_with([';', '{', '}', ',']) && !above.attribute;
        let blank = code.is_empty() && above.comment.is_empty();
        if ends_statement || blank {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::expect_lines;

    fn check_at(path: &str, text: &str, lines: &[usize]) {
        expect_lines(check(&Source::new(path, text)), lines, text);
    }

    #[test]
    fn unsafe_stays_in_its_places() {
        let argued = "// SAFETY: I2.\nunsafe { x() };";
        check_at("crates/green-core/src/context.rs", argued, &[]);
        check_at("crates/green-core/src/stack/slab.rs", argued, &[]);
        check_at("crates/green-net/src/fd.rs", argued, &[]);
        check_at("tests/isolated/fork.rs", argued, &[]);
        check_at("crates/green-core/src/timer.rs", argued, &[2]);
        check_at("xtask/src/main.rs", argued, &[2]);
    }

    #[test]
    fn every_step_is_argued() {
        let path = "crates/green-core/src/context.rs";
        check_at(path, "unsafe { x() };", &[1]);
        check_at(path, "// SAFETY: I2.\n\nunsafe { x() };", &[3]);
        check_at(path, "// SAFETY: I2.\nlet a =\n    unsafe { x() };", &[]);
        check_at(path, "// SAFETY: I2.\nlet a = 1;\nunsafe { x() };", &[3]);
        check_at(path, "unsafe impl Send for X {}", &[1]);
        check_at(path, "/// Does.\n///\n/// # Safety\n///\n/// Be good.\n#[inline]\npub unsafe fn x() {}", &[]);
        check_at(path, "/// Does.\npub unsafe fn x() {}", &[2]);
        check_at(path, "type F = unsafe extern \"C\" fn(u8);\ntype G = unsafe fn();", &[]);
        check_at(path, "// unsafe { }\nlet a = \"unsafe {\";", &[]);
    }

    #[test]
    fn lints_are_silenced_on_a_mod_line() {
        let path = "crates/green-core/src/lib.rs";
        check_at(path, "#[expect(unsafe_code, reason = \"x\")]\npub(crate) mod context;", &[]);
        check_at(path, "#[expect(unsafe_code, reason = \"x\")]\n#[cfg(unix)]\nmod context;", &[]);
        check_at(path, "#[allow(unsafe_code, reason = \"x\")]\nmod context;", &[1]);
        check_at(path, "#[expect(unsafe_code, reason = \"x\")]\nfn f() {}", &[1]);
        check_at(path, "#![expect(unsafe_code, reason = \"x\")]", &[1]);
        check_at("tests/isolated/main.rs", "#![expect(unsafe_code, reason = \"x\")]", &[]);
    }
}
