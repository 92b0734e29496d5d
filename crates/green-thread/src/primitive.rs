//! The building blocks of the scope's count and of a future's signal, which their loom models replace.
//!
//! `tests/loom_scope.rs` compiles `ledger.rs`, and `tests/loom_signal.rs` `signal.rs`, against loom's types under these
//! names, so that the models explore the code that ships.

pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

pub(crate) use green_core::kill::{Shield, deliver};
pub(crate) use green_core::park::park;
pub(crate) use green_core::unpark::{Outcome, Unparker, WaitReason};
pub(crate) use green_core::wait_queue::WaitQueue;
