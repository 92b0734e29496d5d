//! The load: one OS thread that holds all connections, asks, and checks every byte of every answer.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use hdrhistogram::Histogram;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use super::script::{write_answer, write_request};

/// Connections that have been opened but not answered yet: fewer than std's listeners let wait.
const OPENING: usize = 64;

/// Connections from one local address: less than half of the ports that Linux deals out, so that none is searched for.
const PER_ADDRESS: usize = 12_000;

/// How long nothing at all may be answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// A longer latency counts as this.
const SLOWEST: Duration = Duration::from_secs(60);

/// How often the caller hears about the progress.
const LOOK: Duration = Duration::from_millis(100);

/// All connections to one server.
pub(super) struct Client {
    poll: Poll,
    connections: Vec<Connection>,
    scratch: Vec<u8>,
    input: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// The first request that has not been answered in full.
    number: u64,
    /// Requests sent together and not all answered yet; zero when idle.
    batch: u64,
    /// How many bytes of the batch's answers were checked.
    checked: usize,
    sent: Instant,
}

/// Who asks, and how much at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Connections that take turns.
    pub(super) connections: usize,
    /// Batches on their way at any time.
    pub(super) in_flight: usize,
    /// Requests sent together.
    pub(super) batch: u64,
    pub(super) warm_up: Duration,
    pub(super) duration: Duration,
}

/// What a load showed, without its warm-up.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) requests: u64,
    pub(super) elapsed: Duration,
    /// From a batch's sending until its last answer, in nanoseconds.
    pub(super) latency: Histogram<u64>,
    /// What `meter` advanced by.
    pub(super) cpu: Duration,
}

impl Client {
    pub(super) fn new() -> anyhow::Result<Client> {
        Ok(Client { poll: Poll::new()?, connections: Vec::new(), scratch: Vec::new(), input: vec![0; 64 * 1024] })
    }

    /// Returns how many connections are held.
    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    /// Opens connections until there are `count`, each answered once. Returns why it stopped before that, if it did.
    pub(super) fn connect(
        &mut self,
        server: SocketAddr,
        count: usize,
        mut progress: impl FnMut(usize),
    ) -> anyhow::Result<Option<String>> {
        let mut events = Events::with_capacity(OPENING);
        let mut opening = 0;
        let mut answered = self.len();
        let mut refused = None;
        let mut last_answer = Instant::now();
        let mut last_look = last_answer;
        while opening > 0 || (self.len() < count && refused.is_none()) {
            if self.len() < count && opening < OPENING && refused.is_none() {
                match open(server, self.len()) {
                    Ok(stream) => self.add(stream)?,
                    Err(error) => refused = Some(format!("{error:#}")),
                }
                opening += usize::from(refused.is_none());
                continue;
            }
            self.poll_for(&mut events, LOOK)?;
            for event in &events {
                let index = event.token().0;
                if index >= self.len() {
                    continue;
                }
                match self.receive(index) {
                    Ok(true) => {
                        opening -= 1;
                        answered += 1;
                        last_answer = Instant::now();
                    }
                    Ok(false) => {}
                    Err(error) if answered > 0 && self.connections[index].batch > 0 => {
                        refused.get_or_insert(format!("{error:#}"));
                        opening -= 1;
                        self.poll.registry().deregister(&mut self.connections[index].stream)?;
                    }
                    Err(error) => return Err(error),
                }
            }
            ensure!(last_answer.elapsed() < PATIENCE, "{opening} new connections were not answered in {PATIENCE:?}");
            if last_look.elapsed() > LOOK {
                last_look = Instant::now();
                progress(answered);
            }
        }
        if refused.is_some() {
            // What was refused leaves no gap, so connections change their numbers; nothing was asked about keys yet.
            self.connections.retain(|connection| connection.batch == 0);
            self.register_again()?;
        }
        Ok(refused)
    }

