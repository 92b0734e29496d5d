//! Standard streams need a process of their own, whose streams its parent makes: piped, closed, full, or broken.
//!
//! A test runs this very executable again as a child, which runs one program of `programs/streams.rs` on one side, and
//! compares what came out of its streams, its log, and how it ended. The child replaces its own streams, once the test
//! harness in it has said its words: the harness gives up when it cannot print.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process, thread};

use crate::{Program, on_green, on_std, run};

/// Names a program on both sides.
macro_rules! program {
    ($name:ident) => {
        (stringify!($name), on_std::streams::$name as Program, on_green::streams::$name as Program)
    };
}

/// The programs, by their names.
const PROGRAMS: &[(&str, Program, Program)] = &[
    program!(echoes_lines),
    program!(prints),
    program!(prints_from_threads),
    program!(prints_much),
    program!(reads_from_threads),
    program!(reads_in_pieces),
    program!(tells_what_they_are),
    program!(tries_everything),
];

/// Where a program runs.
const SIDES: [&str; 3] = ["std", "green, from an OS thread", "green, from a green thread"];

/// What came of a child.
#[derive(Debug, Eq, PartialEq)]
struct Outcome {
    end: Option<i32>,
    stdout: String,
    stderr: String,
    log: String,
}

/// Not a test by itself: what the children run.
#[test]
fn child() {
    let (Some(name), Some(side), Some(log)) =
        (env::var_os("PARITY_PROGRAM"), env::var_os("PARITY_SIDE"), env::var_os("PARITY_LOG"))
    else {
        return;
    };
    // The message names the thread, and each side has its own.
    green::panic::set_hook(Box::new(|_| {}));
    let (_, on_std, on_green) = *PROGRAMS.iter().find(|(program, ..)| name == *program).expect("the parent knows them");
    redirect(&env::var("PARITY_STREAMS").expect("the parent says"));
    let lines = match SIDES.iter().position(|known| side == *known) {
        Some(0) => run(on_std),
        Some(1) => run(on_green),
        _ => green::thread::spawn(move || run(on_green)).join().expect("panics are caught"),
    };
    fs::write(log, lines.join("\n")).expect("the parent has made room");
    // Past the words of the test harness. What is in buffers still has to come out.
    process::exit(5);
}

/// Replaces streams of this process: `1>file` and `0<file` open a file, `2&1` makes it another one's clone, `1|` makes it a
/// pipe whose reader is gone.
fn redirect(text: &str) {
    io::stdout().flush().expect("the parent reads");
    for word in text.split_whitespace() {
        let (stream, what) = word.split_at(1);
        let stream: RawFd = stream.parse().expect("a digit");
        let (how, which) = what.split_at(1);
        match how {
            "<" => replace(stream, OpenOptions::new().read(true).open(which).expect("it exists").as_raw_fd()),
            ">" => replace(stream, OpenOptions::new().write(true).open(which).expect("it exists").as_raw_fd()),
            "&" => replace(stream, which.parse().expect("a digit")),
            "|" => replace(stream, io::pipe().expect("there is room").1.as_raw_fd()),
            _ => panic!("{word}"),
        }
    }
}

fn replace(stream: RawFd, by: RawFd) {
    // SAFETY: both are open, and the standard streams' numbers are nobody's property.
    assert_eq!(unsafe { libc::dup2(by, stream) }, stream);
}

/// Runs a program in a child whose streams are pipes, until it redirects them. A shell closes some before: what
/// stands before ` then `, as in `0<&- 1>&- then 2|`.
fn run_child(name: &str, side: &str, redirections: &str, input: &'static [u8]) -> Outcome {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let log = env::temp_dir().join(format!("parity-log-{}-{number}", process::id()));
    let (closed, redirections) = redirections.split_once(" then ").unwrap_or(("", redirections));
    let mut child = Command::new("sh")
        .args(["-c", &format!("exec \"$0\" \"$@\" {closed}")])
        .arg(env::current_exe().expect("it runs"))
        .args(["--exact", "stdio::child", "--nocapture", "--test-threads=1"])
        .env("PARITY_PROGRAM", name)
        .env("PARITY_SIDE", side)
        .env("PARITY_LOG", &log)
        .env("PARITY_STREAMS", redirections)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("there is a shell");
    let mut stdin = child.stdin.take().expect("piped");
    // A child that reads nothing is none of our business.
    let feeding = thread::spawn(move || drop(stdin.write_all(input)));
    let output = child.wait_with_output().expect("its pipes are ours");
    feeding.join().expect("no panic");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let lines = fs::read_to_string(&log).unwrap_or_else(|error| format!("no log: {error}"));
    let _ = fs::remove_file(log);
    let stdout = text(output.stdout);
    // What the harness says before the program begins.
    let stdout = stdout.split_once("stdio::child ... ").map_or(stdout.clone(), |(_, stdout)| stdout.to_owned());
    Outcome { end: output.status.code(), stdout, stderr: text(output.stderr), log: lines }
}

