//! The processes of a run: `green-bench` alone, or a server and its client.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::row::{Kind, Row, Runtime};
use crate::process::{self, Stream, cargo, typed};

/// How long one run may take before it counts as one that hangs.
const LIMIT: Duration = Duration::from_secs(40);

/// Figures by name, as a child reports them.
pub(super) type Report = BTreeMap<String, f64>;

/// Builds `green-bench` and returns the binary.
pub(super) fn build() -> anyhow::Result<PathBuf> {
    let root = crate::root();
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from).join("bench");
    let mut command = cargo();
    command
        .current_dir(root)
        .args(["build", "--release", "--manifest-path", "crates/green-bench/Cargo.toml"])
        // Read of itself only by a cargo that runs in that folder.
        .args(["--config", "crates/green-bench/.cargo/config.toml", "--target-dir"])
        .arg(&target);
    let shown = typed(&command);
    println!("{shown}");
    let status = command.status()?;
    if !status.success() {
        bail!("`{shown}`: {status}");
    }
    Ok(target.join("release").join("green-bench"))
}

/// Builds the workloads in Go beside `green-bench`. Returns false, and says why, if there is no `go` or it fails.
pub(super) fn build_go(binary: &Path) -> bool {
    let mut command = Command::new("go");
    // Named as a file it needs neither the folder of its module nor the repository's state.
    command.current_dir(crate::root()).args(["build", "-o"]).arg(program(binary, Runtime::Go));
    command.arg("crates/green-bench/go/main.go");
    let why = match command.status() {
        Ok(status) if status.success() => return true,
        Ok(status) => format!("`{}`: {status}", typed(&command)),
        Err(error) => format!("no `go` to run ({error})"),
    };
    println!("go is left out: {why}");
    false
}

/// Returns the program that runs a runtime's workloads.
fn program(binary: &Path, runtime: Runtime) -> PathBuf {
    if runtime == Runtime::Go { binary.with_file_name("go-bench") } else { binary.to_owned() }
}

/// Runs a row once on one runtime.
///
/// # Errors
///
/// Why there is no report: the runtime cannot do this workload, or hangs in it.
pub(super) fn run(binary: &Path, row: &Row, runtime: Runtime) -> anyhow::Result<Report> {
    let arguments = row.arguments_of(runtime);
    match &row.kind {
        Kind::Alone { workload } => {
            let mut command = Command::new(program(binary, runtime));
            command.args([runtime.name(), workload]).args(arguments);
            finish(&mut command)
        }
        Kind::Pair { server, load, client } => {
            let server = Server::start(binary, runtime, server, &arguments)?;
            let mut command = Command::new(binary);
            command.args(["client", load]).args(client.split_whitespace());
            command.args([format!("port={}", server.port), format!("pid={}", server.child.id())]);
            finish(&mut command)
        }
    }
}

/// Runs a child to its end and reads the last line that it printed.
fn finish(command: &mut Command) -> anyhow::Result<Report> {
    let run = process::run(command, LIMIT, |_, _| {})?;
    if run.status.is_none() {
        bail!("hangs");
    }
    if !run.succeeded() {
        bail!("{}: {}", run.end(), run.tail(2));
    }
    let line = run.output.iter().rev().find(|(stream, _)| *stream == Stream::Out);
    let (_, line) = line.context("no report")?;
    report(line)
}

fn report(line: &str) -> anyhow::Result<Report> {
    let Value::Object(figures) = serde_json::from_str(line)? else { bail!("not a report: {line}") };
    let report: Report = figures.into_iter().filter_map(|(name, value)| Some((name, value.as_f64()?))).collect();
    if report.contains_key("too_little_memory") {
        bail!("too little memory");
    }
    Ok(report)
}

/// A server under load. It ends when its standard input does.
#[derive(Debug)]
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(binary: &Path, runtime: Runtime, workload: &str, arguments: &[&str]) -> anyhow::Result<Self> {
        let child = Command::new(program(binary, runtime))
            .args([runtime.name(), workload])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut server = Self { child, port: 0 };
        let stdout = server.child.stdout.take().context("the server's output is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        server.port = *report(&line).context("the server's port")?.get("port").context("a port")? as u16;
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
