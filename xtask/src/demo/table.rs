//! The one table that the demo ends with.

use std::time::Duration;

use super::client::Measured;
use super::server::Size;

/// What one server showed.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) connections: usize,
    pub(super) connecting: Duration,
    /// With all connections open and nothing to do.
    pub(super) idle: Size,
    pub(super) kernel_stacks: u64,
    /// After both loads.
    pub(super) busy: Size,
    pub(super) in_turn: Measured,
    pub(super) pipelined: Measured,
}

/// A label, and what it shows of a column; nothing for a heading.
type Row = (String, Option<fn(&Column) -> String>);

/// Returns the table; `in_turn` and `pipelined` say what the loads were.
pub(super) fn table(columns: &[Column], in_turn: &str, pipelined: &str) -> String {
    let row = |label: &str, cell: fn(&Column) -> String| -> Row { (label.to_owned(), Some(cell)) };
    let rows = [
        ("".to_owned(), Some((|column| column.name.clone()) as fn(&Column) -> String)),
        row("connections held", |column| grouped(column.connections as u64)),
        row("  opened per second", |column| grouped(rate(column.connections as u64, column.connecting))),
        row("OS threads", |column| grouped(column.busy.threads)),
        row("memory, all connections idle", |column| bytes(column.idle.memory)),
        row("  per connection", |column| bytes(column.idle.memory / column.connections.max(1) as u64)),
        row("  and in kernel stacks", |column| bytes(column.kernel_stacks)),
        row("memory after the loads", |column| bytes(column.busy.memory)),
        (in_turn.to_owned(), None),
        row("  requests per second", |column| grouped(rate(column.in_turn.requests, column.in_turn.elapsed))),
        row("  latency p50", |column| latency(&column.in_turn, 0.5)),
        row("  latency p99", |column| latency(&column.in_turn, 0.99)),
        row("  latency p99.9", |column| latency(&column.in_turn, 0.999)),
        row("  server's CPU per request", |column| cpu(&column.in_turn)),
        (pipelined.to_owned(), None),
        row("  requests per second", |column| grouped(rate(column.pipelined.requests, column.pipelined.elapsed))),
        row("  latency p50", |column| latency(&column.pipelined, 0.5)),
        row("  latency p99", |column| latency(&column.pipelined, 0.99)),
        row("  latency p99.9", |column| latency(&column.pipelined, 0.999)),
        row("  server's CPU per request", |column| cpu(&column.pipelined)),
    ];
    let cells: Vec<Vec<String>> =
        rows.iter().map(|(_, cell)| cell.map_or(Vec::new(), |cell| columns.iter().map(cell).collect())).collect();
    let is_cell_row = |index: &usize| !cells[*index].is_empty();
    let label_width = (0..rows.len()).filter(is_cell_row).map(|index| rows[index].0.chars().count()).max().unwrap_or(0);
    let cell_width = cells.iter().flatten().map(|cell| cell.chars().count()).max().unwrap_or(0) + 3;

    let mut text = String::new();
    for ((label, _), cells) in rows.iter().zip(&cells) {
        let mut line = format!("{label:<label_width$}");
        for cell in cells {
            line += &format!("{cell:>cell_width$}");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Returns how many of `count` happen in a second.
pub(super) fn rate(count: u64, elapsed: Duration) -> u64 {
    (count as f64 / elapsed.as_secs_f64().max(1e-9)) as u64
}

fn latency(measured: &Measured, quantile: f64) -> String {
    time(measured.latency.value_at_quantile(quantile) as f64)
}

fn cpu(measured: &Measured) -> String {
    time(measured.cpu.as_nanos() as f64 / measured.requests.max(1) as f64)
}

fn time(nanos: f64) -> String {
    match nanos {
        ..1e5 => format!("{:.1} µs", nanos / 1e3),
        ..1e6 => format!("{:.0} µs", nanos / 1e3),
        ..1e8 => format!("{:.1} ms", nanos / 1e6),
        _ => format!("{:.0} ms", nanos / 1e6),
    }
}

/// Returns an amount of memory in the unit that makes it easiest to read.
pub(super) fn bytes(count: u64) -> String {
    let kib = count as f64 / 1024.0;
    match kib {
        ..100.0 => format!("{kib:.1} KiB"),
        ..1024.0 => format!("{kib:.0} KiB"),
        _ => format!("{} MiB", grouped((kib / 1024.0).round() as u64)),
    }
}

/// Returns a number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!([grouped(0), grouped(999), grouped(1_000), grouped(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [bytes(512), bytes(200 << 10), bytes(5 << 20), bytes(5 << 30)],
            ["0.5 KiB", "200 KiB", "5 MiB", "5,120 MiB"]
        );
        assert_eq!(
            [time(1_500.0), time(250_000.0), time(2_500_000.0), time(2e8)],
            ["1.5 µs", "250 µs", "2.5 ms", "200 ms"]
        );
        assert_eq!(rate(50, Duration::from_millis(500)), 100);
    }

    #[test]
    fn columns_line_up() {
        let column = |name: &str| Column {
            name: name.to_owned(),
            connections: 1000,
            connecting: Duration::from_secs(1),
            idle: Size { threads: 3, memory: 5 << 20 },
            kernel_stacks: 0,
            busy: Size { threads: 3, memory: 6 << 20 },
            in_turn: measured(),
            pipelined: measured(),
        };
        let table = table(&[column("std"), column("green")], "one by one", "many");
        let mut lines = table.lines().filter(|line| !["one by one", "many"].contains(line));
        assert!(table.contains("\nconnections held"), "{table}");
        let width = lines.next().map(|line| line.chars().count());
        assert!(lines.all(|line| Some(line.chars().count()) == width), "{table}");
    }

    fn measured() -> Measured {
        let mut latency = hdrhistogram::Histogram::new(3).unwrap();
        latency.record(1000).unwrap();
        Measured { requests: 1, elapsed: Duration::from_secs(1), latency, cpu: Duration::from_millis(10) }
    }
}
