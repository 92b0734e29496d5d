//! The worker hubs: their OS threads, and how one with nothing to do takes unstarted green threads of another.
//!
//! # Stealing
//!
//! A spawn on a worker goes to that worker's own queue, because a parent and child that talk to each other must not
//! be split over two cores. If another worker sleeps and nobody searches, the spawn rings one, which becomes the
//! *searcher*. It takes only entries older than what waking it cost ([`YOUNG`]): whatever the spawner's hub would
//! have started itself meanwhile is not worth another core. It takes half of a long queue at once, unless it had more green
//! threads than the other then: those that have started stay where they are (I2), and may all be busy later. While there are
//! only young ones it spins for a moment; if they are still only young then, the other hub starts them fast enough
//! itself, and the searcher sleeps for [`AGAIN`] before it looks once more, during which nobody rings it. One
//! searcher at a time, so a burst of spawns wakes one OS thread and not all.
//!
//! Who may search, and why nobody sleeps beside work, is told and modelled in `search.rs`. A worker that sees a young entry when it
//! goes to sleep does so for [`AGAIN`] at most.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::shared::Shared;
use super::{Hub, Kind};
use crate::clock;
use crate::config;
use crate::current;
use crate::mode;
use crate::per_process::PerProcess;
use crate::search::Search;
use crate::spawn::unstarted::Unstarted;
use crate::steal_ring::Taken;
use crate::sys;

/// The age at which an unstarted green thread is worth taking, in ticks: what a wake across cores costs.
const YOUNG: u64 = 40_000;
/// The age from which one is worth taking for a worker that has more green threads than the other, in ticks: by then that one does
/// not come round to it, and has not only waited for a processor.
const LEFT: u64 = 4_000_000;
/// How many more, beside an eighth, count as no more.
const EVEN: usize = 16;
/// How long a searcher spins for young entries to grow old, in ticks, and how often it looks meanwhile.
const SEARCH: u64 = 50_000;
const LOOK: u64 = 10_000;
/// How long a searcher naps when there were only young entries, in ticks.
pub(super) const AGAIN: u64 = 1_000_000;

/// All worker hubs of the process.
#[derive(Debug)]
pub(crate) struct Workers {
    hubs: Box<[&'static Shared]>,
    search: Search,
    next: AtomicUsize,
}

static WORKERS: PerProcess<OnceLock<Result<Workers, (io::ErrorKind, String)>>> = PerProcess::new(OnceLock::new);

/// Returns the workers, starting them on first use.
pub(crate) fn get() -> io::Result<&'static Workers> {
    if WORKERS.get().is_none() {
        // Here, where somebody hears it, and not on the OS threads of the hubs.
        mode::check_poison();
        sys::on_raw_thread(|| {
            WORKERS.get_or_init(|| start().map_err(|error| (error.kind(), error.to_string())));
        })?;
    }
    match WORKERS.wait() {
        Ok(workers) => Ok(workers),
        Err((kind, message)) => Err(io::Error::new(*kind, message.clone())),
    }
}

fn start() -> io::Result<Workers> {
    let count = config::get()?.hubs();
    let (sender, receiver) = mpsc::channel();
    let mut started = 0;
    for i in 0..count {
        let sender = sender.clone();
        let thread = std::thread::Builder::new().name(format!("green-hub-{i}")).spawn(move || {
            let hub = current::make(Kind::Worker, None);
            // A spawner that waits for its hub to exist has the other end; it may have given up only by panicking.
            let _ = sender.send(hub.shared());
            drop(sender);
            // One that fell asleep before the workers are known would never be rung.
            WORKERS.wait();
            sys::set_timer_slack();
            hub.run_loop()
        });
        match thread {
            Ok(_) => started += 1,
            // With some hubs running, one fewer is slower but right.
            Err(_) if started > 0 => break,
            Err(error) => return Err(error),
        }
    }
    drop(sender);
    let hubs: Box<[&'static Shared]> = receiver.iter().take(started).collect();
    Ok(Workers { hubs, search: Search::new(), next: AtomicUsize::new(0) })
}

impl Workers {
    /// Returns the worker hubs.
    pub(crate) fn hubs(&self) -> &[&'static Shared] {
        &self.hubs
    }

    /// Returns the index of each worker in turn.
    pub(crate) fn turn(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed) % self.hubs.len()
    }

    /// Gives a green thread to a worker: for spawners that are no worker themselves.
    pub(crate) fn hand(&self, worker: &'static Shared, unstarted: Unstarted) {
        // One that slept, or is about to, runs it at once; beside a busy one, somebody else may want it.
        if !worker.hand(unstarted) && worker.load() > 1 {
            self.invite();
        }
    }

    /// Rings one sleeping worker to search, if any sleeps and nobody searches. Called after a push to a queue.
    #[inline]
    pub(crate) fn invite(&self) {
        if self.hubs.len() < 2 {
            return;
        }
        // Only those that will look when they wake; others sleep in the middle of something.
        self.search.invite(|| self.hubs.iter().any(|hub| hub.is_searchable() && hub.rouse()));
    }

    /// Takes the older half of the oldest entries of some other worker, and its share of all at most.
    fn take_from_others(&self, thief: &Shared, now: u64) -> Taken<Unstarted> {
        let mut young = false;
        for victim in self.hubs.iter().filter(|hub| !std::ptr::eq(**hub, thief)) {
            let (most, age) = share(thief.load_here(), victim.load_here());
            match victim.unstarted().take_half(most, |since| now.saturating_sub(since) >= age) {
                Taken::Nothing => {}
                Taken::Young => young = true,
                entries => return entries,
            }
        }
        if young { Taken::Young } else { Taken::Nothing }
    }
}

