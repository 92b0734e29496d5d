//! What needs a process of its own: counts of descriptors and OS threads, and a process with no descriptor left.

use std::fs::{self, File};
use std::io;
use std::time::Duration;

use green_process::os::unix::CommandExt;
use green_process::signal::{SIGUSR1, Signals};
use green_process::{Child, Command, Stdio};
use green_tests::{Mode, holds_in};
use green_thread as thread;

use crate::support::{alone, exists, raise, until};

fn count(folder: &str) -> usize {
    fs::read_dir(folder).unwrap().count()
}

/// Returns the children that this process has, zombies too.
fn children() -> String {
    let mut all = String::new();
    for task in fs::read_dir("/proc/self/task").unwrap() {
        all += &fs::read_to_string(task.unwrap().path().join("children")).unwrap_or_default();
    }
    all
}

/// Does everything once that has to do with children.
fn everything() {
    let output = Command::new("sh").args(["-c", "echo x; echo y >&2"]).output().unwrap();
    assert_eq!(output.stdout, b"x\n");
    assert!(Command::new("true").status().unwrap().success());
    assert!(Command::new("/no/such/program").spawn().is_err());
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    assert_eq!(child.wait_with_timeout_kept().unwrap(), None);
    thread::scope(|scope| {
        let victim = scope.spawn(|| child.wait());
        thread::yield_now();
        let _ = victim.kill();
        let _ = victim.join();
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let mut signals = Signals::new([SIGUSR1]).unwrap();
    assert_eq!(signals.wait_timeout(Duration::from_micros(10)).unwrap(), None);
}

trait WaitKept {
    fn wait_with_timeout_kept(&mut self) -> io::Result<Option<green_process::ExitStatus>>;
}

impl WaitKept for Child {
    /// A timed wait that leaves the child its input.
    fn wait_with_timeout_kept(&mut self) -> io::Result<Option<green_process::ExitStatus>> {
        let stdin = self.stdin.take();
        let result = self.wait_timeout(Duration::from_micros(200));
        self.stdin = stdin;
        result
    }
}

#[test]
fn nothing_is_left_open_and_nobody_a_zombie() {
    alone("alone::nothing_is_left_open_and_nobody_a_zombie", None, || {
        let round = || {
            let threads: Vec<_> = (0..4).map(|_| thread::spawn(everything)).collect();
            everything();
            for thread in threads {
                thread.join().unwrap();
            }
        };
        round();
        let before = count("/proc/self/fd");
        for _ in 0..10 {
            round();
        }
        // Hubs and OS threads that were not needed in the first round have descriptors of their own; and under
        // GREEN=off an OS thread takes its hub's with it a moment after it was joined.
        let hubs = 3 * thread::available_parallelism().unwrap().get();
        until("the descriptors are closed", || count("/proc/self/fd") <= before + hubs);
        until("the children are reaped", || children().is_empty());
    });
}

#[test]
fn a_thousand_children_at_once() {
    alone("alone::a_thousand_children_at_once", None, || {
        // A descriptor for each child and one for what it reads, and no more of either than we may have.
        let limit = limit_of_files();
        let many = 1000.min((limit.saturating_sub(100)) / 2);
        let (input, hold) = io::pipe().unwrap();
        let threads: Vec<_> = (0..many)
            .map(|_| {
                let mut child =
                    Command::new("cat").stdin(input.try_clone().unwrap()).stdout(Stdio::null()).spawn().unwrap();
                (child.id(), thread::spawn(move || child.wait().unwrap()))
            })
            .collect();
        drop(input);
        if Mode::current() != Mode::Off {
            let os_threads = count("/proc/self/task");
            assert!(os_threads < 40, "{os_threads} OS threads for {many} children");
        }
        drop(hold);
        for (pid, thread) in threads {
            assert!(thread.join().unwrap().success());
            assert!(!exists(pid));
        }
        assert_eq!(children(), "");
    });
}

/// Returns how often the OS threads of this process have gone to sleep.
fn sleeps() -> u64 {
    let of_task = |status: String| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
        line.trim().parse().unwrap()
    };
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("status")).ok()).map(of_task).sum()
}

