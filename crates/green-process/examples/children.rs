//! How long starting children and waiting for them takes: `cargo run --release -p green-process --example children`.
//!
//! It prints how long a start holds up the hub, how long after a child's end `wait` returns, how long a signal takes to its
//! listener, and what a thousand children at once cost.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use green_process::os::unix::CommandExt;
use green_process::signal::{SIGUSR1, Signals};
use green_process::{Child, Command, Stdio};
use green_thread as thread;

const ROUNDS: usize = 300;
const MANY: usize = 1000;

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    report(&mut out, "a start holds up the hub for", measure(|| start(&mut Command::new("true")))?)?;
    // With a user to be set, std starts by `fork`.
    let me = fs::metadata("/proc/self")?.uid();
    let forked = || start(Command::new("true").uid(me));
    report(&mut out, "the same by fork", measure(forked)?)?;
    // Touched, so that there are tables to copy.
    let memory = vec![1_u8; 1 << 30];
    report(&mut out, "the same by fork, of a process of 1 GiB", measure(forked)?)?;
    drop(memory);

    report(&mut out, "end of a child to end of wait, root", measure(|| end(|mut child| child.wait().map(drop)))?)?;
    let worker = thread::spawn(|| measure(|| end(|mut child| child.wait().map(drop))));
    report(&mut out, "end of a child to end of wait, worker", worker.join().expect("no panic")?)?;
    let in_std = measure(|| end(|child| std::process::Child::from(child).wait().map(drop)))?;
    report(&mut out, "end of a child to end of wait, std", in_std)?;
    report(&mut out, "a word to a shell and its signal back", thread::spawn(signals).join().expect("no panic")?)?;
    many(&mut out)
}

fn measure(mut once: impl FnMut() -> io::Result<Duration>) -> io::Result<Vec<Duration>> {
    (0..ROUNDS).map(|_| once()).collect()
}

fn report(out: &mut impl Write, what: &str, mut times: Vec<Duration>) -> io::Result<()> {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    writeln!(out, "{what:40} median {:>9.1?}  p99 {:>9.1?}", at(50), at(99))
}

fn start(command: &mut Command) -> io::Result<Duration> {
    let start = Instant::now();
    let mut child = command.spawn()?;
    let elapsed = start.elapsed();
    child.wait()?;
    Ok(elapsed)
}

/// Measures from the end of a child's input, which is its own end, to the end of the wait for it.
fn end(wait: impl FnOnce(Child) -> io::Result<()>) -> io::Result<Duration> {
    let (input, hold) = io::pipe()?;
    let child = Command::new("cat").stdin(input).stdout(Stdio::null()).spawn()?;
    let ender = std::thread::spawn(move || {
        // Long enough that the waiter sleeps.
        std::thread::sleep(Duration::from_millis(3));
        let moment = Instant::now();
        drop(hold);
        moment
    });
    wait(child)?;
    let moment = Instant::now();
    Ok(moment - ender.join().expect("no panic"))
}

/// Measures from a line for a shell to the signal with which it answers.
fn signals() -> io::Result<Vec<Duration>> {
    let mut signals = Signals::new([SIGUSR1])?;
    let script = format!("while read line; do kill -USR1 {}; done", green_process::id());
    let mut shell = Command::new("sh").args(["-c", &script]).stdin(Stdio::piped()).spawn()?;
    let times = measure(|| {
        let start = Instant::now();
        writeln!(shell.stdin.as_ref().expect("it is piped"))?;
        signals.wait()?;
        Ok(start.elapsed())
    });
    shell.wait()?;
    times
}

/// Starts children that end all at once, and waits for each in a green thread of its own.
fn many(out: &mut impl Write) -> io::Result<()> {
    let (input, hold) = io::pipe()?;
    let start = Instant::now();
    let mut threads = Vec::new();
    for _ in 0..MANY {
        let mut child = Command::new("cat").stdin(input.try_clone()?).stdout(Stdio::null()).spawn()?;
        threads.push(thread::spawn(move || child.wait()));
    }
    let started = start.elapsed();
    let start = Instant::now();
    drop((input, hold));
    for thread in threads {
        thread.join().expect("no panic")?;
    }
    let ended = start.elapsed();
    writeln!(out, "{MANY} children: started in {started:.1?}, all ended and reaped {ended:.1?} after the word")
}
