//! What the process needs.

/// Returns the resident memory of the process in KiB.
pub(crate) fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("this line is always there");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}
