//! A fixed number of threads that share one queue of files and send what they found to the main thread.

use super::search::{Matches, Query};
use super::walk::{self, Found};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// What became of one path, in the order of the walk.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) path: PathBuf,
    pub(crate) result: io::Result<Matches>,
}

type Job = (u64, PathBuf);

/// Searches everything below `roots` with `threads` threads, and hands each outcome to `show` in the order of the walk.
///
/// It ends early when `show` says false.
pub(crate) fn search(
    query: &Query,
    roots: &[PathBuf],
    threads: usize,
    mut show: impl FnMut(Outcome) -> io::Result<bool>,
) -> io::Result<()> {
    // Bounded: the walk does not run ahead of the search by more than this.
    let (jobs, queue) = sync_channel(threads * 4);
    let queue = Mutex::new(queue);
    let (results, outcomes) = channel();
    let stopped = AtomicBool::new(false);
    thread::scope(|scope| {
        // They end with this closure, also when a thread cannot be had: then the others find the queue closed.
        let (jobs, results) = (jobs, results);
        for n in 0..threads {
            let results = results.clone();
            let (queue, stopped) = (&queue, &stopped);
            let worker = thread::Builder::new().name(format!("search-{n}"));
            worker.spawn_scoped(scope, move || work(query, queue, stopped, &results))?;
        }
        let walker = thread::Builder::new().name("walk".to_owned());
        let stopped = &stopped;
        walker.spawn_scoped(scope, move || {
            let mut number = 0;
            for root in roots {
                let going = walk::walk(Path::new(root), &mut |found| {
                    number += 1;
                    let sent = match found {
                        Found::File(path) => jobs.send((number, path)).is_ok(),
                        Found::Unreadable(path, error) => {
                            results.send((number, Outcome { path, result: Err(error) })).is_ok()
                        }
                    };
                    sent && !stopped.load(Ordering::Relaxed)
                });
                if !going {
                    break;
                }
            }
        })?;
        let shown = show_in_order(outcomes, &mut show);
        stopped.store(true, Ordering::Relaxed);
        shown
    })
}

/// Takes files from the queue until it is empty and closed.
fn work(query: &Query, queue: &Mutex<Receiver<Job>>, stopped: &AtomicBool, results: &Sender<(u64, Outcome)>) {
    loop {
        // One of the crew waits for the next file with the lock held, the others wait for the lock.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, path)) = job else { return };
        if stopped.load(Ordering::Relaxed) {
            // The walk, which may wait for room in the queue, must find it emptied.
            continue;
        }
        let result = query.search(&path);
        if results.send((number, Outcome { path, result })).is_err() {
            stopped.store(true, Ordering::Relaxed);
        }
    }
}

fn show_in_order(
    outcomes: Receiver<(u64, Outcome)>,
    show: &mut impl FnMut(Outcome) -> io::Result<bool>,
) -> io::Result<()> {
    let mut early = BTreeMap::new();
    let mut next = 1;
    for (number, outcome) in outcomes {
        early.insert(number, outcome);
        while let Some(outcome) = early.remove(&next) {
            next += 1;
            if !show(outcome)? {
                return Ok(());
            }
        }
    }
    Ok(())
}
