//! `std::sync` on green threads: a contended lock parks the green thread, and the hub runs another.
//!
//! Every stable item of `std::sync` is here under its own name, with std's signatures, poisoning, panics, auto traits
//! and `Debug` output. The same object works between green threads of one hub, green threads of several hubs, and OS
//! threads, mixed as you like; a static works before any hub exists.
//!
//! ```
//! use green_sync::{Condvar, Mutex};
//! use green_thread as thread;
//!
//! static TURN: Mutex<u32> = Mutex::new(0);
//! static CHANGED: Condvar = Condvar::new();
//!
//! fn player(me: u32) {
//!     for _ in 0..10 {
//!         let mut turn = CHANGED.wait_while(TURN.lock().unwrap(), |turn| *turn % 2 != me).unwrap();
//!         *turn += 1;
//!         CHANGED.notify_one();
//!     }
//! }
//!
//! let green = thread::spawn(|| player(0));
//! let native = std::thread::spawn(|| player(1));
//! green.join().unwrap();
//! native.join().unwrap();
//! assert_eq!(*TURN.lock().unwrap(), 20);
//! ```
//!
//! # Waiting
//!
//! Whatever waits here parks the green thread that called it, and is a kill point. Waiters are served in the order in
//! which they came, with one exception that throughput demands: who runs already may take a lock that was just freed
//! before a waiter that was woken for it. A waiter that this happens to too often is handed the lock.
//!
//! What does not wait is std's own: `Arc`, `Weak`, the atomics, and the errors of poisoned locks.
//!
//! # Beyond std
//!
//! - [`Event`] happens once, with a value or an error, for any number of waiters.
//! - [`Semaphore`] counts permits, which can be owned, awaited with a timeout, bounded and capped.
//! - [`Queue`], [`LifoQueue`] and [`PriorityQueue`] pass items between any number of producers and consumers. They
//!   and the two above serve strictly first come, first served.
//! - [`mpmc`] has channels with any number of receivers.
//! - [`Select`] waits for the first of several: items, messages, permits, events, the end of green threads, a moment.
//! - [`raw`] has the locks without data and poison, for use with `lock_api`.
//! - [`Mutex`] and [`RwLock`] have timed forms of `lock`, `read` and `write`.

#[cfg(not(loom))]
mod barrier;
#[cfg(not(loom))]
mod condvar;
#[cfg(not(loom))]
pub mod event;
#[cfg(not(loom))]
mod lazy_lock;
pub mod mpmc;
#[cfg(not(loom))]
pub mod mpsc;
#[cfg(not(loom))]
mod mutex;
#[cfg(not(loom))]
mod once;
#[cfg(not(loom))]
mod once_lock;
#[cfg(not(loom))]
mod poison;
pub mod queue;
pub mod raw;
#[cfg(not(loom))]
mod rwlock;
#[cfg(not(loom))]
pub mod select;
#[cfg(not(loom))]
pub mod semaphore;

// These do not park: they are std's own.
pub use std::sync::{Arc, LockResult, PoisonError, TryLockError, TryLockResult, Weak, atomic};

#[cfg(not(loom))]
pub use barrier::{Barrier, BarrierWaitResult};
#[cfg(not(loom))]
pub use condvar::{Condvar, WaitTimeoutResult};
#[cfg(not(loom))]
pub use event::Event;
#[cfg(not(loom))]
pub use lazy_lock::LazyLock;
#[cfg(not(loom))]
pub use mutex::{Mutex, MutexGuard};
#[cfg(not(loom))]
#[expect(deprecated, reason = "std has it still")]
pub use once::ONCE_INIT;
#[cfg(not(loom))]
pub use once::{Once, OnceState};
#[cfg(not(loom))]
pub use once_lock::OnceLock;
#[cfg(not(loom))]
pub use queue::{LifoQueue, PriorityQueue, Queue};
#[cfg(not(loom))]
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
#[cfg(not(loom))]
pub use select::Select;
#[cfg(not(loom))]
pub use semaphore::Semaphore;
