//! How many connections this machine lets us hold, and how many OS threads.

use std::fs;
use std::path::Path;

use rlimit::Resource;

/// Beyond this the demo would only take longer.
const MOST: u64 = 50_000;

/// File descriptors that are not connections.
const OTHER_FDS: u64 = 256;

/// Memory for one connection, generously: both its sockets, and an OS thread with its kernel stack.
const PER_CONNECTION: u64 = 48 * 1024;

/// A limit and what sets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) count: u64,
    pub(super) set_by: String,
}

impl Limit {
    fn new(count: u64, set_by: impl Into<String>) -> Limit {
        Limit { count, set_by: set_by.into() }
    }
}

/// Raises this process's limit of file descriptors, which its children inherit, and returns how many connections fit
/// the machine.
pub(super) fn connections(wanted: Option<u64>) -> Limit {
    let wanted = wanted.map_or(Limit::new(MOST, "the demo's own bound"), |count| Limit::new(count, "--connections"));
    let fds = raise(Resource::NOFILE, wanted.count + OTHER_FDS);
    [
        Limit::new(fds.saturating_sub(OTHER_FDS), "ulimit -n"),
        // Half of it: others live here too.
        Limit::new(available_memory() / 2 / PER_CONNECTION, "free memory"),
    ]
    .into_iter()
    .fold(wanted, lower)
}

/// Returns how many OS threads a process may have here, with a margin that leaves the machine usable.
pub(super) fn threads() -> Limit {
    let processes = raise(Resource::NPROC, u64::MAX);
    let system = |name: &str| number_in(Path::new("/proc/sys").join(name)).unwrap_or(u64::MAX);
    let shared_with_others = [
        Limit::new(processes, "ulimit -u"),
        Limit::new(system("kernel/threads-max"), "kernel.threads-max"),
        Limit::new(system("kernel/pid_max"), "kernel.pid_max"),
        Limit::new(cgroup("pids", "pids.max", "pids.max"), "the control group's pids.max"),
    ];
    // Each of std's threads takes four mappings: its stack, the stack of its signal handler, and a guard for either.
    // Past the limit it aborts, so stay clear of it.
    let maps = Limit::new(system("vm/max_map_count") / 4 / 10 * 9, "vm.max_map_count");
    shared_with_others.into_iter().map(|limit| Limit { count: limit.count / 5 * 3, ..limit }).fold(maps, lower)
}

/// Returns the lower limit, the first one if they are equal.
pub(super) fn lower(one: Limit, other: Limit) -> Limit {
    if other.count < one.count { other } else { one }
}

/// Raises a soft limit towards `wanted`, and the hard one if we may; returns what it is then.
fn raise(resource: Resource, wanted: u64) -> u64 {
    let Ok((soft, hard)) = resource.get() else {
        return u64::MAX;
    };
    // Only root may raise the hard limit, so the first attempt may fail.
    if soft < wanted && resource.set(wanted, hard.max(wanted)).is_err() {
        // Allowed by definition; should it fail all the same, the soft limit counts.
        let _ = resource.set(wanted.min(hard), hard);
    }
    resource.get_soft().unwrap_or(soft)
}

fn available_memory() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let machine = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    let machine = machine.map_or(u64::MAX, |kilobytes| kilobytes * 1024);
    machine.min(cgroup("memory", "memory.max", "memory.limit_in_bytes"))
}

/// Returns the lowest limit that our control groups set: `unified` in version 2, `legacy` of `controller` in version 1.
fn cgroup(controller: &str, unified: &str, legacy: &str) -> u64 {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut lowest = u64::MAX;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup".to_owned(), unified),
            _ if controllers.split(',').any(|name| name == controller) => {
                (format!("/sys/fs/cgroup/{controller}"), legacy)
            }
            _ => continue,
        };
        // A group's limit holds for the groups in it.
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            lowest = lowest.min(number_in(Path::new(&root).join(group).join(file)).unwrap_or(u64::MAX));
        }
    }
    lowest
}

fn number_in(path: impl AsRef<Path>) -> Option<u64> {
    // A file may hold `max` instead of a number, or not exist.
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_limit_names_its_reason() {
        let (few, many) = (Limit::new(1, "few"), Limit::new(2, "many"));
        assert_eq!(lower(few.clone(), many.clone()), few);
        assert_eq!(lower(many, few.clone()), few);
        assert_eq!(lower(few.clone(), Limit::new(1, "also few")), few);
    }

    #[test]
    fn this_machine_has_limits() {
        assert!((1..=MOST).contains(&connections(None).count));
        assert!(threads().count > 0);
    }
}
