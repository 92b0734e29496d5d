//! Pools of green threads, of resources and of OS threads, as eventlet has them.
//!
//! # Blocking calls
//!
//! [`tpool`] makes calls that block on OS threads of a pool, while the green thread that wants the result parks.
//!
//! # Resources
//!
//! [`Pool`] lends out things of which there are only so many, [`TokenPool`] the mere right to do something, and
//! [`ConnectionPool`] connections, which break and grow old.
//!
//! # Tasks that need each other's results
//!
//! A [`Dag`] runs green threads that wait for each other's results as these come.

pub mod connection;
pub mod dag;
pub mod resource;
pub mod tpool;

pub use connection::ConnectionPool;
pub use dag::Dag;
pub use resource::{Pool, TokenPool};
