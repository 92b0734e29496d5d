//! What a stretch of time cost: wall clock, processor, and how much of the processors others took.

use std::time::{Duration, Instant};

use crate::report::Report;
use crate::sys;

/// A running measurement.
#[derive(Debug)]
pub(crate) struct Meter {
    started: Instant,
    cpu: Duration,
    idle: Duration,
    preemptions: i64,
    cpus: Vec<usize>,
    /// A server process that counts as ours.
    partner: Option<i32>,
}

/// A finished measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) wall: Duration,
    /// Of this process.
    pub(crate) cpu: Duration,
    /// Taken by other processes, interrupts and the hypervisor on the processors that are ours to use. Good to 20 ms.
    others: Duration,
    preemptions: i64,
}

impl Meter {
    /// Starts on the processors that this process may use.
    pub(crate) fn start() -> Self {
        Self::start_with(sys::affinity(), None)
    }

    /// Starts on several processors, for two processes.
    pub(crate) fn start_with(cpus: Vec<usize>, partner: Option<i32>) -> Self {
        Self {
            idle: sys::idle(&cpus),
            preemptions: sys::preemptions(),
            cpu: cpu(partner),
            started: Instant::now(),
            cpus,
            partner,
        }
    }

    pub(crate) fn stop(&self) -> Measured {
        let wall = self.started.elapsed();
        let cpu = cpu(self.partner) - self.cpu;
        let idle = sys::idle(&self.cpus).saturating_sub(self.idle);
        let all = wall * self.cpus.len() as u32;
        Measured {
            wall,
            cpu,
            others: all.saturating_sub(idle).saturating_sub(cpu),
            preemptions: sys::preemptions() - self.preemptions,
        }
    }
}

fn cpu(partner: Option<i32>) -> Duration {
    sys::own_cpu() + partner.map_or(Duration::ZERO, sys::cpu_of)
}

impl Measured {
    /// Starts a report with what every report has.
    pub(crate) fn report(&self) -> Report {
        Report::new()
            .with_time("wall_s", self.wall)
            .with_time("cpu_s", self.cpu)
            .with_time("others_s", self.others)
            .with("preemptions", self.preemptions as f64)
    }

    /// As [`report`](Self::report), with the time of one of `count` operations.
    pub(crate) fn report_each(&self, count: usize) -> Report {
        let each = |time: Duration| time.as_nanos() as f64 / count as f64;
        self.report().with("ns", each(self.wall)).with("cpu_ns", each(self.cpu))
    }
}
