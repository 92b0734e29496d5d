//! The load of the network workloads: one OS thread with a bare epoll loop, the same for every server.
//!
//! Its window of measurement is the server's, too: it reads the other process's CPU clock where the window begins and ends.

use std::fs;
use std::time::{Duration, Instant};

use crate::epoll::Epoll;
use crate::meter::Meter;
use crate::peer::{Peer, Tcp, Udp, Unix};
use crate::report::{Report, histogram};
use crate::settings::Settings;
use crate::sys;

/// Connections that are opened together: fewer than std's listeners let wait.
const OPENING: usize = 64;
/// Connections of one local address: less than half of the ports that Linux deals out.
const PER_ADDRESS: usize = 12_000;
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn start(settings: &'static Settings) -> Report {
    let server = Server {
        port: settings.need("port"),
        pid: settings.need("pid"),
        cpus: settings.need::<String>("cpus").split(',').map(|cpu| cpu.parse().expect("a number")).collect(),
    };
    match settings.workload.as_str() {
        "echo" => echo::<Tcp>(settings, &server),
        "unix" => echo::<Unix>(settings, &server),
        "udp" => echo::<Udp>(settings, &server),
        "paced" => paced(settings, &server),
        "accept" => accept(settings, &server),
        "rest" => rest(settings, &server),
        other => panic!("unknown workload {other}"),
    }
}

/// Whom the load is for.
#[derive(Debug)]
struct Server {
    port: u16,
    pid: i32,
    /// The processors that server and client use.
    cpus: Vec<usize>,
}

impl Server {
    /// Opens one connection and asks for one echo.
    fn open<P: Peer>(&self) -> P {
        let mut peer = P::open(self.port, self.pid);
        peer.ask();
        peer
    }

    /// Opens so many connections, each answered once.
    fn open_all<P: Peer>(&self, count: usize) -> Vec<P> {
        assert!(count <= PER_ADDRESS, "more than one address can have");
        let mut peers = Vec::with_capacity(count);
        while peers.len() < count {
            let first = peers.len();
            peers.extend((first..count.min(first + OPENING)).map(|_| self.open()));
            peers[first..].iter_mut().for_each(P::answer);
        }
        peers
    }

    fn meter(&self) -> Meter {
        Meter::start_with(self.cpus.clone(), Some(self.pid))
    }

    fn memory(&self) -> f64 {
        sys::memory(&self.pid.to_string()).resident
    }
}

/// `connections` that each ask again as soon as they are answered.
fn echo<P: Peer>(settings: &Settings, server: &Server) -> Report {
    let warm_up = Duration::from_millis(settings.need("warm_ms"));
    let span = Duration::from_millis(settings.need("ms"));
    let mut peers: Vec<P> = server.open_all(settings.need("connections"));
    // Everybody is in, so nobody looks for the path again; and the server, which is killed, could not remove it.
    let _ = fs::remove_file(sys::socket_of(server.pid as u32));
    let mut epoll = Epoll::new();
    let mut sent = Vec::with_capacity(peers.len());
    for (index, peer) in peers.iter_mut().enumerate() {
        epoll.add(peer, index);
        sent.push(Instant::now());
        peer.ask();
    }
    let began = Instant::now();
    let mut window = None;
    let mut latency = histogram();
    loop {
        let count = epoll.wait(Some(PATIENCE));
        assert!(count > 0, "no answer in {PATIENCE:?}");
        let now = Instant::now();
        match &window {
            None if now - began >= warm_up => window = Some((server.meter(), sys::cpu_of(server.pid))),
            Some((meter, cpu)) if now - began >= warm_up + span => {
                let used = sys::cpu_of(server.pid) - *cpu;
                let measured = meter.stop();
                peers.into_iter().for_each(Peer::close);
                return network_report(measured.report(), latency.len(), used, measured.wall)
                    .with_quantiles("latency", &latency);
            }
            _ => {}
        }
        for event in 0..count {
            let index = epoll.token(event);
            peers[index].answer();
            let now = Instant::now();
            if window.is_some() {
                latency.saturating_record((now - sent[index]).as_nanos() as u64);
            }
            sent[index] = now;
            peers[index].ask();
        }
    }
}

fn network_report(report: Report, requests: u64, server_cpu: Duration, wall: Duration) -> Report {
    report
        .with("requests", requests as f64)
        .with("per_s", requests as f64 / wall.as_secs_f64())
        .with("server_cpu_us", server_cpu.as_nanos() as f64 / 1e3 / requests as f64)
        .with("server_cores", server_cpu.as_secs_f64() / wall.as_secs_f64())
}

