//! The rows of pools.

use crate::bench::row::Disturbance::OthersOnTop;
use crate::bench::row::Row;
use crate::bench::row::Runtime::{Green, TokioCt, TokioMt};
use crate::bench::row::Target::Times;

/// Returns the rows.
pub(super) fn rows() -> Vec<Row> {
    calls().into()
}

/// Calls that do nothing, on an OS thread and back.
fn calls() -> [Row; 3] {
    let row = |name, arguments, rivals: &[_]| {
        Row::alone("pool", name, "calls", arguments).on(rivals).disturbed_by(OthersOnTop)
    };
    [
        row("a call on an OS thread, one at a time", "callers=1 total=100000", &[Green, TokioCt, TokioMt]).figure(
            "ns",
            "ns a round trip",
            [Times(1.5, TokioCt)],
        ),
        row("  hub and pool on one core", "cpu=0 callers=1 total=100000", &[Green, TokioCt, TokioMt]).figure(
            "ns",
            "ns a round trip",
            [Times(1.5, TokioCt)],
        ),
        row("  64 callers", "callers=64 total=400000", &[Green, TokioCt, TokioMt]).figure(
            "ns",
            "ns a round trip",
            [Times(1.5, TokioCt)],
        ),
    ]
}
