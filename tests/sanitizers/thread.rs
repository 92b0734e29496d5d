//! For ThreadSanitizer.

use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use green::thread;

/// A number that nothing protects.
#[derive(Default)]
struct Bare(UnsafeCell<u64>);

// SAFETY: there is none. That is what is to be reported.
unsafe impl Sync for Bare {}

impl Bare {
    fn increase(&self) {
        // SAFETY: there is none, unless the callers take turns.
        unsafe { *self.0.get() += 1 };
    }
}

#[test]
fn a_race_with_a_green_thread_is_reported() {
    let shared = Arc::new((Bare::default(), AtomicBool::new(false)));
    let theirs = Arc::clone(&shared);
    let child = thread::spawn(move || {
        // Switched to and fro: the race is looked for in the right history.
        thread::yield_now();
        theirs.0.increase();
        theirs.1.store(true, Ordering::Relaxed);
    });
    // Not an order: what is relaxed orders nothing.
    while !shared.1.load(Ordering::Relaxed) {
        std::hint::spin_loop();
    }
    shared.0.increase();
    child.join().unwrap();
}

/// One OS thread does one thing after the other.
#[test]
fn turns_on_one_hub_are_no_race() {
    let shared = std::rc::Rc::new(Bare::default());
    let children: Vec<_> = (0..20)
        .map(|_| {
            let shared = std::rc::Rc::clone(&shared);
            thread::spawn_local(move || {
                for _ in 0..20 {
                    shared.increase();
                    thread::yield_now();
                }
            })
        })
        .collect();
    shared.increase();
    for child in children {
        child.join().unwrap();
    }
}

/// Whatever passes a lock, a channel or a join is in order.
#[test]
fn what_is_handed_over_is_no_race() {
    let shared = Arc::new((Bare::default(), green::sync::Mutex::new(())));
    let children: Vec<_> = (0..20)
        .map(|n| {
            let shared = Arc::clone(&shared);
            let work = move || {
                for _ in 0..200 {
                    let _turn = shared.1.lock().unwrap();
                    shared.0.increase();
                }
            };
            if n % 5 == 0 {
                std::thread::spawn(work);
                None
            } else {
                Some(thread::spawn(work))
            }
        })
        .collect();
    for child in children.into_iter().flatten() {
        child.join().unwrap();
    }
}
