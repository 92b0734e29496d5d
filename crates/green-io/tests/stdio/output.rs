//! Standard output and error: order, lines, locks, slow and missing readers.

use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, IoSlice, Read, Write};
use std::os::fd::AsFd;
use std::process::{self, Command, Stdio};

use green_core::kill::Killed;
use green_io::{eprintln, print, println, stderr, stdout};
use green_thread as thread;

use crate::{Running, child, duplicate, let_others_park, output_of, streams_block};

/// More than any pipe holds.
const LARGE: usize = 1 << 20;

#[test]
#[expect(clippy::print_stdout, reason = "std's own macros take part")]
fn the_order_is_kept_whoever_prints() {
    let mut command = child("output::the_order_is_kept_whoever_prints", || {
        for i in 0..50 {
            std::print!("a{i}");
            print!("b{i}");
            stdout().write_all(b"c").unwrap();
            std::println!("d");
            println!("e{}", i);
            io::stdout().write_all(b"f").unwrap();
            writeln!(stdout(), "g").unwrap();
            stdout().write_all(b"h\ni").unwrap();
            stdout().flush().unwrap();
            io::stdout().write_all(b"j\n").unwrap();
        }
    });
    let expected: String = (0..50).map(|i| format!("a{i}b{i}cd\ne{i}\nfg\nh\nij\n")).collect();
    assert_eq!(output_of(&mut command), expected);
}

#[test]
fn an_unfinished_line_is_kept_until_the_end() {
    let mut command = child("output::an_unfinished_line_is_kept_until_the_end", || {
        stdout().write_all(b"one ").unwrap();
        print!("two ");
        write!(stdout().lock(), "{}", "three".to_owned()).unwrap();
        // A panic elsewhere, a thread that goes on, an exit: nothing is lost.
        let _ = thread::spawn(thread::park);
        process::exit(0);
    });
    assert_eq!(output_of(&mut command), "one two three");
}

#[test]
fn long_unfinished_lines_are_written_whole() {
    let mut command = child("output::long_unfinished_lines_are_written_whole", || {
        for len in [1, 1000, 1023, 1024, 1025, 4096, 100_000] {
            print!("{}", "x".repeat(len));
            stdout().write_all("y".repeat(len).as_bytes()).unwrap();
        }
        println!();
    });
    let expected: String =
        [1, 1000, 1023, 1024, 1025, 4096, 100_000].iter().map(|len| "x".repeat(*len) + &"y".repeat(*len)).collect();
    assert!(output_of(&mut command) == expected + "\n");
}

/// What a child does to show that a full stream does not hold up its hub: it says so on standard error.
fn fill(write: fn()) {
    let writer = thread::spawn_local(write);
    let_others_park();
    assert!(!writer.is_finished());
    stderr().write_all(b"still here\n").unwrap();
    writer.join().unwrap();
    assert!(streams_block());
}

