//! Manifests say once, at the root, what all packages share.

use std::path::Path;

use super::{RIVALS, Violation, read};

const RULE: &str = "manifests";

/// What every package takes from the workspace.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "authors"];

pub(super) fn check_workspace(root: &Path) -> anyhow::Result<Vec<Violation>> {
    let mut paths = vec!["tests/Cargo.toml".to_owned(), "xtask/Cargo.toml".to_owned()];
    for entry in std::fs::read_dir(root.join("crates"))? {
        let folder = format!("crates/{}", entry?.file_name().to_string_lossy());
        if folder != RIVALS {
            paths.push(format!("{folder}/Cargo.toml"));
        }
    }
    let mut found = Vec::new();
    for path in paths.iter().filter(|path| root.join(path).exists()) {
        found.extend(check(path, &read(root, path)?));
    }
    Ok(found)
}

fn check(path: &str, text: &str) -> Vec<Violation> {
    let entries = entries(text);
    let has = |section: &str, key: &str, value: &str| {
        entries.iter().any(|entry| entry.section == section && entry.key == key && entry.value == value)
    };
    let mut found = Vec::new();
    let mut say = |message: String| found.push(Violation::file(path, RULE, message));

    for key in INHERITED {
        if !has("package", &format!("{key}.workspace"), "true") {
            say(format!("says `{key}.workspace = true`"));
        }
    }
    if !has("lints", "workspace", "true") {
        say("says `[lints] workspace = true`".to_owned());
    }
    let published = path.starts_with("crates/");
    if published && !entries.iter().any(|entry| entry.section == "package" && entry.key == "description") {
        say("describes its package".to_owned());
    }
    if !published && !has("package", "publish", "false") {
        say("says `publish = false`".to_owned());
    }
    if path == "crates/green-core/Cargo.toml" && !has("package", "links", "\"green-core\"") {
        say("says `links = \"green-core\"`: two cores would be two hubs on one OS thread".to_owned());
    }
    for entry in &entries {
        // `[dependencies.libc]` is the long form of a dependency.
        let long = entry.section.rsplit_once('.').is_some_and(|(section, _)| section.ends_with("dependencies"));
        let short = entry.section.ends_with("dependencies");
        // What has a path and no version, as green-tests, is never published.
        let local = entry.value.contains("path =") && !entry.value.contains("version =");
        let shared = local || entry.key.ends_with(".workspace") || entry.value.contains("workspace = true");
        if published && ((short && !shared) || (long && entry.key == "version")) {
            found.push(Violation {
                path: path.to_owned(),
                line: entry.line,
                rule: RULE,
                message: "versions of dependencies stand in the root manifest alone: `workspace = true`".to_owned(),
            });
        }
    }
    found
}

/// A line `key = value`, as far as the rule needs TOML.
struct Entry<'a> {
    section: &'a str,
    key: &'a str,
    value: &'a str,
    line: usize,
}

fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut section = "";
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.trim_matches(['[', ']']);
        } else if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            found.push(Entry { section, key: key.trim(), value: value.trim(), line: index + 1 });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::expect_lines;

    const GOOD: &str = "[package]\nname = \"a\"\ndescription = \"b\"\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\nauthors.workspace = true\n[lints]\nworkspace = true\n";

    fn check_with(path: &str, more: &str, lines: &[usize]) {
        let text = format!("{GOOD}{more}");
        expect_lines(check(path, &text), lines, &text);
    }

    #[test]
    fn packages_inherit() {
        check_with("crates/green-net/Cargo.toml", "", &[]);
        expect_lines(check("crates/green-net/Cargo.toml", "[package]\n"), &[0; 7], "");
        check_with("crates/green-core/Cargo.toml", "", &[0]);
        check_with("tests/Cargo.toml", "", &[0]);
        check_with("tests/Cargo.toml", "[package]\npublish = false\n", &[]);
    }

    #[test]
    fn versions_stand_at_the_root() {
        let path = "crates/green-net/Cargo.toml";
        check_with(path, "[dependencies]\nlibc.workspace = true\nmio = { workspace = true }\n", &[]);
        check_with(path, "[dependencies]\nlibc = \"1\"\n", &[12]);
        check_with(path, "[target.'cfg(unix)'.dependencies]\nlibc = { version = \"1\" }\n", &[12]);
        check_with(path, "[dependencies.libc]\nversion = \"1\"\n", &[12]);
    }
}
