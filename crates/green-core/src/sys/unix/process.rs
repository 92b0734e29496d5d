//! The process as the kernel shows it: its OS threads.

use std::fs;

/// Returns the names of the other OS threads of this process, as far as the kernel tells.
pub(crate) fn other_threads() -> Vec<String> {
    let own = thread_id().to_string();
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    let others = tasks.flatten().filter(|task| task.file_name().to_str() != Some(&own));
    // One that ends meanwhile has no name any more.
    let names = others.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.map(|name| name.trim_end().to_owned()).collect()
}

/// Returns true on the OS thread with which the process began.
pub(crate) fn is_main_thread() -> bool {
    // SAFETY: getpid takes nothing and cannot fail.
    thread_id() == unsafe { libc::getpid() }
}

fn thread_id() -> libc::pid_t {
    // SAFETY: gettid takes nothing and cannot fail.
    unsafe { libc::gettid() }
}
