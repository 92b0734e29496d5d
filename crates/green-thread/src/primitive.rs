//! The building blocks of the scope's count, which its loom model replaces.
//!
//! `tests/loom_scope.rs` compiles `ledger.rs` against loom's types under these names, so that the model explores the
//! code that ships.

pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) use green_core::kill::Shield;
pub(crate) use green_core::unpark::WaitReason;
pub(crate) use green_core::wait_queue::WaitQueue;
