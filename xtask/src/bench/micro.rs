//! `cargo xtask bench micro`: the criterion benches, one operation each.

use anyhow::bail;
use cargo_metadata::MetadataCommand;

use crate::process::{cargo, typed};

/// What `cargo xtask bench micro` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Only benches whose name contains this
    group: Option<String>,
    /// Only this package's
    #[arg(short, long)]
    package: Option<String>,
    /// Save the numbers under this name, to compare with later
    #[arg(long, value_name = "NAME")]
    save_baseline: Option<String>,
    /// Compare with the numbers saved under this name
    #[arg(long, value_name = "NAME", conflicts_with = "save_baseline")]
    baseline: Option<String>,
}

/// Runs the task. criterion shows its own progress.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().current_dir(crate::root()).no_deps().exec()?;
    let mut command = cargo();
    command.arg("bench");
    let mut found = false;
    for package in &metadata.packages {
        if args.package.as_ref().is_some_and(|wanted| *package.name != *wanted) {
            continue;
        }
        let benches: Vec<_> = package.targets.iter().filter(|target| target.is_bench()).collect();
        if !benches.is_empty() {
            command.args(["--package", package.name.as_str()]);
            found = true;
        }
        for bench in benches {
            // By name: cargo would also hand criterion's arguments to the unit tests of a library.
            command.args(["--bench", &bench.name]);
        }
    }
    if !found {
        bail!("there is no bench yet: crates/*/benches/*.rs, named in the crate's manifest with harness = false");
    }
    command.arg("--").args(&args.group);
    command.args(args.save_baseline.iter().flat_map(|name| ["--save-baseline", name]));
    command.args(args.baseline.iter().flat_map(|name| ["--baseline", name]));
    let shown = typed(&command);
    println!("{shown}");
    let status = command.status()?;
    if !status.success() {
        bail!("`{shown}`: {status}");
    }
    Ok(())
}
