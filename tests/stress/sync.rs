//! One of everything, shared by everybody: locks, channels and permits among OS threads and green threads of which some are
//! killed and some give up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use green::sync::semaphore::AcquireError;
use green::sync::{Condvar, Mutex, PoisonError, Semaphore, mpmc};
use green::thread;
use green_tests::Mode;

use crate::size;

/// How many may be in the semaphore's region.
const PERMITS: usize = 4;

/// What they share, and what was counted outside of it.
struct Shared {
    /// Tokens that are given by one and taken by another, each with a notification.
    tokens: Mutex<u64>,
    given: Condvar,
    permits: Semaphore,
    inside: AtomicUsize,
    /// Counted by who did it, right after doing it: nothing in between waits, so no kill comes in between.
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    tokens_given: AtomicU64,
    tokens_taken: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    ended: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A small generator, so that a run can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }

    fn blink(&mut self) -> Duration {
        Duration::from_micros(self.below(300))
    }
}

/// Counts an end, also one by a kill.
struct Ends<'a>(&'a Counts);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        count(&self.0.ended);
    }
}

impl Shared {
    fn give_token(&self) {
        // A kill poisons the lock that it unwinds through; the number behind it is right nevertheless.
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        *tokens += 1;
        count(&self.counts.tokens_given);
        drop(tokens);
        self.given.notify_one();
    }

    fn take_token(&self, patience: Duration) {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.given.wait_timeout_while(tokens, patience, |tokens| *tokens == 0);
        let (mut tokens, _) = wait.unwrap_or_else(PoisonError::into_inner);
        if *tokens > 0 {
            *tokens -= 1;
            count(&self.counts.tokens_taken);
        }
    }

    fn enter(&self, random: &mut Random) {
        /// Leaves the region, also by a kill.
        struct Leave<'a>(&'a AtomicUsize);

        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }

        let permit = match random.below(3) {
            0 => self.permits.try_acquire(),
            1 => self.permits.acquire_timeout(random.blink()),
            _ => self.permits.acquire(),
        };
        match permit {
            Ok(_permit) => {
                assert!(self.inside.fetch_add(1, Ordering::SeqCst) < PERMITS, "more are inside than there are permits");
                let _leave = Leave(&self.inside);
                if random.below(4) == 0 {
                    thread::yield_now();
                }
            }
            Err(error) => assert_ne!(error, AcquireError::Closed),
        }
    }

    /// What each of them does: some rounds of everything, at random.
    fn live(&self, seed: u64, rounds: u64, channel: &(mpmc::Sender<u64>, mpmc::Receiver<u64>)) {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..rounds {
            match random.below(6) {
                0 => self.give_token(),
                1 => self.take_token(random.blink()),
                2 => {
                    if channel.0.send_timeout(seed, random.blink()).is_ok() {
                        count(&self.counts.sent);
                    }
                }
                3 => {
                    if channel.1.recv_timeout(random.blink()).is_ok() {
                        count(&self.counts.received);
                    }
                }
                4 => self.enter(&mut random),
                _ => thread::yield_now(),
            }
        }
    }
}

#[test]
fn one_mutex_condvar_channel_and_semaphore_for_everybody() {
    let _alone = crate::alone();
    let greens = if Mode::current() == Mode::Off { size(40, 200) } else { size(400, 10_000) };
    let (rounds, os_threads) = (size(10, 200) as u64, 16);
    let shared = Arc::new(Shared {
        tokens: Mutex::new(0),
        given: Condvar::new(),
        permits: Semaphore::new(PERMITS),
        inside: AtomicUsize::new(0),
        counts: Counts::default(),
    });
    let channel = mpmc::sync_channel(16);
    let life = |seed: usize, rounds: u64| {
        let (shared, channel) = (Arc::clone(&shared), channel.clone());
        move || {
            let _ends = Ends(&shared.counts);
            shared.live(seed as u64 + 1, rounds, &channel);
        }
    };
    let native: Vec<_> =
        (0..os_threads).map(|i| std::thread::Builder::new().spawn(life(greens + i, rounds * 50)).unwrap()).collect();
    // Every fifth goes on until it is killed, wherever it happens to be.
    let is_endless = |i: usize| i.is_multiple_of(5);
    let green: Vec<_> = (0..greens)
        .map(|i| {
            let rounds = if is_endless(i) { u64::MAX } else { rounds };
            thread::Builder::new().stack_size(128 * 1024).spawn(life(i, rounds)).unwrap()
        })
        .collect();
    let mut random = Random(0x5eed);
    for (i, handle) in green.iter().enumerate() {
        // Others are killed on the off chance that they have not ended.
        if is_endless(i) || random.below(20) == 0 {
            handle.kill().unwrap();
        }
        if random.below(10) == 0 {
            thread::sleep(random.blink()); // Lets them live on; nothing depends on how long.
        }
    }
    let killed = green.into_iter().filter_map(|handle| handle.join().err());
    let killed = killed.map(|payload| assert!(payload.is::<thread::Killed>(), "{payload:?}")).count();
    for handle in native {
        handle.join().unwrap();
    }
    assert!(killed >= greens.div_ceil(5));

    let counts = &shared.counts;
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    crate::tell(&format!(
        "{} lives, {killed} killed; {} tokens given, {} taken; {} messages sent, {} received",
        read(&counts.ended),
        read(&counts.tokens_given),
        read(&counts.tokens_taken),
        read(&counts.sent),
        read(&counts.received),
    ));
    let tokens = *shared.tokens.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(read(&counts.tokens_given), read(&counts.tokens_taken) + tokens);
    let left = channel.1.try_iter().count() as u64;
    assert_eq!(read(&counts.sent), read(&counts.received) + left);
    assert_eq!(shared.inside.load(Ordering::SeqCst), 0);
    assert_eq!(shared.permits.balance(), PERMITS.cast_signed());
    assert_eq!(shared.permits.available_permits(), PERMITS);
    // All of it still works.
    let last = thread::spawn(life(greens + os_threads, 100));
    last.join().unwrap();
}
