//! Many of everything, for a while, with nothing left over.
//!
//! Each test is short by default; `GREEN_STRESS_SECONDS` (set by `cargo xtask stress`) makes it as large as the issue
//! asks for. All traffic stays on loopback, and every loop is bounded.

mod connections;
mod mixture;
mod sync;
mod threads;

/// Returns true if the run may take its time.
fn is_long() -> bool {
    std::env::var_os("GREEN_STRESS_SECONDS").is_some()
}

/// Whether a sanitizer watches (`cargo xtask sanitize`): everything is slow then, and takes other amounts of memory.
const IS_WATCHED: bool = cfg!(any(green_asan, green_tsan));

/// Picks a size for this run.
fn size(short: usize, long: usize) -> usize {
    /// ThreadSanitizer knows 8,000 stacks at most.
    const WATCHED: usize = 10;
    match (is_long(), IS_WATCHED) {
        (true, _) => long,
        (false, false) => short,
        (false, true) => short / WATCHED,
    }
}

/// Returns whether an amount of memory is below a bound, or cannot be told from the sanitizer's own.
fn is_below(amount: usize, bound: usize) -> bool {
    amount < bound || IS_WATCHED
}

/// Returns the number of kilobytes on a line of `/proc/self/status`.
fn status_kb(field: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Memory that the process holds, page tables included, in kilobytes.
fn memory_kb() -> usize {
    status_kb("VmRSS:") + status_kb("VmPTE:")
}

/// Lets the tests of this process run one at a time: they measure its memory, and load the machine.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    // Held by the test's own OS thread, which waits for its green threads without giving it to anybody.
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Shows a measurement, past libtest's capture.
fn tell(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{line}");
}
