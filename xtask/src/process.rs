//! Runs a child process under a time limit, and hands over its output line by line.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, iter};

use anyhow::Context as _;

/// How often the runner looks whether the child has ended and whether its time is over.
const LOOK: Duration = Duration::from_millis(50);

/// How long a child that has ended may leave its pipes open, as it does when a child of its own lives on.
const PIPES_GRACE: Duration = Duration::from_secs(1);

/// What cargo's lines of progress begin with.
const PROGRESS: &[&str] = &["Compiling ", "Checking ", "Downloading ", "Downloaded ", "Documenting ", "Doc-tests "];

/// How many characters of a line are shown.
const LONG_LINE: usize = 400;

/// Where a line of output came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// What became of a child process.
#[derive(Debug)]
pub(crate) struct Run {
    /// The child's status, or `None` when it was killed because its time was over.
    pub(crate) status: Option<ExitStatus>,
    /// Every line of both streams, in the order of their arrival.
    pub(crate) output: Vec<(Stream, String)>,
    pub(crate) elapsed: Duration,
}

impl Run {
    pub(crate) fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// Returns how the child ended, for a message.
    pub(crate) fn end(&self) -> String {
        match self.status {
            Some(status) => status.to_string(),
            None => format!("killed after {:.0?}: its time was over", self.elapsed),
        }
    }

    /// Returns the last `count` lines of the output, for a message. Passed tests and cargo's progress are left
    /// out, and the rest of a line that is longer than anybody reads.
    pub(crate) fn tail(&self, count: usize) -> String {
        let is_news = |line: &&str| {
            let passed = line.starts_with("test ") && line.ends_with(" ... ok");
            let progress = PROGRESS.iter().any(|verb| line.trim_start().starts_with(verb));
            !passed && !progress
        };
        let lines: Vec<&str> = self.output.iter().map(|(_, line)| line.as_str()).filter(is_news).collect();
        let left_out = lines.len().saturating_sub(count);
        let note = (left_out > 0).then(|| format!("[{left_out} lines before these]"));
        let shown = lines[left_out..].iter().map(|line| match line.char_indices().nth(LONG_LINE) {
            Some((end, _)) => format!("{} […]", &line[..end]),
            None => (*line).to_owned(),
        });
        note.into_iter().chain(shown).collect::<Vec<_>>().join("\n")
    }
}

/// Runs `command` to its end, or kills it and its descendants after `limit`; `on_line` sees each line as it
/// comes.
pub(crate) fn run(
    command: &mut Command,
    limit: Duration,
    mut on_line: impl FnMut(Stream, &str),
) -> anyhow::Result<Run> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().display()))?;

    let (sender, lines) = mpsc::channel();
    read_lines(child.stdout.take(), Stream::Out, sender.clone());
    read_lines(child.stderr.take(), Stream::Err, sender);

    let mut output = Vec::new();
    let mut take = |(stream, line): (Stream, String)| {
        on_line(stream, &line);
        output.push((stream, line));
    };
    let mut ended: Option<(ExitStatus, Instant)> = None;
    let status = loop {
        let open = match lines.recv_timeout(LOOK) {
            Ok(line) => {
                take(line);
                true
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => {
                // Both pipes are closed, so only the child's end is left to wait for.
                thread::sleep(LOOK);
                false
            }
        };
        if ended.is_none() {
            ended = child.try_wait()?.map(|status| (status, Instant::now()));
        }
        if let Some((status, at)) = ended
            && (!open || at.elapsed() > PIPES_GRACE)
        {
            break Some(status);
        }
        if ended.is_none() && started.elapsed() > limit {
            kill_tree(&mut child);
            lines.try_iter().for_each(&mut take);
            break None;
        }
    };
    Ok(Run { status, output, elapsed: started.elapsed() })
}

/// Sends each line of `pipe` from a thread of its own. Bytes that are not UTF-8 are replaced.
fn read_lines(pipe: Option<impl Read + Send + 'static>, stream: Stream, lines: Sender<(Stream, String)>) {
    let Some(pipe) = pipe else { return };
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line);
            if lines.send((stream, text.trim_end_matches(['\n', '\r']).to_owned())).is_err() {
                return;
            }
            line.clear();
        }
    });
}

