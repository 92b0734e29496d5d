//! Whether a green thread keeps its rhythm of a millisecond while another one of the same hub copies a file.
//!
//! Two OS threads that do the same are beside it: what they cannot keep, the machine does not give.
//!
//! `GREEN_COPY_MIB` says how large the file is: 1024 MiB unless it is set.

use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use green_thread as thread;
use tempfile::TempDir;

const RHYTHM: Duration = Duration::from_millis(1);

fn main() {
    // `cargo test` runs it too, to see that it works.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    let size = std::env::var("GREEN_COPY_MIB").ok().and_then(|size| size.parse().ok());
    let size = size.unwrap_or(if quick { 8 } else { 1024 });
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let from = folder.path().join("from");
    let mut file = File::create(&from).expect("a file");
    for _ in 0..size {
        file.write_all(&[7; 1 << 20]).expect("room");
    }
    drop(file);

    let pieces: Copy = |from, to| {
        let (from, mut to) = (green_fs::File::open(from)?, green_fs::File::create(to)?);
        io::copy(&mut BufReader::with_capacity(1 << 20, from), &mut to)
    };
    let to = folder.path().join("to");
    let report = |name: &str, (late, took): (Vec<Duration>, Duration)| {
        let at = |part: f64| late[((late.len() - 1) as f64 * part) as usize];
        let (half, most, all) = (at(0.5), at(0.99), at(1.0));
        let ticks = late.len();
        let line =
            format!("{name}: {size} MiB in {took:?}; {ticks} ticks, late by {half:?} (p99 {most:?}, most {all:?})\n");
        io::stdout().write_all(line.as_bytes()).expect("stdout is open");
        fs::remove_file(&to).expect("it was made");
    };
    report("fs::copy, green", on_green(from.clone(), to.clone(), |from, to| green_fs::copy(from, to)));
    report("fs::copy, std", on_std(from.clone(), to.clone(), |from, to| fs::copy(from, to)));
    report("pieces of 1 MiB, green", on_green(from.clone(), to.clone(), pieces));
}

type Copy = fn(&Path, &Path) -> io::Result<u64>;

/// Copies in one green thread and ticks in another of the same hub. Returns how late each tick was, in order of
/// lateness, and how long the copy took.
fn on_green(from: PathBuf, to: PathBuf, copy: Copy) -> (Vec<Duration>, Duration) {
    // An OS thread of its own: what it spawns locally shares its hub.
    let both = std::thread::spawn(move || {
        let done = Arc::new(AtomicBool::new(false));
        let ticker = thread::spawn_local({
            let done = Arc::clone(&done);
            move || ticks(&done, thread::sleep)
        });
        let took = thread::spawn_local(move || time(|| copy(&from, &to))).join().expect("it does not panic");
        done.store(true, Ordering::Relaxed);
        (ticker.join().expect("it does not panic"), took)
    });
    both.join().expect("it does not panic")
}

/// Does the same on two OS threads.
fn on_std(from: PathBuf, to: PathBuf, copy: Copy) -> (Vec<Duration>, Duration) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let ticker = scope.spawn(|| ticks(&done, std::thread::sleep));
        let took = time(|| copy(&from, &to));
        done.store(true, Ordering::Relaxed);
        (ticker.join().expect("it does not panic"), took)
    })
}

fn ticks(done: &AtomicBool, sleep: fn(Duration)) -> Vec<Duration> {
    let mut late = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let due = Instant::now() + RHYTHM;
        sleep(RHYTHM);
        late.push(due.elapsed());
    }
    late.sort();
    late
}

fn time(copy: impl FnOnce() -> io::Result<u64>) -> Duration {
    let start = Instant::now();
    copy().expect("room for a copy");
    start.elapsed()
}
