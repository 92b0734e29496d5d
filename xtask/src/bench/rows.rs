//! The rows of the table, and what must hold in each.

mod pool;
mod sync;
mod system;

use super::row::Disturbance::{AnyWait, Nothing, OthersOnTop};
use super::row::Runtime::{Epoll, Go, Green, May, Threads, TokioCt, TokioMt};
use super::row::Target::{AtLeastTimes, AtMost, Times, TimesBest, TimesGo, TimesOwn, TimesOwnRow};
use super::row::{Row, Runtime};

/// The groups, each of which can be run alone.
pub(super) const GROUPS: [&str; 16] = [
    "spawn",
    "yield",
    "wake",
    "sync",
    "memory",
    "timers",
    "precision",
    "echo",
    "datagram",
    "rest",
    "accept",
    "fs",
    "outside",
    "pool",
    "stall",
    "idle",
];

/// What serves connections without an OS thread for each.
const SERVERS: [Runtime; 6] = [Epoll, Green, May, TokioCt, TokioMt, Go];

/// Who can be woken by an OS thread that is none of the runtime's: in Go there is none without C.
const WAKERS: [Runtime; 5] = [Green, May, TokioCt, TokioMt, Threads];

/// Returns all rows.
pub(super) fn all() -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(spawn());
    rows.extend(yields());
    rows.extend(wakes());
    rows.extend(sync::rows());
    rows.extend(memory());
    rows.extend(timers());
    rows.extend(echo());
    rows.extend(system::rows());
    rows.extend(connections());
    rows.extend(pool::rows());
    rows.extend(stall());
    rows.push(
        Row::alone("idle", "a program with nothing to do", "idle", "ms=1000 workers=2")
            .disturbed_by(Nothing)
            .figure("wakeups_per_s", "wake-ups per second", [AtMost(0.0)])
            .at_most_rounds(3),
    );
    rows
}

fn spawn() -> [Row; 2] {
    [
        Row::alone("spawn", "spawn+join, 100 alive", "spawn", "cpu=0 alive=100 total=1000000")
            .besides(Threads, "total=10000")
            .disturbed_by(AnyWait)
            .figure("ns", "ns", [TimesGo { limit: 0.9, go_to_ct: 165.0 / 163.0 }]),
        Row::alone("spawn", "spawn+join, 10,000 alive", "spawn", "cpu=0 alive=10000 total=1000000")
            .besides(May, "total=50000")
            .besides(Threads, "total=10000")
            .disturbed_by(AnyWait)
            .figure("ns", "ns", [TimesGo { limit: 1.0, go_to_ct: 382.0 / 280.0 }]),
    ]
}

fn yields() -> [Row; 6] {
    [
        Row::alone("yield", "yield, 2 on one hub", "yield", "cpu=0 threads=2 total=5000000")
            .besides(Threads, "total=500000")
            .disturbed_by(AnyWait)
            .figure("ns", "ns", [Times(0.45, May)]),
        Row::alone("yield", "yield, 1,000 on one hub", "yield", "cpu=0 threads=1000 total=5000000")
            .besides(Threads, "total=200000")
            .disturbed_by(AnyWait)
            .figure("ns", "ns", [Times(0.65, TokioCt)]),
        Row::alone("yield", "yield, 20,000 on one hub", "yield", "cpu=0 threads=20000 total=4000000")
            .on(&[Green, May, TokioCt, TokioMt, Go])
            .disturbed_by(AnyWait)
            .figure("ns", "ns", [Times(1.1, TokioCt)]),
        Row::alone("yield", "  with stacks of 64 KiB", "yield", "cpu=0 threads=20000 total=4000000")
            .on(&[Green, TokioCt])
            .besides(Green, "stack=65536")
            .disturbed_by(AnyWait)
            .figure("ns", "ns", [Times(1.1, TokioCt)]),
        Row::alone("yield", "yield, 1,000 on two hubs", "yield", "workers=2 from=root threads=1000 total=10000000")
            .on(&[Green, May, TokioMt, Go, Threads])
            .besides(Threads, "total=400000")
            .figure("ns", "ns", [TimesOwnRow(0.55, "yield, 1,000 on one hub")]),
        Row::alone("yield", "  spawned by one of the two", "yield", "workers=2 threads=1000 total=10000000")
            .on(&[Green, May, TokioMt])
            .figure("ns", "ns", []),
    ]
}

fn wakes() -> [Row; 3] {
    [
        Row::alone("wake", "two that wake each other, one hub", "ping-pong", "cpu=0 total=2000000")
            .besides(Threads, "total=200000")
            .disturbed_by(AnyWait)
            .figure("ns", "ns a wake-up", []),
        Row::alone("wake", "from another core, hub awake", "wake", "cpu=0 waker=1 total=5000 pause_us=20 busy=1")
            .on(&WAKERS)
            .figure("wake_p50_us", "µs, p50", []),
        Row::alone("wake", "from another core, hub asleep", "wake", "cpu=0 waker=1 total=2000 pause_us=200")
            .on(&WAKERS)
            .disturbed_by(OthersOnTop)
            .figure("wake_p50_us", "µs, p50", [])
            .figure("wake_p99_us", "µs, p99", []),
    ]
}

