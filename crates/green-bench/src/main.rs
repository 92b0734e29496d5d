//! The same workloads on `green` and on its rivals, one run per process: what `cargo xtask bench` starts.
//!
//! ```text
//! green-bench RUNTIME WORKLOAD [KEY=VALUE…]      one line of JSON on stdout
//! green-bench client WORKLOAD port=… pid=… …     the load of the network workloads
//! ```
//!
//! Each workload is one source file in `workload/`, compiled once per runtime: `wait!`, `task!` and `function!` are
//! nothing on stacks and `.await`, `async move` and `async fn` on tokio. So nobody's loop is written better than another's.

#![expect(clippy::duplicate_mod, reason = "the workloads are compiled once per runtime")]

mod client;
mod epoll;
mod floor;
mod meter;
mod peer;
mod report;
mod runtime;
mod settings;
mod spans;
mod sys;

#[macro_use]
mod stackful;
mod on_green;
mod on_may;
mod on_threads;
#[macro_use]
mod stackless;
mod on_tokio;

use std::process::ExitCode;

use settings::Settings;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let runtime = arguments.next();
    if runtime.as_deref() == Some("stamp") {
        // A child of the workload `children`.
        println!("{}", sys::monotonic_ns());
        return ExitCode::SUCCESS;
    }
    let (Some(runtime), Some(workload)) = (runtime, arguments.next()) else {
        eprintln!("green-bench RUNTIME WORKLOAD [KEY=VALUE…]");
        return ExitCode::FAILURE;
    };
    let settings = Settings::parse(runtime, workload, arguments).leak();
    sys::raise_descriptor_limit();
    if let Some(cpu) = settings.get("cpu") {
        sys::pin(cpu);
    }
    let report = match settings.runtime.as_str() {
        "green" => on_green::start(settings),
        "may" => on_may::start(settings),
        "threads" => on_threads::start(settings),
        "tokio-ct" | "tokio-mt" => on_tokio::start(settings),
        "epoll" => floor::start(settings),
        "client" => client::start(settings),
        other => {
            eprintln!("unknown runtime {other}");
            return ExitCode::FAILURE;
        }
    };
    println!("{report}");
    // What still sleeps is not waited for, and nobody's shutdown is measured.
    sys::exit_now();
}
