//! The workloads on threads.

use crate::runtime::threads as rt;

#[path = "workload/mod.rs"]
mod workload;

pub(crate) use workload::start;
