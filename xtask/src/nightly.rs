//! The nightly toolchain, which some tasks cannot do without.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::process;

/// Returns the nightly's cargo: `cargo +nightly`, spoken so that the toolchain of the outer cargo is no matter.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]).args(arguments).current_dir(crate::root());
    // What the outer cargo says of its own toolchain, what would be added to the flags, and the mode of its user.
    process::withhold(&mut command, |name| {
        matches!(name, "CARGO" | "RUSTC" | "RUSTUP_TOOLCHAIN" | "RUSTFLAGS" | "GREEN" | "GREEN_HUBS")
    });
    command
}

/// Returns whether the nightly has a cargo of its own, with this subcommand.
pub(crate) fn has(subcommand: &str) -> bool {
    // A nightly without it may have a proxy of that name, which fails.
    let quiet = |command: &mut Command| command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    quiet(&mut cargo(&[subcommand, "--version"])).is_ok_and(|status| status.success())
}

/// Returns whether it has std's source, to build another std from.
pub(crate) fn has_source() -> bool {
    let root = Command::new("rustup").args(["run", "nightly", "rustc", "--print", "sysroot"]).output();
    root.is_ok_and(|output| {
        let root = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Path::new(&root).join("lib/rustlib/src/rust/library").exists()
    })
}

/// Returns the target that it builds for by itself.
pub(crate) fn host() -> Option<String> {
    let said = Command::new("rustup").args(["run", "nightly", "rustc", "-vV"]).output().ok()?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    said.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}
