//! Where std's sources are, and the libraries that its examples and tests are compiled against.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use cargo_metadata::Message;

use super::doc_examples::Std;
use crate::parity::rustc;
use crate::process::{self, Stream, cargo};

/// What installs std's sources.
pub(super) const INSTALL: &str = "rustup component add rust-src";

/// How long a build of green, or of all tests of std, may take.
pub(super) const BUILD_LIMIT: Duration = Duration::from_secs(15 * 60);

/// Returns the folder of the crate `std` in the sources that the toolchain has, or `None` if it has none.
pub(super) fn sources() -> anyhow::Result<Option<PathBuf>> {
    let folder = Path::new(&rustc(&["--print", "sysroot"])?).join("lib/rustlib/src/rust/library/std");
    Ok(folder.join("src/lib.rs").exists().then_some(folder))
}

/// What a crate that is made of std's sources is compiled against.
#[derive(Debug)]
pub(super) struct Libraries {
    green: PathBuf,
    libc: PathBuf,
}

impl Libraries {
    /// Builds green.
    pub(super) fn build() -> anyhow::Result<Self> {
        let mut command = cargo();
        command.args(["build", "-p", "green", "--lib", "--message-format=json-render-diagnostics"]);
        let run = process::run(&mut command, BUILD_LIMIT, |_, _| {})?;
        if !run.succeeded() {
            bail!("green does not build: {}\n{}", run.end(), run.tail(40));
        }
        let mut found: [Option<PathBuf>; 2] = [None, None];
        for (_, line) in run.output.iter().filter(|(stream, _)| *stream == Stream::Out) {
            if let Ok(Message::CompilerArtifact(artifact)) = serde_json::from_str(line)
                && let Some(at) = ["green", "libc"].iter().position(|name| *name == artifact.target.name)
            {
                let mut files = artifact.filenames.into_iter();
                found[at] = files.find(|file| file.extension() == Some("rlib")).map(PathBuf::from).or(found[at].take());
            }
        }
        let [green, libc] = found;
        let green = green.context("cargo names no library of green")?;
        Ok(Self { green, libc: libc.context("cargo names no library of libc")? })
    }

    /// Returns the arguments of rustc and rustdoc that make the libraries known.
    pub(super) fn arguments(&self, std: Std) -> anyhow::Result<Vec<String>> {
        let folder = self.green.parent().context("green's library lies in a folder")?;
        let deps = if folder.ends_with("deps") { folder.to_owned() } else { folder.join("deps") };
        let mut arguments = vec!["-L".to_owned(), format!("dependency={}", deps.display())];
        arguments.extend(["--extern".to_owned(), format!("libc={}", self.libc.display())]);
        // A compiler that knows green calls std's own types by green's paths.
        if std == Std::Green {
            arguments.extend(["--extern".to_owned(), format!("green={}", self.green.display())]);
        }
        Ok(arguments)
    }
}

/// Returns rustdoc's command: that of the rustc that cargo uses.
pub(super) fn rustdoc() -> Command {
    Command::new(env::var_os("RUSTDOC").unwrap_or_else(|| "rustdoc".into()))
}
