//! What many green threads leave behind goes back to the kernel, however their hub spends its time afterwards. Alone in its
//! process, because it looks at the whole process's memory.

#![cfg(target_os = "linux")]

mod memory;

use std::time::{Duration, Instant};

use green_core::park::{sleep_until, yield_now};
use green_core::spawn::{LocalJoiner, Options, spawn_local};
use memory::resident;

fn spawn(body: impl FnOnce() + 'static) -> LocalJoiner<()> {
    spawn_local(Options::default(), body).expect("memory for a stack")
}

/// Has so many green threads at once that their stacks hold 80 MB.
fn many() {
    const COUNT: usize = 20_000;
    let all: Vec<LocalJoiner<()>> = (0..COUNT).map(|_| spawn(yield_now)).collect();
    yield_now();
    assert!(resident() > COUNT * 4, "each has a page");
    for one in all {
        one.join().expect("no panic");
    }
}

/// Sleeps in steps until the process has no more than `most` KiB.
fn sleep_until_small(most: usize, step: Duration) {
    let begin = Instant::now();
    while resident() > most {
        assert!(begin.elapsed() < Duration::from_secs(60), "{} KiB are left, {most} were to be", resident());
        sleep_until(Instant::now() + step);
    }
}

#[test]
fn what_many_leave_behind_goes_back() {
    /// Longer than a hub has to be idle, and shorter.
    const LONG: Duration = Duration::from_millis(150);
    const SHORT: Duration = Duration::from_millis(10);
    /// What a busy hub keeps, and an idle one: each stack has two or three pages in a debug build. The heap has some, too.
    const BUSY: usize = 4096 * 12 + 4096;
    const IDLE: usize = 256 * 12 + 4096;
    // Records and heap get their size.
    many();
    sleep_until_small(resident() - 60_000, LONG);
    let before = resident();

    // Alone, this one waits without a switch.
    many();
    sleep_until_small(before + IDLE, LONG);
    many();
    sleep_until_small(before + BUSY, SHORT);

    let neighbour = spawn(move || {
        many();
        sleep_until_small(before + BUSY, SHORT);
        many();
        sleep_until_small(before + IDLE, LONG);
    });
    // By the loop, as this one cannot wait in place while there are others.
    neighbour.join().expect("no panic");
}
