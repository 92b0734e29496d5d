//! Pools of green threads, of resources and of OS threads, as eventlet has them.
//!
//! # Green threads
//!
//! - [`GreenPool`] runs so many jobs at a time: spawning waits for a free slot.
//! - [`GreenPool::imap`] and [`GreenPool::imap_unordered`] make an iterator of items one of results.
//! - [`GreenPile`] collects jobs whose results come out in the order of their spawning.
//! - A [`Dag`] runs green threads that wait for each other's results as these come.
//!
//! # Blocking calls
//!
//! [`tpool`] makes calls that block on OS threads of a pool, while the green thread that wants the result parks.
//!
//! # Resources
//!
//! [`Pool`] lends out things of which there are only so many, [`TokenPool`] the mere right to do something, and
//! [`ConnectionPool`] connections, which break and grow old.

// Under loom, core is only its protocols, and no model needs a pool.
#![cfg(not(loom))]

pub mod connection;
pub mod dag;
pub mod resource;
pub mod tpool;

mod feed;
mod green_pile;
mod green_pool;
mod imap;
mod imap_unordered;
mod job_future;
mod job_handle;
mod local_job_handle;
mod slots;

pub use crate::connection::ConnectionPool;
pub use crate::dag::Dag;
pub use crate::green_pile::GreenPile;
pub use crate::green_pool::{GreenPool, TrySpawnError, WaitAllError};
pub use crate::imap::Imap;
pub use crate::imap_unordered::ImapUnordered;
pub use crate::job_future::{JobFuture, LocalJobFuture};
pub use crate::job_handle::JobHandle;
pub use crate::local_job_handle::LocalJobHandle;
pub use crate::resource::{Pool, TokenPool};
