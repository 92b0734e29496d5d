//! The parallel grep.

use crate::program;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

/// A tree with what a search may meet.
fn tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for sub in ["a", "a/deep", "b", "many"] {
        fs::create_dir(at(sub)).unwrap();
    }
    fs::write(at("a/one.txt"), "first needle\nnothing\nlast NEEDLE without an end").unwrap();
    fs::write(at("a/deep/two.txt"), "nothing\nneedle needle\n").unwrap();
    fs::write(at("b/binary"), b"needle\0\nneedle\n").unwrap();
    fs::write(at("b/empty"), "").unwrap();
    fs::write(at("b/latin"), b"needle \xe9\r\n").unwrap();
    symlink(at("a"), at("b/loop")).unwrap();
    symlink(at("nowhere"), at("b/dangling")).unwrap();
    assert!(Command::new("mkfifo").arg(at("b/pipe")).status().unwrap().success());
    fs::write(at("b/long"), [&b"x".repeat(300_000)[..], b"needle\n"].concat()).unwrap();
    for n in 0..60 {
        fs::write(at(&format!("many/{n}")), format!("needle {n}\n").repeat(n % 7)).unwrap();
    }
    folder
}

/// What one run had to say.
#[derive(Debug, PartialEq)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(build: &str, folder: &Path, args: &[&str]) -> Said {
    let output = program::command(build).args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string().replace("\\n", "\n");
    Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// Runs both builds, which must say the same, and returns it.
#[track_caller]
fn both(folder: &Path, args: &[&str]) -> Said {
    let on_std = run("pgrep_std", folder, args);
    assert_eq!(run("pgrep_green", folder, args), on_std, "{args:?}");
    on_std
}

#[track_caller]
fn check(folder: &Path, args: &[&str], code: i32, out: &str, err: &str) {
    let expected = Said { code: Some(code), out: out.to_owned(), err: err.to_owned() };
    assert_eq!(both(folder, args), expected, "{args:?}");
}

#[test]
fn lines_come_in_the_order_of_the_walk() {
    let tree = tree();
    let folder = tree.path();
    check(
        folder,
        &["-n", "--summary", "needle", "a", "b"],
        0,
        &format!(
            "a/deep/two.txt:2:needle needle\na/one.txt:1:first needle\nb/binary: binary file matches\nb/latin:1:needle \\xe9\\r\nb/long:1:{}needle\n",
            "x".repeat(300_000)
        ),
        "5 lines in 5 of 6 files, 300094 bytes, 0 errors\n",
    );
    check(folder, &["-i", "needle", "a/one.txt"], 0, "first needle\nlast NEEDLE without an end\n", "");
    check(folder, &["-c", "needle", "b/latin", "b/empty"], 0, "b/latin:1\nb/empty:0\n", "");
    for threads in ["1", "3", "50"] {
        let said = both(folder, &["--threads", threads, "-n", "needle", "many"]);
        let lines: Vec<_> = said.out.lines().collect();
        assert_eq!(lines.len(), (0..60).map(|n| n % 7).sum::<usize>());
        assert!(lines.is_sorted_by_key(|line| line.split(':').next()), "{said:?}");
    }
}

#[test]
fn the_code_tells_a_match_from_none_from_an_error() {
    let tree = tree();
    let folder = tree.path();
    check(folder, &["needle", "a/one.txt"], 0, "first needle\n", "");
    check(folder, &["hay", "a", "b"], 1, "", "");
    check(folder, &["-q", "needle", "."], 0, "", "");
    let missing = "pgrep: gone: No such file or directory (os error 2)\n";
    check(folder, &["needle", "gone", "a/one.txt"], 2, "a/one.txt:first needle\n", missing);
    check(folder, &["-q", "needle", "gone", "a/one.txt"], 0, "", missing);
    check(folder, &["-l", "needle", "b/latin", "a"], 0, "b/latin\na/deep/two.txt\na/one.txt\n", "");
    for usage in [&["-x", "needle", "."][..], &["needle"], &["--threads", "0", "needle", "."], &["--filter"]] {
        assert_eq!(both(folder, usage).code, Some(2), "{usage:?}");
    }
}

#[test]
fn what_may_not_be_read_is_reported_and_the_rest_searched() {
    let tree = tree();
    let folder = tree.path();
    for (path, mode) in [("a/deep", 0o000), ("b/latin", 0o000)] {
        fs::set_permissions(folder.join(path), fs::Permissions::from_mode(mode)).unwrap();
    }
    // Root may read everything: then both find everything.
    let is_root = fs::read_dir(folder.join("a/deep")).is_ok();
    let said = both(folder, &["-l", "needle", "a", "b"]);
    if !is_root {
        assert_eq!(said.code, Some(2));
        assert_eq!(said.err.matches("Permission denied (os error 13)").count(), 2, "{said:?}");
    }
    fs::set_permissions(folder.join("a/deep"), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn files_go_through_a_filter() {
    let tree = tree();
    let folder = tree.path();
    check(folder, &["--filter", "tr a-z A-Z", "FIRST", "a"], 0, "a/one.txt:FIRST NEEDLE\n", "");
    // It reads nothing, or less than everything, or answers before it reads.
    check(folder, &["--filter", "echo needle", "-c", "needle", "b/long", "b/empty"], 0, "b/long:1\nb/empty:1\n", "");
    check(folder, &["--filter", "head -c 3", "xxx", "b/long"], 0, "xxx\n", "");
    check(folder, &["--filter", "yes needle; cat", "-l", "needle", "b/long"], 0, "b/long\n", "");
    check(folder, &["--filter", "exit 3", "needle", "b/empty"], 2, "", "pgrep: b/empty: exit 3: exit status: 3\n");
    check(
        folder,
        &["--filter", "kill -9 $$", "needle", "b/empty"],
        2,
        "",
        "pgrep: b/empty: kill -9 $$: signal: 9 (SIGKILL)\n",
    );
    let said = both(folder, &["--filter", "cat", "--threads", "8", "-n", "needle", "many"]);
    assert_eq!(said, both(folder, &["-n", "needle", "many"]));
}

#[test]
fn compressed_files_are_searched_by_way_of_gunzip() {
    if Command::new("gzip").arg("--version").stdout(Stdio::null()).status().is_err() {
        let _ = writeln!(std::io::stderr(), "skipped: there is no gzip");
        return;
    }
    let tree = tree();
    let folder = tree.path();
    let plain = "needle in a haystack\n".repeat(50_000);
    fs::write(folder.join("a/big"), &plain).unwrap();
    assert!(Command::new("gzip").args(["-r", "a"]).current_dir(folder).status().unwrap().success());
    check(
        folder,
        &["--filter", "gunzip -c", "-c", "--summary", "needle", "a"],
        0,
        "a/big.gz:50000\na/deep/two.txt.gz:1\na/one.txt.gz:1\n",
        &format!("50002 lines in 3 of 3 files, {} bytes, 0 errors\n", plain.len() + 22 + 47),
    );
}

#[test]
fn a_reader_who_has_enough_ends_the_search() {
    let tree = tree();
    fs::write(tree.path().join("a/big"), "needle in a haystack\n".repeat(200_000)).unwrap();
    for build in ["pgrep_std", "pgrep_green"] {
        let mut search = program::command(build);
        search.args(["needle", "."]).current_dir(tree.path()).stdout(Stdio::piped());
        let mut search = search.spawn().unwrap();
        // Closed at once.
        drop(search.stdout.take());
        assert_eq!(search.wait().unwrap().code(), Some(2), "{build}");
    }
}