/// Returns how many of a victim's entries a thief may take, and from what age on: what has started stays, so both should have
/// about as many in the end. Who has more already takes only what its victim does not come round to.
fn share(own: usize, theirs: usize) -> (usize, u64) {
    let even = theirs + theirs / 8 + EVEN;
    if own < even {
        return ((even - own).div_ceil(2), YOUNG);
    }
    (usize::MAX, LEFT)
}

/// Counts a worker as sleeping for as long as it lives.
pub(super) struct Sleeping(&'static Workers);

impl Drop for Sleeping {
    fn drop(&mut self) {
        self.0.search.end_sleep();
    }
}

/// Announces that this worker goes to sleep.
pub(super) fn announce_sleep() -> Option<Sleeping> {
    let Some(Ok(workers)) = WORKERS.get() else { return None };
    workers.search.announce_sleep();
    Some(Sleeping(workers))
}

/// Returns true if some other worker has unstarted green threads. The caller has fenced.
pub(super) fn is_work_waiting(own: &Shared) -> bool {
    let Some(Ok(workers)) = WORKERS.get() else { return false };
    workers.hubs.len() > 1 && workers.hubs.iter().any(|hub| !std::ptr::eq(*hub, own) && !hub.unstarted().is_empty())
}

/// Rings one sleeping worker to search, if any sleeps and nobody searches.
pub(super) fn invite() {
    if let Some(Ok(workers)) = WORKERS.get() {
        workers.invite();
    }
}

impl Hub {
    /// Becomes the searcher if one was rung: it may have been this one.
    pub(super) fn answer_ring(&self) {
        if let Some(Ok(workers)) = WORKERS.get()
            && self.is_worker()
            && workers.search.answer()
        {
            self.searcher.set(true);
        }
    }

    /// Gives up the search: this worker has work of its own.
    pub(super) fn end_search(&self) {
        if self.searcher.replace(false)
            && let Some(Ok(workers)) = WORKERS.get()
        {
            workers.search.end();
            if workers.hubs.iter().any(|hub| !hub.unstarted().is_empty()) {
                workers.invite();
            }
        }
    }

    /// Looks for unstarted green threads elsewhere; returns true if some were taken, or work came meanwhile.
    pub(super) fn steal(&self) -> bool {
        let Some(Ok(workers)) = WORKERS.get() else { return false };
        if !self.is_worker() || workers.hubs.len() < 2 {
            return false;
        }
        self.answer_ring();
        if !self.searcher.get() {
            if !workers.search.begin() {
                return false;
            }
            self.searcher.set(true);
        }
        let begin = clock::ticks(clock::now());
        let mut now = begin;
        loop {
            match workers.take_from_others(self.shared, now) {
                Taken::Entries(entries) => {
                    for entry in entries {
                        self.enqueue_shared(entry);
                    }
                    self.end_search();
                    return true;
                }
                Taken::Nothing => {
                    self.end_search();
                    return false;
                }
                Taken::Young if now - begin > SEARCH => return false,
                Taken::Young => {}
            }
            let next = now + LOOK;
            while now < next {
                if !self.shared.inbox().is_empty() {
                    return true;
                }
                std::hint::spin_loop();
                now = clock::ticks(clock::now());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thief_takes_until_both_have_as_many() {
        // An idle one takes half, which `take_half` sees to.
        assert_eq!(share(0, 100), (64, YOUNG));
        assert_eq!(share(0, 1), (9, YOUNG));
        // Small differences are none: children of a green thread that computes are to be started.
        assert_eq!(share(8, 0), (4, YOUNG));
        assert_eq!(share(1000, 1000), (71, YOUNG));
        assert_eq!(share(1140, 1000), (1, YOUNG));
        // Who has more waits until they are left.
        assert_eq!(share(1141, 1000), (usize::MAX, LEFT));
        assert_eq!(share(16, 0), (usize::MAX, LEFT));
    }

    /// As many as a thief may take never make it the one with more than its share.
    #[test]
    fn shares_end() {
        for theirs in 0..300 {
            for own in 0..300 {
                let (most, age) = share(own, theirs);
                if age == YOUNG {
                    let taken = most.min(theirs.div_ceil(2));
                    let (own, theirs) = (own + taken, theirs - taken);
                    assert!(own <= theirs + theirs / 4 + 2 * EVEN, "{own} and {theirs}");
                }
            }
        }
    }
}