fn memory() -> [Row; 3] {
    [
        Row::alone("memory", "100,000 asleep, 64 KiB stacks", "memory", "cpu=0 count=100000 needs=9000 stack=65536")
            // Beyond these the map count, or the descriptors and ids of a container, run out.
            .besides(May, "count=30000")
            .besides(Threads, "count=9000")
            .at_most_rounds(3)
            .disturbed_by(Nothing)
            .figure("rss_bytes", "bytes resident each", [AtMost(4500.0)])
            .figure("page_table_bytes", "bytes of page tables each", []),
        Row::alone("memory", "1,000,000 asleep, 64 KiB stacks", "memory", "count=1000000 needs=5000 stack=65536")
            .on(&[Green, TokioMt, Go])
            .disturbed_by(Nothing)
            .at_most_rounds(1)
            .figure("total_gb", "GB with page tables", [AtMost(5.0)])
            .figure("ns", "ns to spawn each", []),
        Row::alone("memory", "1,000,000 asleep, 2 MiB stacks", "memory", "count=1000000 needs=9500 stack=2097152")
            .on(&[Green])
            .disturbed_by(Nothing)
            .at_most_rounds(1)
            .figure("total_gb", "GB with page tables", [AtMost(10.0)])
            .figure("ns", "ns to spawn each", []),
    ]
}

fn timers() -> [Row; 5] {
    [
        // The floor is a heap and a timed wait, which is as late in the median as the target allows.
        Row::alone("timers", "1,000 × 20 sleeps", "timers", "cpu=0 threads=1000 sleeps=20")
            .on(&[Green, May, TokioCt, TokioMt, Go, Threads, Epoll])
            .besides(Epoll, "slack_us=125")
            .disturbed_by(OthersOnTop)
            .figure("late_p50_us", "µs late, p50", [AtMost(100.0)])
            .figure("cpu_ns", "ns of CPU a sleep", [Times(0.6, May)]),
        Row::alone("timers", "100,000 × 10 sleeps", "timers", "cpu=0 threads=100000 sleeps=10 stack=65536")
            .on(&[Green, TokioCt, TokioMt, Go, Epoll])
            .besides(Epoll, "slack_us=125")
            .figure("wall_s", "s", [TimesBest(0.8, &[TokioCt, TokioMt, Go])])
            .figure("cpu_s", "s of CPU", [TimesBest(0.8, &[TokioCt, TokioMt, Go])])
            .figure("late_p50_us", "µs late, p50", []),
        // The floor for whoever has a stack for each: a byte is written to a page where the stack would be.
        Row::alone("timers", "  the heap with a page for each", "timers", "cpu=0 threads=100000 sleeps=10 stack=65536")
            .on(&[Green, Epoll])
            .besides(Epoll, "slack_us=125 pitch=65536")
            .figure("wall_s", "s", [])
            .figure("cpu_s", "s of CPU", []),
        Row::alone("precision", "one sleeper, 100 µs", "precision", "cpu=0 span_us=100 total=2000")
            .disturbed_by(OthersOnTop)
            .besides(TokioCt, "total=200")
            .besides(TokioMt, "total=200")
            .besides(Go, "total=200")
            .at_most_rounds(3)
            .figure("late_p50_us", "µs late, p50", [])
            .figure("late_p99_us", "µs late, p99", []),
        Row::alone("precision", "one sleeper, 5 ms", "precision", "cpu=0 span_us=5000 total=100")
            .disturbed_by(OthersOnTop)
            .at_most_rounds(3)
            .figure("late_p50_us", "µs late, p50", []),
    ]
}

