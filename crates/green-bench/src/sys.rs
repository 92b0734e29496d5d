//! The system calls of the harness: affinity, processor time, memory.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// Keeps this OS thread, and all that it starts, on one processor.
pub(crate) fn pin(cpu: usize) {
    // SAFETY: all zeroes is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is ours; the macro's function checks the bound.
    unsafe { libc::CPU_SET(cpu, &mut set) };
    // SAFETY: pointer and size are of one set.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
    assert_eq!(result, 0, "cannot pin to processor {cpu}");
}

/// Returns the processors that this OS thread may use.
pub(crate) fn affinity() -> Vec<usize> {
    // SAFETY: all zeroes is an empty set.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: pointer and size are of one set.
    let result = unsafe { libc::sched_getaffinity(0, size_of_val(&set), &raw mut set) };
    assert_eq!(result, 0, "sched_getaffinity");
    // SAFETY: the set was filled, and the index is within it.
    (0..1024).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
}

/// Allows as many open descriptors as the hard limit does.
pub(crate) fn raise_descriptor_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the answer.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0 {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: `limit` is valid; a refusal shows when descriptors run out.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
}

/// Lets timeouts of this OS thread end when they are due and not up to 50 µs later.
pub(crate) fn wake_in_time() {
    // SAFETY: no pointers; the kernel takes a number of nanoseconds.
    let result = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
    assert_eq!(result, 0, "PR_SET_TIMERSLACK");
}

/// Returns the processor time of this process, of all its OS threads.
pub(crate) fn own_cpu() -> Duration {
    read_clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// Returns the processor time of another process, to the nanosecond, unlike `/proc`'s ticks.
pub(crate) fn cpu_of(pid: i32) -> Duration {
    let mut clock = 0;
    // SAFETY: `clock` is a valid place for the answer.
    let result = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    assert_eq!(result, 0, "process {pid} is gone");
    read_clock(clock)
}

fn read_clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    assert_eq!(result, 0, "clock_gettime");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Returns how often this process lost its processor to another one.
pub(crate) fn preemptions() -> i64 {
    // SAFETY: all zeroes is a valid `rusage`.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` is a valid place for the answer.
    let result = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    assert_eq!(result, 0, "getrusage");
    usage.ru_nivcsw
}

/// Returns how long the given processors had nothing to do since boot.
pub(crate) fn idle(cpus: &[usize]) -> Duration {
    let text = fs::read_to_string("/proc/stat").expect("/proc/stat");
    let mut ticks = 0;
    for line in text.lines() {
        let mut fields = line.split_ascii_whitespace();
        let number = fields.next().and_then(|name| name.strip_prefix("cpu")).and_then(|number| number.parse().ok());
        if number.is_some_and(|number: usize| cpus.contains(&number)) {
            // user, nice, system, then idle and iowait.
            ticks += fields.skip(3).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
        }
    }
    // USER_HZ is 100 on every Linux that Rust runs on.
    Duration::from_millis(ticks * 10)
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    pub(crate) page_tables: f64,
}

/// Returns the memory of a process.
pub(crate) fn memory(pid: &str) -> Memory {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("/proc/…/status");
    Memory { resident: kilobytes(&text, "VmRSS:"), page_tables: kilobytes(&text, "VmPTE:") }
}

/// Returns what the kernel could give without swapping, in bytes.
pub(crate) fn available_memory() -> f64 {
    kilobytes(&fs::read_to_string("/proc/meminfo").expect("/proc/meminfo"), "MemAvailable:")
}

fn kilobytes(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("a known line");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") * 1024.0
}

/// Returns how often the OS threads of this process, without the calling one, went to sleep or lost the processor.
pub(crate) fn context_switches() -> u64 {
    // SAFETY: no arguments, no failure.
    let own = unsafe { libc::gettid() }.to_string();
    let tasks = fs::read_dir("/proc/self/task").expect("/proc/self/task").flatten();
    let others = tasks.filter(|task| task.file_name().to_str() != Some(&own));
    let mut sum = 0;
    for task in others {
        let text = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let counts = text.lines().filter_map(|line| line.split_once("_ctxt_switches:"));
        sum += counts.filter_map(|(_, count)| count.trim().parse::<u64>().ok()).sum::<u64>();
    }
    sum
}

/// Returns the path of a process's Unix socket.
pub(crate) fn socket_of(pid: u32) -> PathBuf {
    std::env::temp_dir().join(format!("green-bench-{pid}.socket"))
}

/// Ends the process without destructors.
pub(crate) fn exit_now() -> ! {
    use std::io::Write as _;
    let _ = std::io::stdout().flush();
    // SAFETY: never returns; nothing of this process is needed any more.
    unsafe { libc::_exit(0) }
}

/// Returns the time on the clock that all processes share, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one `timespec`, which is ours.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    assert_eq!(result, 0, "a clock that Linux always has");
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