    fn add(&mut self, mut stream: TcpStream) -> anyhow::Result<()> {
        let index = self.len();
        self.poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
        self.connections.push(Connection { stream, number: 0, batch: 0, checked: 0, sent: Instant::now() });
        self.send(index, 1)
    }

    fn register_again(&mut self) -> anyhow::Result<()> {
        for (index, connection) in self.connections.iter_mut().enumerate() {
            self.poll.registry().reregister(&mut connection.stream, Token(index), Interest::READABLE)?;
        }
        Ok(())
    }

    /// Runs `load`; `meter` reads the server's processor time.
    pub(super) fn run(
        &mut self,
        load: &Load,
        meter: impl Fn() -> anyhow::Result<Duration>,
        mut progress: impl FnMut(Duration),
    ) -> anyhow::Result<Measured> {
        let mut events = Events::with_capacity(load.in_flight.clamp(64, 1024));
        let mut idle: VecDeque<usize> = (0..load.connections).collect();
        let mut latency = Histogram::new_with_max(SLOWEST.as_nanos() as u64, 3)?;
        let mut requests = 0;
        let mut in_flight = 0;

        let started = Instant::now();
        let begin = started + load.warm_up;
        let end = begin + load.duration;
        let mut cpu_at_begin = None;
        let mut measured = None;
        let (mut last_answer, mut last_look) = (started, started);
        // After the end, what is under way is still answered, so that the next load finds idle connections.
        while measured.is_none() || in_flight > 0 {
            while measured.is_none()
                && in_flight < load.in_flight
                && let Some(index) = idle.pop_front()
            {
                self.send(index, load.batch)?;
                in_flight += 1;
            }
            self.poll_for(&mut events, LOOK)?;
            for event in &events {
                let index = event.token().0;
                if !self.receive(index)? {
                    continue;
                }
                in_flight -= 1;
                idle.push_back(index);
                last_answer = Instant::now();
                if last_answer >= begin && measured.is_none() {
                    requests += load.batch;
                    let nanos = last_answer.duration_since(self.connections[index].sent).as_nanos();
                    latency.saturating_record(nanos as u64);
                }
            }

            let now = Instant::now();
            if now >= begin && cpu_at_begin.is_none() {
                cpu_at_begin = Some((meter()?, now));
            }
            if now >= end
                && measured.is_none()
                && let Some((cpu, since)) = cpu_at_begin
            {
                measured = Some((meter()?.saturating_sub(cpu), now - since));
            }
            if now - last_look > LOOK {
                last_look = now;
                progress(end.saturating_duration_since(now));
            }
            ensure!(now - last_answer < PATIENCE, "{in_flight} batches were not answered in {PATIENCE:?}");
        }
        let (cpu, elapsed) = measured.context("a load has an end")?;
        Ok(Measured { requests, elapsed, latency, cpu })
    }

    fn poll_for(&mut self, events: &mut Events, timeout: Duration) -> anyhow::Result<()> {
        match self.poll.poll(events, Some(timeout)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                events.clear();
                Ok(())
            }
            result => Ok(result?),
        }
    }

    /// Sends a connection's next `batch` requests.
    fn send(&mut self, index: usize, batch: u64) -> anyhow::Result<()> {
        let connection = &mut self.connections[index];
        self.scratch.clear();
        for number in connection.number..connection.number + batch {
            write_request(&mut self.scratch, index, number);
        }
        connection.batch = batch;
        connection.checked = 0;
        connection.sent = Instant::now();
        // An idle connection's buffer takes far more than a batch.
        let written = connection.stream.write(&self.scratch).with_context(|| format!("connection {index}"))?;
        ensure!(written == self.scratch.len(), "connection {index}: a batch did not fit the send buffer");
        Ok(())
    }

    /// Reads and checks what a connection has received; true once its batch is answered in full.
    fn receive(&mut self, index: usize) -> anyhow::Result<bool> {
        let connection = &mut self.connections[index];
        let count = match connection.stream.read(&mut self.input) {
            Ok(0) => bail!("connection {index}: closed by the server"),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error).with_context(|| format!("connection {index}")),
        };
        // Everything is taken by one read: a batch's answers are far shorter than the buffer.
        let received = &self.input[..count];
        self.scratch.clear();
        for number in connection.number..connection.number + connection.batch {
            write_answer(&mut self.scratch, number);
        }
        let expected = &self.scratch[connection.checked..];
        if !expected.starts_with(received) {
            let (received, expected) = (received.escape_ascii(), expected.escape_ascii());
            bail!("connection {index}: wrong answer\n  received {received}\n  expected {expected}");
        }
        connection.checked += count;
        if connection.checked < self.scratch.len() {
            return Ok(false);
        }
        connection.number += connection.batch;
        connection.batch = 0;
        Ok(true)
    }
}