/// Compares a program on all sides; `tidy` puts what may come in any order into one.
#[track_caller]
fn compare_tidied(name: &str, redirections: &str, input: &'static [u8], tidy: fn(&mut Outcome)) -> Outcome {
    let [expected, from_root, from_green] = SIDES.map(|side| {
        let mut outcome = run_child(name, side, redirections, input);
        tidy(&mut outcome);
        outcome
    });
    assert_eq!(expected.end, Some(5), "{expected:?}");
    assert!(!expected.log.contains("no log:"), "{expected:?}");
    for (side, found) in [(SIDES[1], from_root), (SIDES[2], from_green)] {
        assert_eq!(expected.log, found.log, "the log on {side}");
        assert!(expected == found, "on std: {}\non {side}: {}", shorten(&expected), shorten(&found));
    }
    expected
}

#[track_caller]
fn compare(name: &str, redirections: &str, input: &'static [u8]) -> Outcome {
    compare_tidied(name, redirections, input, |_| {})
}

fn shorten(outcome: &Outcome) -> String {
    format!("{outcome:?}").chars().take(3000).collect()
}

#[test]
fn lines_go_through() {
    let outcome = compare("echoes_lines", "", b"one\ntwo\r\n\n!three\nlast");
    assert!(outcome.stdout.contains("<one>\n<two>\n<>\n<!three>\n<last>\n"), "{outcome:?}");
    compare("echoes_lines", "", b"");
    compare("echoes_lines", "", b"one\n\xff\ntwo\n");
    compare("echoes_lines", "0</dev/null", b"");
}

#[test]
fn pieces_of_the_input() {
    compare("reads_in_pieces", "", b"a line\none,two,\nand the rest\nof it");
    compare("reads_in_pieces", "", b"");
    compare("reads_in_pieces", "", b"short");
}

#[test]
fn words_come_out_in_order() {
    compare("prints", "", b"");
    let outcome = compare("prints", "2&1", b"");
    assert!(outcome.stdout.ends_with("the end without a line"), "what is buffered comes out at the end: {outcome:?}");
    compare("prints", "1>/dev/null", b"");
}

#[test]
fn more_than_a_pipe_holds() {
    compare("prints_much", "", b"");
}

#[test]
fn lines_of_threads_stay_whole() {
    let outcome = compare_tidied("prints_from_threads", "", b"", |outcome| {
        let mut lines: Vec<&str> = outcome.stdout.lines().collect();
        lines.sort_unstable();
        outcome.stdout = lines.join("\n");
    });
    assert!(outcome.stdout.contains("thread 7 in pieces 99"));
    let input: String = (0..2_000).map(|n| format!("line {n}\n")).collect();
    compare("reads_from_threads", "", input.leak().as_bytes());
}

#[test]
fn what_they_are() {
    compare("tells_what_they_are", "", b"");
    compare("tells_what_they_are", "0</dev/null 1>/dev/null 2&1", b"");
}

#[test]
fn streams_that_are_none() {
    for redirections in [
        "0<&- then ",
        "1>&- then ",
        "2>&- then ",
        "0<&- 1>&- 2>&- then ",
        "0<&- 2>&- then 1|",
        "0</dev/null 1>/dev/null 2>/dev/null",
        "1>/dev/full",
        "1>/dev/full 2>/dev/full",
        "1|",
        "2|",
        // For reading what is open for writing, and the other way round.
        "0>/dev/null",
        "1</dev/null",
        "2</dev/null",
        "0</",
    ] {
        compare("tries_everything", redirections, b"some input\n");
    }
}