fn echo() -> Vec<Row> {
    let row = |name, connections: usize| {
        let client = format!("cpu=1 cpus=0,1 warm_ms=300 ms=1000 connections={connections}");
        Row::pair("echo", name, "cpu=0", "echo", client).on(&SERVERS)
    };
    let cpu = "µs of server CPU a request";
    let (below_may, below_go) = (Times(1.0, May), Times(1.0, Go));
    let p99 = [Times(1.0, TokioCt)];
    vec![
        row("echo, 1 connection", 1)
            .disturbed_by(OthersOnTop)
            .on(&[Epoll, Green, May, TokioCt, TokioMt, Go, Threads])
            .figure("server_cpu_us", cpu, [])
            .figure("latency_p50_us", "µs, p50", []),
        row("echo, 64 connections", 64)
            .on(&[Epoll, Green, May, TokioCt, TokioMt, Go, Threads])
            .figure("server_cpu_us", cpu, [Times(1.05, Epoll), below_may, below_go])
            .figure("latency_p99_us", "µs, p99", p99),
        row("echo, 1,000 connections", 1000)
            .on(&[Epoll, Green, May, TokioCt, TokioMt, Go, Threads])
            .figure("server_cpu_us", cpu, [Times(1.08, Epoll), below_may, below_go])
            .figure("latency_p99_us", "µs, p99", p99),
        row("echo, 10,000 connections", 10_000)
            .figure("server_cpu_us", cpu, [Times(1.35, Epoll), below_may, below_go])
            .figure("latency_p99_us", "µs, p99", p99),
        // The floor for whoever has a stack for each: their buffers lie as the stacks do.
        row("  1,000, epoll's buffers 2 MiB apart", 1000)
            .on(&[Epoll, Green])
            .besides(Epoll, "pitch=2101248")
            .figure("server_cpu_us", cpu, [Times(1.08, Epoll)])
            .figure("latency_p99_us", "µs, p99", []),
        row("  1,000, stacks and buffers 64 KiB apart", 1000)
            .on(&[Epoll, Green])
            .besides(Epoll, "pitch=69632")
            .besides(Green, "stack=65536")
            .figure("server_cpu_us", cpu, [Times(1.08, Epoll)])
            .figure("latency_p99_us", "µs, p99", []),
        // With 2 MiB each stack has a page of page tables to itself, and all of them miss.
        row("  1,000, stacks of 64 KiB", 1000)
            .on(&[Epoll, Green, TokioCt])
            .besides(Green, "stack=65536")
            .figure("server_cpu_us", cpu, [Times(1.08, Epoll)])
            .figure("latency_p99_us", "µs, p99", p99),
        row("  10,000, stacks of 64 KiB", 10_000)
            .on(&[Epoll, Green, TokioCt])
            .besides(Green, "stack=65536")
            .figure("server_cpu_us", cpu, [Times(1.35, Epoll)])
            .figure("latency_p99_us", "µs, p99", p99),
        Row::pair(
            "echo",
            "echo, 1,000 connections, nobody pinned",
            "workers=2",
            "echo",
            "cpus=0,1 warm_ms=300 ms=1000 connections=1000".to_owned(),
        )
        .on(&[Epoll, Green, May, TokioMt, Go, Threads])
        .figure("per_s", "requests per second", [AtLeastTimes(1.1, TokioMt)])
        .figure("latency_p99_us", "µs, p99", []),
    ]
}

fn connections() -> [Row; 2] {
    [
        Row::pair(
            "rest",
            "10,000 connections at rest, 64 KiB stacks",
            "cpu=0 stack=65536",
            "rest",
            "cpu=1 cpus=0,1 connections=10000 churn=2".to_owned(),
        )
        .on(&SERVERS)
        .disturbed_by(Nothing)
        .at_most_rounds(3)
        .figure("rss_bytes", "bytes resident each", [AtMost(4700.0)])
        .figure("rss_after_churn_bytes", "after all were replaced twice", [TimesOwn(1.02, "rss_bytes")])
        .figure("rss_after_close_bytes", "after all were closed", []),
        Row::pair(
            "accept",
            "accept, one echo, close",
            "cpu=0",
            "accept",
            "cpu=1 cpus=0,1 warm_ms=300 ms=1000 concurrent=64".to_owned(),
        )
        .on(&SERVERS)
        .figure("server_cpu_us", "µs of server CPU each", [])
        .figure("per_s", "connections per second", []),
    ]
}

/// Who computes works for 10 ms at a time: a request that decodes an image, say. Nobody is pinned.
fn stall() -> [Row; 4] {
    let row = |name, server| {
        let client = "cpus=0,1 warm_ms=300 ms=1500 connections=64 every_us=6400".to_owned();
        Row::pair("stall", name, server, "paced", client)
            .disturbed_by(OthersOnTop)
            .on(&[Green, May, TokioMt, Go, Threads])
            .figure("latency_p50_us", "µs, p50", [])
            .figure("latency_p99_us", "µs, p99", [])
    };
    [
        row("64 B echo, 10,000 a second, nothing stolen", "workers=2"),
        row("64 B echo, 6 % of a core stolen", "workers=2 hogs=1 burn_us=10000 rest_us=156000"),
        row("64 B echo, 64 % of a core stolen", "workers=2 hogs=4 burn_us=10000 rest_us=52500"),
        row("64 B echo, 160 % of a core stolen", "workers=2 hogs=10 burn_us=10000 rest_us=52500"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::row::Target;

    #[test]
    fn every_group_has_rows_and_every_row_a_group() {
        for group in GROUPS {
            assert!(all().iter().any(|row| row.group == group), "{group}");
        }
        for row in all() {
            assert!(GROUPS.contains(&row.group), "{}", row.group);
        }
    }

    #[test]
    fn every_target_can_be_computed() {
        let rows = all();
        for row in &rows {
            for target in row.figures.iter().flat_map(|figure| &figure.targets) {
                let found = match *target {
                    Target::AtMost(_) => true,
                    Times(_, rival) | AtLeastTimes(_, rival) => row.runtimes.contains(&rival),
                    TimesBest(_, rivals) => rivals.iter().all(|rival| row.runtimes.contains(rival)),
                    TimesOwnRow(_, name) => rows.iter().any(|other| other.name == name && other.group == row.group),
                    TimesOwn(_, metric) => row.figures.iter().any(|figure| figure.metric == metric),
                    TimesGo { .. } => row.runtimes.contains(&TokioCt),
                };
                assert!(found, "{}: {target:?}", row.name);
            }
        }
    }
}
