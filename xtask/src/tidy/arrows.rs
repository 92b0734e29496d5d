//! Arrows between crates point down (DESIGN §2), and outside crates come in by decision.
//!
//! Normal dependencies: only those of the table. Development dependencies, which are what tests, benches and
//! examples use, may also name a crate of the same level, never of a higher one: a test that needs a higher
//! one is a test of the whole system and lives in `tests/`. Build dependencies: none.

use std::path::Path;

use anyhow::Context as _;
use cargo_metadata::{DependencyKind, MetadataCommand};

use super::Violation;

const RULE: &str = "arrows";

/// What a crate may depend on.
struct Allowed {
    name: &'static str,
    level: u8,
    ours: &'static [&'static str],
    outside: &'static [&'static str],
}

const fn allowed(
    name: &'static str,
    level: u8,
    ours: &'static [&'static str],
    outside: &'static [&'static str],
) -> Allowed {
    Allowed { name, level, ours, outside }
}

const CORE: &str = "green-core";

/// For crates with a surface of their own, beside std's, that can fail (STYLE §8).
const ERRORS: &str = "thiserror";

const TABLE: &[Allowed] = &[
    allowed(
        CORE,
        0,
        &[],
        &["context", "mio", "parking_lot", "crossbeam-queue", "thiserror", "libc", "socket2", "loom"],
    ),
    allowed("green-thread", 1, &[CORE], &[]),
    allowed("green-sync", 1, &[CORE], &["lock_api", "parking_lot", ERRORS, "loom"]),
    allowed("green-time", 1, &[CORE], &[ERRORS]),
    allowed("green-io", 1, &[CORE], &["libc"]),
    allowed("green-net", 1, &[CORE], &["libc", "socket2", ERRORS]),
    allowed("green-fs", 1, &[CORE], &["libc"]),
    allowed("green-process", 1, &[CORE], &["libc", "signal-hook-registry"]),
    allowed("green-patch", 1, &[CORE], &["libc"]),
    allowed("green-pool", 2, &[CORE, "green-thread", "green-sync"], &[ERRORS]),
    allowed(
        "green-task",
        2,
        &[CORE, "green-thread", "green-sync", "green-net", "green-io", "green-fs", "green-process"],
        &[ERRORS, "socket2"],
    ),
    allowed("green-http", 3, &[CORE, "green-thread", "green-net", "green-time", "green-sync", "green-pool"], &[ERRORS]),
    allowed(
        "green",
        4,
        &[
            CORE,
            "green-thread",
            "green-sync",
            "green-time",
            "green-io",
            "green-net",
            "green-fs",
            "green-process",
            "green-patch",
            "green-pool",
            "green-task",
            "green-http",
        ],
        &[],
    ),
];

/// Outside crates that tests, benches and examples of any crate may use.
const OUTSIDE_FOR_TESTS: &[&str] =
    &["criterion", "httparse", "libc", "loom", "proptest", "rcgen", "rustls", "socket2", "tempfile"];

/// A crate that has no dependencies of its own, so that any crate's tests may use it.
const TESTS: &str = "green-tests";

/// Packages outside the levels, which nothing that is published depends on.
const UNLEVELLED: &[&str] = &[TESTS, "xtask"];

/// Packages that may be a dependency under one `cfg` alone.
const UNDER_CFG: &[(&str, &str)] = &[("loom", "cfg(loom)")];

/// A package as the rule sees it.
#[derive(Debug)]
pub(super) struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Debug)]
struct Dependency {
    name: String,
    kind: DependencyKind,
    /// The `cfg` or triple that it is bound to.
    target: Option<String>,
}

/// Reads the workspace's packages from cargo.
pub(super) fn packages(root: &Path) -> anyhow::Result<Vec<Package>> {
    let metadata = MetadataCommand::new()
        .current_dir(root)
        .no_deps()
        .exec()
        .context("cargo metadata does not read the workspace")?;
    let package = |package: cargo_metadata::Package| Package {
        name: package.name.to_string(),
        dependencies: package
            .dependencies
            .into_iter()
            .map(|dependency| Dependency {
                name: dependency.name,
                kind: dependency.kind,
                target: dependency.target.map(|target| target.to_string()),
            })
            .collect(),
    };
    Ok(metadata.packages.into_iter().map(package).collect())
}