/// `connections` that each ask every `every_us`, whatever the answers do: latency counts from when it was time to ask.
fn paced(settings: &Settings, server: &Server) -> Report {
    sys::wake_in_time();
    let every = Duration::from_micros(settings.need("every_us"));
    let warm_up = Duration::from_millis(settings.need("warm_ms"));
    let span = Duration::from_millis(settings.need("ms"));
    let mut peers: Vec<Tcp> = server.open_all(settings.need("connections"));
    let connections = peers.len();
    let mut epoll = Epoll::new();
    peers.iter().enumerate().for_each(|(index, peer)| epoll.add(peer, index));

    // All turns are in one row, evenly spread: turn `n` belongs to connection `n % connections`.
    let gap = every / connections as u32;
    let begin = Instant::now();
    let first = warm_up.as_nanos() / gap.as_nanos();
    let last = (warm_up + span).as_nanos() / gap.as_nanos();
    let due = |turn: u128| begin + Duration::from_nanos((gap.as_nanos() * turn) as u64);
    let mut next = 0;
    // A connection's oldest turn that is not answered.
    let mut pending: Vec<u128> = (0..connections as u128).collect();
    let mut answered = 0;
    let mut window = None;
    let mut latency = histogram();
    while answered < last {
        let now = Instant::now();
        if next >= first && window.is_none() {
            window = Some((server.meter(), sys::cpu_of(server.pid)));
        }
        while next < last && due(next) <= now {
            // A socket holds far more than what a slow server leaves unanswered here.
            peers[(next % connections as u128) as usize].ask();
            next += 1;
        }
        let until = if next < last { due(next).saturating_duration_since(Instant::now()) } else { PATIENCE };
        let count = epoll.wait(Some(until));
        assert!(next < last || count > 0, "no answer in {PATIENCE:?}");
        for event in 0..count {
            let index = epoll.token(event);
            peers[index].answer();
            let turn = pending[index];
            pending[index] += connections as u128;
            answered += 1;
            if turn >= first {
                latency.saturating_record((Instant::now() - due(turn)).as_nanos() as u64);
            }
        }
    }
    let (meter, cpu) = window.expect("the window has begun");
    let used = sys::cpu_of(server.pid) - cpu;
    let measured = meter.stop();
    peers.into_iter().for_each(Peer::close);
    network_report(measured.report(), latency.len(), used, measured.wall).with_quantiles("latency", &latency)
}

/// Connect, one echo, close: `concurrent` at a time.
fn accept(settings: &Settings, server: &Server) -> Report {
    let warm_up = Duration::from_millis(settings.need("warm_ms"));
    let span = Duration::from_millis(settings.need("ms"));
    let mut epoll = Epoll::new();
    let mut peers = Vec::new();
    for index in 0..settings.need("concurrent") {
        let peer: Tcp = server.open();
        epoll.add(&peer, index);
        peers.push(peer);
    }
    let began = Instant::now();
    let mut window = None;
    let mut done = 0;
    loop {
        let count = epoll.wait(Some(PATIENCE));
        assert!(count > 0, "no answer in {PATIENCE:?}");
        let now = Instant::now();
        match &window {
            None if now - began >= warm_up => window = Some((server.meter(), sys::cpu_of(server.pid))),
            Some((meter, cpu)) if now - began >= warm_up + span => {
                let used = sys::cpu_of(server.pid) - *cpu;
                let measured = meter.stop();
                peers.into_iter().for_each(Peer::close);
                return network_report(measured.report(), done, used, measured.wall);
            }
            _ => {}
        }
        for event in 0..count {
            let index = epoll.token(event);
            peers[index].answer();
            done += u64::from(window.is_some());
            let peer: Tcp = server.open();
            epoll.add(&peer, index);
            std::mem::replace(&mut peers[index], peer).close();
        }
    }
}

/// `connections` at rest, and again after all of them were replaced `churn` times.
fn rest(settings: &Settings, server: &Server) -> Report {
    let count: usize = settings.need("connections");
    let churn: usize = settings.need("churn");
    let settle = || std::thread::sleep(Duration::from_millis(300));
    // The first few warm up what is there once.
    server.open_all::<Tcp>(8).into_iter().for_each(Peer::close);
    settle();
    let before = server.memory();
    let meter = server.meter();
    let mut peers: Vec<Tcp> = server.open_all(count);
    let measured = meter.stop();
    settle();
    let first = (server.memory() - before) / count as f64;
    for _ in 0..churn {
        peers.into_iter().for_each(Peer::close);
        settle();
        peers = server.open_all(count);
    }
    settle();
    let last = (server.memory() - before) / count as f64;
    peers.into_iter().for_each(Peer::close);
    settle();
    let left = (server.memory() - before) / count as f64;
    measured.report().with("rss_bytes", first).with("rss_after_churn_bytes", last).with("rss_after_close_bytes", left)
}
