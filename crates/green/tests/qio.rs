//! The example `qio`, driven from outside: FEATURES §5.4, A30.

#[path = "ports/program.rs"]
#[expect(dead_code, reason = "this program does not serve")]
mod program;

use std::collections::HashSet;

/// Returns the thread of each line of `kind`, by the task's number.
fn threads<'a>(lines: &[&'a str], kind: &str) -> Vec<(usize, &'a str)> {
    let parse = |line: &&'a str| {
        let (task, thread) = line.strip_prefix("task ")?.split_once(&format!(": {kind} on "))?;
        Some((task.parse().unwrap(), thread))
    };
    lines.iter().filter_map(parse).collect()
}

#[test]
fn a30_completions_run_on_the_main_thread_one_at_a_time() {
    let output = program::command("qio").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let output = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = output.lines().collect();
    let main = lines[0].strip_prefix("main thread is ").unwrap();
    assert_eq!(lines.last(), Some(&"5 connections"));

    let workers = threads(&lines, "worker");
    assert_eq!(workers.iter().map(|(task, _)| *task).collect::<HashSet<_>>(), (1..=5).collect());
    assert!(workers.iter().all(|(_, thread)| *thread != main), "{output}");
    // The first worker's OS thread is free again when the other four begin, which are on different ones.
    assert_eq!(workers[0].0, 1);
    assert_eq!(workers[1..].iter().map(|(_, thread)| thread).collect::<HashSet<_>>().len(), 4, "{output}");

    let (begins, ends) = (threads(&lines, "completion begins"), threads(&lines, "completion ends"));
    assert_eq!(begins, ends);
    assert_eq!(begins[0].0, 1);
    assert_eq!(begins.len(), 5);
    assert!(begins.iter().all(|(_, thread)| *thread == main), "{output}");
    // One at a time: what begins is what ends next. The first is over before the other workers begin.
    let at = |text: &str| lines.iter().position(|line| line.starts_with(text)).unwrap();
    for (task, _) in begins {
        let begin = at(&format!("task {task}: completion begins"));
        let end = at(&format!("task {task}: completion ends"));
        let between = &lines[begin + 1..end];
        assert!(between.iter().all(|line| line.contains("worker")), "{output}");
    }
    assert!(at("task 1: completion begins") < (2..=5).map(|task| at(&format!("task {task}: worker"))).min().unwrap());
}
