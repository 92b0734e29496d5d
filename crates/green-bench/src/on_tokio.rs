//! The workloads on tokio.

use crate::runtime::tokio as rt;

#[path = "workload/mod.rs"]
mod workload;

pub(crate) use workload::start;
