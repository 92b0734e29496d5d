//! The workloads: each written once, and compiled for every runtime.

mod calls;
mod channels;
mod echo;
mod files;
mod idle;
mod locking;
mod memory;
mod outside;
mod rhythm;
mod spawning;
mod starting;
mod timers;
mod waking;
mod yielding;

use super::rt;
use crate::report::Report;
use crate::settings::Settings;

/// Runs the workload that the settings name.
pub(crate) fn start(settings: &'static Settings) -> Report {
    rt::run(
        settings,
        task!({
            match settings.workload.as_str() {
                "spawn" => wait!(spawning::run(settings)),
                "yield" => wait!(yielding::run(settings)),
                "ping-pong" => wait!(waking::ping_pong(settings)),
                "wake" => wait!(waking::from_outside(settings)),
                "memory" => wait!(memory::run(settings)),
                "timers" => wait!(timers::many(settings)),
                "precision" => wait!(timers::precision(settings)),
                "echo" => wait!(echo::run(settings)),
                "loopback" => wait!(echo::loopback(settings)),
                "unix" => wait!(echo::unix(settings)),
                "udp" => wait!(echo::datagrams(settings)),
                "lock" => wait!(locking::alone(settings)),
                "contended" => wait!(locking::contended(settings)),
                "channels" => wait!(channels::ping_pong(settings)),
                "throughput" => wait!(channels::throughput(settings)),
                "read" => wait!(files::read(settings)),
                "copy" => wait!(files::copy(settings)),
                "names" => wait!(outside::names(settings)),
                "children" => wait!(outside::children(settings)),
                "calls" => wait!(calls::run(settings)),
                "idle" => wait!(idle::run(settings)),
                other => panic!("unknown workload {other}"),
            }
        }),
    )
}
