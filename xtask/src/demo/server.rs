//! A server under load: a child process, and what the system tells about it.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

/// How long a server may take to end after it was asked to.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one tick of `/proc/<pid>/stat` is: Linux shows it to programs as a hundredth of a second on every machine.
const TICK: Duration = Duration::from_millis(10);

/// A running server. Dropping it kills it; and when we are killed ourselves, its standard input ends, and so does it.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    address: SocketAddr,
}

/// A server's size at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Size {
    pub(super) threads: u64,
    /// Bytes resident, with the page tables.
    pub(super) memory: u64,
}

impl Server {
    /// Starts `binary` on a port of its choice.
    pub(super) fn start(binary: &Path) -> anyhow::Result<Server> {
        let child = Command::new(binary)
            .args(["--listen", "127.0.0.1:0", "--stop-at-eof"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut server = Server { child, address: SocketAddr::from(([0, 0, 0, 0], 0)) };
        let stdout = server.child.stdout.take().context("the server's output is piped")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        server.address = line
            .trim_end()
            .parse()
            .with_context(|| format!("{} did not print its address but {line:?}", binary.display()))?;
        Ok(server)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn size(&self) -> anyhow::Result<Size> {
        let status = self.proc("status")?;
        let number = |name: &str| -> anyhow::Result<u64> {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).context("a field of /proc/<pid>/status")?;
            Ok(line.trim_start_matches(':').split_whitespace().next().unwrap_or_default().parse()?)
        };
        Ok(Size { threads: number("Threads")?, memory: (number("VmRSS")? + number("VmPTE")?) * 1024 })
    }

    /// Returns the processor time that the server used so far, its own and the kernel's for it.
    pub(super) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = self.proc("stat")?;
        // The name before the last parenthesis may hold anything; the times are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(')').context("a parenthesis in /proc/<pid>/stat")?;
        let ticks = fields.split_whitespace().skip(11).take(2);
        let ticks = ticks.map(str::parse::<u32>).sum::<Result<u32, _>>()?;
        Ok(TICK * ticks)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    }

    /// Says whether the server still runs, for a message about something that failed.
    pub(super) fn state(&mut self) -> String {
        // If that was its death, it may not have ended yet.
        match self.wait(Duration::from_millis(300)) {
            Ok(Some(status)) => format!("the server died with {status}"),
            Ok(None) => "the server still runs".to_owned(),
            Err(error) => format!("the server's state is unknown: {error}"),
        }
    }

    /// Asks the server to end and waits until it has.
    pub(super) fn stop(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        match self.wait(PATIENCE)? {
            Some(status) => ensure!(status.success(), "the server ended with {status}"),
            None => bail!("the server did not end in {PATIENCE:?}"),
        }
        Ok(())
    }

    fn wait(&mut self, patience: Duration) -> io::Result<Option<ExitStatus>> {
        let started = Instant::now();
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || started.elapsed() > patience {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the bytes of kernel stacks on the whole machine: what OS threads cost beside their process's memory.
pub(super) fn kernel_stacks() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = meminfo.lines().find_map(|line| line.strip_prefix("KernelStack:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
