//! `cargo xtask parity`: every stable item, method and trait impl of std, looked for in green by the compiler.
//!
//! 1. [`pages`] reads what std has out of the documentation that the toolchain ships, into an [`mod@inventory`]. Where there
//!    is none, the checked-in inventory stands in.
//! 2. [`probe`] makes a piece of code for each thing; [`compiler`] says which of them compile, against std first.
//! 3. [`survey`] sorts what came out: mirrored, re-exported, absent.
//! 4. What is absent has a reason in [`absent`], or the task fails; [`table`] writes the page of the book.

mod absent;
mod compiler;
mod inventory;
mod pages;
mod probe;
mod survey;
mod table;
mod upstream;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::steps::{End, Progress, Steps};
use compiler::Compiler;
use inventory::Inventory;
use survey::Survey;

/// The page of the book that the task writes.
const PAGE: &str = "docs/src/reference/parity.md";

/// The inventory for toolchains without documentation.
const CHECKED_IN: &str = "xtask/src/parity/std.txt";

/// What installs the documentation.
const INSTALL: &str = "rustup component add rust-docs";

/// What `cargo xtask parity` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Write the inventory of this toolchain's std to xtask/src/parity/std.txt
    #[arg(long)]
    update: bool,
    /// Fail if the page of the book is not what it should be, instead of writing it
    #[arg(long)]
    check: bool,
    /// Print what each absence looks like to the compiler
    #[arg(long)]
    verbose: bool,
    /// Instead, run the examples of std's documentation with std and with green (needs rust-src)
    #[arg(long, conflicts_with = "update")]
    examples: bool,
    /// Instead, run std's own tests with std and with green (needs rust-src)
    #[arg(long, conflicts_with = "update")]
    std_tests: bool,
    /// Only those of std's files whose path contains this
    #[arg(long, default_value = "", hide_default_value = true)]
    file: String,
}

impl Args {
    /// What CI asks.
    pub(crate) fn check() -> Self {
        Self { update: false, check: true, verbose: false, examples: false, std_tests: false, file: String::new() }
    }
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut steps = Steps::new();
    if args.examples || args.std_tests {
        let Args { check, verbose, .. } = *args;
        let options = upstream::Options { file: &args.file, check, may_skip: false, verbose };
        run_upstream(&mut steps, args, &options);
    } else {
        run_in(&mut steps, args);
    }
    steps.finish()
}

/// Runs the task as a part of a longer one.
pub(crate) fn run_in(steps: &mut Steps, args: &Args) {
    steps.step("parity", |progress| parity(args, progress));
}

/// Runs std's own examples and tests, where the toolchain has them, as a part of a longer task.
pub(crate) fn run_upstream_in(steps: &mut Steps) {
    let args = Args { examples: true, std_tests: true, ..Args::check() };
    let options = upstream::Options { file: "", check: true, may_skip: true, verbose: false };
    run_upstream(steps, &args, &options);
}

fn run_upstream(steps: &mut Steps, args: &Args, options: &upstream::Options<'_>) {
    if args.examples {
        steps.step("std's examples", |progress| upstream::examples(options, progress));
    }
    if args.std_tests {
        steps.step("std's tests", |progress| upstream::std_tests(options, progress));
    }
}

fn parity(args: &Args, progress: &Progress) -> anyhow::Result<End> {
    progress.say("reading std's documentation");
    let inventory = inventory(args, progress)?;
    progress.say("building green");
    let metadata = compiler::build_green()?;
    let target = cargo_metadata::MetadataCommand::new().current_dir(crate::root()).no_deps().exec()?.target_directory;
    let compiler = Compiler { folder: PathBuf::from(target).join("parity") };
    let survey = Survey::take(&inventory, &compiler, metadata, |what| progress.say(what))?;
    if args.verbose {
        print!("{}", survey.notes());
    }

    let verdict = absent::compare(&survey.absent);
    let page = table::page(&inventory, &survey, &verdict);
    let path = crate::root().join(PAGE);
    let fresh = fs::read_to_string(&path).is_ok_and(|found| found == page);
    let mut wrong = survey.complaints() + &verdict.complaints();
    if args.check && !fresh {
        wrong.push_str(&format!("{PAGE} is not what `cargo xtask parity` writes: run it\n"));
    }
    if !args.check && !fresh {
        fs::write(&path, page).with_context(|| format!("cannot write {PAGE}"))?;
    }
    let counts = survey.counts();
    Ok(if wrong.is_empty() {
        End::Good(counts)
    } else {
        End::Bad { why: format!("{counts}\n{wrong}"), again: "cargo xtask parity".to_owned() }
    })
}

/// Returns what std has: by its documentation, or by the checked-in inventory.
fn inventory(args: &Args, progress: &Progress) -> anyhow::Result<Inventory> {
    let checked_in = crate::root().join(CHECKED_IN);
    let root = rustc(&["--print", "sysroot"])?;
    let version = rustc(&["--version"])?;
    let version = version.split_whitespace().nth(1).context("rustc tells its version")?;
    let folder = Path::new(&root).join("share/doc/rust/html/std");
    if !folder.join("index.html").exists() {
        if args.update {
            bail!("this toolchain has no documentation to read. This installs it:\n\n    {INSTALL}\n");
        }
        let text = fs::read_to_string(&checked_in).with_context(|| format!("cannot read {CHECKED_IN}"))?;
        let inventory = inventory::parse(&text)?;
        progress.print(&format!(
            "this toolchain has no documentation ({INSTALL}): going by {CHECKED_IN}, which is of {}",
            inventory.version
        ));
        return Ok(inventory);
    }
    let inventory = pages::read(&folder, version)?;
    let text = inventory.to_string();
    let found = fs::read_to_string(&checked_in).unwrap_or_default();
    if args.update && found != text {
        fs::write(&checked_in, &text).with_context(|| format!("cannot write {CHECKED_IN}"))?;
    } else if found != text && found.lines().next() == text.lines().next() {
        bail!("{CHECKED_IN} is not what the documentation says: run `cargo xtask parity --update`");
    }
    Ok(inventory)
}

fn rustc(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).args(arguments).output()?;
    if !output.status.success() {
        bail!("rustc {} fails: {}", arguments.join(" "), output.status);
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
