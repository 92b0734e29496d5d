//! `cargo xtask demo`: one server's source on OS threads and on green threads, under the same load.

mod client;
mod limits;
mod script;
mod server;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use cargo_metadata::Message;

use self::client::{Client, Load};
use self::limits::Limit;
use self::server::{Server, kernel_stacks};
use self::table::{Column, bytes, grouped, rate, table};
use crate::process;
use crate::steps::Progress;

/// Requests under way while all connections take turns: enough to keep two cores busy.
const IN_TURN: usize = 256;
/// Connections that send batches while the others idle.
const PIPELINING: usize = 64;
/// Requests in a batch, as `redis-benchmark -P 16`.
const BATCH: u64 = 16;
/// Before a load is measured.
const WARM_UP: Duration = Duration::from_millis(700);
/// The build is cold on a fresh machine.
const BUILD_LIMIT: Duration = Duration::from_secs(600);

/// Compares one thread-per-connection server, compiled against std and against green.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Connections to hold [default: as many as this machine's limits allow, up to 50,000].
    #[arg(long)]
    connections: Option<u64>,
    /// Seconds that each load is measured.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Only this build of the server.
    #[arg(long)]
    only: Option<Build>,
}

/// What the server is compiled against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Build {
    Std,
    Green,
}

impl Build {
    fn name(self) -> &'static str {
        match self {
            Build::Std => "std",
            Build::Green => "green",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Build::Std => "resp_std",
            Build::Green => "resp_green",
        }
    }
}

/// One column to be: a build and how many connections it is given.
struct Plan {
    title: &'static str,
    build: Build,
    connections: usize,
}

/// Runs the demo.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    ensure!(args.seconds > 0, "--seconds must be at least 1");
    let builds: Vec<Build> =
        [Build::Std, Build::Green].into_iter().filter(|build| args.only.is_none_or(|only| only == *build)).collect();
    let (plans, notes) = plan(&builds, limits::connections(args.connections), limits::threads())?;
    for note in &notes {
        println!("      {note}");
    }
    let binaries = build_all(&builds)?;
    let mut columns = Vec::new();
    for plan in &plans {
        let binary = binaries.iter().find(|(build, _)| *build == plan.build).context("every build was built")?;
        columns.push(measure(plan, &binary.1, Duration::from_secs(args.seconds))?);
    }

    let in_turn = format!("all connections in turn, {IN_TURN} requests under way");
    let pipelined = format!("{PIPELINING} connections busy, {BATCH} requests in a batch, the others idle");
    println!("\n{}", table(&columns, &in_turn, &pipelined));
    if let [on_std, on_green, ..] = &columns[..] {
        println!("{}", sum_up(on_std, on_green));
    }
    println!("Every answer was checked; none was wrong or missing.\n");
    println!("Next, with clients that nobody here wrote (Debian's redis-tools):");
    println!("  cargo run --release -p green --example resp_green -- --listen 127.0.0.1:7379");
    println!("  redis-benchmark -p 7379 -t ping,set,get,incr -c 1000 -P 16 -n 1000000 -q");
    Ok(())
}

/// Decides who gets how many connections: the same number for all, and for green also the number that only it can hold.
fn plan(builds: &[Build], connections: Limit, threads: Limit) -> anyhow::Result<(Vec<Plan>, Vec<String>)> {
    let all = rounded(connections.count);
    ensure!(all > 0, "no room for a connection: {} is the limit", connections.set_by);
    let mut notes = vec![format!("{} connections (the limit: {})", grouped(all), connections.set_by)];
    let mut shared = all;
    if builds.contains(&Build::Std) && threads.count < all {
        shared = rounded(threads.count);
        notes.push(format!("{} of them for std, one OS thread each (the limit: {})", grouped(shared), threads.set_by));
    }
    let plan = |title, build, count: u64| Plan { title, build, connections: count as usize };
    let mut plans: Vec<Plan> = builds.iter().map(|&build| plan(build.name(), build, shared)).collect();
    // Not worth another run if it is nearly the same.
    if builds.contains(&Build::Green) && all > shared && all - shared >= shared / 4 {
        plans.push(plan("green, more", Build::Green, all));
    } else if builds.contains(&Build::Green) && all > shared {
        notes.push(format!("{} for all, to compare like with like", grouped(shared)));
    }
    Ok((plans, notes))
}

/// Rounds down to whole thousands, or hundreds if there are few.
fn rounded(count: u64) -> u64 {
    match count {
        10_000.. => count / 1000 * 1000,
        1_000.. => count / 100 * 100,
        _ => count,
    }
}

/// Builds the servers and returns where they are.
fn build_all(builds: &[Build]) -> anyhow::Result<Vec<(Build, PathBuf)>> {
    let mut command: Command = process::cargo();
    command.args(["build", "--release", "--package", "green", "--message-format", "json-render-diagnostics"]);
    for build in builds {
        command.args(["--example", build.example()]);
    }
    let progress = Progress::new("build the servers");
    let run = process::run(&mut command, BUILD_LIMIT, |stream, line| {
        if stream == process::Stream::Err {
            progress.say(line.trim());
        }
    })?;
    if !run.succeeded() {
        progress.finish("FAIL", "");
        let shown = run.output.iter().filter(|(stream, _)| *stream == process::Stream::Err);
        let shown: Vec<&str> = shown.map(|(_, line)| line.as_str()).collect();
        bail!("{}\n{}: {}", shown.join("\n"), process::typed(&command), run.end());
    }
    progress.finish("ok", "");

    let messages = run.output.iter().filter(|(stream, _)| *stream == process::Stream::Out);
    let built: Vec<_> = messages
        .filter_map(|(_, line)| match Message::parse_stream(line.as_bytes()).next()? {
            Ok(Message::CompilerArtifact(artifact)) => Some((artifact.target.name, artifact.executable?)),
            _ => None,
        })
        .collect();
    let find = |build: &Build| {
        let found = built.iter().find(|(name, _)| name == build.example());
        let (_, path) = found.with_context(|| format!("cargo did not say where {} is", build.example()))?;
        Ok((*build, path.clone().into_std_path_buf()))
    };
    builds.iter().map(find).collect()
}

