//! `cargo xtask docs`: the book, with the API reference beside it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, io};

use anyhow::{Context as _, bail};

use crate::process::{self, cargo, typed};
use crate::steps::{End, Progress, Steps};

/// What installs mdBook.
const INSTALL: &str = "cargo install mdbook --locked";

const LIMIT: Duration = Duration::from_secs(15 * 60);

/// What `cargo xtask docs` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Show the book in a browser, or the API reference where there is no mdBook
    #[arg(long)]
    open: bool,
}

/// Runs the task. Without mdBook the API reference is built all the same, and the task fails.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let has_book = Command::new("mdbook")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let book = crate::root().join("docs/book");
    let mut steps = Steps::new();
    if has_book {
        // First, because mdBook empties the folder that the reference goes into.
        steps.step("book", |progress| {
            let mut command = Command::new("mdbook");
            run_step(command.args(["build", "docs"]).current_dir(crate::root()), &book.join("index.html"), progress)
        });
    }
    let reference = target_folder()?.join("doc");
    let built = steps.step("API reference", |progress| {
        let mut command = cargo();
        command.args(["doc", "--no-deps", "--workspace", "--all-features"]);
        command.args(["--exclude", "xtask", "--exclude", "green-tests"]);
        run_step(&mut command, &reference.join("green/index.html"), progress)
    });
    if has_book && built {
        steps.step("reference into the book", |_| {
            let target = book.join("api");
            copy(&reference, &target)?;
            Ok(End::Good(target.join("green/index.html").display().to_string()))
        });
    }
    if args.open {
        open(&if has_book { book.join("index.html") } else { reference.join("green/index.html") })?;
    }
    let done = steps.finish();
    if !has_book {
        bail!("the book is not built: mdBook is not installed. This installs it:\n\n    {INSTALL}\n");
    }
    done
}

fn run_step(command: &mut Command, result: &Path, progress: &Progress) -> anyhow::Result<End> {
    let again = typed(command);
    let run = process::run(command, LIMIT, |_, line| progress.say(line.trim()))?;
    Ok(if run.succeeded() {
        End::Good(result.display().to_string())
    } else {
        End::Bad { why: format!("{}\n{}", run.end(), run.tail(200)), again }
    })
}

fn target_folder() -> anyhow::Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new().current_dir(crate::root()).no_deps().exec()?;
    Ok(metadata.target_directory.into())
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Shows a page by whatever the system shows pages with.
fn open(page: &Path) -> anyhow::Result<()> {
    let opener = match std::env::consts::OS {
        "macos" => "open",
        "windows" => "explorer",
        _ => "xdg-open",
    };
    Command::new(opener).arg(page).spawn().with_context(|| format!("cannot start {opener} for {}", page.display()))?;
    Ok(())
}
