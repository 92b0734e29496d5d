//! The rows of locks, cells and channels.

use crate::bench::row::Disturbance::{AnyWait, OthersOnTop};
use crate::bench::row::Row;
use crate::bench::row::Runtime::{Go, Green, May, Threads, TokioCt, TokioMt};
use crate::bench::row::Target::{Times, TimesBest};

/// Returns the rows.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(alone());
    rows.extend(contended());
    rows.extend(ping_pong());
    rows.extend(throughput());
    rows
}

/// From a green thread; std's from an OS thread.
fn alone() -> [Row; 4] {
    let row = |name, arguments| {
        Row::alone("sync", name, "lock", arguments).disturbed_by(AnyWait).figure("ns", "ns", [Times(1.1, Threads)])
    };
    [
        row("Mutex, lock and unlock, alone", "cpu=0 what=mutex total=20000000").on(&[Green, May, TokioCt, Go, Threads]),
        row("RwLock, read and unlock, alone", "cpu=0 what=rwlock total=20000000")
            .on(&[Green, May, TokioCt, Go, Threads]),
        // The rivals have none of their own, or none that is like std's.
        row("OnceLock, get", "cpu=0 what=once total=1000000000").on(&[Green, Threads]),
        row("LazyLock, deref", "cpu=0 what=lazy total=1000000000").on(&[Green, Threads]),
    ]
}

fn contended() -> [Row; 3] {
    let row = |name, arguments| {
        Row::alone("sync", name, "contended", arguments)
            .on(&[Green, May, TokioMt, Go, Threads])
            .besides(May, "total=3200000")
            .besides(TokioMt, "total=3200000")
            .besides(Go, "total=3200000")
            .figure("ns", "ns a turn", [Times(1.0, Threads)])
    };
    [
        row("64 on one Mutex, two hubs", "workers=2 from=root threads=64 total=12800000"),
        row("  spawned by one of them", "workers=2 threads=64 total=12800000"),
        Row::alone("sync", "64 yield with it locked, one hub", "contended", "cpu=0 yields=1 threads=64 total=1000000")
            .besides(Threads, "total=100000")
            .disturbed_by(AnyWait)
            .figure("ns", "ns a turn", [Times(0.5, May)]),
    ]
}

fn ping_pong() -> [Row; 3] {
    let pairs = |name, arguments| {
        Row::alone("sync", name, "channels", arguments)
            .on(&[Green, May, TokioMt, Go, Threads])
            .besides(Threads, "pairs=5 total=50000")
            .disturbed_by(OthersOnTop)
            .figure("ns", "ns a round trip", [Times(1.0, TokioMt)])
    };
    [
        Row::alone("sync", "mpsc ping-pong, one hub", "channels", "cpu=0 total=1000000")
            .besides(Threads, "total=100000")
            .disturbed_by(AnyWait)
            .figure("ns", "ns a round trip", [Times(0.5, TokioCt)]),
        // Many pairs, one after the other: how often one is split over two hubs is part of the figure.
        pairs("  on two hubs, parent green", "workers=2 pairs=20 total=400000"),
        pairs("  on two hubs, parent main", "workers=2 from=root pairs=20 total=400000"),
    ]
}

fn throughput() -> [Row; 4] {
    let one = |name, arguments| {
        Row::alone("sync", name, "throughput", arguments).disturbed_by(AnyWait).figure(
            "ns",
            "ns a message",
            [TimesBest(1.0, &[TokioCt, TokioMt])],
        )
    };
    // The receiver is main, and its OS thread is no worker's: sender and receiver are on two hubs whoever runs them.
    let two = |name, arguments| {
        Row::alone("sync", name, "throughput", arguments)
            .on(&[Green, May, TokioMt, Go, Threads])
            // Its main is a goroutine like any other.
            .besides(Go, "workers=2")
            .figure("ns", "ns a message", [])
    };
    [
        one("mpsc 1 → 1, one hub", "cpu=0 senders=1 total=2000000"),
        one("mpsc 4 → 1, one hub", "cpu=0 senders=4 total=2000000"),
        two("mpsc 1 → 1, two hubs", "from=root senders=1 total=2000000"),
        two("mpsc 4 → 1, two hubs", "from=root senders=4 total=2000000"),
    ]
}
