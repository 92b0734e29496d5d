//! Pools of green threads, of resources and of OS threads, as eventlet has them.
//!
//! # Blocking calls
//!
//! [`tpool`] makes calls that block on OS threads of a pool, while the green thread that wants the result parks.

pub mod tpool;