/// Kills a child and, where the system tells, all its descendants.
///
/// They share our process group on purpose, so that Ctrl-C in a terminal ends everything; so a group cannot
/// be killed here, and the descendants are looked up one by one.
fn kill_tree(child: &mut Child) {
    let descendants = descendants(child.id());
    if !descendants.is_empty() {
        let ids = descendants.iter().map(u32::to_string).collect::<Vec<_>>().join(" ");
        // The shell's own `kill` exists wherever a shell does. A process that is gone already is no error.
        let _ = Command::new("sh").args(["-c", &format!("kill -KILL {ids} 2>/dev/null")]).status();
    }
    // Fails only when the child has just ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// Returns the processes that descend from `root`, by `/proc`; none on a system without it.
fn descendants(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let id = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((id, parent_in(&stat)?))
        })
        .collect();
    let children = |of: u32| parents.iter().filter(move |(_, parent)| *parent == of).map(|(id, _)| *id);
    let mut found: Vec<u32> = children(root).collect();
    let mut next = 0;
    while let Some(&id) = found.get(next) {
        found.extend(children(id));
        next += 1;
    }
    found
}

/// Returns the parent's id in a line of `/proc/<id>/stat`, whose second field is a name in parentheses that
/// may hold anything.
fn parent_in(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

/// Returns `cargo` as a command: the one that runs us, if one does.
///
/// What the outer cargo told about the package `xtask` is taken away, so that it does not reach a test of
/// another package.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::root());
    withhold(&mut command, |name| {
        name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_BIN_")
    });
    command
}

/// Keeps those of our environment variables from `command` whose names `is_ours` says so of.
pub(crate) fn withhold(command: &mut Command, is_ours: impl Fn(&str) -> bool) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(&is_ours) {
            command.env_remove(name);
        }
    }
}

/// Makes `folder`, and empties it if it is there.
pub(crate) fn empty(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// Returns a command as one would type it.
pub(crate) fn typed(command: &Command) -> String {
    let words = iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let program = words[0].rsplit('/').next().unwrap_or(&words[0]).to_owned();
    iter::once(program).chain(words[1..].iter().cloned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_arrive_by_line() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let run = run(&mut command, Duration::from_secs(60), |_, _| {}).unwrap();
        assert_eq!(run.status.unwrap().code(), Some(3));
        let mut output = run.output.clone();
        output.sort_by_key(|(stream, _)| *stream == Stream::Err);
        assert_eq!(output, [(Stream::Out, "one".to_owned()), (Stream::Err, "two".to_owned())]);
    }

    #[test]
    fn a_child_past_its_time_is_killed() {
        let mut command = Command::new("sleep");
        let run = run(command.arg("3600"), Duration::from_millis(1), |_, _| {}).unwrap();
        assert!(run.status.is_none());
        assert!(!run.succeeded());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn children_die_with_their_parent() {
        let mut command = Command::new("sh");
        // The `:` keeps the outer shell from becoming the inner one.
        command
            .args(["-c", "sh -c 'echo $$; while :; do sleep 60; done'; :"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut grandchild = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut grandchild).unwrap();
        kill_tree(&mut child);
        let stat = format!("/proc/{}/stat", grandchild.trim());
        // The signal has been sent; its work takes a moment. Dead is gone, or waiting for whoever inherited it.
        while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            thread::yield_now();
        }
    }

    #[test]
    fn a_parent_is_found_behind_an_odd_name() {
        assert_eq!(parent_in("12 (a b) c) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in(""), None);
    }

    #[test]
    fn a_tail_says_what_it_leaves_out() {
        let output = (1..=4).map(|n| (Stream::Out, n.to_string())).collect();
        let run = Run { status: None, output, elapsed: Duration::ZERO };
        assert_eq!(run.tail(2), "[2 lines before these]\n3\n4");
        assert_eq!(run.tail(4), "1\n2\n3\n4");

        let lines = ["test a ... ok".to_owned(), "é".repeat(LONG_LINE + 1)];
        let output = lines.map(|line| (Stream::Out, line)).into();
        let run = Run { status: None, output, elapsed: Duration::ZERO };
        assert_eq!(run.tail(2), format!("{} […]", "é".repeat(LONG_LINE)));
    }
}
