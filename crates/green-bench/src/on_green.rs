//! The workloads on green.

use crate::runtime::green as rt;

#[path = "workload/mod.rs"]
mod workload;

pub(crate) use workload::start;
