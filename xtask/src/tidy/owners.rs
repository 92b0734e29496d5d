//! Each outside dependency, and the right to start OS threads, has one owner (I4).

use super::source::{Place, Source};
use super::{Violation, matches_any, paths};

const RULE: &str = "owners";

/// A path that only some files may use.
struct Owned {
    path: &'static str,
    owners: &'static [&'static str],
    say: &'static str,
}

/// The files that may start OS threads: worker hubs, the blocking pool, the watchdog, the maker of unwind
/// tokens (I13), spawn under `GREEN=off`, and what stands for stacks under Miri.
const STARTERS: &[&str] = &[
    "crates/green-core/src/hub/workers.rs",
    "crates/green-core/src/miri_context.rs",
    "crates/green-core/src/blocking/pool.rs",
    "crates/green-core/src/debug/watchdog.rs",
    "crates/green-core/src/panic_count.rs",
    "crates/green-core/src/spawn/os_thread.rs",
];

const STARTS: &str = "only the files of STARTERS (xtask/src/tidy/owners.rs) start OS threads";

const TABLE: &[Owned] = &[
    Owned {
        path: "context",
        owners: &["crates/green-core/src/context.rs"],
        say: "only context.rs names the crate `context`",
    },
    Owned {
        path: "mio",
        owners: &["crates/green-core/src/reactor/", "crates/green-core/src/io/connect.rs"],
        say: "only reactor/ and io/connect.rs name `mio`",
    },
    Owned { path: "std::thread::Builder", owners: STARTERS, say: STARTS },
    Owned { path: "std::thread::spawn", owners: STARTERS, say: STARTS },
    Owned { path: "std::thread::scope", owners: STARTERS, say: STARTS },
];

pub(super) fn check(source: &Source) -> Vec<Violation> {
    if source.place != Place::Library {
        return Vec::new();
    }
    let mut found = Vec::new();
    for path in paths::paths(source).iter().filter(|path| !source.is_test(path.line)) {
        for Owned { path: owned, owners, say } in TABLE {
            // A lone word is a variable, a field or a module, not the crate: a crate is named by a path or a use.
            let whole = path.parts.len() > 1 || paths::imports(source).iter().any(|i| i.path == [*owned]);
            if path.begins(owned) && whole && !matches_any(&source.path, owners) {
                found.push(Violation::at(source, path.line, RULE, *say));
            }
        }
    }
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::expect_lines;

    fn check_at(path: &str, text: &str, lines: &[usize]) {
        expect_lines(check(&Source::new(path, text)), lines, text);
    }

    #[test]
    fn dependencies_have_one_owner() {
        check_at("crates/green-core/src/hub/mod.rs", "use mio::Poll;", &[1]);
        check_at("crates/green-core/src/reactor/mod.rs", "use mio::Poll;", &[]);
        check_at("crates/green-core/src/hub/mod.rs", "fn f() { context::Context::new() }", &[1]);
        check_at("crates/green-core/src/hub/mod.rs", "use crate::context;\nfn f() { context::switch() }", &[]);
        check_at("crates/green-core/src/hub/mod.rs", "fn f(context: &X) { context.y(context) }", &[]);
        check_at("crates/green-core/src/lib.rs", "mod context;\nuse context::Stack;", &[]);
        check_at("crates/green-core/src/context.rs", "use context::Context;", &[]);
    }

    #[test]
    fn few_start_os_threads() {
        let path = "crates/green-core/src/hub/mod.rs";
        check_at(path, "fn f() { std::thread::spawn(g); }", &[1]);
        check_at(path, "use std::thread;\nfn f() { thread::Builder::new() }", &[2]);
        check_at(path, "use std::thread::{self, Builder};", &[1]);
        check_at(path, "use std::thread;\nfn f() { thread::current() }", &[]);
        check_at(path, "use green_core::thread;\nfn f() { thread::spawn(g) }", &[]);
        check_at(path, "#[cfg(test)]\nmod tests {\n  fn f() { std::thread::spawn(g); }\n}", &[]);
        check_at("crates/green-core/src/hub/workers.rs", "fn f() { std::thread::spawn(g); }", &[]);
    }
}
