//! Green threads with the interface of [`std::thread`].
//!
//! Every stable item of `std::thread` is here under its own name, with std's signature, bounds, panics and
//! [`Result`]. The difference is what a thread is: [`spawn`] starts a *green thread*, and a call that would block
//! one parks it while its OS thread runs another.
//!
//! ```
//! use green_thread as thread;
//!
//! let squares: Vec<_> = (0..100u64).map(|n| thread::spawn(move || n * n)).collect();
//! let sum: u64 = squares.into_iter().map(|square| square.join().unwrap()).sum();
//! assert_eq!(sum, 328_350);
//! ```
//!
//! # Where a green thread runs
//!
//! A green thread never leaves the OS thread that first ran it. So `spawn` is safe with std's bounds, and an `Rc`,
//! a lock guard or a thread-local reference that is alive across a park stays right. Only a green thread that has
//! not started yet is handed to another OS thread.
//!
//! The stack an OS thread was born with is a green thread too: `main`, a `#[test]` and a thread started by some
//! library can call everything here, and are parked like any other.
//!
//! # Beyond std
//!
//! - [`spawn_local`] and [`Builder::spawn_local`] start a green thread on this OS thread, and need no `Send`.
//! - [`JoinHandle::kill`] unwinds a green thread from outside; a [`Shield`] makes a region of code wait with that.
//!   The payload that `join` returns for it is [`Killed`].
//! - [`spawn_detached`] starts one that nobody can join; [`spawn_after`] and [`spawn_after_local`] start one later, unless
//!   [`JoinHandle::cancel`] comes first.
//! - [`JoinHandle::join_timeout`] and [`JoinHandle::try_join`]; [`JoinHandle::share`], by which many see one result;
//!   [`join_all`], and [`finished`] for results in the order in which they come.
//! - [`JoinHandle::link`] and [`JoinHandle::on_exit`] run a closure at the end of a green thread; a [`Group`] is waited for
//!   and killed as one.
//! - [`block_on`] and [`spawn_future`] run futures, and join handles can be awaited.
//! - [`no_switch`] runs code during which no other green thread of this OS thread runs.
//!
//! # Differences
//!
//! - `std::os::unix::thread::JoinHandleExt` has no counterpart: a green thread has no `pthread_t` of its own.
//! - `std`'s own thread-locals (`std::thread_local!`) belong to the OS thread, and so are shared by the green threads
//!   on it. [`thread_local!`] of this crate makes one value for each green thread.
//! - A green thread that computes without ever parking delays the others of its OS thread; [`yield_now`] lets them
//!   run.

// Under loom, core is only its protocols; `tests/loom_scope.rs` needs nothing else of this crate.
#![cfg(not(loom))]

mod builder;
mod current;
mod finished;
mod functions;
mod future;
mod group;
mod id;
mod join_handle;
mod kill_on_drop;
mod ledger;
mod local;
mod local_join_handle;
mod primitive;
#[expect(unsafe_code, reason = "children of a scope borrow from its caller, and the scope itself waits for them")]
mod scoped;
mod shared_join_handle;
mod signal;
mod thread;

// These do not park, or only ask std about the machine: they are std's own.
pub use std::thread::{Result, available_parallelism, panicking};

pub use green_core::kill::{KillError, Killed, Shield};
pub use green_core::park::no_switch;
pub use green_core::spawn::{Abandoned, Exit, LinkId};

pub use crate::builder::Builder;
pub use crate::current::current;
pub use crate::finished::{Finished, finished, join_all};
pub use crate::functions::{
    park, park_timeout, sleep, spawn, spawn_after, spawn_after_local, spawn_detached, spawn_local, yield_now,
};
#[expect(deprecated, reason = "std still has them, so a program may still use them")]
pub use crate::functions::{park_timeout_ms, sleep_ms};
pub use crate::future::{JoinFuture, LocalJoinFuture, SharedJoinFuture, block_on, spawn_future};
pub use crate::group::Group;
pub use crate::id::ThreadId;
pub use crate::join_handle::JoinHandle;
pub use crate::kill_on_drop::KillOnDrop;
pub use crate::local::{AccessError, LocalKey, thread_local};
pub use crate::local_join_handle::{LocalJoinHandle, Remote};
pub use crate::scoped::{Scope, ScopedJoinHandle, scope};
pub use crate::shared_join_handle::{JoinError, SharedJoinHandle};
pub use crate::thread::Thread;
