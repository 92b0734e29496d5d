//! `cargo xtask ci`: what CI runs, with one sum at the end.

use crate::steps::Steps;
use crate::{loom, miri, parity, test};

/// Runs the task.
pub(crate) fn run() -> anyhow::Result<()> {
    let mut steps = Steps::new();
    test::run_in(&mut steps, &test::Args::everything());
    parity::run_in(&mut steps, &parity::Args::check());
    parity::run_upstream_in(&mut steps);
    steps.step("loom", |progress| loom::models(&loom::Args::brief(), progress));
    miri::run_in(&mut steps, &miri::Args::brief());
    steps.finish()
}
