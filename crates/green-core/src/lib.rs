//! The mechanism under `green`: stacks, the context switch, hubs, timers, the reactor and the blocking pool.
//!
//! Programs use the crate `green`, whose modules have std's names and signatures; this crate is what they stand on. Its parts,
//! from the call that would block down to the registers:
//!
//! - [`io::Pollable`] retries a call until it does not want to block, and waits for readiness in between;
//! - [`wait_queue::WaitQueue`] is where locks, joins and everything else wait;
//! - [`park`] suspends the running green thread, and [`unpark::Unparker`] wakes it from anywhere;
//! - [`spawn`] makes green threads, [`kill`] ends them from outside;
//! - [`greenlet`] and [`coroutine`] are stacks that switch to each other by name, within one green thread;
//! - [`blocking`] runs on OS threads what cannot park.
//!
//! The invariants that the comments cite by number (I1 to I16) are in the book's chapter on the architecture.

pub mod blocking;
#[cfg(not(loom))]
pub mod clock;
#[cfg(not(loom))]
pub mod config;
#[cfg(not(any(loom, miri)))]
#[expect(unsafe_code, reason = "the context switch")]
mod context;
#[cfg(not(loom))]
pub mod coroutine;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "the thread-local pointer to a leaked hub")]
mod current;
#[cfg(not(loom))]
pub mod debug;
#[cfg(not(loom))]
mod fork;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "stacks that switch to each other")]
pub mod greenlet;
#[cfg(not(loom))]
pub mod hub;
#[cfg(not(loom))]
pub mod identity;
mod inbox;
#[cfg(not(loom))]
pub mod inherited;
#[cfg(not(loom))]
pub mod io;
#[cfg(not(loom))]
pub mod kill;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "values with erased types at stable addresses")]
pub mod local;
#[cfg(miri)]
#[expect(unsafe_code, reason = "it has the signatures of what it stands for")]
mod miri_context;
#[cfg(not(loom))]
pub mod mode;
#[cfg(not(loom))]
pub mod panic;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "unwind tokens are stacks of our own")]
mod panic_count;
#[cfg(not(loom))]
pub mod park;
#[cfg(not(loom))]
pub mod patch;
#[cfg(not(loom))]
#[doc(hidden)]
#[expect(unsafe_code, reason = "a pointer that is replaced in the child of a fork")]
pub mod per_process;
pub mod permits;
#[cfg(not(loom))]
mod placement;
#[doc(hidden)]
pub mod primitive;
#[cfg(not(loom))]
mod process_lock;
#[cfg(not(loom))]
mod reactor;
#[cfg(loom)]
mod reactor {
    pub(crate) mod waker;
}
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "a look at what is kept, without a count")]
mod record;
#[cfg(not(loom))]
mod run_queue;
#[cfg_attr(all(loom, not(test)), expect(dead_code, reason = "its models use it"))]
mod search;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "closures and results with erased types and lifetimes")]
pub mod spawn;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "mapped memory")]
mod stack;
#[expect(unsafe_code, reason = "values that are copied out of shared slots")]
#[cfg_attr(loom, expect(dead_code, reason = "models use a part"))]
mod steal_ring;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "system calls")]
mod sys;
#[cfg(not(loom))]
mod timer;
#[cfg(not(loom))]
#[expect(unsafe_code, reason = "unparkers cross OS threads")]
pub mod unpark;
#[expect(unsafe_code, reason = "intrusive nodes")]
pub mod wait_queue;
mod wait_reason;
pub mod waitable;

#[cfg(miri)]
use miri_context as context;

#[cfg(loom)]
#[doc(hidden)]
#[expect(unsafe_code, reason = "a stand-in for the unparker")]
pub mod loom_stub;
#[cfg(loom)]
#[doc(hidden)]
pub use loom_stub as kill;
#[cfg(loom)]
#[doc(hidden)]
pub use loom_stub as park;
#[cfg(loom)]
#[doc(hidden)]
pub use loom_stub as unpark;
