//! The rows of datagrams, Unix sockets, files, names and children.

use crate::bench::row::Disturbance::{AnyWait, OthersOnTop};
use crate::bench::row::Row;
use crate::bench::row::Runtime::{Epoll, Go, Green, May, Threads, TokioCt};
use crate::bench::row::Target::{AtMost, Times};

/// Returns the rows.
pub(super) fn rows() -> Vec<Row> {
    datagram().into_iter().chain(files()).chain(outside()).collect()
}

fn datagram() -> [Row; 2] {
    let row = |name, workload| {
        let client = "cpu=1 cpus=0,1 warm_ms=300 ms=1000 connections=64".to_owned();
        Row::pair("datagram", name, "cpu=0", workload, client)
            .served_by(workload)
            .on(&[Epoll, Green, May, TokioCt, Go])
            .figure("server_cpu_us", "µs of server CPU a request", [Times(1.0, TokioCt)])
            .figure("per_s", "requests per second", [])
            .figure("latency_p99_us", "µs, p99", [])
    };
    [row("UDP echo, 64 peers", "udp"), row("Unix stream echo, 64 peers", "unix")]
}

fn outside() -> [Row; 2] {
    [
        Row::alone("outside", "200 names at once beside a 1 ms rhythm", "names", "names=200 rounds=200")
            .on(&[Green, TokioCt, Threads])
            .disturbed_by(OthersOnTop)
            .figure("late_p99_us", "µs late, p99", [AtMost(1000.0)])
            .figure("late_p50_us", "µs late, p50", [])
            .figure("names_per_s", "names a second", []),
        Row::alone("outside", "a child's end is seen", "children", "total=400")
            .on(&[Green, TokioCt, Threads])
            .disturbed_by(OthersOnTop)
            .figure("seen_p99_us", "µs after its last word, p99", [AtMost(1000.0)])
            .figure("seen_p50_us", "µs after its last word, p50", []),
    ]
}

fn files() -> [Row; 3] {
    let copy = |name, arguments| {
        Row::alone("fs", name, "copy", arguments)
            .on(&[Green, TokioCt, Threads])
            .disturbed_by(OthersOnTop)
            .at_most_rounds(3)
    };
    [
        Row::alone("fs", "fs::read, 4 KiB, cached", "read", "cpu=0 total=200000")
            .besides(TokioCt, "total=20000")
            .on(&[Green, TokioCt, Threads])
            .disturbed_by(AnyWait)
            .figure("ns", "ns", [Times(2.0, Threads)]),
        copy("fs::copy of 1 GiB beside a 1 ms rhythm", "megabytes=256 copies=4")
            .figure("late_p99_us", "µs late, p99", [AtMost(3000.0)])
            .figure("late_p50_us", "µs late, p50", [])
            .figure("mb_per_s", "MiB copied a second", []),
        copy("  all on one core", "cpu=0 megabytes=256 copies=4").figure("late_p99_us", "µs late, p99", []),
    ]
}