/// Opens connection `index`, from one of as many local addresses as needed for ports.
fn open(server: SocketAddr, index: usize) -> anyhow::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let address = index / PER_ADDRESS;
    if address > 0 {
        let host = Ipv4Addr::from(u32::from(Ipv4Addr::LOCALHOST) + address as u32);
        socket.bind(&SocketAddr::from((host, 0)).into()).with_context(|| format!("no port on {host}"))?;
    }
    socket.connect_timeout(&server.into(), PATIENCE)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    Ok(TcpStream::from_std(socket.into()))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Serves `count` connections on threads, each by `answer` from its request's number.
    fn serve(count: usize, answer: fn(&mut Vec<u8>, u64)) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for (index, stream) in listener.incoming().take(count).enumerate() {
                thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut request = Vec::new();
                    for number in 0.. {
                        request.clear();
                        write_request(&mut request, index, number);
                        let mut received = vec![0; request.len()];
                        if stream.read_exact(&mut received).is_err() {
                            return;
                        }
                        let mut out = Vec::new();
                        answer(&mut out, number);
                        if stream.write_all(&out).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        address
    }

    const LOAD: Load =
        Load { connections: 3, in_flight: 2, batch: 4, warm_up: Duration::ZERO, duration: Duration::from_millis(20) };

    #[test]
    fn right_answers_are_counted() {
        let mut client = Client::new().unwrap();
        assert_eq!(client.connect(serve(3, write_answer), 3, |_| {}).unwrap(), None);
        assert_eq!(client.len(), 3);
        let measured = client.run(&LOAD, || Ok(Duration::ZERO), |_| {}).unwrap();
        assert!(client.connections.iter().any(|connection| connection.number >= 5));
        assert_eq!(measured.requests, measured.latency.len() * 4);
        assert!(measured.latency.is_empty() || measured.latency.max() > 1000, "{:?}", measured.latency.max());
    }

    #[test]
    fn a_wrong_answer_is_an_error() {
        let wrong = |out: &mut Vec<u8>, number| write_answer(out, if number == 1 { 0 } else { number });
        let mut client = Client::new().unwrap();
        assert_eq!(client.connect(serve(3, wrong), 3, |_| {}).unwrap(), None);
        let error = client.run(&LOAD, || Ok(Duration::ZERO), |_| {}).unwrap_err();
        assert!(error.to_string().contains("wrong answer"), "{error:#}");
    }

    #[test]
    fn a_refusal_leaves_the_connections_made_before() {
        let mut client = Client::new().unwrap();
        let address = serve(2, write_answer);
        assert_eq!(client.connect(address, 2, |_| {}).unwrap(), None);
        // The listener is gone once it has accepted its last connection.
        while std::net::TcpStream::connect(address).is_ok() {}
        assert!(client.connect(address, 3, |_| {}).unwrap().is_some());
        assert_eq!(client.len(), 2);
        client.run(&Load { connections: 2, ..LOAD }, || Ok(Duration::ZERO), |_| {}).unwrap();
    }
}