#[test]
fn nobody_stirs_while_children_and_signals_are_waited_for() {
    alone("alone::nobody_stirs_while_children_and_signals_are_waited_for", None, || {
        let (input, hold) = io::pipe().unwrap();
        let child = || Command::new("cat").stdin(input.try_clone().unwrap()).stdout(Stdio::null()).spawn().unwrap();
        let children: Vec<_> = (0..20)
            .map(|_| {
                let mut child = child();
                thread::spawn(move || child.wait().unwrap())
            })
            .collect();
        let mut signals = Signals::new([SIGUSR1]).unwrap();
        let listener = thread::spawn(move || signals.wait());
        let mut last = child();
        // Until hubs and OS threads have found their rest. The sleeps order nothing.
        assert_eq!(last.wait_timeout(Duration::from_millis(100)).unwrap(), None);
        let before = sleeps();
        // What is measured.
        assert_eq!(last.wait_timeout(Duration::from_millis(200)).unwrap(), None);
        let stirred = sleeps() - before;
        assert!(stirred <= 10, "{stirred} wake-ups in 200 ms");
        drop(hold);
        for child in children {
            assert!(child.join().unwrap().success());
        }
        assert!(last.wait().unwrap().success());
        raise(SIGUSR1);
        assert_eq!(listener.join().unwrap().unwrap(), SIGUSR1);
    });
}

fn limit_of_files() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX)
}

/// Without a descriptor an OS thread waits for the child.
#[test]
fn children_are_waited_for_with_no_descriptor_left() {
    if !holds_in(&[Mode::Default, Mode::Hubs0]) {
        // Each OS thread would want a reactor of its own.
        return;
    }
    alone("alone::children_are_waited_for_with_no_descriptor_left", Some(64), || {
        // The hub has its reactor.
        assert!(Command::new("true").status().unwrap().success());
        let (input, hold) = io::pipe().unwrap();
        let mut children: Vec<Child> = (0..3)
            .map(|_| Command::new("cat").stdin(input.try_clone().unwrap()).stdout(Stdio::null()).spawn().unwrap())
            .collect();
        let mut files = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            files.push(file);
        }
        for child in &mut children {
            assert_eq!(child.wait_timeout(Duration::from_millis(1)).unwrap(), None);
        }
        drop(hold);
        for child in &mut children {
            assert!(child.wait_timeout(Duration::from_secs(60)).unwrap().unwrap().success());
        }
        drop(files);
    });
}

/// A failed `exec` leaves `SIGPIPE` as the program would have found it, so this is no test for a process with others.
#[test]
fn a_failing_exec_returns() {
    alone("alone::a_failing_exec_returns", None, || {
        let error = Command::new("/no/such/program").exec();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    });
}

#[test]
fn exec_replaces_the_process() {
    alone("alone::exec_replaces_the_process", None, || {
        let hour = thread::spawn(|| thread::sleep(Duration::from_secs(3600)));
        thread::yield_now();
        // What the test above this one looks for in the output.
        let error = thread::spawn(|| Command::new("echo").arg("test result: 1 passed").exec()).join();
        panic!("it went on: {error:?}, {hour:?}");
    });
}

/// The kernel then reaps children by itself; a wait ends with the child, and with std's error.
#[test]
fn children_end_where_their_signal_is_ignored() {
    alone("alone::children_end_where_their_signal_is_ignored", None, || {
        // SAFETY: ignoring a signal runs no code.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
        let (input, hold) = io::pipe().unwrap();
        let mut child = Command::new("cat").stdin(input).spawn().unwrap();
        assert_eq!(child.wait_timeout(Duration::from_millis(1)).unwrap(), None);
        drop(hold);
        assert_eq!(child.wait().unwrap_err().raw_os_error(), Some(libc::ECHILD));
        assert_eq!(Command::new("true").status().unwrap_err().raw_os_error(), Some(libc::ECHILD));
    });
}
