//! Random lives: spawning, sleeping, parking, joining, killing, all at once, with exact counts at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use green::thread;
use green_tests::Mode;

use crate::size;

/// A small generator, so that a run can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Counts how many are alive.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        // A destructor that parks, also while a kill unwinds. At a normal end a kill could unwind the destructor itself.
        let _shield = thread::Shield::new();
        thread::yield_now();
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn live(seed: u64, depth: u32, alive: &Arc<AtomicUsize>) {
    let _alive = Alive::new(alive);
    let mut random = Random(seed | 1);
    for _ in 0..random.below(6) {
        match random.below(6) {
            0 => thread::yield_now(),
            1 => thread::sleep(Duration::from_micros(random.below(300))),
            2 => thread::park_timeout(Duration::from_micros(random.below(300))),
            3 if depth > 0 => {
                let (seed, count) = (random.below(u64::MAX), Arc::clone(alive));
                let child = thread::Builder::new().stack_size(64 * 1024);
                let child = child.spawn(move || live(seed, depth - 1, &count)).unwrap();
                match random.below(3) {
                    0 => drop(child.join()),
                    1 => child.kill().unwrap(),
                    _ => drop(child),
                }
            }
            4 if depth > 0 => {
                let count = alive;
                let seed = random.below(u64::MAX);
                thread::scope(|scope| {
                    for i in 0..3 {
                        scope.spawn(move || live(seed ^ i, depth - 1, count));
                    }
                });
            }
            _ => {
                let child = thread::spawn(thread::park);
                child.thread().unpark();
                child.join().unwrap();
            }
        }
    }
}

#[test]
fn random_lives_all_end_and_all_destructors_run() {
    let _alone = crate::alone();
    let roots = if Mode::current() == Mode::Off { size(20, 100) } else { size(400, 20_000) };
    let alive = Arc::new(AtomicUsize::new(0));
    for batch in 0..roots / 20 {
        let handles: Vec<_> = (0..20)
            .map(|i| {
                let count = Arc::clone(&alive);
                thread::spawn(move || {
                    live(((batch * 20 + i) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15), 3, &count)
                })
            })
            .collect();
        for (i, handle) in handles.into_iter().enumerate() {
            if i % 5 == 0 {
                handle.kill().unwrap();
            }
            // A kill may meet a scope whose child was not joined, or the life itself: both are errors here.
            let _ = handle.join();
        }
    }
    // Detached ones end by themselves.
    while alive.load(Ordering::SeqCst) > 0 {
        thread::yield_now();
    }
}
