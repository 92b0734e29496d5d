//! `cargo xtask ci`: what CI runs, with one sum at the end.

use crate::steps::Steps;
use crate::{loom, miri, parity, test};

/// What `cargo xtask ci` takes.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Also std's own examples and tests, and Miri: half an hour, and what they need to be installed
    #[arg(long)]
    long: bool,
}

/// Runs the task.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let mut steps = Steps::new();
    test::run_in(&mut steps, &test::Args::everything());
    parity::run_in(&mut steps, &parity::Args::check());
    steps.step("loom", |progress| loom::models(&loom::Args::brief(), progress));
    if args.long {
        parity::run_upstream_in(&mut steps);
        miri::run_in(&mut steps, &miri::Args::brief());
    }
    steps.finish()
}
