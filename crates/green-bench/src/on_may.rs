//! The workloads on may.

use crate::runtime::may as rt;

#[path = "workload/mod.rs"]
mod workload;

pub(crate) use workload::start;