/// Starts a child, waits until it says that it is still there, and only then reads what it writes.
fn check_slow_reader(mut command: Command, expected: &str) {
    let mut child = Running::start(command.stderr(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(child.child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "still here\n");
    assert!(child.finish() == expected);
}

#[test]
fn a_slow_reader_of_the_stream_does_not_hold_up_the_hub() {
    let command = child("output::a_slow_reader_of_the_stream_does_not_hold_up_the_hub", || {
        fill(|| {
            for _ in 0..20_000 {
                stdout().write_all(b"a line for the reader\n").unwrap();
            }
        });
    });
    check_slow_reader(command, &"a line for the reader\n".repeat(20_000));
}

#[test]
fn a_slow_reader_of_a_large_write_does_not_hold_up_the_hub() {
    let command = child("output::a_slow_reader_of_a_large_write_does_not_hold_up_the_hub", || {
        fill(|| assert_eq!(stdout().write(&[b'x'; LARGE]).unwrap(), LARGE));
    });
    check_slow_reader(command, &"x".repeat(LARGE));
}

#[test]
fn a_slow_reader_of_println_does_not_hold_up_the_hub() {
    let command = child("output::a_slow_reader_of_println_does_not_hold_up_the_hub", || {
        fill(|| {
            for i in 0..20_000 {
                print!("a line {} ", "for");
                println!("the reader {i:5}");
            }
        });
    });
    let expected: String = (0..20_000).map(|i| format!("a line for the reader {i:5}\n")).collect();
    check_slow_reader(command, &expected);
}

#[test]
fn a_slow_reader_of_unfinished_lines_does_not_hold_up_the_hub() {
    let command = child("output::a_slow_reader_of_unfinished_lines_does_not_hold_up_the_hub", || {
        fill(|| (0..40_000).for_each(|_| stdout().write_all(b"no end ").unwrap()));
    });
    check_slow_reader(command, &"no end ".repeat(40_000));
}

#[test]
fn a_slow_reader_of_a_named_pipe_does_not_hold_up_the_hub() {
    let mut command = child("output::a_slow_reader_of_a_named_pipe_does_not_hold_up_the_hub", || {
        fill(|| {
            (0..2000).for_each(|_| println!("{}", "n".repeat(99)));
            stdout().write_all(&[b'x'; LARGE]).unwrap();
        });
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let both = File::options().read(true).write(true).open(&path).unwrap();
    let mut reader = File::open(&path).unwrap();
    let writer = File::options().write(true).open(&path).unwrap();
    drop(both);
    let mut child = Running::start(command.stdout(writer).stderr(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(child.child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "still here\n");
    let mut all = String::new();
    reader.read_to_string(&mut all).unwrap();
    let (_, all) = all.split_once("<begin>\n").unwrap();
    assert!(all == format!("{}\n", "n".repeat(99)).repeat(2000) + &"x".repeat(LARGE));
    child.finish();
}

#[test]
fn lines_of_two_green_threads_never_interleave() {
    let mut command = child("output::lines_of_two_green_threads_never_interleave", || {
        let writers: Vec<_> = ('a'..='f')
            .map(|letter| {
                thread::spawn(move || {
                    for len in (0..10_000).step_by(500) {
                        let word = letter.to_string().repeat(len);
                        match len % 3 {
                            0 => println!("{word}{word}"),
                            1 => writeln!(stdout(), "{}{}", word, word).unwrap(),
                            _ => {
                                let mut locked = stdout().lock();
                                for part in word.as_bytes().chunks(100) {
                                    locked.write_all(part).unwrap();
                                    thread::yield_now();
                                }
                                println!("{word}");
                            }
                        }
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
    let output = output_of(&mut command);
    assert_eq!(output.lines().count(), 6 * 20);
    for line in output.lines() {
        assert!(line.bytes().all(|byte| byte == line.as_bytes()[0]), "{line}");
        assert_eq!(line.len() % 1000, 0);
    }
}

#[test]
fn a_lock_is_its_holders_again_and_nobody_elses() {
    let mut command = child("output::a_lock_is_its_holders_again_and_nobody_elses", || {
        let mut locked = stdout().lock();
        let others = [
            thread::spawn_local(|| println!("later")),
            thread::spawn_local(|| stdout().write_all(b"later\n").unwrap()),
        ];
        let remote = thread::spawn(|| writeln!(stdout(), "later").unwrap());
        let_others_park();
        writeln!(locked, "first").unwrap();
        let mut again = stdout().lock();
        println!("second");
        drop(locked);
        let_others_park();
        writeln!(again, "third").unwrap();
        assert!(others.iter().all(|other| !other.is_finished()) && !remote.is_finished());
        drop(again);
        others.into_iter().for_each(|other| other.join().unwrap());
        remote.join().unwrap();
    });
    assert_eq!(output_of(&mut command), "first\nsecond\nthird\nlater\nlater\nlater\n");
}

#[test]
fn a_display_may_park_while_it_is_printed() {
    struct Slow;
    impl std::fmt::Display for Slow {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            thread::spawn_local(|| println!("inner")).join().unwrap();
            f.write_str("outer")
        }
    }
    let mut command = child("output::a_display_may_park_while_it_is_printed", || {
        println!("{Slow}");
        writeln!(stdout(), "end").unwrap();
    });
    assert_eq!(output_of(&mut command), "inner\nouter\nend\n");
}

#[test]
fn a_killed_writer_leaves_the_stream_to_others() {
    let mut command = child("output::a_killed_writer_leaves_the_stream_to_others", || {
        let writing = thread::spawn(|| stdout().write_all(&[b'x'; LARGE]));
        // Until the first one has the lock, and the pipe is full.
        while green_io::Pollable::new(stdout()).wait_writable(Some(std::time::Instant::now())).unwrap() {
            thread::yield_now();
        }
        let waiting = thread::spawn(|| println!("never"));
        let_others_park();
        waiting.kill().unwrap();
        assert!(waiting.join().unwrap_err().is::<Killed>());
        writing.kill().unwrap();
        assert!(writing.join().unwrap_err().is::<Killed>());
        stderr().write_all(b"killed\n").unwrap();
        println!("\nsurvived");
    });
    let mut child = Running::start(command.stderr(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(child.child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "killed\n");
    let all = child.finish();
    assert!(all.starts_with('x') && all.ends_with("x\nsurvived\n"), "{}", all.len());
}

#[test]
fn a_stream_that_was_closed_takes_everything() {
    let mut command = child("output::a_stream_that_was_closed_takes_everything", || {
        crate::terminal::close(crate::number(&stdout()));
        crate::terminal::close(crate::number(&stderr()));
        println!("into the void");
        eprintln!("into the void");
        assert_eq!(stdout().write(&[b'x'; 100_000]).unwrap(), 100_000);
        assert_eq!(stdout().write(b"x\nx").unwrap(), 3);
        stdout().flush().unwrap();
        assert_eq!(stderr().write(b"x").unwrap(), 1);
        assert_eq!(stderr().write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"c")]).unwrap(), 3);
    });
    assert_eq!(output_of(&mut command), "");
}

#[test]
fn a_reader_that_went_away_is_an_error_and_a_panic() {
    let mut command = child("output::a_reader_that_went_away_is_an_error_and_a_panic", || {
        let mut answer = String::new();
        green_io::stdin().read_line(&mut answer).unwrap();
        // Another child of the parent has the reader's end too, between its fork and its exec.
        let error = loop {
            if let Err(error) = writeln!(stdout(), "line") {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert_eq!(stdout().write_all(&[0; LARGE]).unwrap_err().kind(), ErrorKind::BrokenPipe);
        std::panic::set_hook(Box::new(|_| {}));
        let panic = thread::spawn(|| println!("line")).join().unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert_eq!(message, "failed printing to stdout: Broken pipe (os error 32)");
        // So that the harness, which cannot print either, is not asked to.
        process::exit(0);
    });
    let mut child = Running::start(command.stdin(Stdio::piped()));
    drop(child.stdout.take());
    child.stdin().write_all(b"gone\n").unwrap();
    child.finish();
}

#[test]
fn files_and_devices_are_written() {
    let mut command = child("output::files_and_devices_are_written", || {
        println!("a line");
        stdout().write_all(&[b'x'; LARGE]).unwrap();
        eprintln!("an error");
    });
    let (out, err) = (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
    Running::start(command.stdout(out.reopen().unwrap()).stderr(err.reopen().unwrap())).finish();
    let text = std::fs::read_to_string(out.path()).unwrap();
    let (_, text) = text.split_once("<begin>\n").unwrap();
    assert!(text == "a line\n".to_owned() + &"x".repeat(LARGE));
    assert_eq!(std::fs::read_to_string(err.path()).unwrap(), "an error\n");
}

#[test]
fn a_full_device_is_an_error() {
    let mut command = child("output::a_full_device_is_an_error", || {
        let full = File::options().write(true).open("/dev/full").unwrap();
        crate::terminal::replace(crate::number(&stderr()), full.as_fd());
        assert_eq!(stderr().write(b"x").unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(stderr().write_all(&[0; LARGE]).unwrap_err().kind(), ErrorKind::StorageFull);
    });
    output_of(&mut command);
}

#[test]
fn a_stream_may_be_replaced_between_two_writes() {
    let mut command = child("output::a_stream_may_be_replaced_between_two_writes", || {
        // Each of the two gets full, so that it is waited for.
        let (first, second) = (io::pipe().unwrap(), io::pipe().unwrap());
        for (mut reader, writer) in [first, second] {
            crate::terminal::replace(crate::number(&stdout()), writer.as_fd());
            drop(writer);
            let writer = thread::spawn(|| stdout().write_all(&[b'x'; LARGE]).unwrap());
            let mut all = vec![0; LARGE];
            green_io::Pollable::new(&mut reader).read_exact(&mut all).unwrap();
            writer.join().unwrap();
        }
    });
    output_of(&mut command);
}

#[test]
fn errors_are_written_at_once_and_in_one_piece() {
    let (reader, writer) = io::pipe().unwrap();
    let mut command = child("output::errors_are_written_at_once_and_in_one_piece", || {
        let writers: Vec<_> = (0..8)
            .map(|i| {
                thread::spawn(move || {
                    for j in 0..200 {
                        match j % 2 {
                            0 => eprintln!("{i} says {j} to {}", i + j),
                            _ => writeln!(stderr(), "{} says {} to {}", i, j, i + j).unwrap(),
                        }
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        stderr().write_all(b"no end").unwrap();
        assert_eq!(green_io::dbg!(1 + 1, "x"), (2, "x"));
    });
    let child = Running::start(command.stderr(duplicate(writer.as_fd())));
    drop(writer);
    let mut all = String::new();
    { reader }.read_to_string(&mut all).unwrap();
    child.finish();
    let (lines, rest) = all.split_once("no end").unwrap();
    assert_eq!(lines.lines().count(), 1600);
    for line in lines.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u32>().unwrap();
        assert_eq!((words.len(), number(0) + number(2)), (5, number(4)), "{line}");
    }
    let values: Vec<_> = rest.lines().map(|line| line.split_once("] ").unwrap().1).collect();
    assert_eq!(values, ["1 + 1 = 2", "\"x\" = \"x\""]);
}

#[test]
fn a_child_of_ours_inherits_the_streams() {
    let mut command = child("output::a_child_of_ours_inherits_the_streams", || {
        print!("before ");
        stdout().flush().unwrap();
        assert!(Command::new("echo").arg("child").stdout(stdout()).stderr(stderr()).status().unwrap().success());
        println!("after");
    });
    assert_eq!(output_of(&mut command), "before child\nafter\n");
}

#[test]
fn an_ending_thread_prints_and_reads_to_its_last() {
    struct Last(&'static str);
    impl Drop for Last {
        fn drop(&mut self) {
            println!("{} prints", self.0);
            writeln!(stdout(), "{} writes", self.0).unwrap();
            assert_eq!(green_io::stdin().read(&mut [0]).unwrap(), 0);
        }
    }
    std::thread_local! {
        static LAST: Last = const { Last("an OS thread") };
    }
    green_core::thread_local! {
        static GREEN_LAST: Last = const { Last("a green thread") };
    }
    let mut command = child("output::an_ending_thread_prints_and_reads_to_its_last", || {
        std::thread::spawn(|| {
            LAST.with(|_| ());
            thread::spawn_local(thread::yield_now).join().unwrap();
        })
        .join()
        .unwrap();
        thread::spawn(|| GREEN_LAST.with(|_| ())).join().unwrap();
    });
    let expected = "an OS thread prints\nan OS thread writes\na green thread prints\na green thread writes\n";
    assert_eq!(output_of(&mut command), expected);
}

/// What a harness captures of a test that fails, and only then shows.
#[test]
fn a_harness_captures_what_is_printed() {
    const NAME: &str = "output::a_harness_captures_what_is_printed";
    if std::env::var_os("GREEN_TEST_CAPTURE").is_some() {
        println!("a captured {}", "line");
        print!("a captured ");
        println!("second line");
        eprintln!("a captured error");
        panic!("on purpose");
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", NAME, "--test-threads=2"])
        .env("GREEN_TEST_CAPTURE", "1")
        .output()
        .unwrap();
    assert!(!output.status.success());
    let shown = String::from_utf8(output.stdout).unwrap();
    let (_, captured) = shown.split_once(&format!("---- {NAME} stdout ----\n")).expect(&shown);
    assert!(captured.starts_with("a captured line\na captured second line\na captured error\n"), "{shown}");
    assert_eq!(shown.matches("captured line").count(), 1);
}