/// Starts a server, measures it, and stops it.
fn measure(plan: &Plan, binary: &Path, duration: Duration) -> anyhow::Result<Column> {
    let name = plan.title;
    let stacks_before = kernel_stacks();
    let mut server = Server::start(binary)?;
    let mut client = Client::new()?;
    match fill_and_load(plan, &server, &mut client, stacks_before, duration) {
        Ok(column) => {
            // The server goes first, so that no local port of ours has to wait out a connection's end.
            server.stop().with_context(|| format!("{name}: stopping"))?;
            Ok(column)
        }
        Err(error) => Err(error.context(format!("{name}: {}", server.state()))),
    }
}

/// Fills a server with connections, and puts both loads on it.
fn fill_and_load(
    plan: &Plan,
    server: &Server,
    client: &mut Client,
    stacks_before: u64,
    duration: Duration,
) -> anyhow::Result<Column> {
    let name = plan.title;
    let progress = Progress::new(&format!("{name}: connect"));
    let started = Instant::now();
    let goal = grouped(plan.connections as u64);
    let refused = client.connect(server.address(), plan.connections, |count| {
        progress.say(format!("{} of {goal}", grouped(count as u64)));
    })?;
    let connecting = started.elapsed();
    let held = client.len();
    match &refused {
        None => progress.finish("ok", &format!("{goal} connections, each answered once")),
        Some(why) => progress.finish("less", &format!("{} of {goal} connections: {why}", grouped(held as u64))),
    }
    ensure!(held >= PIPELINING, "only {held} connections could be made");
    let idle = server.size()?;
    let kernel_stacks = kernel_stacks().saturating_sub(stacks_before);

    let mut run = |label: &str, connections: usize, in_flight: usize, batch: u64| {
        let progress = Progress::new(&format!("{name}: {label}"));
        let load = Load { connections, in_flight, batch, warm_up: WARM_UP, duration };
        let say = |left: Duration| progress.say(format!("{:.1} s left", left.as_secs_f64()));
        let measured = client.run(&load, || server.cpu(), say)?;
        let per_second = grouped(rate(measured.requests, measured.elapsed));
        progress.finish("ok", &format!("{per_second} requests per second"));
        anyhow::Ok(measured)
    };
    let in_turn = run("in turn", held, IN_TURN.min(held), 1)?;
    let pipelined = run("pipelined", PIPELINING, PIPELINING, BATCH)?;
    let busy = server.size()?;
    Ok(Column { name: name.to_owned(), connections: held, connecting, idle, kernel_stacks, busy, in_turn, pipelined })
}

/// Says in a sentence what the table shows.
fn sum_up(on_std: &Column, on_green: &Column) -> String {
    let times = |measured: fn(&Column) -> &client::Measured| {
        let rate = |column| rate(measured(column).requests, measured(column).elapsed) as f64;
        rate(on_green) / rate(on_std).max(1.0)
    };
    format!(
        "green held {} connections on {} OS threads (std: {} on {}) in {} of memory (std: {}), \
         and answered {:.2} times as many requests in turn, {:.2} times as many in batches.",
        grouped(on_green.connections as u64),
        grouped(on_green.busy.threads),
        grouped(on_std.connections as u64),
        grouped(on_std.busy.threads),
        bytes(on_green.idle.memory),
        bytes(on_std.idle.memory),
        times(|column| &column.in_turn),
        times(|column| &column.pipelined),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: &[Build] = &[Build::Std, Build::Green];

    #[track_caller]
    fn check(builds: &[Build], connections: u64, threads: u64, expected: &[(Build, usize)]) {
        let limit = |count| Limit { count, set_by: "a test".to_owned() };
        let (plans, _) = plan(builds, limit(connections), limit(threads)).unwrap();
        let plans: Vec<_> = plans.iter().map(|plan| (plan.build, plan.connections)).collect();
        assert_eq!(plans, expected);
    }

    #[test]
    fn both_get_the_same_and_green_also_more_where_it_can() {
        check(BOTH, 20_000, 30_000, &[(Build::Std, 20_000), (Build::Green, 20_000)]);
        check(BOTH, 20_000, 18_765, &[(Build::Std, 18_000), (Build::Green, 18_000)]);
        check(BOTH, 50_000, 19_000, &[(Build::Std, 19_000), (Build::Green, 19_000), (Build::Green, 50_000)]);
        check(&[Build::Green], 50_000, 19_000, &[(Build::Green, 50_000)]);
        check(BOTH, 1, 5, &[(Build::Std, 1), (Build::Green, 1)]);
        check(&[Build::Std], 50_000, 19_000, &[(Build::Std, 19_000)]);
    }
}