pub(super) fn check(packages: &[Package]) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in packages {
        if UNLEVELLED.contains(&package.name.as_str()) {
            let none = package.name != TESTS || package.dependencies.iter().all(|d| d.kind != DependencyKind::Normal);
            if !none {
                found.push(violation(
                    package,
                    "must have no dependencies but for development: any crate's tests use it",
                ));
            }
            continue;
        }
        let Some(allowed) = TABLE.iter().find(|allowed| allowed.name == package.name) else {
            found.push(violation(package, "is not in the table of crates (xtask/src/tidy/arrows.rs)"));
            continue;
        };
        for dependency in &package.dependencies {
            if let Some(message) = wrong(allowed, dependency) {
                found.push(violation(package, &message));
            }
        }
    }
    found
}

/// Says what is wrong with a dependency, if anything is.
fn wrong(allowed: &Allowed, dependency: &Dependency) -> Option<String> {
    let name = dependency.name.as_str();
    let level = TABLE.iter().find(|other| other.name == name).map(|other| other.level);
    let bound = UNDER_CFG.iter().find(|(bound, _)| *bound == name);
    if let Some((_, cfg)) = bound
        && dependency.target.as_deref() != Some(cfg)
    {
        return Some(format!("may depend on {name} only under {cfg}"));
    }
    match (dependency.kind, level) {
        (DependencyKind::Normal, Some(_)) if allowed.ours.contains(&name) => None,
        (DependencyKind::Normal, None) if allowed.outside.contains(&name) => None,
        (DependencyKind::Development, Some(level)) if level <= allowed.level => None,
        (DependencyKind::Development, None) if name == TESTS => None,
        (DependencyKind::Development, None) if allowed.outside.contains(&name) => None,
        (DependencyKind::Development, None) if OUTSIDE_FOR_TESTS.contains(&name) => None,
        (DependencyKind::Development, _) => Some(format!("may not use {name} in its tests")),
        (DependencyKind::Normal, _) => Some(format!("may not depend on {name}")),
        _ => Some(format!("may not depend on {name} to build: build scripts stay trivial")),
    }
}

fn violation(package: &Package, message: &str) -> Violation {
    let folder = if package.name == "xtask" { "xtask".to_owned() } else { format!("crates/{}", package.name) };
    let folder = if package.name == TESTS { "tests".to_owned() } else { folder };
    Violation::file(&format!("{folder}/Cargo.toml"), RULE, format!("{} {message}", package.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(name: &str, dependency: &str, kind: DependencyKind, target: Option<&str>, good: bool) {
        let dependency = Dependency { name: dependency.to_owned(), kind, target: target.map(str::to_owned) };
        let package = Package { name: name.to_owned(), dependencies: vec![dependency] };
        let found = check(&[package]);
        assert_eq!(found.is_empty(), good, "{found:?}");
    }

    #[test]
    fn arrows_point_down() {
        use DependencyKind::{Build, Development, Normal};
        check_one("green-net", "green-core", Normal, None, true);
        check_one("green-net", "green-thread", Normal, None, false);
        check_one("green-net", "green-thread", Development, None, true);
        check_one("green-net", "green", Development, None, false);
        check_one("green-core", "green-net", Development, None, false);
        check_one("green-pool", "green-net", Normal, None, false);
        check_one("green", "green-http", Normal, None, true);
        check_one("green-net", "green-tests", Development, None, true);
        check_one("green-net", "green-tests", Normal, None, false);
        check_one("green-core", "mio", Normal, None, true);
        check_one("green-net", "mio", Normal, None, false);
        check_one("green-thread", "libc", Normal, None, false);
        check_one("green-thread", "criterion", Development, None, true);
        check_one("green-thread", "serde", Development, None, false);
        check_one("green-core", "cc", Build, None, false);
        check_one("green-core", "loom", Normal, None, false);
        check_one("green-core", "loom", Normal, Some("cfg(loom)"), true);
        check_one("green-tests", "green", Development, None, true);
        check_one("green-tests", "green", Normal, None, false);
        check_one("green-new", "green-core", Normal, None, false);
    }

    #[test]
    fn the_table_points_down_itself() {
        let level = |name: &str| TABLE.iter().find(|allowed| allowed.name == name).map(|allowed| allowed.level);
        for Allowed { name, ours, level: own, .. } in TABLE {
            assert!(ours.iter().all(|other| level(other) < Some(*own)), "{name}");
        }
    }
}
